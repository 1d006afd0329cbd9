//! Traces and logs for a collector, over OTLP/HTTP with JSON: one trace for each run, one record for each event, and on
//! wish what children print.
//!
//! ```text
//!  events ─▶ follow.rs ─▶ queue.rs (bounded; what is too much is dropped and counted) ─▶ send.rs ─▶ collector
//!  commands ──────────────▲                                       batches, retries with backoff
//! ```
//!
//! Whoever puts something into a queue never waits: a collector that stalls costs telemetry, and nothing else.

mod follow;
mod form;
mod ids;
mod output;
mod queue;
mod send;

pub(crate) use ids::salt;

use crate::outbound::{Outbound, Target};
use hyper::HeaderMap;
use mainstay::Handle;
use queue::Queue;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How long what is left may take to be sent at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where telemetry goes, and which. Its headers may be secrets, and are not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The collector, as `https://collector:4318`: `v1/traces` and `v1/logs` are put behind it.
    pub(crate) endpoint: Target,
    /// What is sent with each request.
    pub(crate) headers: HeaderMap,
    /// Who signs the certificate of the collector (PEM); absent: whom the system trusts.
    pub(crate) authorities: Option<PathBuf>,
    /// Whether runs and commands become traces.
    pub(crate) traces: bool,
    /// Whether events become log records.
    pub(crate) events: bool,
    /// Whether what children print becomes log records.
    pub(crate) output: bool,
    /// How long a collector may take to answer.
    pub(crate) timeout: Duration,
    /// How long something waits for others to be sent with it.
    pub(crate) every: Duration,
    /// How many spans, and how many records, wait at most.
    pub(crate) queue: usize,
    /// The wait after the first failure; it doubles with each further one.
    pub(crate) again: Duration,
}

impl Settings {
    /// Everything as it is where nothing more is said.
    pub(crate) fn new(endpoint: Target) -> Self {
        Self {
            endpoint,
            headers: HeaderMap::new(),
            authorities: None,
            traces: true,
            events: true,
            output: false,
            timeout: Duration::from_secs(10),
            every: Duration::from_secs(5),
            queue: 4_096,
            again: Duration::from_secs(1),
        }
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Logs,
}

impl Signal {
    /// Returns its name in metrics and in the address of a collector.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
        }
    }
}

/// How one signal gets on, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// What a collector has taken.
    pub(crate) sent: u64,
    /// What was given up.
    pub(crate) dropped: u64,
    /// Tries that failed.
    pub(crate) failures: u64,
    /// What waits.
    pub(crate) queued: u64,
}

/// Makes telemetry and sends it, as long as there are settings for it.
#[derive(Debug)]
pub struct Exporter {
    /// What the tree is called.
    name: String,
    /// This run of the program, as whoever started it calls it.
    instance: String,
    /// What makes the numbers of its traces its own.
    salt: u64,
    settings: watch::Sender<Option<Arc<Settings>>>,
    /// The number of the event that is told next.
    next: AtomicU64,
    traces: Queue,
    logs: Queue,
}

impl Exporter {
    /// Makes one that sends nothing yet, and begins with the event of this number. The numbers of its traces follow from `salt`, so the same salt over restarts
    /// gives a run the same trace.
    pub(crate) fn new(name: &str, salt: u64, from: u64) -> Self {
        let invocation = std::env::var("INVOCATION_ID").ok().filter(|id| !id.is_empty());
        let instance = invocation.unwrap_or_else(|| ids::trace(salt, name, 0));
        Self {
            name: name.into(),
            instance,
            salt,
            settings: watch::Sender::new(None),
            next: AtomicU64::new(from),
            traces: Queue::default(),
            logs: Queue::default(),
        }
    }

    /// Goes on with these settings, or without any.
    pub(crate) fn configure(&self, settings: Option<Settings>) {
        self.settings.send_if_modified(|present| {
            if present.as_deref() == settings.as_ref() {
                return false;
            }
            *present = settings.map(Arc::new);
            true
        });
    }

    fn present(&self) -> Option<Arc<Settings>> {
        self.settings.borrow().clone()
    }

    /// Returns what a run is to say about where its own work belongs; none where there are no traces.
    pub(crate) fn parent(&self, child: &str, run: u64) -> Option<String> {
        self.present().filter(|settings| settings.traces)?;
        let (trace, span) =
            (ids::trace(self.salt, child, run), ids::span(self.salt, child, run, 0));
        Some(format!("00-{trace}-{span}-01"))
    }

    /// Returns how a signal gets on.
    pub(crate) fn of(&self, signal: Signal) -> Progress {
        self.queue(signal).progress()
    }

    const fn queue(&self, signal: Signal) -> &Queue {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Logs => &self.logs,
        }
    }

    fn put(&self, signal: Signal, most: usize, what: serde_json::Value) {
        self.queue(signal).put(what, most);
    }

    /// Tells of a command that was carried out or refused, from the request to its answer.
    pub(crate) fn commanded(&self, command: &Commanded<'_>) {
        let Some(settings) = self.present().filter(|settings| settings.traces) else { return };
        self.put(Signal::Traces, settings.queue, form::command(command));
    }

    /// Follows the tree and sends what there is, until `stop` comes. What is left then gets two seconds.
    pub(crate) async fn run(&self, handle: Handle, stop: impl Future<Output = ()>) {
        let mut settings = self.settings.subscribe();
        let mut stop = std::pin::pin!(stop);
        loop {
            let present = settings.borrow_and_update().clone();
            let Some(present) = present else {
                tokio::select! {
                    () = &mut stop => return,
                    changed = settings.changed() => match changed {
                        Ok(()) => {
                            // What happened while nobody wanted to know is not told later.
                            self.next.store(handle.events().position(), Ordering::Relaxed);
                            continue;
                        }
                        Err(_) => return,
                    },
                }
            };
            let outbound = Outbound::new(present.authorities.clone());
            let is_last = tokio::select! {
                () = &mut stop => true,
                _ = settings.changed() => false,
                () = self.work(&handle, &present, &outbound) => true,
            };
            if is_last {
                // What happened last is the most interesting of all.
                let rest = self.send_rest(&present, &outbound);
                let _ = tokio::time::timeout(FAREWELL, rest).await;
                return;
            }
        }
    }

    /// Works until it is dropped.
    async fn work(&self, handle: &Handle, settings: &Settings, outbound: &Outbound) {
        let following = async {
            follow::follow(self, handle, settings).await;
            // The tree has ended: what there is to say of that is in the queue.
        };
        let printing = async {
            if settings.output {
                output::follow(self, handle, settings).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = following => {}
            () = printing => {}
            () = send::send(self, Signal::Traces, settings, outbound) => {}
            () = send::send(self, Signal::Logs, settings, outbound) => {}
        }
    }

    async fn send_rest(&self, settings: &Settings, outbound: &Outbound) {
        tokio::join!(
            send::rest(self, Signal::Traces, settings, outbound),
            send::rest(self, Signal::Logs, settings, outbound),
        );
    }
}

/// One command, from the request to its answer.
#[derive(Debug)]
pub(crate) struct Commanded<'a> {
    pub(crate) verb: &'a str,
    pub(crate) target: &'a str,
    pub(crate) who: &'a str,
    pub(crate) why: &'a str,
    /// The status of the answer.
    pub(crate) status: u16,
    pub(crate) took: Duration,
    /// What the request says about where it belongs (`traceparent`).
    pub(crate) parent: Option<&'a str>,
}

#[cfg(test)]
mod tests;

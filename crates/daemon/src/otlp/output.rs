//! What children print, as records: one reader for each log, as many as the system has watches for.

use super::form::{self, Line, Severity};
use super::{Exporter, Settings, Signal, ids};
use crate::api::logs::{Following, Log, Told, tail};
use crate::journald::priority;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, SelectAll};
use mainstay::{ChildId, Event, Handle, Item};
use mainstay_wire::api::LogLine;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::oneshot;

/// The most logs that are read at once: each takes one of the 128 watches that a system gives a user by itself.
const MOST_LOGS: usize = 64;

/// Reads logs until the tree ends.
pub(super) async fn follow(exporter: &Exporter, handle: &Handle, settings: &Settings) {
    let mut events = handle.events();
    let since = Duration::from_nanos(u64::try_from(form::now()).unwrap_or(u64::MAX));
    let mut tails = Tails { all: SelectAll::new(), ends: BTreeMap::new(), exporter, settings };
    for view in handle.status().await.unwrap_or_default() {
        tails.open(handle, view.path.as_str(), view.child, since).await;
    }
    loop {
        tokio::select! {
            item = events.next() => match item {
                Some(Item::Record(record)) => {
                    if let Event::Started { child, .. } = record.event {
                        let ago = handle.now().since(record.at).as_nanos();
                        let at = u64::try_from(form::now().saturating_sub(ago)).unwrap_or(u64::MAX);
                        let since = Duration::from_nanos(at);
                        tails.open(handle, record.path.as_str(), child, since).await;
                    }
                    if let Event::Removed(child) = record.event {
                        tails.ends.remove(&child);
                    }
                }
                // Who has started meanwhile is found at its next start.
                Some(Item::Lagged(_)) => {}
                None => return,
            },
            Some(told) = tails.all.next(), if !tails.all.is_empty() => tails.tell(told),
        }
    }
}

/// The logs that are read.
struct Tails<'a> {
    all: SelectAll<BoxStream<'static, Told>>,
    /// Ends the reading of one child's log when it is dropped.
    ends: BTreeMap<ChildId, oneshot::Sender<()>>,
    exporter: &'a Exporter,
    settings: &'a Settings,
}

impl Tails<'_> {
    /// Begins to read the log of a child, unless it is read already or has none.
    async fn open(&mut self, handle: &Handle, path: &str, child: ChildId, since: Duration) {
        self.ends.retain(|_, end| !end.is_closed());
        if self.ends.contains_key(&child) || self.ends.len() >= MOST_LOGS {
            return;
        }
        let Ok(view) = handle.child(path).await else { return };
        let Some(file) = view.process.as_ref().and_then(|process| process.log.clone()) else {
            return;
        };
        let log = Log { path: path.to_owned(), file };
        let following = match tail(log, since) {
            Ok(following) => following,
            Err(error) => {
                tracing::warn!(child = path, %error, "its log cannot be sent");
                return;
            }
        };
        let (end, ended) = oneshot::channel();
        self.ends.insert(child, end);
        let told = stream::unfold(following, |mut following: Following| async {
            let told = following.recv().await?;
            Some((told, following))
        });
        self.all.push(told.take_until(ended).boxed());
    }

    fn tell(&self, told: Told) {
        match told {
            Told::Line(line) => {
                let form = self.line(&line);
                self.exporter.put(Signal::Logs, self.settings.queue, form);
            }
            // How many lines there were nobody knows.
            Told::Missed(_) => self.exporter.logs.missed(1),
        }
    }

    fn line(&self, line: &LogLine) -> serde_json::Value {
        let (level, text) = priority(&line.text);
        let severity = match level {
            Some(0..=3) => Severity::Error,
            Some(4) => Severity::Warn,
            Some(7) => Severity::Debug,
            Some(_) | None => Severity::Info,
        };
        let mut attributes = vec![form::text("mainstay.child", &line.path)];
        if let Some(stream) = &line.stream {
            let name = if stream == "err" { "stderr" } else { "stdout" };
            attributes.push(form::text("log.iostream", name));
        }
        if let Some(run) = line.run {
            attributes.push(form::whole("mainstay.run", run.try_into().unwrap_or(i64::MAX)));
        }
        let salt = self.exporter.salt;
        let belongs = line
            .run
            .filter(|_| self.settings.traces)
            .map(|run| (ids::trace(salt, &line.path, run), ids::span(salt, &line.path, run, 0)));
        let millis = line.at.and_then(|at| u128::try_from(at).ok());
        let at = millis.map_or_else(form::now, |at| at * 1_000_000);
        Line { at, severity, body: text, attributes, belongs }.form()
    }
}

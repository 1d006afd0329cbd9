//! The task that serves a run of a host: it hears what the host says, and tells it what is wished.

use super::control::{Control, receive, send};
use super::{Fault, KNOWN, LINGER, Said, Useless, tell};
use crate::caught;
use crate::host::guard::{self, Found, Watch};
use crate::host::line::{Broken, Line, Wish};
use crate::host::parts::Parts;
use crate::shared::Shared;
use mainstay_host::protocol::{self, Asked, Beat, Hello, PACKET_MOST, Secret, Told, Welcome};
use mainstay_wire::keeper::Key;
use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::io;
use std::os::unix::net::{UnixDatagram as StdDatagram, UnixStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::{UnixDatagram, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// The task that serves a run.
pub(super) struct Life {
    pub(super) shared: Arc<Shared>,
    pub(super) key: Key,
    pub(super) parts: Arc<Parts>,
    pub(super) line: Arc<Line>,
    pub(super) pid: Arc<AtomicU32>,
    pub(super) secret: Secret,
    pub(super) heartbeat: Option<Duration>,
    pub(super) is_greeted: bool,
    pub(super) is_ready: bool,
    pub(super) is_stopping: bool,
    /// Beyond what it cannot put off its end, once it was asked to.
    pub(super) stops_at: Option<Instant>,
    /// By when it must have ended, after its one call.
    pub(super) ends_by: Option<Instant>,
    pub(super) memory: Watch,
    /// What it said of its calls with its last beat.
    pub(super) beat: Beat,
    /// How many answers there were at the last look, and how many it had given by its own count.
    pub(super) moved: (u64, u64),
    pub(super) reconnecting: Vec<tokio::sync::oneshot::Sender<()>>,
    pub(super) looks: Looks,
}

/// What is looked at from time to time, instead of at each call.
pub(super) struct Looks {
    pub(super) progress: Option<Duration>,
    pub(super) idle: Option<Duration>,
}

impl Looks {
    /// Returns how often has to be looked, so that what comes of it is late by a quarter at most.
    fn every(&self) -> Option<Duration> {
        let nearest = self.progress.into_iter().chain(self.idle).min()?;
        Some((nearest / 4).max(Duration::from_millis(10)))
    }
}

/// A message that cannot be taken: the run is of no use.
type Refused = Useless;

impl Life {
    pub(super) async fn serve(
        mut self,
        control: OwnedFd,
        calls: OwnedFd,
        mut wished: mpsc::UnboundedReceiver<Wish>,
    ) {
        // A runtime without I/O panics at that.
        let opened = caught::attempt(|| {
            let calls = UnixStream::from_std(StdStream::from(calls))?;
            let control = UnixDatagram::from_std(StdDatagram::from(control))?;
            Ok::<_, io::Error>((control, Arc::new(calls)))
        });
        let (control, mut calls) = match opened {
            Some(Ok(ends)) => ends,
            Some(Err(error)) => return self.is_useless(format!("its sockets: {error}")),
            None => {
                let why = "the runtime has no I/O: build it with `enable_all`".to_owned();
                return self.tell(Said::Useless(Useless { why, kind: Fault::Unfit }));
            }
        };
        self.line.connect(&calls);
        let line = Arc::clone(&self.line);
        let mut looks = self.looks.every().map(every);
        let mut memory = self.parts.memory.map(|guard| every(guard.every));
        let mut packet = vec![0; PACKET_MOST + 1];
        let mut writing = std::pin::pin!(line.write());
        let mut reading = Box::pin(read(Arc::clone(&line), Arc::clone(&calls)));
        let mut is_read = false;
        let broken = loop {
            let next = tokio::select! {
                // Signs of life first: what else there is to do must not hold them up.
                biased;
                read = receive(&control, &mut packet) => match read {
                    Ok(0) => break "it closed its control socket".to_owned(),
                    Ok(length) => self.hear(&packet[..length], &control).await,
                    Err(error) => break format!("its control socket: {error}"),
                },
                Some(wish) = wished.recv() => match self.wish(wish, &control).await {
                    Ok(Some(fresh)) => {
                        calls = fresh;
                        reading = Box::pin(read(Arc::clone(&line), Arc::clone(&calls)));
                        self.line.connect(&calls);
                        Ok(())
                    }
                    Ok(None) => Ok(()),
                    Err(error) => break format!("its control socket: {error}"),
                },
                broken = &mut reading => match broken {
                    Broken::Closed => {
                        is_read = true;
                        break broken.to_string();
                    }
                    // Who has sent nonsense once has memory that nobody knows.
                    Broken::Nonsense | Broken::TooLarge(_) => {
                        Err(Useless { why: broken.to_string(), kind: Fault::Failed })
                    }
                },
                () = &mut writing => return,
                () = until(self.ends_by) => break "it did not end after its one call".to_owned(),
                () = tick(&mut looks) => { self.look(); Ok(()) },
                () = tick(&mut memory) => { self.weigh(); Ok(()) },
            };
            if let Err(refused) = next {
                self.line.close(&refused.why.as_str().into());
                return self.tell(Said::Useless(refused));
            }
        };
        let cut = Instant::now();
        // Most often that is the end of the process, and what it ended of is about to be known.
        self.line.is_cut();
        // And what it has answered before is still to be read.
        if !is_read {
            _ = tokio::time::timeout(KNOWN, &mut reading).await;
        }
        tokio::time::sleep_until(cut + KNOWN).await;
        self.line.close(&broken.as_str().into());
        let by = self.ends_by.unwrap_or_else(|| Instant::now() + LINGER);
        tokio::time::sleep_until(by).await;
        if !self.is_stopping {
            self.is_useless(broken);
        }
    }

    fn tell(&self, said: Said) {
        tell(&self.shared, &self.key, said);
    }

    fn is_useless(&self, why: String) {
        self.tell(Said::Useless(Useless { why, kind: Fault::Lost }));
    }

    /// Takes a packet.
    async fn hear(&mut self, packet: &[u8], control: &Control) -> Result<(), Refused> {
        let unfit = |why: String| Useless { why, kind: Fault::Unfit };
        let told = match packet.len() {
            ..=PACKET_MOST => Told::parse(packet).map_err(|error| error.to_string()),
            length => Err(format!("a packet of {length} bytes or more")),
        };
        let told = told.map_err(|why| Useless {
            why: format!("it sent {why} on its control socket"),
            kind: Fault::Failed,
        })?;
        if !self.is_greeted {
            let Told::Hello(hello) = told else {
                return Err(unfit("it spoke before it said hello".into()));
            };
            if let Err(why) = self.greet(&hello) {
                _ = send(control, &Asked::Refused(why.clone()), None).await;
                return Err(unfit(format!("it was refused: {why}")));
            }
            self.is_greeted = true;
            // A beat says what is pending too.
            let every = self.heartbeat.into_iter().chain(self.looks.every()).min();
            let every = every.map_or(0, |every| every.as_millis().max(1));
            let welcome = Welcome {
                run: self.line.run.0,
                every: u32::try_from(every).unwrap_or(u32::MAX),
                most: self.line.most,
            };
            // A host that is gone by now shows at the next read.
            _ = send(control, &Asked::Welcome(welcome), None).await;
            return Ok(());
        }
        match told {
            Told::Hello(_) => {
                return Err(Useless { why: "it said hello twice".into(), kind: Fault::Failed });
            }
            Told::Ready => {
                self.is_ready = true;
                self.tell(Said::Ready);
            }
            Told::Beat(beat) => {
                self.beat = beat;
                self.tell(Said::Beat);
            }
            Told::Status(text) => self.tell(Said::Status(text)),
            Told::Recycle(reason) => self.tell(Said::Recycle(reason)),
            Told::Progress => self.tell(Said::Progress),
            Told::Extend(millis) => {
                let mut by = Duration::from_millis(millis);
                // Asked to end, it may double the time that it was given, and no more.
                if let Some(at) = self.stops_at {
                    by = by.min(at.saturating_duration_since(Instant::now()));
                }
                if !by.is_zero() {
                    self.tell(Said::Extend(by));
                }
            }
            Told::Reloaded => self.tell(Said::Reloaded),
            Told::Reconnected => {
                for waits in self.reconnecting.drain(..) {
                    _ = waits.send(());
                }
            }
        }
        Ok(())
    }

    fn greet(&self, hello: &Hello) -> Result<(), String> {
        let Hello { version, secret, contract_version, contract, .. } = hello;
        let parts = &self.parts;
        if *version != protocol::VERSION {
            let ours = protocol::VERSION;
            return Err(format!("it speaks version {version} of the protocol, and we {ours}"));
        }
        if *secret != self.secret {
            return Err("it does not know the secret of this run".into());
        }
        if contract != parts.contract {
            let ours = parts.contract;
            return Err(format!(
                "it serves the contract `{contract}`, where `{ours}` is asked for"
            ));
        }
        if *contract_version != parts.version {
            let ours = parts.version;
            return Err(format!(
                "it serves version {contract_version} of the contract `{contract}`, where {ours} is asked for"
            ));
        }
        Ok(())
    }

    /// Does what is wished. Returns the calls socket that takes the place of the present one, if one does.
    async fn wish(&mut self, wish: Wish, control: &Control) -> io::Result<Option<Arc<UnixStream>>> {
        match wish {
            Wish::Stop(within) => {
                self.is_stopping = true;
                self.stops_at = within.and_then(|within| Instant::now().checked_add(2 * within));
                let millis = within.and_then(|within| u64::try_from(within.as_millis()).ok());
                send(control, &Asked::Stop(millis.unwrap_or(u64::MAX)), None).await?;
                Ok(None)
            }
            Wish::Done => {
                let millis = u64::try_from(LINGER.as_millis()).unwrap_or(u64::MAX);
                send(control, &Asked::Stop(millis), None).await?;
                self.ends_by.get_or_insert_with(|| Instant::now() + LINGER);
                Ok(None)
            }
            Wish::Unwanted => {
                // What is done for the call may go on as long as a call may stand still; then it is in the way.
                let within = self.parts.one_shot.unwrap_or_default().saturating_add(LINGER);
                let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
                send(control, &Asked::Stop(millis), None).await?;
                let now = Instant::now();
                self.ends_by = self.ends_by.or_else(|| now.checked_add(within));
                Ok(None)
            }
            Wish::Reload => {
                send(control, &Asked::Reload, None).await?;
                Ok(None)
            }
            Wish::Reconnect(done) => {
                let flags = SocketFlags::CLOEXEC;
                let (ours, its) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
                rustix::io::ioctl_fionbio(&ours, true)?;
                let ours = UnixStream::from_std(StdStream::from(ours))?;
                send(control, &Asked::Reconnect, Some(its.as_fd())).await?;
                self.reconnecting.push(done);
                Ok(Some(Arc::new(ours)))
            }
        }
    }

    /// Tells whether there is work, and whether it moves.
    fn look(&mut self) {
        // A caller may have given up on a call that the host is still stuck in: the host's own count knows of it.
        let pending = self.line.pending() > 0 || self.beat.pending > 0;
        let moved = (self.line.answers(), self.beat.done);
        let has_moved = std::mem::replace(&mut self.moved, moved) != moved;
        if self.looks.progress.is_some() && self.is_ready {
            if has_moved {
                self.tell(Said::Progress);
            }
            self.tell(Said::Pending(pending));
        }
        if self.looks.idle.is_some() && (pending || has_moved) {
            self.tell(Said::Used);
        }
    }

    /// Looks at its memory.
    fn weigh(&mut self) {
        let Some(guard) = &self.parts.memory else { return };
        let pid = self.pid.load(Ordering::Relaxed);
        let Some(memory) = (self.is_ready && pid != 0).then(|| guard::memory(pid)).flatten() else {
            return;
        };
        match self.memory.look(guard, memory) {
            Found::Usual => {}
            Found::Soft => self.tell(Said::Guard { hard: false, memory }),
            Found::Hard => self.tell(Said::Guard { hard: true, memory }),
        }
    }
}

async fn read(line: Arc<Line>, calls: Arc<UnixStream>) -> Broken {
    line.read(&calls).await
}

fn every(span: Duration) -> Interval {
    let mut every = tokio::time::interval_at(Instant::now() + span, span);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    every
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => _ = interval.tick().await,
        None => std::future::pending().await,
    }
}

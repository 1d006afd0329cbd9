//! What the keeper tells the loop.
//!
//! The keeper speaks on a thread of its own and never waits, and a process may speak as fast as it can. So a
//! run has one place in this lane, and a child one: what else happens to it before the loop looks is gathered
//! there, the last status, the last beat, the sum of what was lost. The lane is never longer than there are
//! runs whose end nobody has taken in, children, and questions that the loop itself has asked.

use super::driver::Meeting;
use crate::host::{Said, Useless};
use crate::probe::plain;
use mainstay_core::{ChildId, Moment, RunId};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Ended, Fact, Key, Lost, Notice, Report, Sequence, StartError, Status};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How many names of what a run says, and nothing comes of, are kept.
pub(super) const MOST_WORDS: usize = 32;

/// What has come since the loop last looked.
#[derive(Default)]
pub(crate) struct Lane {
    pub(super) runs: Vec<RunTold>,
    places: BTreeMap<Key, usize>,
    pub(super) children: BTreeMap<Arc<str>, ChildTold>,
    pub(super) answers: Vec<Answer>,
    /// What a keeper said of itself.
    pub(super) met: Meeting,
    /// The last fact, to be acknowledged.
    pub(super) last: Option<Sequence>,
}

/// An answer to a question of the loop.
pub(super) enum Answer {
    /// A command that was run for a child is over.
    Done {
        at: Moment,
        ticket: u64,
        status: Option<Status>,
        output: Text,
        error: Option<StartError>,
    },
    /// A probe that was made from here has its answer.
    Probed { at: Moment, child: ChildId, run: RunId, probe: u8, answer: Result<(), String> },
}

/// What one run has told, in the order in which it can have happened.
pub(super) struct RunTold {
    pub(super) key: Key,
    /// When the first of it was told.
    pub(super) at: Moment,
    /// Its main process, how it is held, and whether it is one that an earlier keeper left.
    pub(super) started: Option<(u32, Text, bool)>,
    pub(super) notices: Notices,
    /// What lives on though force was used.
    pub(super) outlived: Vec<Lost>,
    /// Lines that were dropped.
    pub(super) dropped: u64,
    /// What is wrong with it, by whoever talks with it; no text: nothing any more.
    pub(super) talk: Option<String>,
    /// What it said as a host.
    pub(super) host: HostTold,
    pub(super) ended: Option<Over>,
    /// Why there is nobody to start it.
    pub(super) no_keeper: Option<String>,
}

/// The end of a run.
pub(super) struct Over {
    pub(super) at: Moment,
    /// The same by the keeper's clock.
    pub(super) held_at: Duration,
    pub(super) ended: Ended,
}

/// What a run said of itself.
#[derive(Default)]
pub(super) struct Notices {
    /// It is ready; said before any reload.
    pub(super) is_ready: bool,
    /// It began a reload.
    pub(super) reloads: bool,
    /// It was ready again after that.
    pub(super) is_ready_again: bool,
    /// The last reload it began goes on.
    pub(super) is_reloading: bool,
    pub(super) beat: Option<Moment>,
    pub(super) is_triggered: bool,
    pub(super) extend: Option<(Moment, Duration)>,
    pub(super) resets: bool,
    pub(super) main: Option<u32>,
    pub(super) status: Option<Text>,
    pub(super) errno: Option<i32>,
    pub(super) stored: Option<u32>,
    /// How long its silence may be by its own word, and since when.
    pub(super) patience: Option<(Moment, Duration)>,
    /// What it said of which nothing comes, the last value of each name.
    pub(super) words: BTreeMap<Text, Text>,
}

/// What a host said of itself beside what every process can.
#[derive(Default)]
pub(super) struct HostTold {
    pub(super) progress: Option<Moment>,
    pub(super) pending: Option<(Moment, bool)>,
    pub(super) is_used: bool,
    pub(super) recycle: Option<String>,
    pub(super) reloaded: Option<Moment>,
    pub(super) rehydrated: Option<Moment>,
    /// The memory it had in use when that was too much, and whether it is to be replaced for it.
    pub(super) memory: Option<(bool, u64)>,
    pub(super) useless: Option<Useless>,
}

/// What concerns a child.
#[derive(Default)]
pub(super) struct ChildTold {
    pub(super) at: Moment,
    pub(super) is_demanded: bool,
    /// Its live run has other settings.
    pub(super) is_changed: bool,
    pub(super) addresses: Option<Vec<Text>>,
    pub(super) trouble: Option<String>,
}

impl Lane {
    pub(crate) fn is_empty(&self) -> bool {
        // Whatever the keeper tells has a number, and must be acknowledged though it tells us nothing.
        self.last.is_none()
            && self.met.until.is_none()
            && self.met.held.is_none()
            && self.runs.is_empty()
            && self.children.is_empty()
            && self.answers.is_empty()
    }

    /// Returns the number of the last fact.
    pub(crate) const fn last(&self) -> Option<Sequence> {
        self.last
    }

    /// Takes the answer of a probe.
    pub(super) fn probed(
        &mut self,
        at: Moment,
        child: ChildId,
        run: RunId,
        probe: u8,
        answer: Result<(), String>,
    ) {
        self.answers.push(Answer::Probed { at, child, run, probe, answer });
    }

    /// Takes something of a child that does not work; no text: it does again.
    pub(super) fn trouble(&mut self, at: Moment, child: Arc<str>, what: String) {
        self.child(at, child).trouble = Some(what);
    }

    /// Takes what is wrong with a run, by whoever talks with it; no text: nothing any more.
    pub(super) fn talk(&mut self, at: Moment, key: &Key, what: String) {
        self.run(at, key.clone()).talk = Some(what);
    }

    /// Takes that the live run of a child has other settings.
    pub(super) fn changed(&mut self, at: Moment, child: Arc<str>) {
        self.child(at, child).is_changed = true;
    }

    /// Takes that there is no keeper to start a run.
    pub(super) fn no_keeper(&mut self, at: Moment, key: Key, why: String) {
        self.run(at, key).no_keeper = Some(why);
    }

    /// Takes what the keeper reports.
    pub(super) fn report(&mut self, at: Moment, report: Report) {
        let (seq, held_at, fact) = match report {
            Report::Fact { seq, at, fact } => (seq, at, fact),
            Report::Hello { seq, kept, .. } => {
                // What was acknowledged is not told again.
                self.met.until = Some(if kept == 0 { Sequence::default() } else { seq });
                return;
            }
            Report::Inventory(held) => {
                self.met.held.get_or_insert_default().extend(held);
                return;
            }
            // Viewers have heard theirs already, nobody here runs commands of its own, and descriptors are kept by who holds
            // the link.
            Report::Descriptors { .. }
            | Report::Screen { .. }
            | Report::Typed { .. }
            | Report::Aside { .. }
            | Report::Left { .. } => return,
        };
        self.last = Some(seq);
        match fact {
            Fact::Started { key, pid, contain, .. } => {
                self.run(at, key).started = Some((pid, contain, false));
            }
            Fact::Adopted { key, pid, .. } => {
                self.run(at, key).started = Some((pid, Text::default(), true));
            }
            Fact::Ended { key, ended } => {
                self.run(at, key).ended = Some(Over { at, held_at, ended });
            }
            Fact::Outlived { key, left } => self.run(at, key).outlived = left,
            Fact::Said { key, notice } => self.run(at, key).notices.take(at, notice),
            Fact::Dropped { key, lines, .. } => {
                let told = self.run(at, key);
                told.dropped = told.dropped.saturating_add(lines);
            }
            Fact::Demand(child) => self.child(at, child).is_demanded = true,
            Fact::Listening { child, addresses } => {
                self.child(at, child).addresses = Some(addresses);
            }
            Fact::Trouble { child, what, error } => {
                // Told with no error, it is over.
                let error = std::io::Error::from_raw_os_error(error);
                let is_over = error.raw_os_error() == Some(0);
                let text = format!("{what}: {}", plain(&error));
                self.trouble(at, child, if is_over { String::new() } else { text });
            }
            Fact::Done { ticket, status, output, error, .. } => {
                self.answers.push(Answer::Done { at, ticket, status, output, error });
            }
            // That the main process is gone decides nothing: the run ends with the last of its processes.
            // Strangers are only reaped where the whole program is ours.
            Fact::MainEnded { .. } | Fact::Stranger { .. } | Fact::Forgotten { .. } => {}
        }
    }

    /// Takes what a host says over its own connection.
    pub(crate) fn host(&mut self, at: Moment, key: &Key, said: Said) {
        let told = self.run(at, key.clone());
        match said {
            Said::Ready => told.notices.is_ready = true,
            Said::Beat => told.notices.take(at, Notice::Beat),
            Said::Status(text) => told.notices.take(at, Notice::Status(text.as_str().into())),
            Said::Extend(by) => told.notices.take(at, Notice::Extend(by)),
            Said::Progress => told.host.progress = Some(at),
            Said::Pending(pending) => told.host.pending = Some((at, pending)),
            Said::Used => told.host.is_used = true,
            Said::Recycle(reason) => told.host.recycle = Some(reason),
            Said::Reloaded => told.host.reloaded = Some(at),
            Said::Rehydrated => told.host.rehydrated = Some(at),
            Said::Guard { hard, memory } => {
                let was_hard = told.host.memory.is_some_and(|(hard, _)| hard);
                told.host.memory = Some((hard || was_hard, memory));
            }
            Said::Useless(useless) => _ = told.host.useless.get_or_insert(useless),
        }
    }

    fn run(&mut self, at: Moment, key: Key) -> &mut RunTold {
        let next = self.runs.len();
        let place = *self.places.entry(key.clone()).or_insert(next);
        if place == next {
            self.runs.push(RunTold {
                key,
                at,
                started: None,
                notices: Notices::default(),
                outlived: Vec::new(),
                dropped: 0,
                talk: None,
                host: HostTold::default(),
                ended: None,
                no_keeper: None,
            });
        }
        &mut self.runs[place]
    }

    fn child(&mut self, at: Moment, child: Arc<str>) -> &mut ChildTold {
        let told = self.children.entry(child).or_default();
        told.at = at;
        told
    }
}

impl Notices {
    fn take(&mut self, at: Moment, notice: Notice) {
        match notice {
            Notice::Ready(_) if self.reloads => {
                self.is_ready_again = true;
                self.is_reloading = false;
            }
            Notice::Ready(_) => self.is_ready = true,
            Notice::Reloading(_) => {
                self.reloads = true;
                self.is_reloading = true;
            }
            Notice::Status(text) => self.status = Some(text),
            Notice::Errno(error) => self.errno = Some(error),
            Notice::Main(pid) => self.main = Some(pid),
            Notice::Beat => self.beat = Some(at),
            Notice::Trigger => self.is_triggered = true,
            Notice::Extend(by) => self.extend = Some((at, by)),
            Notice::ResetRestarts => self.resets = true,
            Notice::Stored(count) => self.stored = Some(count),
            Notice::Watchdog(within) => {
                self.patience = Some((at, within));
                // Where this differs from its spec somebody will wonder.
                self.word("WATCHDOG_USEC".into(), within.as_micros().to_string().into());
            }
            // It ends by itself, and the end says so.
            Notice::Stopping => self.word("STOPPING".into(), "1".into()),
            Notice::Word { name, value } => self.word(name, value),
        }
    }

    fn word(&mut self, name: Text, value: Text) {
        if self.words.len() < MOST_WORDS || self.words.contains_key(&name) {
            self.words.insert(name, value);
        }
    }
}

//! One pool of listeners: which events wait, who gets the next one, and what is wrong with whom. Pure.
//!
//! The oldest event goes to the first run that is ready. It stays under way until its run says that it has dealt with
//! it: a run that refuses it, breaks the protocol or ends leaves it to whoever is ready next. Where more wait than the
//! buffer holds, the oldest is dropped, and that is told.

use super::kind::Kind;
use super::payload::{Envelope, Happened};
use super::protocol::{Heard, Speech, State};
use mainstay::Moment;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What holds for a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// What it hears of.
    pub(super) kinds: BTreeSet<Kind>,
    /// How many events may wait.
    pub(super) buffer: usize,
    /// How long an answer may take before that is told.
    pub(super) timeout: Duration,
}

/// An event with its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    /// Among all events of the daemon.
    pub(super) serial: u64,
    /// Among those of the pool.
    pub(super) pool_serial: u64,
    pub(super) event: Happened,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Write this to a run.
    Send { path: String, bytes: Vec<u8> },
    /// Say what is wrong with a run; nothing: it is well again.
    Trouble { path: String, what: Option<String> },
    /// Say that an event was dropped.
    Dropped { serial: u64, kind: Kind },
}

/// One run of a listener.
#[derive(Debug)]
struct Member {
    run: u64,
    speech: Speech,
    under_way: Option<(Queued, Moment)>,
    /// Whether it was told that its answer is late.
    is_late: bool,
    /// What is wrong with it, as it was told last.
    trouble: Option<String>,
}

/// One pool.
#[derive(Debug)]
pub(super) struct Pool {
    name: String,
    server: String,
    terms: Terms,
    waiting: VecDeque<Queued>,
    next: u64,
    dropped: u64,
    /// The live runs, by the paths of their children.
    members: BTreeMap<String, Member>,
}

impl Pool {
    pub(super) fn new(name: &str, server: &str, terms: Terms) -> Self {
        Self {
            name: name.to_owned(),
            server: server.to_owned(),
            terms,
            waiting: VecDeque::new(),
            next: 0,
            dropped: 0,
            members: BTreeMap::new(),
        }
    }

    /// Goes on with what waited in an earlier life of the daemon.
    pub(super) fn resume(&mut self, next: u64, waiting: impl IntoIterator<Item = Queued>) {
        self.next = next;
        self.waiting = waiting.into_iter().collect();
    }

    /// Takes other terms. What it does not hear of any more, but waits already, is sent nevertheless.
    pub(super) fn change(&mut self, terms: Terms, out: &mut Vec<Act>) {
        self.terms = terms;
        while self.waiting.len() > self.terms.buffer {
            self.drop_oldest(out);
        }
    }

    pub(super) fn hears(&self, kind: Kind) -> bool {
        self.terms.kinds.contains(&kind)
    }

    /// Returns how many events were dropped.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns the number of the next event, and what is not dealt with, the oldest first.
    pub(super) fn open(&self) -> (u64, Vec<&Queued>) {
        let under_way = self.members.values().filter_map(|member| member.under_way.as_ref());
        let mut open: Vec<&Queued> = under_way.map(|(queued, _)| queued).collect();
        open.extend(&self.waiting);
        open.sort_by_key(|queued| queued.pool_serial);
        (self.next, open)
    }

    /// Takes an event that it hears of.
    pub(super) fn accept(&mut self, now: Moment, serial: u64, event: Happened, out: &mut Vec<Act>) {
        let queued = Queued { serial, pool_serial: self.next, event };
        self.next += 1;
        if self.waiting.len() >= self.terms.buffer {
            self.drop_oldest(out);
        }
        self.waiting.push_back(queued);
        self.dispatch(now, out);
    }

    /// A run begins.
    pub(super) fn join(&mut self, now: Moment, path: &str, run: u64, out: &mut Vec<Act>) {
        self.leave(now, path, out);
        let (speech, under_way) = (Speech::new(), None);
        let member = Member { run, speech, under_way, is_late: false, trouble: None };
        self.members.insert(path.to_owned(), member);
    }

    /// A child has no run any more.
    pub(super) fn leave(&mut self, now: Moment, path: &str, out: &mut Vec<Act>) {
        let Some(mut member) = self.members.remove(path) else { return };
        member.tell(path, None, out);
        self.give_back(member.under_way, out);
        self.dispatch(now, out);
    }

    /// Returns whether this run is one of its members.
    pub(super) fn has(&self, path: &str, run: u64) -> bool {
        self.members.get(path).is_some_and(|member| member.run == run)
    }

    /// Takes what a run says.
    pub(super) fn hear(&mut self, now: Moment, path: &str, bytes: &[u8], out: &mut Vec<Act>) {
        let Some(member) = self.members.get_mut(path) else { return };
        let mut back = None;
        for heard in member.speech.take(bytes) {
            match heard {
                Heard::Ready => {}
                Heard::Taken => {
                    member.under_way = None;
                    member.tell(path, None, out);
                }
                Heard::Refused(answer) => {
                    back = member.under_way.take();
                    let event = back.as_ref().map(|(queued, _)| said(queued)).unwrap_or_default();
                    let what = format!("it refuses {event}, which is sent again: {answer}");
                    member.tell(path, Some(what), out);
                }
                Heard::Broken(why) => {
                    back = back.or_else(|| member.under_way.take());
                    let what = format!(
                        "it breaks the protocol of event listeners, and gets no events any more until its next \
                         run: {why}"
                    );
                    member.tell(path, Some(what), out);
                }
            }
        }
        self.give_back(back, out);
        self.dispatch(now, out);
    }

    /// Returns the moment at which an answer is late.
    pub(super) fn due(&self) -> Option<Moment> {
        let open = self.members.values().filter(|member| !member.is_late);
        open.filter_map(|member| Some(member.under_way.as_ref()?.1 + self.terms.timeout)).min()
    }

    /// Tells of answers that are late. The run keeps its event: it may still answer.
    pub(super) fn look(&mut self, now: Moment, out: &mut Vec<Act>) {
        for (path, member) in &mut self.members {
            let Some((queued, since)) = &member.under_way else { continue };
            if !member.is_late && now.since(*since) >= self.terms.timeout {
                let what = format!(
                    "it has not answered for {}: it was sent {}, and gets no other event before",
                    mainstay::Brief(self.terms.timeout),
                    said(queued)
                );
                member.is_late = true;
                member.tell(path, Some(what), out);
            }
        }
    }

    fn drop_oldest(&mut self, out: &mut Vec<Act>) {
        if let Some(oldest) = self.waiting.pop_front() {
            self.dropped += 1;
            out.push(Act::Dropped { serial: oldest.serial, kind: oldest.event.kind });
        }
    }

    /// Puts an event that nobody has dealt with before all others.
    fn give_back(&mut self, under_way: Option<(Queued, Moment)>, out: &mut Vec<Act>) {
        if let Some((queued, _)) = under_way {
            if self.waiting.len() >= self.terms.buffer {
                self.drop_oldest(out);
            }
            self.waiting.push_front(queued);
        }
    }

    /// Sends what waits to whoever is ready.
    fn dispatch(&mut self, now: Moment, out: &mut Vec<Act>) {
        let ready = |member: &Member| member.speech.state() == State::Ready;
        for (path, member) in self.members.iter_mut().filter(|(_, member)| ready(member)) {
            let Some(queued) = self.waiting.pop_front() else { return };
            let envelope = Envelope {
                server: &self.server,
                serial: queued.serial,
                pool: &self.name,
                pool_serial: queued.pool_serial,
            };
            let bytes = envelope.write(&queued.event);
            member.speech.send();
            (member.under_way, member.is_late) = (Some((queued, now)), false);
            out.push(Act::Send { path: path.clone(), bytes });
        }
    }
}

impl Member {
    /// Says what is wrong with it, unless that was said before.
    fn tell(&mut self, path: &str, what: Option<String>, out: &mut Vec<Act>) {
        if self.trouble != what {
            self.trouble.clone_from(&what);
            out.push(Act::Trouble { path: path.to_owned(), what });
        }
    }
}

fn said(queued: &Queued) -> String {
    format!("event {} ({})", queued.serial, queued.event.kind)
}

#[cfg(test)]
mod tests;

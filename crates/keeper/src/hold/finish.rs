//! The end of a run: its main process, then what is left of it, then its output.

use super::child::{Run, Slot, Stage};
use super::{Due, Hold, Source};
use crate::contain::{Id, Instance, Kin, Look, Means, Place, Stat};
use crate::hold::wait::now;
use crate::output::Last;
use crate::sys::reap::{self, Reaped};
use mainstay_wire::keeper::{Ended, Fact, Key, Lost, Status, Usage, Whom};
use rustix::event::epoll::EventFlags;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::process::Signal;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long output is read after the last process of a run is gone. Whoever still holds the other end then
/// was outside of everything that holds a run together.
const DRAIN: Duration = Duration::from_secs(2);
/// How long force takes before what outlives it is named.
const FORCE: Duration = Duration::from_secs(1);
/// How often is looked at what is left, where the kernel does not tell.
const LOOK: Duration = Duration::from_millis(20);
/// How many processes that live on are named.
const NAMED: usize = 64;

impl Hold {
    /// Sends a signal.
    pub(super) fn signal(&mut self, key: &Key, signal: u8, whom: Whom) {
        let Some(slot) = self.find(key).filter(|_| !self.is_ahead_of(signal)) else { return };
        let Some(run) = self.run(slot) else { return };
        match (whom, Signal::from_named_raw(i32::from(signal))) {
            (Whom::All, Some(signal)) => self.signal_all(slot, signal),
            // A signal without a name is one that only its main process can have agreed on.
            (Whom::All, None) | (Whom::Main, _) => run.signal_main(i32::from(signal)),
        }
    }

    pub(super) fn signal_all(&mut self, slot: Slot, signal: Signal) {
        self.with_bond(slot, |bond, place| bond.signal(signal, place));
    }

    /// Returns who is left of a run; `None`: this look cannot tell, a later one may. A look that fails finds
    /// nobody, and is said.
    fn left(&mut self, slot: Slot) -> Option<Vec<Lost>> {
        let left = self.with_bond(slot, |bond, place| {
            if bond.is_surely_empty() { Ok(Vec::new()) } else { bond.left(&Look::new(place)?) }
        });
        match left {
            Some(Ok(left)) => Some(left),
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            Some(Err(error)) => {
                if let Some(run) = self.run(slot) {
                    let child = Arc::clone(&run.key.child);
                    let what = format!("cannot look for what is left of {}", run.key);
                    let error = error.raw_os_error().unwrap_or(0);
                    self.state(Fact::Trouble { child, what, error });
                }
                Some(Vec::new())
            }
            None => Some(Vec::new()),
        }
    }

    /// Ends a run by force.
    pub(super) fn kill(&mut self, key: &Key) {
        let Some(slot) = self.find(key) else {
            self.forget_start(key);
            return;
        };
        let Some(run) = self.run(slot) else { return };
        if matches!(run.stage, Stage::Drain { .. }) {
            return;
        }
        run.is_forced = true;
        crate::fault::point("kill");
        self.force(slot);
    }

    fn force(&mut self, slot: Slot) {
        let Some(run) = self.run(slot) else { return };
        let number = run.key.run;
        self.with_bond(slot, |bond, place| bond.kill(place));
        // After the others: what descends from it is found by it.
        if let Some(run) = self.run(slot) {
            run.signal_main(libc::SIGKILL);
        }
        self.later(slot, FORCE, Due::Force(slot, number));
        if self.run(slot).is_some_and(|run| matches!(run.stage, Stage::Rest { .. })) {
            self.look_at_rest(slot);
        }
    }

    /// A start that has not been made yet is not made.
    fn forget_start(&mut self, key: &Key) {
        if let Some((_, process)) = self.after.values_mut().find(|(start, _)| start == key) {
            *process = None; // It ends with what it waited for.
            return;
        }
        let Some(index) = self.starts.iter().position(|(start, _)| start == key) else { return };
        let start = self.starts.remove(index);
        if let Some((key, process)) = start.filter(|_| self.leftovers.contains_key(&key.child)) {
            // What an earlier keeper has left would have become this run, and ends with it.
            self.begin(&key, &process);
            return self.kill(&key);
        }
        // It may have been ordered twice, by a brain that died and by the next.
        let slot = self.slot(&key.child);
        if let Some(child) = self.child(slot)
            && child.last_run < key.run
        {
            child.last_run = key.run;
            self.never_began(key.clone());
        }
    }

    fn never_began(&mut self, key: Key) {
        let ended = ended(Status::Signal { signal: 9, core: false }, Usage::default());
        self.state(Fact::Ended { key, ended });
    }

    /// The descriptor of a main process says that it has ended.
    pub(super) fn main_told(&mut self, slot: Slot) {
        self.take_in_former();
        let Some(run) = self.run(slot) else { return };
        let Some(pidfd) = run.pidfd.as_ref() else { return };
        let pid = run.pid.cast_signed();
        let reaped = match reap::one(pid, pidfd.fd()) {
            Ok(None) => return,
            Ok(Some(reaped)) => reaped,
            // The one that was the main process before has ended: it was told before this one took its place.
            Err(_) if !has_ended(pidfd.fd()) => return,
            // It is not our child, or somebody in this process has taken it in: the kernel may still know.
            Err(_) => Reaped {
                pid,
                status: reap::told(pidfd.fd(), run.pid).unwrap_or_else(|| {
                    let now = now();
                    Status::Unseen { from: now, to: now }
                }),
                usage: Usage::default(),
            },
        };
        self.by_pid.remove(&pid);
        self.main_ended(slot, reaped);
    }

    /// The main process of a run has ended.
    pub(super) fn main_ended(&mut self, slot: Slot, reaped: Reaped) {
        crate::fault::point("exit.seen");
        // What it said before its end comes before its end.
        self.notified(slot);
        self.ready_told(slot);
        let Some(run) = self.run(slot) else { return };
        if run.pid != reaped.pid.cast_unsigned() || !matches!(run.stage, Stage::Live) {
            return; // Another process is the main process now.
        }
        let pidfd = run.pidfd.take();
        run.stage = Stage::Rest { status: reaped.status.clone(), usage: reaped.usage };
        let is_forced = run.is_forced;
        self.relay_ends(reaped.pid.cast_unsigned(), &reaped.status);
        self.unwatch(pidfd);
        let left = self.left(slot);
        if left.as_ref().is_some_and(Vec::is_empty) {
            self.gone(slot);
            return;
        }
        let left = left.unwrap_or_default();
        let Some(run) = self.run(slot) else { return };
        let (key, rest) = (run.key.clone(), run.process.rest.0);
        // The brain knows nothing of what its next run waits for.
        if !self.after.contains_key(&key) {
            self.state(Fact::MainEnded { key: key.clone(), status: reaped.status, left });
        }
        self.watch_rest(slot);
        if is_forced {
            self.force(slot);
            return;
        }
        self.signal_all(slot, Signal::TERM);
        // What is suspended hears it only once it goes on.
        self.signal_all(slot, Signal::CONT);
        self.later(slot, rest, Due::Rest(slot, key.run));
    }

    /// Sees to it that the end of what is left is noticed.
    fn watch_rest(&mut self, slot: Slot) {
        let old = self.run(slot).and_then(|run| run.left.take());
        self.unwatch(old);
        let watch = self.with_bond(slot, |bond, place| bond.watch(&Look::new(place)?));
        let Some(run) = self.run(slot) else { return };
        let (number, is_group) = (run.key.run, run.bond.group().is_some());
        let flags = if is_group { EventFlags::PRI | EventFlags::ET } else { EventFlags::IN };
        match watch {
            // Nobody is left: the look that found them was a moment ago.
            Some(Ok(None)) | None => {
                self.later(slot, Duration::ZERO, Due::Look(slot, number));
            }
            Some(Ok(Some(fd))) => {
                if let Ok(token) = self.waiting.add(fd.as_fd(), Source::Left(slot), flags)
                    && let Some(run) = self.run(slot)
                {
                    run.left = Some(super::child::Watched { fd, token });
                } else {
                    self.later(slot, LOOK, Due::Look(slot, number));
                }
            }
            // Without a descriptor there is nothing to wait for but time.
            Some(Err(_)) => self.later(slot, LOOK, Due::Look(slot, number)),
        }
    }

    /// Adds a deadline that goes with the run.
    fn later(&mut self, slot: Slot, wait: Duration, due: Due) {
        let deadline = self.waiting.at(now() + wait, due);
        if let Some(run) = self.run(slot) {
            run.deadlines.push(deadline);
        }
    }

    /// Something of what is left has ended.
    pub(super) fn look_at_rest(&mut self, slot: Slot) {
        let Some(run) = self.run(slot) else { return };
        if !matches!(run.stage, Stage::Rest { .. }) {
            return;
        }
        let is_forced = run.is_forced;
        if self.left(slot).is_some_and(|left| left.is_empty()) {
            self.gone(slot);
            return;
        }
        if is_forced {
            self.with_bond(slot, |bond, place| bond.kill(place));
        }
        self.watch_rest(slot);
    }

    pub(super) fn rest_over(&mut self, slot: Slot, run: u64) {
        if !self.is_run(slot, run) {
            return;
        }
        if let Some(run) = self.run(slot)
            && matches!(run.stage, Stage::Rest { .. })
        {
            run.is_forced = true;
            self.force(slot);
        }
    }

    /// Force has had its time: whoever outlives it is named, and waited for.
    pub(super) fn force_over(&mut self, slot: Slot, number: u64) {
        if !self.is_run(slot, number) {
            return;
        }
        let Some(run) = self.run(slot) else { return };
        if matches!(run.stage, Stage::Drain { .. }) {
            return;
        }
        let key = run.key.clone();
        let left = self.left(slot).unwrap_or_default();
        self.state(Fact::Outlived { key, left });
    }

    /// Every process of a run is gone: what it printed is read to the end.
    fn gone(&mut self, slot: Slot) {
        crate::fault::point("exit.gone");
        let Some(run) = self.run(slot) else { return };
        let Stage::Rest { status, usage } = &run.stage else { return };
        let (status, usage) = (status.clone(), *usage);
        run.stage = Stage::Drain { status, usage };
        let key = run.key.clone();
        self.end_commands(slot);
        match self.outputs.finish(&key) {
            Some(last) => self.drained(&key, last),
            None => self.later(slot, DRAIN, Due::Drain(slot, key.run)),
        }
    }

    pub(super) fn drain_over(&mut self, slot: Slot, number: u64) {
        if !self.is_run(slot, number) {
            return;
        }
        let Some(run) = self.run(slot) else { return };
        if matches!(run.stage, Stage::Drain { .. }) {
            let key = run.key.clone();
            let last = self.outputs.abandon(&key);
            // What was dropped is told before the end.
            self.outputs_told();
            self.drained(&key, last);
        }
    }

    /// All that a run printed is in its log: it is over.
    pub(super) fn drained(&mut self, key: &Key, last: Last) {
        let Some(slot) = self.find(key) else { return };
        let Some(run) = self.child(slot).and_then(|child| child.run.take()) else { return };
        let main = Id { pid: run.pid, began: run.began };
        let Run { bond, stage, is_forced, pidfd, lost, notify, ready_fd, left, deadlines, .. } =
            run;
        for deadline in deadlines {
            self.waiting.cancel(deadline);
        }
        for watched in left.into_iter().chain(pidfd).chain(ready_fd) {
            self.unwatch(Some(watched));
        }
        if let Some((socket, token)) = notify {
            self.waiting.drop_fd(socket.as_fd(), token);
        }
        let (status, usage) = match stage {
            Stage::Drain { status, usage } | Stage::Rest { status, usage } => (status, usage),
            Stage::Live => return,
        };
        let mut ended = ended(status, usage);
        ended.last = last.lines;
        ended.lost = lost + last.lost;
        // A look over all processes takes its time, which an end that nobody forced is not worth.
        if is_forced && matches!(bond.means(), Means::Main) {
            ended.left = living(self.settings.instance, key, main);
        }
        if let Means::Group(group) = bond.into_means() {
            ended.out_of_memory = group.oom_kills() > 0;
            ended.usage.memory = group.memory_peak().unwrap_or(ended.usage.memory);
            self.emptied.push(group);
            // One that is busy for a moment longer goes with the next.
            self.emptied.retain(|group| group.remove().is_err());
        }
        if let Some((next, process)) = self.after.remove(key) {
            // It was of an earlier keeper, and its end is only what the start waited for.
            match process.filter(|_| self.leaving != Some(true)) {
                Some(process) => {
                    if let Some(child) = self.child(slot) {
                        child.last_run = next.run.saturating_sub(1);
                    }
                    self.starts.push_back((next, process));
                }
                None => self.never_began(next),
            }
            return;
        }
        crate::fault::point("exit.told.before");
        self.state(Fact::Ended { key: key.clone(), ended });
        crate::fault::point("exit.told");
        self.arm(slot);
    }

    /// Strangers have ended: each may have been what was left of a run. One look serves all of them.
    pub(super) fn look_at_all_rests(&mut self) {
        let waits: Vec<Slot> = (0..)
            .zip(&self.children)
            .filter(|(_, child)| {
                let run = child.as_ref().and_then(|child| child.run.as_ref());
                run.is_some_and(|run| {
                    matches!(run.stage, Stage::Rest { .. }) && run.bond.group().is_none()
                })
            })
            .map(|(slot, _)| slot)
            .collect();
        for slot in waits {
            self.look_at_rest(slot);
        }
    }

    /// A process that belonged to nobody has ended.
    pub(super) fn stranger_ended(&mut self, pid: u32, status: Status) {
        self.has_lost_strangers = true;
        self.relay_took_in(pid, &status);
        self.state(Fact::Stranger { pid, status });
    }
}

pub(super) fn ended(status: Status, mut usage: Usage) -> Ended {
    // What a process was before it executed its program counts as its own, and that was this one.
    if usage.memory <= reap::own_peak() {
        usage.memory = 0;
    }
    Ended { status, usage, out_of_memory: false, last: Vec::new(), left: Vec::new(), lost: 0 }
}

/// Returns whether the process of a descriptor has ended, whoever its parent is.
pub(super) fn has_ended(pidfd: BorrowedFd<'_>) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&now)) != Ok(0)
}

/// Names what lives on of a run that nothing held together. A look that fails finds nobody.
fn living(instance: Instance, key: &Key, main: Id) -> Vec<Lost> {
    let mut kin = Kin::new(instance, key);
    kin.set_main(main);
    // It may be anywhere: a keeper that is a reaper is told of it only once it has ended.
    let members = Look::new(Place::Guest).and_then(|look| kin.members(&look));
    let name = |stat: Stat| Lost { pid: stat.id.pid, name: stat.name.into() };
    members.unwrap_or_default().into_iter().take(NAMED).map(name).collect()
}

impl Run {
    /// Sends a signal to the main process. Its number is its own until it is taken in, which happens on
    /// this thread; a process of somebody else's is reached by its descriptor.
    pub(super) fn signal_main(&self, signal: i32) {
        if !matches!(self.stage, Stage::Live) {
            return;
        }
        match &self.pidfd {
            Some(pidfd) => crate::sys::signals::send(pidfd.fd(), signal),
            None => crate::sys::signals::send_to(self.pid, signal),
        }
    }

    pub(super) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(super::child::Watched::fd)
    }
}

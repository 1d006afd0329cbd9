//! What an earlier keeper has left: found again, adopted, ended or refused.

use super::child::{Run, Slot, Stage};
use super::finish::{ended, has_ended};
use super::{Hold, Source};
use crate::contain::{Bond, Id, Leftover, Look, Place, Proc};
use crate::notify::Speech;
use crate::start::failed;
use crate::sys::reap::Reaped;
use mainstay_wire::keeper::{Fact, Key, StartError, Status, Step, Usage};
use mainstay_wire::process::{Access, Leftovers, Process, Session};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::sync::Arc;
use std::time::Duration;

impl Hold {
    /// The main process of a run ended while nobody looked.
    pub(super) fn main_lost(&mut self, slot: Slot, seen: Duration) {
        let now = super::now();
        let Some(run) = self.run(slot) else { return };
        let pid = run.pid.cast_signed();
        let status = Status::Unseen { from: seen, to: now };
        self.main_ended(slot, Reaped { pid, status, usage: Usage::default() });
    }

    /// Looks for what a keeper of the same identity has left.
    pub(crate) fn find_leftovers(&mut self) {
        if self.settings.identity.is_empty() {
            return;
        }
        match self.ladder.leftovers() {
            Ok(left) => {
                let by_child = left.into_iter().map(|left| (Arc::clone(&left.key.child), left));
                self.leftovers = by_child.collect();
            }
            Err(error) => {
                let what = "cannot look for what an earlier keeper has left".to_owned();
                let (child, error) = (Arc::from(""), error.raw_os_error().unwrap_or(0));
                self.state(Fact::Trouble { child, what, error });
            }
        }
    }

    /// Finds again what holds a run together.
    pub(super) fn bond_again(
        &mut self,
        key: &Key,
        process: &Process,
        main: Id,
        ours: bool,
    ) -> Bond {
        // A child never has two runs, so what is left of it is of this one: by another name where it was adopted,
        // and without a main process where that has ended.
        let known = self.leftovers.remove(&key.child).map(|mut left| {
            left.set_main(main);
            left.bond
        });
        let mut bond = known.unwrap_or_else(|| {
            self.ladder.resume(key, process.contain, process.pid_namespace, main)
        });
        if ours {
            bond.own();
        }
        bond
    }

    /// Deals with what an earlier keeper has left of a child that is to start. Returns whether it may.
    pub(super) fn deal_with_leftover(
        &mut self,
        slot: Slot,
        key: &Key,
        process: &Arc<Process>,
    ) -> bool {
        let Some((left, main)) = self.take_leftover(&key.child, process.session) else {
            return true;
        };
        match self.mode(&left.key, process) {
            Leftovers::Refuse => {
                let error = still_lives(&left);
                self.leftovers.insert(Arc::clone(&key.child), left);
                self.not_started(key, error);
            }
            Leftovers::Adopt if main.is_some() => self.adopt(slot, key, left, main, process),
            // Where its main process has ended there is nothing to go on with.
            Leftovers::Adopt | Leftovers::Kill => {
                let old = left.key.clone();
                let stage = if main.is_some() { Stage::Live } else { unseen(super::now()) };
                self.hold_again(slot, &old, left, main, stage, process);
                // The start follows once all of it is gone.
                self.after.insert(old.clone(), (key.clone(), Some(Arc::clone(process))));
                self.kill(&old);
            }
        }
        false
    }

    /// Goes on with a run of an earlier keeper, or says that it is over. It starts nothing.
    pub(super) fn find_again(&mut self, key: &Key, process: &Arc<Process>) {
        if key.run == 0 {
            return self.not_started(key, super::begin::run_0());
        }
        let orders = self.starts.iter().map(|(start, _)| start);
        if orders.chain(self.after.values().map(|(start, _)| start)).any(|start| start == key) {
            return; // It is about to start; what becomes of that is told.
        }
        let slot = self.slot(&key.child);
        if let Some(run) = self.run(slot) {
            if run.key != *key {
                return self.was_over(slot, key); // There is never a second one.
            }
            // Where its main process has ended, its end is told anyway.
            if matches!(run.stage, Stage::Live) {
                let (pid, began) = (run.pid, run.began);
                self.state(Fact::Adopted { key: key.clone(), pid, began });
            }
            return;
        }
        let Some((mut left, main)) = self.take_leftover(&key.child, process.session) else {
            return self.was_over(slot, key);
        };
        self.disarm(slot);
        if let Some(child) = self.child(slot) {
            child.last_run = child.last_run.max(key.run);
        }
        match self.mode(&left.key, process) {
            Leftovers::Refuse => {
                let mut ended = ended(Status::NotStarted(still_lives(&left)), Usage::default());
                let look = Look::new(Place::Guest);
                ended.left = look.and_then(|look| left.bond.left(&look)).unwrap_or_default();
                self.leftovers.insert(Arc::clone(&key.child), left);
                self.state(Fact::Ended { key: key.clone(), ended });
                self.arm(slot);
            }
            Leftovers::Adopt if main.is_some() => self.adopt(slot, key, left, main, process),
            Leftovers::Adopt => {
                self.hold_again(slot, key, left, None, Stage::Live, process);
                self.main_lost(slot, Duration::ZERO);
            }
            Leftovers::Kill => {
                let stage = if main.is_some() { Stage::Live } else { unseen(Duration::ZERO) };
                self.hold_again(slot, key, left, main, stage, process);
                self.kill(key);
            }
        }
    }

    /// A run that is looked for is over. A brain that does not hear of its end any more is told of one that nobody saw.
    fn was_over(&mut self, slot: Slot, key: &Key) {
        let Some(child) = self.child(slot) else { return };
        let was_held = key.run <= child.last_run;
        if child.run.is_none() {
            child.last_run = child.last_run.max(key.run);
        }
        if !was_held || !self.link.tells_end(key) {
            let status = Status::Unseen { from: Duration::ZERO, to: super::now() };
            let ended = ended(status, Usage::default());
            self.state(Fact::Ended { key: key.clone(), ended });
        }
    }

    /// Takes what is left of a child, with a descriptor of its main process where that lives.
    fn take_leftover(
        &mut self,
        child: &Arc<str>,
        session: Session,
    ) -> Option<(Leftover, Option<OwnedFd>)> {
        let mut left = self.leftovers.remove(child)?;
        // One that has ended can be opened until its parent takes it in.
        let main = left.open().filter(|main| !has_ended(main.as_fd()));
        let main = main.filter(|_| is_main(left.main, session));
        let is_there = main.is_some() || !is_empty(&mut left.bond);
        is_there.then_some((left, main))
    }

    /// Returns what becomes of what is left of a run.
    fn mode(&mut self, left: &Key, process: &Process) -> Leftovers {
        // Nobody has been told of it, and its output was never read: it is the very run that failed to begin.
        if self.half_begun.remove(left) { Leftovers::Kill } else { process.leftovers }
    }

    fn adopt(
        &mut self,
        slot: Slot,
        key: &Key,
        left: Leftover,
        main: Option<OwnedFd>,
        process: &Arc<Process>,
    ) {
        let Id { pid, began } = left.main;
        self.hold_again(slot, key, left, main, Stage::Live, process);
        // Nobody reads what it prints any more: that ended with the keeper and the brain before.
        self.lend_again(slot);
        self.state(Fact::Adopted { key: key.clone(), pid, began });
    }

    /// Holds what is left of a run, as the run of this name.
    fn hold_again(
        &mut self,
        slot: Slot,
        key: &Key,
        left: Leftover,
        main: Option<OwnedFd>,
        stage: Stage,
        process: &Arc<Process>,
    ) {
        let run = Run {
            key: key.clone(),
            pid: left.main.pid,
            began: left.main.began,
            user: crate::start::user(process),
            stage,
            pidfd: main.and_then(|main| self.watch(main, Source::Main(slot)).ok()),
            bond: left.bond,
            notify: None,
            speech: Speech::new(Access::None),
            unheard: Vec::new(),
            ready_fd: None,
            is_ready: false,
            lost: 0,
            is_forced: false,
            left: None,
            commands: Vec::new(),
            deadlines: Vec::new(),
            process: Arc::clone(process),
        };
        if let Some(child) = self.child(slot) {
            child.run = Some(run);
        }
    }
}

/// Why a child does not start whose run of an earlier keeper is to be left alone.
fn still_lives(left: &Leftover) -> StartError {
    let about = format!("{}, which still lives as process {}", left.key, left.main.pid);
    failed(Step::Leftover, about, Errno::BUSY)
}

/// Returns whether a process that was left can be the main process of a run: that began with a session or a
/// process group of its own, which those that it started and left behind do not lead.
fn is_main(id: Id, session: Session) -> bool {
    let Some(stat) = Proc::open().ok().and_then(|mut proc| proc.stat(id.pid)) else { return false };
    match session {
        Session::Own => stat.session == id.pid,
        Session::Group => stat.group == id.pid,
        Session::Shared => true,
    }
}

/// Returns whether nothing is left of a run of an earlier keeper. Where that cannot be known there may be.
fn is_empty(bond: &mut Bond) -> bool {
    Look::new(Place::Guest).and_then(|look| bond.is_empty(&look)).unwrap_or(false)
}

/// The main process has ended, since then, and nobody saw it.
fn unseen(from: Duration) -> Stage {
    Stage::Rest { status: Status::Unseen { from, to: super::now() }, usage: Usage::default() }
}

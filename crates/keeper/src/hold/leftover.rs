//! What an earlier keeper has left: found again, adopted, ended or refused.

use super::child::{Run, Slot, Stage};
use super::{Hold, Source};
use crate::contain::{Bond, Id, Look, Place};
use crate::notify::Speech;
use crate::start::failed;
use crate::sys::reap::Reaped;
use mainstay_wire::keeper::{Fact, Key, Status, Step, Usage};
use mainstay_wire::process::{Access, Leftovers, Process, Session};
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
        let Some(mut left) = self.leftovers.remove(&key.child) else { return true };
        let pidfd = left.open().filter(|_| is_main(left.main, process.session));
        if pidfd.is_none() && is_empty(&mut left.bond) {
            return true;
        }
        let mode = match process.leftovers {
            // Nobody has been told of it, and its output was never read: it is this very run that failed to begin.
            _ if self.half_begun.remove(&left.key) => Leftovers::Kill,
            // Where its main process has ended there is nothing to go on with.
            Leftovers::Adopt if pidfd.is_none() => Leftovers::Kill,
            mode => mode,
        };
        if mode == Leftovers::Refuse {
            let about = format!("{}, which still lives as process {}", left.key, left.main.pid);
            let error = failed(Step::Leftover, about, Errno::BUSY);
            self.leftovers.insert(Arc::clone(&key.child), left);
            self.not_started(key, error);
            return false;
        }
        let (pid, began) = (left.main.pid, left.main.began);
        let run = Run {
            key: if mode == Leftovers::Adopt { key.clone() } else { left.key.clone() },
            pid,
            began,
            user: crate::start::user(process),
            stage: if pidfd.is_some() { Stage::Live } else { unseen(super::now()) },
            pidfd: pidfd.and_then(|pidfd| self.watch(pidfd, Source::Main(slot)).ok()),
            bond: left.bond,
            notify: None,
            speech: Speech::new(Access::None),
            ready_fd: None,
            is_ready: false,
            lost: 0,
            is_forced: false,
            left: None,
            commands: Vec::new(),
            deadlines: Vec::new(),
            process: Arc::clone(process),
        };
        let old = run.key.clone();
        if let Some(child) = self.child(slot) {
            child.run = Some(run);
        }
        if mode == Leftovers::Adopt {
            // Nobody reads what it prints any more: that ended with the keeper and the brain before.
            self.lend_again(slot);
            self.state(Fact::Adopted { key: key.clone(), pid, began });
        } else {
            // The start follows once all of it is gone.
            self.after.insert(old.clone(), (key.clone(), Some(Arc::clone(process))));
            self.kill(&old);
        }
        false
    }
}

/// Returns whether a process that was left can be the main process of a run: that began with a session or a
/// process group of its own, which those that it started and left behind do not lead.
fn is_main(id: Id, session: Session) -> bool {
    let Some(pid) = rustix::process::Pid::from_raw(id.pid.cast_signed()) else { return false };
    match session {
        Session::Own => rustix::process::getsid(Some(pid)) == Ok(pid),
        Session::Group => rustix::process::getpgid(Some(pid)) == Ok(pid),
        Session::Shared => true,
    }
}

/// Returns whether nothing is left of a run of an earlier keeper. Where that cannot be known there may be.
fn is_empty(bond: &mut Bond) -> bool {
    Look::new(Place::Guest).and_then(|look| bond.is_empty(&look)).unwrap_or(false)
}

/// The main process has ended, at this moment at the latest, and nobody saw it.
fn unseen(now: Duration) -> Stage {
    Stage::Rest { status: Status::Unseen { from: now, to: now }, usage: Usage::default() }
}

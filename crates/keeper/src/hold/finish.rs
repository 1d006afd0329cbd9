//! The end of a run: its main process, then what is left of it, then its output.

use super::child::{Run, Slot, Stage};
use super::{Due, Hold, Source};
use crate::hold::wait::now;
use crate::output::Last;
use crate::sys::reap::{self, Reaped};
use mainstay_wire::keeper::{Ended, Fact, Key, Status, Usage, Whom};
use rustix::event::epoll::EventFlags;
use rustix::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// How long output is read after the last process of a run is gone. Whoever still holds the other end then
/// was outside of everything that holds a run together.
const DRAIN: Duration = Duration::from_secs(2);
/// How long force takes before what outlives it is named.
const FORCE: Duration = Duration::from_secs(1);
/// How often is looked at what is left, where the kernel does not tell.
const LOOK: Duration = Duration::from_millis(20);

impl Hold {
    /// Sends a signal.
    pub(super) fn signal(&mut self, key: &Key, signal: u8, whom: Whom) {
        let Some(slot) = self.find(key) else { return };
        let Some(run) = self.run(slot) else { return };
        match whom {
            Whom::All => run.bond.signal_all(i32::from(signal)),
            Whom::Main => run.signal_main(i32::from(signal)),
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
        if matches!(run.stage, Stage::Live) {
            run.signal_main(libc::SIGKILL);
        }
        run.bond.kill_all();
        let number = run.key.run;
        let deadline = self.waiting.at(now() + FORCE, Due::Force(slot, number));
        if let Some(run) = self.run(slot) {
            run.deadlines.push(deadline);
        }
        if self.run(slot).is_some_and(|run| matches!(run.stage, Stage::Rest { .. })) {
            self.look_at_rest(slot);
        }
    }

    /// A start that has not been made yet is not made.
    fn forget_start(&mut self, key: &Key) {
        let Some(index) = self.starts.iter().position(|(start, _)| start == key) else { return };
        self.starts.remove(index);
        let ended = ended(Status::Signal { signal: 9, core: false }, Usage::default());
        self.state(Fact::Ended { key: key.clone(), ended });
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
            // It is not our child, or somebody in this process has taken it in: the kernel may still know.
            Err(_) => Reaped {
                pid,
                status: reap::told(pidfd.fd()).unwrap_or_else(|| {
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
        run.bond.main_ended();
        let is_forced = run.is_forced;
        let left = run.bond.left();
        self.unwatch(pidfd);
        if left.is_empty() {
            self.gone(slot);
            return;
        }
        let Some(run) = self.run(slot) else { return };
        let (key, rest) = (run.key.clone(), run.process.rest.0);
        self.state(Fact::MainEnded { key: key.clone(), status: reaped.status, left });
        self.watch_rest(slot);
        if is_forced {
            self.force(slot);
            return;
        }
        if let Some(run) = self.run(slot) {
            run.bond.signal_all(libc::SIGTERM);
            // What is suspended hears it only once it goes on.
            run.bond.signal_all(libc::SIGCONT);
        }
        let deadline = self.waiting.at(now() + rest, Due::Rest(slot, key.run));
        if let Some(run) = self.run(slot) {
            run.deadlines.push(deadline);
        }
    }

    /// Sees to it that the end of what is left is noticed.
    fn watch_rest(&mut self, slot: Slot) {
        let Some(run) = self.run(slot) else { return };
        let number = run.key.run;
        if let Ok(Some(events)) = run.bond.events() {
            let flags = EventFlags::PRI | EventFlags::ET;
            if let Ok(token) = self.waiting.add(events.as_fd(), Source::Cgroup(slot), flags)
                && let Some(run) = self.run(slot)
            {
                run.cgroup = Some(super::child::Watched { fd: events, token });
                return;
            }
        }
        let Some(run) = self.run(slot) else { return };
        let pids: Vec<u32> = run.bond.left().iter().map(|left| left.pid).collect();
        for pid in pids {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed());
            let open =
                |pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok();
            if let Some(fd) = pid.and_then(open)
                && let Ok(watched) = self.watch(fd, Source::Left(slot))
                && let Some(run) = self.run(slot)
            {
                run.left.push(watched);
            }
        }
        // A process made after the look above is not watched.
        let deadline = self.waiting.at(now() + LOOK, Due::Look(slot, number));
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
        let left = run.bond.left();
        if left.is_empty() {
            self.gone(slot);
            return;
        }
        if run.cgroup.is_some() {
            return;
        }
        let (is_forced, old) = (run.is_forced, std::mem::take(&mut run.left));
        if is_forced {
            run.bond.kill_all();
        }
        for watched in old {
            self.unwatch(Some(watched));
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
        let (key, left) = (run.key.clone(), run.bond.left());
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
            None => {
                let deadline = self.waiting.at(now() + DRAIN, Due::Drain(slot, key.run));
                if let Some(run) = self.run(slot) {
                    run.deadlines.push(deadline);
                }
            }
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
            self.drained(&key, last);
        }
    }

    /// All that a run printed is in its log: it is over.
    pub(super) fn drained(&mut self, key: &Key, last: Last) {
        let Some(slot) = self.find(key) else { return };
        let Some(run) = self.child(slot).and_then(|child| child.run.take()) else { return };
        let Run { bond, stage, pidfd, cgroup, notify, ready_fd, left, deadlines, .. } = run;
        for deadline in deadlines {
            self.waiting.cancel(deadline);
        }
        for watched in left.into_iter().chain(pidfd).chain(cgroup).chain(ready_fd) {
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
        ended.left = bond.left();
        ended.last = last.lines;
        ended.lost = last.lost;
        ended.out_of_memory = bond.oom_kills() > 0;
        ended.usage.memory = bond.memory_peak().unwrap_or(ended.usage.memory);
        self.container.release(bond);
        crate::fault::point("exit.told.before");
        self.state(Fact::Ended { key: key.clone(), ended });
        crate::fault::point("exit.told");
        self.arm(slot);
    }

    /// A process that belonged to nobody has ended.
    pub(super) fn stranger_ended(&mut self, pid: u32, status: Status) {
        // It may have been what was left of a run.
        let waits: Vec<Slot> = (0..)
            .zip(&self.children)
            .filter(|(_, child)| {
                let run = child.as_ref().and_then(|child| child.run.as_ref());
                run.is_some_and(|run| {
                    matches!(run.stage, Stage::Rest { .. }) && run.cgroup.is_none()
                })
            })
            .map(|(slot, _)| slot)
            .collect();
        for slot in waits {
            self.look_at_rest(slot);
        }
        self.state(Fact::Stranger { pid, status });
    }
}

fn ended(status: Status, usage: Usage) -> Ended {
    Ended { status, usage, out_of_memory: false, last: Vec::new(), left: Vec::new(), lost: 0 }
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

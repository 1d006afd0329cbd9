//! What a run says: on its notify socket, its notification descriptor, in its output.

use super::child::{Slot, Stage};
use super::{Hold, Ours, Source};
use crate::contain::{Id, Look, Means, Proc, VARIABLE};
use crate::notify::{LONGEST, Message, Relation, Unheard, read_fd_readiness};
use mainstay_wire::keeper::{Fact, Key, Notice, Whence};
use mainstay_wire::process::Access;

/// How many reasons for which a run is not heard are told.
const MOST_REASONS: usize = 8;

impl Hold {
    /// Takes in what stands on the notify socket of a run.
    pub(super) fn notified(&mut self, slot: Slot) {
        let mut buffer = [0; LONGEST + 1];
        // Who talks without end is heard again in the next turn.
        for _ in 0..64 {
            let Some(run) = self.run(slot) else { return };
            let Some((socket, _)) = &run.notify else { return };
            // What cannot be read now is told again.
            let Ok(Some(message)) = socket.receive(&mut buffer) else { return };
            self.take_message(slot, message);
        }
    }

    fn take_message(&mut self, slot: Slot, message: Message) {
        let Some(child) = self.child(slot) else { return };
        let Some(run) = &child.run else { return };
        let key = run.key.clone();
        let relation = self.relation(slot, &message);
        let Some(child) = self.child(slot) else { return };
        let Some(run) = &mut child.run else { return };
        let stored = child.store.len();
        let mut notices = Vec::new();
        let heard = run.speech.take(message, relation, &mut child.store, &mut notices);
        let is_changed = child.store.len() != stored;
        let mut refused = heard.err();
        for notice in notices {
            match notice {
                Notice::Main(pid) => {
                    if !self.main_moves(slot, pid) {
                        refused.get_or_insert(Unheard::MainStrange(pid));
                    }
                }
                Notice::Ready(whence) => self.ready(slot, whence),
                notice => self.state(Fact::Said { key: key.clone(), notice }),
            }
        }
        if let Some(unheard) = refused {
            self.refuse(slot, unheard);
        }
        if is_changed {
            self.watch_store(slot);
            self.lend_again(slot);
        }
    }

    /// Tells that something a run said does not count: each reason once in its life, and only so many of them.
    fn refuse(&mut self, slot: Slot, unheard: Unheard) {
        let Some(run) = self.run(slot) else { return };
        if run.unheard.len() >= MOST_REASONS || run.unheard.contains(&unheard) {
            return;
        }
        let key = run.key.clone();
        let error = unheard.errno().raw_os_error();
        let what = format!("what {key} says on its notify socket was not heard: {unheard}");
        run.unheard.push(unheard);
        self.state(Fact::Trouble { child: key.child, what, error });
    }

    pub(super) fn ready(&mut self, slot: Slot, whence: Whence) {
        let Some(run) = self.run(slot) else { return };
        // A run says it again when it has reloaded.
        run.is_ready = true;
        let (key, notice) = (run.key.clone(), Notice::Ready(whence));
        self.state(Fact::Said { key, notice });
    }

    /// Takes in what a run writes to its notification descriptor.
    pub(super) fn ready_told(&mut self, slot: Slot) {
        let Some(run) = self.run(slot) else { return };
        let Some(ready) = &run.ready_fd else { return };
        let Some(said) = read_fd_readiness(ready.fd()) else { return };
        let ready = run.ready_fd.take();
        self.unwatch(ready);
        if said {
            self.ready(slot, Whence::Fd);
        }
    }

    /// A line that says it is ready was printed.
    pub(super) fn said_by_line(&mut self, key: &Key) {
        if let Some(slot) = self.find(key)
            && self.run(slot).is_some_and(|run| !run.is_ready)
        {
            self.ready(slot, Whence::Line);
        }
    }

    /// A run says that another process is its main process. It has to be one of its own: returns whether it may be.
    fn main_moves(&mut self, slot: Slot, pid: u32) -> bool {
        let owns_all = self.settings.owns_all;
        let Some(run) = self.run(slot) else { return true };
        if run.pid == pid || !matches!(run.stage, Stage::Live) {
            return true;
        }
        if !self.holds(slot, pid) {
            return false;
        }
        let Some(raw) = rustix::process::Pid::from_raw(pid.cast_signed()) else { return false };
        let flags = rustix::process::PidfdFlags::empty();
        let Ok(pidfd) = rustix::process::pidfd_open(raw, flags) else { return false };
        let Some(main) = Id::of(pid) else { return false };
        let Some(run) = self.run(slot) else { return true };
        let former = std::mem::replace(&mut run.pid, pid);
        run.began = main.began;
        run.bond.set_main(main);
        let (key, old) = (run.key.clone(), run.pidfd.take());
        self.by_pid.insert(pid.cast_signed(), Ours::Main(slot));
        match old {
            // Somebody has to take in the former one, which is still our child.
            Some(old) => self.former.push(old),
            None if owns_all => {
                self.by_pid.insert(former.cast_signed(), Ours::Former);
            }
            None => {}
        }
        if let Ok(watched) = self.watch(pidfd, Source::Main(slot))
            && let Some(run) = self.run(slot)
        {
            run.pidfd = Some(watched);
        }
        self.state(Fact::Said { key, notice: Notice::Main(pid) });
        self.lend_again(slot);
        true
    }

    /// Takes in former main processes that have ended meanwhile.
    pub(super) fn take_in_former(&mut self) {
        let former = std::mem::take(&mut self.former);
        for watched in former {
            if matches!(crate::sys::reap::one(0, watched.fd()), Ok(None)) {
                self.former.push(watched);
            } else {
                self.unwatch(Some(watched));
            }
        }
    }
}

impl Hold {
    /// Returns what the sender of a message is to a run.
    fn relation(&mut self, slot: Slot, message: &Message) -> Relation {
        let Some(run) = self.run(slot) else { return Relation::Stranger };
        if message.pid == run.pid {
            return Relation::Main;
        }
        if run.commands.iter().any(|command| command.pid == message.pid) {
            return Relation::Command;
        }
        // Only then does it matter.
        if run.speech.access() != Access::All {
            return Relation::Stranger;
        }
        let user = run.user;
        // A helper that says something and ends is gone before it can be looked at. The socket is this run's
        // own and nobody else was told its name, so the user has to do.
        let is_gone = message.pid != 0 && Id::of(message.pid).is_none();
        if (is_gone && message.uid == user) || self.holds(slot, message.pid) {
            Relation::Member
        } else {
            Relation::Stranger
        }
    }

    /// Returns whether a process is one of a run.
    fn holds(&mut self, slot: Slot, pid: u32) -> bool {
        let instance = self.settings.instance;
        if let Some(run) = self.run(slot)
            && matches!(run.bond.means(), Means::Main)
        {
            // Nothing holds the others, but they carry its mark.
            let mark = Proc::open().ok().and_then(|mut proc| proc.variable(pid, VARIABLE));
            return mark == Some(instance.mark(&run.key).into_bytes());
        }
        let held = self.with_bond(slot, |bond, place| {
            let members = Look::new(place).and_then(|look| bond.members(&look));
            members.is_ok_and(|members| members.iter().any(|member| member.id.pid == pid))
        });
        held == Some(true)
    }
}

impl Hold {
    /// Waits for the other ends of what a child has left here to close.
    pub(super) fn watch_store(&mut self, slot: Slot) {
        let Some(child) = self.child(slot) else { return };
        if child.store_watch.is_some() {
            return;
        }
        let fd = child.store.hangups().and_then(|fd| rustix::io::dup(fd).ok());
        let watched = fd.and_then(|fd| self.watch(fd, Source::Stored(slot)).ok());
        if let Some(child) = self.child(slot) {
            child.store_watch = watched;
        }
    }

    /// Something that a child has left here is of no more use.
    pub(super) fn stored_closed(&mut self, slot: Slot) {
        let Some(child) = self.child(slot) else { return };
        if child.store.sweep() == 0 {
            return;
        }
        let count = child.store.len();
        let key = child.run.as_ref().map(|run| run.key.clone());
        if let Some(key) = key {
            self.state(Fact::Said { key, notice: Notice::Stored(count) });
        }
        self.lend_again(slot);
    }
}

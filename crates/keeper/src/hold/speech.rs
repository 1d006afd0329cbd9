//! What a run says: on its notify socket, its notification descriptor, in its output.

use super::child::{Run, Slot, Stage};
use super::{Hold, Ours, Source};
use crate::notify::{Message, Relation, read_readiness};
use mainstay_wire::keeper::{Fact, Key, Notice, Whence};
use rustix::fd::AsFd;

impl Hold {
    /// Takes in what stands on the notify socket of a run.
    pub(super) fn notified(&mut self, slot: Slot) {
        loop {
            let Some(run) = self.run(slot) else { return };
            let Some((socket, _)) = &run.notify else { return };
            // What cannot be read now is told again.
            let Ok(Some(message)) = socket.receive() else { return };
            self.take_message(slot, message);
        }
    }

    fn take_message(&mut self, slot: Slot, message: Message) {
        let Some(child) = self.child(slot) else { return };
        let Some(run) = &mut child.run else { return };
        let relation = run.relation(&message);
        let (key, max) = (run.key.clone(), run.process.store);
        let stored = child.store.len();
        let mut notices = Vec::new();
        run.speech.take(message, relation, &mut child.store, max as usize, &mut notices);
        let is_changed = child.store.len() != stored;
        for notice in notices {
            match notice {
                Notice::Main(pid) => self.main_moves(slot, pid),
                Notice::Ready(whence) => self.ready(slot, whence),
                notice => self.state(Fact::Said { key: key.clone(), notice }),
            }
        }
        if is_changed {
            self.watch_store(slot);
            self.lend_again(slot);
        }
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
        let Some(said) = read_readiness(ready.fd()) else { return };
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

    /// A run says that another process is its main process. It has to be one of its own.
    fn main_moves(&mut self, slot: Slot, pid: u32) {
        let owns_all = self.settings.owns_all;
        let Some(run) = self.run(slot) else { return };
        if run.pid == pid || !matches!(run.stage, Stage::Live) || !run.bond.holds(pid) {
            return;
        }
        let Some(raw) = rustix::process::Pid::from_raw(pid.cast_signed()) else { return };
        let flags = rustix::process::PidfdFlags::empty();
        let Ok(pidfd) = rustix::process::pidfd_open(raw, flags) else { return };
        let former = std::mem::replace(&mut run.pid, pid);
        run.began = run.bond.moved(pid);
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

impl Run {
    /// Returns what the sender of a message is to this run.
    fn relation(&self, message: &Message) -> Relation {
        if message.pid == self.pid {
            return Relation::Main;
        }
        if self.commands.iter().any(|command| command.pid == message.pid) {
            return Relation::Command;
        }
        if self.bond.holds(message.pid) {
            return Relation::Member;
        }
        // A helper that says something and ends is gone before it can be looked at. The socket is this run's
        // own and nobody else was told its name, so the user has to do.
        let is_gone = message.pid != 0 && !self.bond.is_alive(message.pid);
        if is_gone && self.bond.runs_as(message.uid) {
            Relation::Member
        } else {
            Relation::Stranger
        }
    }
}

impl Hold {
    /// Waits for the other ends of what a child has left here to close.
    pub(super) fn watch_store(&mut self, slot: Slot) {
        let Some(child) = self.child(slot) else { return };
        let tokens = std::mem::take(&mut child.store_tokens);
        let fds: Vec<_> = child.store.watched().filter_map(|fd| rustix::io::dup(fd).ok()).collect();
        for watched in tokens {
            self.unwatch(Some(watched));
        }
        for fd in fds {
            // Neither reading nor writing: an error or a hangup is always told.
            let flags = rustix::event::epoll::EventFlags::empty();
            if let Ok(token) = self.waiting.add(fd.as_fd(), Source::Stored(slot), flags)
                && let Some(child) = self.child(slot)
            {
                child.store_tokens.push(super::child::Watched { fd, token });
            }
        }
    }

    /// Something that a child has left here is of no more use.
    pub(super) fn stored_closed(&mut self, slot: Slot) {
        let Some(child) = self.child(slot) else { return };
        let before = child.store.len();
        child.store.drop_closed();
        let count = u32::try_from(child.store.len()).unwrap_or(u32::MAX);
        if child.store.len() == before {
            return;
        }
        let key = child.run.as_ref().map(|run| run.key.clone());
        self.watch_store(slot);
        if let Some(key) = key {
            self.state(Fact::Said { key, notice: Notice::Stored(count) });
        }
        self.lend_again(slot);
    }
}

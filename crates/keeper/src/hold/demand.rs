//! The sockets of a child, which stay open from run to run, and who connects to them while it does not run.

use super::child::{Child, Slot};
use super::{Hold, Source};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Fact, Role, StartError};
use mainstay_wire::process::Process;
use rustix::fd::BorrowedFd;
use std::sync::Arc;

impl Hold {
    /// Opens the sockets of a child before it runs.
    pub(super) fn listen(&mut self, name: &Arc<str>, process: &Process, demand: bool) {
        let slot = self.slot(name);
        if let Err(error) = self.open_sockets(slot, process) {
            let (child, what) = (Arc::clone(name), error.to_string());
            self.state(Fact::Trouble { child, what, error: error.error });
        }
        if let Some(child) = self.child(slot) {
            child.wants_demand = demand;
        }
        self.arm(slot);
    }

    pub(super) fn open_sockets(&mut self, slot: Slot, process: &Process) -> Result<(), StartError> {
        let Some(child) = self.child(slot) else { return Ok(()) };
        let before = child.listeners.addresses();
        child.listeners.change(&process.sockets)?;
        child.store.limit(process.store);
        if child.listeners.addresses() != before {
            let (child, addresses) = (Arc::clone(&child.name), child.listeners.addresses());
            self.state(Fact::Listening { child, addresses });
            self.lend_again(slot);
        }
        Ok(())
    }

    /// Waits for somebody to connect, where that is wished and nobody else takes connections.
    pub(super) fn arm(&mut self, slot: Slot) {
        self.disarm(slot);
        let Some(child) = self.child(slot) else { return };
        if !child.wants_demand || child.run.is_some() {
            return;
        }
        let fds: Vec<_> =
            child.listeners.sockets().filter_map(|fd| rustix::io::dup(fd).ok()).collect();
        for fd in fds {
            if let Ok(watched) = self.watch(fd, Source::Socket(slot))
                && let Some(child) = self.child(slot)
            {
                child.demand.push(watched);
            }
        }
    }

    pub(super) fn disarm(&mut self, slot: Slot) {
        let Some(child) = self.child(slot) else { return };
        for watched in std::mem::take(&mut child.demand) {
            self.unwatch(Some(watched));
        }
    }

    /// Somebody connects. It is said once; a run that ends, or the brain, lets it be said again.
    pub(super) fn demanded(&mut self, slot: Slot) {
        self.disarm(slot);
        let Some(child) = self.child(slot) else { return };
        let name = Arc::clone(&child.name);
        self.state(Fact::Demand(name));
    }

    /// Closes what is kept for a child between its runs.
    pub(super) fn forget(&mut self, name: &Arc<str>) {
        let Some(slot) = self.by_name.get(name).copied() else { return };
        self.disarm(slot);
        let Some(child) = self.child(slot) else { return };
        if child.run.is_some() {
            return; // It is forgotten once it is over; the brain asks again.
        }
        child.listeners.forget();
        child.store.clear();
        let watched = child.store_watch.take();
        self.unwatch(watched);
        self.outputs.forget(name);
        self.by_name.remove(name);
        self.children[slot as usize] = None;
        self.free.push(slot);
    }
}

impl Child {
    /// Returns what the next run gets, from number 3 on: the sockets, then what earlier runs have left.
    pub(super) fn passed(&self) -> Vec<(BorrowedFd<'_>, &Text)> {
        self.listeners.descriptors().chain(self.store.descriptors()).collect()
    }

    /// Returns the same with what each is.
    pub(super) fn kept(&self) -> impl Iterator<Item = (Role, BorrowedFd<'_>)> {
        let sockets = self.listeners.descriptors();
        let sockets = sockets.map(|(fd, name)| (Role::Socket(name.clone()), fd));
        let stored = self.store.descriptors();
        sockets.chain(stored.map(|(fd, name)| (Role::Stored(name.clone()), fd)))
    }
}

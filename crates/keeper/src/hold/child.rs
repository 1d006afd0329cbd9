//! What is known of one child, between its runs and during one.

use super::wait::Token;
use super::{Hold, Source};
use crate::contain::Bond;
use crate::listen::Listeners;
use crate::notify::{NotifySocket, Speech, Unheard};
use crate::store::Store;
use mainstay_wire::Text;
use mainstay_wire::keeper::{Key, Passed, Status, Usage};
use mainstay_wire::process::Process;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// The place of a child in the list of all.
pub(super) type Slot = u32;

/// One child. It is kept between its runs, for its sockets and what it stored.
pub(super) struct Child {
    pub(super) name: Arc<str>,
    pub(super) listeners: Listeners,
    /// Its sockets, while somebody is waited for at them.
    pub(super) demand: Vec<Watched>,
    pub(super) wants_demand: bool,
    pub(super) store: Store,
    /// What tells that the other end of something in the store has closed.
    pub(super) store_watch: Option<Watched>,
    pub(super) run: Option<Run>,
    pub(super) last_run: u64,
    /// What its next run gets beside its settings.
    pub(super) given: Option<Gift>,
}

/// What one run gets beside its settings.
pub(super) struct Gift {
    pub(super) run: u64,
    pub(super) variables: Vec<(Text, Text)>,
    pub(super) descriptors: Passed,
}

/// A run that has begun and is not over.
pub(super) struct Run {
    pub(super) key: Key,
    pub(super) process: Arc<Process>,
    pub(super) pid: u32,
    pub(super) began: u64,
    /// Whom its main process runs as.
    pub(super) user: u32,
    pub(super) pidfd: Option<Watched>,
    pub(super) bond: Bond,
    pub(super) notify: Option<(NotifySocket, Token)>,
    pub(super) speech: Speech,
    /// What of its messages was refused, each reason once.
    pub(super) unheard: Vec<Unheard>,
    pub(super) ready_fd: Option<Watched>,
    pub(super) is_ready: bool,
    /// Bytes of its output that an earlier keeper took along.
    pub(super) lost: u64,
    /// Whether it has been ended by force.
    pub(super) is_forced: bool,
    pub(super) stage: Stage,
    /// What tells that it is worth to look again at what is left of it.
    pub(super) left: Option<Watched>,
    pub(super) commands: Vec<Command>,
    /// What stands in the list of deadlines.
    pub(super) deadlines: Vec<(Duration, u64)>,
}

/// How far a run has come to its end.
pub(super) enum Stage {
    /// Its main process lives.
    Live,
    /// Its main process has ended; something of it may be left.
    Rest { status: Status, usage: Usage },
    /// All of it is gone; its output is being read to the end.
    Drain { status: Status, usage: Usage },
}

/// A descriptor that is waited for.
pub(super) struct Watched {
    pub(super) fd: OwnedFd,
    pub(super) token: Token,
}

/// A command that runs for a child.
pub(super) struct Command {
    pub(super) ticket: u64,
    pub(super) pid: u32,
    pub(super) pidfd: Option<Watched>,
    pub(super) printed: Option<Watched>,
    /// The last it printed.
    pub(super) output: Vec<u8>,
    /// Set when it was killed for taking too long.
    pub(super) is_late: bool,
    pub(super) deadline: (Duration, u64),
}

impl Hold {
    /// Returns the slot of a child, which is made where there is none.
    pub(super) fn slot(&mut self, name: &Arc<str>) -> Slot {
        if let Some(slot) = self.by_name.get(name) {
            return *slot;
        }
        let child = Child {
            name: Arc::clone(name),
            listeners: Listeners::default(),
            demand: Vec::new(),
            wants_demand: false,
            store: Store::default(),
            store_watch: None,
            run: None,
            last_run: 0,
            given: None,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.children.push(None);
            u32::try_from(self.children.len() - 1).unwrap_or(u32::MAX)
        });
        self.children[slot as usize] = Some(child);
        self.by_name.insert(Arc::clone(name), slot);
        slot
    }

    pub(super) fn child(&mut self, slot: Slot) -> Option<&mut Child> {
        self.children.get_mut(slot as usize)?.as_mut()
    }

    pub(super) fn run(&mut self, slot: Slot) -> Option<&mut Run> {
        self.child(slot)?.run.as_mut()
    }

    /// Returns where this run lives; `None` once it is over, or another one lives there.
    pub(super) fn find(&self, key: &Key) -> Option<Slot> {
        let slot = *self.by_name.get(&key.child)?;
        self.is_run(slot, key.run).then_some(slot)
    }

    pub(super) fn is_run(&self, slot: Slot, run: u64) -> bool {
        let child = self.children.get(slot as usize).and_then(Option::as_ref);
        child.and_then(|child| child.run.as_ref()).is_some_and(|live| live.key.run == run)
    }

    /// Waits for a descriptor to be readable.
    pub(super) fn watch(&mut self, fd: OwnedFd, source: Source) -> std::io::Result<Watched> {
        let token = self.waiting.read(fd.as_fd(), source)?;
        Ok(Watched { fd, token })
    }

    pub(super) fn unwatch(&mut self, watched: Option<Watched>) {
        if let Some(watched) = watched {
            self.waiting.drop_fd(watched.fd.as_fd(), watched.token);
        }
    }
}

impl Watched {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

//! Where orders come from and reports go: a brain in this process, or one behind a socket.

mod kept;
mod socket;
mod thread;

pub(crate) use socket::{MOST_DESCRIPTORS, SocketLink, Stream};
pub(crate) use thread::{Mailbox, ThreadLink};

use mainstay_wire::keeper::{Fact, Key, Order, Report, Sequence};
use rustix::fd::BorrowedFd;
use std::time::Duration;

/// The keeper's end of a link.
pub(crate) enum Link {
    Thread(ThreadLink),
    Socket(SocketLink),
}

/// What came over a link.
pub(crate) enum Heard {
    Orders,
    /// The brain is gone.
    Gone,
}

impl Link {
    /// States a fact. It is kept until it is acknowledged, where the brain may miss it.
    pub(crate) fn state(&mut self, at: Duration, fact: Fact) {
        match self {
            Self::Thread(link) => link.state(at, fact),
            Self::Socket(link) => link.state(at, fact),
        }
    }

    /// Says something that only the present brain can use.
    pub(crate) fn say(&mut self, report: Report) {
        match self {
            Self::Thread(link) => link.tell(report),
            Self::Socket(link) => link.say(&report, &[]),
        }
    }

    /// Gives the brain duplicates of descriptors. One in this process needs none.
    pub(crate) fn share(&mut self, report: &Report, descriptors: &[BorrowedFd<'_>]) {
        match self {
            Self::Thread(_) => {}
            Self::Socket(link) => link.say(report, descriptors),
        }
    }

    /// Returns whether the brain is told of descriptors at all.
    pub(crate) const fn shares(&self) -> bool {
        matches!(self, Self::Socket(_))
    }

    /// Returns whether the brain is told of the end of a run that was held here, or has heard of it.
    pub(crate) fn tells_end(&self, key: &Key) -> bool {
        match self {
            // It is the only one there is, and has been told.
            Self::Thread(_) => true,
            Self::Socket(link) => link.keeps_end(key),
        }
    }

    pub(crate) fn acknowledge(&mut self, seq: Sequence) {
        match self {
            Self::Thread(_) => {}
            Self::Socket(link) => link.acknowledge(seq),
        }
    }

    /// Takes in what has come.
    pub(crate) fn hear(&mut self, into: &mut Vec<Order>) -> Heard {
        match self {
            Self::Thread(link) => link.hear(into),
            Self::Socket(link) => link.hear(into),
        }
    }
}

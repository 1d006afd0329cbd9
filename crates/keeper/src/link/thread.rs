//! A brain in the same process: values are handed over as they are.

use super::Heard;
use mainstay_wire::keeper::{Fact, Order, Report, Sequence};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The orders that a keeper has not read yet, and what wakes it.
#[derive(Debug)]
pub(crate) struct Mailbox {
    orders: Mutex<Vec<Order>>,
    wake: Arc<OwnedFd>,
}

impl Mailbox {
    pub(crate) fn new() -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { orders: Mutex::default(), wake: Arc::new(wake) })
    }

    pub(crate) fn put(&self, order: Order) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.push(order);
        // Who has not read the last ones is still going to.
        let is_first = orders.len() == 1;
        drop(orders);
        if is_first {
            wake(self.wake.as_fd());
        }
    }

    pub(crate) const fn waker(&self) -> &Arc<OwnedFd> {
        &self.wake
    }
}

/// Wakes whoever waits for this eventfd.
pub(crate) fn wake(fd: BorrowedFd<'_>) {
    // It fails only when its count is full, and then it wakes as well.
    _ = rustix::io::write(fd, &1_u64.to_ne_bytes());
}

/// The keeper's end.
pub(crate) struct ThreadLink {
    mailbox: Arc<Mailbox>,
    tell: Box<dyn FnMut(Report) + Send>,
    seq: Sequence,
}

impl ThreadLink {
    pub(crate) fn new(mailbox: Arc<Mailbox>, tell: Box<dyn FnMut(Report) + Send>) -> Self {
        Self { mailbox, tell, seq: Sequence::default() }
    }

    pub(super) fn state(&mut self, at: Duration, fact: Fact) {
        self.seq.0 += 1;
        (self.tell)(Report::Fact { seq: self.seq, at, fact });
    }

    pub(super) fn tell(&mut self, report: Report) {
        (self.tell)(report);
    }

    pub(super) fn hear(&self, into: &mut Vec<Order>) -> Heard {
        let mut orders = self.mailbox.orders.lock().unwrap_or_else(PoisonError::into_inner);
        into.append(&mut orders);
        Heard::Orders
    }
}

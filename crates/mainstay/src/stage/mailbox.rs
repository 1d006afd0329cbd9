//! What others send to a stage, whichever run of it lives.

use super::table::{Control, Key};
use mainstay_core::RunId;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// How much may wait to be taken. A machine takes all of it between two steps; more would only age.
const MOST: usize = 64;

pub(super) enum Entry<E> {
    Event(E),
    Control(Control),
}

pub(super) struct Mailbox<E> {
    inside: Mutex<Inside<E>>,
    /// Whether there is anything: looked at on every step, without the lock.
    has: AtomicBool,
}

struct Inside<E> {
    /// The run that takes.
    run: Option<RunId>,
    entries: VecDeque<Entry<E>>,
    waker: Option<Waker>,
}

impl<E> Mailbox<E> {
    pub(super) const fn new() -> Self {
        let inside = Inside { run: None, entries: VecDeque::new(), waker: None };
        Self { inside: Mutex::new(inside), has: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, Inside<E>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins to take; what was meant for the one before it is gone.
    pub(super) fn open(&self, run: RunId) {
        let mut inside = self.lock();
        inside.run = Some(run);
        inside.entries.clear();
        inside.waker = None;
        self.has.store(false, Ordering::Release);
    }

    /// A run takes no more. Returns what it has not taken.
    pub(super) fn close(&self, run: RunId) -> VecDeque<Entry<E>> {
        let mut inside = self.lock();
        if inside.run != Some(run) {
            return VecDeque::new();
        }
        inside.run = None;
        inside.waker = None;
        self.has.store(false, Ordering::Release);
        std::mem::take(&mut inside.entries)
    }

    pub(super) fn take(&self, run: RunId) -> Option<Entry<E>> {
        if !self.has.load(Ordering::Acquire) {
            return None;
        }
        let mut inside = self.lock();
        if inside.run != Some(run) {
            return None;
        }
        let entry = inside.entries.pop_front();
        self.has.store(!inside.entries.is_empty(), Ordering::Release);
        entry
    }

    /// Returns whether there is anything; if not, the task is woken when there is.
    pub(super) fn poll(&self, run: RunId, task: &Context<'_>) -> bool {
        let mut inside = self.lock();
        if inside.run != Some(run) {
            return false;
        }
        if !inside.entries.is_empty() {
            return true;
        }
        if !inside.waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker())) {
            inside.waker = Some(task.waker().clone());
        }
        false
    }

    fn put(&self, entry: Entry<E>) -> Result<(), SendError> {
        let mut inside = self.lock();
        if inside.run.is_none() {
            return Err(SendError::NotRunning);
        }
        if inside.entries.len() >= MOST {
            return Err(SendError::Full);
        }
        inside.entries.push_back(entry);
        self.has.store(true, Ordering::Release);
        let waker = inside.waker.take();
        drop(inside);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }
}

/// Reaches the live run of a stage. Made by [`controlled`](super::controlled()); cheap to clone.
///
/// What it sends is heard in order, between two steps of the machine. It keeps no tree alive.
pub struct Remote<E> {
    mailbox: Arc<Mailbox<E>>,
}

impl<E: Key> Remote<E> {
    pub(super) const fn new(mailbox: Arc<Mailbox<E>>) -> Self {
        Self { mailbox }
    }

    /// Sends an event.
    ///
    /// # Errors
    ///
    /// No run lives that could take it, or too much waits already.
    pub fn send(&self, event: E) -> Result<(), SendError> {
        self.mailbox.put(Entry::Event(event))
    }

    /// Asks something of the machine: to pause, to resume, to drain, to stop.
    ///
    /// It is about the machine of the live run. The tree knows nothing of it: a run that ends so has come to a clean
    /// end, and the restart rule decides. `Operator::pause` is something else: no automatic starts.
    ///
    /// # Errors
    ///
    /// See [`send`](Self::send).
    pub fn control(&self, control: Control) -> Result<(), SendError> {
        self.mailbox.put(Entry::Control(control))
    }
}

impl<E> Clone for Remote<E> {
    fn clone(&self) -> Self {
        Self { mailbox: Arc::clone(&self.mailbox) }
    }
}

impl<E> fmt::Debug for Remote<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}

/// Why something could not be sent to a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No run of it lives.
    #[error("the stage does not run: wait until it does, by `Handle::wait_for`")]
    NotRunning,
    /// Too much waits to be taken already.
    #[error("the stage has not taken {MOST} earlier events yet: send less, or wait")]
    Full,
}

//! What the threads of the output plane have to tell the keeper.

use super::input::{Answers, Typed};
use super::{Last, Told};
use rustix::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Locks; what a thread that panicked left behind is as good as anything else that can be had.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where news are put down, and who is woken for them.
#[derive(Debug)]
pub(super) struct Board {
    told: Mutex<Vec<Told>>,
    wake: Arc<OwnedFd>,
}

impl Board {
    pub(super) fn new(wake: Arc<OwnedFd>) -> Self {
        Self { told: Mutex::default(), wake }
    }

    pub(super) fn tell(&self, news: Told) {
        let mut told = lock(&self.told);
        told.push(news);
        if told.len() == 1 {
            self.wake();
        }
    }

    pub(super) fn trouble(&self, child: &Arc<str>, what: String, error: i32) {
        self.tell(Told::Trouble { child: Arc::clone(child), what, error });
    }

    /// Tells viewers what became of what they have typed.
    pub(super) fn typed(&self, answers: Answers) {
        for (viewer, Typed { taken, refused }) in answers {
            self.tell(Told::Typed { viewer, taken, refused });
        }
    }

    /// Tells what a run that is over dropped and no line of its log says. Returns the number of bytes.
    pub(super) fn dropped_at_end(&self, run: &super::run::Run) -> u64 {
        let dropped = std::mem::take(&mut *lock(&run.dropped));
        if dropped.bytes > 0 {
            // The last line has no end that could be counted.
            let lines = dropped.lines + u64::from(dropped.is_inside);
            self.tell(Told::Dropped { key: run.key.clone(), lines, bytes: dropped.bytes });
        }
        dropped.bytes
    }

    /// Wakes the keeper for what is found elsewhere.
    pub(super) fn wake(&self) {
        // The counter of an eventfd is full only when nobody has looked for ages.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    pub(super) fn take(&self, into: &mut Vec<Told>) {
        into.append(&mut lock(&self.told));
    }

    /// Takes back the news that a run is drained, where it is there.
    pub(super) fn take_drained(&self, of: &super::Key) -> Option<Last> {
        let mut told = lock(&self.told);
        let at = told.iter().position(|n| matches!(n, Told::Drained { key, .. } if key == of))?;
        match told.remove(at) {
            Told::Drained { last, .. } => Some(last),
            Told::Line { .. }
            | Told::Dropped { .. }
            | Told::Trouble { .. }
            | Told::Screen { .. }
            | Told::Typed { .. }
            | Told::Left { .. } => None,
        }
    }
}

//! What waits to be sent: bounded, and nobody who puts something into it waits.

use super::Progress;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One queue, with what became of everything that was put into it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Told when something comes into an empty queue, and when there is enough for a batch.
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Value>,
    progress: Progress,
}

/// So many are sent together.
pub(super) const BATCH: usize = 512;

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something in; where `most` wait already, it is dropped: what came first explains what came later.
    pub(super) fn put(&self, what: Value, most: usize) {
        let mut state = self.lock();
        if state.waiting.len() >= most {
            state.progress.dropped += 1;
            return;
        }
        state.waiting.push_back(what);
        if matches!(state.waiting.len(), 1 | BATCH) {
            self.filled.notify_one();
        }
    }

    /// Counts what was lost before it came here.
    pub(super) fn missed(&self, count: u64) {
        self.lock().progress.dropped += count;
    }

    /// Returns up to a batch, which stays counted as waiting until its fate is told.
    pub(super) fn take(&self) -> Vec<Value> {
        let mut state = self.lock();
        let count = state.waiting.len().min(BATCH);
        state.waiting.drain(..count).collect()
    }

    /// Puts back what was taken and not sent.
    pub(super) fn put_back(&self, batch: Vec<Value>) {
        let mut state = self.lock();
        for one in batch.into_iter().rev() {
            state.waiting.push_front(one);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Tells what became of a batch.
    pub(super) fn settle(&self, sent: u64, dropped: u64) {
        let mut state = self.lock();
        state.progress.sent += sent;
        state.progress.dropped += dropped;
    }

    /// Counts a try that failed.
    pub(super) fn failed(&self) {
        self.lock().progress.failures += 1;
    }

    pub(super) fn progress(&self) -> Progress {
        let state = self.lock();
        Progress { queued: state.waiting.len() as u64, ..state.progress }
    }
}

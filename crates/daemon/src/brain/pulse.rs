//! What the loop did last: told by the loop, and read by whoever wonders why it stands still.

use super::clock::monotonic;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the loop did last.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<Beat>);

/// One step.
#[derive(Clone, Debug, Default)]
pub(super) struct Beat {
    /// The number of its record in the journal.
    pub(super) record: u64,
    /// How many since this program began.
    pub(super) steps: u64,
    /// The first event of it, as a word.
    pub(super) event: &'static str,
    /// When it began, by the monotonic clock.
    pub(super) at: Duration,
    /// What it is in the middle of; empty: nothing.
    pub(super) within: &'static str,
}

impl Pulse {
    /// The loop begins to take down a step, of which this is the first event.
    pub(super) fn begin(&self, record: u64, event: &'static str) {
        let mut beat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = beat.steps + 1;
        *beat = Beat { record, steps, event, at: monotonic(), within: "loop.step" };
    }

    /// It is done with it.
    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).within = "";
    }

    pub(super) fn last(&self) -> Beat {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

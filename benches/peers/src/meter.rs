//! A counter that wakes one waiter when it gets to an expected count.

use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// Counts what children do; every system pays the same for it.
pub(crate) struct Meter {
    count: AtomicU64,
    expected: AtomicU64,
    reached: Notify,
}

impl Meter {
    pub(crate) const fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            expected: AtomicU64::new(u64::MAX),
            reached: Notify::const_new(),
        }
    }

    /// Names the count that [`Self::reached`] waits for; must come before what is counted begins.
    pub(crate) fn expect(&self, count: u64) {
        self.expected.store(count, Ordering::SeqCst);
    }

    /// Counts one.
    pub(crate) fn add(&self) {
        if self.count.fetch_add(1, Ordering::AcqRel) + 1 == self.expected.load(Ordering::Relaxed) {
            self.reached.notify_one();
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Waits until the expected count has been reached; once for each [`Self::expect`].
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }
}

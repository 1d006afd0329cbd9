//! The one clock: moments of the core from the runtime's monotonic time.
//!
//! Time that the machine spends suspended is not counted on systems whose monotonic clock stands
//! still meanwhile (Linux); nothing reads wall time.

use mainstay_core::Moment;
use tokio::time::Instant;

/// Counts from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    /// Must be called within the runtime, whose time may be a test's virtual one.
    pub(crate) fn new() -> Self {
        Self { epoch: Instant::now() }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment::ZERO + self.epoch.elapsed()
    }

    /// Returns the runtime's instant of a moment; `None` when it lies too far ahead to be reached.
    pub(crate) fn instant(&self, at: Moment) -> Option<Instant> {
        self.epoch.checked_add(at.since(Moment::ZERO))
    }
}

//! The one clock: moments of the core from the runtime's monotonic time.
//!
//! Time that the machine spends suspended is not counted on systems whose monotonic clock stands
//! still meanwhile (Linux); nothing reads wall time.

use mainstay_core::Moment;
#[cfg(feature = "process")]
use std::time::Duration;
use tokio::time::Instant;

/// Counts from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
    /// The moment at that instant.
    base: Moment,
    /// The same instant by the kernel's monotonic clock, where moments have to be found by that.
    #[cfg(feature = "durable")]
    monotonic: Option<Duration>,
}

impl Clock {
    /// Must be called within the runtime, whose time may be a test's virtual one.
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            base: Moment::ZERO,
            #[cfg(feature = "durable")]
            monotonic: None,
        }
    }

    /// Goes on from a moment that is now.
    #[cfg(feature = "durable")]
    pub(crate) fn from(base: Moment, monotonic: Duration) -> Self {
        Self { epoch: Instant::now(), base, monotonic: Some(monotonic) }
    }

    pub(crate) fn now(&self) -> Moment {
        self.base + self.epoch.elapsed()
    }

    /// Returns the runtime's instant of a moment; `None` when it lies too far ahead to be reached.
    pub(crate) fn instant(&self, at: Moment) -> Option<Instant> {
        self.epoch.checked_add(at.since(self.base))
    }

    /// Returns the moment of something that the keeper saw, by the kernel's monotonic clock: it may lie in an
    /// earlier life of this program.
    #[cfg(feature = "process")]
    pub(crate) fn seen(&self, at: Duration) -> Moment {
        let now = self.now();
        #[cfg(feature = "durable")]
        if let Some(began) = self.monotonic {
            let seen = match at.checked_sub(began) {
                Some(after) => self.base + after,
                None => self.base - (began - at),
            };
            return seen.min(now);
        }
        let _ = at;
        now
    }
}

//! The clocks of a daemon: wall time annotates, the kernel's monotonic clock decides.

use mainstay_core::Moment;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Where moments of the tree lie in wall time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    /// A moment, and the kernel's monotonic clock then.
    at: (Moment, Duration),
}

impl Clocks {
    pub(super) const fn new(at: Moment, monotonic: Duration) -> Self {
        Self { at: (at, monotonic) }
    }

    /// Returns the present moment.
    pub(super) fn now(&self) -> Moment {
        self.at.0 + monotonic().saturating_sub(self.at.1)
    }

    /// Returns the wall time now, in milliseconds since 1970.
    pub(super) fn wall(&self) -> i64 {
        wall()
    }

    /// Returns the wall time of a moment, as far as the wall clock has not been set since.
    pub(super) fn wall_of(&self, at: Moment) -> i64 {
        let now = self.now();
        let ago = i64::try_from(now.since(at).as_millis()).unwrap_or(i64::MAX);
        let ahead = i64::try_from(at.since(now).as_millis()).unwrap_or(i64::MAX);
        wall().saturating_sub(ago).saturating_add(ahead)
    }
}

/// Returns the kernel's monotonic clock.
pub(crate) fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// Returns the wall time, in milliseconds since 1970.
pub(super) fn wall() -> i64 {
    let now = clock_gettime(ClockId::Realtime);
    now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000)
}

/// Returns what tells one boot of this machine from another.
pub(super) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

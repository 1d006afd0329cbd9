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

    /// Returns the wall time of a moment, as far as the wall clock has not been set since. Two moments keep their order,
    /// but for what passes between the looks at two clocks.
    pub(super) fn wall_of(&self, at: Moment) -> i64 {
        let now = self.now();
        let ago = i128::try_from(now.since(at).as_nanos()).unwrap_or(i128::MAX);
        let ahead = i128::try_from(at.since(now).as_nanos()).unwrap_or(i128::MAX);
        let at = wall_nanos().saturating_sub(ago).saturating_add(ahead);
        i64::try_from(at.div_euclid(1_000_000)).unwrap_or(if at < 0 { i64::MIN } else { i64::MAX })
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
    i64::try_from(wall_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

fn wall_nanos() -> i128 {
    let now = clock_gettime(ClockId::Realtime);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

/// Returns what tells one boot of this machine from another.
pub(super) fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

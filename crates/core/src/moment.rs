//! Points in monotonic time. Nothing here can obtain the present: the caller brings it along.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in monotonic time: nanoseconds since an epoch that the caller chose once.
///
/// Arithmetic saturates. A moment beyond the year 584 after the epoch is [`Moment::FAR`], which no
/// clock reaches, so "never" needs no second type where a deadline merely lies too far ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);
    /// The last moment that can be written; no clock reaches it.
    pub const FAR: Self = Self(u64::MAX);

    /// Returns the moment this many nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns the nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns how long ago `earlier` was; zero when it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Returns the nanoseconds of `span`, at most `u64::MAX`.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }
}

/// Seconds since the epoch with three decimals: `12.400s`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1_000_000_000, self.0 / 1_000_000 % 1_000)
    }
}

/// A span for people: rounded to milliseconds, in its two largest units: `24.304s`, `1m 30s`, `4h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief(pub Duration);

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = (self.0.as_nanos() + 500_000) / 1_000_000;
        let (seconds, rest) = (millis / 1_000, millis % 1_000);
        let two = |f: &mut fmt::Formatter<'_>, large: u128, unit: char, small: u128, part: char| {
            if small == 0 {
                write!(f, "{large}{unit}")
            } else {
                write!(f, "{large}{unit} {small}{part}")
            }
        };
        match seconds {
            0 if millis == 0 && !self.0.is_zero() => write!(f, "{:?}", self.0),
            0 if millis == 0 => f.write_str("0s"),
            0 => write!(f, "{millis}ms"),
            1..60 => match (rest % 10, rest % 100) {
                _ if rest == 0 => write!(f, "{seconds}s"),
                (0, 0) => write!(f, "{seconds}.{}s", rest / 100),
                (0, _) => write!(f, "{seconds}.{:02}s", rest / 10),
                (_, _) => write!(f, "{seconds}.{rest:03}s"),
            },
            60..3_600 => two(f, seconds / 60, 'm', seconds % 60, 's'),
            3_600..86_400 => two(f, seconds / 3_600, 'h', seconds % 3_600 / 60, 'm'),
            86_400.. => two(f, seconds / 86_400, 'd', seconds % 86_400 / 3_600, 'h'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_brief() {
        let text = |millis| alloc::format!("{}", Brief(Duration::from_millis(millis)));
        let table = [
            (0, "0s"),
            (100, "100ms"),
            (1_500, "1.5s"),
            (24_304, "24.304s"),
            (59_050, "59.05s"),
            (90_000, "1m 30s"),
            (600_000, "10m"),
            (14_400_000, "4h"),
            (90_000_000, "1d 1h"),
        ];
        for (millis, expected) in table {
            assert_eq!(text(millis), expected);
        }
        assert_eq!(alloc::format!("{}", Brief(Duration::from_nanos(7))), "7ns");
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let second = Duration::from_secs(1);
        assert_eq!(Moment::ZERO - second, Moment::ZERO);
        assert_eq!(Moment::FAR + second, Moment::FAR);
        assert_eq!(Moment::ZERO + Duration::MAX, Moment::FAR);
        assert_eq!(Moment::ZERO.since(Moment::FAR), Duration::ZERO);
    }
}

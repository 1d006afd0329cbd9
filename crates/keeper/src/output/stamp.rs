//! Moments as they stand before lines: RFC 3339, UTC, microseconds.

use rustix::time::{ClockId, clock_gettime};

/// How many bytes a stamp has.
pub(super) const LENGTH: usize = 27;

/// A moment of the wall clock: `2026-11-21T14:26:58.123456Z`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    text: [u8; LENGTH],
    seconds: i64,
}

impl Stamp {
    /// Returns the present moment.
    pub(super) fn now() -> Self {
        let now = clock_gettime(ClockId::Realtime);
        Self::at(now.tv_sec, u32::try_from(now.tv_nsec / 1000).unwrap_or_default())
    }

    /// Returns the moment that is so long past the epoch. Years stay within four digits.
    pub(super) fn at(seconds: i64, micros: u32) -> Self {
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        put(&mut text[0..4], year.clamp(0, 9999));
        put(&mut text[5..7], month);
        put(&mut text[8..10], day);
        put(&mut text[11..13], of_day / 3600);
        put(&mut text[14..16], of_day / 60 % 60);
        put(&mut text[17..19], of_day % 60);
        put(&mut text[20..26], i64::from(micros));
        Self { text, seconds }
    }

    /// Returns the text.
    pub(super) fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.text
    }

    /// Returns the whole seconds past the epoch.
    pub(super) fn seconds(&self) -> i64 {
        self.seconds
    }
}

/// Writes the last digits of `number`.
fn put(place: &mut [u8], mut number: i64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// Returns year, month and day of the day that is so many days past 1970-01-01 (Hinnant's algorithm:
/// years begin in March, so that the leap day is the last one).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_the_moment_in_utc() {
        let table = [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000001Z"),
            (1_709_251_199, 999_999, "2024-02-29T23:59:59.999999Z"),
            (1_709_251_200, 0, "2024-03-01T00:00:00.000000Z"),
            (1_798_761_599, 123_456, "2026-12-31T23:59:59.123456Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000000Z"),
            (-1, 5, "1969-12-31T23:59:59.000005Z"),
        ];
        for (seconds, micros, text) in table {
            assert_eq!(Stamp::at(seconds, micros).as_bytes(), text.as_bytes());
        }
    }
}

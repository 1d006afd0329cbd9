//! Moments of a tree as times of day.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use mainstay::{Brief, Moment};
use std::time::Duration;

/// What time it is, by the wall and by the tree: every moment of the tree is converted as of this one.
#[derive(Clone, Debug)]
pub struct Wall {
    /// The time in milliseconds since 1970.
    pub now_at: i64,
    /// The same moment by the clock of the tree.
    pub now: Moment,
    /// Where the people are who read the times.
    pub zone: TimeZone,
}

impl Wall {
    /// Returns a moment of the tree in milliseconds since 1970.
    pub fn at(&self, moment: Moment) -> i64 {
        let ahead = millis(moment.since(self.now));
        let ago = millis(self.now.since(moment));
        self.now_at.saturating_add(ahead).saturating_sub(ago)
    }

    /// Returns a moment as a time of day: `03:12:45`, with the date where it is another day.
    pub fn clock(&self, moment: Moment) -> String {
        time_of_day(self.at(moment), self.now_at, &self.zone)
    }

    /// Returns when something comes: `in 4.2s, at 03:12:45`.
    pub(super) fn ahead(&self, moment: Moment) -> String {
        let left = moment.since(self.now);
        if left.is_zero() {
            return "now".into();
        }
        format!("in {}, at {}", span(left), self.clock(moment))
    }

    /// Returns when something comes at a time in milliseconds since 1970.
    pub(super) fn ahead_of(&self, at: i64) -> String {
        let left = at.saturating_sub(self.now_at).max(0);
        self.ahead(self.now + Duration::from_millis(left.unsigned_abs()))
    }

    /// Returns when something was: `4.2s ago, at 03:12:45`.
    pub(super) fn back(&self, moment: Moment) -> String {
        let passed = self.now.since(moment);
        if passed.is_zero() {
            return "just now".into();
        }
        format!("{} ago, at {}", span(passed), self.clock(moment))
    }
}

/// Returns a time of day, with the date where it is not the day of `today`.
pub(super) fn time_of_day(at: i64, today: i64, zone: &TimeZone) -> String {
    let day = |at| local(at, zone).map(|at| at.date());
    match local(at, zone) {
        Some(then) if day(today) == Some(then.date()) => then.strftime("%H:%M:%S").to_string(),
        Some(_) | None => date_and_time(at, zone),
    }
}

/// Returns a date and a time of day.
pub(super) fn date_and_time(at: i64, zone: &TimeZone) -> String {
    let then = local(at, zone).map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
    then.unwrap_or_else(|| "a time that no calendar has".into())
}

fn local(at: i64, zone: &TimeZone) -> Option<Zoned> {
    Timestamp::from_millisecond(at).ok().map(|at| at.to_zoned(zone.clone()))
}

/// Returns a span as people say it: milliseconds only where they matter.
pub(crate) fn span(span: Duration) -> Brief {
    let to = |unit: u64| {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(nanos.saturating_add(unit / 2) / unit * unit)
    };
    match span.as_millis() {
        0..1_000 => Brief(span),
        1_000..9_950 => Brief(to(100_000_000)),
        9_950.. => Brief(to(1_000_000_000)),
    }
}

/// Rounds a span to milliseconds, as the texts do.
pub(super) fn millis(span: Duration) -> i64 {
    let millis = span.as_nanos().saturating_add(500_000) / 1_000_000;
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_exact_as_people_need() {
        let table =
            [(289, "289ms"), (4_249, "4.2s"), (9_960, "10s"), (24_304, "24s"), (90_400, "1m 30s")];
        for (millis, expected) in table {
            assert_eq!(span(Duration::from_millis(millis)).to_string(), expected);
        }
        assert_eq!(span(Duration::MAX).to_string(), "213503d 23h");
    }

    #[test]
    fn another_day_is_named() {
        let wall = Wall {
            now_at: 1_795_230_000_000,
            now: Moment::from_nanos(7_200_000_000_000),
            zone: TimeZone::fixed(jiff::tz::offset(1)),
        };
        assert_eq!(wall.clock(wall.now), "04:00:00");
        assert_eq!(wall.clock(Moment::ZERO), "02:00:00");
        let tomorrow = wall.now + Duration::from_secs(24 * 3_600);
        assert_eq!(wall.ahead(tomorrow), "in 1d, at 2026-11-22 04:00:00");
        assert_eq!(wall.clock(Moment::FAR), "2611-06-12 01:34:33");
    }
}

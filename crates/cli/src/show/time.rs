//! Spans and moments as people read them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Returns a span in one unit, as it stands in a table: `0.4s`, `42s`, `3m`, `2h`, `3d`.
pub(crate) fn brief(ms: i64) -> String {
    match ms.max(0) {
        ms @ ..10_000 => tenths(ms),
        ms @ 10_000..60_000 => format!("{}s", ms / 1_000),
        ms @ 60_000..3_600_000 => format!("{}m", ms / 60_000),
        ms @ 3_600_000..86_400_000 => format!("{}h", ms / 3_600_000),
        ms => format!("{}d", ms / 86_400_000),
    }
}

/// Returns a span in two units: `4.2s`, `3m 20s`, `2h 5m`, `3d 4h`.
pub(crate) fn span(ms: i64) -> String {
    let two = |big: i64, big_unit, small: i64, small_unit| match small {
        0 => format!("{big}{big_unit}"),
        _ => format!("{big}{big_unit} {small}{small_unit}"),
    };
    let s = ms.max(0) / 1_000;
    match ms.max(0) {
        ms @ ..1_000 => format!("{ms}ms"),
        ms @ 1_000..10_000 => tenths(ms),
        10_000..60_000 => format!("{s}s"),
        60_000..3_600_000 => two(s / 60, "m", s % 60, "s"),
        3_600_000..86_400_000 => two(s / 3_600, "h", s % 3_600 / 60, "m"),
        _ => two(s / 86_400, "d", s % 86_400 / 3_600, "h"),
    }
}

/// Returns what is left of a span that runs out, in whole seconds and never too little: `5s`, `3m 20s`, `2h 5m`.
pub(crate) fn countdown(ms: i64) -> String {
    let s = ms.max(0).saturating_add(999) / 1_000;
    if s < 10 { format!("{s}s") } else { span(s.saturating_mul(1_000)) }
}

/// Returns seconds with one digit behind the point.
fn tenths(ms: i64) -> String {
    let tenths = ms / 100;
    if tenths % 10 == 0 {
        return format!("{}s", tenths / 10);
    }
    format!("{}.{}s", tenths / 10, tenths % 10)
}

/// Returns a moment in local time: the time alone where it is of the same day as `now`.
pub(crate) fn moment(at: i64, now: i64) -> String {
    match (local(at), local(now)) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M:%S").to_string(),
        (Some(at), _) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        (None, _) => "-".into(),
    }
}

/// Returns a moment in local time with milliseconds, as it stands before a line of output.
pub(crate) fn clock(at: i64) -> String {
    local(at).map_or_else(|| "-".into(), |at| at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string())
}

fn local(at: i64) -> Option<Zoned> {
    // Tests read the same moments everywhere.
    let zone = if cfg!(test) { TimeZone::UTC } else { TimeZone::system() };
    Some(Timestamp::from_millisecond(at).ok()?.to_zoned(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let (s, m, h, d) = (1_000, 60_000, 3_600_000, 86_400_000);
        let table = [
            (-5, "0s", "0ms"),
            (450, "0.4s", "450ms"),
            (4_250, "4.2s", "4.2s"),
            (42 * s + 900, "42s", "42s"),
            (3 * m + 20 * s, "3m", "3m 20s"),
            (2 * h, "2h", "2h"),
            (2 * h + 5 * m, "2h", "2h 5m"),
            (3 * d + 4 * h + 59 * m, "3d", "3d 4h"),
        ];
        for (ms, in_one, in_two) in table {
            assert_eq!((brief(ms).as_str(), span(ms).as_str()), (in_one, in_two), "{ms}");
        }
    }

    #[test]
    fn what_runs_out_is_never_said_too_short() {
        let table = [(-1, "0s"), (1, "1s"), (4_200, "5s"), (59_001, "1m"), (200_000, "3m 20s")];
        for (ms, text) in table {
            assert_eq!(countdown(ms), text, "{ms}");
        }
    }
}

//! Spans of time, sizes and switches, as neighbours write them and as the spec file does.

use std::time::Duration;

/// As long as any bound may be.
pub(crate) const FOR_EVER: &str = "5000w";

/// Returns a span as the spec file has it.
pub(crate) fn span(span: Duration) -> String {
    let nanos = span.as_nanos();
    if nanos == 0 {
        return "0s".into();
    }
    const UNITS: [(u128, &str); 6] = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let mut left = nanos;
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        if left >= unit {
            parts.push(format!("{}{name}", left / unit));
            left %= unit;
        }
    }
    parts.join(" ")
}

/// Reads a number of seconds, with a fraction or without.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    // A century is no span that anybody waits for.
    let fits = (0.0..=3_000_000_000.0).contains(&seconds);
    fits.then(|| Duration::from_millis((seconds * 1000.0).round() as u64))
}

/// Reads a number of milliseconds.
pub(crate) fn millis(text: &str) -> Option<Duration> {
    let millis: u64 = text.trim().parse().ok()?;
    (millis <= 3_000_000_000_000).then(|| Duration::from_millis(millis))
}

/// Reads what Go's `time.ParseDuration` and Docker take: `1m30s`, `500ms`, `1.5h`.
pub(crate) fn go(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            "d" => 86400e9,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[letters..];
    }
    (total < 3e18).then(|| Duration::from_nanos(total.round() as u64))
}

/// Reads a size with a unit of 1024: `50MB`, `1G`, `64k`, `512MiB`; upper and lower case are one.
pub(crate) fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let factor: u64 = match text[digits..].trim() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Returns a size as the spec file has it.
pub(crate) fn bytes(size: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if size > 0 && size.is_multiple_of(unit) {
            return format!("{}{name}", size / unit);
        }
    }
    size.to_string()
}

/// Reads a switch.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// Returns the name of a signal without `SIG`, if there is such a one.
pub(crate) fn signal(text: &str) -> Option<String> {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let text = text.trim();
    if let Ok(number) = text.parse::<usize>() {
        return NAMES.get(number.checked_sub(1)?).map(|name| (*name).into());
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    NAMES.contains(&name).then(|| name.to_owned())
}

/// Reads rights in octal, and returns them as the spec file has them.
pub(crate) fn rights(text: &str) -> Option<String> {
    let digits = text.trim().trim_start_matches("0o");
    let rights = u32::from_str_radix(digits, 8).ok()?;
    (rights <= 0o777 && !digits.is_empty()).then(|| format!("{rights:04o}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_keep_their_length() {
        for (millis, text) in [
            (0, "0s"),
            (500, "500ms"),
            (90_000, "1m 30s"),
            (10_000, "10s"),
            (5_400_000, "1h 30m"),
            (1_600, "1s 600ms"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
        assert_eq!(go("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(go("1.5h"), Some(Duration::from_secs(5400)));
        assert_eq!(go("soon"), None);
        assert_eq!(go("5"), None);
        assert_eq!(size("50MB"), Some(50 << 20));
        assert_eq!(bytes(50 << 20), "50MiB");
        assert_eq!(bytes(1000), "1000");
        assert_eq!(signal("SIGusr1"), Some("USR1".into()));
        assert_eq!(signal("15"), Some("TERM".into()));
        assert_eq!(signal("NOPE"), None);
        assert_eq!(rights("022"), Some("0022".into()));
        assert_eq!(rights("8"), None);
    }
}

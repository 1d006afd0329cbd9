//! Spans of time, sizes and other values that are written as text.

use mainstay_core::policy::budget::Within;
use std::time::Duration;

/// Longer spans are no spans but slips.
const LONGEST: Duration = mainstay_core::spec::check::LONGEST;

/// Reads `500ms`, `1m 30s`, `1.5h`; only zero has no unit.
pub(super) fn span(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        total = total.checked_add(part(number, unit)?)?;
        rest = after.trim_start();
    }
    (total <= LONGEST).then_some(total)
}

/// Reads one number with its unit, exactly: a binary fraction would not be.
fn part(number: &str, unit: &str) -> Option<Duration> {
    let nanos: u128 = match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "w" => 604_800_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || whole.len() > 20 || fraction.len() > 15 {
        return None;
    }
    let scale = 10_u128.pow(fraction.len() as u32);
    let parts = whole.parse::<u128>().ok()?.checked_mul(scale)?;
    let parts = parts.checked_add(fraction.parse::<u128>().ok()?)?;
    let nanos = parts.checked_mul(nanos)? / scale;
    Some(Duration::from_nanos(u64::try_from(nanos).ok()?))
}

/// Reads `4096`, `64KiB`, `10MB`.
pub(crate) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Reads `0644`, `644`, `0o644`: always octal, as `chmod` does.
pub(crate) fn rights(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let is_octal = digits.len() >= 3 && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let rights = is_octal.then(|| u32::from_str_radix(digits, 8).ok())??;
    (rights <= 0o777).then_some(rights)
}

/// Reads `150%` or `150`.
pub(super) fn percent(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    number.parse().ok().filter(|percent| *percent > 0)
}

/// Reads `10m`, `sliding 10m`, `tumbling 10m`, `consecutive`.
pub(super) fn window(text: &str) -> Option<Within> {
    let text = text.trim();
    if text == "consecutive" {
        return Some(Within::Consecutive);
    }
    let within = match text.split_once(char::is_whitespace) {
        Some(("tumbling", rest)) => Within::Tumbling(span(rest)?),
        Some(("sliding", rest)) => Within::Sliding(span(rest)?),
        Some(_) | None => Within::Sliding(span(text)?),
    };
    Some(within)
}

/// Splits a command as a shell would, but for what is special to one: quotes and `\` keep characters together.
pub(super) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("a single quote is not closed"),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err("a double quote is not closed"),
                        },
                        Some(c) => word.push(c),
                        None => return Err("a double quote is not closed"),
                    }
                }
            }
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("nothing stands behind the last `\\`"),
            },
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units_and_are_exact() {
        let millis = |n| Some(Duration::from_millis(n));
        let table = [
            ("500ms", millis(500)),
            ("10s", millis(10_000)),
            ("1m 30s", millis(90_000)),
            ("1m30s", millis(90_000)),
            ("1.5h", millis(5_400_000)),
            ("0.1s", millis(100)),
            ("2d", millis(172_800_000)),
            ("1w", millis(604_800_000)),
            ("0", millis(0)),
            ("7ns", Some(Duration::from_nanos(7))),
            ("5", None),
            ("-5s", None),
            ("5 parsecs", None),
            ("s", None),
            ("", None),
            ("1.s", None),
            ("1..5s", None),
            ("5s5", None),
            ("99999999w", None),
            ("5M", None),
        ];
        for (text, expected) in table {
            assert_eq!(span(text), expected, "{text:?}");
        }
    }

    #[test]
    fn sizes_rights_and_windows() {
        for (text, expected) in [
            ("4096", Some(4_096)),
            ("64KiB", Some(65_536)),
            ("64K", Some(65_536)),
            ("10MB", Some(10_000_000)),
            ("1 GiB", Some(1 << 30)),
            ("1.5G", None),
            ("10m", None),
            ("99999999999T", None),
            ("", None),
        ] {
            assert_eq!(size(text), expected, "{text:?}");
        }
        for (text, expected) in [
            ("0644", Some(0o644)),
            ("644", Some(0o644)),
            ("0o600", Some(0o600)),
            ("8", None),
            ("0999", None),
            ("07777", None),
        ] {
            assert_eq!(rights(text), expected, "{text:?}");
        }
        assert_eq!(percent("150%"), Some(150));
        assert_eq!(percent("0%"), None);
        assert_eq!(window("tumbling 1m"), Some(Within::Tumbling(Duration::from_secs(60))));
        assert_eq!(window("1m 5s"), Some(Within::Sliding(Duration::from_secs(65))));
        assert_eq!(window("sliding 1m"), Some(Within::Sliding(Duration::from_secs(60))));
        assert_eq!(window("consecutive"), Some(Within::Consecutive));
        assert_eq!(window("rolling 1m"), None);
    }

    #[test]
    fn a_command_is_split_as_a_shell_would() {
        let table: [(&str, &[&str]); 6] = [
            ("./serve --port 80", &["./serve", "--port", "80"]),
            ("a  'b c' \"d e\"f", &["a", "b c", "d ef"]),
            (r#"a "say \"x\" \n" \ b"#, &["a", r#"say "x" \n"#, " b"]),
            ("a '' b", &["a", "", "b"]),
            ("a;b | c $HOME", &["a;b", "|", "c", "$HOME"]),
            ("  ", &[]),
        ];
        for (line, expected) in table {
            let words = split(line).expect("it can be split");
            assert_eq!(words, expected, "{line:?}");
        }
        for line in ["a 'b", "a \"b", "a \\", "\"a\\"] {
            assert!(split(line).is_err(), "{line:?}");
        }
    }
}

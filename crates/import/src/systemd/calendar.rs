//! `OnCalendar=` as a cron expression, where one says the same.

/// Returns the cron expression, with seconds in front where they are not zero.
pub(super) fn cron(text: &str) -> Option<String> {
    let named = match text.trim() {
        "minutely" => "* * * * *",
        "hourly" => "0 * * * *",
        "daily" => "0 0 * * *",
        "weekly" => "0 0 * * 1",
        "monthly" => "0 0 1 * *",
        "quarterly" => "0 0 1 1,4,7,10 *",
        "semiannually" | "bi-annually" => "0 0 1 1,7 *",
        "yearly" | "annually" => "0 0 1 1 *",
        _ => "",
    };
    if !named.is_empty() {
        return Some(named.into());
    }
    let (mut days, mut date, mut time) = ("*".to_owned(), None, None);
    for (at, part) in text.split_whitespace().enumerate() {
        if part.contains(':') && time.is_none() {
            time = Some(part);
        } else if part.contains('-')
            && part.chars().all(|c| c.is_ascii_digit() || "-*,./".contains(c))
            && date.is_none()
        {
            date = Some(part);
        } else if at == 0 {
            days = weekdays(part)?;
        } else {
            // A time zone.
            return None;
        }
    }
    let (month, day) = match date {
        None => ("*".to_owned(), "*".to_owned()),
        Some(date) => {
            let parts: Vec<&str> = date.split('-').collect();
            match parts.as_slice() {
                ["*", month, day] | [month, day] => (field(month, 1)?, field(day, 1)?),
                _ => return None,
            }
        }
    };
    let parts: Vec<&str> = time.unwrap_or("00:00:00").split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (field(hour, 0)?, field(minute, 0)?, "0".to_owned()),
        [hour, minute, second] => (field(hour, 0)?, field(minute, 0)?, field(second, 0)?),
        _ => return None,
    };
    // Cron joins a day of the month and a weekday with "or"; systemd with "and".
    if day != "*" && days != "*" {
        return None;
    }
    let rest = format!("{minute} {hour} {day} {month} {days}");
    Some(if second == "0" { rest } else { format!("{second} {rest}") })
}

fn weekdays(text: &str) -> Option<String> {
    const NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let number = |name: &str| {
        let name = name.get(..3)?.to_ascii_lowercase();
        NAMES.iter().position(|known| *known == name)
    };
    let mut all = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last && last == 0 {
                    all.push(format!("{first}-6"));
                    all.push("0".into());
                } else if first > last {
                    return None;
                } else {
                    all.push(format!("{first}-{last}"));
                }
            }
            None => all.push(number(part)?.to_string()),
        }
    }
    Some(all.join(","))
}

/// Reads `*`, `05`, `6,18`, `8..17`, `0/15`.
fn field(text: &str, first: u32) -> Option<String> {
    let number = |text: &str| text.parse::<u32>().ok();
    let mut all = Vec::new();
    for part in text.split(',') {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(number(step)?)),
            None => (part, None),
        };
        let span = match (span, span.split_once("..")) {
            ("*", _) => "*".to_owned(),
            (_, Some((from, to))) => format!("{}-{}", number(from)?, number(to)?),
            (one, None) => number(one)?.to_string(),
        };
        all.push(match step {
            None => span,
            Some(step) if span == "*" || span == first.to_string() => format!("*/{step}"),
            Some(step) if span.contains('-') => format!("{span}/{step}"),
            Some(_) => return None,
        });
    }
    Some(all.join(","))
}

#[cfg(test)]
mod tests {
    use super::cron;

    #[test]
    fn calendars_become_cron_expressions_where_one_says_the_same() {
        for (text, expected) in [
            ("daily", Some("0 0 * * *")),
            ("*-*-* 6,18:00", Some("0 6,18 * * *")),
            ("Mon..Fri 10:30", Some("30 10 * * 1-5")),
            ("*-*-01 04:00:00", Some("0 4 1 * *")),
            ("*:0/15", Some("*/15 * * * *")),
            ("Sun *-*-* 03:10:00", Some("10 3 * * 0")),
            ("*-*-* *:*:30", Some("30 * * * * *")),
            ("Fri *-*-13", None),
            ("2026-01-01", None),
            ("*-*-* 05:00 Europe/Berlin", None),
            ("sometimes", None),
        ] {
            assert_eq!(cron(text).as_deref(), expected, "{text}");
        }
    }
}

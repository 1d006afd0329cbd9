//! Timelines as text for a terminal.

mod ends;

use super::Timeline;
use mainstay::Brief;
use std::fmt::{self, Display, Write as _};
use std::time::Duration;

/// Below this width two timelines stand one below the other.
const SIDE_BY_SIDE: usize = 100;

impl Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(100))
    }
}

impl Timeline {
    /// Writes it with lines of no more than so many columns, where words allow it.
    pub fn text(&self, width: usize) -> String {
        let mut text = format!("{}: {}\n", self.policy, self.scenario);
        for rule in &self.rules {
            lines(&mut text, "    ", rule, width);
        }
        text.push('\n');
        self.steps(&mut text, width);
        text.push('\n');
        for (name, value) in self.figures() {
            lines(&mut text, &format!("{name:<14}"), &value, width);
        }
        text
    }

    fn steps(&self, text: &mut String, width: usize) {
        for (at, step) in &self.steps {
            lines(text, &format!("{:>8}  ", after(*at).to_string()), step, width);
        }
    }

    /// What can be compared, with its name.
    fn figures(&self) -> Vec<(&'static str, String)> {
        let gives_up = match (&self.gave_up_at, &self.gave_up) {
            (Some(at), Some(what)) => format!("after {}: {what}", after(*at)),
            (Some(_), None) | (None, _) => "never".into(),
        };
        let share = if self.horizon.is_zero() {
            0.0
        } else {
            100.0 * self.uptime.as_secs_f64() / self.horizon.as_secs_f64()
        };
        let cut = if self.is_cut { ", then it was followed no more" } else { "" };
        vec![
            ("gives up", gives_up),
            ("starts", format!("{} in {}{cut}", self.starts, after(self.horizon))),
            (
                "restarts",
                format!(
                    "{:.1} an hour, {} starts in the busiest hour",
                    self.restarts_per_hour, self.busiest_hour
                ),
            ),
            ("ready", format!("{} ({share:.2} %)", after(self.uptime))),
            (
                "down",
                format!(
                    "{} in all, {} at a stretch",
                    after(self.downtime),
                    after(self.longest_down)
                ),
            ),
            (
                "alerts",
                self.alerts.map_or_else(|| "not recorded".into(), |alerts| alerts.to_string()),
            ),
            ("at the end", self.ends.clone()),
        ]
    }
}

/// Writes two timelines side by side, then their figures as a table.
///
/// Where both are played by one scenario, each row is one end: when it came, and what followed by either policy.
pub fn compare(one: &Timeline, other: &Timeline, width: usize) -> String {
    let mut text = String::new();
    if one.scenario == other.scenario {
        lines(&mut text, "", &one.scenario, width);
        text.push('\n');
    }
    if !one.falls.is_empty() && !other.falls.is_empty() {
        text.push_str(&ends::table(one, other, width));
        text.push('\n');
        figures(&mut text, one, other, width);
        return text;
    }
    if width < SIDE_BY_SIDE {
        for timeline in [one, other] {
            lines(&mut text, "", &timeline.policy, width);
            timeline.steps(&mut text, width);
            text.push('\n');
        }
    } else {
        let half = (width - 3) / 2;
        let column = |timeline: &Timeline| {
            let mut text = format!("{}\n", timeline.policy);
            timeline.steps(&mut text, half);
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        beside(&mut text, &column(one), &column(other), half);
        text.push('\n');
    }
    figures(&mut text, one, other, width);
    text
}

/// Writes two columns.
fn beside(text: &mut String, left: &[String], right: &[String], half: usize) {
    for at in 0..left.len().max(right.len()) {
        let part = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
        let (left, right) = (part(left), part(right));
        let gap = half.saturating_sub(left.chars().count());
        let line = format!("{left}{} │ {right}", " ".repeat(gap));
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Writes the figures of two timelines as a table.
fn figures(text: &mut String, one: &Timeline, other: &Timeline, width: usize) {
    let half = width.saturating_sub(14 + 2) / 2;
    let heads = [("", one.policy.clone(), other.policy.clone())];
    let rows = one.figures().into_iter().zip(other.figures());
    let rows = rows.map(|((name, one), (_, other))| (name, one, other));
    for (name, one, other) in heads.into_iter().chain(rows) {
        let (one, other) = (wrap(&one, half), wrap(&other, half));
        for at in 0..one.len().max(other.len()) {
            let name = if at == 0 { name } else { "" };
            let part = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
            let (one, other) = (part(&one), part(&other));
            let gap = half.saturating_sub(one.chars().count());
            let line = format!("{name:<14}{one}{}  {other}", " ".repeat(gap));
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
}

/// Writes a text after a head, further lines indented as far.
fn lines(text: &mut String, head: &str, body: &str, width: usize) {
    let indent = head.chars().count();
    for (at, line) in wrap(body, width.saturating_sub(indent)).into_iter().enumerate() {
        let lead = if at == 0 { head.to_owned() } else { " ".repeat(indent) };
        // A string takes all that is written to it.
        let _ = writeln!(text, "{}", format!("{lead}{line}").trim_end());
    }
}

/// Breaks a text into lines of no more than so many letters; a longer word has a line of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { continue };
        let length = line.chars().count();
        if length > 0 && length + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
            continue;
        }
        if length > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines
}

/// Returns a span from the beginning, no more exact than people need.
fn after(span: Duration) -> Brief {
    crate::story::wall::span(span)
}

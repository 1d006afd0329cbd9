//! One child in detail.

use super::status::{alert_line, look};
use super::text::{count, tame, wrap};
use super::time::{moment, span};
use crate::screen::{Screen, Tint};
use mainstay_wire::api::{Child, Want};

/// The width of the names before the values.
const NAMES: usize = 11;

/// Returns everything about one child that stands in the tree.
pub(crate) fn child(child: &Child, now: i64, screen: &Screen) -> String {
    let (glyph, tint) = look(child);
    let mut out = format!(
        "{} {}\n",
        screen.paint(tint, &format!("{glyph} {}:", tame(&child.path, false))),
        tame(&child.state, false)
    );
    let mut field = |name: &str, value: &str, tint: Tint| {
        let indent = " ".repeat(NAMES + 4);
        let text = wrap(&tame(value, false), screen.width.unwrap_or(usize::MAX), &indent);
        let name = screen.paint(Tint::Dim, &format!("  {name:<NAMES$}  "));
        let value = screen.paint(tint, text.trim_start().trim_end_matches('\n'));
        out.push_str(&format!("{name}{value}\n"));
    };
    if let Some(description) = &child.description {
        field("is", description, Tint::Plain);
    }
    if let Some(since) = child.since_at {
        // Answers are dated by the second.
        let ago = if now - since < 1_000 { "just now".into() } else { span(now - since) };
        let text = format!("{} ({ago})", moment(since, now));
        field("since", &text, Tint::Plain);
    }
    if let Some(next) = &child.next {
        let text = format!("{} in {}, at {}", next.what, span(next.in_ms), moment(next.at, now));
        field("next", &text, Tint::Plain);
    }
    let runs = match child.run {
        Some(run) => format!("#{run}, "),
        None => "none alive, ".into(),
    };
    let runs = format!(
        "{runs}{} so far, {}",
        count(child.runs, "run", "runs"),
        count(child.restarts, "restart", "restarts")
    );
    field("run", &runs, Tint::Plain);
    if let Some(pid) = child.pid {
        field("pid", &pid.to_string(), Tint::Plain);
    }
    if let Some(last) = &child.last {
        let lived = span(last.lived_ms);
        let ended = moment(last.ended_at, now);
        let text = format!("#{} {} after {lived}, at {ended}", last.run, last.text);
        field("last run", &text, Tint::Plain);
    }
    let mut wants = vec![match child.want {
        Want::Up => "up",
        Want::Down => "down, until somebody starts it",
    }];
    wants.extend(child.paused.then_some("paused: no automatic starts"));
    wants.extend(child.quarantined.then_some("quarantined: refused until released"));
    field("wanted", &wants.join("; "), Tint::Plain);
    for alert in &child.alerts {
        let mut text = alert_line(alert, now);
        if let Some(by) = &alert.seen_by {
            let why = alert.seen_why.as_deref().unwrap_or("by hand");
            text.push_str(&format!("; acknowledged by {by}: {why}"));
        }
        let is_open = alert.seen_by.is_none() && !alert.over;
        field("alert", &text, if is_open { Tint::Bad } else { Tint::Warn });
    }
    if let Some(trouble) = &child.trouble {
        field("trouble", trouble, Tint::Warn);
    }
    if let Some(says) = &child.says {
        field("says", says, Tint::Plain);
    }
    if !child.said.is_empty() {
        let said = child.said.iter().map(|(name, value)| format!("{name}={value}"));
        field("told", &said.collect::<Vec<_>>().join(", "), Tint::Dim);
    }
    if let Some(position) = &child.position {
        field("position", position, Tint::Plain);
    }
    let kind = format!("{}, {}, revision {}", child.kind, child.criticality, child.revision);
    field("kind", &kind, Tint::Plain);
    if !child.addresses.is_empty() {
        field("listens", &child.addresses.join(", "), Tint::Plain);
    }
    if let Some(log) = &child.log {
        field("log", log, Tint::Plain);
    }
    if child.dropped > 0 {
        let text = format!("{} of output", count(child.dropped, "line", "lines"));
        field("dropped", &text, Tint::Warn);
    }
    if let Some(contain) = &child.contain {
        field("held by", contain, Tint::Plain);
    }
    let labels: Vec<String> =
        child.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !labels.is_empty() {
        field("labels", &labels.join(", "), Tint::Plain);
    }
    let hint = format!("why: mainstay explain {}", child.path);
    out.push_str(&screen.paint(Tint::Dim, &format!("  {hint}")));
    out
}

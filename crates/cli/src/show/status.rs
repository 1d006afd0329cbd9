//! The tree at a glance.

use super::table::{Cell, Column, Layout, Row};
use super::text::{again, bytes, count, cut_end, tame, width, wrap};
use super::time::{brief, moment, span};
use crate::screen::{Screen, Tint};
use mainstay_wire::api::{Alert, Child, Health, Overall, Standing, Status, Want};
use std::collections::BTreeSet;

/// A status as lines: what stays in sight, and what may be scrolled.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The tree as a whole, and the titles of the columns.
    pub(crate) head: Vec<String>,
    /// The children, and what is to be said about each.
    pub(crate) body: Vec<String>,
}

impl Shown {
    /// Returns all of it.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<&str> = self.head.iter().chain(&self.body).map(String::as_str).collect();
        lines.join("\n")
    }
}

/// The columns of the tree.
pub(crate) const COLUMNS: &[Column] = &[
    Column::names("NAME"),
    Column::text("STATE"),
    Column::numbers("SINCE"),
    Column::numbers("RUN"),
    Column::numbers("RESTARTS"),
    Column::numbers("PID"),
    Column::text("NEXT"),
];

/// Who gives way where the terminal is narrow, in this order, and down to which width.
const GIVES: &[(usize, usize)] =
    &[(6, 14), (1, 24), (5, 0), (6, 0), (0, 24), (4, 0), (1, 14), (3, 0), (0, 12), (2, 0)];

/// Returns the tree as lines. `chosen` are the children that are wanted, all where there is none; what is above
/// them is shown too.
pub(crate) fn status(status: &Status, chosen: Option<&BTreeSet<String>>, screen: &Screen) -> Shown {
    let mut head = vec![headline(status, screen)];
    head.extend(particulars(status, status.now_at, screen));
    head.push(String::new());
    let shown: Vec<&Child> = match chosen {
        None => status.children.iter().collect(),
        Some(chosen) => status.children.iter().filter(|child| is_over(child, chosen)).collect(),
    };
    if shown.is_empty() {
        let text = match chosen {
            None => "the tree has no children: `mainstay add NAME -- COMMAND` adds one",
            Some(_) => "nothing is as it should not be",
        };
        return Shown { head, body: vec![screen.paint(Tint::Dim, text)] };
    }
    let stems = stems(&shown);
    let rows: Vec<Row> = shown
        .iter()
        .zip(&stems)
        .map(|(child, stem)| row(child, &stem.lead, status.now_at))
        .collect();
    let layout = Layout::new(COLUMNS, &rows, screen.width, GIVES);
    head.push(layout.head(screen));
    let mut body = Vec::new();
    for ((child, row), stem) in shown.iter().zip(&rows).zip(&stems) {
        body.push(layout.row(row, screen));
        for (tint, remark) in remarks(child, status.now_at) {
            let indent = format!("{}  ", stem.below);
            let room = screen.width.map(|columns| columns.saturating_sub(width(&indent)));
            let remark = cut_end(&remark, room.unwrap_or(usize::MAX));
            body.push(format!(
                "{}{}",
                screen.paint(Tint::Dim, &indent),
                screen.paint(tint, &remark)
            ));
        }
    }
    Shown { head, body }
}

/// Returns the line that says how the tree is.
pub(crate) fn headline(status: &Status, screen: &Screen) -> String {
    let tint = match status.health.overall {
        Overall::Serving => Tint::Good,
        Overall::Coming | Overall::Draining => Tint::Coming,
        Overall::Degraded => Tint::Warn,
        Overall::Faulted => Tint::Bad,
        Overall::Ended => Tint::Dim,
    };
    let name = tame(&status.name, false);
    let room = screen.width.map_or(usize::MAX, |columns| columns.saturating_sub(width(&name) + 2));
    let health = cut_end(&health(&status.health), room);
    format!("{}: {}", screen.paint(Tint::Bold, &name), screen.paint(tint, &health))
}

/// Returns how the tree is, in words.
fn health(health: &Health) -> String {
    let Health { overall, fine, coming, degraded, faulted, alerts } = *health;
    let all = u64::from(fine) + u64::from(coming) + u64::from(degraded) + u64::from(faulted);
    let all = count(all, "child", "children");
    let be = |number| if number == 1 { "is" } else { "are" };
    let parts: Vec<String> = [
        (faulted, "down and should not be"),
        (degraded, "not as it should be"),
        (coming, "on the way"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .enumerate()
    .map(|(at, (number, what))| match at {
        0 => format!("{number} of {all} {} {what}", be(number)),
        _ => format!("{number} {what}"),
    })
    .chain((alerts > 0).then(|| count(alerts.into(), "alert", "alerts")))
    .collect();
    let word = match overall {
        Overall::Serving if parts.is_empty() && fine == 0 => {
            return "serving, without children".into();
        }
        Overall::Serving if parts.is_empty() => return format!("serving, all of {all}"),
        Overall::Serving => "serving",
        Overall::Coming => "coming up",
        Overall::Degraded => "degraded",
        Overall::Faulted => "faulted",
        Overall::Draining => "ending in order",
        Overall::Ended => return "has ended".into(),
    };
    if parts.is_empty() { word.into() } else { format!("{word}: {}", parts.join(", ")) }
}

/// Returns the lines about the program itself.
pub(crate) fn particulars(status: &Status, now: i64, screen: &Screen) -> Vec<String> {
    let mut parts = vec![format!("up {}", span(now - status.began_at))];
    parts.push(match status.brain_restarts {
        0 => format!("brain {}", status.brain_pid),
        times => {
            let ago = span(now - status.brain_began_at);
            let again = again(times);
            format!("brain {} (started {again}, last {ago} ago)", status.brain_pid)
        }
    });
    parts.extend(status.keeper_pid.map(|pid| format!("keeper {pid}")));
    parts.extend(status.spec_file.as_ref().map(|file| tame(file, false)));
    parts
        .extend(status.journal.as_ref().map(|journal| format!("journal {}", bytes(journal.bytes))));
    let text = parts.join(" · ");
    let lines = wrap(&text, screen.width.unwrap_or(usize::MAX), "  ");
    let mut lines: Vec<String> = lines.lines().map(|line| screen.paint(Tint::Dim, line)).collect();
    let mut warn = |text: &str| {
        let text = wrap(&tame(text, false), screen.width.unwrap_or(usize::MAX) - 2, "  ");
        for (at, line) in text.lines().enumerate() {
            let mark = if at == 0 { "!" } else { " " };
            lines.push(screen.paint(Tint::Warn, &format!("{mark}{}", &line[1..])));
        }
    };
    if let Some(journal) = &status.journal {
        if let Some(trouble) = &journal.trouble {
            warn(&format!("the journal cannot be written: {trouble}; children go on"));
        }
        if journal.lost > 0 {
            let lost = count(journal.lost, "record", "records");
            warn(&format!("{lost} of the journal could not be written"));
        }
    }
    for notice in &status.notices {
        warn(notice);
    }
    lines
}

/// Returns whether the child is one of those, or above one.
pub(crate) fn is_over(child: &Child, chosen: &BTreeSet<String>) -> bool {
    let below = format!("{}/", child.path);
    chosen.contains(&child.path)
        || chosen.range(below.clone()..).next().is_some_and(|path| path.starts_with(&below))
}

/// What stands before a child, and before what is said below it.
pub(crate) struct Stem {
    pub(crate) lead: String,
    pub(crate) below: String,
}

/// Returns the lines of the tree. Children come after what is above them.
pub(crate) fn stems(children: &[&Child]) -> Vec<Stem> {
    let depth = |path: &str| path.matches('/').count();
    // From the end, so that who has a younger sibling is known: `open` are the depths that go on below.
    let mut open: Vec<bool> = Vec::new();
    let mut stems: Vec<Stem> = Vec::with_capacity(children.len());
    for child in children.iter().rev() {
        let depth = depth(&child.path);
        let has_children = open.get(depth + 1).copied().unwrap_or(false);
        open.resize(depth + 1, false);
        let bar = |is_open: &bool| if *is_open { "│  " } else { "   " };
        let mut lead: String = open[..depth].iter().skip(1).map(bar).collect();
        let mut below = lead.clone();
        if depth > 0 {
            lead.push_str(if open[depth] { "├─ " } else { "└─ " });
            below.push_str(bar(&open[depth]));
        }
        if has_children {
            below.push('│');
        }
        open[depth] = true;
        stems.push(Stem { lead, below });
    }
    stems.reverse();
    stems
}

/// Returns the fields of a child.
pub(crate) fn row(child: &Child, lead: &str, now: i64) -> Row {
    let name = child.path.rsplit('/').next().unwrap_or(&child.path);
    let (glyph, tint) = look(child);
    let dim = |text: String| Cell::new(Tint::Dim, text);
    let plain = |text: String| Cell::new(Tint::Plain, text);
    // What will come next is only said once: the state of one that waits says it already.
    let next = child.next.as_ref().filter(|_| child.standing != Standing::Waiting);
    vec![
        Cell { lead: lead.into(), text: tame(name, false), tint: Tint::Bold },
        Cell::new(tint, format!("{glyph} {}", tame(&child.state, false))),
        dim(child.since_at.map_or_else(String::new, |since| brief(now - since))),
        match (child.run, &child.last) {
            (Some(run), _) => plain(format!("#{run}")),
            (None, Some(last)) => dim(format!("#{}", last.run)),
            (None, None) => dim(String::new()),
        },
        match child.restarts {
            0 => dim(String::new()),
            restarts => plain(restarts.to_string()),
        },
        dim(child.pid.map_or_else(String::new, |pid| pid.to_string())),
        plain(next.map_or_else(String::new, |next| {
            format!("in {}: {}", span(next.in_ms), tame(&next.what, false))
        })),
    ]
}

/// Returns the sign of a child's state, which differs in shape, and its colour.
pub(crate) fn look(child: &Child) -> (&'static str, Tint) {
    if child.quarantined {
        return ("✖", Tint::Bad);
    }
    match child.standing {
        Standing::Ready => ("●", Tint::Good),
        Standing::Up => ("◐", Tint::Coming),
        Standing::Starting => ("◔", Tint::Coming),
        Standing::Waiting => ("◌", Tint::Warn),
        Standing::Blocked => ("◇", Tint::Warn),
        Standing::Stopping => ("◒", Tint::Coming),
        Standing::Abandoned => ("✖", Tint::Bad),
        Standing::Down if child.paused || child.want == Want::Down => ("○", Tint::Dim),
        Standing::Down if has_failed(child) => ("✖", Tint::Bad),
        Standing::Down => ("○", Tint::Dim),
        Standing::Removed => ("·", Tint::Dim),
    }
}

/// Returns whether the child is down because of something that a person must see.
fn has_failed(child: &Child) -> bool {
    child.alerts.iter().any(|alert| !alert.over)
}

/// Returns what is to be said below a child.
pub(crate) fn remarks(child: &Child, now: i64) -> Vec<(Tint, String)> {
    let mut remarks = Vec::new();
    for alert in child.alerts.iter().filter(|alert| alert.seen_by.is_none()) {
        remarks.push((
            if alert.over { Tint::Warn } else { Tint::Bad },
            format!("! {}", alert_line(alert, now)),
        ));
    }
    if let Some(trouble) = &child.trouble {
        remarks.push((Tint::Warn, format!("! {}", tame(trouble, false))));
    }
    if child.dropped > 0 {
        let lines = count(child.dropped, "line", "lines");
        remarks.push((Tint::Warn, format!("! {lines} of output dropped")));
    }
    if let Some(says) = &child.says {
        remarks.push((Tint::Dim, format!("says: {}", tame(says, false))));
    }
    remarks
}

/// Returns an alert on one line.
pub(super) fn alert_line(alert: &Alert, now: i64) -> String {
    let mut line = tame(&alert.text, false);
    line.push_str(&format!(" ({}", moment(alert.since_at, now)));
    if alert.again > 0 {
        line.push_str(&format!(", {}", again(alert.again)));
    }
    if alert.over {
        line.push_str(", over");
    }
    line.push(')');
    line
}

/// Returns whether the child is as it should be: serves, or is not wanted up, and nothing is to be said.
pub(crate) fn is_fine(child: &Child) -> bool {
    let is_fine = match child.standing {
        Standing::Ready => true,
        Standing::Down => child.want == Want::Down || !has_failed(child),
        Standing::Removed => true,
        Standing::Waiting
        | Standing::Blocked
        | Standing::Starting
        | Standing::Up
        | Standing::Stopping
        | Standing::Abandoned => false,
    };
    let is_seen = child.alerts.iter().all(|alert| alert.seen_by.is_some());
    is_fine && is_seen && child.trouble.is_none() && !child.paused && !child.quarantined
}

//! Why a child does what it does, and what became of its runs.

use super::status::alert_line;
use super::table::{Cell, Column, Layout, Row};
use super::text::{again, bytes, cut_end, tame, wrap};
use super::time::{clock, moment, span};
use crate::screen::{Screen, Tint};
use mainstay_wire::api::{Alert, Explanation, Run, Setting};

/// Returns why a child does what it does, as a page.
pub(crate) fn explanation(why: &Explanation, screen: &Screen) -> String {
    let width = screen.paragraph();
    let mut out = screen.paint(Tint::Bold, &tame(&why.path, false));
    out.push('\n');
    for sentence in &why.story {
        out.push_str(&wrap(&tame(sentence, false), width, "  "));
    }
    if let Some(next) = &why.next {
        let at = moment(next.at, why.now_at);
        let text = format!("{} in {}, at {at}", tame(&next.what, false), span(next.in_ms));
        section(&mut out, "next", screen);
        out.push_str(&wrap(&text, width, "  "));
    }
    if !why.evidence.is_empty() {
        section(&mut out, "evidence", screen);
    }
    for evidence in &why.evidence {
        let text = format!("{}#{}: {}", evidence.path, evidence.run, evidence.text);
        out.push_str(&wrap(&tame(&text, false), width, "  "));
        for line in &evidence.lines {
            let line = cut_end(&tame(line, false), screen.width.unwrap_or(usize::MAX) - 6);
            out.push_str(&screen.paint(Tint::Dim, &format!("    │ {line}")));
            out.push('\n');
        }
    }
    if !why.limits.is_empty() {
        section(&mut out, "limits", screen);
    }
    for limit in &why.limits {
        let mut text = format!("{} of {} used: {}", limit.used, limit.most, limit.text);
        if limit.owner != why.path {
            let owner = if limit.owner.is_empty() { "the root" } else { &limit.owner };
            text.push_str(&format!(" (declared by {owner})"));
        }
        if let Some(frees) = limit.frees_at {
            text.push_str(&format!("; the oldest counts until {}", moment(frees, why.now_at)));
        }
        out.push_str(&wrap(&tame(&text, false), width, "  "));
    }
    if why.breaker != "closed" {
        section(&mut out, "breaker", screen);
        out.push_str(&format!("  {}, level {}\n", tame(&why.breaker, false), why.level));
    }
    alert_lines(&mut out, &why.alerts, why.now_at, screen);
    if !why.wishes.is_empty() {
        section(&mut out, "what would change it", screen);
    }
    for wish in &why.wishes {
        let text = wrap(&tame(&wish.text, false), width, "      ");
        match &wish.command {
            Some(command) => {
                out.push_str("  ");
                out.push_str(&screen.paint(Tint::Coming, &tame(command, false)));
                out.push('\n');
                out.push_str(&text);
            }
            None => out.push_str(&wrap(&tame(&wish.text, false), width, "  ")),
        }
    }
    out
}

fn section(out: &mut String, title: &str, screen: &Screen) {
    out.push('\n');
    out.push_str(&screen.paint(Tint::Dim, title));
    out.push('\n');
}

fn alert_lines(out: &mut String, alerts: &[Alert], now: i64, screen: &Screen) {
    let open = alerts.iter().filter(|alert| alert.seen_by.is_none());
    for (at, alert) in open.enumerate() {
        if at == 0 {
            section(out, "alerts", screen);
        }
        let text = wrap(&format!("! {}", alert_line(alert, now)), screen.paragraph(), "  ");
        out.push_str(&screen.paint(Tint::Bad, text.trim_end()));
        out.push('\n');
    }
}

/// Returns every effective setting of a policy, and where it comes from.
pub(crate) fn policy(settings: &[Setting], screen: &Screen) -> String {
    const COLUMNS: &[Column] =
        &[Column::names("SETTING"), Column::text("VALUE"), Column::text("FROM")];
    let row = |setting: &Setting| {
        // What somebody chose stands out among what goes without saying.
        let tint = if setting.source == "default" { Tint::Plain } else { Tint::Bold };
        vec![
            Cell::new(tint, tame(&setting.name, false)),
            Cell::new(tint, tame(&setting.value, false)),
            Cell::new(Tint::Dim, tame(&setting.source, false)),
        ]
    };
    table(COLUMNS, settings.iter().map(row).collect(), &[(2, 8), (1, 16), (0, 12)], screen)
}

/// The columns of a table of runs.
pub(crate) const RUN_COLUMNS: &[Column] = &[
    Column::names("RUN"),
    Column::text("BEGAN"),
    Column::numbers("LIVED"),
    Column::text("CAUSE"),
    Column::text("ACTION"),
];
/// Who gives way in it.
pub(crate) const RUN_GIVES: &[(usize, usize)] =
    &[(4, 24), (3, 20), (0, 14), (1, 0), (4, 12), (3, 12), (4, 0), (0, 8)];

/// Returns runs, the latest first, as a table.
pub(crate) fn history(runs: &[Run], now: i64, screen: &Screen) -> String {
    if runs.is_empty() {
        return screen.paint(Tint::Dim, "no run has ended yet");
    }
    let rows = runs.iter().map(|run| run_row(run, now)).collect();
    table(RUN_COLUMNS, rows, RUN_GIVES, screen)
}

/// Returns the fields of a run.
pub(crate) fn run_row(run: &Run, now: i64) -> Row {
    let (cause, tint) = match &run.cause {
        None => ("lives".into(), Tint::Good),
        Some(cause) if cause.is_failure => (tame(&cause.text, false), Tint::Bad),
        Some(cause) => (tame(&cause.text, false), Tint::Plain),
    };
    let lived = run.lived_ms.unwrap_or(now - run.began_at);
    let mut action = run.action.as_ref().map_or_else(String::new, |a| tame(&a.text, false));
    if let Some(by) = &run.by {
        let by = format!("by {}", tame(by, false));
        action = if action.is_empty() { by } else { format!("{by}; then {action}") };
    }
    vec![
        Cell::new(Tint::Bold, format!("{}#{}", tame(&run.path, false), run.run)),
        Cell::new(Tint::Dim, moment(run.began_at, now)),
        Cell::new(Tint::Plain, span(lived)),
        Cell::new(tint, cause),
        Cell::new(Tint::Plain, action),
    ]
}

/// The columns of a table of alerts.
pub(crate) const ALERT_COLUMNS: &[Column] = &[
    Column::names("CHILD"),
    Column::text("SINCE"),
    Column::text("STATE"),
    Column::text("WHAT"),
    Column::text("ACKNOWLEDGED"),
];
/// Who gives way in it.
pub(crate) const ALERT_GIVES: &[(usize, usize)] = &[(4, 0), (3, 24), (0, 12), (1, 0), (3, 12)];

/// Returns alerts as a table, those that nobody has acknowledged first.
pub(crate) fn alerts(alerts: &[&Alert], now: i64, screen: &Screen) -> String {
    if alerts.is_empty() {
        return screen.paint(Tint::Good, "no alerts");
    }
    let rows = alerts.iter().map(|alert| alert_row(alert, now)).collect();
    table(ALERT_COLUMNS, rows, ALERT_GIVES, screen)
}

/// Returns the fields of an alert.
pub(crate) fn alert_row(alert: &Alert, now: i64) -> Row {
    let is_seen = alert.seen_by.is_some();
    let (state, tint) = match (is_seen, alert.over) {
        (false, false) => ("open", Tint::Bad),
        (false, true) => ("over", Tint::Warn),
        (true, _) => ("seen", Tint::Dim),
    };
    let mut what = tame(&alert.text, false);
    if alert.again > 0 {
        what.push_str(&format!(" ({})", again(alert.again)));
    }
    let seen = alert.seen_by.as_ref().map_or_else(String::new, |by| match &alert.seen_why {
        Some(why) => format!("{}: {}", tame(by, false), tame(why, false)),
        None => tame(by, false),
    });
    let path = if alert.path.is_empty() { "the tree".into() } else { tame(&alert.path, false) };
    vec![
        Cell::new(Tint::Bold, path),
        Cell::new(Tint::Dim, moment(alert.since_at, now)),
        Cell::new(tint, state),
        Cell::new(Tint::Plain, what),
        Cell::new(Tint::Dim, seen),
    ]
}

pub(super) fn table(
    columns: &'static [Column],
    rows: Vec<Row>,
    gives: &[(usize, usize)],
    screen: &Screen,
) -> String {
    let layout = Layout::new(columns, &rows, screen.width, gives);
    let lines = rows.iter().map(|row| layout.row(row, screen));
    std::iter::once(layout.head(screen)).chain(lines).collect::<Vec<_>>().join("\n")
}

/// Returns all that is known of one run, as a page.
pub(crate) fn postmortem(run: &Run, before: &[Run], now: i64, screen: &Screen) -> String {
    let width = screen.paragraph();
    let mut out = screen.paint(Tint::Bold, &format!("{}#{}", tame(&run.path, false), run.run));
    let (text, tint) = match &run.cause {
        None => ("lives".into(), Tint::Good),
        Some(cause) => {
            (tame(&cause.text, false), if cause.is_failure { Tint::Bad } else { Tint::Plain })
        }
    };
    out.push_str(": ");
    out.push_str(&screen.paint(tint, &text));
    out.push('\n');
    let mut field = |name: &str, value: &str| {
        let text = wrap(&tame(value, false), width, "             ");
        out.push_str(&screen.paint(Tint::Dim, &format!("  {name:<9}  ")));
        out.push_str(text.trim_start());
    };
    field("began", &clock(run.began_at));
    if let Some(ready) = run.ready_at {
        field("ready", &format!("{} ({} after)", clock(ready), span(ready - run.began_at)));
    }
    if let Some(ended) = run.ended_at {
        field("ended", &clock(ended));
    }
    field("lived", &span(run.lived_ms.unwrap_or(now - run.began_at)));
    if let Some(cause) = &run.cause {
        let counts = if cause.is_failure { "counts as a failure" } else { "no failure" };
        let status = match (cause.code, cause.signal) {
            (_, Some(signal)) => format!(", signal {signal}"),
            (Some(code), None) => format!(", exit code {code}"),
            (None, None) => String::new(),
        };
        field("cause", &format!("{}{status}: {counts}", cause.word));
    }
    if let Some(action) = &run.action {
        field("decided", &action.text);
        if let Some(at) = action.restart_at {
            field("next run", &clock(at));
        }
    }
    if let Some(by) = &run.by {
        field("asked by", by);
    }
    if let Some(pid) = run.pid {
        field("pid", &pid.to_string());
    }
    // What is no process of its own is not measured, and memory not on every system.
    if run.user_ms + run.system_ms + run.memory > 0 {
        let mut used = format!(
            "{} of processor in its own code, {} in the kernel",
            span(i64::try_from(run.user_ms).unwrap_or(i64::MAX)),
            span(i64::try_from(run.system_ms).unwrap_or(i64::MAX)),
        );
        if run.memory > 0 {
            used.push_str(&format!("; {} of memory at most", bytes(run.memory)));
        }
        field("used", &used);
    }
    field("spec", &format!("revision {}", run.revision));
    if !run.trail.is_empty() {
        section(&mut out, "what happened", screen);
    }
    for fact in &run.trail {
        let at = format!("+{}", span(fact.at - run.began_at));
        let text = wrap(&tame(&fact.text, false), width, "             ");
        out.push_str(&screen.paint(Tint::Dim, &format!("  {at:<9}  ")));
        out.push_str(text.trim_start());
    }
    operations(&mut out, run, screen);
    if !run.lines.is_empty() {
        section(&mut out, "last lines", screen);
    }
    for line in &run.lines {
        out.push_str(&screen.paint(Tint::Dim, "  │ "));
        out.push_str(&tame(line, screen.has_colour));
        out.push('\n');
    }
    if run.lost > 0 {
        let lost = format!("  {} of output could not be kept\n", bytes(run.lost));
        out.push_str(&screen.paint(Tint::Warn, &lost));
    }
    if !before.is_empty() {
        section(&mut out, "runs before it", screen);
        let text = history(before, now, screen);
        out.extend(text.lines().map(|line| format!("  {line}\n")));
    }
    out
}

/// What a host did last, by its flight recorder, each with how long before the end; and what it died in.
fn operations(out: &mut String, run: &Run, screen: &Screen) {
    if run.operations.is_empty() {
        return;
    }
    section(out, "last operations", screen);
    for fact in &run.operations {
        let before = format!("-{}", span(run.ended_at.unwrap_or(fact.at) - fact.at));
        let text = wrap(&tame(&fact.text, false), screen.paragraph(), "             ");
        out.push_str(&screen.paint(Tint::Dim, &format!("  {before:<9}  ")));
        out.push_str(text.trim_start());
    }
    for call in &run.open_calls {
        let text = wrap(&format!("it ended in {}", tame(call, false)), screen.paragraph(), "  ");
        out.push_str(&screen.paint(Tint::Bad, text.trim_end()));
        out.push('\n');
    }
}

//! What became of runs: one on a page of its own, many as rows of a table.

use super::{wall, words};
use jiff::tz::TimeZone;
use mainstay_wire::api;
use std::fmt::Write as _;
use std::time::Duration;

/// How many earlier runs are told on the page of one.
const BEFORE: usize = 5;
/// The spans in which ends that are alike are counted: the first that holds another one is told.
const SPANS: [u64; 3] = [10 * 60, 3_600, 24 * 3_600];

/// One run as a row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which run: `#17`.
    pub run: String,
    /// When it began.
    pub began: String,
    /// How long it lived, or has lived so far.
    pub lived: String,
    /// How it ended.
    pub end: String,
    /// What was decided.
    pub then: String,
    /// Who asked for its end or its beginning.
    pub by: String,
    /// Whether its end counts against the child.
    pub is_failure: bool,
}

/// Returns runs as the rows of a table, in the same order. `now_at` is the present time in milliseconds since 1970.
pub fn history(runs: &[api::Run], now_at: i64, zone: &TimeZone) -> Vec<Row> {
    let row = |run: &api::Run| Row {
        run: format!("#{}", run.run),
        began: wall::time_of_day(run.began_at, now_at, zone),
        lived: span(run.lived_ms.unwrap_or_else(|| now_at.saturating_sub(run.began_at))),
        end: end(run).to_owned(),
        then: run.action.as_ref().map_or_else(String::new, |action| then(action).to_owned()),
        by: run.by.clone().unwrap_or_default(),
        is_failure: run.cause.as_ref().is_some_and(|cause| cause.is_failure),
    };
    runs.iter().map(row).collect()
}

/// Writes all that is known of one run. `before` is what is known of earlier runs of the same child, the oldest first.
pub fn postmortem(run: &api::Run, before: &[api::Run], zone: &TimeZone) -> String {
    let page = Page { run, before, zone };
    let mut text = format!("{}#{} {}\n\n", child(run), run.run, page.title());
    for (name, value) in page.facts() {
        line(&mut text, &format!("{name:<10}{value}"));
    }
    page.trail(&mut text);
    page.operations(&mut text);
    page.lines(&mut text);
    page.compared(&mut text);
    text
}

struct Page<'a> {
    run: &'a api::Run,
    before: &'a [api::Run],
    zone: &'a TimeZone,
}

impl Page<'_> {
    fn title(&self) -> String {
        match (&self.run.cause, self.run.lived_ms) {
            (Some(_), Some(lived)) => format!("{}, after {}", end(self.run), span(lived)),
            (Some(_), None) | (None, _) => "has not ended".into(),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let run = self.run;
        let since = |at: i64| span(at.saturating_sub(run.began_at));
        let mut facts = vec![("began", wall::date_and_time(run.began_at, self.zone))];
        let ready = run.ready_at.map(|at| format!("{}, after {}", self.time(at), since(at)));
        facts.push(("ready", ready.unwrap_or_else(|| "never".into())));
        if let Some(at) = run.ended_at {
            facts.push(("ended", format!("{}, after {}", self.time(at), since(at))));
        }
        if let Some(cause) = &run.cause {
            let counts = if cause.is_failure { "a failure" } else { "no failure" };
            facts.push(("cause", format!("{} ({counts})", cause.text)));
        }
        facts.extend(run.by.as_ref().map(|by| ("by hand", by.clone())));
        if let Some(action) = &run.action {
            facts.push(("decided", action.text.clone()));
            facts.extend(action.restart_at.map(|at| ("next run", self.time(at))));
        }
        let pid = run.pid.map_or_else(String::new, |pid| format!("pid {pid}, "));
        facts.push(("process", format!("{pid}revision {} of its spec", run.revision)));
        if run.user_ms > 0 || run.system_ms > 0 || run.memory > 0 {
            let millis = |millis: u64| span(i64::try_from(millis).unwrap_or(i64::MAX));
            let (user, system) = (millis(run.user_ms), millis(run.system_ms));
            let memory = words::bytes(run.memory);
            let used = format!(
                "{user} in its own code, {system} in the kernel, {memory} of memory at the most"
            );
            facts.push(("used", used));
        }
        facts
    }

    fn trail(&self, text: &mut String) {
        if self.run.trail.is_empty() {
            return;
        }
        line(text, "\nWhat happened in it");
        for fact in &self.run.trail {
            let after = span(fact.at.saturating_sub(self.run.began_at));
            line(text, &format!("{after:>10}  {}", fact.text));
        }
    }

    /// What a host did last, each with how long before the end.
    fn operations(&self, text: &mut String) {
        if self.run.operations.is_empty() {
            return;
        }
        line(text, "\nIts last operations, by its flight recorder");
        for fact in &self.run.operations {
            let before = self.run.ended_at.map_or(0, |ended| ended.saturating_sub(fact.at));
            let before = format!("-{}", span(before));
            line(text, &format!("{before:>10}  {}", fact.text));
        }
    }

    fn lines(&self, text: &mut String) {
        let (run, lost) = (self.run, self.run.lost);
        if lost > 0 {
            let lost = words::bytes(lost);
            line(text, &format!("\nIts last lines ({lost} of its output could not be kept)"));
        } else if !run.lines.is_empty() {
            line(text, "\nIts last lines");
        }
        for said in &run.lines {
            line(text, &format!("  | {said}"));
        }
    }

    /// How it compares with the runs before it.
    fn compared(&self, text: &mut String) {
        let earlier = |run: &&api::Run| run.path == self.run.path && run.run < self.run.run;
        let before: Vec<&api::Run> = self.before.iter().filter(earlier).collect();
        if before.is_empty() {
            return;
        }
        line(text, "\nThe runs before it");
        for run in &before[before.len().saturating_sub(BEFORE)..] {
            let (number, at) = (format!("#{}", run.run), self.time(run.began_at));
            let lived = run.lived_ms.map_or_else(|| "?".into(), span);
            line(text, &format!("{number:>10}  {at}, lived {lived}: {}", end(run)));
        }
        if let Some(alike) = self.alike(&before) {
            line(text, &format!("\n{alike}"));
        }
    }

    /// How often the same has happened of late: `It is the 3rd failure with exit code 3 in 10m.`
    fn alike(&self, before: &[&api::Run]) -> Option<String> {
        let (cause, ended) = (self.run.cause.as_ref()?, self.run.ended_at?);
        if !cause.is_failure {
            return None;
        }
        let what = match (cause.code, cause.signal) {
            (Some(code), _) => format!("with exit code {code}"),
            (None, Some(signal)) => {
                let signal = u8::try_from(signal).unwrap_or(u8::MAX);
                format!("by signal {}", words::signal(signal))
            }
            (None, None) => format!("of the kind `{}`", cause.word),
        };
        let count = |within: u64| {
            let oldest = ended.saturating_sub_unsigned(within.saturating_mul(1_000));
            let alike = before.iter().filter(|run| {
                let same = run.cause.as_ref().is_some_and(|other| words::is_alike(cause, other));
                same && run.ended_at.is_some_and(|at| at >= oldest)
            });
            alike.count() + 1
        };
        let found =
            SPANS.into_iter().map(|within| (within, count(within))).find(|(_, count)| *count > 1);
        Some(match found {
            Some((within, count)) => {
                let within = wall::span(Duration::from_secs(within));
                format!("It is the {} failure {what} in {within}.", nth(count))
            }
            None => format!("It is the first failure {what} in a day."),
        })
    }

    /// A time of day, with the date where it is not the day on which the run began.
    fn time(&self, at: i64) -> String {
        wall::time_of_day(at, self.run.began_at, self.zone)
    }
}

/// Returns how a run ended, without what it said about it.
fn end(run: &api::Run) -> &str {
    let Some(cause) = &run.cause else { return "lives" };
    cause.text.split(": ").next().unwrap_or(&cause.text)
}

/// Returns what was decided, without the rule and the counts: `starts again in 290ms`.
fn then(action: &api::Action) -> &str {
    let text = action.text.split("; ").next().unwrap_or(&action.text);
    let what =
        if action.word == "as-wanted" { text.split(": ").next() } else { text.split(": ").last() };
    what.unwrap_or(text).split(" (").next().unwrap_or(text)
}

fn child(run: &api::Run) -> &str {
    if run.path.is_empty() { "/" } else { &run.path }
}

fn span(millis: i64) -> String {
    wall::span(Duration::from_millis(millis.max(0).unsigned_abs())).to_string()
}

fn nth(count: usize) -> String {
    let end = match (count % 10, count % 100) {
        (1, 11) | (2, 12) | (3, 13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        (_, _) => "th",
    };
    format!("{count}{end}")
}

fn line(text: &mut String, line: &str) {
    // A string takes all that is written to it.
    let _ = writeln!(text, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::nth;

    #[test]
    fn counts_have_their_endings() {
        let told: Vec<String> =
            [1, 2, 3, 4, 11, 12, 13, 21, 102, 113].into_iter().map(nth).collect();
        assert_eq!(
            told,
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "113th"]
        );
    }
}

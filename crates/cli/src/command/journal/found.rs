//! What `mainstay journal verify` has found, as text and as JSON.

use super::fault;
use crate::fault::Fault;
use crate::screen::{Screen, Tint};
use crate::show;
use mainstay_daemon::journal::{Reader, Report, verify_frames};
use mainstay_daemon::verify::{Difference, Verified};
use mainstay_wire::api;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// How much of an input is shown to a person.
const INPUT: usize = 400;
/// How many events of each side are.
const EVENTS: usize = 10;

/// What the journal has shown, and that of the runs.
pub(super) struct Found {
    folder: PathBuf,
    verified: Verified,
    runs: Report,
    /// What is wrong beside the steps that differ, a sentence each.
    problems: Vec<String>,
}

impl Found {
    /// Adds to what the journal has shown what the runs in a folder show.
    pub(super) fn new(folder: &Path, verified: Verified, runs: &Path) -> Result<Self, Fault> {
        let mut problems = verified.frames.problems.clone();
        problems.extend_from_slice(&verified.problems);
        let folder = folder.to_owned();
        if !runs.is_dir() {
            problems.push(format!("there are no runs in `{}`", runs.display()));
            return Ok(Self { folder, verified, runs: Report::default(), problems });
        }
        let frames = verify_frames(runs).map_err(|error| fault(&error))?;
        problems.extend(frames.problems.iter().map(|problem| format!("runs: {problem}")));
        let reader = Reader::open(runs).map_err(|error| fault(&error))?;
        for record in reader.from(1) {
            if let Err(error) = serde_json::from_slice::<api::Run>(&record.payload) {
                problems.push(format!("runs: record {} is no run: {error}", record.seq));
            }
        }
        Ok(Self { folder, verified, runs: frames, problems })
    }

    /// Returns whether all is as it should be.
    pub(super) const fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.verified.differences.is_empty()
    }

    /// Returns it for programs.
    pub(super) fn json(&self) -> Value {
        let Verified { frames, from, to, steps, decided, undecided, differences, more, .. } =
            &self.verified;
        let undecided = undecided.iter().map(
            |stretch| json!({ "first": stretch.first, "last": stretch.last, "why": stretch.why }),
        );
        let differences = differences.iter().map(|difference| {
            let Difference { seq, wall, input, written, decided } = difference;
            let input: Value = serde_json::from_str(input).unwrap_or_default();
            json!({
                "seq": seq, "wall": wall, "input": input, "written": written, "decided": decided,
            })
        });
        json!({
            "folder": self.folder.display().to_string(),
            "clean": self.is_clean(),
            "records": frames.records,
            "first": frames.first,
            "last": frames.last,
            "from": from,
            "to": to,
            "segments": frames.segments,
            "bytes": frames.bytes,
            "snapshots": frames.snapshots,
            "steps": steps,
            "decided": decided,
            "undecided": undecided.collect::<Vec<_>>(),
            "differences": differences.collect::<Vec<_>>(),
            "more_differences": more,
            "runs": self.runs.records,
            "problems": self.problems,
        })
    }

    /// Returns it for people.
    pub(super) fn text(&self, screen: &Screen) -> String {
        let verified = &self.verified;
        let mut lines = self.head();
        for difference in &verified.differences {
            lines.push(String::new());
            differs(&mut lines, difference, screen);
        }
        if verified.more > 0 {
            let more = show::count(verified.more, "more record is", "more records are");
            lines.push(String::new());
            lines.push(format!("{more} decided otherwise"));
        }
        lines.push(String::new());
        lines.extend(self.problems.iter().map(|problem| screen.paint(Tint::Bad, &tame(problem))));
        let wrong = self.problems.len() + verified.differences.len();
        lines.push(match wrong as u64 + verified.more {
            0 => screen.paint(Tint::Good, self.praise()),
            wrong => {
                let wrong = show::count(wrong, "thing is", "things are");
                screen.paint(Tint::Bad, &format!("{wrong} not as it should be"))
            }
        });
        lines.join("\n")
    }

    /// Says no more than what was looked at.
    const fn praise(&self) -> &'static str {
        match (self.verified.decided, self.verified.undecided.is_empty()) {
            (_, true) => "all of it is there and decides the same",
            (0, false) => "all of it is there; nothing of it could be decided again",
            (_, false) => "all of it is there; what could be decided again decides the same",
        }
    }

    /// Returns what there is.
    fn head(&self) -> Vec<String> {
        let Verified { frames, from, to, steps, decided, undecided, .. } = &self.verified;
        let when = match (from, to) {
            (Some(from), Some(to)) => {
                format!(", {} to {}", show::clock(*from), show::clock(*to))
            }
            (None, _) | (_, None) => String::new(),
        };
        let segments = show::count(frames.segments as u64, "segment", "segments");
        let snapshots = show::count(frames.snapshots.len() as u64, "snapshot", "snapshots");
        let mut lines = vec![
            format!("journal  {}", self.folder.display()),
            format!("holds    {}{when}", records(frames)),
            format!("in       {segments}, {}, {snapshots}", show::bytes(frames.bytes)),
            format!("decided  {decided} of {} again", show::count(*steps, "step", "steps")),
        ];
        lines.extend(undecided.iter().map(|stretch| {
            let (first, last, why) = (stretch.first, stretch.last, stretch.why);
            format!("         not records {first} to {last}: {why}")
        }));
        lines.push(format!("runs     {}", records(&self.runs)));
        lines
    }
}

fn records(frames: &Report) -> String {
    match (frames.first, frames.last) {
        (Some(first), Some(last)) => format!("records {first} to {last}"),
        (None, _) | (_, None) => "no record".to_owned(),
    }
}

/// Tells a record that is decided otherwise.
fn differs(lines: &mut Vec<String>, difference: &Difference, screen: &Screen) {
    let Difference { seq, wall, input, written, decided } = difference;
    let head = format!("record {seq} of {} is decided otherwise", show::clock(*wall));
    lines.push(screen.paint(Tint::Bad, &head));
    lines.push(format!("  input    {}", show::cut_end(&tame(input), INPUT)));
    for (name, events) in [("written", written), ("decided", decided)] {
        if events.is_empty() {
            lines.push(format!("  {name}  nothing more"));
        }
        for event in events.iter().take(EVENTS) {
            let path = if event.path.is_empty() { "the tree" } else { &event.path };
            let text = format!("#{} {path}: {}: {}", event.seq, event.kind, event.text);
            lines.push(format!("  {name}  {}", tame(&text)));
        }
        let more = events.len().saturating_sub(EVENTS);
        if more > 0 {
            lines.push(format!("  {name}  and {more} more"));
        }
    }
}

fn tame(text: &str) -> String {
    show::tame(text, false)
}

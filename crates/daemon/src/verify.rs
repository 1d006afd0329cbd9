//! Takes the inputs of a journal again: do its records follow from each other?
//!
//! Every record `Opened` is a new beginning, and the snapshot before it is what the records behind it follow from. As
//! far back as snapshots are kept, the core decides every step again, and what it states is compared with what is
//! written. Nothing is changed, no secret is read, and a daemon may be writing meanwhile.

mod line;

use crate::brain::TAKEN;
use crate::journal::{self, ReadError, Reader, Report, verify_frames};
use crate::story;
use line::Line;
use mainstay::Record as Fact;
use mainstay_core::{Event, Moment, Path as ChildPath, Tree};
use mainstay_wire::api;
use mainstay_wire::journal::{Opened, Record, Step, StepRef};
use std::path::Path;

/// Steps beyond these that differ are counted only: after the first, many may follow from it.
const TOLD: usize = 20;

/// A writer may be in the middle of a frame, or remove a segment: what is wrong must be wrong so often.
const LOOKS: u32 = 3;

/// What a journal has shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// What its frames are.
    pub frames: Report,
    /// The wall time of the first record, in milliseconds since 1970.
    pub from: Option<i64>,
    /// The wall time of the last one.
    pub to: Option<i64>,
    /// How many of its records are steps.
    pub steps: u64,
    /// How many steps were decided again.
    pub decided: u64,
    /// Which were not, and why.
    pub undecided: Vec<Undecided>,
    /// What is decided otherwise than it is written, the first of them.
    pub differences: Vec<Difference>,
    /// How many more there are.
    pub more: u64,
    /// What else is wrong, a sentence each.
    pub problems: Vec<String>,
}

/// Records that could not be decided again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The number of the first.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// What is missing for it.
    pub why: &'static str,
}

/// A step that is decided otherwise than it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The number of the record.
    pub seq: u64,
    /// Its wall time, in milliseconds since 1970.
    pub wall: i64,
    /// What the tree was told, as it stands in the journal.
    pub input: String,
    /// What is written and is not decided.
    pub written: Vec<api::Event>,
    /// What is decided and is not written.
    pub decided: Vec<api::Event>,
}

impl Verified {
    /// Returns whether all of it is there, and all that could be decided again is decided as it is written.
    pub fn is_clean(&self) -> bool {
        self.frames.problems.is_empty() && self.differences.is_empty() && self.problems.is_empty()
    }
}

/// Verifies the journal in a folder.
///
/// # Errors
///
/// [`ReadError::Folder`] where the folder cannot be listed.
pub fn verify(folder: &Path) -> Result<Verified, ReadError> {
    let mut frames = verify_frames(folder)?;
    for _ in 1..LOOKS {
        if !frames.problems.is_empty() {
            frames = verify_frames(folder)?;
        }
    }
    let reader = Reader::open(folder)?;
    let upto = frames.last.unwrap_or(0);
    let mut check = Check {
        line: None,
        why: "no snapshot from before them is kept",
        is_passing: false,
        last: None,
        verified: Verified { frames, ..Verified::default() },
    };
    for record in reader.from(1).take_while(|record| record.seq <= upto) {
        check.take(&reader, &record);
    }
    Ok(check.verified)
}

/// Returns the tree that a journal leads to; absent: it has no snapshot that can be read. What is missing in it is
/// passed over, as a daemon does that starts.
///
/// # Errors
///
/// [`ReadError::Folder`] where the folder cannot be listed.
pub fn present(folder: &Path) -> Result<Option<Tree>, ReadError> {
    let reader = Reader::open(folder)?;
    let newest = reader.snapshots().iter().rev().find_map(|upto| {
        let line = Line::begin(&reader.snapshot(*upto).ok()?).ok()?;
        Some((*upto, line))
    });
    let Some((upto, mut line)) = newest else { return Ok(None) };
    for record in reader.from(upto + 1) {
        if let Ok(Record::Step(step)) = Record::from_json(&record.payload) {
            line.take(step.at, step.input);
        }
    }
    Ok(Some(line.into_tree()))
}

/// What is known while the records of a journal go by.
struct Check {
    /// The tree as the records so far have made it, where that is known.
    line: Option<Line>,
    /// Why it is not.
    why: &'static str,
    /// Whether the last step was not decided again, for this reason.
    is_passing: bool,
    /// The number of the last record.
    last: Option<u64>,
    verified: Verified,
}

impl Check {
    fn take(&mut self, reader: &Reader, record: &journal::Record) {
        self.verified.from = self.verified.from.or(Some(record.wall));
        self.verified.to = Some(record.wall);
        // What is missing has been told of the frames.
        if self.last.is_some_and(|last| record.seq > last + 1) {
            self.lose("records before them are missing");
        }
        self.last = Some(record.seq);
        match Record::from_json(&record.payload) {
            Ok(Record::Opened(opened)) => self.open(reader, record.seq, &opened),
            Ok(Record::Step(step)) => self.step(record, step),
            Ok(Record::Closed(_)) => {}
            Err(error) => {
                let problem = format!("record {} cannot be read: {error}", record.seq);
                self.verified.problems.push(problem);
                self.lose("a record before them cannot be read");
            }
        }
    }

    fn lose(&mut self, why: &'static str) {
        if self.line.take().is_some() {
            self.why = why;
            self.is_passing = false;
        }
    }

    /// A new beginning: what follows, follows from the snapshot before it.
    fn open(&mut self, reader: &Reader, seq: u64, opened: &Opened) {
        let upto = seq.saturating_sub(1);
        let goes_on = opened.why == TAKEN;
        let has_one = reader.snapshots().contains(&upto);
        // One that is damaged has been told of the frames.
        let Some(bytes) = has_one.then(|| reader.snapshot(upto).ok()).flatten() else {
            if !goes_on {
                self.lose("the snapshot that they follow from is not kept");
            }
            return;
        };
        if goes_on && self.line.as_ref().is_some_and(|line| !line.is_like(&bytes)) {
            self.verified.problems.push(format!(
                "the snapshot after record {upto} is not what the records before it lead to"
            ));
        }
        match Line::begin(&bytes) {
            Ok(line) => self.line = Some(line),
            Err(why) => {
                let problem = format!("the snapshot after record {upto} cannot be used: {why}");
                self.verified.problems.push(problem);
                self.lose("the snapshot that they follow from cannot be used");
            }
        }
    }

    fn step(&mut self, record: &journal::Record, step: Step) {
        self.verified.steps += 1;
        let Some(line) = &mut self.line else { return self.pass(record.seq) };
        self.verified.decided += 1;
        let Step { at, wall, first, input, events } = step;
        if first != line.next_event {
            self.verified.problems.push(format!(
                "record {} begins with event {first}, and the next one is {}",
                record.seq, line.next_event
            ));
        }
        line.next_event = first + events.len() as u64;
        let stated = line.take(at, input.clone());
        if stated == events {
            return;
        }
        if self.verified.differences.len() >= TOLD {
            self.verified.more += 1;
            return;
        }
        let told = Told { tree: line.tree(), at, wall };
        let (written, decided) = told.apart((first, &events), (first, &stated));
        let input = StepRef { at, wall, first, input: &input, events: &[] };
        let input = within(&input, "input");
        let difference = Difference { seq: record.seq, wall, input, written, decided };
        self.verified.differences.push(difference);
    }

    /// Notes a step that is not decided again.
    fn pass(&mut self, seq: u64) {
        match self.verified.undecided.last_mut() {
            Some(stretch) if self.is_passing => stretch.last = seq,
            Some(_) | None => {
                self.verified.undecided.push(Undecided { first: seq, last: seq, why: self.why });
            }
        }
        self.is_passing = true;
    }
}

/// Tells events as people read them.
struct Told<'a> {
    tree: &'a Tree,
    at: Moment,
    wall: i64,
}

impl Told<'_> {
    /// Returns the events that only one of two lists has at their place.
    fn apart(
        &self,
        (first, mine): (u64, &[Event]),
        (other_first, theirs): (u64, &[Event]),
    ) -> (Vec<api::Event>, Vec<api::Event>) {
        let only = |first: u64, these: &[Event], others: &[Event]| {
            let others = others.iter().map(Some).chain(std::iter::repeat(None));
            let differ = (first..).zip(these).zip(others).filter(|((_, it), other)| {
                let other: &Option<&Event> = other;
                *other != Some(*it)
            });
            differ.map(|((seq, event), other)| self.event(seq, event, other)).collect()
        };
        (only(first, mine, theirs), only(other_first, theirs, mine))
    }

    /// Returns an event in words, or as it is written where its words do not tell it from the other one.
    fn event(&self, seq: u64, event: &Event, other: Option<&Event>) -> api::Event {
        let mut told = self.words(seq, event);
        if other.is_some_and(|other| self.words(seq, other).text == told.text) {
            let input = mainstay_core::Input::Clock;
            let events = std::slice::from_ref(event);
            let step = StepRef { at: self.at, wall: self.wall, first: seq, input: &input, events };
            told.text = within(&step, "events");
        }
        told
    }

    fn words(&self, seq: u64, event: &Event) -> api::Event {
        let path = event.child().and_then(|child| self.tree.path(child));
        let path = path.unwrap_or_else(ChildPath::root);
        let fact = Fact { seq, at: self.at, path, event: event.clone() };
        story::event(&fact, self.wall, self.tree)
    }
}

/// Returns a part of a step as it is written.
fn within(step: &StepRef<'_>, part: &str) -> String {
    let json: serde_json::Value = serde_json::from_slice(&step.to_json()).unwrap_or_default();
    json["step"][part].to_string()
}

//! What the journal's forms look like, kept in `golden/`, one form a line. What was once written is read for ever.
//!
//! After a wanted change of what is written, `MAINSTAY_BLESS=1 cargo test -p mainstay-wire --all-features --test golden`
//! keeps what is written now. A line that is not read any more is never wanted: journals have it.
#![cfg(feature = "journal")]

#[path = "forms/events.rs"]
mod events;
#[path = "forms/inputs.rs"]
mod inputs;
#[path = "forms/states.rs"]
mod states;

use mainstay_core::{Event, Input, Moment};
use mainstay_wire::journal::{
    Closed, Opened, Record, Step, Stored, VERSION, snapshot_from_json, snapshot_to_json,
};
use std::env::var_os;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Compares forms with the lines that are kept of them; each line must also be read as what it was written of.
fn compare<T: PartialEq + std::fmt::Debug>(
    name: &str,
    forms: &[T],
    write: impl Fn(&T) -> Vec<u8>,
    read: impl Fn(&[u8]) -> T,
) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let written = forms.iter().map(|form| String::from_utf8(write(form)).expect("JSON is text"));
    let now: Vec<String> = written.collect();
    if var_os("MAINSTAY_BLESS").is_some_and(|bless| !bless.is_empty()) {
        fs::write(&path, now.join("\n") + "\n").expect("the file is written");
    }
    let kept = fs::read_to_string(&path).expect("the file of what is kept");
    let kept: Vec<&str> = kept.lines().collect();
    assert_eq!(kept.len(), now.len(), "{name} keeps another number of forms: {BLESS}");
    for (number, ((kept, now), form)) in kept.into_iter().zip(&now).zip(forms).enumerate() {
        let line = number + 1;
        assert_eq!(&read(kept.as_bytes()), form, "{name}:{line} is not read as it was: {kept}");
        assert_eq!(now, kept, "{name}:{line} is written otherwise than it was: {BLESS}");
    }
}

const BLESS: &str = "if that is wanted, MAINSTAY_BLESS=1 keeps it, and what older programs wrote must still be read";

fn record(json: &[u8]) -> Record {
    Record::from_json(json).unwrap_or_else(|error| panic!("{error}"))
}

fn step(input: Input, events: Vec<Event>) -> Record {
    Record::Step(Step {
        at: Moment::from_nanos(5),
        wall: 1_700_000_000_000,
        first: 9,
        input,
        events,
    })
}

#[test]
fn inputs_are_written_as_they_were() {
    let forms: Vec<Record> = inputs::all().into_iter().map(|input| step(input, vec![])).collect();
    compare("inputs.json", &forms, Record::to_json, record);
}

#[test]
fn events_are_written_as_they_were() {
    let forms: Vec<Record> =
        events::all().into_iter().map(|event| step(Input::Clock, vec![event])).collect();
    compare("events.json", &forms, Record::to_json, record);
}

#[test]
fn records_of_a_brain_are_written_as_they_were() {
    let opened = Opened {
        version: VERSION,
        boot: "52c9a4f1-6f0e-4d39-8f4b-0a4a3f7d2b11".into(),
        pid: 42,
        wall: 1_700_000_000_000,
        at: Moment::from_nanos(5),
        monotonic: Duration::from_millis(7),
        why: "the first start".into(),
    };
    let closed = Closed { wall: 1, at: Moment::FAR, why: "the tree has ended".into() };
    let forms = [Record::Opened(opened), Record::Closed(closed)];
    compare("records.json", &forms, Record::to_json, record);
}

#[test]
fn snapshots_are_written_as_they_were() {
    let forms: Vec<Stored> = states::all()
        .into_iter()
        .map(|snapshot| Stored { snapshot, next_event: 3, wall: 1_700_000_000_000 })
        .collect();
    compare(
        "snapshots.json",
        &forms,
        |form| snapshot_to_json(&form.snapshot, form.next_event, form.wall),
        |json| snapshot_from_json(json).unwrap_or_else(|error| panic!("{error}")),
    );
}

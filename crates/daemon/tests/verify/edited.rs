//! What somebody has changed, or a disk has lost, is named.

use crate::life::{Life, WALL, WEB, copy};
use mainstay_daemon::journal::Reader;
use mainstay_daemon::verify::{Undecided, Verified, verify};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const SECOND: Duration = Duration::from_secs(1);

/// A journal of one brain in which `web` has failed three times.
fn thrice() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut life = Life::begin(folder.path(), WEB);
    for _ in 0..3 {
        life.fails("web", SECOND);
    }
    life.end();
    folder
}

fn verified_copy(of: &Path, change: impl FnMut(u64, String) -> String) -> Verified {
    let folder = tempfile::tempdir().unwrap();
    copy(of, folder.path(), change);
    verify(folder.path()).unwrap()
}

/// Returns the number of the second record that says this.
fn second(folder: &Path, what: &str) -> u64 {
    let records = Reader::open(folder).unwrap().from(1);
    let says = |payload: &[u8]| String::from_utf8_lossy(payload).contains(what);
    records.filter(|record| says(&record.payload)).nth(1).unwrap().seq
}

/// Replaces a text in one record, which must have it.
fn edit(seq: u64, old: &str, new: &str) -> impl FnMut(u64, String) -> String {
    move |of, payload| {
        if of != seq {
            return payload;
        }
        assert!(payload.contains(old), "`{old}` is not in {payload}");
        payload.replacen(old, new, 1)
    }
}

#[test]
fn a_flipped_decision_is_named() {
    let whole = thrice();
    let seq = second(whole.path(), "\"exited\"");
    let verified = verified_copy(whole.path(), edit(seq, "4000000000", "5000000000"));
    assert!(!verified.is_clean());
    assert_eq!(verified.problems, Vec::<String>::new());
    let [difference] = &*verified.differences else { panic!("{verified:#?}") };
    assert_eq!((difference.seq, difference.wall), (seq, WALL));
    assert!(difference.input.starts_with("{\"exited\":"), "{}", difference.input);
    let [written] = &*difference.written else { panic!("{difference:#?}") };
    let [decided] = &*difference.decided else { panic!("{difference:#?}") };
    assert_eq!((written.path.as_str(), written.seq), ("web", decided.seq));
    assert!(written.text.contains("5s") && decided.text.contains("4s"), "{difference:#?}");
}

#[test]
fn what_words_do_not_tell_apart_is_shown_as_it_is_written() {
    let whole = thrice();
    let seq = second(whole.path(), "\"exited\"");
    // When the oldest failure is counted no more.
    let verified = verified_copy(whole.path(), edit(seq, "\"falls\":6", "\"falls\":7"));
    let [difference] = &*verified.differences else { panic!("{verified:#?}") };
    let (written, decided) = (&difference.written[0].text, &difference.decided[0].text);
    assert_ne!(written, decided);
    assert!(written.contains("\"falls\":7"), "{written}");
}

#[test]
fn an_event_too_few_or_too_many_is_named() {
    let whole = thrice();
    let seq = second(whole.path(), "\"exited\"");
    let cut = |of: u64, payload: String| {
        let Some(at) = payload.find(",\"events\":").filter(|_| of == seq) else { return payload };
        format!("{}}}}}", &payload[..at])
    };
    let verified = verified_copy(whole.path(), cut);
    let difference = &verified.differences[0];
    assert_eq!((difference.seq, difference.written.len()), (seq, 0));
    assert!(difference.decided.len() > 1, "{difference:#?}");
    // What follows has kept its numbers.
    assert_eq!(verified.problems.len(), 1, "{:#?}", verified.problems);
    let start = format!("record {} begins with event ", seq + 1);
    assert!(verified.problems[0].starts_with(&start), "{:#?}", verified.problems);
}

#[test]
fn a_changed_input_makes_what_follows_differ() {
    let whole = thrice();
    let boot = |of: u64, payload: String| {
        if of == 2 { payload.replacen("\"boot\"", "\"clock\"", 1) } else { payload }
    };
    let verified = verified_copy(whole.path(), boot);
    assert_eq!(verified.differences[0].seq, 2, "{verified:#?}");
    assert!(verified.differences.len() > 1, "a tree that never began decides otherwise");
}

#[test]
fn of_many_that_differ_the_first_are_told_and_all_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut life = Life::begin(folder.path(), WEB);
    for _ in 0..9 {
        life.fails("web", SECOND);
    }
    life.end();
    let boot = |of: u64, payload: String| {
        if of == 2 { payload.replacen("\"boot\"", "\"clock\"", 1) } else { payload }
    };
    let verified = verified_copy(folder.path(), boot);
    assert_eq!(verified.differences.len(), 20);
    assert!(verified.more > 0 && verified.more < verified.steps, "{}", verified.more);
}

#[test]
fn a_record_that_cannot_be_read_ends_what_can_be_decided() {
    let whole = thrice();
    let last = verify(whole.path()).unwrap().frames.last.unwrap();
    let verified = verified_copy(whole.path(), edit(5, "{\"step\"", "{\"stop\""));
    assert_eq!(verified.problems.len(), 1, "{:#?}", verified.problems);
    assert!(verified.problems[0].starts_with("record 5 cannot be read: "), "{verified:#?}");
    let why = "a record before them cannot be read";
    assert_eq!(verified.undecided, [Undecided { first: 6, last, why }]);
    assert_eq!(verified.differences, []);
}

#[test]
fn damage_ends_what_can_be_decided_until_the_next_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let mut life = Life::begin(folder.path(), WEB);
    life.fails("web", SECOND);
    life.fails("web", SECOND);
    let upto = life.last();
    life.open("the brain goes on");
    life.fails("web", SECOND);
    life.end();
    let segment = folder.path().join(format!("{:020}.seg", 1));
    let mut bytes = fs::read(&segment).unwrap();
    let what = b"\"exited\"";
    let at = bytes.windows(what.len()).position(|some| some == what).unwrap();
    bytes[at + 1] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let verified = verify(folder.path()).unwrap();
    assert!(!verified.is_clean());
    assert_eq!(verified.frames.problems.len(), 1, "{:#?}", verified.frames.problems);
    let why = "records before them are missing";
    assert_eq!(verified.undecided, [Undecided { first: 5, last: upto, why }]);
    assert_eq!((verified.differences, verified.problems), (vec![], vec![]));
}

#[test]
fn a_snapshot_that_does_not_follow_is_named() {
    let whole = tempfile::tempdir().unwrap();
    let mut life = Life::begin(whole.path(), WEB);
    life.fails("web", SECOND);
    let upto = life.last();
    life.open("a snapshot was taken");
    life.fails("web", SECOND);
    life.end();
    assert!(verify(whole.path()).unwrap().is_clean());
    // Another life that has the same numbers.
    let other = tempfile::tempdir().unwrap();
    let mut life = Life::begin(other.path(), WEB);
    life.fails("web", 2 * SECOND);
    life.open("a snapshot was taken");
    life.end();
    let name = format!("{upto:020}.snap");
    fs::copy(other.path().join(&name), whole.path().join(&name)).unwrap();
    let verified = verify(whole.path()).unwrap();
    let problem =
        format!("the snapshot after record {upto} is not what the records before it lead to");
    assert_eq!(verified.problems.first(), Some(&problem), "{verified:#?}");
}

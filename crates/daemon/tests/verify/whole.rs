//! What nobody has touched decides the same.

use crate::life::{Life, WALL, WEB, tree_spec};
use mainstay_core::Verb;
use mainstay_daemon::verify::{Undecided, present, verify};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_step_behind_a_snapshot_is_decided_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut life = Life::begin(folder.path(), WEB);
    life.fails("web", SECOND);
    life.open("a snapshot was taken");
    life.fails("web", SECOND);
    life.open("the brain goes on");
    life.fails("web", SECOND);
    life.open_without_snapshot("the brain goes on");
    life.fails("web", SECOND);
    life.end();
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:#?}");
    let steps = 2 + 4 * 3;
    assert_eq!((verified.steps, verified.frames.last), (steps, Some(steps + 4)));
    assert_eq!((verified.from, verified.to), (Some(WALL), Some(WALL)));
    // Of the three snapshots the first is not kept.
    let first = Undecided { first: 2, last: 6, why: "no snapshot from before them is kept" };
    let why = "the snapshot that they follow from is not kept";
    let last = Undecided { first: 16, last: 18, why };
    assert_eq!((verified.decided, verified.undecided), (6, vec![first, last]));
}

#[test]
fn a_journal_can_be_verified_while_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let mut life = Life::begin(folder.path(), WEB);
    for _ in 0..40 {
        life.fails("web", SECOND);
        let verified = verify(folder.path()).unwrap();
        assert!(verified.is_clean(), "{verified:#?}");
    }
    life.end();
}

#[test]
fn a_brain_that_has_left_no_snapshot_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut life = Life::begin(folder.path(), WEB);
    life.fails("web", SECOND);
    life.open_without_snapshot("a snapshot was taken");
    life.fails("web", SECOND);
    let last = life.last();
    life.open_without_snapshot("the brain goes on");
    life.fails("web", SECOND);
    let end = life.last();
    life.open("the brain goes on");
    life.fails("web", SECOND);
    life.end();
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean(), "{verified:#?}");
    let why = "the snapshot that they follow from is not kept";
    let between = Undecided { first: last + 2, last: end, why };
    assert_eq!((verified.decided, verified.undecided), (11, vec![between]));
}

#[test]
fn the_present_tree_is_told_by_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let mut life = Life::begin(folder.path(), WEB);
    life.fails("web", SECOND);
    life.takes_command("web", Verb::Remove);
    let snapshot = life.tree.snapshot();
    life.end();
    assert_eq!(present(folder.path()).unwrap().unwrap().snapshot(), snapshot);
    let empty = tempfile::tempdir().unwrap();
    assert!(present(empty.path()).unwrap().is_none());
    let error = verify(&empty.path().join("nowhere")).unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn a_change_that_touches_no_process_is_decided_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut life = Life::begin(folder.path(), &format!("{WEB}    limits: {{ memory: 1GiB }}\n"));
    life.open("the brain goes on");
    life.open("the brain goes on");
    // Whether a run can stay is for its driver to say, by settings that the journal has as text.
    let other = format!("{WEB}    limits: {{ memory: 2GiB }}\n");
    life.takes_command("", Verb::Apply(Arc::new(tree_spec(&other))));
    life.end();
    let verified = verify(folder.path()).unwrap();
    assert!(verified.is_clean() && verified.decided == 1, "{verified:#?}");
}

#[test]
fn no_secret_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let read = folder.path().join("read");
    let journal = folder.path().join("journal");
    let spec = format!(
        "
children:
  web:
    command: serve
    secrets:
      TOKEN: {{ command: [sh, -c, 'echo x; touch {}'] }}
",
        read.display()
    );
    let mut life = Life::begin(&journal, &spec);
    life.fails("web", SECOND);
    life.end();
    fs::remove_file(&read).unwrap();
    let verified = verify(&journal).unwrap();
    assert!(verified.is_clean() && verified.decided == 5, "{verified:#?}");
    assert!(present(&journal).unwrap().is_some());
    assert!(!read.exists(), "the command that prints it has run");
}

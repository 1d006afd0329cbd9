//! Snapshots, and what is removed because of them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mainstay_daemon::journal::{
    Journal, OpenError, Outcome, Reader, Settings, When, compact, verify_frames,
};

use crate::support::{
    append, content, files, fill, numbers, open, quick, restore, small, text, wait,
};

/// Keeps as little as a snapshot allows.
fn sparing() -> Settings {
    let mut settings = small();
    settings.most_bytes = 0;
    settings
}

/// Appends up to this record and leaves a snapshot after it.
fn snapshot(folder: &Path, settings: Settings, upto: u64) {
    let (journal, _) = Journal::open(folder, settings).unwrap();
    append(&journal, upto - journal.state().last);
    journal.snapshot(upto, state(upto));
    assert_eq!(journal.close().snapshot, Some(upto));
}

fn state(upto: u64) -> Vec<u8> {
    format!("{{\"state after\":{upto}}}").into_bytes()
}

/// Returns the first record of each segment.
fn segments(folder: &Path) -> Vec<u64> {
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    files(folder, ".seg").iter().map(|path| name(path)).collect()
}

#[test]
fn the_newest_snapshot_comes_back_with_the_records_after_it() {
    let folder = quick();
    snapshot(folder.path(), small(), 20);
    snapshot(folder.path(), small(), 40);
    fill(folder.path(), 7);
    let (_journal, mut found) = open(folder.path());
    assert_eq!(found.snapshot, Some((40, state(40))));
    assert_eq!(numbers(&mut found.records), Vec::from_iter(41..=47));
    assert_eq!(found.records.gaps(), &[]);
}

#[test]
fn numbers_go_on_behind_a_snapshot_that_outlived_its_records() {
    let folder = quick();
    snapshot(folder.path(), small(), 20);
    for path in files(folder.path(), ".seg") {
        fs::remove_file(path).unwrap();
    }
    let (journal, mut found) = open(folder.path());
    assert_eq!((numbers(&mut found.records), journal.append(&text(21))), (vec![], 21));
}

#[test]
fn only_the_newest_of_snapshots_that_wait_is_written() {
    let folder = quick();
    let (journal, _) = open(folder.path());
    append(&journal, 9);
    journal.snapshot(9, state(9));
    journal.snapshot(5, state(5));
    assert_eq!(journal.close().snapshot, Some(9));
    assert_eq!(Reader::open(folder.path()).unwrap().snapshot(9).unwrap(), state(9));
}

#[test]
fn a_damaged_snapshot_falls_back_to_the_one_before_it_and_is_put_aside() {
    let folder = quick();
    snapshot(folder.path(), sparing(), 20);
    snapshot(folder.path(), sparing(), 40);
    snapshot(folder.path(), sparing(), 60);
    let good = content(folder.path());
    let path = files(folder.path(), ".snap").pop().unwrap();
    for offset in 0..good[&path].len() {
        restore(folder.path(), &good);
        let mut bytes = good[&path].clone();
        bytes[offset] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(verify_frames(folder.path()).unwrap().snapshots, [40]);
        let (journal, mut found) = open(folder.path());
        assert_eq!(found.snapshot, Some((40, state(40))), "byte {offset}");
        assert_eq!(numbers(&mut found.records), Vec::from_iter(41..=60), "byte {offset}");
        assert_eq!(found.records.gaps(), &[]);
        let kept = folder.path().join("lost-00000000000000000060.snap");
        assert!(found.reports.join("; ").contains(kept.to_str().unwrap()), "{:?}", found.reports);
        assert_eq!(fs::read(kept).unwrap(), bytes);
        journal.close();
    }
}

#[test]
fn without_any_readable_snapshot_what_is_left_is_told_and_what_is_gone_is_said() {
    let folder = quick();
    for upto in [20, 40, 60] {
        snapshot(folder.path(), sparing(), upto);
    }
    for path in files(folder.path(), ".snap") {
        fs::write(path, "rubbish").unwrap();
    }
    let first = segments(folder.path())[0];
    let (_journal, mut found) = open(folder.path());
    assert_eq!(found.snapshot, None);
    assert_eq!(numbers(&mut found.records), Vec::from_iter(first..=60));
    let reports = found.reports.join("; ");
    assert!(reports.contains(&format!("the records before {first} are gone")), "{reports}");
}

#[test]
fn a_snapshot_that_was_not_finished_is_none() {
    let folder = quick();
    snapshot(folder.path(), small(), 20);
    fs::write(folder.path().join("snapshot.tmp"), "half").unwrap();
    let (_journal, found) = open(folder.path());
    assert_eq!((found.snapshot, found.reports), (Some((20, state(20))), vec![]));
    assert!(!folder.path().join("snapshot.tmp").exists());
}

#[test]
fn what_is_too_much_is_removed_as_soon_as_two_snapshots_cover_it() {
    let folder = quick();
    fill(folder.path(), 20);
    let all = segments(folder.path());
    snapshot(folder.path(), sparing(), 20);
    assert_eq!(segments(folder.path()), all, "one snapshot may be damaged");
    snapshot(folder.path(), sparing(), 40);
    let left = segments(folder.path());
    // The state after 20 and everything behind it can still be told.
    assert!(left[0] <= 21 && left[1] > 21, "{left:?}");
    snapshot(folder.path(), sparing(), 60);
    let left = segments(folder.path());
    assert!(left[0] <= 41 && left[1] > 41, "{left:?}");
    assert_eq!(files(folder.path(), ".snap").len(), 2);
}

#[test]
fn what_is_not_too_much_stays_whatever_snapshots_cover_it() {
    let folder = quick();
    for upto in [20, 40, 60] {
        snapshot(folder.path(), small(), upto);
    }
    assert_eq!(numbers(Reader::open(folder.path()).unwrap().from(1)), Vec::from_iter(1..=60));
    let mut settings = small();
    settings.most_bytes = 1500;
    snapshot(folder.path(), settings, 80);
    let bytes: u64 =
        files(folder.path(), ".seg").iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!((1200..=1500 + 300).contains(&bytes), "{bytes}");
}

#[test]
fn what_is_too_old_is_removed() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    const DAY: i64 = 24 * 3_600_000;
    let folder = quick();
    let mut settings = small();
    settings.wall = || CLOCK.load(Ordering::Relaxed);
    settings.age = Duration::from_secs(10 * 24 * 3600);
    for upto in [20, 40, 60] {
        snapshot(folder.path(), settings.clone(), upto);
        CLOCK.fetch_add(3 * DAY, Ordering::Relaxed);
    }
    assert_eq!(segments(folder.path())[0], 1, "nothing is ten days old");
    CLOCK.fetch_add(2 * DAY, Ordering::Relaxed);
    snapshot(folder.path(), settings.clone(), 61);
    let left = segments(folder.path());
    assert!(left[0] <= 21 && left[1] > 21, "what was written on the first day is old: {left:?}");
    CLOCK.store(-1_000_000 * DAY, Ordering::Relaxed);
    snapshot(folder.path(), settings, 62);
    assert_eq!(segments(folder.path())[0], left[0], "to a clock that went back nothing is old");
}

#[test]
fn a_journal_that_runs_removes_while_it_writes() {
    let folder = quick();
    let (journal, _) = Journal::open(folder.path(), sparing()).unwrap();
    for round in 1..=20 {
        append(&journal, 20);
        journal.snapshot(20 * round, state(20 * round));
        assert_eq!(wait(&journal, 20 * round, When::Durable), Outcome::Kept);
    }
    let state = journal.close();
    assert_eq!(state.trouble, None);
    assert!(segments(folder.path()).len() < 20, "{:?}", segments(folder.path()));
    let size: u64 =
        files(folder.path(), ".seg").iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(state.bytes, size);
}

#[test]
fn compacting_leaves_the_state_and_refuses_a_journal_in_use() {
    let folder = quick();
    snapshot(folder.path(), small(), 20);
    snapshot(folder.path(), small(), 40);
    fill(folder.path(), 5);
    fs::write(folder.path().join("lost-00000000000000000003.bin"), "torn").unwrap();
    let (journal, _) = open(folder.path());
    let refused = compact(folder.path(), &small()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    journal.close();
    let before: usize = content(folder.path()).values().map(Vec::len).sum();
    let files_before = files(folder.path(), "").len();
    let gone = compact(folder.path(), &small()).unwrap();
    let after: usize = content(folder.path()).values().map(Vec::len).sum();
    assert_eq!(gone.files, files_before - files(folder.path(), "").len());
    assert_eq!(gone.bytes, (before - after) as u64);
    let left = segments(folder.path());
    assert!(left[0] <= 41 && left[1] > 41, "{left:?}");
    assert_eq!(files(folder.path(), ".bin"), Vec::<std::path::PathBuf>::new());
    let (_journal, mut found) = open(folder.path());
    assert_eq!(found.snapshot, Some((40, state(40))));
    assert_eq!(numbers(&mut found.records), Vec::from_iter(41..=45));
}

#[test]
fn compacting_without_a_snapshot_removes_no_record() {
    let folder = quick();
    fill(folder.path(), 30);
    assert_eq!(compact(folder.path(), &small()).unwrap().files, 0);
    assert_eq!(numbers(Reader::open(folder.path()).unwrap().from(1)), Vec::from_iter(1..=30));
}

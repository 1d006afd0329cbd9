//! Too much, too large, and disks that are full or may not be written to.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::mpsc;

use mainstay_daemon::journal::{Journal, OpenError, Outcome, Settings, When, verify_frames};

use crate::support::{
    SOON, append, files, fill, is_apart, numbers, on_a_small_disk, open, quick, small, text, wait,
};

/// Takes all the room there is; what it leaves when it is removed is as much.
fn ballast(folder: &Path) -> impl FnOnce() {
    let path = folder.join("ballast");
    let mut file = File::create(&path).unwrap();
    let full = loop {
        if let Err(error) = file.write_all(&[7; 512]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
    move || fs::remove_file(path).unwrap()
}

fn why(outcome: Outcome) -> String {
    match outcome {
        Outcome::Lost { why } => why,
        Outcome::Kept => panic!("it cannot have been kept"),
    }
}

#[test]
fn a_record_for_which_there_is_no_room_is_counted_told_and_noted() {
    let folder = quick();
    let mut settings = small();
    settings.queue_bytes = 200;
    let (journal, _) = Journal::open(folder.path(), settings).unwrap();
    append(&journal, 1);
    assert_eq!(wait(&journal, 1, When::Written), Outcome::Kept);
    let lost = journal.append(&[b'x'; 300]);
    assert_eq!(lost, 2, "what is lost has a number too");
    assert!(why(wait(&journal, lost, When::Written)).contains("no room"));
    // The note of it needs no room of its own, and once it is written there is room again.
    assert_eq!(wait(&journal, lost, When::Written), wait(&journal, lost, When::Durable));
    let state = journal.close();
    assert_eq!((state.lost, state.trouble), (1, None));
    let (journal, mut found) = open(folder.path());
    assert_eq!(numbers(&mut found.records), [1]);
    let gap = found.records.gaps()[0].to_string();
    assert!(gap.starts_with("records 2 to 2 are missing: there was no room for it"), "{gap}");
    append(&journal, 1);
    journal.close();
    let (_journal, mut found) = open(folder.path());
    assert_eq!((numbers(&mut found.records), found.records.gaps().len()), (vec![1, 3], 1));
    assert_eq!(verify_frames(folder.path()).unwrap().problems, [gap]);
}

#[test]
fn a_record_that_is_too_large_is_counted_told_and_noted() {
    let folder = quick();
    let (journal, _) = Journal::open(folder.path(), Settings::default()).unwrap();
    let most = 16 * 1024 * 1024;
    assert_eq!(journal.append(&vec![b'x'; most]), 1);
    assert_eq!(journal.append(&vec![b'x'; most + 1]), 2);
    assert_eq!(journal.append(&text(3)), 3);
    assert_eq!(wait(&journal, 1, When::Written), Outcome::Kept);
    assert_eq!(wait(&journal, 3, When::Written), Outcome::Kept);
    assert!(why(wait(&journal, 2, When::Written)).contains("16777217 bytes"));
    assert_eq!(journal.close().lost, 1);
    let (_journal, mut found) = open(folder.path());
    let lengths: Vec<_> = found.records.by_ref().map(|record| record.payload.len()).collect();
    assert_eq!(lengths, [most, text(3).len()]);
    assert!(found.records.gaps()[0].why.contains("16777217 bytes"), "{:?}", found.records.gaps());
}

#[test]
fn a_disk_that_fills_up_loses_nothing_that_fits_into_the_queue() {
    let test = "pressure::a_disk_that_fills_up_loses_nothing_that_fits_into_the_queue";
    on_a_small_disk(test, "size=256k", |disk| {
        let folder = disk.join("journal");
        let (journal, _) = Journal::open(&folder, Settings::default()).unwrap();
        let (tell, told) = mpsc::channel();
        journal.watch(move |trouble| tell.send(trouble.map(ToOwned::to_owned)).unwrap());
        append(&journal, 10);
        assert_eq!(wait(&journal, 10, When::Durable), Outcome::Kept);
        let empty = ballast(disk);
        // More than what has been reserved in advance, in pieces, so that some are still written.
        let mut outcome = Outcome::Kept;
        while outcome == Outcome::Kept {
            append(&journal, 50);
            outcome = wait(&journal, journal.state().last, When::Written);
        }
        assert!(why(outcome).contains("No space left on device"));
        let trouble = told.recv_timeout(SOON).unwrap().expect("it has begun");
        assert!(trouble.contains("/mnt/journal") && trouble.contains("No space"), "{trouble}");
        assert_eq!(journal.state().trouble, Some(trouble));
        append(&journal, 50);
        let last = journal.state().last;
        assert!(why(wait(&journal, last, When::Durable)).contains("No space"), "nobody waits");
        empty();
        assert_eq!(told.recv_timeout(SOON).unwrap(), None, "it works again by itself");
        assert_eq!(wait(&journal, last, When::Durable), Outcome::Kept);
        let state = journal.close();
        assert_eq!((state.lost, state.trouble, state.durable), (0, None, last));
        let (_journal, mut found) = open(&folder);
        assert_eq!(numbers(&mut found.records), Vec::from_iter(1..=last));
        assert_eq!(found.reports, Vec::<String>::new());
    });
}

#[test]
fn what_does_not_fit_into_the_queue_of_a_full_disk_is_counted_and_noted() {
    let test = "pressure::what_does_not_fit_into_the_queue_of_a_full_disk_is_counted_and_noted";
    on_a_small_disk(test, "size=256k", |disk| {
        let folder = disk.join("journal");
        let mut settings = small();
        settings.queue_bytes = 2000;
        let (journal, _) = Journal::open(&folder, settings).unwrap();
        let empty = ballast(disk);
        append(&journal, 100);
        let lost = journal.state().lost;
        assert!((40..99).contains(&lost), "{lost}");
        let outcome = wait(&journal, 100, When::Written);
        assert!(why(outcome).contains("no room"));
        empty();
        let state = journal.close();
        assert_eq!((state.lost, state.written), (lost, 100), "closing tries once more");
        let (journal, mut found) = open(&folder);
        assert_eq!(numbers(&mut found.records), Vec::from_iter(1..=100 - lost));
        let gap = &found.records.gaps()[0];
        assert_eq!((gap.first, gap.last), (101 - lost, 100));
        assert_eq!(journal.append(&text(101)), 101);
    });
}

#[test]
fn a_journal_opens_on_a_full_disk_and_counts_what_it_loses_when_it_is_closed_there() {
    let test =
        "pressure::a_journal_opens_on_a_full_disk_and_counts_what_it_loses_when_it_is_closed_there";
    on_a_small_disk(test, "size=256k", |disk| {
        fill(&disk.join("old"), 20);
        let empty = ballast(disk);
        for (name, before) in [("old", 20), ("new", 0)] {
            let folder = disk.join(name);
            let mut settings = Settings::default();
            // What is left of a segment's last page would be room for some.
            settings.segment_bytes = 0;
            let (journal, mut found) = Journal::open(&folder, settings).unwrap();
            assert_eq!(numbers(&mut found.records), Vec::from_iter(1..=before));
            append(&journal, 100);
            assert!(why(wait(&journal, before + 100, When::Durable)).contains("No space"));
            let state = journal.close();
            assert_eq!((state.last, state.lost), (before + 100, 100));
            assert!(state.trouble.unwrap().contains("No space"));
        }
        empty();
        let (_journal, mut found) = open(&disk.join("old"));
        assert_eq!(numbers(&mut found.records), Vec::from_iter(1..=20));
    });
}

#[test]
fn a_torn_tail_that_cannot_be_put_aside_stays_where_it_is() {
    let test = "pressure::a_torn_tail_that_cannot_be_put_aside_stays_where_it_is";
    on_a_small_disk(test, "size=256k", |disk| {
        let folder = disk.join("journal");
        fill(&folder, 20);
        let last = files(&folder, ".seg").pop().unwrap();
        let torn = [&fs::read(&last).unwrap()[..], b"torn"].concat();
        fs::write(&last, &torn).unwrap();
        let empty = ballast(disk);
        let (journal, found) = open(&folder);
        assert!(found.reports.join("; ").contains("stay there"), "{:?}", found.reports);
        append(&journal, 10);
        empty();
        journal.close();
        assert_eq!(fs::read(&last).unwrap(), torn);
        let (_journal, mut found) = open(&folder);
        assert_eq!(numbers(&mut found.records), Vec::from_iter(1..=30));
        assert_eq!((found.reports, found.records.gaps()), (vec![], &[][..]));
    });
}

#[test]
fn a_snapshot_that_finds_no_room_is_tried_again_and_hides_no_record() {
    let test = "pressure::a_snapshot_that_finds_no_room_is_tried_again_and_hides_no_record";
    on_a_small_disk(test, "size=256k", |disk| {
        let folder = disk.join("journal");
        let (journal, _) = Journal::open(&folder, Settings::default()).unwrap();
        let (tell, told) = mpsc::channel();
        journal.watch(move |trouble| tell.send(trouble.map(ToOwned::to_owned)).unwrap());
        append(&journal, 10);
        journal.snapshot(10, vec![b'x'; 300_000]);
        let trouble = told.recv_timeout(SOON).unwrap().expect("it does not fit");
        assert!(trouble.contains("a snapshot cannot be written"), "{trouble}");
        append(&journal, 10);
        assert_eq!(wait(&journal, 20, When::Durable), Outcome::Kept);
        journal.snapshot(20, b"small".to_vec());
        assert_eq!(told.recv_timeout(SOON).unwrap(), None);
        assert_eq!(journal.close().snapshot, Some(20));
        let (_journal, found) = open(&folder);
        assert_eq!(found.snapshot, Some((20, b"small".to_vec())));
    });
}

#[test]
fn a_folder_that_may_not_be_written_to_is_refused_by_name() {
    let test = "pressure::a_folder_that_may_not_be_written_to_is_refused_by_name";
    on_a_small_disk(test, "ro", |disk| {
        assert!(is_apart());
        let refused = Journal::open(disk, small()).unwrap_err();
        assert!(matches!(refused, OpenError::Folder { .. }), "{refused}");
        assert_eq!(refused.to_string(), "cannot use `/mnt` for the journal: writing to it failed");
        let refused = Journal::open(&disk.join("journal"), small()).unwrap_err();
        let text = refused.to_string();
        assert_eq!(text, "cannot use `/mnt/journal` for the journal: making it failed");
    });
}

//! Numbers, readers, the lock: a journal on a disk that works.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use mainstay_daemon::journal::{
    Journal, OpenError, Outcome, Reader, Settings, When, verify_frames,
};

use crate::support::{SOON, append, files, fill, numbers, open, small, text, wait};

#[test]
fn what_was_appended_is_found_in_order_over_many_segments() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 100);
    let (journal, mut found) = open(folder.path());
    assert_eq!(numbers(&mut found.records), Vec::from_iter(1..=100));
    assert_eq!((found.snapshot, found.reports, found.records.gaps()), (None, vec![], &[][..]));
    append(&journal, 50);
    journal.close();
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(numbers(reader.from(0)), Vec::from_iter(1..=150));
    assert_eq!(numbers(reader.from(77)), Vec::from_iter(77..=150));
    assert_eq!(numbers(reader.from(151)), Vec::<u64>::new());
    assert_eq!(numbers(reader.backwards()), Vec::from_iter((1..=150).rev()));
    let report = verify_frames(folder.path()).unwrap();
    assert_eq!((report.records, report.first, report.last), (150, Some(1), Some(150)));
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.segments > 20, "{report:?}");
}

#[test]
fn what_is_found_ends_where_this_opening_began() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 10);
    let (journal, mut found) = open(folder.path());
    append(&journal, 10);
    assert_eq!(wait(&journal, 20, When::Written), Outcome::Kept);
    assert_eq!(numbers(&mut found.records), Vec::from_iter(1..=10));
}

#[test]
fn a_reader_sees_what_another_has_just_written() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path(), Settings::default()).unwrap();
    append(&journal, 5);
    assert_eq!(wait(&journal, 5, When::Written), Outcome::Kept);
    let reader = Reader::open(folder.path()).unwrap();
    let mut records = reader.from(1);
    assert_eq!(numbers(&mut records), Vec::from_iter(1..=5));
    assert_eq!(numbers(reader.backwards()), Vec::from_iter((1..=5).rev()));
    assert_eq!(records.gaps(), &[]);
    assert_eq!(verify_frames(folder.path()).unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_reader_never_takes_a_write_on_its_way_for_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(folder.path(), Settings::default()).unwrap();
    let (done, is_done) = mpsc::channel();
    let path = folder.path().to_owned();
    let looks = thread::spawn(move || {
        let mut seen = 0;
        while is_done.try_recv() == Err(mpsc::TryRecvError::Empty) {
            let report = verify_frames(&path).unwrap();
            let torn = |problem: &String| !problem.contains("bytes ");
            assert!(!report.problems.iter().any(torn), "{report:?}");
            assert_eq!(report.records, report.last.unwrap_or(0));
            seen += 1;
        }
        seen
    });
    for _ in 0..20 {
        append(&journal, 500);
        assert_eq!(wait(&journal, journal.state().last, When::Written), Outcome::Kept);
    }
    done.send(()).unwrap();
    assert!(looks.join().unwrap() > 0);
}

#[test]
fn the_order_of_numbers_is_the_order_on_disk_for_many_who_append() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let journal = Arc::new(journal);
    let (tell, told) = mpsc::channel();
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (journal, tell) = (Arc::clone(&journal), tell.clone());
            thread::spawn(move || {
                for round in 0..200 {
                    let seq = journal.append(format!("{thread} {round}").as_bytes());
                    let tell = tell.clone();
                    let when = if round % 50 == 0 { When::Durable } else { When::Written };
                    let told = move |outcome| tell.send((seq, outcome)).unwrap();
                    journal.when(seq, when, Box::new(told));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let mut answered: Vec<u64> = (0..1600)
        .map(|_| told.recv_timeout(SOON).unwrap())
        .map(|(seq, outcome)| {
            assert_eq!(outcome, Outcome::Kept);
            seq
        })
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, Vec::from_iter(1..=1600));
    let mut rounds = [0; 8];
    let mut last = 0;
    for record in Reader::open(folder.path()).unwrap().from(1) {
        assert_eq!(record.seq, last + 1);
        last = record.seq;
        let said = String::from_utf8(record.payload).unwrap();
        let (thread, round) = said.split_once(' ').unwrap();
        let thread: usize = thread.parse().unwrap();
        assert_eq!(round.parse(), Ok(rounds[thread]));
        rounds[thread] += 1;
    }
    assert_eq!(rounds, [200; 8]);
}

#[test]
fn a_second_writer_is_refused_with_the_name_and_the_pid_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let refused = Journal::open(folder.path(), small()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }));
    let text = refused.to_string();
    assert!(text.contains(&format!("`mainstay` with pid {}", std::process::id())), "{text}");
    assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
    journal.close();
    open(folder.path());
}

#[test]
fn a_missing_folder_is_made_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b");
    fill(&path, 1);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_file_in_place_of_the_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    fs::write(&path, "something else").unwrap();
    let refused = Journal::open(&path, small()).unwrap_err();
    assert!(matches!(refused, OpenError::NotAFolder { .. }), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), b"something else");
}

#[test]
fn files_that_are_no_part_of_the_journal_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let others = ["1.seg", "x0000000000000000001.seg", "notes.txt", "99999999999999999999.seg"];
    for name in others {
        fs::write(folder.path().join(name), name).unwrap();
    }
    fill(folder.path(), 30);
    let (_journal, mut found) = open(folder.path());
    assert_eq!(numbers(&mut found.records), Vec::from_iter(1..=30));
    for name in others {
        assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), name);
    }
}

#[test]
fn a_segment_ends_with_its_last_record_once_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 10);
    for path in files(folder.path(), ".seg") {
        assert_eq!(fs::read(path).unwrap().last(), Some(&b'\n'));
    }
}

#[test]
fn a_clock_that_goes_back_changes_no_order() {
    static CLOCK: AtomicI64 = AtomicI64::new(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let mut settings = small();
    settings.wall = || CLOCK.fetch_sub(1000, Ordering::Relaxed);
    let (journal, _) = Journal::open(folder.path(), settings).unwrap();
    append(&journal, 30);
    journal.close();
    let (_journal, mut found) = open(folder.path());
    let records: Vec<_> = found.records.by_ref().collect();
    assert!(records.is_sorted_by(|a, b| a.seq < b.seq && a.wall > b.wall));
    assert_eq!(numbers(records.into_iter()), Vec::from_iter(1..=30));
}

#[test]
fn a_record_that_was_never_appended_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let why = "there is no record of this number".to_owned();
    assert_eq!(wait(&journal, 1, When::Written), Outcome::Lost { why });
}

#[test]
fn what_nobody_waits_for_is_durable_once_the_journal_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append(&journal, 7);
    let state = journal.close();
    assert_eq!((state.last, state.written, state.durable), (7, 7, 7));
    assert_eq!((state.lost, state.trouble), (0, None));
    let size: u64 =
        files(folder.path(), ".seg").iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(state.bytes, size);
}

#[test]
fn whoever_panics_when_told_stops_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let seq = journal.append(&text(1));
    journal.when(seq, When::Durable, Box::new(|_| panic!("a test panics here")));
    let seq = journal.append(&text(2));
    assert_eq!(wait(&journal, seq, When::Durable), Outcome::Kept);
}

/// The page about the form has a program that reads it: it must go on reading it.
#[test]
fn the_documented_program_reads_a_journal() {
    let page = include_str!("../../../../docs/reference/journal.md");
    let program = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    for seq in 1..=20 {
        // The fourth is too large, and a note says so.
        let payload = if seq == 4 { vec![b'x'; (16 << 20) + 1] } else { text(seq) };
        assert_eq!(journal.append(&payload), seq);
    }
    journal.close();
    let read = || Command::new("python3").args(["-c", program]).arg(folder.path()).output();
    let Ok(output) = read() else {
        eprintln!("not tested: there is no python3");
        return;
    };
    let said = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert_eq!(complaints, "");
    for (line, seq) in said.lines().zip(1..) {
        let is = line.strip_prefix(&format!("{seq} 1700000000000 ")).unwrap();
        match seq {
            4 => assert!(is.starts_with("{\"lost\":{\"first\":4,\"last\":4,"), "{is}"),
            _ => assert_eq!(is.as_bytes(), text(seq)),
        }
    }
    assert_eq!(said.lines().count(), 20);
    let path = &files(folder.path(), ".seg")[1];
    let mut bytes = fs::read(path).unwrap();
    bytes[30] ^= 1;
    fs::write(path, bytes).unwrap();
    let complaints = String::from_utf8(read().unwrap().stderr).unwrap();
    assert!(complaints.contains("no frame at byte 0"), "{complaints}");
    assert!(complaints.contains("are missing"), "{complaints}");
}

//! The process is killed at every point of every write: what was told to be kept is there afterwards.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use mainstay_daemon::journal::{Journal, Outcome, Reader, Settings, When};

use crate::support::{again, content, files, is_apart, quick, small, text, wait};

const FOLDER: &str = "JOURNAL_TEST_FOLDER";
const FAULT: &str = "MAINSTAY_FAULT";

/// Records that the first life appends, and every later one.
const LIVES: [u64; 2] = [60, 25];

fn settings() -> Settings {
    let mut settings = small();
    settings.most_bytes = 600;
    settings
}

/// One life of a process with a journal: it appends, tells what is kept, and leaves snapshots. What it says goes to
/// a file with one system call a line, so that it outlives a kill.
fn live(folder: &Path) {
    let said = fs::File::options().append(true).create(true).open(folder.join("said")).unwrap();
    let said = Arc::new(Mutex::new(said));
    let say = move |line: String| said.lock().unwrap().write_all(line.as_bytes()).unwrap();
    let (journal, mut found) = Journal::open(&folder.join("journal"), settings()).unwrap();
    // Somebody who reads it all, as a recovery does.
    found.records.by_ref().for_each(drop);
    let first = journal.state().last + 1;
    let count = LIVES[usize::from(first > 1)];
    for seq in first..first + count {
        assert_eq!(journal.append(&text(seq)), seq);
        let when = if seq % 7 == 0 { When::Durable } else { When::Written };
        let (tell, told) = std::sync::mpsc::channel();
        let say = say.clone();
        let kept = move |outcome| {
            assert_eq!(outcome, Outcome::Kept);
            say(format!("{seq}\n"));
            let _ = tell.send(());
        };
        journal.when(seq, when, Box::new(kept));
        if seq % 3 == 0 {
            told.recv().unwrap();
        }
        if seq % 20 == 0 {
            journal.snapshot(seq, format!("after {seq}").into_bytes());
        }
    }
    journal.close();
    say("closed\n".to_owned());
}

/// Asserts that everything which was told to be kept is there, or a snapshot that takes it in.
fn nothing_is_missing(folder: &Path, what: &str) {
    let said = fs::read_to_string(folder.join("said")).unwrap_or_default();
    let kept: Vec<u64> = said.lines().filter_map(|line| line.parse().ok()).collect();
    let (journal, mut found) = Journal::open(&folder.join("journal"), settings()).unwrap();
    let covered = found.snapshot.map_or(0, |(upto, bytes)| {
        assert_eq!(bytes, format!("after {upto}").into_bytes(), "{what}");
        upto
    });
    let mut next = covered + 1;
    for record in found.records.by_ref() {
        assert_eq!((record.seq, record.payload), (next, text(next)), "{what}");
        next += 1;
    }
    assert_eq!(found.records.gaps(), &[], "{what}");
    let last = kept.iter().max().copied().unwrap_or(0);
    assert!(next > last, "{what}: {last} was kept and the journal ends before {next}");
    assert_eq!(journal.state().last, next - 1, "{what}");
    // Those that nobody replays any more are history until they are too much.
    let history = Reader::open(&folder.join("journal")).unwrap().backwards();
    assert!(history.map(|record| record.seq).is_sorted_by(|a, b| a == &(b + 1)), "{what}");
}

/// Begins a life that is killed when it comes to a point for the n-th time. Returns the point, if it came to it.
fn killed(test: &str, folder: &Path, point: &str, nth: u32) -> Option<String> {
    let mark = folder.join("mark");
    let mut life = again(test, &[]);
    life.env(FOLDER, folder).env(FAULT, format!("{point}:{nth}:{}", mark.display()));
    let output = life.output().unwrap();
    match fs::read_to_string(&mark) {
        Ok(point) => {
            assert_eq!(output.status.signal(), Some(9), "{point}");
            fs::remove_file(mark).unwrap();
            Some(point)
        }
        Err(_) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            None
        }
    }
}

/// All there are.
const POINTS: [&str; 19] = [
    "journal.cut.after",
    "journal.cut.before",
    "journal.cut.kept",
    "journal.prune.segment",
    "journal.prune.snapshot",
    "journal.rotate.after",
    "journal.rotate.before",
    "journal.segment.made",
    "journal.segment.make",
    "journal.snapshot.begin",
    "journal.snapshot.done",
    "journal.snapshot.named",
    "journal.snapshot.part",
    "journal.snapshot.written",
    "journal.sync.after",
    "journal.sync.before",
    "journal.write.after",
    "journal.write.before",
    "journal.write.part",
];

#[test]
fn whoever_is_killed_at_any_point_has_kept_what_it_said() {
    let test = "faults::whoever_is_killed_at_any_point_has_kept_what_it_said";
    if is_apart() {
        return live(Path::new(&std::env::var_os(FOLDER).unwrap()));
    }
    let before = quick();
    assert!(again(test, &[]).env(FOLDER, before.path()).output().unwrap().status.success());
    let segment = files(&before.path().join("journal"), ".seg").pop().unwrap();
    // The life that is killed finds a torn tail, and cuts it.
    let torn = [&fs::read(&segment).unwrap()[..], b"a torn write"].concat();
    fs::write(&segment, torn).unwrap();
    for point in POINTS {
        for nth in [1, 2, 3, 5, 8] {
            let folder = quick();
            copy(before.path(), folder.path());
            if killed(test, folder.path(), point, nth).is_none() {
                assert!(nth > 1, "nothing comes to {point}");
                break;
            }
            nothing_is_missing(folder.path(), &format!("killed at {point}, the {nth}. time"));
        }
    }
}

#[test]
fn many_lives_that_are_killed_one_after_the_other_keep_what_they_said() {
    let test = "faults::many_lives_that_are_killed_one_after_the_other_keep_what_they_said";
    if is_apart() {
        return live(Path::new(&std::env::var_os(FOLDER).unwrap()));
    }
    let folder = quick();
    // Numbers that look like chance and are the same every time.
    let mut seed: u32 = 7;
    for life in 0..40 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let nth = seed >> 16;
        let point = killed(test, folder.path(), "journal.*", 1 + nth % 120);
        nothing_is_missing(folder.path(), &format!("life {life} killed at {point:?}"));
    }
}

/// Copies a folder with one folder in it.
fn copy(from: &Path, to: &Path) {
    fs::copy(from.join("said"), to.join("said")).unwrap();
    fs::create_dir(to.join("journal")).unwrap();
    for path in files(&from.join("journal"), "") {
        fs::copy(&path, to.join("journal").join(path.file_name().unwrap())).unwrap();
    }
}

/// A power failure leaves of a file what was synced, and anything or nothing behind it. What was told to be durable
/// needs no byte behind its own end.
#[test]
fn what_is_durable_needs_nothing_that_was_written_after_it() {
    let folder = quick();
    let (journal, _) = Journal::open(folder.path(), settings()).unwrap();
    for seq in 1..=40 {
        journal.append(&text(seq));
        if seq != 23 {
            continue;
        }
        let outcome = wait(&journal, seq, When::Durable);
        assert_eq!(outcome, Outcome::Kept);
        assert_eq!(journal.state().durable, seq);
        let now = content(folder.path());
        let other = quick();
        for (path, bytes) in now {
            fs::write(other.path().join(path.file_name().unwrap()), bytes).unwrap();
        }
        let (_, mut found) = Journal::open(other.path(), settings()).unwrap();
        let numbers: Vec<u64> = found.records.by_ref().map(|record| record.seq).collect();
        assert_eq!(numbers, Vec::from_iter(1..=seq));
    }
}

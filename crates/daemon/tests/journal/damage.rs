//! Damage of every kind: a journal opens, says what is lost, keeps the rest and goes on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mainstay_daemon::journal::{Reader, verify_frames};
use proptest::prelude::*;

use crate::support::{append, content, files, fill, numbers, open, quick, restore};

const RECORDS: u64 = 12;

/// Opens a damaged journal and goes on with it. Returns which of its records were left, after having asserted that
/// whatever is missing has been told, and that the next opening finds the same and what came after.
fn survives(folder: &Path, what: &str) -> BTreeSet<u64> {
    // Where the last segment ends with a whole record, or with none, nobody can tell that there were more.
    let end = fs::read(files(folder, ".seg").pop().unwrap()).unwrap();
    let quietly_short = end.is_empty() || end.ends_with(b"}\n");
    // Whoever only looks comes to no harm either.
    let report = verify_frames(folder).unwrap();
    let (journal, mut found) = open(folder);
    let left: BTreeSet<u64> = numbers(&mut found.records).into_iter().collect();
    let reported = found.reports.len() + found.records.gaps().len();
    let last = journal.state().last;
    let missing: BTreeSet<u64> = (1..=RECORDS).filter(|seq| !left.contains(seq)).collect();
    if !missing.is_empty() && !quietly_short {
        assert!(reported > 0, "{what}: {missing:?} are missing and nobody says so");
        assert!(!report.problems.is_empty(), "{what}: {missing:?}, and nothing was noticed");
    }
    for gap in found.records.gaps() {
        assert!((gap.first..=gap.last).all(|seq| missing.contains(&seq)), "{what}: {gap}");
    }
    for seq in missing.iter().filter(|seq| **seq <= last) {
        let told = found.records.gaps().iter().any(|gap| (gap.first..=gap.last).contains(seq));
        assert!(told, "{what}: nobody tells of record {seq}");
    }
    append(&journal, 3);
    let state = journal.close();
    assert_eq!((state.lost, state.trouble), (0, None), "{what}");
    let (_journal, mut found) = open(folder);
    let expected: Vec<u64> = left.iter().copied().chain(last + 1..=last + 3).collect();
    assert_eq!(numbers(&mut found.records), expected, "{what}");
    let again = found.reports.iter().any(|report| report.contains("torn"));
    assert!(!again, "{what}: a tail is cut once: {:?}", found.reports);
    let mut backwards = numbers(Reader::open(folder).unwrap().backwards());
    backwards.reverse();
    assert_eq!(backwards, expected, "{what}");
    left
}

#[test]
fn any_damaged_byte_costs_the_record_that_it_stands_in_and_no_other() {
    let folder = quick();
    fill(folder.path(), RECORDS);
    let good = content(folder.path());
    for path in files(folder.path(), ".seg") {
        for offset in 0..good[&path].len() {
            for change in [0x01, 0x80, good[&path][offset]] {
                restore(folder.path(), &good);
                let mut bytes = good[&path].clone();
                bytes[offset] ^= change;
                fs::write(&path, &bytes).unwrap();
                let what = format!("byte {offset} of {} changed by {change:#x}", path.display());
                let left = survives(folder.path(), &what);
                let lost = u64::from(bytes != good[&path]);
                assert_eq!(left.len() as u64, RECORDS - lost, "{what}: {left:?}");
            }
        }
    }
}

#[test]
fn a_segment_cut_anywhere_costs_what_stood_behind_the_cut_and_no_more() {
    let folder = quick();
    fill(folder.path(), RECORDS);
    let good = content(folder.path());
    for path in files(folder.path(), ".seg") {
        for length in 0..good[&path].len() {
            restore(folder.path(), &good);
            fs::write(&path, &good[&path][..length]).unwrap();
            let what = format!("{} cut to {length} bytes", path.display());
            let left = survives(folder.path(), &what);
            let cut = ends(&good[&path], length);
            // A cut between two records is an ordinary end: at the end of all nobody can tell.
            assert_eq!(left.len() + cut, RECORDS as usize, "{what}: {left:?}");
        }
    }
}

/// Counts the records that end at this byte or after it.
fn ends(bytes: &[u8], from: usize) -> usize {
    (from.max(1)..bytes.len()).filter(|at| &bytes[at - 1..=*at] == b"}\n").count()
}

#[test]
fn a_missing_segment_costs_what_stood_in_it() {
    let folder = quick();
    fill(folder.path(), RECORDS);
    let good = content(folder.path());
    let segments = files(folder.path(), ".seg");
    for path in &segments[..segments.len() - 1] {
        restore(folder.path(), &good);
        fs::remove_file(path).unwrap();
        let left = survives(folder.path(), &format!("{} removed", path.display()));
        assert_eq!(left.len() + ends(&good[path], 0), RECORDS as usize);
    }
}

#[test]
fn a_torn_tail_is_put_aside_as_it_was() {
    let folder = quick();
    fill(folder.path(), RECORDS);
    let last = files(folder.path(), ".seg").pop().unwrap();
    let good = fs::read(&last).unwrap();
    for torn in [&b"x"[..], b"half a record", &good[..30]] {
        // Whoever reserves space in advance leaves zeros behind the torn write.
        fs::write(&last, [&good, torn, &[0; 5000]].concat()).unwrap();
        let (journal, found) = open(folder.path());
        let report = found.reports.join("; ");
        assert!(
            report.contains(&format!("{} bytes after record {RECORDS}", torn.len())),
            "{report}"
        );
        let kept = files(folder.path(), ".bin").pop().unwrap();
        assert_eq!(fs::read(&kept).unwrap(), torn);
        assert!(report.contains(kept.to_str().unwrap()), "{report}");
        fs::remove_file(kept).unwrap();
        journal.close();
        assert_eq!(fs::read(&last).unwrap(), good);
    }
}

#[test]
fn zeros_behind_the_last_record_are_its_end() {
    let folder = quick();
    fill(folder.path(), RECORDS);
    let last = files(folder.path(), ".seg").pop().unwrap();
    let good = fs::read(&last).unwrap();
    fs::write(&last, [&good[..], &[0; 5000]].concat()).unwrap();
    let left = survives(folder.path(), "zeros");
    assert_eq!(left.len() as u64, RECORDS);
    assert_eq!(verify_frames(folder.path()).unwrap().problems, Vec::<String>::new());
}

#[test]
fn few_of_many_torn_tails_are_kept() {
    let folder = quick();
    fill(folder.path(), RECORDS);
    for _ in 0..20 {
        let last = files(folder.path(), ".seg").pop().unwrap();
        fs::write(&last, [&fs::read(&last).unwrap()[..], b"torn"].concat()).unwrap();
        open(folder.path());
    }
    assert_eq!(files(folder.path(), ".bin").len(), 8);
}

#[test]
fn a_last_segment_that_cannot_be_read_is_left_as_it_is() {
    let folder = quick();
    fill(folder.path(), RECORDS);
    let last = files(folder.path(), ".seg").pop().unwrap();
    fs::remove_file(&last).unwrap();
    fs::create_dir(&last).unwrap();
    let (journal, mut found) = open(folder.path());
    assert!(found.reports.join("; ").contains(last.to_str().unwrap()), "{:?}", found.reports);
    let left = numbers(&mut found.records);
    let before = journal.state().last;
    assert!(before >= RECORDS, "no number is given twice");
    append(&journal, 3);
    journal.close();
    let (_journal, mut found) = open(folder.path());
    let expected: Vec<u64> = left.into_iter().chain(before + 1..=before + 3).collect();
    assert_eq!(numbers(&mut found.records), expected);
    assert!(last.is_dir());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Any bytes at any place: it opens, and every record that is read is one that was appended.
    #[test]
    fn any_rubbish_is_survived(
        file in 0_usize..8,
        place in 0_usize..400,
        rubbish in prop::collection::vec(any::<u8>(), 0..200),
        insert in any::<bool>(),
    ) {
        let folder = quick();
        fill(folder.path(), RECORDS);
        let segments = files(folder.path(), ".seg");
        let path = &segments[file % segments.len()];
        let mut bytes = fs::read(path).unwrap();
        let place = place.min(bytes.len());
        let end = if insert { place } else { (place + rubbish.len()).min(bytes.len()) };
        bytes.splice(place..end, rubbish);
        fs::write(path, bytes).unwrap();
        survives(folder.path(), "rubbish");
    }
}

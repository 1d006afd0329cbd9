//! Opening: what the last writer left is looked at, a torn tail is cut, and the writer goes on behind it.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::folder::Folder;
use super::frame;
use super::keep;
use super::queue::{Before, Shared};
use super::read::Records;
use super::scan::{Scan, Step};
use super::segment::Segment;
use super::writer::Writer;
use super::{Found, Journal, OpenError, Settings};
use crate::fault;

/// Opens a folder; see [`Journal::open`].
pub(super) fn open(folder: Folder, settings: Settings) -> Result<(Journal, Found), OpenError> {
    folder.make()?;
    let (lock, report) = folder.lock(&settings.owner)?;
    let mut reports: Vec<String> = report.into_iter().collect();
    let contents = folder.contents().map_err(|source| OpenError::Folder {
        folder: folder.path().to_owned(),
        step: "listing it",
        source,
    })?;
    let _ = fs::remove_file(folder.unfinished());
    let mut snapshots = contents.snapshots;
    let snapshot = newest(&folder, &mut snapshots, &mut reports);
    let covered = snapshot.as_ref().map_or(0, |(upto, _)| *upto);
    let Tail { segment, last } = tail(&folder, &contents.segments, &mut reports);
    let last = last.max(covered);
    let bytes: u64 = contents
        .segments
        .iter()
        .filter(|first| segment.as_ref().is_none_or(|(present, _)| present != *first))
        .filter_map(|first| fs::metadata(folder.segment(*first)).ok())
        .map(|found| found.len())
        .sum();
    if let (None, Some(first)) = (&snapshot, contents.segments.first().filter(|first| **first > 1))
    {
        reports.push(format!("no snapshot can be read and the records before {first} are gone"));
    }
    let records = Records::new(folder.clone(), &contents.segments, covered + 1, last);
    let end = segment.as_ref().map_or(0, |(_, segment)| segment.end());
    let before =
        Before { last, durable: covered, bytes: bytes + end, newest: snapshots.last().copied() };
    let shared = Arc::new(Shared::new(folder.path().to_owned(), &settings, before));
    let writer = Writer {
        shared: Arc::clone(&shared),
        folder: folder.clone(),
        settings,
        // What an earlier process wrote need not be on the disk yet.
        due: Some(Instant::now()),
        segment,
        before: bytes,
        snapshots,
        upto: last,
        _lock: lock,
    };
    let writer = thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run());
    let writer =
        writer.map_err(|source| OpenError::Thread { folder: folder.path().to_owned(), source })?;
    Ok((Journal { shared, writer: Some(writer) }, Found { snapshot, records, reports }))
}

/// Returns the newest snapshot that can be read. Those that cannot are put aside.
fn newest(
    folder: &Folder,
    snapshots: &mut Vec<u64>,
    reports: &mut Vec<String>,
) -> Option<(u64, Vec<u8>)> {
    while let Some(&upto) = snapshots.last() {
        match keep::read(folder, upto) {
            Ok(bytes) => return Some((upto, bytes)),
            Err(why) => {
                let path = folder.snapshot(upto);
                let kept = folder.path().join(format!("lost-{upto:020}.snap"));
                let moved = fs::rename(&path, &kept);
                let kept = if moved.is_ok() { &kept } else { &path };
                reports.push(format!(
                    "the snapshot after record {upto} is not used: {why}; it is kept as `{}`",
                    kept.display()
                ));
                snapshots.pop();
            }
        }
    }
    None
}

/// Where the journal goes on.
struct Tail {
    segment: Option<(u64, Segment)>,
    last: u64,
}

/// Looks for the end of the last segment and cuts what is torn.
fn tail(folder: &Folder, segments: &[u64], reports: &mut Vec<String>) -> Tail {
    let Some(&first) = segments.last() else { return Tail { segment: None, last: 0 } };
    let path = folder.segment(first);
    let found = match end(folder, first, reports) {
        Ok(found) => found,
        Err(error) => {
            // Nobody knows which numbers were given: the next one is above all that could have been.
            let most = fs::metadata(&path).map_or(0, |found| found.len() / frame::AROUND as u64);
            let last = first + most;
            reports.push(format!(
                "`{}` cannot be read: {error}; records go on in another segment after {last}",
                path.display()
            ));
            return Tail { segment: None, last };
        }
    };
    // Where it holds no record, a second segment must not get its name.
    let other = Tail { segment: None, last: if found.at == 0 { first } else { found.last } };
    if !found.clean {
        return other;
    }
    match Segment::resume(&path, found.at) {
        Ok(segment) => Tail { segment: Some((first, segment)), last: found.last },
        Err(error) => {
            reports.push(format!(
                "`{}` cannot be written to: {error}; records go on in another segment",
                path.display()
            ));
            other
        }
    }
}

struct End {
    at: u64,
    last: u64,
    /// Nothing but zeros stands behind it any more.
    clean: bool,
}

/// Finds the end of a segment and puts aside what is torn there.
fn end(folder: &Folder, first: u64, reports: &mut Vec<String>) -> io::Result<End> {
    let path = folder.segment(first);
    let mut last = first.saturating_sub(1);
    let mut scan = Scan::open(&path, last)?;
    let (at, junk) = loop {
        match scan.step()? {
            Step::Frame(place) => last = place.seq,
            Step::Skipped(_) => {}
            Step::End { at, junk } => break (at, junk),
        }
    };
    if junk == 0 {
        return Ok(End { at, last, clean: true });
    }
    let torn = scan.read(&(at..at + junk))?;
    fault::point("journal.cut.before");
    let cut = folder.put_aside(last + 1, "bin", &torn).and_then(|kept| {
        fault::point("journal.cut.kept");
        let file = File::options().write(true).open(&path)?;
        file.set_len(at)?;
        file.sync_all()?;
        Ok(kept)
    });
    fault::point("journal.cut.after");
    let name = path.display();
    reports.push(match &cut {
        Ok(kept) => format!(
            "the last write to `{name}` was torn: {junk} bytes after record {last} are kept as `{}`",
            kept.display()
        ),
        Err(error) => format!(
            "the last write to `{name}` was torn: {junk} bytes after record {last} stay there, for they cannot be \
             put aside: {error}"
        ),
    });
    Ok(End { at, last, clean: cut.is_ok() })
}

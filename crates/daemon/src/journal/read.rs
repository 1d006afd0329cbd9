//! Reading what stands in a folder, forwards or backwards. Nothing is changed, and the journal may be written
//! meanwhile by whoever has it open.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::folder::Folder;
use super::keep;
use super::note::Lost;
use super::scan::{Place, Scan, Step};

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The folder is missing, or may not be read.
    #[error("cannot read the journal in `{}`", folder.display())]
    Folder {
        /// Where the journal should be.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A snapshot is missing or damaged.
    #[error("cannot read the snapshot after record {upto} in `{}`: {why}", folder.display())]
    Snapshot {
        /// Where the journal is.
        folder: PathBuf,
        /// The last record that it holds.
        upto: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// One record as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number. Numbers only grow; one that is missing is told among the gaps.
    pub seq: u64,
    /// When it was appended: milliseconds since 1970 by a clock that may jump.
    pub wall: i64,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// Records that were given a number and cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("records {first} to {last} are missing: {why}")]
pub struct Gap {
    /// The first missing number.
    pub first: u64,
    /// The last missing number.
    pub last: u64,
    /// Why, as far as it is known.
    pub why: String,
}

/// Looks into a journal that another process may be writing.
#[derive(Debug)]
pub struct Reader {
    folder: Folder,
    segments: Vec<u64>,
    snapshots: Vec<u64>,
}

impl Reader {
    /// Looks at what stands in a folder now. Segments that are begun later are not seen.
    ///
    /// # Errors
    /// [`ReadError::Folder`] where the folder cannot be listed.
    pub fn open(folder: &Path) -> Result<Self, ReadError> {
        let folder = Folder::new(folder);
        let contents = folder.contents().map_err(|source| {
            let folder = folder.path().to_owned();
            ReadError::Folder { folder, source }
        })?;
        Ok(Self { folder, segments: contents.segments, snapshots: contents.snapshots })
    }

    /// Returns the records from number `from` on, in order. 0 and 1 mean all that are kept.
    pub fn from(&self, from: u64) -> Records {
        Records::new(self.folder.clone(), &self.segments, from.max(1), u64::MAX)
    }

    /// Returns the number with which the oldest segment begins: what was before it has been removed.
    pub fn first(&self) -> Option<u64> {
        self.segments.first().copied()
    }

    /// Returns the records from the newest to the oldest.
    pub fn backwards(&self) -> Backwards {
        let (folder, segments) = (self.folder.clone(), self.segments.clone());
        Backwards { folder, segments, present: None }
    }

    /// Returns the last records before each snapshot that is kept, oldest first.
    pub fn snapshots(&self) -> &[u64] {
        &self.snapshots
    }

    /// Returns the snapshot of the state after record `upto`.
    ///
    /// # Errors
    /// [`ReadError::Snapshot`] where it is missing or damaged.
    pub fn snapshot(&self, upto: u64) -> Result<Vec<u8>, ReadError> {
        keep::read(&self.folder, upto).map_err(|why| {
            let folder = self.folder.path().to_owned();
            ReadError::Snapshot { folder, upto, why }
        })
    }
}

/// Records in order. What is damaged or missing is passed over and stands in [`Records::gaps`].
#[derive(Debug)]
pub struct Records {
    folder: Folder,
    segments: VecDeque<u64>,
    /// The segment that is being read.
    scan: Option<(PathBuf, Scan)>,
    /// The next number, and the last one that is wanted.
    next: u64,
    until: u64,
    /// What was passed over since the last frame, for the gap that it may turn out to be.
    passed: Option<String>,
    gaps: Vec<Gap>,
}

impl Records {
    pub(super) fn new(folder: Folder, segments: &[u64], from: u64, until: u64) -> Self {
        // The segment that holds `from` is the last one that does not begin after it.
        let skipped = segments.partition_point(|first| *first <= from).saturating_sub(1);
        let segments = segments[skipped..].iter().copied().collect();
        let (scan, passed, gaps) = (None, None, Vec::new());
        Self { folder, segments, scan, next: from, until, passed, gaps }
    }

    /// Returns what was missing among the records that have been read so far.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Returns what was damaged behind the last record, so that nobody can say which records it was.
    pub(super) fn passed(&self) -> Option<&str> {
        self.passed.as_deref()
    }

    /// Goes to the next segment; false after the last one.
    fn advance(&mut self) -> bool {
        let Some(first) = self.segments.pop_front() else { return false };
        let path = self.folder.segment(first);
        match Scan::open(&path, first.saturating_sub(1)) {
            Ok(scan) => self.scan = Some((path, scan)),
            Err(error) => self.passed = Some(unreadable(&path, &error)),
        }
        true
    }

    /// States what lies between the last frame and number `seq`.
    fn reach(&mut self, seq: u64) {
        let passed = self.passed.take();
        if seq > self.next {
            let why = passed.unwrap_or_else(|| "no segment holds them".to_owned());
            self.gap(self.next, seq - 1, why);
        }
    }

    fn gap(&mut self, first: u64, last: u64, why: String) {
        self.gaps.push(Gap { first: first.max(self.next), last: last.min(self.until), why });
        self.next = last.saturating_add(1);
    }

    /// Takes in a frame; returns the record that it is, if that is wanted.
    fn frame(&mut self, place: &Place, payload: &[u8]) -> Option<Record> {
        if place.seq < self.next {
            self.passed = None;
            return None;
        }
        if let Some(lost) = place.note.then(|| Lost::read(payload)).flatten() {
            self.reach(lost.first);
            self.gap(lost.first, lost.last, lost.why);
            return None;
        }
        self.reach(place.seq);
        if place.seq > self.until {
            return None;
        }
        self.next = place.seq.saturating_add(1);
        let (seq, wall) = (place.seq, place.wall);
        (!place.note).then(|| Record { seq, wall, payload: payload.to_vec() })
    }
}

impl Iterator for Records {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while self.next <= self.until {
            let Some((path, mut scan)) = self.scan.take() else {
                if self.advance() {
                    continue;
                }
                if self.until < u64::MAX {
                    self.reach(self.until + 1);
                }
                return None;
            };
            let step = scan.step();
            match step {
                Ok(Step::Frame(place)) => {
                    let record = self.frame(&place, scan.payload(&place));
                    self.scan = Some((path, scan));
                    if record.is_some() {
                        return record;
                    }
                }
                Ok(Step::Skipped(range)) => {
                    self.passed = Some(damaged(&path, &range));
                    self.scan = Some((path, scan));
                }
                Ok(Step::End { junk: 0, .. }) => {}
                Ok(Step::End { at, junk }) => self.passed = Some(damaged(&path, &(at..at + junk))),
                Err(error) => self.passed = Some(unreadable(&path, &error)),
            }
        }
        None
    }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("`{}` cannot be read: {error}", path.display())
}

fn damaged(path: &Path, range: &Range<u64>) -> String {
    format!("bytes {} to {} of `{}` are damaged", range.start, range.end - 1, path.display())
}

/// Records from the newest to the oldest. What is damaged is passed over; [`Records::gaps`] would tell of it.
#[derive(Debug)]
pub struct Backwards {
    folder: Folder,
    segments: Vec<u64>,
    present: Option<(Scan, Vec<Place>)>,
}

impl Iterator for Backwards {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some((scan, places)) = &mut self.present {
                while let Some(Place { seq, wall, payload, .. }) = places.pop() {
                    if let Ok(payload) = scan.read(&payload) {
                        return Some(Record { seq, wall, payload });
                    }
                }
            }
            let first = self.segments.pop()?;
            self.present = Scan::open(&self.folder.segment(first), first.saturating_sub(1))
                .ok()
                .map(|mut scan| {
                    let places = records(&mut scan);
                    (scan, places)
                });
        }
    }
}

/// Returns where the records of a segment stand, as far as it can be read.
fn records(scan: &mut Scan) -> Vec<Place> {
    let mut places = Vec::new();
    while let Ok(step) = scan.step() {
        match step {
            Step::Frame(place) if place.note => {}
            Step::Frame(place) => places.push(place),
            Step::Skipped(_) => {}
            Step::End { .. } => break,
        }
    }
    places
}

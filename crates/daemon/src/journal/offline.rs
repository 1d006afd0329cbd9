//! What is done to a journal from the command line: its frames are checked, and what nobody needs is removed.

use std::fs;
use std::io;
use std::path::Path;

use super::folder::Folder;
use super::keep;
use super::read::{ReadError, Reader};
use super::{OpenError, Settings};

/// What a look at every frame of a journal has shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many segments there are, and how many bytes are in them.
    pub segments: usize,
    /// Bytes in all segments, and in what they have reserved.
    pub bytes: u64,
    /// How many records can be read.
    pub records: u64,
    /// The number of the first one.
    pub first: Option<u64>,
    /// The number of the last one.
    pub last: Option<u64>,
    /// The last record before each snapshot that can be read.
    pub snapshots: Vec<u64>,
    /// What is damaged or missing, a sentence each. What a writer is just writing may be among it.
    pub problems: Vec<String>,
}

/// What [`compact`] has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Reads every frame of a journal and changes nothing. It may be in use.
///
/// # Errors
/// [`ReadError::Folder`] where the folder cannot be listed.
pub fn verify_frames(folder: &Path) -> Result<Report, ReadError> {
    let fail = |source| ReadError::Folder { folder: folder.to_owned(), source };
    let reader = Reader::open(folder)?;
    let folder = Folder::new(folder);
    let contents = folder.contents().map_err(fail)?;
    let mut report = Report { segments: contents.segments.len(), ..Report::default() };
    for first in &contents.segments {
        report.bytes += fs::metadata(folder.segment(*first)).map_or(0, |found| found.len());
    }
    for upto in contents.snapshots {
        match reader.snapshot(upto) {
            Ok(_) => report.snapshots.push(upto),
            Err(error) => report.problems.push(error.to_string()),
        }
    }
    let needed = report.snapshots.last().map_or(1, |upto| upto + 1);
    if let Some(first) = contents.segments.first().filter(|first| **first > needed) {
        let last = first - 1;
        report
            .problems
            .push(format!("records {needed} to {last} are missing: no segment holds them"));
    }
    let mut records = reader.from(contents.segments.first().copied().unwrap_or(1));
    for record in &mut records {
        report.records += 1;
        report.first = report.first.or(Some(record.seq));
        report.last = Some(record.seq);
    }
    report.problems.extend(records.gaps().iter().map(ToString::to_string));
    report.problems.extend(records.passed().map(ToOwned::to_owned));
    for path in contents.lost {
        report
            .problems
            .push(format!("`{}` was put aside when it was found damaged", path.display()));
    }
    Ok(report)
}

/// Removes the segments that the newest snapshot makes unnecessary, whatever the settings keep, the snapshot
/// before it, and what was put aside. What is removed is history: the state stays.
///
/// # Errors
/// [`OpenError::Locked`] while the journal is in use, [`OpenError::Folder`] where a file cannot be removed.
pub fn compact(folder: &Path, settings: &Settings) -> Result<Compacted, OpenError> {
    let fail = |source| OpenError::Folder {
        folder: folder.to_owned(),
        step: "removing what is not needed",
        source,
    };
    let folder = Folder::new(folder);
    let (_lock, _) = folder.lock(&settings.owner)?;
    let contents = folder.contents().map_err(fail)?;
    let mut gone = Compacted::default();
    let readable = contents.snapshots.iter().rev().find(|upto| keep::read(&folder, **upto).is_ok());
    if let Some(newest) = readable {
        let ends = contents.segments.iter().skip(1);
        for (first, next) in contents.segments.iter().zip(ends) {
            if *next <= newest + 1 {
                gone.remove(&folder.segment(*first)).map_err(fail)?;
            }
        }
        for other in contents.snapshots.iter().filter(|other| *other != newest) {
            gone.remove(&folder.snapshot(*other)).map_err(fail)?;
        }
    }
    for path in contents.lost {
        gone.remove(&path).map_err(fail)?;
    }
    folder.sync().map_err(fail)?;
    Ok(gone)
}

impl Compacted {
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        let bytes = fs::metadata(path)?.len();
        fs::remove_file(path)?;
        self.files += 1;
        self.bytes += bytes;
        Ok(())
    }
}

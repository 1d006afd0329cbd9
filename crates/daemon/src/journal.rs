//! What has happened: append-only segments of framed, checksummed records.
//!
//! A payload is opaque here. Appending never waits for a disk: a thread of its own writes everything that is queued
//! at once, and syncs once for all who wait. A full or broken disk is a state, not an error: what cannot be kept is
//! counted, and who waits for it is told. `docs/reference/journal.md` has the form on disk.
//!
//! Segments only grow and are removed as a whole. There is no header that changes and no index: recovery reads
//! frames from the newest snapshot on, passes over what is damaged, and cuts what is torn at the end.

mod folder;
mod frame;
mod keep;
mod note;
mod offline;
mod queue;
mod read;
mod recover;
mod scan;
mod segment;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

pub use offline::{Compacted, Report, compact, verify_frames};
pub use read::{Backwards, Gap, ReadError, Reader, Record, Records};

use folder::Folder;
use queue::Shared;

/// How much a journal keeps, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// A segment that has reached this many bytes is followed by another. A larger record has one of its own.
    pub segment_bytes: u64,
    /// Beyond this many bytes the oldest segments are removed, as soon as no snapshot needs them.
    pub most_bytes: u64,
    /// Segments whose records are all older are removed, as soon as no snapshot needs them.
    pub age: Duration,
    /// What may wait for the disk. Records beyond it are lost, and counted.
    pub queue_bytes: usize,
    /// Who opens it, for whoever finds the folder locked: a program's name.
    pub owner: String,
    /// Returns the wall time in milliseconds since 1970.
    pub wall: fn() -> i64,
}

impl Default for Settings {
    /// 16 MiB a segment, 256 MiB and 30 days in all, 64 MiB in the queue.
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            most_bytes: 256 << 20,
            age: Duration::from_secs(30 * 24 * 3600),
            queue_bytes: 64 << 20,
            owner: "mainstay".to_owned(),
            wall: || jiff::Timestamp::now().as_millisecond(),
        }
    }
}

/// Why a journal cannot be opened. A full disk is no reason, and neither is damage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be used: it may not be written to, or it cannot be made.
    #[error("cannot use `{}` for the journal: {step} failed", folder.display())]
    Folder {
        /// Where the journal should be.
        folder: PathBuf,
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Something else has the folder's name.
    #[error("`{}` should be a folder for the journal and is a file: name another, or move it", path.display())]
    NotAFolder {
        /// What was found.
        path: PathBuf,
    },
    /// Another process writes this journal.
    #[error("the journal in `{}` is in use by {by}: stop it first, or name another folder", folder.display())]
    Locked {
        /// Where the journal is.
        folder: PathBuf,
        /// The name and the pid of the other, as far as it says them.
        by: String,
    },
    /// The system gives no thread to write with.
    #[error("cannot begin the thread that writes the journal in `{}`", folder.display())]
    Thread {
        /// Where the journal is.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// How far a record has come when [`Journal::when`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The system has it: it outlives this process, but not a power failure.
    Written,
    /// The disk has it.
    Durable,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has come as far as was asked.
    Kept,
    /// It has not, and nobody may count on it. Where the disk fails it is still tried, while there is room for it.
    Lost {
        /// What stands in the way.
        why: String,
    },
}

/// How a journal is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The number of the last record appended, lost or not; 0 before the first.
    pub last: u64,
    /// Up to here everything has been written, or is lost.
    pub written: u64,
    /// Up to here everything is on the disk, or is lost.
    pub durable: u64,
    /// The last record before the newest snapshot.
    pub snapshot: Option<u64>,
    /// Records lost since it was opened.
    pub lost: u64,
    /// Why writes do not succeed at present, or a snapshot, or the removal of old segments.
    pub trouble: Option<String>,
    /// Bytes in all segments.
    pub bytes: u64,
    /// Where it is.
    pub folder: PathBuf,
}

/// What an opened journal holds.
#[derive(Debug)]
pub struct Found {
    /// The newest snapshot that can be read, and the last record that it takes in.
    pub snapshot: Option<(u64, Vec<u8>)>,
    /// The records after it, read from disk as they are asked for. Read them before the next snapshot is written,
    /// which may remove some.
    pub records: Records,
    /// What was wrong with the folder and what was done about it, a sentence each. [`Records::gaps`] has what turns
    /// out while the records are read.
    pub reports: Vec<String>,
}

/// A journal that is open for writing. It ends with [`Journal::close`], or when it is dropped.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal in a folder, which is made for its owner alone if it is missing.
    ///
    /// Damage is passed over and reported. A full disk gives a journal in trouble, which counts what it loses.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path, settings: Settings) -> Result<(Self, Found), OpenError> {
        recover::open(Folder::new(folder), settings)
    }

    /// Gives a record its number and has it written. It never waits: the order of numbers is the order on disk.
    ///
    /// Without room in the queue the record is lost, which [`State::lost`] counts and a note in the journal says
    /// as soon as there is room. So is one of more than 16 MiB.
    pub fn append(&self, payload: &[u8]) -> u64 {
        self.shared.append(payload)
    }

    /// Calls `tell` once with what became of a record: at once where it is known, otherwise on the thread that
    /// writes, which it must not hold up. While the disk fails everybody is told so, and nobody waits.
    pub fn when(&self, seq: u64, when: When, tell: Box<dyn FnOnce(Outcome) + Send>) {
        self.shared.when(seq, when, tell);
    }

    /// Has a snapshot of the state after record `upto` written. It replaces one that has not been written yet.
    ///
    /// Afterwards snapshots beyond the two newest are removed, and segments that are too old or too much and that
    /// the older snapshot does not need.
    pub fn snapshot(&self, upto: u64, bytes: Vec<u8>) {
        self.shared.snapshot(upto, bytes);
    }

    /// Calls `watcher` with each change of [`State::trouble`], and now if there is any. It is called on the thread
    /// that writes, which it must not hold up, and replaces an earlier one.
    pub fn watch(&self, watcher: impl Fn(Option<&str>) + Send + Sync + 'static) {
        self.shared.watch(Arc::new(watcher));
    }

    /// Returns how it is doing.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Writes what is queued, waits for the disk, and lets go of the folder. In trouble it tries once.
    pub fn close(mut self) -> State {
        self.end();
        self.shared.state()
    }

    fn end(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.take() {
            // What a panic of the writer would mean is in the state: nothing was written after it.
            let _ = writer.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.end();
    }
}

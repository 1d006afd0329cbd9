//! The segment that is being written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

use crate::fault;

/// Asked of the disk in advance: a write into it changes no size, which makes a sync cheaper.
const AHEAD: u64 = 1024 * 1024;

/// Written again at a time after a failed sync.
const AGAIN: u64 = 256 * 1024;

/// A file that only grows.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    /// Where the next frame goes, and up to where all is known to be on the disk.
    end: u64,
    synced: u64,
    /// The file's size: behind the end there are zeros.
    size: u64,
    /// A sync has failed: what it was about may no longer be on its way to the disk.
    doubtful: bool,
}

impl Segment {
    /// Makes a segment. A file of this name holds nothing: no number of the journal has come so far.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        fault::point("journal.segment.make");
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Self { file, end: 0, synced: 0, size: 0, doubtful: false })
    }

    /// Goes on with a segment whose frames end at `end`.
    pub(super) fn resume(path: &Path, end: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, end, synced: 0, size, doubtful: false })
    }

    /// Returns the bytes of all frames in it.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Returns whether everything in it is known to be on the disk.
    pub(super) const fn is_synced(&self) -> bool {
        self.synced == self.end && !self.doubtful
    }

    /// Appends whole frames. What a failed attempt has left is written over by the next.
    pub(super) fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        let end = self.end + frames.len() as u64;
        self.reserve(end);
        fault::point("journal.write.before");
        let mut at = 0;
        for part in fault::parts(frames) {
            self.file.write_all_at(part, self.end + at)?;
            at += part.len() as u64;
            fault::point("journal.write.part");
        }
        fault::point("journal.write.after");
        self.end = end;
        self.size = self.size.max(end);
        Ok(())
    }

    /// Returns when everything in it is on the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.doubtful {
            self.write_again()?;
        }
        fault::point("journal.sync.before");
        if let Err(error) = self.file.sync_data() {
            self.doubtful = true;
            return Err(error);
        }
        fault::point("journal.sync.after");
        self.doubtful = false;
        self.synced = self.end;
        Ok(())
    }

    /// Takes away the zeros behind the last frame and makes everything last.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.size > self.end {
            self.file.set_len(self.end)?;
            self.size = self.end;
        }
        if self.is_synced() { Ok(()) } else { self.sync() }
    }

    /// A failed sync may leave pages that the kernel takes for written: they are made new to it.
    fn write_again(&self) -> io::Result<()> {
        let mut bytes = vec![0; AGAIN as usize];
        let mut at = self.synced;
        while at < self.end {
            let part = &mut bytes[..AGAIN.min(self.end - at) as usize];
            self.file.read_exact_at(part, at)?;
            self.file.write_all_at(part, at)?;
            at += part.len() as u64;
        }
        Ok(())
    }

    /// Has room up to `end`, and some more. Where the disk gives none in advance, the write itself will tell.
    fn reserve(&mut self, end: u64) {
        if end > self.size {
            let more = end - self.size + AHEAD;
            if fallocate(&self.file, FallocateFlags::empty(), self.size, more).is_ok() {
                self.size += more;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_sync_was_about_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        let mut segment = Segment::make(&path).unwrap();
        segment.append(b"first").unwrap();
        segment.sync().unwrap();
        let long = vec![7; AGAIN as usize + 3];
        segment.append(&long).unwrap();
        segment.doubtful = true;
        assert!(!segment.is_synced());
        segment.sync().unwrap();
        assert!(segment.is_synced());
        segment.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [&b"first"[..], &long].concat());
    }

    #[test]
    fn a_finished_segment_ends_with_its_last_frame() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment");
        let mut segment = Segment::make(&path).unwrap();
        segment.append(b"frame").unwrap();
        segment.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"frame");
    }
}

//! Reads one segment from its beginning, frame by frame, past whatever is no frame.
//!
//! It changes nothing, and another process may be writing the segment meanwhile.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::frame::{self, Decoded, Frame};

/// Read at a time: large enough that the calls do not count, small beside a brain's memory.
const WINDOW: usize = 256 * 1024;

/// The reading of one segment.
#[derive(Debug)]
pub(super) struct Scan {
    file: File,
    /// What has been read and not been left behind.
    window: Vec<u8>,
    /// Where in the file the window begins, and where in the window the next frame.
    start: u64,
    at: usize,
    /// The number of the frame before: numbers only grow.
    last: u64,
}

/// What comes next in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Frame(Place),
    /// These bytes of the file are no frame, but after them comes one.
    Skipped(Range<u64>),
    /// No frame comes after this place. `junk` bytes do, which are not all zero.
    End {
        at: u64,
        junk: u64,
    },
}

/// A frame that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) seq: u64,
    pub(super) wall: i64,
    pub(super) note: bool,
    /// Where its payload stands in the file.
    pub(super) payload: Range<u64>,
}

impl Scan {
    /// Begins to read a segment that holds numbers above `after`.
    pub(super) fn open(path: &Path, after: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { file, window: Vec::new(), start: 0, at: 0, last: after })
    }

    /// Returns what comes next. After the end it may be asked again: the segment may have grown.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        loop {
            let needed = match frame::decode(&self.window[self.at..]) {
                Decoded::Whole(frame) if frame.seq > self.last => {
                    let place = place(&frame, self.position());
                    let size = frame.size();
                    return Ok(self.accept(place, size));
                }
                Decoded::Short(needed) => needed,
                Decoded::Whole(_) | Decoded::Bad => return self.seek(),
            };
            if !self.fill(needed)? {
                return self.seek();
            }
        }
    }

    /// Returns the payload of the frame that the last step found.
    pub(super) fn payload(&self, place: &Place) -> &[u8] {
        let from = (place.payload.start - self.start) as usize;
        &self.window[from..from + (place.payload.end - place.payload.start) as usize]
    }

    /// Reads bytes of the file again, wherever they are.
    pub(super) fn read(&self, range: &Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }

    const fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    const fn accept(&mut self, place: Place, size: usize) -> Step {
        self.last = place.seq;
        self.at += size;
        Step::Frame(place)
    }

    /// Moves the window to the present place, with at least `needed` bytes in it. False: the file has fewer.
    fn fill(&mut self, needed: usize) -> io::Result<bool> {
        let rest = self.file.metadata()?.len().saturating_sub(self.position());
        if rest < needed as u64 {
            return Ok(false);
        }
        let wanted = needed.max(WINDOW).min(usize::try_from(rest).unwrap_or(usize::MAX));
        self.start = self.position();
        self.window.drain(..self.at);
        self.at = 0;
        let had = self.window.len();
        self.window.resize(wanted.max(had), 0);
        let got = read_full(&self.file, &mut self.window[had..], self.start + had as u64)?;
        self.window.truncate(had + got);
        Ok(self.window.len() >= needed)
    }

    /// Looks for the next frame behind something that is none.
    fn seek(&mut self) -> io::Result<Step> {
        let from = self.position();
        let rest = self.rest(from)?;
        let found = frame::search(&rest, self.last);
        let Some(mut skipped) = found else {
            let junk = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
            // What is not a frame now may be one when it is asked for again.
            self.window.clear();
            (self.start, self.at) = (from, 0);
            return Ok(Step::End { at: from, junk });
        };
        self.window = rest;
        (self.start, self.at) = (from, 0);
        if skipped > 0 {
            // Whoever writes now may have written the frame while it was read. It writes from front to back,
            // so what stands before the frame that was found is there by now.
            let again = self.rest(from)?;
            skipped = frame::search(&again, self.last).unwrap_or(skipped);
            self.window = again;
        }
        if skipped == 0 {
            return self.step();
        }
        self.at = skipped;
        Ok(Step::Skipped(from..from + skipped as u64))
    }

    /// Reads all of the file from this place on. Only damage and the end of a segment need it.
    fn rest(&self, from: u64) -> io::Result<Vec<u8>> {
        let size = self.file.metadata()?.len().saturating_sub(from);
        let mut rest = vec![0; usize::try_from(size).unwrap_or(0)];
        let got = read_full(&self.file, &mut rest, from)?;
        rest.truncate(got);
        Ok(rest)
    }
}

fn place(frame: &Frame<'_>, at: u64) -> Place {
    let start = at + frame::HEADER as u64;
    let payload = start..start + frame.payload.len() as u64;
    Place { seq: frame.seq, wall: frame.wall, note: frame.note, payload }
}

/// Reads until `bytes` are full or the file ends; returns how many came.
fn read_full(file: &File, bytes: &mut [u8], from: u64) -> io::Result<usize> {
    let mut got = 0;
    while got < bytes.len() {
        match file.read_at(&mut bytes[got..], from + got as u64) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

//! What a keeper that dies by force takes along.
//!
//! Bytes in a pipe outlive the keeper: whoever holds the pipe's other descriptor reads them. Lost is only
//! what the keeper had read and not written. For each run a counter says how much that is, in memory that
//! the brain holds as well: it is marked before each read and set after it and after each write. So the
//! loss is known to the byte, or, where the keeper died inside a read, to be no more than one read.

use crate::sys::page::Page;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{MemfdFlags, SealFlags};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many runs are counted at a time. Untouched pages take no memory.
const RUNS: usize = 1 << 16;
/// The keeper is inside a read.
const READING: u64 = 1 << 63;

/// The counters of all runs.
#[derive(Debug)]
pub(super) struct Tally {
    file: Arc<OwnedFd>,
    page: Page,
}

impl Tally {
    pub(super) fn new() -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("mainstay-unwritten", flags)?;
        rustix::fs::ftruncate(&file, (RUNS * size_of::<u64>()) as u64)?;
        // Whoever holds it too cannot make an access to it fail.
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK)?;
        Self::resume(file)
    }

    /// Goes on with the counters of an earlier keeper.
    pub(super) fn resume(file: OwnedFd) -> io::Result<Self> {
        let page = Page::map(&file, RUNS)?;
        Ok(Self { file: Arc::new(file), page })
    }

    pub(super) fn file(&self) -> &Arc<OwnedFd> {
        &self.file
    }

    /// Marks that bytes are about to be read.
    pub(super) fn begin(&self, slot: u32) {
        if let Some(word) = self.page.word(slot as usize) {
            word.fetch_or(READING, Ordering::Relaxed);
        }
    }

    /// Returns how many bytes have been read and not written.
    pub(super) fn held(&self, slot: u32) -> u64 {
        let word = self.page.word(slot as usize).map(|word| word.load(Ordering::Relaxed));
        word.unwrap_or_default() & !READING
    }

    /// Sets how many bytes have been read and not written.
    pub(super) fn set(&self, slot: u32, bytes: usize) {
        if let Some(word) = self.page.word(slot as usize) {
            word.store(bytes as u64, Ordering::Relaxed);
        }
    }
}

/// What a keeper had read of a run's output and not written when it died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unwritten {
    /// How many bytes.
    pub bytes: u64,
    /// Whether it died inside a read: up to [`super::MOST_READ`] more may be gone.
    pub was_reading: bool,
}

/// Returns what the keeper that counted in this memory has taken along of the run with this slot.
///
/// # Errors
///
/// The descriptor is none of [`Descriptors::tally`](super::Descriptors::tally), or the slot none of its
/// slots.
pub fn unwritten(tally: impl AsFd, slot: u32) -> io::Result<Unwritten> {
    let mut word = [0; size_of::<u64>()];
    let place = u64::from(slot) * size_of::<u64>() as u64;
    if rustix::io::pread(tally, &mut word, place)? != word.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let word = u64::from_ne_bytes(word);
    Ok(Unwritten { bytes: word & !READING, was_reading: word & READING != 0 })
}

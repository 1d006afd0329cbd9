//! Counters in memory that outlives this process in whoever holds its descriptor.
#![expect(unsafe_code, reason = "memory is shared by mapping it")]

use rustix::fd::AsFd;
use rustix::mm::{MapFlags, ProtFlags};
use std::io;
use std::sync::atomic::AtomicU64;

/// A mapped array of counters.
#[derive(Debug)]
pub(crate) struct Page {
    words: *const AtomicU64,
    count: usize,
}

// SAFETY: the mapping belongs to no thread, and atomics are all that is ever seen of it.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

impl Page {
    /// Maps the first `count` counters of a file that is long enough and can never be cut.
    pub(crate) fn map(file: impl AsFd, count: usize) -> io::Result<Self> {
        let length = count * size_of::<AtomicU64>();
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a null address lets the kernel choose a place where nothing is.
        let at = unsafe { rustix::mm::mmap(std::ptr::null_mut(), length, access, flags, file, 0) }?;
        Ok(Self { words: at.cast(), count })
    }

    /// Returns a counter.
    pub(crate) fn word(&self, index: usize) -> Option<&AtomicU64> {
        // SAFETY: the mapping is page aligned, holds `count` words and lives as long as `self`; any bits
        // are a valid counter.
        (index < self.count).then(|| unsafe { &*self.words.add(index) })
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let length = self.count * size_of::<AtomicU64>();
        // SAFETY: this is the whole of the mapping made by `map`, and nobody borrows from it any more.
        let _ = unsafe { rustix::mm::munmap(self.words.cast_mut().cast(), length) };
    }
}

//! What a process is given by number at its beginning: descriptors, and memory that it shares with its parent.
#![expect(
    unsafe_code,
    reason = "no safe crate takes a descriptor by its number, nor maps memory that another process sees"
)]

use crate::ring::{CAPACITY_MOST, Writer, size};
use rustix::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::io;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static TAKEN: AtomicBool = AtomicBool::new(false);

/// The right to own the descriptors that this process was given. There is one in a process.
#[derive(Debug)]
pub(crate) struct Inheritance(());

impl Inheritance {
    /// Returns it, the first time.
    pub(crate) fn take() -> Option<Self> {
        (!TAKEN.swap(true, Ordering::SeqCst)).then_some(Self(()))
    }

    /// Gives it back: nothing was taken of it.
    pub(crate) fn give_back(self) {
        TAKEN.store(false, Ordering::SeqCst);
    }

    /// Owns descriptors, which no child of this process inherits from now on.
    ///
    /// # Errors
    ///
    /// One of them is not open; then none of them is owned.
    pub(crate) fn own(&self, numbers: &[RawFd]) -> Result<Vec<OwnedFd>, (RawFd, io::Error)> {
        for number in numbers {
            // SAFETY: it is borrowed for one question, and a number behind which there is nothing is the answer.
            let descriptor = unsafe { BorrowedFd::borrow_raw(*number) };
            let known = fcntl_getfd(descriptor).map_err(|error| (*number, error.into()))?;
            fcntl_setfd(descriptor, known | FdFlags::CLOEXEC)
                .map_err(|error| (*number, error.into()))?;
        }
        // SAFETY: they are open; whoever began this process put them there for this, under numbers that differ; and
        // the inheritance is taken once, so that nobody else owns them.
        Ok(numbers.iter().map(|number| unsafe { OwnedFd::from_raw_fd(*number) }).collect())
    }
}

/// Maps a ring, for as long as the process lives.
///
/// # Errors
///
/// It cannot be mapped, or is no ring.
pub(crate) fn ring(descriptor: impl AsFd) -> io::Result<Writer<'static>> {
    let none = |text| io::Error::new(io::ErrorKind::InvalidData, text);
    let length = rustix::fs::fstat(&descriptor)?.st_size;
    let length = usize::try_from(length).unwrap_or(0).min(size(CAPACITY_MOST));
    if length < size(1) {
        return Err(none("it is too short for a ring"));
    }
    // SAFETY: the system chooses where, so nothing else is there; it stays mapped until the process ends.
    let start = unsafe {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        mmap(ptr::null_mut(), length, access, MapFlags::SHARED, descriptor, 0)?
    };
    // SAFETY: a mapping begins at a page, all of it can be read and written, and any bytes are words. Others write
    // them too, which is what atomic words are for. A parent that cut the file short would end this process with
    // SIGBUS, and a parent may end its host.
    let words = unsafe { slice::from_raw_parts(start.cast::<AtomicU64>(), length / 8) };
    Writer::new(words).ok_or_else(|| none("its head is none of a ring"))
}

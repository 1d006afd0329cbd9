//! Descriptors that were left open for this program by the one it was before.
#![expect(unsafe_code, reason = "a number becomes an owned descriptor")]

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use rustix::io::{FdFlags, fcntl_setfd};
use std::io;

/// Gives a descriptor to the program that this one becomes: it stays open under its number.
pub(crate) fn leave(fd: OwnedFd) -> io::Result<RawFd> {
    fcntl_setfd(&fd, FdFlags::empty())?;
    Ok(fd.into_raw_fd())
}

/// Takes a descriptor that was left open under this number, each number once. It does not stay open any
/// further.
pub(crate) fn take(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: the descriptor is only asked about; where the number is not open, that is an error.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_setfd(fd.as_fd(), FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and the program before this one left it to this one alone: `leave` gave up its
    // ownership, and each number is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(fd.as_raw_fd()) })
}

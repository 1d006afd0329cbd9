//! Descriptors that were left open for this program by the one it was before.
#![expect(unsafe_code, reason = "a number becomes an owned descriptor")]

use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::{FdFlags, fcntl_setfd};
use std::io;

/// Leaves a descriptor open for the program that this one becomes. The caller sees to it that it is never
/// closed in this one.
pub(crate) fn leave_open(fd: BorrowedFd<'_>) -> io::Result<RawFd> {
    fcntl_setfd(fd, FdFlags::empty())?;
    Ok(fd.as_raw_fd())
}

/// Takes a descriptor that was left open under this number, each number once. It does not stay open any
/// further.
pub(crate) fn take(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: the descriptor is only asked about; where the number is not open, that is an error.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_setfd(fd, FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and the program before this one left it to this one alone: whoever
    // had it before `leave_open` never closes it, and each number is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(fd.as_raw_fd()) })
}

//! What passes from one program of a process to the next.
#![expect(unsafe_code, reason = "descriptors by number, and exec with the signals as they are")]

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::CString;
use std::io;
use std::ptr;

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

/// Executes another program in this process. Blocked signals stay blocked, so that none is lost on the way.
/// It returns only if that fails.
pub(crate) fn become_program(
    program: &CString,
    arguments: &[CString],
    environment: &[CString],
) -> io::Error {
    let list = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
    };
    let (arguments, environment) = (list(arguments), list(environment));
    // SAFETY: texts and lists that end with a null and live until the call returns.
    unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// Sets the flags of a descriptor that this program has open under this number.
pub(crate) fn set_flags(number: RawFd, flags: FdFlags) {
    if number >= 0 {
        // SAFETY: only its flag changes; a number that is not open is an error and no more.
        _ = fcntl_setfd(unsafe { BorrowedFd::borrow_raw(number) }, flags);
    }
}

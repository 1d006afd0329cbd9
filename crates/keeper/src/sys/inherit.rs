//! What passes from one program of a process to the next.
#![expect(unsafe_code, reason = "descriptors by number, and exec with the signals as they are")]

use rustix::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::FdFlags;
use std::ffi::CString;
use std::io;
use std::ptr;

/// Takes a descriptor that stands open under this number and belongs to nobody in this program.
///
/// It becomes one that no child inherits. `None`: there is none.
pub(crate) fn take(number: RawFd) -> Option<OwnedFd> {
    if number < 0 {
        return None;
    }
    // SAFETY: only looked at; a number that is not open is an error and no more.
    let there = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_setfd(there, FdFlags::CLOEXEC).ok()?;
    // SAFETY: it is open, and the caller says that nobody else here has it.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
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
        drop(rustix::io::fcntl_setfd(unsafe { BorrowedFd::borrow_raw(number) }, flags));
    }
}

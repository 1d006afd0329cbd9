//! What passes from one program of a process to the next.
#![expect(unsafe_code, reason = "descriptors by number, and exec with the signals as they are")]

use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use std::ffi::CString;
use std::io;
use std::ptr;

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

/// Returns another descriptor of what is open under this number, which stays as it is.
pub(crate) fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: the descriptor is only duplicated; where the number is not open, that is an error.
    Ok(rustix::io::fcntl_dupfd_cloexec(unsafe { BorrowedFd::borrow_raw(number) }, 3)?)
}

/// Takes every descriptor from number 3 on that this program was started with, and that nobody closes on the way: what a
/// caller means for the program behind. To be called before this program opens any of its own.
pub(crate) fn take_all() -> Vec<(OwnedFd, u32)> {
    // Whoever passes descriptors begins with 3 and leaves no large gaps.
    const LOOKED_AT: RawFd = 1024;
    let is_passed = |number: &RawFd| {
        // SAFETY: the descriptor is only asked about; where the number is not open, that is an error.
        let fd = unsafe { BorrowedFd::borrow_raw(*number) };
        fcntl_getfd(fd).is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC))
    };
    let taken = (3..LOOKED_AT).filter(is_passed).map(|number| (take(number), number));
    taken.filter_map(|(fd, number)| Some((fd.ok()?, number.cast_unsigned()))).collect()
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

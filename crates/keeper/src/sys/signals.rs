//! Signals as something to read, and the turn of the thread that takes in exits.
#![expect(unsafe_code, reason = "no safe crate offers signalfd, sched_setattr or tgkill")]

use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::io;
use std::mem;
use std::ptr;

/// Signals that reach this process as something to read. For a process that is all ours: the signals are
/// blocked in the thread that makes this, and in those it makes later.
#[derive(Debug)]
pub(crate) struct Signals(OwnedFd);

/// SIGQUIT as something to wait for on a thread of its own, whatever the others are doing.
///
/// To be made before the program has other threads: the signal is blocked in the thread that makes this, and in those
/// it makes later.
#[derive(Debug)]
pub struct Quit(Signals);

impl Quit {
    /// Begins to hear it.
    ///
    /// # Errors
    ///
    /// There are no descriptors left: the signal is blocked all the same.
    pub fn open() -> io::Result<Self> {
        Signals::open(&[libc::SIGQUIT]).map(Self)
    }

    /// Waits for the next one.
    pub fn wait(&self) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        while self.0.next().is_none() {
            let mut fds = [PollFd::from_borrowed_fd(self.0.fd(), PollFlags::IN)];
            // A signal of another kind only makes it look again.
            _ = poll(&mut fds, None::<&Timespec>);
        }
    }
}

/// One signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caught {
    pub(crate) signal: i32,
    /// Who sent it; 0: the kernel.
    pub(crate) sender: u32,
}

impl Signals {
    pub(crate) fn open(signals: &[i32]) -> io::Result<Self> {
        // As the kernel has it: the C library keeps some of the real-time signals out of its own sets.
        let numbers = signals.iter().filter(|signal| (1..=64).contains(*signal));
        let set = numbers.fold(0_u64, |set, signal| set | 1 << (signal - 1));
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: the set is as large as is said; the descriptor is fresh.
        unsafe {
            let none = ptr::null_mut::<u64>();
            let how = libc::SIG_BLOCK;
            libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const set, none, size_of_val(&set));
            let fd =
                libc::syscall(libc::SYS_signalfd4, -1, &raw const set, size_of_val(&set), flags);
            match libc::c_int::try_from(fd) {
                Ok(fd @ 0..) => Ok(Self(OwnedFd::from_raw_fd(fd))),
                Ok(_) | Err(_) => Err(io::Error::last_os_error()),
            }
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        use rustix::fd::AsFd;
        self.0.as_fd()
    }

    /// Returns the next signal that has come.
    pub(crate) fn next(&self) -> Option<Caught> {
        // SAFETY: plain memory of the size that the kernel fills.
        unsafe {
            let mut info: libc::signalfd_siginfo = mem::zeroed();
            let size = size_of::<libc::signalfd_siginfo>();
            let read = libc::read(self.0.as_raw_fd(), (&raw mut info).cast(), size);
            if usize::try_from(read) != Ok(size) {
                return None;
            }
            let signal = i32::try_from(info.ssi_signo).unwrap_or(0);
            Some(Caught { signal, sender: info.ssi_pid })
        }
    }
}

/// The kernel's form of how a thread is scheduled.
#[repr(C)]
#[derive(Default)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
    util_min: u32,
    util_max: u32,
}

/// Asks the kernel to let this thread run soon and briefly: it takes in exits. What it starts does not
/// inherit that. A kernel before 6.12 takes no notice.
pub(crate) fn run_soon() {
    const RESET_ON_FORK: u64 = 1;
    const SLICE: u64 = 200_000;
    let mut attr = SchedAttr::default();
    let size = u32::try_from(size_of::<SchedAttr>()).unwrap_or(0);
    // SAFETY: a structure of the size named, filled by the one call and read by the other.
    unsafe {
        let at = &raw mut attr;
        if libc::syscall(libc::SYS_sched_getattr, 0, at, size, 0) == 0 && (*at).policy == 0 {
            (*at).flags |= RESET_ON_FORK;
            (*at).runtime = SLICE;
            libc::syscall(libc::SYS_sched_setattr, 0, at, 0);
        }
    }
}

/// Sends a signal to the process of a descriptor. One that is gone does not hear it.
pub(crate) fn send(pidfd: BorrowedFd<'_>, signal: i32) {
    let none = ptr::null::<libc::siginfo_t>();
    // SAFETY: plain numbers; without details the kernel makes them.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, none, 0) };
}

/// Sends a signal to a child of this process that has not been taken in: its number is its own so long.
/// A negative number would be a group, so those that do not fit are left alone.
pub(crate) fn send_to(pid: u32, signal: i32) {
    if let Ok(pid) = i32::try_from(pid)
        && pid > 1
    {
        // SAFETY: plain numbers.
        unsafe { libc::kill(pid, signal) };
    }
}

/// Sends a signal to the process group that a child of this process leads, while it has not been taken in.
pub(crate) fn send_to_group(pid: u32, signal: i32) {
    if let Ok(pid) = i32::try_from(pid)
        && pid > 1
    {
        // SAFETY: plain numbers.
        unsafe { libc::kill(-pid, signal) };
    }
}

/// Sends a signal to every process that there is, but for this one. Only for the first process of a namespace, where
/// that is all of the namespace.
pub(crate) fn send_to_all(signal: i32) {
    if std::process::id() == 1 {
        // SAFETY: plain numbers.
        unsafe { libc::kill(-1, signal) };
    }
}

/// Stands still until somebody has this process go on.
pub(crate) fn stand_still() {
    // SAFETY: plain numbers, about this very process.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
}

/// Blocks every signal in this thread: the handlers of the program run elsewhere.
pub(crate) fn block_all() {
    // SAFETY: the set is plain memory that the call fills.
    unsafe {
        let mut all: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut());
    }
}

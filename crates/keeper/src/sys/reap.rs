//! Taking in processes that have ended, with what they used.
#![expect(unsafe_code, reason = "no safe crate waits and returns the usage in one call")]

use mainstay_wire::keeper::{Status, Usage};
use rustix::fd::{AsRawFd, BorrowedFd};
use std::io;
use std::mem;
use std::time::Duration;

/// A process that has ended and is no more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reaped {
    pub(crate) pid: i32,
    pub(crate) status: Status,
    pub(crate) usage: Usage,
}

/// Takes in whichever child of this process has ended. Only for a process that owns all its children.
pub(crate) fn any() -> Option<Reaped> {
    loop {
        let mut status = 0;
        // SAFETY: plain memory that the call fills.
        let (pid, usage) = unsafe {
            let mut usage = mem::zeroed();
            (libc::wait4(-1, &raw mut status, libc::WNOHANG, &raw mut usage), usage)
        };
        match pid {
            0 => return None,
            1.. => {
                return Some(Reaped { pid, status: of_status(status), usage: of_usage(&usage) });
            }
            _ if is_interrupted() => {}
            _ => return None,
        }
    }
}

/// Takes in the process of a descriptor, if it has ended.
///
/// # Errors
///
/// `ECHILD`: somebody else has taken it in, or it is no child of this process.
pub(crate) fn one(pid: i32, pidfd: BorrowedFd<'_>) -> io::Result<Option<Reaped>> {
    loop {
        // SAFETY: plain memory that the call fills; the kernel's own call has the usage as a fifth argument.
        let (result, info, usage) = unsafe {
            let mut info: libc::siginfo_t = mem::zeroed();
            let mut usage: libc::rusage = mem::zeroed();
            let result = libc::syscall(
                libc::SYS_waitid,
                libc::P_PIDFD,
                pidfd.as_raw_fd(),
                &raw mut info,
                libc::WEXITED | libc::WNOHANG,
                &raw mut usage,
            );
            (result, info, usage)
        };
        if result < 0 {
            if is_interrupted() {
                continue;
            }
            return Err(io::Error::last_os_error());
        }
        // SAFETY: for a child that has ended the kernel fills these; else they are zero.
        let (of, code) = unsafe { (info.si_pid(), info.si_status()) };
        if of == 0 {
            return Ok(None);
        }
        let signal = || u8::try_from(code).unwrap_or(0);
        let status = match info.si_code {
            libc::CLD_EXITED => Status::Code(code),
            libc::CLD_DUMPED => Status::Signal { signal: signal(), core: true },
            _ => Status::Signal { signal: signal(), core: false },
        };
        return Ok(Some(Reaped { pid, status, usage: of_usage(&usage) }));
    }
}

/// Returns how many bytes of memory this process has used at the highest.
pub(crate) fn own_peak() -> u64 {
    // SAFETY: plain memory that the call fills.
    let usage = unsafe {
        let mut usage: libc::rusage = mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    of_usage(&usage).memory
}

/// Returns whether this child has come to stand still since it was asked about last.
pub(crate) fn stands_still(pid: u32) -> bool {
    // SAFETY: plain memory that the call fills, zero where there is nothing to tell.
    unsafe {
        let mut info: libc::siginfo_t = mem::zeroed();
        let flags = libc::WSTOPPED | libc::WNOHANG;
        libc::waitid(libc::P_PID, pid, &raw mut info, flags) == 0 && info.si_pid() != 0
    }
}

/// Waits for a process that is about to end, and lets go of how it did.
pub(crate) fn wait_for(pid: i32) {
    let mut status = 0;
    // SAFETY: plain memory that the call fills.
    while unsafe { libc::waitpid(pid, &raw mut status, 0) } < 0 && is_interrupted() {}
}

fn is_interrupted() -> bool {
    io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
}

fn of_status(status: i32) -> Status {
    if libc::WIFSIGNALED(status) {
        let signal = u8::try_from(libc::WTERMSIG(status)).unwrap_or(0);
        Status::Signal { signal, core: libc::WCOREDUMP(status) }
    } else {
        Status::Code(libc::WEXITSTATUS(status))
    }
}

fn of_usage(usage: &libc::rusage) -> Usage {
    let time = |of: libc::timeval| {
        let seconds = u64::try_from(of.tv_sec).unwrap_or(0);
        Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(of.tv_usec).unwrap_or(0))
    };
    let count = |of: libc::c_long| u64::try_from(of).unwrap_or(0);
    Usage {
        user: time(usage.ru_utime),
        system: time(usage.ru_stime),
        // The kernel counts it in KiB.
        memory: count(usage.ru_maxrss) * 1024,
        read: count(usage.ru_inblock),
        written: count(usage.ru_oublock),
    }
}

/// The kernel's form of what is known of a process by its descriptor, since 6.15 of one that is gone too.
#[repr(C)]
#[derive(Default)]
struct ProcessFacts {
    mask: u64,
    cgroup: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    ids: [u32; 8],
    exit_code: i32,
    core_and_padding: [u32; 2],
}

/// Returns how a process ended that is not our child, if the kernel still knows: since Linux 6.15 of one that
/// has been taken in, before that only of one that has not been.
pub(crate) fn told(pidfd: BorrowedFd<'_>, pid: u32) -> Option<Status> {
    told_by_pidfd(pidfd).or_else(|| told_of_zombie(pid))
}

/// The last of the numbers of a process that has ended and was not taken in is its status. It is zero for
/// those who may not see it, so a zero says nothing.
fn told_of_zombie(pid: u32) -> Option<Status> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after = line.rsplit_once(')')?.1;
    let mut fields = after.split_ascii_whitespace();
    let is_zombie = fields.next() == Some("Z");
    let status = fields.next_back()?.parse().ok().filter(|status| *status != 0 || is_root())?;
    is_zombie.then(|| of_status(status))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn told_by_pidfd(pidfd: BorrowedFd<'_>) -> Option<Status> {
    const EXIT: u64 = 1 << 3;
    // _IOWR(0xff, 11, struct): the size is part of the number, whose sign the C libraries do not agree about.
    let request = 3_u32 << 30 | (size_of::<ProcessFacts>() as u32) << 16 | 0xff << 8 | 11;
    let request = request as libc::Ioctl;
    let mut info = ProcessFacts { mask: EXIT, ..ProcessFacts::default() };
    // SAFETY: a structure of the size that the number of the request names.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), request, &raw mut info) };
    (result == 0 && info.mask & EXIT != 0).then(|| of_status(info.exit_code))
}

/// Returns whether this process has a child, dead or alive.
pub(crate) fn has_children() -> bool {
    // SAFETY: plain memory that the call fills; WNOWAIT takes nobody in.
    let result = unsafe {
        let mut info: libc::siginfo_t = mem::zeroed();
        libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)
    };
    result == 0
}

//! What a new process does to itself between clone and exec, in the memory of its parent: nothing but system
//! calls.
#![expect(unsafe_code, reason = "no safe crate offers what a process does between clone and exec")]

use libc::{c_int, c_long, c_ulong};
use rustix::fd::RawFd;
use std::ffi::{CStr, CString};
use std::ptr;

/// What the new process does before it executes its program.
#[derive(Debug)]
pub(crate) enum Act {
    /// Keeps descriptors below this number and lets go of all others, in a table of its own.
    OwnDescriptors(u32),
    /// Lets none of the descriptors from this number on pass through the execution.
    HideDescriptors(u32),
    ResetSignals,
    NewSession,
    NewGroup,
    /// Makes this terminal the session's own.
    TakeTerminal(RawFd),
    /// Becomes the group that the terminal of this descriptor listens to, if it is one.
    TakeForeground(RawFd),
    /// Makes a descriptor appear under this number.
    Place {
        from: RawFd,
        to: RawFd,
    },
    Rlimit {
        resource: u32,
        soft: u64,
        hard: u64,
    },
    Nice(i32),
    IoPriority(u32),
    /// The score as text.
    OomScore(CString),
    Umask(u32),
    Groups(Vec<u32>),
    Group(u32),
    User(u32),
    /// The only capabilities that any program it executes can have, as a set of bits, of this many.
    /// It takes rights that a change of user takes away.
    BoundCapabilities {
        keep: u64,
        count: u8,
    },
    /// Keeps capabilities over the change of user that follows.
    KeepCapabilities,
    /// The capabilities that it has.
    Capabilities {
        keep: u64,
        count: u8,
        /// Whether they pass through the execution of a program that has none of its own.
        ambient: bool,
    },
    NoNewPrivileges,
    /// The signal, and the process that has to be the parent still.
    DeathSignal {
        signal: u8,
        parent: u32,
    },
    Folder(CString),
}

pub(super) fn call(result: c_long) -> Result<(), c_int> {
    if result >= 0 {
        return Ok(());
    }
    // SAFETY: the place of this thread's own last error. The suspended parent does not look at it.
    Err(unsafe { *libc::__errno_location() })
}

/// Performs one act.
///
/// # Safety
///
/// Only in a new process, between clone and exec: it changes the process that calls it.
pub(super) unsafe fn perform(act: &Act) -> Result<(), c_int> {
    // SAFETY: each is a plain system call on values and texts that the parent prepared.
    unsafe {
        match act {
            Act::OwnDescriptors(first) => close_range(*first, libc::CLOSE_RANGE_UNSHARE),
            Act::HideDescriptors(first) => close_range(*first, libc::CLOSE_RANGE_CLOEXEC),
            Act::ResetSignals => reset_signals(),
            Act::NewSession => call(libc::syscall(libc::SYS_setsid)),
            Act::NewGroup => call(libc::syscall(libc::SYS_setpgid, 0, 0)),
            Act::TakeTerminal(terminal) => {
                call(libc::syscall(libc::SYS_ioctl, *terminal, libc::TIOCSCTTY as c_ulong, 0))
            }
            Act::TakeForeground(terminal) => {
                let group = libc::syscall(libc::SYS_getpid) as c_int;
                let terminal = *terminal;
                let group = &raw const group;
                let done =
                    libc::syscall(libc::SYS_ioctl, terminal, libc::TIOCSPGRP as c_ulong, group);
                // Not a terminal, or not ours: then there is no foreground to take.
                _ = call(done);
                Ok(())
            }
            Act::Place { from, to } if from == to => {
                call(libc::syscall(libc::SYS_fcntl, *from, libc::F_SETFD, 0))
            }
            Act::Place { from, to } => call(libc::syscall(libc::SYS_dup3, *from, *to, 0)),
            Act::Rlimit { resource, soft, hard } => {
                let limit = [*soft, *hard];
                let none = ptr::null_mut::<u64>();
                call(libc::syscall(libc::SYS_prlimit64, 0, *resource, limit.as_ptr(), none))
            }
            Act::Nice(nice) => {
                call(libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS as c_int, 0, *nice))
            }
            // 1: a process.
            Act::IoPriority(priority) => call(libc::syscall(libc::SYS_ioprio_set, 1, 0, *priority)),
            Act::OomScore(score) => write_file(c"/proc/self/oom_score_adj", score),
            Act::Umask(mask) => call(libc::syscall(libc::SYS_umask, *mask)),
            Act::Groups(groups) => {
                call(libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()))
            }
            Act::Group(group) => call(libc::syscall(libc::SYS_setresgid, *group, *group, *group)),
            Act::User(user) => call(libc::syscall(libc::SYS_setresuid, *user, *user, *user)),
            Act::KeepCapabilities => {
                call(libc::syscall(libc::SYS_prctl, libc::PR_SET_KEEPCAPS, 1, 0, 0, 0))
            }
            Act::BoundCapabilities { keep, count } => bound_capabilities(*keep, *count),
            Act::Capabilities { keep, count, ambient } => capabilities(*keep, *count, *ambient),
            Act::NoNewPrivileges => {
                call(libc::syscall(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
            }
            Act::DeathSignal { signal, parent } => {
                let signal = c_ulong::from(*signal);
                call(libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, signal, 0, 0, 0))?;
                // It may have died before it was asked for. In a namespace of one's own the parent is 0.
                let now = libc::syscall(libc::SYS_getppid);
                if now == c_long::from(*parent) || now == 0 { Ok(()) } else { Err(libc::ESRCH) }
            }
            Act::Folder(path) => call(libc::syscall(libc::SYS_chdir, path.as_ptr())),
        }
    }
}

/// # Safety
///
/// Only in a new process.
unsafe fn close_range(first: u32, flags: libc::c_uint) -> Result<(), c_int> {
    // SAFETY: the caller owns this process.
    call(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) })
}

/// The kernel's form of what a signal does: handler, flags, restorer and mask, in whichever order.
/// All of it zero is the default.
const NO_ACTION: [u64; 4] = [0; 4];

/// # Safety
///
/// Only in a new process.
unsafe fn reset_signals() -> Result<(), c_int> {
    for signal in 1..=64 {
        if signal == libc::SIGKILL || signal == libc::SIGSTOP {
            continue;
        }
        let none = ptr::null_mut::<u64>();
        // SAFETY: the table of handlers is this process's own; the form is as the kernel wants it.
        call(unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, NO_ACTION.as_ptr(), none, 8_usize)
        })?;
    }
    Ok(())
}

/// # Safety
///
/// Only in a new process.
unsafe fn write_file(path: &CStr, text: &CStr) -> Result<(), c_int> {
    // SAFETY: texts with an end; the descriptor is closed by whoever opened it.
    unsafe {
        let flags = libc::O_WRONLY | libc::O_CLOEXEC;
        let file = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags);
        call(file)?;
        let written = libc::syscall(libc::SYS_write, file, text.as_ptr(), text.count_bytes());
        let result = call(written);
        libc::syscall(libc::SYS_close, file);
        result
    }
}

/// # Safety
///
/// Only in a new process.
unsafe fn bound_capabilities(keep: u64, count: u8) -> Result<(), c_int> {
    for capability in (0..count).filter(|capability| keep & (1 << capability) == 0) {
        let number = c_ulong::from(capability);
        // SAFETY: the set of this process alone.
        call(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_CAPBSET_DROP, number, 0, 0, 0) })?;
    }
    Ok(())
}

/// # Safety
///
/// Only in a new process.
unsafe fn capabilities(keep: u64, count: u8, ambient: bool) -> Result<(), c_int> {
    // SAFETY: numbers, and structures laid out as the kernel wants them (version 3).
    unsafe {
        let header: [u32; 2] = [0x2008_0522, 0];
        let (low, high) = ((keep & u64::from(u32::MAX)) as u32, (keep >> 32) as u32);
        // Effective, permitted and inheritable: of the low half, then of the high one.
        let data: [u32; 6] = [low, low, low, high, high, high];
        call(libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()))?;
        for capability in (0..count).filter(|capability| ambient && keep & (1 << capability) != 0) {
            let (raise, number) =
                (libc::PR_CAP_AMBIENT_RAISE as c_ulong, c_ulong::from(capability));
            call(libc::syscall(libc::SYS_prctl, libc::PR_CAP_AMBIENT, raise, number, 0, 0))?;
        }
        Ok(())
    }
}

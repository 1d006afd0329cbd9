//! Whom the terminal at standard input listens to.
#![expect(
    unsafe_code,
    reason = "the safe calls refuse groups of other namespaces, which count as 0"
)]

use rustix::fd::{AsRawFd, RawFd};

fn input() -> RawFd {
    rustix::stdio::stdin().as_raw_fd()
}

/// Returns the process group that it listens to; 0: one outside of this namespace. `None`: there is no terminal, or it
/// is not that of this session.
pub(crate) fn foreground() -> Option<i32> {
    // SAFETY: a question about a descriptor, which may be any.
    let group = unsafe { libc::tcgetpgrp(input()) };
    (group >= 0).then_some(group)
}

/// Returns the process group of this process; 0: it is one outside of this namespace.
pub(crate) fn own_group() -> i32 {
    // SAFETY: a question that cannot fail.
    unsafe { libc::getpgrp() }
}

/// Has it listen to another group of this session. A group that is gone, or is outside of this namespace, is refused by
/// the kernel. `SIGTTOU` must be blocked: otherwise it stops whoever is not in the foreground.
pub(crate) fn set_foreground(group: i32) {
    if group > 0 {
        // SAFETY: plain numbers.
        unsafe { libc::tcsetpgrp(input(), group) };
    }
}

//! Whether two descriptors are one open file.
#![expect(unsafe_code, reason = "no safe crate asks the kernel for it")]

use rustix::fd::{AsRawFd, BorrowedFd};

/// Compares the open files behind two descriptors; `None` where the kernel does not tell.
pub(crate) fn is_same(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> Option<bool> {
    const F_DUPFD_QUERY: i32 = 1024 + 3;
    const KCMP_FILE: i32 = 0;
    let (a, b) = (a.as_raw_fd(), b.as_raw_fd());
    // SAFETY: it only compares two open descriptors.
    match unsafe { libc::fcntl(a, F_DUPFD_QUERY, b) } {
        1 => return Some(true),
        0 => return Some(false),
        // Linux before 6.10.
        _ => {}
    }
    // SAFETY: as above; both are descriptors of this process.
    let order = unsafe {
        let own = libc::getpid();
        libc::syscall(libc::SYS_kcmp, own, own, KCMP_FILE, a, b)
    };
    // Not built in, or forbidden inside a container.
    (order >= 0).then_some(order == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;

    #[test]
    fn a_duplicate_is_the_same_open_file_and_a_second_opening_is_not() {
        let file = tempfile::tempfile().expect("a file");
        let duplicate = file.try_clone().expect("a duplicate");
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let again = std::fs::File::open(path).expect("it opens again");
        if let Some(same) = is_same(file.as_fd(), duplicate.as_fd()) {
            assert!(same);
            assert_eq!(is_same(file.as_fd(), again.as_fd()), Some(false));
        }
    }
}

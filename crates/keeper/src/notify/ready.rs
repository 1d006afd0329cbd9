//! Readiness by a descriptor, in the manner of s6.

use rustix::fd::AsFd;
use rustix::io::{Errno, read};

/// Reads what a run wrote to its notification descriptor: `true` once there is a newline, `false` when it was
/// closed without one, `None` as long as there is more to wait for. What else is written does not matter.
/// `fd` does not block.
pub(crate) fn read_fd_readiness(fd: impl AsFd) -> Option<bool> {
    let mut buffer = [0; 512];
    // Who writes without end is heard again in the next turn.
    for _ in 0..16 {
        match read(&fd, &mut buffer) {
            Ok(0) => return Some(false),
            Ok(length) if buffer[..length].contains(&b'\n') => return Some(true),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return None,
            Err(_) => return Some(false),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};

    #[test]
    fn only_a_newline_makes_ready() {
        let table: [(&[u8], bool, Option<bool>); 6] = [
            (b"", false, None),
            (b"", true, Some(false)),
            (b"ready", false, None),
            (b"ready", true, Some(false)),
            (b"ready\n", false, Some(true)),
            (b"\nmore", true, Some(true)),
        ];
        for (written, is_closed, expected) in table {
            let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
            let (reader, writer) = pipe_with(flags).expect("a pipe");
            rustix::io::write(&writer, written).expect("written");
            let writer = (!is_closed).then_some(writer);
            assert_eq!(read_fd_readiness(&reader), expected, "{written:?} {is_closed}");
            drop(writer);
        }
    }
}

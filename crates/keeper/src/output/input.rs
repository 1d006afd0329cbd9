//! What is sent to a child: its standard input, or what is typed on its terminal.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::sync::Arc;

/// How much waits for a child that does not read.
const MOST: usize = 64 * 1024;
/// What ends the input of a terminal.
const END_OF_FILE: u8 = 4;

/// The writing side of a run. What the child does not take at once waits, up to a bound; what is beyond
/// it is refused, and whoever sent it is told. Nothing else waits for it.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) fd: Option<Arc<OwnedFd>>,
    pub(super) is_terminal: bool,
    pub(super) queue: VecDeque<u8>,
    pub(super) is_closing: bool,
    /// Whether the pump looks whether the child takes more.
    pub(super) is_watched: bool,
    /// Whether it has been told that the child does not read.
    is_deaf: bool,
}

/// What became of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The child has them, or they wait.
    Taken,
    /// So many were refused. Whether that has not been told yet.
    Refused(usize, bool),
    /// There is nowhere to send them to.
    Closed,
}

impl Input {
    pub(super) fn send(&mut self, bytes: &[u8], close: bool) -> Sent {
        let Some(fd) = self.fd.clone().filter(|_| !self.is_closing) else { return Sent::Closed };
        let mut rest = bytes;
        if self.queue.is_empty() {
            match write(&fd, rest) {
                Ok(written) => rest = &rest[written..],
                Err(_) => {
                    self.close();
                    return Sent::Closed;
                }
            }
        }
        let fitting = rest.len().min(MOST - self.queue.len());
        self.queue.extend(&rest[..fitting]);
        if close {
            self.is_closing = true;
            if self.is_terminal {
                self.queue.push_back(END_OF_FILE);
            } else if self.queue.is_empty() {
                self.close();
            }
        }
        match rest.len() - fitting {
            0 => Sent::Taken,
            refused => Sent::Refused(refused, !std::mem::replace(&mut self.is_deaf, true)),
        }
    }

    /// Goes on where the child takes more. Returns whether there is still something left.
    pub(super) fn go_on(&mut self) -> bool {
        while let Some(fd) = self.fd.clone()
            && !self.queue.is_empty()
        {
            match write(&fd, self.queue.as_slices().0) {
                Ok(0) => return true,
                Ok(written) => {
                    self.queue.drain(..written);
                }
                Err(_) => self.close(),
            }
        }
        self.is_deaf = false;
        if self.is_closing && !self.is_terminal {
            self.close();
        }
        self.queue.shrink_to_fit();
        false
    }

    pub(super) fn close(&mut self) {
        self.fd = None;
        self.queue = VecDeque::new();
    }
}

fn write(fd: &OwnedFd, bytes: &[u8]) -> rustix::io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match rustix::io::write(fd, &bytes[written..]) {
            Ok(length) => written += length,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

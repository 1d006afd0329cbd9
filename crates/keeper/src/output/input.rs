//! What is sent to a child: its standard input, or what is typed on its terminal.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::collections::{BTreeMap, VecDeque};
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
    /// Whose the bytes of the queue are, in order; nobody is told of those of the brain itself.
    senders: VecDeque<(Option<u64>, usize)>,
    answers: Answers,
    pub(super) is_closing: bool,
    /// Whether the pump looks whether the child takes more.
    pub(super) is_watched: bool,
    /// Whether it has been told that the child does not read.
    is_deaf: bool,
}

/// What became of bytes that viewers typed.
pub(super) type Answers = BTreeMap<u64, Typed>;

/// How many bytes of one viewer were taken, and how many refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) taken: u64,
    pub(super) refused: u64,
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
    pub(super) fn send(&mut self, bytes: &[u8], close: bool, from: Option<u64>) -> Sent {
        let Some(fd) = self.fd.clone().filter(|_| !self.is_closing) else {
            self.refuse(from, bytes.len());
            return Sent::Closed;
        };
        let mut rest = bytes;
        if self.queue.is_empty() {
            match write(&fd, rest) {
                Ok(written) => {
                    self.take(from, written);
                    rest = &rest[written..];
                }
                Err(_) => {
                    self.refuse(from, bytes.len());
                    self.close();
                    return Sent::Closed;
                }
            }
        }
        let fitting = rest.len().min(MOST - self.queue.len());
        self.queue.extend(&rest[..fitting]);
        if fitting > 0 {
            self.senders.push_back((from, fitting));
        }
        self.refuse(from, rest.len() - fitting);
        if close {
            self.is_closing = true;
            if self.is_terminal {
                self.queue.push_back(END_OF_FILE);
                self.senders.push_back((None, 1));
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
                    self.written(written);
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
        for (from, bytes) in std::mem::take(&mut self.senders) {
            self.refuse(from, bytes);
        }
    }

    /// Takes what there is to tell viewers of what they typed.
    pub(super) fn take_answers(&mut self) -> Answers {
        std::mem::take(&mut self.answers)
    }

    /// The child has taken so many bytes of the queue.
    fn written(&mut self, mut bytes: usize) {
        while bytes > 0
            && let Some((from, waiting)) = self.senders.pop_front()
        {
            let taken = waiting.min(bytes);
            bytes -= taken;
            self.take(from, taken);
            if taken < waiting {
                self.senders.push_front((from, waiting - taken));
            }
        }
    }

    fn take(&mut self, from: Option<u64>, bytes: usize) {
        if let Some(viewer) = from.filter(|_| bytes > 0) {
            self.answers.entry(viewer).or_default().taken += bytes as u64;
        }
    }

    fn refuse(&mut self, from: Option<u64>, bytes: usize) {
        if let Some(viewer) = from.filter(|_| bytes > 0) {
            self.answers.entry(viewer).or_default().refused += bytes as u64;
        }
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

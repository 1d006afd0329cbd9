//! One run's outputs: their descriptors, and what is known of what came through them.

use super::board::lock;
use super::input::Input;
use super::last::Tail;
use super::line::Splitter;
use super::pass::Dropped;
use super::pattern::Pattern;
use super::record::Stream;
use super::sheet::Sheet;
use super::terminal::Audience;
use super::{Key, Last};
use mainstay_wire::process::Pressure;
use rustix::fd::OwnedFd;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, ioctl_fionread};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What a pipe holds unless somebody has changed it.
const PIPE: usize = 64 * 1024;

/// One end that is read from.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) fd: OwnedFd,
    pub(super) stream: Stream,
    /// Its end of file has come.
    has_ended: AtomicBool,
    /// How many bytes it holds.
    pub(super) capacity: AtomicUsize,
}

impl Port {
    pub(super) fn new(fd: OwnedFd, stream: Stream, has_ended: bool) -> io::Result<Self> {
        let flags = fcntl_getfl(&fd)?;
        if !flags.contains(OFlags::NONBLOCK) {
            fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        }
        let capacity = AtomicUsize::new(PIPE);
        Ok(Self { fd, stream, has_ended: AtomicBool::new(has_ended), capacity })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Returns how many bytes wait in it.
    pub(super) fn waiting(&self) -> u64 {
        if self.has_ended() { 0 } else { ioctl_fionread(&self.fd).unwrap_or_default() }
    }

    /// Reads once. `None`: there is nothing at present, or nothing any more.
    pub(super) fn read(&self, into: &mut [u8]) -> Option<usize> {
        loop {
            return match rustix::io::read(&self.fd, &mut *into) {
                Ok(length) if length > 0 => Some(length),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => None,
                // A terminal that nobody has open any more answers EIO: that is its end of file.
                Ok(_) | Err(_) => {
                    self.has_ended.store(true, Ordering::Release);
                    None
                }
            };
        }
    }
}

/// How a run is treated. It can change while the run lives.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) sheet: Option<Arc<Sheet>>,
    pub(super) echo: Option<Arc<[u8]>>,
    pub(super) pressure: Pressure,
}

/// What is known of the bytes that have been read. Who reads holds it.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) splitters: [Splitter; 2],
    /// Whether what the splitters hold is in no log yet.
    pub(super) is_by_line: bool,
    /// What says that the run is ready, until it has been seen.
    pub(super) pattern: Option<Pattern>,
}

/// The outputs of one run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) key: Key,
    pub(super) slot: u32,
    pub(super) ports: Vec<Port>,
    pub(super) manner: Mutex<Manner>,
    pub(super) feed: Mutex<Feed>,
    pub(super) tail: Mutex<Tail>,
    pub(super) dropped: Mutex<Dropped>,
    pub(super) input: Mutex<Input>,
    /// Who looks at its terminal, where it has one.
    pub(super) audience: Option<Arc<Mutex<Audience>>>,
    /// The run is over: it is read to the end, and that is told.
    pub(super) is_draining: AtomicBool,
    /// Nobody reads from it any more.
    pub(super) is_over: AtomicBool,
    /// One of its pipes has been made larger.
    pub(super) is_grown: AtomicBool,
}

impl Run {
    /// Returns whether its outputs come through a pipe each.
    pub(super) fn is_apart(&self) -> bool {
        self.ports.len() > 1
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.audience.is_some()
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    pub(super) fn manner(&self) -> Manner {
        lock(&self.manner).clone()
    }

    /// Returns how many bytes wait in its pipes.
    pub(super) fn waiting(&self) -> u64 {
        self.ports.iter().map(Port::waiting).sum()
    }

    pub(super) fn last(&self) -> Last {
        let tail = lock(&self.tail);
        Last { lines: tail.lines(), lost: tail.lost }
    }
}

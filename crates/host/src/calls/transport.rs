//! The calls socket: frames out, bytes in.

use super::frames::Frames;
use crate::protocol::{Head, Kind};
use crate::voice::Bell;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, sendmsg, shutdown};
use std::io::IoSlice;
use std::sync::{Mutex, PoisonError};

/// One calls socket, from when it is given until it is closed or another is.
#[derive(Debug)]
pub(crate) struct Transport {
    /// Which of this process's calls sockets it is, from 1 on.
    pub(crate) number: u64,
    socket: OwnedFd,
    /// Held while a frame is written: frames of several threads do not mix.
    writing: Mutex<()>,
}

/// What came of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// More bytes.
    Some,
    /// Nothing; there may be something later.
    Nothing,
    /// Nothing, for ever.
    Closed,
}

/// For how long reading waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait<'a> {
    /// Not at all.
    No,
    /// Until there is something.
    ForBytes,
    /// Until there is something or the bell rings.
    ForBytesOr(&'a Bell),
}

impl Transport {
    pub(crate) fn new(number: u64, socket: OwnedFd) -> Self {
        Self { number, socket, writing: Mutex::new(()) }
    }

    /// Ends it for both sides. Whoever waits in it comes back.
    pub(crate) fn close(&self) {
        // One that is closed already is what is wanted.
        _ = shutdown(&self.socket, Shutdown::Both);
    }

    /// Writes a frame, and waits for room. A parent that is gone is seen by who reads.
    pub(crate) fn write(&self, kind: Kind, call: u64, body: &[u8]) {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        self.write_bytes(&Head { length, kind, call }.to_bytes(), body);
    }

    pub(crate) fn write_bytes(&self, head: &[u8], body: &[u8]) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = [IoSlice::new(head), IoSlice::new(body)];
        let mut left: &mut [IoSlice<'_>] = &mut parts;
        while left.iter().any(|part| !part.is_empty()) {
            let mut none = SendAncillaryBuffer::default();
            match sendmsg(&self.socket, left, &mut none, SendFlags::NOSIGNAL) {
                Ok(count) => IoSlice::advance_slices(&mut left, count),
                Err(Errno::INTR) => {}
                // The parent made it one that does not wait.
                Err(Errno::AGAIN) => {
                    _ = poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], None);
                }
                Err(_) => return,
            }
        }
    }

    pub(crate) fn fill(&self, frames: &mut Frames, wait: Wait<'_>) -> Filled {
        let ready = PollFlags::IN;
        let polled = match wait {
            Wait::No => Ok(0),
            Wait::ForBytes => poll(&mut [PollFd::new(&self.socket, ready)], None),
            Wait::ForBytesOr(bell) => {
                let mut both = [PollFd::new(&self.socket, ready), PollFd::new(bell, ready)];
                let polled = poll(&mut both, None);
                if !both[1].revents().is_empty() {
                    bell.hush();
                }
                polled
            }
        };
        match polled {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return Filled::Closed,
        }
        match recv(&self.socket, frames.room(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => Filled::Closed,
            Ok((count, _)) => {
                frames.filled(count);
                Filled::Some
            }
            Err(Errno::INTR | Errno::AGAIN) => Filled::Nothing,
            Err(_) => Filled::Closed,
        }
    }
}

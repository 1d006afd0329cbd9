//! What a host tells its parent, from any thread, without ever waiting for it.

use crate::protocol::{Beat, Told};
use crate::recorder::Recorder;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tells the parent about this host. It can be cloned and sent to any thread.
///
/// Nothing here waits. While the parent does not read, what is told is kept and told later, the latest of each kind:
/// of two statuses the second.
#[derive(Clone, Debug)]
pub struct Voice(Arc<Mouth>);

#[derive(Debug)]
struct Mouth {
    control: OwnedFd,
    /// What the socket had no room for, in order; at most one of each kind.
    owed: Mutex<Vec<Told>>,
    /// Wakes the thread that owns the control socket.
    bell: Bell,
    recorder: Recorder,
    /// Whether it was told that calls can be served.
    is_ready: AtomicBool,
}

impl Voice {
    pub(crate) fn new(control: OwnedFd, recorder: Recorder) -> io::Result<Self> {
        let mouth = Mouth {
            control,
            owed: Mutex::default(),
            bell: Bell::new()?,
            recorder,
            is_ready: AtomicBool::new(false),
        };
        Ok(Self(Arc::new(mouth)))
    }

    /// Tells that calls can be served. Serving tells it where nobody has.
    pub fn ready(&self) {
        self.0.is_ready.store(true, Ordering::Relaxed);
        self.tell(Told::Ready);
    }

    /// Tells it where nobody has.
    pub(crate) fn ready_at_last(&self) {
        if !self.0.is_ready.swap(true, Ordering::Relaxed) {
            self.tell(Told::Ready);
        }
    }

    /// Tells what the host does, for people.
    pub fn status(&self, text: impl Into<String>) {
        self.tell(Told::Status(text.into()));
    }

    /// Asks to be replaced by a fresh run, when it suits the parent. It is no failure.
    pub fn recycle(&self, reason: impl Into<String>) {
        self.tell(Told::Recycle(reason.into()));
    }

    /// Tells that pending work has moved: a long call is not a stuck one.
    pub fn progress(&self) {
        self.tell(Told::Progress);
    }

    /// Asks for more time in the present phase: starting or stopping.
    pub fn extend(&self, more: Duration) {
        self.tell(Told::Extend(u64::try_from(more.as_millis()).unwrap_or(u64::MAX)));
    }

    /// Tells that the settings were read again. Serving tells it after [`Serves::reload`](crate::Serves::reload).
    pub fn reloaded(&self) {
        self.tell(Told::Reloaded);
    }

    /// Notes a text in the flight recorder. See [`record!`](crate::record).
    pub fn record(&self, text: &str) {
        self.0.recorder.note(format_args!("{text}"));
    }

    /// Returns the flight recorder.
    pub fn recorder(&self) -> Recorder {
        self.0.recorder
    }

    pub(crate) fn tell(&self, told: Told) {
        let mut owed = self.owed();
        if owed.is_empty() && self.send(&told) != Err(Errno::AGAIN) {
            return;
        }
        let kind = mem::discriminant(&told);
        owed.retain(|earlier| mem::discriminant(earlier) != kind);
        owed.push(told);
        drop(owed);
        self.0.bell.ring();
    }

    /// Gives a sign of life, or none where there is no room: the parent that does not read has enough of them.
    pub(crate) fn beat(&self, beat: Beat) {
        // A parent that is gone is seen where it is read from.
        _ = self.send(&Told::Beat(beat));
    }

    /// Tells what is owed, as far as there is room, and returns whether something is left.
    pub(crate) fn settle(&self) -> bool {
        let mut owed = self.owed();
        let sent = owed.iter().take_while(|told| self.send(told) != Err(Errno::AGAIN)).count();
        owed.drain(..sent);
        !owed.is_empty()
    }

    pub(crate) fn owes(&self) -> bool {
        !self.owed().is_empty()
    }

    pub(crate) fn control(&self) -> BorrowedFd<'_> {
        self.0.control.as_fd()
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.0.bell
    }

    fn send(&self, told: &Told) -> Result<(), Errno> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        loop {
            match send(&self.0.control, &told.to_packet(), flags) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
                Ok(_) => return Ok(()),
            }
        }
    }

    fn owed(&self) -> MutexGuard<'_, Vec<Told>> {
        self.0.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one thread that waits for descriptors.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(crate) fn ring(&self) {
        // One that cannot count further rings already.
        _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Makes it silent until it is rung again.
    pub(crate) fn hush(&self) {
        _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

//! Low numbers for what a new process gets.
//!
//! A process copies its parent's table of descriptors up to the highest number it needs, and gives up at its
//! execution what it should not have. Among thousands of children the next free number is in the thousands,
//! and that copy would be most of a start. So some low numbers are kept taken, and lent for each start.

use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::{DupFlags, dup3, fcntl_dupfd_cloexec};
use std::cell::RefCell;
use std::io;

/// Where the numbers begin: above those that descriptors usually get in the new process.
const FROM: RawFd = 24;
/// How many there are. A start that needs more does without.
const MANY: usize = 16;

/// Descriptors whose numbers are lent.
struct Window {
    nothing: OwnedFd,
    places: Vec<OwnedFd>,
}

thread_local! {
    /// One process is made at a time by a thread. The numbers are taken at its first start, while they are low.
    static WINDOW: RefCell<Option<Window>> = RefCell::new(Window::open().ok());
}

/// Lends a number above `above` to each of these; `None` where they do not fit.
pub(super) fn lend(all: &[BorrowedFd<'_>], above: RawFd) -> Option<Vec<RawFd>> {
    WINDOW.with_borrow_mut(|window| window.as_mut()?.lend(all, above))
}

/// Takes so many numbers back.
pub(super) fn take_back(many: usize) {
    WINDOW.with_borrow_mut(|window| {
        if let Some(window) = window {
            window.take_back(many);
        }
    });
}

impl Window {
    fn open() -> io::Result<Self> {
        let nothing = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        let places = (0..MANY).map(|_| fcntl_dupfd_cloexec(&nothing, FROM));
        let places = places.collect::<Result<_, _>>()?;
        Ok(Self { nothing, places })
    }

    fn lend(&mut self, all: &[BorrowedFd<'_>], above: RawFd) -> Option<Vec<RawFd>> {
        let fits = all.len() <= self.places.len()
            && self.places.first().is_some_and(|first| first.as_raw_fd() > above);
        if !fits {
            return None;
        }
        for (from, place) in all.iter().zip(&mut self.places) {
            dup3(from, place, DupFlags::CLOEXEC).ok()?;
        }
        Some(self.places.iter().take(all.len()).map(AsRawFd::as_raw_fd).collect())
    }

    fn take_back(&mut self, many: usize) {
        for place in self.places.iter_mut().take(many) {
            // It fails for no open descriptors; what was lent would stay open until the next start.
            _ = dup3(&self.nothing, place, DupFlags::CLOEXEC);
        }
    }
}

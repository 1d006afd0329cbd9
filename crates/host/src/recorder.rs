//! Notes in the flight recorder: what this process is about to do.

use crate::ring::{Entry, Mark, TEXT, Writer};
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::fmt::{self, Write};
use std::time::Duration;

thread_local! {
    /// The call that this thread is in; 0: none.
    static CALL: Cell<u64> = const { Cell::new(0) };
    /// This thread's number; 0: not asked yet.
    static THREAD: Cell<u32> = const { Cell::new(0) };
}

/// Notes what is about to happen, where it can be read when this process has died of it.
///
/// It may be copied to any thread. A note takes no lock, allocates nothing and makes no system call but the first of a
/// thread, so it costs about as much as reading the clock; without a ring it costs a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Recorder(Option<Writer<'static>>);

impl Recorder {
    pub(crate) const fn new(ring: Option<Writer<'static>>) -> Self {
        Self(ring)
    }

    /// Returns whether somebody gave this process a ring.
    pub const fn is_recording(self) -> bool {
        self.0.is_some()
    }

    /// Notes a text, for the call that this thread is in. What does not fit is cut.
    ///
    /// [`record!`](crate::record) is this, with the text made in place.
    pub fn note(self, text: fmt::Arguments<'_>) {
        self.mark(Mark::Note, text);
    }

    pub(crate) fn mark(self, mark: Mark, text: fmt::Arguments<'_>) {
        let Some(ring) = self.0 else { return };
        let mut line = Line { bytes: [0; TEXT], length: 0, is_full: false };
        // A value that cannot say what it is leaves what it said so far.
        _ = line.write_fmt(text);
        let text = str::from_utf8(&line.bytes[..line.length]).unwrap_or_default();
        ring.note(Entry { at: now(), call: CALL.get(), thread: thread(), mark, text });
    }

    /// Takes what this thread notes for a part of this call, until the value is dropped.
    pub(crate) fn within(call: u64) -> Within {
        Within { before: CALL.replace(call) }
    }
}

/// While it is there, notes belong to a call.
#[derive(Debug)]
pub(crate) struct Within {
    before: u64,
}

impl Drop for Within {
    fn drop(&mut self) {
        CALL.set(self.before);
    }
}

/// Notes what is about to happen, in words made as by `format!`; nothing is made where nothing records.
///
/// The first argument has a method `recorder`: a [`Host`](crate::Host), a [`Voice`](crate::Voice) or a
/// [`Call`](crate::Call).
#[macro_export]
macro_rules! record {
    ($host:expr, $($text:tt)+) => {
        $host.recorder().note(::std::format_args!($($text)+))
    };
}

/// A text of bounded length on the stack.
struct Line {
    bytes: [u8; TEXT],
    length: usize,
    is_full: bool,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_full {
            return Ok(());
        }
        let room = TEXT - self.length;
        let fits = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        let taken = fits.unwrap_or(0);
        self.is_full = taken < text.len();
        self.bytes[self.length..self.length + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.length += taken;
        Ok(())
    }
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn thread() -> u32 {
    if THREAD.get() == 0 {
        let number = rustix::thread::gettid().as_raw_nonzero().get();
        THREAD.set(u32::try_from(number).unwrap_or(0));
    }
    THREAD.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_between_letters_and_then_takes_no_more() {
        let mut line = Line { bytes: [0; TEXT], length: 0, is_full: false };
        let long = "ü".repeat(TEXT);
        assert_eq!(write!(line, "a{long}b"), Ok(()));
        assert_eq!(line.length, TEXT - 1);
        let text = str::from_utf8(&line.bytes[..line.length]).expect("whole letters");
        assert!(text.ends_with('ü'), "{text}");
    }

    #[test]
    fn calls_nest() {
        let outer = Recorder::within(7);
        drop(Recorder::within(8));
        assert_eq!(CALL.get(), 7);
        drop(outer);
        assert_eq!(CALL.get(), 0);
    }
}

//! Repeats lines on the keeper's own output.
//!
//! A thread of its own writes them, because a terminal may stand still for as long as it likes. Lines wait
//! up to a bound; those beyond it are dropped, and how many is said where they are missing.

use super::board::lock;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// How many bytes wait at most.
const MOST: usize = 256 * 1024;

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    dropped: u64,
    is_stopped: bool,
    is_writing: bool,
    thread: Option<JoinHandle<()>>,
}

/// The queue of lines for the keeper's own output.
pub(super) struct Echo {
    to: OwnedFd,
    state: Mutex<State>,
    more: Condvar,
}

impl Echo {
    pub(super) fn new(to: OwnedFd) -> Self {
        Self { to, state: Mutex::default(), more: Condvar::new() }
    }

    /// Starts the thread, where there is none yet.
    pub(super) fn begin(self: &Arc<Self>) -> std::io::Result<()> {
        let mut state = lock(&self.state);
        if state.thread.is_none() {
            let echo = Arc::clone(self);
            let thread = std::thread::Builder::new().name("echo".to_owned());
            state.thread = Some(thread.stack_size(128 * 1024).spawn(move || echo.work())?);
        }
        Ok(())
    }

    /// Adds one line.
    pub(super) fn line(&self, prefix: &[u8], line: &[u8]) {
        let mut state = lock(&self.state);
        // Once one is dropped, so are all others until what waits has gone: they are missing in one place.
        if state.dropped > 0 || state.bytes.len() + prefix.len() + line.len() + 1 > MOST {
            state.dropped += 1;
            return;
        }
        state.bytes.extend_from_slice(prefix);
        state.bytes.extend_from_slice(line);
        state.bytes.push(b'\n');
        if !state.is_writing {
            self.more.notify_one();
        }
    }

    /// Ends the thread once it has written what waits, or at once where the terminal stands still.
    /// Returns what was not written.
    pub(super) fn stop(&self) -> Vec<u8> {
        let mut state = lock(&self.state);
        state.is_stopped = true;
        self.more.notify_all();
        if state.thread.is_none() {
            return std::mem::take(&mut state.bytes);
        }
        let patience = std::time::Duration::from_millis(500);
        let busy = |state: &mut State| !state.bytes.is_empty() || state.is_writing;
        let waited = self.more.wait_timeout_while(state, patience, busy);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.bytes)
    }

    /// Lets bytes of an earlier keeper go first.
    pub(super) fn resume(&self, bytes: Vec<u8>) {
        lock(&self.state).bytes = bytes;
    }

    fn work(&self) {
        let mut state = lock(&self.state);
        let mut bytes = Vec::new();
        loop {
            if state.bytes.is_empty() {
                state.is_writing = false;
                if state.is_stopped {
                    self.more.notify_all();
                    return;
                }
                if state.bytes.capacity() > 4096 {
                    state.bytes = Vec::new();
                    bytes = Vec::new();
                }
                state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_writing = true;
            std::mem::swap(&mut state.bytes, &mut bytes);
            let dropped = std::mem::take(&mut state.dropped);
            if dropped > 0 {
                // A vector takes everything.
                let _ = writeln!(bytes, "[{dropped} lines dropped]");
            }
            drop(state);
            self.write(&bytes);
            bytes.clear();
            state = lock(&self.state);
        }
    }

    fn write(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match rustix::io::write(&self.to, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::INTR) => {}
                // Somebody else has made it so that it does not wait.
                Err(Errno::AGAIN) => {
                    use rustix::event::{PollFd, PollFlags, poll};
                    let _ = poll(&mut [PollFd::new(&self.to, PollFlags::OUT)], None);
                }
                // Nobody sees it: a closed terminal is no reason to stop anything.
                Err(_) => return,
            }
        }
    }
}

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
    /// Whether what is written goes to the journal of systemd, which takes `<N>` at the front of a line for its
    /// priority.
    is_journal: bool,
    state: Mutex<State>,
    more: Condvar,
}

impl Echo {
    pub(super) fn new(to: OwnedFd) -> Self {
        let told = std::env::var("JOURNAL_STREAM").ok();
        let is_journal = told.is_some_and(|told| is_stream(&to, &told));
        Self { to, is_journal, state: Mutex::default(), more: Condvar::new() }
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
        // The name of the child goes behind the priority, which is none otherwise.
        let (priority, line) = line.split_at(if self.is_journal { priority(line) } else { 0 });
        state.bytes.extend_from_slice(priority);
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

/// Returns whether this is the file that `JOURNAL_STREAM` names: nobody has redirected it since.
fn is_stream(to: &OwnedFd, told: &str) -> bool {
    let about = rustix::fs::fstat(to);
    about.is_ok_and(|about| told == format!("{}:{}", about.st_dev, about.st_ino))
}

/// Returns the length of a priority `<N>` at the front of a line, as `sd-daemon(3)` has it.
fn priority(line: &[u8]) -> usize {
    let Some(rest) = line.strip_prefix(b"<") else { return 0 };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_one = (1..=3).contains(&digits) && rest.get(digits) == Some(&b'>');
    if is_one { digits + 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(is_journal: bool) -> Echo {
        let (_, to) = rustix::pipe::pipe().expect("a pipe");
        Echo { to, is_journal, state: Mutex::default(), more: Condvar::new() }
    }

    #[test]
    fn the_journal_gets_priorities_before_names() {
        for (is_journal, expected) in [
            (true, "<3>web | broken\nweb | fine\nweb | <x>\n"),
            (false, "web | <3>broken\nweb | fine\nweb | <x>\n"),
        ] {
            let echo = echo(is_journal);
            for line in ["<3>broken", "fine", "<x>"] {
                echo.line(b"web | ", line.as_bytes());
            }
            assert_eq!(String::from_utf8(echo.stop()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn the_journal_is_known_by_its_numbers() {
        let (_, to) = rustix::pipe::pipe().expect("a pipe");
        let about = rustix::fs::fstat(&to).expect("it is open");
        assert!(is_stream(&to, &format!("{}:{}", about.st_dev, about.st_ino)));
        assert!(!is_stream(&to, &format!("{}:{}", about.st_dev, about.st_ino + 1)));
        assert!(!is_stream(&to, ""));
    }
}

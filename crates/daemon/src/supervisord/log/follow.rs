//! Follows a log: its end first, then what comes, on a thread that sleeps until the kernel says that there is more.

use super::{Channel, Sieve, Style};
use mainstay_keeper::output::log::{From, Reader};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many bytes of the end are shown first, as supervisord does.
const FIRST: usize = 1024;
/// How many lines are looked through for them.
const LINES: usize = 256;
/// Pieces that wait for a slow reader.
const AHEAD: usize = 64;

/// Hands over what a thread reads; the thread ends when this is dropped.
pub(crate) struct Followed {
    pieces: mpsc::Receiver<Vec<u8>>,
    stop: Arc<OwnedFd>,
}

impl Followed {
    /// Waits for the next bytes. There are none where the log can no longer be read.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        self.pieces.recv().await
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.pieces.close();
        // A counter that cannot be raised is raised already.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
    }
}

/// Follows an output of a child from its last bytes on, over rotations.
pub(crate) fn follow(path: &Path, style: Style, channel: Channel) -> io::Result<Followed> {
    let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let reader = Reader::open(path, From::Last(LINES))?;
    let (tell, pieces) = mpsc::channel(AHEAD);
    let followed = Followed { pieces, stop: Arc::clone(&stop) };
    let sieve = Sieve::new(style, channel);
    let body = move || {
        // Nobody listens any more, or the kernel has no more watches: the answer ends, and the client begins anew.
        let _ = run(reader, sieve, &tell, &stop);
    };
    thread::Builder::new().name("mainstay-tail".into()).spawn(body)?;
    Ok(followed)
}

fn run(
    mut reader: Reader,
    mut sieve: Sieve,
    tell: &mpsc::Sender<Vec<u8>>,
    stop: &OwnedFd,
) -> io::Result<()> {
    let (mut bytes, mut out) = (Vec::new(), Vec::new());
    while reader.read(&mut bytes)? > 0 {
        sieve.take(&bytes, &mut out);
        bytes.clear();
    }
    let mut first = out.split_off(out.len().saturating_sub(FIRST));
    loop {
        if !first.is_empty() && tell.blocking_send(std::mem::take(&mut first)).is_err() {
            return Ok(());
        }
        // The first call begins the watch: what came before it is read below.
        reader.descriptor()?;
        loop {
            bytes.clear();
            if reader.read(&mut bytes)? == 0 {
                break;
            }
            out.clear();
            sieve.take(&bytes, &mut out);
            if !out.is_empty() && tell.blocking_send(std::mem::take(&mut out)).is_err() {
                return Ok(());
            }
        }
        if sleep(&mut reader, stop)? {
            return Ok(());
        }
    }
}

/// Sleeps until there may be something to read. Returns whether nobody listens any more.
fn sleep(reader: &mut Reader, stop: &OwnedFd) -> io::Result<bool> {
    let has_stopped = {
        let log = PollFd::from_borrowed_fd(reader.descriptor()?, PollFlags::IN);
        let mut fds = [PollFd::new(stop, PollFlags::IN), log];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        !fds[0].revents().is_empty()
    };
    reader.wait(Some(Duration::ZERO))?;
    Ok(has_stopped)
}

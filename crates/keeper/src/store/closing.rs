//! Closing what came from others without waiting for it.
//!
//! To close a connection may take as long as its owner has asked for (`SO_LINGER`), and to close a file
//! waits for its file system, which may be a hostile program. The loop of the keeper does neither.

use super::STAY_HERE;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, StatxFlags, statx};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// How many threads may hang in closing at a time.
const MOST_THREADS: usize = 8;
/// How many descriptors may wait for one of them. Above it descriptors, too, would run out.
const MOST_WAITING: usize = 1024;

#[derive(Debug)]
struct Queue {
    waiting: Vec<OwnedFd>,
    threads: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { waiting: Vec::new(), threads: 0 });

/// Closes descriptors: pipes at once, so that whoever waits at the other end goes on; all else soon.
pub(crate) fn close_apart(fds: Vec<OwnedFd>) {
    let slow: Vec<_> = fds.into_iter().filter(|fd| !is_pipe(fd)).collect();
    if slow.is_empty() {
        return;
    }
    let mut queue = lock();
    if queue.waiting.len() + slow.len() > MOST_WAITING {
        drop(queue);
        drop(slow);
        return;
    }
    queue.waiting.extend(slow);
    if queue.threads < MOST_THREADS {
        queue.threads += 1;
        drop(queue);
        let thread = thread::Builder::new().name("close".into()).stack_size(64 * 1024);
        if thread.spawn(close_waiting).is_err() {
            close_waiting();
        }
    }
}

fn close_waiting() {
    loop {
        let mut queue = lock();
        let Some(fd) = queue.waiting.pop() else {
            queue.threads -= 1;
            return;
        };
        drop(queue);
        drop(fd);
    }
}

fn is_pipe(fd: &OwnedFd) -> bool {
    statx(fd.as_fd(), c"", STAY_HERE, StatxFlags::TYPE)
        .is_ok_and(|of| FileType::from_raw_mode(of.stx_mode.into()) == FileType::Fifo)
}

fn lock() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What one connection has in hand: who waits, and what is still to be sent.

use super::{Answer, CHUNK};
use mainstay_host::protocol::Head;
use std::collections::HashMap;
use std::io::{ErrorKind, IoSlice};
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

#[derive(Default)]
pub(super) struct Inner {
    pub(super) next: u64,
    pub(super) waiting: HashMap<u64, Waiter>,
    pub(super) out: Vec<u8>,
    pub(super) sent: usize,
    pub(super) stream: Option<Arc<UnixStream>>,
    /// Why nothing can be asked any more.
    pub(super) gone: Option<Arc<str>>,
}

/// Who waits for a call.
pub(super) enum Waiter {
    Reply(oneshot::Sender<Answer>),
    Items(mpsc::Sender<Answer>),
}

impl Inner {
    /// Writes a frame as far as the socket takes it at once; the rest waits behind what waits already.
    pub(super) fn put(&mut self, head: Head, before: &[u8], body: &[u8]) {
        let head = head.to_bytes();
        let parts = [&head[..], before, body];
        let mut written = 0;
        if self.out.is_empty()
            && let Some(stream) = &self.stream
        {
            // Where it fails nothing is written, and the next attempt says why.
            written = stream.try_write_vectored(&parts.map(IoSlice::new)).unwrap_or(0);
        }
        for part in parts {
            let done = written.min(part.len());
            written -= done;
            self.out.extend_from_slice(&part[done..]);
        }
    }

    /// Writes as much as the socket takes. Returns whether nothing is left to be written that could be.
    pub(super) fn flush(&mut self) -> bool {
        let Some(stream) = &self.stream else { return true };
        while self.sent < self.out.len() {
            match stream.try_write(&self.out[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Under load there is always something left: what was written must not pile up before it.
                    if self.sent > CHUNK && self.sent > self.out.len() / 2 {
                        self.out.drain(..self.sent);
                        self.sent = 0;
                    }
                    return false;
                }
                // The other end is gone; who reads finds out and says so.
                Err(_) => break,
            }
        }
        self.out.clear();
        self.sent = 0;
        // What one large request needed is not kept for the small ones.
        self.out.shrink_to(CHUNK);
        true
    }
}

impl Waiter {
    /// Who does not wait any more does not mind.
    pub(super) fn tell(self, answer: Answer) {
        match self {
            Self::Reply(tell) => _ = tell.send(answer),
            // There is a place for the last word.
            Self::Items(tell) => _ = tell.try_send(answer),
        }
    }
}

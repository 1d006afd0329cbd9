//! What is known of the calls at one moment, and what frames change of it. It waits for nothing.

use super::frames::{Form, Frames, Heard, NoFrame};
use super::transport::Transport;
use super::{Begun, Ending, Key};
use crate::protocol::{Failure, code};
use rustix::fd::OwnedFd;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// So many calls may wait. More are left where they are, or, where something behind them must be read, refused.
const WAITING_MOST: usize = 1_024;
/// Nor may the bodies of those that wait be longer together, but one always may.
const WAITING_BYTES_MOST: usize = 64 << 20;

#[derive(Debug)]
pub(super) struct State {
    pub(super) ending: Option<Ending>,
    /// How often the settings were to be read again.
    pub(super) reloads: u64,
    /// How many threads serve, and how many have still to read the settings.
    pub(super) threads: usize,
    pub(super) reloading: usize,
    pub(super) transport: Option<Arc<Transport>>,
    /// How many there have been.
    pub(super) transports: u64,
    /// Whether the parent still has to be told that this one is served.
    pub(super) is_fresh: bool,
    /// Absent while somebody reads, and where there is nothing to be read from.
    pub(super) frames: Option<Frames>,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) waiting_bytes: usize,
    pub(super) running: Vec<Running>,
    pub(super) done: u64,
    /// How many threads wait for a change.
    pub(super) sleepers: usize,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) call: u64,
    pub(super) form: Form,
    pub(super) body: Vec<u8>,
    pub(super) since: Instant,
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) key: Key,
    pub(super) since: Instant,
    pub(super) credit: u64,
    pub(super) is_cancelled: bool,
}

/// What becomes of requests for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// They are read later.
    Later,
    /// They are refused: what stands behind them is waited for.
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Some,
    /// No whole frame is there.
    Nothing,
}

impl State {
    pub(super) fn new(socket: OwnedFd, most: u32) -> Self {
        Self {
            ending: None,
            reloads: 0,
            threads: 0,
            reloading: 0,
            transport: Some(Arc::new(Transport::new(1, socket))),
            transports: 1,
            is_fresh: false,
            frames: Some(Frames::new(most)),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            running: Vec::new(),
            done: 0,
            sleepers: 0,
        }
    }

    pub(super) fn begin(&mut self) -> Option<Begun> {
        let transport = self.transport.clone()?;
        let Waiting { call, form, body, since } = self.waiting.pop_front()?;
        self.waiting_bytes -= body.len();
        let key = Key { transport: transport.number, call };
        let credit = match form {
            Form::Reply => 0,
            Form::Stream(credit) => credit.into(),
        };
        self.running.push(Running { key, since, credit, is_cancelled: false });
        Some(Begun { key, transport, form, body })
    }

    /// Lets go of the calls socket, and of what has not begun of what was asked there.
    pub(super) fn forget(&mut self) {
        if let Some(transport) = self.transport.take() {
            transport.close();
        }
        self.frames = None;
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    pub(super) fn take_frames(&mut self) -> Option<(Arc<Transport>, Frames)> {
        let transport = self.transport.clone()?;
        Some((transport, self.frames.take()?))
    }

    pub(super) fn serves(&self, transport: &Arc<Transport>) -> bool {
        self.transport.as_ref().is_some_and(|serves| Arc::ptr_eq(serves, transport))
    }

    pub(super) fn running(&mut self, key: Key) -> Option<&mut Running> {
        self.running.iter_mut().find(|running| running.key == key)
    }

    pub(super) fn is_forgotten(&self, key: Key) -> bool {
        let is_served = self.transport.as_ref().is_some_and(|it| it.number == key.transport);
        let running = self.running.iter().find(|running| running.key == key);
        !is_served || running.is_none_or(|running| running.is_cancelled)
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MOST || self.waiting_bytes >= WAITING_BYTES_MOST
    }

    /// Takes in all frames that have come whole.
    pub(super) fn take_in(
        &mut self,
        frames: &mut Frames,
        full: Full,
        refused: &mut Vec<(u64, Failure)>,
    ) -> Result<Taken, NoFrame> {
        let transport = self.transports;
        let mut taken = Taken::Nothing;
        while full == Full::Refuse || !self.is_full() {
            let Some(heard) = frames.take()? else { return Ok(taken) };
            taken = Taken::Some;
            match heard {
                Heard::Request { call, .. } if self.is_full() => {
                    let why = format!("{} calls wait already", self.waiting.len());
                    refused.push((call, Failure::new(code::BUSY, why)));
                }
                Heard::Request { call, form, body } => {
                    self.waiting_bytes += body.len();
                    self.waiting.push_back(Waiting { call, form, body, since: Instant::now() });
                }
                Heard::TooLong { call, length } => {
                    let why = format!("the request has {length} bytes");
                    refused.push((call, Failure::new(code::TOO_LARGE, why)));
                }
                Heard::Cancel(call) => {
                    if let Some(running) = self.running(Key { transport, call }) {
                        running.is_cancelled = true;
                    } else if let Some(at) = self.waiting.iter().position(|w| w.call == call) {
                        let forgotten = self.waiting.remove(at);
                        self.waiting_bytes -= forgotten.map_or(0, |waiting| waiting.body.len());
                    }
                }
                Heard::Credit(call, more) => {
                    if let Some(running) = self.running(Key { transport, call }) {
                        running.credit = running.credit.saturating_add(more.into());
                    } else if let Some(waiting) = self.waiting.iter_mut().find(|w| w.call == call)
                        && let Form::Stream(credit) = &mut waiting.form
                    {
                        *credit = credit.saturating_add(more);
                    }
                }
            }
        }
        Ok(Taken::Some)
    }
}

//! The calls of a host: those that wait, those that run, and who reads the next ones.
//!
//! There is no thread that reads. Of the threads that have nothing else to do, one reads and the others wait; a stream
//! that waits for credit reads too if nobody else does. So one thread serves without ever handing anything over, and
//! any number of threads serve without a thread more.

pub(crate) mod frames;
mod state;
mod transport;

use crate::protocol::{Beat, Failure, Kind, Told, code};
use crate::record;
use crate::voice::{Bell, Voice};
use frames::{Form, Frames};
use rustix::fd::OwnedFd;
use state::{Full, State, Taken};
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
pub(crate) use transport::Transport;
use transport::{Filled, Wait};

/// Why a host is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its parent asked for it.
    Stop {
        /// By when; absent: nothing bounds it.
        by: Option<Instant>,
    },
    /// Its parent is gone.
    ParentGone,
}

/// What a serving thread does next.
#[derive(Debug)]
pub(crate) enum Next {
    Call(Begun),
    /// To read the settings again.
    Reload,
    End(Ending),
}

/// A call that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) key: Key,
    pub(crate) transport: Arc<Transport>,
    pub(crate) form: Form,
    pub(crate) body: Vec<u8>,
}

/// Which call: its number, and the calls socket on which it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) transport: u64,
    pub(crate) call: u64,
}

/// The answer of a call that nobody waits for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cancelled;

#[derive(Debug)]
pub(crate) struct Calls {
    state: Mutex<State>,
    /// Something has changed that a waiting thread may go on with.
    changed: Condvar,
    /// The same for the thread that reads.
    bell: Bell,
    most: u32,
    voice: Voice,
}

impl Calls {
    pub(crate) fn new(socket: OwnedFd, most: u32, voice: Voice) -> io::Result<Self> {
        let state = Mutex::new(State::new(socket, most));
        let (changed, bell) = (Condvar::new(), Bell::new()?);
        Ok(Self { state, changed, bell, most, voice })
    }

    /// Returns how long the body of a frame may be.
    pub(crate) fn most(&self) -> usize {
        usize::try_from(self.most).unwrap_or(usize::MAX)
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.state().ending
    }

    /// Takes note of why this host is to end. That its parent is gone is the last word.
    pub(crate) fn end(&self, ending: Ending) {
        let mut state = self.state();
        if state.ending != Some(Ending::ParentGone) {
            state.ending = Some(ending);
        }
        if let (Ending::ParentGone, Some(transport)) = (ending, &state.transport) {
            transport.close();
        }
        self.notify(&state);
    }

    pub(crate) fn reload(&self) {
        let mut state = self.state();
        state.reloads += 1;
        state.reloading = state.threads;
        self.notify(&state);
    }

    /// Goes on with another calls socket. What was asked on the one before is forgotten.
    pub(crate) fn reconnect(&self, socket: OwnedFd) {
        let mut state = self.state();
        state.forget();
        state.transports += 1;
        state.transport = Some(Arc::new(Transport::new(state.transports, socket)));
        state.is_fresh = true;
        state.frames = Some(Frames::new(self.most));
        self.notify(&state);
    }

    /// Returns what a sign of life says.
    pub(crate) fn beat(&self) -> Beat {
        let state = self.state();
        let pending = state.waiting.len() + state.running.len();
        let waiting = state.waiting.front().map(|waiting| waiting.since);
        let oldest = state.running.iter().map(|running| running.since).chain(waiting).min();
        let oldest = oldest.map_or(0, |since| since.elapsed().as_millis());
        Beat {
            pending: u32::try_from(pending).unwrap_or(u32::MAX),
            done: state.done,
            oldest: u64::try_from(oldest).unwrap_or(u64::MAX),
        }
    }

    /// Adds a serving thread, which reads the settings again from now on; returns how often it already has.
    pub(crate) fn join(&self) -> u64 {
        let mut state = self.state();
        state.threads += 1;
        state.reloads
    }

    /// Takes a serving thread away that has read the settings so often.
    pub(crate) fn leave(&self, reloads: u64) {
        let mut state = self.state();
        state.threads -= 1;
        if reloads < state.reloads {
            self.one_reloaded(&mut state);
        }
    }

    /// Takes note that a thread has read the settings, and tells when it was the last to do so.
    pub(crate) fn reloaded(&self, reloads: u64) {
        let mut state = self.state();
        // Where they are to be read yet again, it is not over.
        if reloads == state.reloads {
            self.one_reloaded(&mut state);
        }
    }

    fn one_reloaded(&self, state: &mut State) {
        state.reloading = state.reloading.saturating_sub(1);
        if state.reloading == 0 {
            self.voice.reloaded();
        }
    }

    /// Waits for what a thread is to do that has read the settings so often.
    pub(crate) fn next(&self, reloads: &mut u64) -> Next {
        let mut state = self.state();
        loop {
            if let Some(ending) = state.ending {
                self.refuse_rest(state);
                return Next::End(ending);
            }
            if *reloads < state.reloads {
                *reloads = state.reloads;
                return Next::Reload;
            }
            if let Some(begun) = state.begin() {
                self.wake(&state);
                return Next::Call(begun);
            }
            state = self.read(state, Wait::ForBytesOr(&self.bell), Full::Later);
        }
    }

    /// Takes credit for one item, and waits for it.
    pub(crate) fn credit(&self, key: Key) -> Result<(), Cancelled> {
        let mut state = self.state();
        loop {
            let has_transport = state.transport.as_ref().is_some_and(|t| t.number == key.transport);
            let running = state.running(key).filter(|running| !running.is_cancelled);
            let running = running.filter(|_| has_transport).ok_or(Cancelled)?;
            if running.credit > 0 {
                running.credit -= 1;
                return Ok(());
            }
            state = self.read(state, Wait::ForBytes, Full::Refuse);
        }
    }

    /// Returns whether nobody waits for the answer of a call any more, as far as can be known now.
    pub(crate) fn is_cancelled(&self, key: Key) -> bool {
        let mut state = self.state();
        if state.frames.is_some() {
            state = self.read(state, Wait::No, Full::Refuse);
        }
        state.is_forgotten(key)
    }

    /// Returns whether a call is to be answered, without looking for news.
    pub(crate) fn is_awaited(&self, key: Key) -> bool {
        !self.state().is_forgotten(key)
    }

    /// Takes note that a call is over. The memory of its request is used for one to come.
    pub(crate) fn finish(&self, key: Key, body: Vec<u8>) {
        let mut state = self.state();
        if let Some(frames) = &mut state.frames {
            frames.reuse(body);
        }
        state.running.retain(|running| running.key != key);
        state.done += 1;
    }

    /// Reads, if nobody does, or waits until something has changed.
    fn read<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        wait: Wait<'_>,
        full: Full,
    ) -> MutexGuard<'a, State> {
        let Some((transport, mut frames)) = state.take_frames() else {
            state.sleepers += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleepers -= 1;
            return state;
        };
        if mem::take(&mut state.is_fresh) {
            self.voice.tell(Told::Reconnected);
        }
        let mut refused = Vec::new();
        let mut taken = state.take_in(&mut frames, full, &mut refused);
        let mut filled = Filled::Some;
        if taken == Ok(Taken::Nothing) {
            drop(state);
            filled = transport.fill(&mut frames, wait);
            state = self.state();
            // What came for a socket that is no longer served is forgotten with it.
            if state.serves(&transport) && filled == Filled::Some {
                taken = state.take_in(&mut frames, full, &mut refused);
            }
        }
        if state.serves(&transport) {
            match (taken, filled) {
                (Ok(_), Filled::Some | Filled::Nothing) => state.frames = Some(frames),
                (Ok(_), Filled::Closed) => state.forget(),
                (Err(error), _) => {
                    record!(self.voice, "the calls socket makes no sense and is closed: {error}");
                    state.forget();
                }
            }
        }
        self.wake(&state);
        if refused.is_empty() {
            return state;
        }
        drop(state);
        for (call, failure) in refused {
            transport.write(Kind::Failed, call, &failure.to_body());
        }
        self.state()
    }

    /// Says no to all that has been asked and has not begun: the host is ending.
    fn refuse_rest(&self, mut state: MutexGuard<'_, State>) {
        let mut refused = Vec::new();
        if let Some((transport, mut frames)) = state.take_frames() {
            loop {
                refused.extend(state.waiting.drain(..).map(|waiting| waiting.call));
                state.waiting_bytes = 0;
                let mut too_long = Vec::new();
                let taken = state.take_in(&mut frames, Full::Later, &mut too_long);
                refused.extend(too_long.into_iter().map(|(call, _)| call));
                let more = match taken {
                    Ok(Taken::Some) => true,
                    Ok(Taken::Nothing) => transport.fill(&mut frames, Wait::No) == Filled::Some,
                    Err(_) => false,
                };
                if !more {
                    break;
                }
            }
            state.frames = Some(frames);
            self.wake(&state);
            drop(state);
            let failure = Failure::new(code::STOPPING, "").to_body();
            for call in refused {
                transport.write(Kind::Failed, call, &failure);
            }
        }
    }

    /// Wakes the threads that wait, and the one that reads.
    fn notify(&self, state: &State) {
        self.wake(state);
        self.bell.ring();
    }

    fn wake(&self, state: &State) {
        if state.sleepers > 0 {
            self.changed.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! A host: from the descriptors that it was given to serving.

mod connect;

use crate::calls::{Calls, Ending};
use crate::contract::Contract;
use crate::recorder::Recorder;
use crate::serve::Panics;
use crate::voice::Voice;
pub use connect::{Connect, ConnectError, Descriptors};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// This process, as a host of its parent. All that a [`Voice`] can tell, it can.
///
/// Dropping it ends the signs of life, so it is dropped last.
pub struct Host<C: Contract> {
    pub(crate) voice: Voice,
    pub(crate) calls: Arc<Calls>,
    pub(crate) panics: Panics,
    pub(crate) requests: Requests,
    run: u64,
    is_over: Arc<AtomicBool>,
    life: Option<JoinHandle<()>>,
    #[cfg(feature = "faults")]
    pub(crate) faults: crate::faults::Faults,
    contract: PhantomData<fn(C)>,
}

/// What the flight recorder notes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requests {
    /// How it begins.
    Shown,
    /// How long it is.
    Hidden,
}

impl<C: Contract> Host<C> {
    /// Connects with the parent that started this process.
    ///
    /// It may be called once, early: before this the parent hears nothing, and waits no longer than it said. See
    /// [`Connect`] for what can be chosen.
    ///
    /// # Errors
    ///
    /// Nobody started this process as a host, or the parent refuses it.
    pub fn connect() -> Result<Self, ConnectError> {
        Connect::new().inherited()
    }

    /// Returns the number of this run, which only grows from one run of a child to the next.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Returns what tells the parent about this host, for other threads.
    pub fn voice(&self) -> &Voice {
        &self.voice
    }

    /// Returns the flight recorder.
    pub fn recorder(&self) -> Recorder {
        self.voice.recorder()
    }

    /// Returns why this host is to end, if it is: for what takes long before or after serving.
    pub fn ending(&self) -> Option<Ending> {
        self.calls.ending()
    }
}

impl<C: Contract> Deref for Host<C> {
    type Target = Voice;

    fn deref(&self) -> &Voice {
        &self.voice
    }
}

impl<C: Contract> Drop for Host<C> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        self.voice.bell().ring();
        if let Some(life) = self.life.take() {
            // It runs none of the code that could have panicked.
            _ = life.join();
        }
    }
}

impl<C: Contract> fmt::Debug for Host<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("contract", &C::NAME).field("run", &self.run).finish()
    }
}

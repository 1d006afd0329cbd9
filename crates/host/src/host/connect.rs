//! The beginning: what the parent handed over, hello, and the parent's answer.

use super::{Host, Requests};
use crate::calls::Calls;
use crate::contract::Contract;
use crate::life::{Answer, Life, answer};
use crate::map::{self, Inheritance};
use crate::protocol::{Asked, DESCRIPTORS, Hello, SECRET, Secret, Told, VERSION, Welcome};
use crate::recorder::Recorder;
use crate::serve::Panics;
use crate::voice::Voice;
use rustix::fd::{OwnedFd, RawFd};
use rustix::net::{SocketType, sockopt};
use std::env;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// Where faults are named; see the feature `faults`.
const FAULTS: &str = "MAINSTAY_HOST_FAULTS";

/// How a host connects.
#[derive(Debug)]
pub struct Connect<C: Contract> {
    patience: Duration,
    bound: Duration,
    panics: Panics,
    requests: Requests,
    #[cfg(feature = "faults")]
    faults: Option<crate::faults::Faults>,
    contract: PhantomData<fn(C)>,
}

/// What a parent hands over.
#[derive(Debug)]
pub struct Descriptors {
    /// The control socket: packets.
    pub control: OwnedFd,
    /// The calls socket: a stream.
    pub calls: OwnedFd,
    /// The memory of the flight recorder, where there is one.
    pub ring: Option<OwnedFd>,
    /// What only this run knows.
    pub secret: Secret,
}

/// Why a host is not connected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody started this process as a host.
    #[error(
        "{DESCRIPTORS} is not set: this program is a host and was not started by a parent that \
         serves as one; start it as a child of kind `host`"
    )]
    NoParent,
    /// This process is connected, or has been.
    #[error("this process has connected before, and a process does that once")]
    Twice,
    /// The variable with the descriptors is not understood.
    #[error(
        "{DESCRIPTORS} is `{0}`, which is not two or three different numbers such as `3,4,5`; \
         leave it as the parent sets it"
    )]
    Numbers(String),
    /// The variable with the secret is missing or not understood.
    #[error("{SECRET} is not the 64 hexadecimal digits that the parent sets; leave it as it is")]
    Secret,
    /// A descriptor is not there.
    #[error(
        "descriptor {number} of {DESCRIPTORS} is not open; something between the parent and this program closed it"
    )]
    NotOpen {
        /// Its number.
        number: RawFd,
        /// What the system says.
        source: io::Error,
    },
    /// A descriptor is something else.
    #[error(
        "the {name} descriptor is not {wanted}; something between the parent and this program replaced it"
    )]
    Other {
        /// Which: control or calls.
        name: &'static str,
        /// What it would have to be.
        wanted: &'static str,
    },
    /// The flight recorder cannot be used.
    #[error("the ring of the flight recorder cannot be mapped")]
    Ring(#[source] io::Error),
    /// The parent does not want this host.
    #[error("the parent refuses this host, which serves `{contract}` version {version}: {reason}")]
    Refused {
        /// What this host serves.
        contract: &'static str,
        /// In which version.
        version: u32,
        /// What the parent says.
        reason: String,
    },
    /// The parent asked it to end before it was welcome.
    #[error("the parent asked this host to end before it had begun")]
    Stopped,
    /// The parent is gone.
    #[error("the parent closed the control socket before it answered hello")]
    Gone,
    /// The parent does not answer.
    #[error("the parent has not answered hello within {0:?}")]
    Silent(Duration),
    /// The parent says something that is not understood.
    #[error(
        "the parent's answer to hello is not understood: {0}; does it speak version {VERSION} of the protocol?"
    )]
    Answer(String),
    /// The faults that it is to have are not understood, or it was not built to have any.
    #[error("{FAULTS}: {0}")]
    Faults(String),
    /// The system refuses something.
    #[error("cannot {step}")]
    System {
        /// What was being done.
        step: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl<C: Contract> Default for Connect<C> {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(15),
            bound: Duration::from_secs(5),
            panics: Panics::Answered,
            requests: Requests::Shown,
            #[cfg(feature = "faults")]
            faults: None,
            contract: PhantomData,
        }
    }
}

impl<C: Contract> Connect<C> {
    /// Returns the usual way.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long the parent may take to answer hello. Default: 15 s.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets how long this process may live on after it should have ended: after the deadline of a stop, or after its
    /// parent has gone. Then it is ended with [`EXIT_STOP_OVERDUE`](crate::EXIT_STOP_OVERDUE) or
    /// [`EXIT_PARENT_GONE`](crate::EXIT_PARENT_GONE). Default: 5 s.
    #[must_use]
    pub fn bound(mut self, bound: Duration) -> Self {
        self.bound = bound;
        self
    }

    /// Ends the process after a panic, once the caller has been told, with [`EXIT_PANICKED`](crate::EXIT_PANICKED):
    /// for code whose state is not to be trusted after one. Default: the host goes on.
    #[must_use]
    pub fn exit_on_panic(mut self) -> Self {
        self.panics = Panics::Exit;
        self
    }

    /// Lets the flight recorder note how long requests are, instead of how they begin: where they hold secrets.
    #[must_use]
    pub fn hide_requests(mut self) -> Self {
        self.requests = Requests::Hidden;
        self
    }

    /// Sets the faults that this host has, in place of those that `MAINSTAY_HOST_FAULTS` names.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn faults(mut self, faults: crate::faults::Faults) -> Self {
        self.faults = Some(faults);
        self
    }

    /// Connects over what this process was given at its beginning, which it may do once.
    ///
    /// No child that this process starts inherits the descriptors. The variables stay in the environment: whoever
    /// starts other programs removes `MAINSTAY_HOST` and `MAINSTAY_HOST_SECRET` from theirs.
    ///
    /// # Errors
    ///
    /// Nobody started this process as a host, or the parent refuses it.
    pub fn inherited(self) -> Result<Host<C>, ConnectError> {
        let Some(text) = env::var_os(DESCRIPTORS) else { return Err(ConnectError::NoParent) };
        let text = text.to_string_lossy().into_owned();
        let secret = env::var(SECRET).ok().and_then(|text| Secret::parse(&text));
        let numbers = numbers(&text).ok_or(ConnectError::Numbers(text))?;
        let secret = secret.ok_or(ConnectError::Secret)?;
        let inheritance = Inheritance::take().ok_or(ConnectError::Twice)?;
        let mut owned = match inheritance.own(&numbers) {
            Ok(owned) => owned.into_iter(),
            Err((number, source)) => {
                inheritance.give_back();
                return Err(ConnectError::NotOpen { number, source });
            }
        };
        let (Some(control), Some(calls)) = (owned.next(), owned.next()) else {
            return Err(ConnectError::NoParent);
        };
        self.over(Descriptors { control, calls, ring: owned.next(), secret })
    }

    /// Connects over these descriptors: for tests, in which a thread may play the parent.
    ///
    /// # Errors
    ///
    /// They are not what they should be, or the parent refuses this host.
    pub fn over(self, descriptors: Descriptors) -> Result<Host<C>, ConnectError> {
        let Descriptors { control, calls, ring, secret } = descriptors;
        if sockopt::socket_type(&control) != Ok(SocketType::SEQPACKET) {
            return Err(ConnectError::Other { name: "control", wanted: "a socket of packets" });
        }
        if sockopt::socket_type(&calls) != Ok(SocketType::STREAM) {
            return Err(ConnectError::Other { name: "calls", wanted: "a stream socket" });
        }
        #[cfg(feature = "faults")]
        let faults = match self.faults {
            Some(faults) => faults,
            None => crate::faults::Faults::from_environment()
                .map_err(|error| ConnectError::Faults(error.to_string()))?,
        };
        #[cfg(not(feature = "faults"))]
        if env::var_os(FAULTS).is_some() {
            let text = "this host is built without the feature `faults`, so it would have none";
            return Err(ConnectError::Faults(text.into()));
        }
        let ring = ring.map(map::ring).transpose().map_err(ConnectError::Ring)?;
        let system = |step| move |source| ConnectError::System { step, source };
        let voice =
            Voice::new(control, Recorder::new(ring)).map_err(system("make an event descriptor"))?;
        #[cfg(feature = "faults")]
        let secret = faults.secret(secret);
        let welcome = greet::<C>(&voice, secret, self.patience)?;
        let calls = Calls::new(calls, welcome.most, voice.clone())
            .map_err(system("make an event descriptor"))?;
        let calls = Arc::new(calls);
        let is_over = Arc::new(AtomicBool::new(false));
        let every = (welcome.every > 0).then(|| Duration::from_millis(welcome.every.into()));
        #[cfg(feature = "faults")]
        let every = every.filter(|_| !faults.is_mute());
        let life = Life {
            voice: voice.clone(),
            calls: Arc::clone(&calls),
            every,
            bound: self.bound,
            is_over: Arc::clone(&is_over),
        };
        let life = thread::Builder::new()
            .name("mainstay-life".into())
            .spawn(move || life.run())
            .map_err(system("start the thread that gives signs of life"))?;
        Ok(Host {
            voice,
            calls,
            panics: self.panics,
            requests: self.requests,
            run: welcome.run,
            is_over,
            life: Some(life),
            #[cfg(feature = "faults")]
            faults,
            contract: PhantomData,
        })
    }
}

fn greet<C: Contract>(
    voice: &Voice,
    secret: Secret,
    patience: Duration,
) -> Result<Welcome, ConnectError> {
    voice.tell(Told::Hello(Hello {
        version: VERSION,
        secret,
        contract_version: C::VERSION,
        contract: C::NAME.into(),
        speaker: concat!("mainstay-host ", env!("CARGO_PKG_VERSION")).into(),
    }));
    let answered = answer(voice, patience)
        .map_err(|source| ConnectError::System { step: "wait for the answer to hello", source })?;
    match answered {
        Answer::Asked(Asked::Welcome(welcome)) => Ok(welcome),
        Answer::Asked(Asked::Refused(reason)) => {
            Err(ConnectError::Refused { contract: C::NAME, version: C::VERSION, reason })
        }
        Answer::Asked(Asked::Stop(_)) => Err(ConnectError::Stopped),
        Answer::Asked(Asked::Reload | Asked::Reconnect) => {
            Err(ConnectError::Answer("it is asked of hosts that are connected".into()))
        }
        Answer::Noise(text) => Err(ConnectError::Answer(text)),
        Answer::Silence => Err(ConnectError::Silent(patience)),
        Answer::Gone => Err(ConnectError::Gone),
    }
}

/// Reads the numbers of two or three descriptors. Absent: they are none, or one of them stands there twice.
fn numbers(text: &str) -> Option<Vec<RawFd>> {
    let parse = |part: &str| part.parse().ok().filter(|number: &RawFd| *number > 2);
    let mut numbers: Vec<RawFd> = text.split(',').map(parse).collect::<Option<_>>()?;
    let is_right = (2..=3).contains(&numbers.len());
    let given = numbers.clone();
    numbers.sort_unstable();
    numbers.dedup();
    (is_right && numbers.len() == given.len()).then_some(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_two_or_three_that_differ() {
        assert_eq!(numbers("3,4"), Some(vec![3, 4]));
        assert_eq!(numbers("9,4,7"), Some(vec![9, 4, 7]));
        for wrong in ["", "3", "3,4,5,6", "3,3", "3,4,3", "3,-4", "3, 4", "0,1", "3,4,", "three"] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
    }
}

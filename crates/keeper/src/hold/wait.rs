//! What the loop waits for: descriptors and deadlines, each with what it is about.

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

/// Descriptors and deadlines. `S` says what a descriptor is about, `D` what a deadline is.
#[derive(Debug)]
pub(super) struct Waiting<S, D> {
    epoll: OwnedFd,
    sources: HashMap<u64, S>,
    deadlines: BTreeMap<(Duration, u64), D>,
    next: u64,
}

/// One descriptor that is waited for. It outlives its descriptor and is handed back to [`Waiting::drop_fd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Token(u64);

/// Returns the moment, by the monotonic clock.
pub(crate) fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// How many events one turn takes in: a storm is served in batches, between which orders are heard.
const BATCH: usize = 256;

impl<S: Clone, D> Waiting<S, D> {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            sources: HashMap::new(),
            deadlines: BTreeMap::new(),
            next: 0,
        })
    }

    /// Waits for a descriptor to be readable, for as long as it stays so.
    pub(super) fn read(&mut self, fd: BorrowedFd<'_>, source: S) -> io::Result<Token> {
        self.add(fd, source, EventFlags::IN)
    }

    /// Waits for any of `flags`, beside an error or a hangup.
    pub(super) fn add(
        &mut self,
        fd: BorrowedFd<'_>,
        source: S,
        flags: EventFlags,
    ) -> io::Result<Token> {
        self.next += 1;
        epoll::add(&self.epoll, fd, EventData::new_u64(self.next), flags)?;
        self.sources.insert(self.next, source);
        Ok(Token(self.next))
    }

    pub(super) fn change(&self, fd: BorrowedFd<'_>, token: Token, flags: EventFlags) {
        // It fails only for a descriptor that is not waited for.
        _ = epoll::modify(&self.epoll, fd, EventData::new_u64(token.0), flags);
    }

    /// Waits no more for a descriptor that is still open.
    pub(super) fn drop_fd(&mut self, fd: BorrowedFd<'_>, token: Token) {
        _ = epoll::delete(&self.epoll, fd);
        self.sources.remove(&token.0);
    }

    /// Adds a deadline and returns its name.
    pub(super) fn at(&mut self, moment: Duration, what: D) -> (Duration, u64) {
        self.next += 1;
        let name = (moment, self.next);
        self.deadlines.insert(name, what);
        name
    }

    pub(super) fn cancel(&mut self, name: (Duration, u64)) {
        self.deadlines.remove(&name);
    }

    /// Waits until something is there; not at all where there is more to do.
    pub(super) fn wait(&self, is_busy: bool, into: &mut Vec<S>) -> io::Result<()> {
        let timeout = match self.deadlines.first_key_value() {
            _ if is_busy => Some(Duration::ZERO),
            Some(((moment, _), _)) => Some(moment.saturating_sub(now())),
            None => None,
        };
        let timeout = timeout.map(|wait| Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        });
        let mut room = [MaybeUninit::uninit(); BATCH];
        let found = match epoll::wait(&self.epoll, &mut room, timeout.as_ref()) {
            Ok((found, _)) => found,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in found {
            into.extend(self.sources.get(&{ event.data }.u64()).cloned());
        }
        Ok(())
    }

    /// Returns a deadline that has passed.
    pub(super) fn due(&mut self) -> Option<D> {
        let entry = self.deadlines.first_entry()?;
        (entry.key().0 <= now()).then(|| entry.remove())
    }
}

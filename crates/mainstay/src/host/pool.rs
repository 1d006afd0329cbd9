//! Several hosts alike, of which any takes the next call.

use super::client::Client;
use super::desk::Now;
use super::error::{CallError, Unavailable};
use super::hosted::{Hosted, after};
use super::parts::Host;
use crate::declare::{Child, Node, Supervisor, host, supervisor};
use mainstay_core::{Path, RunId};
use mainstay_host::Contract;
use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many calls may wait for a host to be free unless somebody says otherwise.
const QUEUE: usize = 1_024;

/// A number of hosts alike, below a supervisor of their own. Each takes one call at a time; callers wait in turn.
///
/// A host whose last call nobody waited for to its end may still be at it: the next call goes to another one where any
/// is free.
///
/// A host that spends its budget cools down by itself and leaves the others alone.
///
/// ```no_run
/// # use mainstay::host::{Contract, Host, HostPool, Raw};
/// # use mainstay::process::Command;
/// # use mainstay::tree;
/// # use std::time::Duration;
/// # struct Parser;
/// # impl Contract for Parser {
/// #     const NAME: &'static str = "parser";
/// #     const VERSION: u32 = 1;
/// #     type Request = Vec<u8>;
/// #     type Reply = String;
/// #     type Item = ();
/// #     type Codec = Raw;
/// # }
/// # async fn parse() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = HostPool::<Parser>::new("parsers", 4, |_| Host::new(Command::new("./parser")))
///     .each(|child| child.progress_within(Duration::from_secs(10)))
///     .queue(64);
/// let parsers = pool.hosted();
/// let owner = tree().child(pool).start()?;
/// let text = parsers.call_within(&b"from strangers".to_vec(), Duration::from_secs(30)).await?;
/// # drop((text, owner)); Ok(()) }
/// ```
#[must_use]
pub struct HostPool<C> {
    supervisor: Supervisor,
    children: Vec<Child>,
    desk: Arc<Desk<C>>,
}

/// Where callers wait for a host of the pool.
struct Desk<C> {
    name: Path,
    members: Vec<Hosted<C>>,
    turns: Mutex<Turns>,
    /// Something has happened to a host: it serves, or serves no more.
    changed: Arc<Notify>,
}

struct Turns {
    /// Which members have a call.
    busy: Vec<bool>,
    /// Which run of a member was left with a call that nobody waited for to its end.
    left: Vec<Option<RunId>>,
    /// Who waits, in order, and what wakes him.
    waiting: VecDeque<(u64, Arc<Notify>)>,
    next: u64,
    queue: usize,
}

impl<C: Contract> HostPool<C> {
    /// Declares the hosts, one at least; `make` is called for each with its number, from 1 on.
    pub fn new(name: &str, size: usize, make: impl Fn(usize) -> Host<C>) -> Self {
        let (mut members, mut children) = (Vec::new(), Vec::new());
        let changed = Arc::new(Notify::new());
        // A pool of none would never answer anybody.
        let size = NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN).get();
        for number in 1..=size {
            let declared = make(number);
            let hosted = declared.hosted();
            hosted.desk.belong_to(&changed);
            members.push(hosted);
            children.push(host(&format!("{name}-{number}"), declared).optional());
        }
        let turns = Turns {
            busy: vec![false; members.len()],
            left: vec![None; members.len()],
            waiting: VecDeque::new(),
            next: 0,
            queue: QUEUE,
        };
        let name_in_words = Path::root().join(name);
        let desk = Desk { name: name_in_words, members, turns: Mutex::new(turns), changed };
        Self { supervisor: supervisor(name), children, desk: Arc::new(desk) }
    }

    /// Says what holds for each of them.
    pub fn each(mut self, say: impl Fn(Child) -> Child) -> Self {
        self.children = self.children.into_iter().map(say).collect();
        self
    }

    /// Says what holds for their supervisor.
    pub fn supervisor(mut self, say: impl FnOnce(Supervisor) -> Supervisor) -> Self {
        self.supervisor = say(self.supervisor);
        self
    }

    /// Sets how many calls may wait; otherwise 1 024. One more fails with [`CallError::Busy`].
    pub fn queue(self, queue: usize) -> Self {
        self.desk.lock().queue = queue;
        self
    }

    /// Returns what reaches the pool from anywhere in the program.
    pub fn hosted(&self) -> HostedPool<C> {
        HostedPool { desk: Arc::clone(&self.desk) }
    }
}

impl<C> From<HostPool<C>> for Node {
    fn from(pool: HostPool<C>) -> Self {
        Self::from(pool.supervisor.children(pool.children))
    }
}

impl<C> fmt::Debug for HostPool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostPool({}, {})", self.desk.name, self.children.len())
    }
}

/// Reaches a pool of hosts. Cheap to clone.
pub struct HostedPool<C> {
    desk: Arc<Desk<C>>,
}

impl<C: Contract> HostedPool<C> {
    /// Asks the first host that is free, in the order in which callers came.
    ///
    /// A call whose run ends is not made again: what it did there is not known. One that a run refuses because it is
    /// ending has not begun there, and goes to the next host that is free.
    ///
    /// # Errors
    ///
    /// No host was free in time or can be, too many calls wait already, or the call failed.
    pub async fn call_within(
        &self,
        request: &C::Request,
        within: Duration,
    ) -> Result<C::Reply, CallError> {
        let until = after(within);
        loop {
            let mut turn = self.turn(until, within).await?;
            let left = until.saturating_duration_since(Instant::now());
            let answer = turn.client.call_within(request, left).await;
            turn.is_left = matches!(answer, Err(CallError::TimedOut { .. }));
            match answer {
                Err(CallError::TimedOut { path, .. }) => {
                    return Err(CallError::TimedOut { path, after: within });
                }
                // It came just as that run was asked to end.
                Err(error) if error.is_refused_at_the_end() && !turn.serves() => {}
                answer => return answer,
            }
        }
    }

    /// Returns the hosts themselves, to follow them one by one.
    pub fn members(&self) -> &[Hosted<C>] {
        &self.desk.members
    }

    /// Returns how many callers wait for a host to be free.
    pub fn waiting(&self) -> usize {
        self.desk.lock().waiting.len()
    }

    /// Waits for a host that is free.
    async fn turn(&self, until: Instant, within: Duration) -> Result<Turn<'_, C>, CallError> {
        let desk = &*self.desk;
        let mut place = Place { desk, ticket: None, wake: Arc::default() };
        loop {
            let wake = Arc::clone(&place.wake);
            // Listened for before the look: what changes in between is not missed.
            let changed = desk.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let rests = match desk.take(&mut place)? {
                Looked::Free(turn) => return Ok(turn),
                Looked::Waits(rests) => rests,
            };
            if let Some(hopeless) = desk.hopeless(until) {
                return Err(hopeless.into());
            }
            let changes = async {
                if let Some(member) = rests {
                    member.desk.demanded().await;
                }
                tokio::select! {
                    () = &mut changed => {}
                    () = wake.notified() => {}
                }
            };
            if tokio::time::timeout_at(until, changes).await.is_err() {
                return Err(CallError::TimedOut { path: desk.name.clone(), after: within });
            }
        }
    }
}

impl<C> Clone for HostedPool<C> {
    fn clone(&self) -> Self {
        Self { desk: Arc::clone(&self.desk) }
    }
}

impl<C> fmt::Debug for HostedPool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostedPool({}, {})", self.desk.name, self.desk.members.len())
    }
}

impl<C> Desk<C> {
    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What somebody who wants a host finds.
enum Looked<'a, C> {
    Free(Turn<'a, C>),
    /// It is not his turn, or none is free. This one would start if it were wanted.
    Waits(Option<&'a Hosted<C>>),
}

impl Turns {
    /// Wakes whoever is next in line.
    fn wake_first(&self) {
        if let Some((_, wake)) = self.waiting.front() {
            wake.notify_one();
        }
    }
}

impl<C: Contract> Desk<C> {
    /// Takes a host that is free, if it is this caller's turn.
    fn take<'a>(&'a self, place: &mut Place<'a, C>) -> Result<Looked<'a, C>, CallError> {
        let mut turns = self.lock();
        let is_first = match (place.ticket, turns.waiting.front()) {
            (Some(ticket), Some((first, _))) => ticket == *first,
            (None, None) => true,
            (None, Some(_)) | (Some(_), None) => false,
        };
        let (mut rests, mut left) = (None, None);
        if is_first {
            let mut free = None;
            for (index, member) in self.members.iter().enumerate() {
                if turns.busy[index] {
                    continue;
                }
                match member.desk.now() {
                    Now::Serving(line) if turns.left[index] == Some(line.run) => {
                        left = left.or(Some((index, line)));
                    }
                    Now::Serving(line) => {
                        free = Some((index, line));
                        break;
                    }
                    Now::Down(down) if down.rests => rests = rests.or(Some(member)),
                    Now::Down(_) => {}
                }
            }
            if let Some((index, line)) = free.or(left) {
                turns.busy[index] = true;
                drop(turns);
                // Whoever is next in line looks as soon as this one has left it.
                place.leave();
                let client = Client::new(line);
                return Ok(Looked::Free(Turn { desk: self, index, client, is_left: true }));
            }
        }
        if place.ticket.is_none() {
            if turns.waiting.len() >= turns.queue {
                return Err(CallError::Busy { path: self.name.clone(), most: turns.queue });
            }
            turns.next += 1;
            let ticket = turns.next;
            turns.waiting.push_back((ticket, Arc::clone(&place.wake)));
            place.ticket = Some(ticket);
        }
        Ok(Looked::Waits(rests))
    }

    /// Returns why none of them can serve before `until`: what the one that is nearest to it says.
    fn hopeless(&self, until: Instant) -> Option<Unavailable> {
        let mut nearest: Option<Unavailable> = None;
        for member in &self.members {
            let Now::Down(down) = member.desk.now() else { return None };
            if !down.is_hopeless(until) {
                return None;
            }
            let at = |down: &Unavailable| down.next.map(|(at, _)| at);
            let is_nearer = match (nearest.as_ref().and_then(at), at(&down)) {
                (Some(known), Some(at)) => at < known,
                (None, Some(_)) => true,
                (_, None) => nearest.is_none(),
            };
            if is_nearer {
                nearest = Some(down);
            }
        }
        nearest
    }
}

/// A place among those who wait, given up with whoever holds it.
struct Place<'a, C> {
    desk: &'a Desk<C>,
    ticket: Option<u64>,
    wake: Arc<Notify>,
}

impl<C> Place<'_, C> {
    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let mut turns = self.desk.lock();
            if turns.waiting.front().is_some_and(|(first, _)| *first == ticket) {
                turns.waiting.pop_front();
                turns.wake_first();
            } else {
                turns.waiting.retain(|(waits, _)| *waits != ticket);
            }
        }
    }
}

impl<C> Drop for Place<'_, C> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A host that is this caller's for one call.
struct Turn<'a, C> {
    desk: &'a Desk<C>,
    index: usize,
    client: Client<C>,
    /// Whether nobody waited for the end of the call, as is so until it has ended.
    is_left: bool,
}

impl<C: Contract> Turn<'_, C> {
    /// Returns whether its run is the one that serves.
    fn serves(&self) -> bool {
        self.desk.members.get(self.index).is_some_and(|member| member.serves(&self.client))
    }
}

impl<C> Drop for Turn<'_, C> {
    fn drop(&mut self) {
        let mut turns = self.desk.lock();
        turns.busy[self.index] = false;
        turns.left[self.index] = self.is_left.then_some(self.client.line.run);
        turns.wake_first();
    }
}

//! What happened, for whoever wants to know: a bounded memory that anybody reads at their own pace.
//!
//! The loop writes and never waits. Who reads too slowly is told how much was missed.

use crate::caught;
mod words;

use crate::counts::Counts;
use crate::shared::Shared;
use crate::tally::{self, Tally};
use mainstay_core::{ChildId, Event, Health, Moment, Path, Tree};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

pub use words::Fact;

/// One fact, with its place in the order of all facts of its tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its number: 1 is the first, and none is left out.
    pub seq: u64,
    /// When it was decided, since the tree began.
    pub at: Moment,
    /// The child it is about; of what concerns the whole tree, the root.
    pub path: Path,
    /// The fact.
    pub event: Event,
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// The next fact.
    Record(Record),
    /// So many facts were forgotten before they were read.
    Lagged(u64),
}

/// The memory itself.
pub(crate) struct Log {
    ring: Mutex<Ring>,
}

struct Ring {
    records: VecDeque<(Moment, Event)>,
    capacity: usize,
    /// The number of the next fact.
    next: u64,
    counts: Counts,
    names: Vec<Option<Name>>,
    /// The names of those whose slots have others now, as long as a fact about them may be kept.
    gone: BTreeMap<ChildId, Name>,
    /// The same in order of time, with the number of the first fact that cannot be about them.
    left: VecDeque<(u64, ChildId)>,
    health: Health,
    recorders: Vec<Weak<Mutex<Kept>>>,
    tallies: Vec<Weak<Mutex<tally::Kept>>>,
    /// Readers that have read all there is, by their numbers.
    waiting: BTreeMap<u64, Waker>,
    /// The number of the next reader.
    readers: u64,
    /// The one that logs, while there is nothing for it.
    observer: Option<Waker>,
    /// Facts before this one came while nobody listened to the log.
    unheard: u64,
    is_closed: bool,
}

/// Enough of a child to make its path, also after it left the tree, while facts about it are kept.
struct Name {
    child: ChildId,
    above: Option<ChildId>,
    name: Arc<str>,
}

impl Log {
    pub(crate) fn new(capacity: usize, health: Health, next: u64) -> Self {
        let ring = Ring {
            records: VecDeque::new(),
            capacity,
            next,
            counts: Counts::default(),
            names: Vec::new(),
            gone: BTreeMap::new(),
            left: VecDeque::new(),
            health,
            recorders: Vec::new(),
            tallies: Vec::new(),
            waiting: BTreeMap::new(),
            readers: 0,
            observer: None,
            unheard: next,
            is_closed: false,
        };
        Self { ring: Mutex::new(ring) }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns the names of all children.
    pub(crate) fn learn(&self, tree: &Tree) {
        let mut ring = self.lock();
        ring.names.reserve_exact(tree.children().count());
        for child in tree.children() {
            ring.learn(tree, child.id);
        }
    }

    /// Takes what the tree has stated. `is_heard` tells whether anybody listens to the log.
    pub(crate) fn write(
        &self,
        tree: &Tree,
        health: Health,
        at: Moment,
        events: &mut Vec<Event>,
        is_heard: bool,
    ) {
        if events.is_empty() {
            return;
        }
        let mut ring = self.lock();
        ring.health = health;
        // Of a burst, what would be forgotten at once is counted and nothing more.
        let forgotten = events.len().saturating_sub(ring.capacity);
        let forgotten = if ring.recorders.is_empty() { forgotten } else { 0 };
        for event in events.drain(..forgotten) {
            ring.learn_of(tree, &event);
            ring.forget(at, &event);
        }
        for event in events.drain(..) {
            ring.learn_of(tree, &event);
            ring.write(at, event);
        }
        let waiting = std::mem::take(&mut ring.waiting);
        let observer = if is_heard { ring.observer.take() } else { None };
        if !is_heard {
            ring.unheard = ring.next;
        }
        drop(ring);
        wake(waiting.into_values().chain(observer));
    }

    /// The tree is gone: readers come to an end once they have read all.
    pub(crate) fn close(&self) {
        let mut ring = self.lock();
        ring.is_closed = true;
        let waiting = std::mem::take(&mut ring.waiting);
        let observer = ring.observer.take();
        drop(ring);
        wake(waiting.into_values().chain(observer));
    }

    pub(crate) fn path(&self, child: ChildId) -> Path {
        self.lock().path(child)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    pub(crate) fn health(&self) -> Health {
        self.lock().health
    }

    /// Begins to count per child, with what is remembered: nothing is counted twice, and nothing in between is lost.
    pub(crate) fn tally(&self, most: usize) -> Tally {
        let mut ring = self.lock();
        let tally = Tally::new(most, ring.records.front().map_or(Moment::ZERO, |(at, _)| *at));
        {
            let mut kept = tally.kept().lock().unwrap_or_else(PoisonError::into_inner);
            for (at, event) in &ring.records {
                kept.count(*at, event);
            }
        }
        ring.tallies.push(Arc::downgrade(tally.kept()));
        tally
    }

    /// Counts the answer of a probe, which is an event only where it differs from the one before.
    pub(crate) fn probed(&self, child: ChildId, at: Moment, probe: (u8, bool, Duration)) {
        self.lock().tell_tallies(|tally| tally.probed(child, at, probe));
    }

    /// Returns a number for a new reader.
    fn enter(&self) -> u64 {
        let mut ring = self.lock();
        ring.readers += 1;
        ring.readers
    }

    /// A reader has gone: nobody needs to wake it.
    fn leave(&self, number: u64) {
        let waker = self.lock().waiting.remove(&number);
        drop(waker);
    }

    /// Returns the number of the next fact.
    pub(crate) fn next(&self) -> u64 {
        self.lock().next
    }

    /// Reads the fact with this number; where it has not come yet, `waker` is woken when it does.
    fn read(&self, from: u64, waker: Option<Reader>) -> Read {
        let mut ring = self.lock();
        let from = match &waker {
            Some(Reader::Observer(_)) => from.max(ring.unheard),
            Some(Reader::Other(..)) | None => from,
        };
        let oldest = ring.next - ring.records.len() as u64;
        if from < oldest {
            return Read::Lagged { missed: oldest - from, next: oldest };
        }
        let found = usize::try_from(from - oldest).ok().and_then(|at| ring.records.get(at));
        match found {
            Some((at, event)) => Read::Record(ring.record(from, *at, event)),
            None if ring.is_closed => Read::End,
            None => {
                match waker {
                    Some(Reader::Observer(waker)) => ring.observer = Some(waker),
                    Some(Reader::Other(number, waker)) => drop(ring.waiting.insert(number, waker)),
                    None => {}
                }
                Read::Later
            }
        }
    }
}

/// A waker is the user's code wherever a combinator brings its own.
fn wake(wakers: impl Iterator<Item = Waker>) {
    for waker in wakers {
        drop(caught::guard(|| waker.wake()));
    }
}

/// Who waits for a fact that has not come yet.
enum Reader {
    /// The one that logs: it need not be woken while nobody listens.
    Observer(Waker),
    /// Any other, with its number: it waits once, however often it asks.
    Other(u64, Waker),
}

enum Read {
    Record(Record),
    Lagged { missed: u64, next: u64 },
    Later,
    End,
}

impl Ring {
    /// Learns the name of a child, unless it is known. Of what was added with all below it the tree
    /// names the top alone, so this is asked for each child with the first fact about it.
    /// A child comes with all that is declared below it.
    fn learn_of(&mut self, tree: &Tree, event: &Event) {
        if let Event::Added { child, .. } = event {
            let mut open = vec![*child];
            while let Some(child) = open.pop() {
                self.learn(tree, child);
                open.extend(tree.children_of(child).map(|below| below.id));
            }
        }
    }

    /// Counts a fact that nobody can read any more when the next one is written.
    fn forget(&mut self, at: Moment, event: &Event) {
        self.count(at, event);
        self.next += 1;
        self.records.clear();
    }

    fn learn(&mut self, tree: &Tree, id: ChildId) {
        if self.names.get(id.slot()).and_then(Option::as_ref).is_some_and(|name| name.child == id) {
            return;
        }
        let Some(child) = tree.child(id) else { return };
        if self.names.len() <= id.slot() {
            self.names.resize_with(id.slot() + 1, || None);
        }
        let name = Name { child: id, above: child.above, name: Arc::clone(&child.name) };
        let before = self.names[id.slot()].replace(name);
        if let Some(before) = before.filter(|before| before.child != id) {
            self.left.push_back((self.next, before.child));
            self.gone.insert(before.child, before);
        }
    }

    fn count(&mut self, at: Moment, event: &Event) {
        self.counts.count(event);
        self.tell_tallies(|tally| tally.count(at, event));
    }

    fn tell_tallies(&mut self, mut tell: impl FnMut(&mut tally::Kept)) {
        if self.tallies.is_empty() {
            return;
        }
        self.tallies.retain(|kept| match kept.upgrade() {
            Some(kept) => {
                tell(&mut kept.lock().unwrap_or_else(PoisonError::into_inner));
                true
            }
            None => false,
        });
    }

    fn write(&mut self, at: Moment, event: Event) {
        self.count(at, &event);
        let seq = self.next;
        self.next += 1;
        if !self.recorders.is_empty() {
            let record = self.record(seq, at, &event);
            self.recorders.retain(|kept| match kept.upgrade() {
                Some(kept) => {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).keep(record.clone());
                    true
                }
                None => false,
            });
        }
        if self.records.len() >= self.capacity {
            self.records.pop_front();
        }
        if self.capacity > 0 {
            self.records.push_back((at, event));
        }
        let oldest = self.next - self.records.len() as u64;
        while let Some((_, child)) =
            self.left.front().copied().filter(|(first, _)| *first <= oldest)
        {
            self.left.pop_front();
            self.gone.remove(&child);
        }
    }

    fn record(&self, seq: u64, at: Moment, event: &Event) -> Record {
        let path = if let Event::Refused { target, .. } = event {
            target.clone()
        } else {
            self.path(event.child().unwrap_or(ChildId::ROOT))
        };
        Record { seq, at, path, event: event.clone() }
    }

    fn path(&self, child: ChildId) -> Path {
        let mut names = Vec::new();
        let mut next = Some(child);
        while let Some(id) = next {
            let known = self.names.get(id.slot()).and_then(Option::as_ref);
            let known = known.filter(|name| name.child == id).or_else(|| self.gone.get(&id));
            let Some(known) = known else { break };
            if known.above.is_some() {
                names.push(&*known.name);
            }
            next = known.above;
        }
        names.reverse();
        Path::from(names.join("/").as_str())
    }
}

/// Reads the facts of a tree in order. Made by [`Handle::events`](crate::Handle::events).
pub struct Events {
    shared: Arc<Shared>,
    next: u64,
    number: u64,
}

impl Events {
    pub(crate) fn new(shared: Arc<Shared>, next: u64) -> Self {
        let number = shared.log.enter();
        Self { shared, next, number }
    }

    /// Returns the next fact, or how many were missed; `None` once the tree has ended and all is read.
    pub async fn next(&mut self) -> Option<Item> {
        let number = self.number;
        poll_fn(|cx| self.poll(Reader::Other(number, cx.waker().clone()))).await
    }

    /// The same for the one that logs: what came while nobody listened is not told.
    pub(crate) async fn next_heard(&mut self) -> Option<Item> {
        poll_fn(|cx| self.poll(Reader::Observer(cx.waker().clone()))).await
    }

    fn poll(&mut self, reader: Reader) -> Poll<Option<Item>> {
        match self.read(Some(reader)) {
            Read::Record(record) => Poll::Ready(Some(Item::Record(record))),
            Read::Lagged { missed, .. } => Poll::Ready(Some(Item::Lagged(missed))),
            Read::End => Poll::Ready(None),
            Read::Later => Poll::Pending,
        }
    }

    /// Returns what [`next`](Self::next) would return at once.
    pub fn try_next(&mut self) -> Option<Item> {
        match self.read(None) {
            Read::Record(record) => Some(Item::Record(record)),
            Read::Lagged { missed, .. } => Some(Item::Lagged(missed)),
            Read::Later | Read::End => None,
        }
    }

    /// Returns the number of the fact that comes next: where to go on from later.
    pub const fn position(&self) -> u64 {
        self.next
    }

    fn read(&mut self, reader: Option<Reader>) -> Read {
        let read = self.shared.log.read(self.next, reader);
        match &read {
            Read::Record(record) => self.next = record.seq + 1,
            Read::Lagged { next, .. } => self.next = *next,
            Read::Later | Read::End => {}
        }
        read
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.log.leave(self.number);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Events(at {})", self.next)
    }
}

/// Keeps the latest facts for a test to look at. Made by [`Handle::record`](crate::Handle::record).
#[derive(Debug)]
pub struct Recorder {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    records: VecDeque<Record>,
    most: usize,
    dropped: u64,
}

impl Kept {
    fn keep(&mut self, record: Record) {
        if self.records.len() >= self.most && self.records.pop_front().is_some() {
            self.dropped += 1;
        }
        if self.most > 0 {
            self.records.push_back(record);
        }
    }
}

impl Recorder {
    pub(crate) fn new(log: &Log, most: usize) -> Self {
        let kept = Kept { records: VecDeque::new(), most, dropped: 0 };
        let kept = Arc::new(Mutex::new(kept));
        log.lock().recorders.push(Arc::downgrade(&kept));
        Self { kept }
    }

    /// Returns what was kept so far, oldest first.
    pub fn records(&self) -> Vec<Record> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.records.iter().cloned().collect()
    }

    /// Returns how many facts had to make room for later ones.
    pub fn dropped(&self) -> u64 {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).dropped
    }

    /// Forgets what was kept.
    pub fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).records.clear();
    }
}

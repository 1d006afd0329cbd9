//! What happened, for whoever wants to know: a bounded memory that anybody reads at their own pace.
//!
//! The loop writes and never waits. Who reads too slowly is told how much was missed.

use crate::counts::Counts;
use crate::shared::Shared;
use mainstay_core::{ChildId, Event, Health, Moment, Path, Tree};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;

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
    news: Notify,
}

struct Ring {
    records: VecDeque<(Moment, Event)>,
    capacity: usize,
    /// The number of the next fact.
    next: u64,
    counts: Counts,
    names: Vec<Option<Name>>,
    health: Health,
    recorders: Vec<Weak<Mutex<Kept>>>,
    is_closed: bool,
}

/// Enough of a child to make its path, also after it left the tree, until its slot is used again.
struct Name {
    child: ChildId,
    above: Option<ChildId>,
    name: Arc<str>,
}

impl Log {
    pub(crate) fn new(capacity: usize, health: Health) -> Self {
        let ring = Ring {
            records: VecDeque::new(),
            capacity,
            next: 1,
            counts: Counts::default(),
            names: Vec::new(),
            health,
            recorders: Vec::new(),
            is_closed: false,
        };
        Self { ring: Mutex::new(ring), news: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns the names of all children.
    pub(crate) fn learn(&self, tree: &Tree) {
        let mut ring = self.lock();
        for child in tree.children() {
            ring.learn(tree, child.id);
        }
    }

    /// Takes what the tree has stated.
    pub(crate) fn write(&self, tree: &Tree, at: Moment, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut ring = self.lock();
        ring.health = tree.health();
        for event in events.drain(..) {
            if let Event::Added { child, .. } = event {
                ring.learn(tree, child);
            }
            ring.write(at, event);
        }
        drop(ring);
        self.news.notify_waiters();
    }

    /// The tree is gone: readers come to an end once they have read all.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_waiters();
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

    /// Returns the number of the next fact.
    pub(crate) fn next(&self) -> u64 {
        self.lock().next
    }

    fn read(&self, from: u64) -> Read {
        let ring = self.lock();
        let oldest = ring.next - ring.records.len() as u64;
        if from < oldest {
            return Read::Lagged { missed: oldest - from, next: oldest };
        }
        let found = usize::try_from(from - oldest).ok().and_then(|at| ring.records.get(at));
        match found {
            Some((at, event)) => Read::Record(ring.record(from, *at, event)),
            None if ring.is_closed => Read::End,
            None => Read::Later,
        }
    }
}

enum Read {
    Record(Record),
    Lagged { missed: u64, next: u64 },
    Later,
    End,
}

impl Ring {
    fn learn(&mut self, tree: &Tree, id: ChildId) {
        let Some(child) = tree.child(id) else { return };
        if self.names.len() <= id.slot() {
            self.names.resize_with(id.slot() + 1, || None);
        }
        let name = Name { child: id, above: child.above, name: Arc::clone(&child.name) };
        self.names[id.slot()] = Some(name);
    }

    fn write(&mut self, at: Moment, event: Event) {
        self.counts.count(&event);
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
    }

    fn record(&self, seq: u64, at: Moment, event: &Event) -> Record {
        let path = match event {
            Event::Refused { target, .. } => target.clone(),
            event => self.path(event.child().unwrap_or(ChildId::ROOT)),
        };
        Record { seq, at, path, event: event.clone() }
    }

    fn path(&self, child: ChildId) -> Path {
        let mut names = Vec::new();
        let mut next = Some(child);
        while let Some(id) = next {
            let known = self.names.get(id.slot()).and_then(Option::as_ref);
            let Some(known) = known.filter(|name| name.child == id) else { break };
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
}

impl Events {
    pub(crate) const fn new(shared: Arc<Shared>, next: u64) -> Self {
        Self { shared, next }
    }

    /// Returns the next fact, or how many were missed; `None` once the tree has ended and all is read.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            let shared = Arc::clone(&self.shared);
            // Registered before the look, so that what is written in between wakes it.
            let mut news = std::pin::pin!(shared.log.news.notified());
            news.as_mut().enable();
            match self.read() {
                Read::Record(record) => return Some(Item::Record(record)),
                Read::Lagged { missed, .. } => return Some(Item::Lagged(missed)),
                Read::End => return None,
                Read::Later => news.await,
            }
        }
    }

    /// Returns what [`next`](Self::next) would return at once.
    pub fn try_next(&mut self) -> Option<Item> {
        match self.read() {
            Read::Record(record) => Some(Item::Record(record)),
            Read::Lagged { missed, .. } => Some(Item::Lagged(missed)),
            Read::Later | Read::End => None,
        }
    }

    /// Goes on with what comes from now on.
    pub(crate) fn skip(&mut self) {
        self.next = self.shared.log.next();
    }

    /// Returns the number of the fact that comes next: where to go on from later.
    pub const fn position(&self) -> u64 {
        self.next
    }

    fn read(&mut self) -> Read {
        let read = self.shared.log.read(self.next);
        match &read {
            Read::Record(record) => self.next = record.seq + 1,
            Read::Lagged { next, .. } => self.next = *next,
            Read::Later | Read::End => {}
        }
        read
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

//! The way from one stage to the next: bounded, and longer-lived than any run.
//!
//! Who takes items has them lent. What is not acknowledged when its run ends, by whatever way, comes back to the
//! front in its old order and is given again.

use super::item::Item;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How long a writer waits for room when nothing else is said: longer than a reader that restarts needs.
const STALL: Duration = Duration::from_secs(60);

/// How many items are taken at once: enough to share the cost of a lock, few enough to be given again.
pub(super) const BATCH: usize = 32;

/// A bounded way between stages. Cheap to clone; every clone is the same edge.
///
/// It belongs to the flow and not to a run: either side may restart, and what is on it stays.
pub struct Edge<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    name: Arc<str>,
    capacity: usize,
    stall: Duration,
    lane: Mutex<Lane<T>>,
}

struct Lane<T> {
    parcels: VecDeque<Parcel<T>>,
    lent: usize,
    /// For each writer, whether it has finished.
    writers: Vec<bool>,
    readers: usize,
    /// How many runs read it now.
    reading: usize,
    counts: Counts,
    takers: Vec<Waker>,
    putters: Vec<Waker>,
}

/// An item with its past.
pub(super) struct Parcel<T> {
    pub(super) item: Item<T>,
    /// How often a stage tried it and did not come to an end with it.
    pub(super) tries: u32,
}

/// What has passed over an edge. `put` is always `done + waiting + lent`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Items that were put on it.
    pub put: u64,
    /// Items that its reader has done with.
    pub done: u64,
    /// How often an item came back, for its reader's run had ended.
    pub again: u64,
    /// Items that its reader gave up and marked.
    pub marked: u64,
    /// Items that wait on it now.
    pub waiting: u64,
    /// Items that its reader has in hand now.
    pub lent: u64,
    /// Whether nothing more will be put on it.
    pub ended: bool,
}

/// Why an edge has no room, and will have none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRoom {
    /// Nobody took anything for too long.
    #[error(
        "the edge {edge} is full, and nothing was taken from it for {stall:?}: its reader is down or too slow"
    )]
    Stalled {
        /// Which edge.
        edge: Arc<str>,
        /// The limit.
        stall: Duration,
    },
    /// The flow drains, and nobody is there to take anything: no stage starts again in a drain.
    #[error(
        "the edge {edge} is full, and nobody reads it any more: what is left stays where it is"
    )]
    Deserted {
        /// Which edge.
        edge: Arc<str>,
    },
}

/// Something was to be put on an edge whose writer had said that nothing more comes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the edge {edge} has had its end of data: nothing more can be put on it")]
pub struct Finished {
    /// Which edge.
    pub edge: Arc<str>,
}

impl<T: Send + 'static> Edge<T> {
    /// Makes an edge that holds `capacity` items, at least one.
    ///
    /// Its name stands in errors and counts, and is to be the only one of its flow.
    pub fn new(name: &str, capacity: usize) -> Self {
        let lane = Lane {
            parcels: VecDeque::new(),
            lent: 0,
            writers: Vec::new(),
            readers: 0,
            reading: 0,
            counts: Counts::default(),
            takers: Vec::new(),
            putters: Vec::new(),
        };
        let (name, capacity) = (Arc::from(name), capacity.max(1));
        Self { inner: Arc::new(Inner { name, capacity, stall: STALL, lane: Mutex::new(lane) }) }
    }

    /// Sets how long a writer waits while nothing is taken, before it fails; otherwise 60 s.
    ///
    /// To be said before the edge is given to any stage; later it has no effect.
    #[must_use]
    pub fn stall(mut self, limit: Duration) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.stall = limit;
        }
        self
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Returns what has passed over it so far.
    pub fn counts(&self) -> Counts {
        self.lock().now()
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.inner.name)
    }

    /// Adds somebody who writes: the edge ends when all of them have finished.
    pub(super) fn writer(&self) -> Writer<T> {
        let mut lane = self.lock();
        lane.writers.push(false);
        Writer { edge: self.clone(), number: lane.writers.len() - 1 }
    }

    pub(super) fn reader(&self) {
        self.lock().readers += 1;
    }

    /// A run begins to read, or ends.
    pub(super) fn reads(&self, begins: bool) {
        let mut lane = self.lock();
        lane.reading = if begins { lane.reading + 1 } else { lane.reading.saturating_sub(1) };
        let wakers = std::mem::take(&mut lane.putters);
        drop(lane);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Returns how many write and read.
    pub(super) fn ends(&self) -> (usize, usize) {
        let lane = self.lock();
        (lane.writers.len(), lane.readers)
    }

    pub(super) fn capacity(&self) -> usize {
        self.inner.capacity
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().has_ended()
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().parcels.len()
    }

    /// Takes what is there. `Ready` with nothing: it has ended, and nothing can come back any more.
    pub(super) fn poll_take(
        &self,
        most: usize,
        into: &mut VecDeque<Parcel<T>>,
        task: &Context<'_>,
    ) -> Poll<()> {
        let mut lane = self.lock();
        let many = lane.parcels.len().min(most);
        if many == 0 {
            if lane.has_ended() && lane.lent == 0 && lane.parcels.is_empty() {
                return Poll::Ready(());
            }
            register(&mut lane.takers, task);
            return Poll::Pending;
        }
        into.extend(lane.parcels.drain(..many));
        lane.lent += many;
        let wakers = std::mem::take(&mut lane.putters);
        drop(lane);
        wakers.into_iter().for_each(Waker::wake);
        Poll::Ready(())
    }

    /// Its reader has done with so many of what it took, and gave so many of them up.
    pub(super) fn acknowledge(&self, many: usize, marked: u64) {
        let mut lane = self.lock();
        lane.lent = lane.lent.saturating_sub(many);
        lane.counts.done += many as u64;
        lane.counts.marked += marked;
        // Whoever else reads it may learn now that it has ended.
        let is_over = lane.has_ended() && lane.lent == 0 && lane.parcels.is_empty();
        let wakers = if is_over { std::mem::take(&mut lane.takers) } else { Vec::new() };
        drop(lane);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Gives back what was taken, in its old order.
    pub(super) fn give_back(&self, parcels: &mut VecDeque<Parcel<T>>) {
        if parcels.is_empty() {
            return;
        }
        let mut lane = self.lock();
        lane.lent = lane.lent.saturating_sub(parcels.len());
        lane.counts.again += parcels.len() as u64;
        while let Some(parcel) = parcels.pop_back() {
            lane.parcels.push_front(parcel);
        }
        let wakers = std::mem::take(&mut lane.takers);
        drop(lane);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Lane<T>> {
        self.inner.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Lane<T> {
    fn has_ended(&self) -> bool {
        !self.writers.is_empty() && self.writers.iter().all(|finished| *finished)
    }

    fn now(&self) -> Counts {
        Counts {
            waiting: self.parcels.len() as u64,
            lent: self.lent as u64,
            ended: self.has_ended(),
            ..self.counts
        }
    }
}

fn register(wakers: &mut Vec<Waker>, task: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(task.waker())) {
        wakers.push(task.waker().clone());
    }
}

/// One who writes to an edge: the same over all runs of its stage.
pub(super) struct Writer<T> {
    edge: Edge<T>,
    number: usize,
}

impl<T: Send + 'static> Writer<T> {
    pub(super) const fn edge(&self) -> &Edge<T> {
        &self.edge
    }

    /// Waits until so many more find room. An empty edge takes any number: what one item becomes must pass. In a
    /// drain it does not wait for a reader that is not there.
    pub(super) async fn room(&self, many: usize, drains: bool) -> Result<(), NoRoom> {
        if many == 0 { Ok(()) } else { self.wait(many, drains).await }
    }

    /// Waits while the edge holds more than it was made for: what runs that ended had in hand. Who takes nothing in
    /// hand before adds nothing to it, however often its runs end.
    pub(super) async fn relief(&self, drains: bool) -> Result<(), NoRoom> {
        self.wait(0, drains).await
    }

    async fn wait(&self, many: usize, drains: bool) -> Result<(), NoRoom> {
        if self.poll_room(many, false, None).is_ready() {
            return Ok(());
        }
        let stall = self.edge.inner.stall;
        loop {
            let before = self.taken();
            let wait = poll_fn(|task| self.poll_room(many, drains, Some(task)));
            if let Ok(has_room) = tokio::time::timeout(stall, wait).await {
                return has_room;
            }
            if self.taken() == before {
                return Err(NoRoom::Stalled { edge: self.edge.shared_name(), stall });
            }
        }
    }

    fn poll_room(
        &self,
        many: usize,
        drains: bool,
        task: Option<&Context<'_>>,
    ) -> Poll<Result<(), NoRoom>> {
        let mut lane = self.edge.lock();
        let waiting = lane.parcels.len();
        if waiting == 0 || waiting + many <= self.edge.capacity() {
            return Poll::Ready(Ok(()));
        }
        if drains && lane.reading == 0 {
            return Poll::Ready(Err(NoRoom::Deserted { edge: self.edge.shared_name() }));
        }
        if let Some(task) = task {
            register(&mut lane.putters, task);
        }
        Poll::Pending
    }

    /// Returns how many were ever taken.
    fn taken(&self) -> u64 {
        let lane = self.edge.lock();
        (lane.counts.put + lane.counts.again).saturating_sub(lane.parcels.len() as u64)
    }

    /// Puts all of them on the edge at once. The caller has seen to it that there is room.
    pub(super) fn put(&self, items: &mut Vec<Item<T>>) -> Result<(), Finished> {
        if items.is_empty() {
            return Ok(());
        }
        let mut lane = self.edge.lock();
        if lane.writers[self.number] {
            return Err(Finished { edge: self.edge.shared_name() });
        }
        lane.counts.put += items.len() as u64;
        lane.parcels.extend(items.drain(..).map(|item| Parcel { item, tries: 0 }));
        let wakers = std::mem::take(&mut lane.takers);
        drop(lane);
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Says that nothing more comes from here.
    pub(super) fn finish(&self) {
        let mut lane = self.edge.lock();
        lane.writers[self.number] = true;
        let wakers = std::mem::take(&mut lane.takers);
        drop(lane);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<T> Clone for Edge<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> Clone for Writer<T> {
    fn clone(&self) -> Self {
        Self { edge: self.edge.clone(), number: self.number }
    }
}

impl<T> fmt::Debug for Edge<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edge({})", self.inner.name)
    }
}

//! What has been appended and is not written yet, and who waits for it: the one thing that appenders and the
//! writer share.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::frame::{self, Frame};
use super::note::Lost;
use super::{Outcome, Settings, State, When};

/// The longest payload of a record. A longer one is counted as lost: it could not be told from damage.
pub(super) const RECORD_MOST: usize = 16 * 1024 * 1024;

/// Ranges of lost records that a late [`super::Journal::when`] is still answered from.
const LOST_REMEMBERED: usize = 1024;

pub(super) type Tell = Box<dyn FnOnce(Outcome) + Send>;

/// Is told about each change of [`State::trouble`].
pub(super) type Watcher = Arc<dyn Fn(Option<&str>) + Send + Sync>;

/// The queue, and how the writer is woken.
#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue>,
    awake: Condvar,
    room: usize,
    wall: fn() -> i64,
    folder: PathBuf,
}

#[derive(Default)]
struct Queue {
    /// Frames, one after the other, and how many of them are records.
    frames: Vec<u8>,
    records: u64,
    /// Bytes that the writer has in hand.
    held: usize,
    /// The room was used up, and the writer still has in hand what it was used for.
    full: bool,
    last: u64,
    written: u64,
    durable: u64,
    /// Lost records that no note tells of yet.
    open: Option<Lost>,
    past: VecDeque<Lost>,
    lost: u64,
    waiting: Vec<Waiting>,
    sync: bool,
    snapshot: Option<(u64, Vec<u8>)>,
    newest: Option<u64>,
    trouble: Option<String>,
    /// A snapshot or a removal failed: records are safe all the same.
    upkeep: Option<String>,
    watcher: Option<Watcher>,
    bytes: u64,
    asleep: bool,
    closing: bool,
    over: bool,
}

struct Waiting {
    seq: u64,
    when: When,
    tell: Tell,
}

/// What the writer is to do next.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) frames: Vec<u8>,
    pub(super) upto: u64,
    /// Somebody waits for the disk.
    pub(super) sync: bool,
    pub(super) snapshot: Option<(u64, Vec<u8>)>,
    pub(super) closing: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("last", &self.last).finish_non_exhaustive()
    }
}

/// What an opened folder holds already.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) last: u64,
    pub(super) durable: u64,
    pub(super) bytes: u64,
    pub(super) newest: Option<u64>,
}

impl Shared {
    pub(super) fn new(folder: PathBuf, settings: &Settings, before: Before) -> Self {
        let Before { last, durable, bytes, newest } = before;
        let queue = Queue { last, written: last, durable, bytes, newest, ..Queue::default() };
        let (queue, awake) = (Mutex::new(queue), Condvar::new());
        Self { queue, awake, room: settings.queue_bytes, wall: settings.wall, folder }
    }

    /// Gives a record its number and leaves it for the writer.
    pub(super) fn append(&self, payload: &[u8]) -> u64 {
        let wall = (self.wall)();
        let mut queue = self.lock();
        queue.last += 1;
        let seq = queue.last;
        let record = Frame { seq, wall, note: false, payload };
        let used = queue.frames.len() + queue.held;
        if payload.len() > RECORD_MOST {
            queue.lose(seq, |_| format!("it has {} bytes, more than a record may", payload.len()));
        } else if queue.over || queue.full || used + record.size() > self.room {
            queue.full = true;
            queue.lose(seq, Queue::no_room);
        } else {
            queue.close_gap(wall);
            frame::encode(&mut queue.frames, record);
            queue.records += 1;
        }
        self.wake(queue);
        seq
    }

    /// Tells once what became of a record, now or later.
    pub(super) fn when(&self, seq: u64, when: When, tell: Tell) {
        let mut queue = self.lock();
        match queue.answer(seq, when) {
            Some(outcome) => {
                drop(queue);
                tell(outcome);
            }
            None => {
                queue.waiting.push(Waiting { seq, when, tell });
                if when == When::Durable {
                    queue.sync = true;
                    self.wake(queue);
                }
            }
        }
    }

    /// Leaves a snapshot for the writer. One that it has not come to is replaced by a newer one.
    pub(super) fn snapshot(&self, upto: u64, bytes: Vec<u8>) {
        let mut queue = self.lock();
        if queue.snapshot.as_ref().is_none_or(|(other, _)| *other <= upto) {
            queue.snapshot = Some((upto, bytes));
        }
        self.wake(queue);
    }

    pub(super) fn state(&self) -> State {
        let queue = self.lock();
        State {
            last: queue.last,
            written: queue.written,
            durable: queue.durable,
            snapshot: queue.newest,
            lost: queue.lost,
            trouble: queue.visible().map(ToOwned::to_owned),
            bytes: queue.bytes,
            folder: self.folder.clone(),
        }
    }

    /// Asks the writer to write what there is, and to end.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.closing = true;
        drop(queue);
        self.awake.notify_all();
    }

    /// Waits for something to do. What is due then is a sync.
    pub(super) fn take(&self, due: Option<Instant>, mut spare: Vec<u8>) -> Work {
        spare.clear();
        let wall = (self.wall)();
        let mut queue = self.lock();
        while queue.is_idle() {
            queue.asleep = true;
            queue = match due.map(|due| due.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => {
                    queue.sync = true;
                    queue
                }
                Some(rest) => {
                    let waited = self.awake.wait_timeout(queue, rest);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.awake.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
        queue.asleep = false;
        queue.close_gap(wall);
        let frames = std::mem::replace(&mut queue.frames, spare);
        queue.held = frames.len();
        queue.records = 0;
        Work {
            frames,
            upto: queue.last,
            sync: std::mem::take(&mut queue.sync),
            snapshot: queue.snapshot.take(),
            closing: queue.closing,
        }
    }

    /// Waits before another attempt. False: the journal is being closed.
    pub(super) fn pause(&self, span: Duration) -> bool {
        let queue = self.lock();
        let waited = self.awake.wait_timeout_while(queue, span, |queue| !queue.closing);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closing
    }

    /// Everything up to this record has been written; `bytes` are in all segments.
    pub(super) fn written(&self, upto: u64, bytes: u64) {
        let mut queue = self.lock();
        (queue.written, queue.bytes) = (upto, bytes);
        queue.held = 0;
        queue.full = false;
        self.tell(queue);
    }

    /// Everything up to this record is on the disk.
    pub(super) fn durable(&self, upto: u64) {
        let mut queue = self.lock();
        queue.durable = upto;
        self.change(queue, |queue| queue.trouble = None);
    }

    /// The disk fails: who waits is told at once, and so is everybody who asks until it works again.
    pub(super) fn trouble(&self, why: String) {
        self.change(self.lock(), |queue| queue.trouble = Some(why));
    }

    /// The journal is closed while the disk fails: these records and those still queued are lost.
    pub(super) fn give_up(&self, records: u64) {
        let mut queue = self.lock();
        queue.lost += records + std::mem::take(&mut queue.records);
        queue.over = true;
    }

    pub(super) fn upkeep(&self, trouble: Option<String>) {
        self.change(self.lock(), |queue| queue.upkeep = trouble);
    }

    /// Has somebody told about each change of what troubles the journal, and about what does so now.
    pub(super) fn watch(&self, watcher: Watcher) {
        let mut queue = self.lock();
        let now = queue.visible().map(ToOwned::to_owned);
        queue.watcher = Some(Arc::clone(&watcher));
        drop(queue);
        if now.is_some() {
            watcher(now.as_deref());
        }
    }

    pub(super) fn kept(&self, upto: u64) {
        self.lock().newest = Some(upto);
    }

    pub(super) fn bytes(&self, bytes: u64) {
        self.lock().bytes = bytes;
    }

    /// The writer has ended, in whatever way: nobody waits in vain.
    pub(super) fn over(&self) {
        let mut queue = self.lock();
        queue.over = true;
        self.tell(queue);
    }

    /// Changes what troubles the journal, and tells who wants to know.
    fn change(&self, mut queue: MutexGuard<'_, Queue>, change: impl FnOnce(&mut Queue)) {
        let before = queue.visible().map(ToOwned::to_owned);
        change(&mut queue);
        let now = queue.visible().map(ToOwned::to_owned);
        let watcher = queue.watcher.clone().filter(|_| now != before);
        self.tell(queue);
        if let Some(watcher) = watcher {
            let _ = catch_unwind(AssertUnwindSafe(|| watcher(now.as_deref())));
        }
    }

    /// Answers everybody who can be answered, without the lock.
    fn tell(&self, mut queue: MutexGuard<'_, Queue>) {
        let mut answered = Vec::new();
        let mut still = Vec::new();
        for waiting in std::mem::take(&mut queue.waiting) {
            match queue.answer(waiting.seq, waiting.when) {
                Some(outcome) => answered.push((waiting.tell, outcome)),
                None => still.push(waiting),
            }
        }
        queue.sync |= still.iter().any(|waiting| waiting.when == When::Durable);
        queue.waiting = still;
        drop(queue);
        for (tell, outcome) in answered {
            // Whoever panics when it is told must not take the writer along.
            let _ = catch_unwind(AssertUnwindSafe(|| tell(outcome)));
        }
    }

    fn wake(&self, mut queue: MutexGuard<'_, Queue>) {
        let asleep = std::mem::take(&mut queue.asleep);
        drop(queue);
        if asleep {
            self.awake.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn is_idle(&self) -> bool {
        let nothing = self.frames.is_empty() && self.open.is_none() && self.snapshot.is_none();
        nothing && !self.sync && !self.closing
    }

    /// Returns what troubles the journal: that records are not safe above all.
    fn visible(&self) -> Option<&str> {
        self.trouble.as_deref().or(self.upkeep.as_deref())
    }

    /// Returns what became of a record, once it is known.
    fn answer(&self, seq: u64, when: When) -> Option<Outcome> {
        let lost = |why: &str| Some(Outcome::Lost { why: why.to_owned() });
        if let Some(gap) = self.open.iter().chain(&self.past).find(|gap| gap.holds(seq)) {
            return lost(&gap.why);
        }
        let reached = match when {
            When::Written => self.written,
            When::Durable => self.durable,
        };
        if seq <= reached {
            return Some(Outcome::Kept);
        }
        if seq > self.last {
            return lost("there is no record of this number");
        }
        match &self.trouble {
            Some(trouble) => lost(trouble),
            None if self.over => lost("the journal is closed"),
            None => None,
        }
    }

    fn lose(&mut self, seq: u64, why: impl FnOnce(&Self) -> String) {
        self.lost += 1;
        match &mut self.open {
            Some(open) => open.last = seq,
            None => self.open = Some(Lost { first: seq, last: seq, why: why(self) }),
        }
    }

    fn no_room(&self) -> String {
        match &self.trouble {
            _ if self.over => "the journal is closed".to_owned(),
            Some(trouble) => format!("there was no room for it: {trouble}"),
            None => "there was no room for it: the disk was too slow".to_owned(),
        }
    }

    /// Leaves a note of what was lost since the last record, under the number of the last one lost.
    fn close_gap(&mut self, wall: i64) {
        let Some(lost) = self.open.take() else { return };
        if self.past.len() == LOST_REMEMBERED {
            self.past.pop_front();
        }
        let payload = lost.payload();
        let note = Frame { seq: lost.last, wall, note: true, payload: &payload };
        frame::encode(&mut self.frames, note);
        self.past.push_back(lost);
    }
}

//! What the loop and the run of one child share: orders one way, facts the other.
//!
//! A slot outlives its runs and serves one at a time. A run that was abandoned keeps its slot, and its
//! child gets a fresh one, so whatever the old run still says carries its own number.

use crate::caught;
use crate::code::Begin;
use crate::end::Ended;
use crate::inbox::Fact;
use crate::scope::Scope;
use crate::shared::Shared;
use mainstay_core::{ChildId, Moment, News, RunId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The run was asked to end.
pub(crate) const STOP: u8 = 1;
/// The run is ended by force.
pub(crate) const KILL: u8 = 2;
/// The run has sub-tasks.
pub(crate) const SCOPED: u8 = 4;
/// The run is a thread.
pub(crate) const THREAD: u8 = 8;
/// The run is in the middle of something that is not to be interrupted.
pub(crate) const UNDISTURBED: u8 = 16;

/// What a run has told; several facts are told in the order of their bits.
pub(crate) mod told {
    pub(crate) const STARTED: u16 = 1;
    pub(crate) const BEAT: u16 = 1 << 1;
    pub(crate) const READY: u16 = 1 << 2;
    pub(crate) const BUSY: u16 = 1 << 3;
    pub(crate) const PROGRESS: u16 = 1 << 4;
    /// A piece of pending work is done; whether another is left is looked up when this is read.
    pub(crate) const IDLE: u16 = 1 << 5;
    pub(crate) const EXTEND: u16 = 1 << 6;
    pub(crate) const RELOADED: u16 = 1 << 7;
    pub(crate) const RECYCLE: u16 = 1 << 8;
    pub(crate) const EXITED: u16 = 1 << 9;
    /// It tells of its steps, or how far it has come.
    pub(crate) const NEWS: u16 = 1 << 10;
}

pub(crate) struct Slot {
    pub(crate) child: ChildId,
    pub(crate) shared: Arc<Shared>,
    /// [`STOP`], [`KILL`], [`SCOPED`] and [`THREAD`] of the present run, read on every poll without the lock.
    pub(crate) asked: AtomicU8,
    life: Mutex<Life>,
}

/// The part of a slot behind its lock.
pub(crate) struct Life {
    /// The present run, or the last one.
    pub(crate) run: RunId,
    pub(crate) stage: Stage,
    /// Whether a task serves this slot: it runs, or waits for its next order.
    pub(crate) is_served: bool,
    /// Whether that task is to go when it finds nothing ordered.
    pub(crate) is_leaving: bool,
    /// Whether the code is this child's own, and not that of its spec.
    pub(crate) is_bound: bool,
    /// Whether it is this child's first run.
    pub(crate) is_first: bool,
    pub(crate) is_queued: bool,
    pub(crate) told: u16,
    /// How many contexts of the present run exist: who has none cannot observe a stop.
    pub(crate) holders: u32,
    /// What the present run is made of.
    pub(crate) code: Option<Arc<dyn Begin>>,
    /// The task or thread that serves this slot.
    pub(crate) waker: Option<Waker>,
    pub(crate) ended: Option<Box<(Moment, Ended)>>,
    pub(crate) extra: Option<Box<Extra>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No run.
    Idle,
    /// The next run is to begin.
    Ordered,
    /// A run lives.
    Running,
}

/// What few runs ever need.
#[derive(Default)]
pub(crate) struct Extra {
    /// Whether somebody may hear of a stop without holding a context.
    pub(crate) listens: bool,
    /// Who waits for a stop or a reload from another task than the run's own.
    pub(crate) wakers: Wakers,
    pub(crate) token: Option<CancellationToken>,
    /// By when the run must be gone once it was asked to end.
    pub(crate) deadline: Option<Moment>,
    pub(crate) extend: Duration,
    pub(crate) last_beat: Moment,
    pub(crate) ready_at: Moment,
    /// How many pieces of work are pending.
    pub(crate) pending: u32,
    /// How often a reload was asked for.
    pub(crate) reloads: u32,
    pub(crate) scope: Option<Arc<Scope>>,
    /// The span of the run, while anybody listens.
    #[cfg(feature = "tracing")]
    pub(crate) span: Option<Arc<tracing::Span>>,
    /// What the run before this one left: how it ended.
    pub(crate) last: Option<mainstay_core::child::Last>,
    /// How far the runs before this one have come.
    pub(crate) goes_on_at: Option<Arc<str>>,
    pub(crate) telling: Telling,
}

/// What a run tells of its steps, until the loop takes it.
#[derive(Default)]
pub(crate) struct Telling {
    pub(crate) news: Vec<News>,
    /// Whether the run owes a word about its end: it has a machine, and has not told.
    pub(crate) owes_end: bool,
    /// How far it has come, where that has not been taken yet.
    pub(crate) position: Option<Arc<str>>,
    /// When it last told how far it has come.
    pub(crate) positioned_at: Option<Moment>,
}

/// Those who wait, each until it is woken or gives up.
#[derive(Default)]
pub(crate) struct Wakers {
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

impl Wakers {
    /// Returns whether this waker is known under this key.
    pub(crate) fn knows(&self, key: Option<u64>, waker: &Waker) -> bool {
        let known = key.and_then(|key| self.waiting.get(&key));
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// Keeps a waker under its key, which the first call makes. Returns the one that was there.
    pub(crate) fn put(&mut self, key: &mut Option<u64>, waker: Waker) -> Option<Waker> {
        let key = *key.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        self.waiting.insert(key, waker)
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<Waker> {
        self.waiting.remove(&key)
    }

    pub(crate) fn take(&mut self) -> BTreeMap<u64, Waker> {
        std::mem::take(&mut self.waiting)
    }
}

/// Wakes those who waited: a waker is the user's code wherever a combinator brings its own.
pub(crate) fn wake_all(wakers: BTreeMap<u64, Waker>, token: Option<CancellationToken>) {
    for waker in wakers.into_values() {
        drop(caught::guard(|| waker.wake()));
    }
    if let Some(token) = token {
        drop(caught::guard(|| token.cancel()));
    }
}

/// How much news of one run may wait for the loop: a run tells so much only while the loop stands still.
const MOST_NEWS: usize = 256;

impl Telling {
    /// Keeps the news; beyond the bound only how many there were, and the end.
    fn push(&mut self, news: News) {
        if self.news.len() < MOST_NEWS || news.is_end() {
            return self.news.push(news);
        }
        let more = if let News::Omitted(more) = news { more } else { 1 };
        match self.news.last_mut() {
            Some(News::Omitted(count)) => *count += more,
            Some(_) | None => self.news.push(News::Omitted(more)),
        }
    }
}

impl Slot {
    pub(crate) fn new(child: ChildId, shared: &Arc<Shared>) -> Arc<Self> {
        let life = Life {
            run: RunId(0),
            stage: Stage::Idle,
            is_served: false,
            is_leaving: false,
            is_bound: false,
            is_first: true,
            is_queued: false,
            told: 0,
            holders: 0,
            code: None,
            waker: None,
            ended: None,
            extra: None,
        };
        Arc::new(Self {
            child,
            shared: Arc::clone(shared),
            asked: AtomicU8::new(0),
            life: Mutex::new(life),
        })
    }

    /// No user code ever runs under this lock, and it is never held across another one.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_asked(&self, what: u8) -> bool {
        self.asked.load(Ordering::Acquire) & what != 0
    }

    /// Tells the loop something about a run. About any but the present one it says nothing.
    pub(crate) fn tell(self: &Arc<Self>, run: RunId, what: u16) -> bool {
        self.tell_with(run, what, |_| {})
    }

    pub(crate) fn tell_with(
        self: &Arc<Self>,
        run: RunId,
        what: u16,
        with: impl FnOnce(&mut Life),
    ) -> bool {
        let mut life = self.lock();
        if life.run != run || life.stage != Stage::Running {
            return false;
        }
        with(&mut life);
        self.tell_locked(life, what, None);
        true
    }

    /// Takes what a run tells of its steps. Its end is told once, whoever tells it.
    pub(crate) fn tell_news(self: &Arc<Self>, run: RunId, news: News) {
        let mut life = self.lock();
        if life.run != run || life.stage != Stage::Running {
            return;
        }
        let telling = &mut life.extra().telling;
        if news.is_end() && !std::mem::replace(&mut telling.owes_end, false) {
            return;
        }
        telling.push(news);
        self.tell_locked(life, told::NEWS, None);
    }

    /// A sub-task has panicked: a task is woken to end, a thread can only be asked to.
    pub(crate) fn lost_sub_task(&self, run: RunId) {
        let mut life = self.lock();
        if life.run != run || life.stage != Stage::Running {
            return;
        }
        let waker = life.waker.clone();
        let mut left = None;
        if self.is_asked(THREAD) {
            self.asked.fetch_or(STOP, Ordering::AcqRel);
            left = life.extra.as_mut().map(|extra| (extra.wakers.take(), extra.token.clone()));
        }
        drop(life);
        if let Some(waker) = waker {
            waker.wake();
        }
        if let Some((wakers, token)) = left {
            wake_all(wakers, token);
        }
    }

    /// Lets go of the run's span: whoever listens hears of it in the child's own task.
    pub(crate) fn drop_span(&self) {
        #[cfg(feature = "tracing")]
        {
            let span = self.lock().extra.as_mut().and_then(|extra| extra.span.take());
            caught::drop_guarded(span);
        }
    }

    /// Ends the present run: what it said is final, and the slot is free for the next one.
    pub(crate) fn tell_end(self: &Arc<Self>, mut life: MutexGuard<'_, Life>, ended: Ended) {
        life.stage = Stage::Idle;
        let now = self.shared.clock.now();
        life.ended = Some(Box::new((now, ended)));
        // Whoever kept a context of the run learns that it is over.
        let left = life.extra.as_mut().map(|extra| (extra.wakers.take(), extra.token.take()));
        self.tell_locked(life, told::EXITED, Some(now));
        if let Some((wakers, token)) = left {
            wake_all(wakers, token);
        }
    }

    fn tell_locked(
        self: &Arc<Self>,
        mut life: MutexGuard<'_, Life>,
        what: u16,
        now: Option<Moment>,
    ) {
        life.told |= what;
        let is_new = !std::mem::replace(&mut life.is_queued, true);
        drop(life);
        if is_new {
            let at = now.unwrap_or_else(|| self.shared.clock.now());
            self.shared.inbox.tell(Fact { slot: Arc::clone(self), at });
        }
    }
}

impl Life {
    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Returns whether anybody in the present run can hear that it is to stop.
    pub(crate) fn hears(&self) -> bool {
        self.holders > 0 || self.extra.as_ref().is_some_and(|extra| extra.listens)
    }

    /// Makes the slot ready for this run.
    pub(crate) fn order(&mut self, run: RunId, is_first: bool) {
        self.run = run;
        self.is_first = is_first;
        self.stage = Stage::Ordered;
        self.holders = 0;
        self.told = 0;
        // What was needed once is likely to be needed again, so its memory is kept.
        if let Some(extra) = &mut self.extra {
            **extra = Extra::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_core::Settled;

    #[test]
    fn news_that_nobody_takes_is_counted_beyond_its_bound() {
        let mut telling = Telling::default();
        for _ in 0..MOST_NEWS + 10 {
            telling.push(News::Acted { action: "Act".into() });
        }
        telling.push(News::Omitted(5));
        telling.push(News::Settled { how: Settled::Done, state: None, detail: None });
        assert_eq!(telling.news.len(), MOST_NEWS + 2);
        assert_eq!(telling.news[MOST_NEWS], News::Omitted(15));
        assert!(telling.news[MOST_NEWS + 1].is_end());
    }
}

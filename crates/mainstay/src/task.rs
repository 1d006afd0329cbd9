//! The driver of async tasks.
//!
//! One tokio task serves a child for as long as it is likely to run again: it makes the run's future,
//! polls it, clears up behind it, tells its end, and waits for its next order. A restart in place
//! touches neither the scheduler's queues nor the allocator more than it must.

use crate::caught;
use crate::code::{Code, Run};
use crate::context::Context as RunContext;
use crate::driver::{Driver, LeftBehind, Order};
use crate::end::Ended;
use crate::inbox::Quiet;
use crate::observe::RunSpan;
use crate::scope::Scope;
use crate::shared::Shared;
use crate::slot::{KILL, Life, SCOPED, STOP, Slot, Stage, told, wake_all};
use crate::watchdog;
use mainstay_core::{ChildId, Exit, Moment, News, Path, RunId, Settled};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll};

/// Starts and ends runs that are async tasks.
pub(crate) struct Tasks {
    shared: Arc<Shared>,
    slots: Vec<Option<Arc<Slot>>>,
    left: LeftBehind,
}

impl Tasks {
    /// Makes room for so many children.
    pub(crate) fn new(shared: &Arc<Shared>, children: usize) -> Self {
        Self {
            shared: Arc::clone(shared),
            slots: Vec::with_capacity(children),
            left: LeftBehind::default(),
        }
    }

    /// Gives a new child code of its own, in place of what its spec says. A child that has its code
    /// keeps it: the same command has come twice.
    pub(crate) fn bind(&mut self, child: ChildId, code: Arc<dyn crate::code::Begin>) {
        if self.at(child).is_some() {
            return;
        }
        let slot = Slot::new(child, &self.shared);
        slot.lock().code = Some(code);
        slot.lock().is_bound = true;
        self.put(slot);
    }

    fn put(&mut self, slot: Arc<Slot>) {
        let at = slot.child.slot();
        if self.slots.len() <= at {
            self.slots.resize(at + 1, None);
        }
        if let Some(old) = self.slots[at].replace(slot) {
            self.left.add(&old);
            retire(&old);
        }
    }

    fn at(&self, child: ChildId) -> Option<&Arc<Slot>> {
        self.slots.get(child.slot())?.as_ref().filter(|slot| slot.child == child)
    }

    /// Returns the slot of a live run, and what is behind its lock.
    fn live(&self, child: ChildId, run: RunId) -> Option<(&Slot, MutexGuard<'_, Life>)> {
        let slot = self.at(child)?;
        let life = slot.lock();
        (life.run == run).then_some((&**slot, life))
    }
}

/// The tree has ended: nobody will order anything any more.
impl Drop for Tasks {
    fn drop(&mut self) {
        for slot in self.slots.iter().flatten() {
            retire(slot);
        }
    }
}

impl Driver for Tasks {
    fn start(&mut self, order: Order<'_>) {
        let child = order.child.id;
        // A run that was abandoned keeps its slot to itself, also while its end has not been heard yet.
        let free = self.at(child).filter(|slot| {
            let life = slot.lock();
            life.stage == Stage::Idle && !life.is_queued
        });
        let slot = match free {
            Some(slot) => Arc::clone(slot),
            None => {
                let slot = Slot::new(child, &self.shared);
                if let Some(old) = self.at(child) {
                    let old = old.lock();
                    let mut life = slot.lock();
                    life.is_bound = old.is_bound;
                    life.code = old.code.clone();
                }
                self.put(Arc::clone(&slot));
                slot
            }
        };
        let mut life = slot.lock();
        // Another spec than it was made with brings its own code.
        life.is_bound &= order.child.revision == 0;
        if !life.is_bound
            && let Some(Code::Task(code)) = order.code()
            && !life.code.as_ref().is_some_and(|old| Arc::ptr_eq(old, code))
        {
            life.code = Some(Arc::clone(code));
        }
        slot.asked.store(0, Ordering::Release);
        life.order(order.run, order.is_first);
        if let Some(position) = order.position() {
            life.extra().goes_on_at = Some(Arc::clone(position));
        }
        if let Some(last) = order.last() {
            life.extra().last = Some(last.clone());
        }
        if std::mem::replace(&mut life.is_served, true) {
            wake(life);
        } else {
            drop(life);
            drop(self.shared.runtime.spawn(Server { slot, stage: Serving::Waiting }));
        }
    }

    fn stop(&mut self, child: ChildId, run: RunId, _step: u8, until: Option<Moment>) {
        let Some((slot, mut life)) = self.live(child, run) else { return };
        // Nobody in there could hear it: waiting for an answer would only waste the grace.
        let hears = life.stage == Stage::Ordered || life.hears();
        slot.asked.fetch_or(if hears { STOP } else { STOP | KILL }, Ordering::AcqRel);
        if hears && until.is_some() {
            life.extra().deadline = until;
        }
        wake_stopped(life);
    }

    fn kill(&mut self, child: ChildId, run: RunId) {
        let Some((slot, life)) = self.live(child, run) else { return };
        slot.asked.fetch_or(STOP | KILL, Ordering::AcqRel);
        wake_stopped(life);
    }

    fn abandon(&mut self, child: ChildId, run: RunId) {
        let Some(slot) = self.at(child) else { return };
        slot.tell_news(run, News::Settled { how: Settled::Abandoned, state: None, detail: None });
    }

    fn reload(&mut self, child: ChildId, run: RunId) {
        if let Some((_, mut life)) = self.live(child, run) {
            life.extra().reloads += 1;
            wake(life);
        }
    }

    fn rest(&mut self, child: ChildId) {
        if let Some(slot) = self.at(child) {
            let life = slot.lock();
            if life.is_served && life.stage == Stage::Idle {
                retire_locked(life);
            }
        }
    }

    fn forget(&mut self, child: ChildId) {
        if self.at(child).is_some()
            && let Some(slot) = self.slots[child.slot()].take()
        {
            self.left.add(&slot);
            retire(&slot);
        }
    }

    fn left_behind(&mut self) -> Vec<(Path, RunId)> {
        self.left.runs()
    }
}

/// No further order comes. A run that still lives there goes on to its end.
fn retire(slot: &Slot) {
    let life = slot.lock();
    if life.stage == Stage::Idle {
        retire_locked(life);
    }
}

fn retire_locked(mut life: MutexGuard<'_, Life>) {
    life.is_leaving = true;
    wake(life);
}

/// Wakes whoever serves the slot, and whoever waits for a stop or a reload elsewhere.
fn wake(mut life: MutexGuard<'_, Life>) {
    let waker = life.waker.clone();
    let others = life.extra.as_mut().map(|extra| extra.wakers.take());
    drop(life);
    if let Some(waker) = waker {
        waker.wake();
    }
    if let Some(others) = others {
        wake_all(others, None);
    }
}

/// The same, and whoever holds the run's token.
fn wake_stopped(life: MutexGuard<'_, Life>) {
    let token = life.extra.as_ref().and_then(|extra| extra.token.clone());
    wake(life);
    wake_all(BTreeMap::new(), token);
}

/// The tokio task that serves one child.
struct Server {
    slot: Arc<Slot>,
    stage: Serving,
}

enum Serving {
    /// For the next order.
    Waiting,
    /// A run.
    Running { run: RunId, future: Run },
    /// For the sub-tasks of a run that is over.
    Clearing { run: RunId, ended: Option<Ended>, scope: Option<Arc<Scope>> },
    /// For nothing: it has left, and the slot may have another server already.
    Gone,
}

impl Future for Server {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let shared = Arc::clone(&this.slot.shared);
        let _quiet = Quiet::enter(&shared.inbox);
        loop {
            match &mut this.stage {
                Serving::Waiting => match this.slot.next_order(cx) {
                    NextOrder::Begin(run, is_first) => this.begin(run, is_first),
                    NextOrder::Wait => return Poll::Pending,
                    NextOrder::Leave => this.stage = Serving::Gone,
                },
                Serving::Running { run, future } => {
                    let run = *run;
                    let ended = {
                        let slot = &this.slot;
                        let _busy = watchdog::Busy::with(slot.shared.number, slot.child, run);
                        poll_run(slot, future, cx)
                    };
                    let Some(ended) = ended else { return Poll::Pending };
                    this.clear(run, ended);
                }
                Serving::Clearing { run, ended, scope } => {
                    if let Some(scope) = scope {
                        let Poll::Ready(panic) = scope.poll_gone(cx) else { return Poll::Pending };
                        if let (Some(panic), Some(was)) = (panic, ended.as_ref())
                            && was.panic.is_none()
                        {
                            *ended = Some(Ended::panicked(panic));
                        }
                    }
                    let run = *run;
                    let ended = ended.take();
                    let leaves = this.finish(run, ended);
                    this.stage = if leaves { Serving::Gone } else { Serving::Waiting };
                }
                Serving::Gone => return Poll::Ready(()),
            }
        }
    }
}

/// What a server is to do next.
enum NextOrder {
    Begin(RunId, bool),
    Wait,
    Leave,
}

impl Slot {
    fn next_order(&self, cx: &Context<'_>) -> NextOrder {
        let mut life = self.lock();
        if life.stage == Stage::Ordered {
            life.stage = Stage::Running;
            life.is_leaving = false;
            if life.waker.is_none() {
                life.waker = Some(cx.waker().clone());
            }
            return NextOrder::Begin(life.run, life.is_first);
        }
        if life.is_leaving {
            life.is_leaving = false;
            life.is_served = false;
            life.waker = None;
            return NextOrder::Leave;
        }
        if life.waker.is_none() {
            life.waker = Some(cx.waker().clone());
        }
        NextOrder::Wait
    }
}

impl Slot {
    /// Ends a run that was asked to end before it began, when nobody in there can hear of it.
    fn end_deaf(&self) {
        let life = self.lock();
        if self.is_asked(STOP) && !life.hears() {
            self.asked.fetch_or(KILL, Ordering::AcqRel);
        }
    }
}

impl Server {
    /// Makes the run's future. The factory is the user's.
    fn begin(&mut self, run: RunId, is_first: bool) {
        let code = self.slot.lock().code.clone();
        let context = RunContext::new(&self.slot, run, is_first);
        let made = {
            let _busy = watchdog::Busy::with(self.slot.shared.number, self.slot.child, run);
            caught::guard(|| {
                let span = RunSpan::begin(&self.slot, run);
                let future = span.within(|| code.as_ref().map(|code| code.begin(context)));
                future.map(|future| span.around(future))
            })
        };
        match made {
            Ok(Some(future)) => {
                self.slot.tell(run, told::STARTED);
                self.slot.end_deaf();
                self.stage = Serving::Running { run, future };
            }
            Ok(None) => self.clear(run, Ended::plain(Exit::Skipped)),
            Err(panic) => self.clear(run, Ended::not_made(panic)),
        }
    }

    /// Drops what is left of the run, then waits for its sub-tasks.
    fn clear(&mut self, run: RunId, mut ended: Ended) {
        let old = std::mem::replace(&mut self.stage, Serving::Waiting);
        if let Serving::Running { future, .. } = old {
            let _busy = watchdog::Busy::with(self.slot.shared.number, self.slot.child, run);
            if let Some(panic) = caught::drop_guarded(future) {
                ended = ended.with_drop_panic(panic);
            }
        }
        self.slot.drop_span();
        let scope = self.slot.lock().extra.as_mut().and_then(|extra| extra.scope.take());
        if let Some(scope) = &scope {
            scope.close();
        }
        self.stage = Serving::Clearing { run, ended: Some(ended), scope };
    }

    /// Tells the end. Returns whether nobody needs to serve the slot until the next start.
    fn finish(&self, run: RunId, ended: Option<Ended>) -> bool {
        let ended = ended.unwrap_or_else(|| Ended::plain(Exit::Aborted));
        let mut life = self.slot.lock();
        if life.run != run {
            return false;
        }
        // Who was asked to end is not likely to run again soon.
        let leaves = life.is_leaving || self.slot.is_asked(STOP);
        if leaves {
            life.is_leaving = false;
            life.is_served = false;
            life.waker = None;
        }
        self.slot.tell_end(life, ended);
        leaves
    }
}

/// Polls a run once. Returns how it ended, if it did.
fn poll_run(slot: &Slot, future: &mut Run, cx: &mut Context<'_>) -> Option<Ended> {
    if slot.is_asked(KILL) {
        return Some(Ended::plain(Exit::Aborted));
    }
    match caught::guard(|| future.as_mut().poll(cx)) {
        Ok(Poll::Ready(ended)) => return Some(ended),
        Err(panic) => return Some(Ended::panicked(panic)),
        Ok(Poll::Pending) => {}
    }
    if slot.is_asked(SCOPED) {
        let scope = slot.lock().extra.as_ref().and_then(|extra| extra.scope.clone());
        if let Some(panic) = scope.and_then(|scope| scope.poll_panic(cx)) {
            return Some(Ended::panicked(panic));
        }
    }
    // A run that forces itself to its end is awake, so waking it did nothing.
    slot.is_asked(KILL).then(|| Ended::plain(Exit::Aborted))
}

/// The runtime ends under the run, or the loop has let go of it.
impl Drop for Server {
    fn drop(&mut self) {
        let run = match std::mem::replace(&mut self.stage, Serving::Waiting) {
            Serving::Waiting => None,
            Serving::Running { run, future } => {
                caught::drop_guarded(future);
                Some(run)
            }
            Serving::Clearing { run, .. } => Some(run),
            Serving::Gone => return,
        };
        let mut life = self.slot.lock();
        life.is_served = false;
        life.waker = None;
        match run {
            Some(run) if life.run == run && life.stage == Stage::Running => {
                self.slot.tell_end(life, Ended::plain(Exit::Aborted));
            }
            Some(_) | None => {}
        }
    }
}

//! The driver of blocking children: each run has a thread of its own, named after the child.
//!
//! A thread cannot be ended by force. One that ignores its stop is abandoned by the tree and named;
//! nothing waits for it, neither the drain nor the end of the runtime.

use crate::caught;
use crate::code::{Code, Work};
use crate::context::Context;
use crate::driver::{Driver, LeftBehind, Order};
use crate::end::Ended;
use crate::observe::RunSpan;
use crate::scope::Scope;
use crate::shared::Shared;
use crate::slot::{KILL, STOP, Slot, Stage, THREAD, told, wake_all};
use mainstay_core::{ChildId, Exit, Moment, Path, RunId, StartStep};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

/// Starts and stops runs that are threads.
pub(crate) struct Threads {
    shared: Arc<Shared>,
    slots: BTreeMap<ChildId, Arc<Slot>>,
    left: LeftBehind,
}

impl Threads {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), slots: BTreeMap::new(), left: LeftBehind::default() }
    }

    fn ask(&self, child: ChildId, run: RunId, what: u8, until: Option<Moment>) {
        let Some(slot) = self.slots.get(&child) else { return };
        let mut life = slot.lock();
        if life.run != run {
            return;
        }
        slot.asked.fetch_or(what, Ordering::AcqRel);
        let extra = life.extra();
        extra.deadline = until.or(extra.deadline);
        let (wakers, token) = (extra.wakers.take(), extra.token.clone());
        drop(life);
        wake_all(wakers, token);
    }
}

/// Nobody watches over the threads any more: those that live on hear that they are to end.
impl Drop for Threads {
    fn drop(&mut self) {
        for (child, slot) in &self.slots {
            let run = slot.lock().run;
            self.ask(*child, run, STOP, None);
        }
    }
}

impl Driver for Threads {
    fn start(&mut self, order: Order<'_>) {
        // Each run has a slot of its own: a thread that was abandoned keeps the one it has.
        let slot = Slot::new(order.child.id, &self.shared);
        let mut life = slot.lock();
        life.order(order.run, order.is_first);
        life.stage = Stage::Running;
        life.is_served = true;
        slot.asked.store(THREAD, Ordering::Release);
        if let Some(last) = order.last() {
            life.extra().last = Some(last.clone());
        }
        drop(life);
        if let Some(old) = self.slots.insert(order.child.id, Arc::clone(&slot)) {
            self.left.add(&old);
        }
        let Some(Code::Thread(work)) = order.code().cloned() else { return };
        let context = Context::new(&slot, order.run, order.is_first);
        if let Err(error) = start(&slot, work, context) {
            slot.tell_end(slot.lock(), no_thread(&error));
        }
    }

    fn stop(&mut self, child: ChildId, run: RunId, _step: u8, until: Option<Moment>) {
        self.ask(child, run, STOP, until);
    }

    fn kill(&mut self, child: ChildId, run: RunId) {
        self.ask(child, run, STOP | KILL, None);
    }

    fn reload(&mut self, child: ChildId, run: RunId) {
        if let Some(slot) = self.slots.get(&child) {
            let mut life = slot.lock();
            if life.run == run {
                life.extra().reloads += 1;
            }
        }
        self.ask(child, run, 0, None);
    }

    fn rest(&mut self, _child: ChildId) {}

    fn forget(&mut self, child: ChildId) {
        if let Some(slot) = self.slots.remove(&child) {
            self.left.add(&slot);
        }
    }

    fn left_behind(&mut self) -> Vec<(Path, RunId)> {
        self.left.runs()
    }
}

fn no_thread(error: &io::Error) -> Ended {
    let exit = Exit::StartFailed { step: StartStep::Limits, mendable: true };
    let detail = Some(Arc::from(format!("no thread can be started: {error}")));
    Ended { detail, ..Ended::plain(exit) }
}

fn start(slot: &Arc<Slot>, work: Arc<dyn Work>, cx: Context) -> io::Result<()> {
    let path = cx.path();
    let name = if path.as_str().is_empty() { "child" } else { path.as_str() };
    let slot = Arc::clone(slot);
    let body = move || {
        // So that its clock is the runtime's, and it may use the runtime's handle.
        let runtime = slot.shared.runtime.clone();
        let _entered = runtime.enter();
        let run = cx.run();
        slot.tell(run, told::STARTED);
        let ended = match caught::guard(|| RunSpan::begin(&slot, run).within(|| work.work(cx))) {
            Ok(ended) => ended,
            Err(panic) => Ended::panicked(panic),
        };
        let ended = match caught::drop_guarded(work) {
            Some(panic) => ended.with_drop_panic(panic),
            None => ended,
        };
        slot.drop_span();
        let scope = slot.lock().extra.as_mut().and_then(|extra| extra.scope.take());
        let panic = scope.and_then(|scope| clear(&runtime, &scope));
        let ended = match panic {
            Some(panic) if ended.panic.is_none() => Ended::panicked(panic),
            Some(_) | None => ended,
        };
        let life = slot.lock();
        if life.run == run && life.stage == Stage::Running {
            slot.tell_end(life, ended);
        }
    };
    std::thread::Builder::new().name(name.replace('\0', " ")).spawn(body).map(drop)
}

/// Waits on this thread until the sub-tasks of a run are gone.
fn clear(runtime: &tokio::runtime::Handle, scope: &Arc<Scope>) -> Option<caught::Panic> {
    scope.close();
    let gone = poll_fn(|cx| match scope.poll_gone(cx) {
        Poll::Ready(panic) => Poll::Ready(panic),
        Poll::Pending => Poll::Pending,
    });
    runtime.block_on(gone)
}

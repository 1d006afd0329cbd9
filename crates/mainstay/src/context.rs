//! What a run knows of itself and can say about itself.

mod telling;

use crate::handle::Handle;
use crate::scope::{Scope, SubTask};
use crate::slot::{Extra, SCOPED, STOP, Slot, Stage, told};
use mainstay_core::child::Last;
use mainstay_core::{Path, RunId};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant as ThreadInstant};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use telling::Undisturbed;

/// Handed to every run of a child: what it is asked, and how it speaks.
///
/// It is valid for one run. What a clone that outlives its run says is ignored, and what it is asked
/// is: stop. A run that holds no context any more cannot hear that it should stop, so it is ended at
/// once instead of being waited for.
pub struct Context {
    slot: Arc<Slot>,
    run: RunId,
    is_first: bool,
}

impl Context {
    pub(crate) fn new(slot: &Arc<Slot>, run: RunId, is_first: bool) -> Self {
        slot.lock().holders += 1;
        Self { slot: Arc::clone(slot), run, is_first }
    }

    /// Resolves when this run is asked to end, and stays resolved.
    ///
    /// ```
    /// # use mainstay::Context;
    /// async fn serve(cx: Context) {
    ///     tokio::select! {
    ///         () = cx.stopped() => { /* finish what is begun */ }
    ///         () = accept() => {}
    ///     }
    /// }
    /// # async fn accept() {}
    /// ```
    pub fn stopped(&self) -> Stopped<'_> {
        Stopped { cx: self, key: None }
    }

    /// Returns whether this run is asked to end.
    pub fn is_stopping(&self) -> bool {
        if self.slot.is_asked(STOP) {
            return true;
        }
        let life = self.slot.lock();
        life.run != self.run || life.stage != Stage::Running
    }

    /// Blocks this thread until the run is asked to end, at most for `wait`. Returns whether it is asked.
    ///
    /// For blocking children: it wakes at once when the stop comes, so a loop needs no short sleeps.
    pub fn stopped_within(&self, wait: Duration) -> bool {
        let waker = Waker::from(Arc::new(ThreadWaker(std::thread::current())));
        let mut task = TaskContext::from_waker(&waker);
        let until = ThreadInstant::now().checked_add(wait);
        let mut stopped = self.stopped();
        loop {
            if Pin::new(&mut stopped).poll(&mut task).is_ready() {
                return true;
            }
            match until.map(|until| until.saturating_duration_since(ThreadInstant::now())) {
                Some(Duration::ZERO) => return false,
                Some(left) => std::thread::park_timeout(left),
                None => std::thread::park(),
            }
        }
    }

    /// Returns by when the run must be gone, once it is asked to end within a bound.
    pub fn deadline(&self) -> Option<Instant> {
        let at = self.with_extra(|extra| extra.deadline)??;
        self.slot.shared.clock.instant(at)
    }

    /// Returns a token that is cancelled when this run is asked to end, for code that takes one.
    pub fn token(&self) -> CancellationToken {
        let token = self.with_extra(|extra| {
            extra.listens = true;
            extra.token.get_or_insert_default().clone()
        });
        let token = token.unwrap_or_default();
        if self.is_stopping() {
            token.cancel();
        }
        token
    }

    /// Says that the run can serve. Only a child with [`ready_within`](crate::Child::ready_within) waits for it.
    pub fn ready(&self) {
        let now = self.slot.shared.clock.now();
        self.slot.tell_with(self.run, told::READY, |life| life.extra().ready_at = now);
    }

    /// A sign of life, for a child with a [`heartbeat`](crate::Child::heartbeat).
    pub fn beat(&self) {
        let now = self.slot.shared.clock.now();
        self.slot.tell_with(self.run, told::BEAT, |life| life.extra().last_beat = now);
    }

    /// Says that work is pending, until the returned guard is dropped.
    ///
    /// A child with [`progress_within`](crate::Child::progress_within) is judged only while work is pending: idle is healthy.
    pub fn pending(&self) -> Pending {
        self.slot.tell_with(self.run, told::BUSY, |life| life.extra().pending += 1);
        Pending { slot: Arc::clone(&self.slot), run: self.run }
    }

    /// Says that pending work moved.
    pub fn progress(&self) {
        self.slot.tell(self.run, told::PROGRESS);
    }

    /// Asks for more time in the present phase (starting, becoming ready, stopping), counted from now.
    pub fn extend(&self, by: Duration) {
        self.slot.tell_with(self.run, told::EXTEND, |life| life.extra().extend = by);
    }

    /// Asks to be replaced by a fresh run: to be stopped, and started again without any charge.
    pub fn recycle(&self) {
        self.slot.tell(self.run, told::RECYCLE);
    }

    /// Resolves at the next reload that somebody asks of this run; one that came before the call counts.
    /// Answer with [`reloaded`](Self::reloaded).
    pub fn reload(&self) -> Reload<'_> {
        Reload { cx: self, key: None }
    }

    /// Says that the settings were read again.
    pub fn reloaded(&self) {
        self.slot.tell(self.run, told::RELOADED);
    }

    /// Starts a sub-task that cannot outlive this run.
    ///
    /// When the run ends, by whatever cause, its sub-tasks are cut at their next await point, and the
    /// run is over only when all are gone. A sub-task that panics ends its run as panicked; a blocking
    /// run, which nothing can end, is told to stop, and has panicked when it returns.
    pub fn spawn<F>(&self, future: F) -> SubTask<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.scope().spawn((&self.slot, self.run), future, false)
    }

    /// Runs a section that must not be cut: it comes to its own end though the run is ended by force
    /// or the returned future is dropped, and the run is over only afterwards.
    ///
    /// What outlives force by the child's `kill_wait` is reported as abandoned, by name, and goes on.
    pub fn shield<F>(&self, future: F) -> SubTask<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.scope().spawn((&self.slot, self.run), future, true)
    }

    fn scope(&self) -> Arc<Scope> {
        let scope = self.with_extra(|extra| Arc::clone(extra.scope.get_or_insert_default()));
        match scope {
            Some(scope) => {
                self.slot.asked.fetch_or(SCOPED, Ordering::AcqRel);
                scope
            }
            None => {
                // The run is over: nothing begins any more.
                let closed = Arc::new(Scope::default());
                closed.close();
                closed
            }
        }
    }

    /// Returns the child's place in the tree.
    pub fn path(&self) -> Path {
        self.slot.shared.log.path(self.slot.child)
    }

    /// Returns the child's own name, the last of its path.
    pub fn name(&self) -> String {
        self.path().names().last().unwrap_or_default().to_owned()
    }

    /// Returns which run this is.
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// Returns whether the child has never run before: boot work belongs here, not into a restart.
    pub const fn is_first(&self) -> bool {
        self.is_first
    }

    /// Returns how the run before this one ended, and what was decided then.
    pub fn last_exit(&self) -> Option<Last> {
        let life = self.slot.lock();
        if life.run != self.run {
            return None;
        }
        life.extra.as_ref()?.last.clone()
    }

    /// Returns a handle to the tree. It does not keep the tree alive.
    pub fn handle(&self) -> Handle {
        Handle::new(&self.slot.shared)
    }

    /// Returns the span of this run, with the child's path and the run's number; a disabled one while
    /// nobody listens.
    ///
    /// The run is polled within it already; sub-tasks are not, and can be instrumented with it.
    #[cfg(feature = "tracing")]
    pub fn span(&self) -> tracing::Span {
        let span = self.with_extra(|extra| extra.span.clone()).flatten();
        span.map_or_else(tracing::Span::none, |span| tracing::Span::clone(&span))
    }

    /// Reaches what few runs need; `None` once the run is over.
    fn with_extra<T>(&self, with: impl FnOnce(&mut Extra) -> T) -> Option<T> {
        let mut life = self.slot.lock();
        let is_mine = life.run == self.run && life.stage == Stage::Running;
        is_mine.then(|| with(life.extra()))
    }

    /// Registers whoever waits, unless the run's own task does, which is woken anyway.
    fn register(&self, key: &mut Option<u64>, waker: &Waker) {
        let life = self.slot.lock();
        let is_over = life.run != self.run || life.stage != Stage::Running;
        let is_own = life.waker.as_ref().is_some_and(|own| own.will_wake(waker));
        let is_known = life.extra.as_ref().is_some_and(|extra| extra.wakers.knows(*key, waker));
        drop(life);
        if is_over || is_own || is_known {
            return;
        }
        // Copied and dropped outside of the lock: a waker may be the user's code.
        let waker = waker.clone();
        drop(self.with_extra(|extra| extra.wakers.put(key, waker)));
    }

    /// Whoever waited does so no longer.
    fn unregister(&self, key: Option<u64>) {
        if let Some(key) = key {
            drop(self.with_extra(|extra| extra.wakers.remove(key)));
        }
    }
}

impl Clone for Context {
    fn clone(&self) -> Self {
        let mut life = self.slot.lock();
        if life.run == self.run {
            life.holders += 1;
        }
        drop(life);
        Self { slot: Arc::clone(&self.slot), run: self.run, is_first: self.is_first }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut life = self.slot.lock();
        if life.run == self.run {
            life.holders = life.holders.saturating_sub(1);
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({}{})", self.path(), self.run)
    }
}

/// Work that is pending until this is dropped.
pub struct Pending {
    slot: Arc<Slot>,
    run: RunId,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.slot.tell_with(self.run, told::PROGRESS | told::IDLE, |life| {
            let pending = &mut life.extra().pending;
            *pending = pending.saturating_sub(1);
        });
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// See [`Context::stopped`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Stopped<'a> {
    cx: &'a Context,
    key: Option<u64>,
}

impl Future for Stopped<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        if self.cx.is_stopping() {
            return Poll::Ready(());
        }
        let cx = self.cx;
        cx.register(&mut self.key, task.waker());
        // It may have been asked between the look and the registration.
        if self.cx.is_stopping() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// See [`Context::reload`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Reload<'a> {
    cx: &'a Context,
    key: Option<u64>,
}

impl Future for Reload<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        // Registered first: a reload that comes in between is seen below.
        let cx = self.cx;
        cx.register(&mut self.key, task.waker());
        let is_asked = self.cx.with_extra(|extra| std::mem::take(&mut extra.reloads) > 0);
        if is_asked == Some(true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.cx.unregister(self.key);
    }
}

impl Drop for Reload<'_> {
    fn drop(&mut self) {
        self.cx.unregister(self.key);
    }
}

/// Unparks a thread that waits.
struct ThreadWaker(Thread);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

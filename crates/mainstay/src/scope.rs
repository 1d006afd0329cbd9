//! The sub-tasks of one run: none outlives it.

use crate::caught::{self, Panic};
use crate::inbox::Quiet;
use crate::slot::Slot;
use mainstay_core::RunId;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

/// Fewer handles than this are not worth a walk.
const PRUNE_FROM: usize = 64;

/// All sub-tasks of one run.
#[derive(Default)]
pub(crate) struct Scope {
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    tasks: JoinSet<()>,
    /// Those that end with the run; the others are shielded and come to their own end.
    cut: Vec<AbortHandle>,
    /// At how many of them those that have ended are let go.
    prune_at: usize,
    panic: Option<Panic>,
    /// The run's own task.
    waker: Option<Waker>,
    is_closed: bool,
}

/// A sub-task of a run, as a future of what it returns.
///
/// Dropping it leaves the sub-task running, at most as long as the run. A sub-task that panics ends its run as
/// panicked, so there is no error to handle here; one that was cut never yields anything.
#[derive(Debug)]
pub struct SubTask<T> {
    result: oneshot::Receiver<T>,
    abort: Option<AbortHandle>,
}

impl<T> SubTask<T> {
    /// Ends the sub-task at its next await point. A shielded one goes on.
    pub fn abort(&self) {
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }

    fn never() -> Self {
        Self { result: oneshot::channel().1, abort: None }
    }
}

impl<T> Future for SubTask<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if self.result.is_terminated() {
            return Poll::Pending;
        }
        match Pin::new(&mut self.result).poll(cx) {
            Poll::Ready(Ok(value)) => Poll::Ready(value),
            // It was cut. Its run is ending, or whoever cut it does not wait for it.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Scope {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a sub-task. Where the run is ending already, the future is dropped unpolled.
    pub(crate) fn spawn<F>(
        self: &Arc<Self>,
        (slot, run): (&Arc<Slot>, RunId),
        future: F,
        is_shielded: bool,
    ) -> SubTask<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (tell, result) = oneshot::channel();
        let (scope, of) = (Arc::clone(self), Arc::clone(slot));
        let guarded = Guarded { future: Some(Box::pin(future)), slot: Arc::clone(slot) };
        let task = async move {
            match guarded.await {
                // Who does not want the value has dropped the receiver, and it is dropped here.
                Ok(value) => drop(caught::drop_guarded(tell.send(value))),
                Err(panic) => {
                    scope.note(panic);
                    of.lost_sub_task(run);
                }
            }
        };
        let mut inside = self.lock();
        if inside.is_closed {
            drop(inside);
            caught::drop_guarded(task);
            return SubTask::never();
        }
        let abort = inside.tasks.spawn_on(task, &slot.shared.runtime);
        if !is_shielded {
            // Now and then those that have ended are let go: often enough, and not at each of thousands.
            if inside.cut.len() >= inside.prune_at {
                inside.cut.retain(|abort| !abort.is_finished());
                inside.prune_at = (inside.cut.len() * 2).max(PRUNE_FROM);
            }
            inside.cut.push(abort.clone());
        }
        let waker = inside.waker.take();
        drop(inside);
        if let Some(waker) = waker {
            waker.wake();
        }
        SubTask { result, abort: (!is_shielded).then_some(abort) }
    }

    fn note(&self, panic: Panic) {
        self.lock().panic.get_or_insert(panic);
    }

    /// Collects sub-tasks that have ended, and registers the run for the next. Returns a panic.
    pub(crate) fn poll_panic(&self, cx: &mut Context<'_>) -> Option<Panic> {
        let mut inside = self.lock();
        while let Poll::Ready(Some(_)) = inside.tasks.poll_join_next(cx) {}
        inside.waker = Some(cx.waker().clone());
        inside.panic.take()
    }

    /// The run is over: no further sub-task begins, and those that are not shielded are cut.
    pub(crate) fn close(&self) {
        let mut inside = self.lock();
        inside.is_closed = true;
        let cut = std::mem::take(&mut inside.cut);
        drop(inside);
        cut.iter().for_each(AbortHandle::abort);
    }

    /// Waits until every sub-task is gone. Returns a panic that none had reported.
    pub(crate) fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<Option<Panic>> {
        let mut inside = self.lock();
        loop {
            match inside.tasks.poll_join_next(cx) {
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(inside.panic.take()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// A future of the user's whose polls and whose destructor are guarded.
struct Guarded<F> {
    future: Option<Pin<Box<F>>>,
    slot: Arc<Slot>,
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(future) = this.future.as_mut() else { return Poll::Pending };
        let polled = {
            let _quiet = Quiet::enter(&this.slot.shared.inbox);
            caught::guard(|| future.as_mut().poll(cx))
        };
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(panic) => Err(panic),
        };
        let dropped = caught::drop_guarded(this.future.take());
        Poll::Ready(match (result, dropped) {
            (Ok(value), None) => Ok(value),
            (Ok(value), Some(panic)) => {
                caught::drop_guarded(value);
                Err(panic)
            }
            (Err(panic), _) => Err(panic),
        })
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        caught::drop_guarded(self.future.take());
    }
}

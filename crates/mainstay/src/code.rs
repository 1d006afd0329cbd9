//! What a child is made of: the user's code, as the payload of its spec.

use crate::caught;
use crate::context::Context;
use crate::end::{End, Ended};
use mainstay_core::spec::{Change, Payload};
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

/// The future of one run.
pub(crate) type Run = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// Makes the runs of a task. Called in the child's own task, under guard.
pub(crate) trait Begin: Send + Sync {
    fn begin(&self, cx: Context) -> Run;
}

/// Runs a blocking child to its end. Called on its own thread, under guard.
pub(crate) trait Work: Send + Sync {
    fn work(&self, cx: Context) -> Ended;
}

/// The settings that only the drivers of in-process kinds understand.
#[derive(Clone)]
pub(crate) enum Code {
    Task(Arc<dyn Begin>),
    Thread(Arc<dyn Work>),
}

/// A closure that makes futures.
struct Async<F: Send + 'static>(Theirs<F>);

impl<F, Fut> Begin for Async<F>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: End> + Send + 'static,
{
    fn begin(&self, cx: Context) -> Run {
        let run = (self.0)(cx);
        Box::pin(async move { run.await.end() })
    }
}

/// A closure that blocks.
struct Blocking<F: Send + 'static>(Theirs<F>);

impl<F, T> Work for Blocking<F>
where
    F: Fn(Context) -> T + Send + Sync + 'static,
    T: End,
{
    fn work(&self, cx: Context) -> Ended {
        (self.0)(cx).end()
    }
}

/// Returns what makes the runs of a task.
pub(crate) fn begin<F, Fut>(make: F) -> Arc<dyn Begin>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: End> + Send + 'static,
{
    Arc::new(Async(Theirs::new(make)))
}

impl Code {
    pub(crate) fn task<F, Fut>(make: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: End> + Send + 'static,
    {
        Self::Task(begin(make))
    }

    pub(crate) fn thread<F, T>(work: F) -> Self
    where
        F: Fn(Context) -> T + Send + Sync + 'static,
        T: End,
    {
        Self::Thread(Arc::new(Blocking(Theirs::new(work))))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Task(_) => "Task",
            Self::Thread(_) => "Thread",
        })
    }
}

impl Payload for Code {
    /// Two pieces of code are the same only if they are one piece.
    fn change(&self, next: &dyn Payload) -> Change {
        let is_same = match (self, next.as_any().downcast_ref::<Self>()) {
            (Self::Task(mine), Some(Self::Task(next))) => Arc::ptr_eq(mine, next),
            (Self::Thread(mine), Some(Self::Thread(next))) => Arc::ptr_eq(mine, next),
            (Self::Task(_) | Self::Thread(_), _) => false,
        };
        if is_same { Change::Same } else { Change::Restart }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A value of the user's that many may hold. Its destructor never runs where the last of them
/// happens to let go of it, which may be the loop, but in a task of its own, guarded.
pub(crate) struct Theirs<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Theirs<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T: Send + 'static> Deref for Theirs<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for Theirs<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        if !std::mem::needs_drop::<T>() {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            // Should the runtime end first, the task is dropped with it: guarded as well.
            Ok(runtime) => drop(runtime.spawn(Farewell(value))),
            Err(_) => drop(caught::drop_guarded(value)),
        }
    }
}

/// Drops its value, guarded, whether it is polled or dropped itself.
struct Farewell<T>(Option<T>);

impl<T> Unpin for Farewell<T> {}

impl<T> Future for Farewell<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        caught::drop_guarded(self.0.take());
        std::task::Poll::Ready(())
    }
}

impl<T> Drop for Farewell<T> {
    fn drop(&mut self) {
        caught::drop_guarded(self.0.take());
    }
}

//! The span of one run: its factory is called and its future polled within it.

use super::lines;
use crate::caught;
use crate::code::Run;
use crate::end::Ended;
use crate::slot::Slot;
use mainstay_core::RunId;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tracing::Span;

/// The span of a run; none while nobody listens, which costs a run nothing.
pub(crate) struct RunSpan(Option<Arc<Span>>);

impl RunSpan {
    /// Makes the span, and leaves it where the run's context finds it.
    pub(crate) fn begin(slot: &Arc<Slot>, run: RunId) -> Self {
        // Whoever listens is not the child: what goes wrong there is no failure of the run.
        let made = caught::guard(|| {
            let span = lines::span(slot, run);
            (!span.is_disabled()).then(|| Arc::new(span))
        });
        let Ok(Some(span)) = made else { return Self(None) };
        slot.lock().extra().span = Some(Arc::clone(&span));
        Self(Some(span))
    }

    pub(crate) fn within<T>(&self, act: impl FnOnce() -> T) -> T {
        let _entered = self.0.as_ref().map(Entered::enter);
        act()
    }

    /// Returns a run that is polled, and dropped, within the span.
    pub(crate) fn around(mut self, run: Run) -> Run {
        match self.0.take() {
            Some(span) => Box::pin(Within { run: Some(run), span: Some(span) }),
            None => run,
        }
    }
}

impl Drop for RunSpan {
    fn drop(&mut self) {
        caught::drop_guarded(self.0.take());
    }
}

struct Within {
    run: Option<Run>,
    span: Option<Arc<Span>>,
}

impl Future for Within {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        let _entered = this.span.as_ref().map(Entered::enter);
        match &mut this.run {
            Some(run) => run.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        let span = self.span.take();
        let entered = span.as_ref().map(Entered::enter);
        // A destructor that panics is told by whoever drops the run, and not before the span is left.
        let panic = caught::guard(|| self.run = None).err();
        drop(entered);
        caught::drop_guarded(span);
        if let Some(panic) = panic.filter(|_| !std::thread::panicking()) {
            std::panic::resume_unwind(Box::new(panic.to_string()));
        }
    }
}

/// Being within a span, with nothing to fear from whoever is told of it.
struct Entered<'a>(&'a Span);

impl<'a> Entered<'a> {
    fn enter(span: &'a Arc<Span>) -> Self {
        drop(caught::guard(|| span.with_subscriber(|(id, to)| to.enter(id))));
        Self(span)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        drop(caught::guard(|| self.0.with_subscriber(|(id, to)| to.exit(id))));
    }
}

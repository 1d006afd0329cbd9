//! The span of one run: its factory is called and its future polled within it.

use super::lines;
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
        let span = lines::span(slot, run);
        if span.is_disabled() {
            return Self(None);
        }
        let span = Arc::new(span);
        slot.lock().extra().span = Some(Arc::clone(&span));
        Self(Some(span))
    }

    pub(crate) fn within<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(span) => span.in_scope(act),
            None => act(),
        }
    }

    /// Returns a run that is polled, and dropped, within the span.
    pub(crate) fn around(self, run: Run) -> Run {
        match self.0 {
            Some(span) => Box::pin(Within { run: Some(run), span }),
            None => run,
        }
    }
}

struct Within {
    run: Option<Run>,
    span: Arc<Span>,
}

impl Future for Within {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        let _entered = this.span.enter();
        match &mut this.run {
            Some(run) => run.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        self.run = None;
    }
}

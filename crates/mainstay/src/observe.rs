//! The one place that logs: every event of the tree as a line of `tracing`, and to the user's hooks.
//!
//! It reads the events like anybody else, in a task of its own: a subscriber or a hook that is slow or
//! panics harms itself alone, and misses events.

#[cfg(feature = "tracing")]
mod lines;
#[cfg(feature = "tracing")]
mod span;

use crate::caught;
use crate::declare::Hook;
use crate::events::{Events, Item, Record};
use crate::shared::Shared;
use mainstay_core::spec::check::Warning;
use std::sync::Arc;
use tokio::task::JoinHandle;

#[cfg(feature = "tracing")]
pub(crate) use lines::blocked;
#[cfg(feature = "tracing")]
pub(crate) use span::RunSpan;

/// Nothing: no span is made without the feature.
#[cfg(not(feature = "tracing"))]
pub(crate) struct RunSpan;

#[cfg(not(feature = "tracing"))]
impl RunSpan {
    pub(crate) fn begin(_slot: &Arc<crate::slot::Slot>, _run: mainstay_core::RunId) -> Self {
        Self
    }

    pub(crate) fn within<T>(&self, act: impl FnOnce() -> T) -> T {
        act()
    }

    pub(crate) fn around(self, run: crate::code::Run) -> crate::code::Run {
        run
    }
}

/// A hook that panics as often as this is not called again.
const MOST_PANICS: u32 = 10;

/// Begins to observe.
pub(crate) fn start(
    shared: &Arc<Shared>,
    hooks: Vec<Hook>,
    warnings: &[Warning],
) -> Option<JoinHandle<()>> {
    #[cfg(feature = "tracing")]
    {
        drop(caught::guard(|| warnings.iter().for_each(lines::warning)));
        if cfg!(panic = "abort") {
            lines::aborts();
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = warnings;
    let logs = cfg!(feature = "tracing");
    if !logs && hooks.is_empty() {
        return None;
    }
    let observer = Observer { hooks: hooks.into_iter().map(|hook| (hook, 0)).collect() };
    let events = Events::new(Arc::clone(shared), 1);
    Some(shared.runtime.spawn(observer.watch(events)))
}

/// Returns whether the observer has anybody to tell.
pub(crate) fn is_heard(has_hooks: bool) -> bool {
    #[cfg(feature = "tracing")]
    return has_hooks || !lines::is_off();
    #[cfg(not(feature = "tracing"))]
    has_hooks
}

struct Observer {
    /// With how often each has panicked.
    hooks: Vec<(Hook, u32)>,
}

impl Observer {
    async fn watch(mut self, mut events: Events) {
        while let Some(item) = events.next_heard().await {
            match item {
                Item::Record(record) => {
                    self.see(&record);
                    // However much there is to tell, others have the thread in between.
                    tokio::task::yield_now().await;
                }
                Item::Lagged(missed) => {
                    #[cfg(feature = "tracing")]
                    drop(caught::guard(|| lines::lagged(missed)));
                    #[cfg(not(feature = "tracing"))]
                    let _ = missed;
                }
            }
        }
    }

    fn see(&mut self, record: &Record) {
        #[cfg(feature = "tracing")]
        drop(caught::guard(|| lines::line(record)));
        for (hook, panics) in &mut self.hooks {
            if *panics < MOST_PANICS && caught::guard(|| hook(record)).is_err() {
                *panics += 1;
            }
        }
    }
}

//! The one place that logs: every event of the tree as a line of `tracing`, and to the user's hooks.
//!
//! It reads the events like anybody else, in a task of its own: a subscriber or a hook that is slow or
//! panics harms itself alone, and misses events.

#[cfg(feature = "tracing")]
mod lines;

use crate::caught;
use crate::declare::Hook;
use crate::events::{Events, Item, Record};
use crate::shared::Shared;
use mainstay_core::spec::check::Warning;
use std::sync::Arc;

#[cfg(feature = "tracing")]
pub(crate) use lines::{blocked, span};

/// A hook that panics as often as this is not called again.
const MOST_PANICS: u32 = 10;

/// Begins to observe.
pub(crate) fn start(shared: &Arc<Shared>, hooks: Vec<Hook>, warnings: &[Warning]) {
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
    if logs || !hooks.is_empty() {
        let observer = Observer { hooks: hooks.into_iter().map(|hook| (hook, 0)).collect() };
        let events = Events::new(Arc::clone(shared), 1);
        drop(shared.runtime.spawn(observer.watch(events)));
    }
}

struct Observer {
    /// With how often each has panicked.
    hooks: Vec<(Hook, u32)>,
}

impl Observer {
    async fn watch(mut self, mut events: Events) {
        loop {
            #[cfg(feature = "tracing")]
            if self.hooks.is_empty() && lines::is_off() {
                // Nobody listens: nothing needs to be made for them.
                events.skip();
            }
            let Some(item) = events.next().await else { return };
            match item {
                Item::Record(record) => self.see(&record),
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

//! Event listeners in supervisord's protocol: children that are told of events on their standard input, one at a time,
//! and answer on their standard output.
//!
//! ```text
//!  steps of the tree ─▶ translate ─┐
//!  clock, logs, remote ────────────┼─▶ desk: pools ─▶ payload ─▶ serve ─▶ pipe ─▶ listener
//!                                  │    pure: moments in,          ▲               │
//!                                  │    what to send out           └── protocol ◀──┘ READY, RESULT
//!                                  └─▶ kept: what nobody has dealt with, over the death of the brain
//! ```
//!
//! Nothing here is in the way of supervision: a step is translated where it is taken down, and never waits for a
//! listener. What waits is bounded by the buffer of its pool.

mod desk;
mod kind;
mod marks;
mod output;
mod payload;
mod pool;
mod protocol;
mod serve;
mod store;
mod translate;

pub use kind::Kind;
pub(crate) use kind::{kinds, names};
pub use output::Printed;
pub use payload::Channel;
pub(crate) use serve::{Listeners, Tap};
pub(crate) use store::Store;
pub(crate) use translate::Untold;

use std::collections::BTreeSet;
use std::time::Duration;

/// How many events wait for a pool where nothing is said: as in supervisord.
pub(crate) const BUFFER: usize = 10;
/// How long an answer may take before that is told, where nothing is said.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// A child that is a listener, as a spec file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What it hears of.
    pub kinds: BTreeSet<Kind>,
    /// With whom it shares its events out: those that name the same pool.
    pub pool: String,
    /// How many events may wait.
    pub buffer: usize,
    /// How long an answer may take before that is told.
    pub timeout: Duration,
}

impl Listener {
    /// Says in plain words what it does.
    pub fn meaning(&self) -> String {
        let Self { kinds, pool, buffer, timeout } = self;
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        format!(
            "Is told of events in supervisord's protocol, as one of the pool {pool}: {}.\n\
             At most {buffer} events wait, then the oldest is dropped; an answer that takes longer than {} is told.\n",
            names.join(", "),
            mainstay::Brief(*timeout)
        )
    }
}

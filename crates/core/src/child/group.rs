//! What a supervisor is doing with its children.

use super::Place;
use crate::id::ChildId;
use crate::moment::Moment;
use crate::policy::breaker::Breaker;
use core::time::Duration;

/// What a supervisor is doing with its children.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The present work.
    pub work: Work,
    /// How many children the present work still waits for.
    pub left: u32,
    /// The breaker over its children.
    pub breaker: Breaker,
    /// When the trial of that breaker is passed.
    pub trial_until: Option<Moment>,
    /// How long its windows on restarts stood still in all.
    pub frozen: Duration,
    /// Since when they stand still.
    pub frozen_since: Option<Moment>,
    /// The order the next added child gets.
    pub next_order: u32,
    /// The child whose end began the present or last group restart.
    pub leader: Option<ChildId>,
    /// Why it is ending by itself.
    pub ending: Option<Ending>,
    /// Whether its next run does not begin with clean counters: its tree was begun again.
    pub remembers: bool,
}

/// What a supervisor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Its children follow their policies.
    Serving,
    /// Every child is stopped, layer by layer; then it ends.
    Closing {
        /// The layer that is being stopped.
        rank: u32,
    },
    /// A group is stopped, layer by layer.
    Stopping {
        /// The first of the group.
        from: Place,
        /// The layer that is being stopped.
        rank: u32,
        /// The wait once all are gone.
        delay: Duration,
        /// The moment before which the group does not start: a holdoff counts from start to start.
        not_before: Moment,
    },
    /// The group is gone; its delay runs.
    Delay {
        /// The first of the group.
        from: Place,
        /// Until when.
        until: Moment,
    },
    /// The group starts in order.
    Starting {
        /// The first of the group.
        from: Place,
    },
}

/// Why a supervisor ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its budget, or a child's, was exhausted.
    GaveUp,
    /// Its significant children ended.
    AutoShutdown,
}

impl Group {
    pub(crate) const fn new() -> Self {
        Self {
            work: Work::Serving,
            left: 0,
            breaker: Breaker::CLOSED,
            trial_until: None,
            frozen: Duration::ZERO,
            frozen_since: None,
            next_order: 0,
            leader: None,
            ending: None,
            remembers: false,
        }
    }

    /// Returns the moment by the clock of its windows on restarts, which stands still in a group restart.
    pub(crate) fn window_clock(&self, now: Moment) -> Moment {
        self.frozen_since.unwrap_or(now).min(now) - self.frozen
    }
}

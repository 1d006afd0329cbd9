//! Why a child does what it does, in words.
//!
//! Everything here is a pure function of what the core states: nothing is looked up, nothing is read.
//!
//! - [`event`](event()): one fact for those who follow the events.
//! - [`Chronicle`]: makes of the facts of a run the record that is kept of it.
//! - [`explain`](explain()): why a child does what it does.
//! - [`postmortem`] and [`history`]: what became of one run, and of many.

mod chronicle;
mod event;
mod explain;
pub(crate) mod flight;
mod look;
mod page;
pub(crate) mod wall;
pub(crate) mod words;

pub use chronicle::{Chronicle, begun};
pub use event::{event, kind, rests};
pub use explain::{explain, policy};
pub use flight::Flight;
pub use look::{alert, next, standing};
pub use page::{Row, history, postmortem};
pub use wall::Wall;
pub use words::{action_word, rule_word};

use mainstay::process::Process;
use mainstay::{ChildId, Limit, Path};
use mainstay_core::{LimitId, Tree};
use std::sync::Arc;

/// What is known of children beside the events themselves. A story without it says "another child".
pub trait Known {
    /// Returns where a child stands.
    fn path(&self, child: ChildId) -> Option<Path>;

    /// Returns the limit that an event speaks of.
    fn limit(&self, limit: LimitId) -> Option<Limit>;

    /// Returns the number of a child's spec, counted from 0.
    fn revision(&self, child: ChildId) -> u32;

    /// Returns what is known of a child's process; nothing of what is none. It is asked at the start of a run for its
    /// pid, and at the end for its last lines and what it used: the nearer to the event, the better.
    fn process(&self, child: ChildId) -> Option<Arc<Process>>;

    /// Returns what a host did last; nothing of what is none. It is asked at the end of a run.
    fn flight(&self, child: ChildId) -> Option<Flight>;
}

impl Known for Tree {
    fn path(&self, child: ChildId) -> Option<Path> {
        self.path(child)
    }

    fn limit(&self, limit: LimitId) -> Option<Limit> {
        self.child(limit.owner)?.spec.budget.get(usize::from(limit.index)).copied()
    }

    fn revision(&self, child: ChildId) -> u32 {
        self.child(child).map_or(0, |child| child.revision)
    }

    fn process(&self, _child: ChildId) -> Option<Arc<Process>> {
        None
    }

    fn flight(&self, _child: ChildId) -> Option<Flight> {
        None
    }
}

/// Knows no child by name: what is told names its own child alone.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Known for Nobody {
    fn path(&self, _: ChildId) -> Option<Path> {
        None
    }

    fn limit(&self, _: LimitId) -> Option<Limit> {
        None
    }

    fn revision(&self, _: ChildId) -> u32 {
        0
    }

    fn process(&self, _: ChildId) -> Option<Arc<Process>> {
        None
    }

    fn flight(&self, _: ChildId) -> Option<Flight> {
        None
    }
}

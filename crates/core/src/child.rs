//! What one child is doing, as plain data: the stored form that a snapshot is made of.
//!
//! A child either rests, and then it always knows why, or it lives a run:
//!
//! ```text
//!            ┌──────────────────────────── exited ────────────────────────────┐
//!            ▼                                                                │
//!  Rest(why) ── gate opens ──▶ Starting ── started ──▶ Started ── ready ──▶ Ready
//!                                 │             (Rehydrating) │               │
//!                                 └──────────── asked to end ─┴───────────────┘
//!                                                    ▼
//!                                                Stopping ── graces over ──▶ Killing
//!                                                                               │
//!                                                Abandoned ◀── outlived force ──┘
//! ```
//!
//! What operators want (`want`, `paused`, `quarantined`) and what policy plans (`plan`) are separate
//! from what is observed (`state`). Only [`Tree`](crate::Tree) changes any of it.

mod condition;
mod group;
mod memory;
mod watch;

use crate::command::Standing;
use crate::exit::Asked;
use crate::id::{ChildId, RunId};
use crate::moment::Moment;
use crate::policy::breaker::Breaker;
use crate::policy::budget::Window;
use crate::spec::Declared;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
pub use condition::Condition;
pub use group::{Ending, Group, Work};
pub use memory::{Alert, AlertKind, Last, Memory};
pub use watch::{ProbeWatch, Watch};

/// One child: what it is, what is wanted of it, what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its id.
    pub id: ChildId,
    /// Its supervisor; the root has none.
    pub above: Option<ChildId>,
    /// Its name among its siblings.
    pub name: Arc<str>,
    /// What it is.
    pub spec: Declared,
    /// How often its spec was replaced.
    pub revision: u32,
    /// Its place in the order of starts.
    pub place: Place,
    /// What operators want of it.
    pub want: Want,
    /// Whether automatic starts of it, and of all below it, are suspended.
    pub paused: bool,
    /// Whether its live run is suspended.
    pub frozen: bool,
    /// Whether it is down and refused until released.
    pub quarantined: bool,
    /// Whether it is removed as soon as it is gone.
    pub leaving: bool,
    /// Whether somebody wanted to use it; only an on-demand child waits for that.
    pub demanded: bool,
    /// Whether a command asked for the next start.
    pub by_hand: bool,
    /// Whether its supervisor's present work counts on it: to be gone, or to be started.
    pub counted: bool,
    /// What policy says about the next run.
    pub plan: Plan,
    /// What it is doing.
    pub state: State,
    /// How many runs it has had.
    pub runs: u64,
    /// How many ends there were since it was last stable: the position on its backoff.
    pub position: u32,
    /// When its last run began.
    pub began: Moment,
    /// What past runs left behind; nothing before the first exit or counted start.
    pub memory: Option<Box<Memory>>,
    /// The signs of life that are watched in this run.
    pub watch: Option<Box<Watch>>,
    /// What a supervisor is doing with its children.
    pub group: Option<Box<Group>>,
}

/// A place in the order of starts: layer by layer, then in order of declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The layer. One layer starts after, and stops before, those below it.
    pub rank: u32,
    /// The order of declaration; it only grows.
    pub order: u32,
}

/// What operators want of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// That it runs as its policy says.
    Up,
    /// That it is down until started.
    Down,
}

/// What policy says about the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// As soon as nothing stands in its way.
    Run,
    /// Not before this moment.
    At(Moment),
    /// None, unless somebody asks for it.
    Never(Finish),
}

/// Why policy plans no further run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It came to a clean end.
    Completed,
    /// It failed, and its restart rule wants no other run.
    Failed,
    /// It had nothing to do.
    Skipped,
    /// It was stopped with its group, and its restart rule wants no other run.
    Stopped,
    /// What it needs went away, and its `on_restart` is stop.
    NeedLost,
    /// Its breaker was reset without a start.
    AwaitsStart,
}

/// What a child is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does not run.
    Rest {
        /// The first reason why.
        why: Rest,
        /// Since when.
        since: Moment,
    },
    /// It lives a run.
    Live(Life),
}

/// The first reason why a child does not run, in order of priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The tree drains.
    Draining,
    /// Its supervisor is not up.
    Above,
    /// Siblings are being stopped, or the delay of the group runs.
    Group,
    /// Somebody quarantined it, or its exhausted budget did.
    Quarantined,
    /// Automatic starts are suspended for it or for a supervisor above it.
    Paused,
    /// Its breaker is open.
    Broken {
        /// Until when; `None`: until reset.
        until: Option<Moment>,
    },
    /// Operators want it down.
    Stopped,
    /// Policy plans no further run.
    Finished(Finish),
    /// The delay before the next run.
    Waiting {
        /// Until when.
        until: Moment,
    },
    /// Nobody has wanted to use it yet.
    Demand,
    /// A sibling has not come far enough.
    Need {
        /// The sibling.
        child: ChildId,
    },
    /// Its supervisor's budget is exhausted and cools down.
    Cooldown {
        /// The supervisor.
        supervisor: ChildId,
        /// Until when; `None`: until reset.
        until: Option<Moment>,
    },
    /// Enough siblings are between start and ready.
    Slot {
        /// Its number in the queue.
        ticket: u64,
    },
    /// The tree's storm rate delays it.
    Storm {
        /// Its number in the queue.
        ticket: u64,
    },
}

/// One run, from its start to the moment all of it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Which run.
    pub run: RunId,
    /// How far it has come.
    pub phase: Phase,
    /// Why it was asked to end, and when.
    pub asked: Option<(Asked, Moment)>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The driver was told to begin it.
    Starting {
        /// By when it must have started.
        until: Moment,
    },
    /// It has begun and is not ready.
    Started {
        /// By when it must be ready, where a ready rule stands.
        until: Option<Moment>,
    },
    /// It restores what the last run had.
    Rehydrating {
        /// By when.
        until: Moment,
    },
    /// It can serve.
    Ready {
        /// When it becomes stable; `None` once it is.
        stable_at: Option<Moment>,
    },
    /// It was ready and its readiness probe fails.
    Unready,
    /// It is asked to end.
    Stopping {
        /// The present step.
        step: u8,
        /// When the next one follows.
        until: Option<Moment>,
    },
    /// Force is at work.
    Killing {
        /// When it is abandoned.
        until: Moment,
    },
    /// It outlived force.
    Abandoned {
        /// Since when.
        since: Moment,
    },
}

impl Life {
    /// Returns whether it has been asked to end, or worse.
    pub const fn is_ending(&self) -> bool {
        matches!(
            self.phase,
            Phase::Stopping { .. } | Phase::Killing { .. } | Phase::Abandoned { .. }
        )
    }

    /// Returns what it is doing in one word.
    pub const fn standing(&self) -> Standing {
        match self.phase {
            Phase::Starting { .. } => Standing::Starting,
            Phase::Started { .. } | Phase::Rehydrating { .. } | Phase::Unready => Standing::Up,
            Phase::Ready { .. } => Standing::Ready,
            Phase::Stopping { .. } | Phase::Killing { .. } => Standing::Stopping,
            Phase::Abandoned { .. } => Standing::Abandoned,
        }
    }

    /// Returns whether it is between its start and being ready.
    pub const fn is_opening(&self) -> bool {
        matches!(
            self.phase,
            Phase::Starting { .. } | Phase::Started { .. } | Phase::Rehydrating { .. }
        )
    }
}

impl Child {
    /// Returns the live run, an abandoned one included.
    pub const fn life(&self) -> Option<&Life> {
        match &self.state {
            State::Live(life) => Some(life),
            State::Rest { .. } => None,
        }
    }

    /// Returns what it is doing in one word.
    pub const fn standing(&self) -> Standing {
        match &self.state {
            State::Live(life) => life.standing(),
            State::Rest { why, .. } => match why {
                Rest::Waiting { .. }
                | Rest::Broken { until: Some(_) }
                | Rest::Cooldown { until: Some(_), .. } => Standing::Waiting,
                Rest::Group
                | Rest::Demand
                | Rest::Need { .. }
                | Rest::Slot { .. }
                | Rest::Storm { .. } => Standing::Blocked,
                Rest::Draining
                | Rest::Above
                | Rest::Quarantined
                | Rest::Paused
                | Rest::Broken { until: None }
                | Rest::Cooldown { until: None, .. }
                | Rest::Stopped
                | Rest::Finished(_) => Standing::Down,
            },
        }
    }

    /// Returns whether it holds one of its supervisor's start slots.
    pub(crate) const fn is_opening(&self) -> bool {
        match self.life() {
            Some(life) => life.is_opening(),
            None => false,
        }
    }

    /// Returns whether it is on its way to being ready.
    pub(crate) const fn is_coming(&self) -> bool {
        match &self.state {
            State::Live(life) => life.is_opening(),
            State::Rest { why, .. } => matches!(
                why,
                Rest::Group
                    | Rest::Waiting { .. }
                    | Rest::Need { .. }
                    | Rest::Slot { .. }
                    | Rest::Storm { .. }
            ),
        }
    }

    /// Returns its breaker, closed if it never opened.
    pub fn breaker(&self) -> Breaker {
        self.memory.as_ref().and_then(|memory| memory.breaker).unwrap_or(Breaker::CLOSED)
    }

    pub(crate) fn memory_mut(&mut self) -> &mut Memory {
        self.memory.get_or_insert_default()
    }

    /// Returns the windows of its budget, making them on first use.
    pub(crate) fn windows_mut(&mut self) -> &mut Vec<Window> {
        let spec = &self.spec;
        let memory = self.memory.get_or_insert_default();
        if memory.windows.len() != spec.budget.len() {
            memory.windows = spec.budget.iter().map(Window::new).collect();
        }
        &mut memory.windows
    }

    /// Returns whether anything is counted against it, or it stands anywhere but at the first delay.
    pub(crate) fn has_failures(&self) -> bool {
        let windows = self.memory.as_ref().map_or(&[][..], |memory| &memory.windows);
        self.position > 0 || windows.iter().any(|window| !window.is_empty())
    }

    /// Forgets what was counted and where it stands on its backoff.
    pub(crate) fn forget_failures(&mut self) {
        self.position = 0;
        if let Some(memory) = &mut self.memory {
            memory.windows.iter_mut().for_each(Window::clear);
        }
    }
}

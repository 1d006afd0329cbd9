//! What one child is doing, as plain data: the stored form that a snapshot is made of.
//!
//! A child either rests, and then it always knows why, or it lives a run:
//!
//! ```text
//!            ┌──────────────────────────── exited ───────────────────────────┐
//!            ▼                                                               │
//!  Rest(why) ── gate opens ──▶ Starting ─ started ─▶ Started ─ ready ─▶ Ready │
//!                                 │                     │ (Rehydrating)  │    │
//!                                 └───────── asked ─────┴────────────────┘    │
//!                                               ▼                             │
//!                                           Stopping ─ grace over ─▶ Killing ─┤
//!                                                                       │     │
//!                                                         Abandoned ◀───┘─────┘
//! ```
//!
//! What operators want (`want`, `paused`, `quarantined`) and what policy plans (`plan`) are separate
//! from what is observed (`state`). Only [`tree`](crate::tree) changes any of it.

use crate::command::Standing;
use crate::event::{Action, Rule};
use crate::exit::{Asked, Cause, Exit};
use crate::id::{ChildId, RunId};
use crate::moment::Moment;
use crate::policy::breaker::Breaker;
use crate::policy::budget::Window;
use crate::spec::ChildSpec;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

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
    pub spec: Arc<ChildSpec>,
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

/// What past runs left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// What was counted, limit by limit of the spec's budget; empty before anything was.
    pub windows: Vec<Window>,
    /// The breaker.
    pub breaker: Option<Breaker>,
    /// What a person must see.
    pub alert: Option<Alert>,
    /// The last run that ended.
    pub last: Option<Last>,
}

/// Something a person must see.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// What happened.
    pub kind: AlertKind,
    /// When it was raised.
    pub since: Moment,
    /// How often the same happened again in the same episode; nobody is woken twice for it.
    pub again: u32,
    /// Whether the episode is over: the child was stable, released or reset since.
    pub over: bool,
    /// Who has seen it, why they silenced it, and when.
    pub seen: Option<(Arc<str>, Arc<str>, Moment)>,
}

/// What a person must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertKind {
    /// The breaker opened.
    BreakerOpened,
    /// The breaker over a supervisor's children opened.
    GroupCooling,
    /// An exhausted budget put it down for good.
    Quarantined,
    /// It cannot start, and retrying cannot mend that.
    CannotStart(crate::exit::StartStep),
    /// The error said that another try is useless.
    Permanent,
    /// The supervisor gave up.
    GaveUp,
    /// A run could not be ended.
    Abandoned,
}

/// The last run that ended: the evidence and what was made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Last {
    /// Which run.
    pub run: RunId,
    /// When it began.
    pub began: Moment,
    /// When it ended.
    pub ended: Moment,
    /// When it was asked to end.
    pub asked: Option<(Asked, Moment)>,
    /// Whether it took force.
    pub forced: bool,
    /// What it means.
    pub cause: Cause,
    /// What the driver reported.
    pub exit: Option<Exit>,
    /// What it said about it.
    pub detail: Option<Arc<str>>,
    /// The rule that decided, and what.
    pub decision: (Rule, Action),
}

/// The signs of life that are watched in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    /// When the heartbeat is lost.
    pub beat: Option<Moment>,
    /// The probes, by index.
    pub probes: Vec<ProbeWatch>,
    /// When pending work counts as stuck.
    pub progress: Option<Moment>,
    /// When the run makes place for a fresh one.
    pub recycle: Option<Moment>,
    /// When an on-demand run was idle for too long.
    pub idle: Option<Moment>,
}

/// One probe of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeWatch {
    /// When it is asked next, or when the present question counts as failed.
    pub due: Option<Moment>,
    /// Whether an answer is awaited.
    pub asked: bool,
    /// When it was last asked.
    pub last: Moment,
    /// What the last answers were.
    pub ok: bool,
    /// How many of them in a row.
    pub streak: u32,
    /// Whether it has reached its number of successes, and not its number of failures since.
    pub passed: bool,
}

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
    /// Why it is ending by itself.
    pub ending: Option<Ending>,
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

impl Life {
    /// Returns whether it has been asked to end, or worse.
    pub const fn is_ending(&self) -> bool {
        matches!(
            self.phase,
            Phase::Stopping { .. } | Phase::Killing { .. } | Phase::Abandoned { .. }
        )
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
            State::Live(life) => match life.phase {
                Phase::Starting { .. } => Standing::Starting,
                Phase::Started { .. } | Phase::Rehydrating { .. } | Phase::Unready => Standing::Up,
                Phase::Ready { .. } => Standing::Ready,
                Phase::Stopping { .. } | Phase::Killing { .. } => Standing::Stopping,
                Phase::Abandoned { .. } => Standing::Abandoned,
            },
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

    /// Forgets what was counted and where it stands on its backoff.
    pub(crate) fn forget_failures(&mut self) {
        self.position = 0;
        if let Some(memory) = &mut self.memory {
            memory.windows.iter_mut().for_each(Window::clear);
        }
    }
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
            ending: None,
        }
    }

    /// Returns the moment by the clock of its windows on restarts, which stands still in a group restart.
    pub(crate) fn window_clock(&self, now: Moment) -> Moment {
        self.frozen_since.unwrap_or(now).min(now) - self.frozen
    }
}

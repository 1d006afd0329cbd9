//! What past runs left behind: what was counted, the breaker, the alert, the last end.

use crate::event::{Action, Rule};
use crate::exit::{Asked, Cause, Exit};
use crate::id::RunId;
use crate::moment::Moment;
use crate::policy::breaker::Breaker;
use crate::policy::budget::Window;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What past runs left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// What was counted, limit by limit of the spec's budget; empty before anything was.
    pub windows: Vec<Window>,
    /// The breaker.
    pub breaker: Option<Breaker>,
    /// What a person must see, the oldest first: at most one of each kind.
    ///
    /// One that was seen and is over makes place when the next is raised.
    pub alerts: Vec<Alert>,
    /// The last run that ended.
    pub last: Option<Last>,
    /// How far its runs have come in their work, in their own words.
    pub position: Option<Arc<str>>,
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

//! Exact numbers for metrics, counted from the same events that everybody reads.

use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::{Action, Cause, Event};
use std::collections::BTreeMap;

/// What has happened in a tree so far, in numbers. They only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Runs that began.
    pub starts: u64,
    /// Runs that became ready.
    pub ready: u64,
    /// Runs that ended, by [`cause`](cause_name).
    pub exits: BTreeMap<&'static str, u64>,
    /// What was decided at the ends, by name: `restart`, `regroup`, `finish`, `exhaust`, `as-wanted`.
    pub decisions: BTreeMap<&'static str, u64>,
    /// Breakers that opened.
    pub openings: u64,
    /// Supervisors that gave up.
    pub gave_up: u64,
    /// Runs that were ended by force.
    pub forced: u64,
    /// Runs that outlived force.
    pub abandoned: u64,
    /// Alerts that were raised.
    pub alerts: u64,
    /// Commands that were carried out.
    pub commands: u64,
    /// Commands that were refused.
    pub refused: u64,
    /// Facts about runs that were past.
    pub stale: u64,
    /// Events of every kind.
    pub events: u64,
}

impl Counts {
    pub(crate) fn count(&mut self, event: &Event) {
        self.events += 1;
        match event {
            Event::Starting { .. } => self.starts += 1,
            Event::Ready { .. } => self.ready += 1,
            Event::Exited { cause, .. } => *self.exits.entry(cause_name(cause)).or_default() += 1,
            Event::Decided { action, .. } => {
                *self.decisions.entry(action_name(action)).or_default() += 1;
            }
            Event::Breaker { state, .. } => {
                self.openings += u64::from(matches!(state, BreakerState::Open(_)));
            }
            Event::GaveUp { .. } => self.gave_up += 1,
            Event::Forced(..) => self.forced += 1,
            Event::Abandoned(..) => self.abandoned += 1,
            Event::Alert { .. } => self.alerts += 1,
            Event::Commanded { .. } => self.commands += 1,
            Event::Refused { .. } => self.refused += 1,
            Event::Stale { .. } => self.stale += 1,
            Event::Added { .. }
            | Event::Removed(_)
            | Event::Replaced { .. }
            | Event::Started { .. }
            | Event::Rehydrating(..)
            | Event::Unready(..)
            | Event::Stable { .. }
            | Event::Probed { .. }
            | Event::Guarded(..)
            | Event::Reloaded { .. }
            | Event::Frozen { .. }
            | Event::Stopping { .. }
            | Event::Counted { .. }
            | Event::Rests { .. }
            | Event::Regrouping { .. }
            | Event::Regrouped(_)
            | Event::AutoShutdown { .. }
            | Event::Acknowledged { .. }
            | Event::Draining { .. }
            | Event::DrainForced { .. }
            | Event::Drained(_)
            | Event::Backwards { .. }
            | Event::Blocked { .. }
            | Event::Told { .. }
            | Event::Stalled { .. } => {}
        }
    }
}

/// Returns a short name of a cause, fit for a label.
pub const fn cause_name(cause: &Cause) -> &'static str {
    match cause {
        Cause::Completed => "completed",
        Cause::Skipped => "skipped",
        Cause::Failed { .. } => "failed",
        Cause::Signaled { .. } => "signaled",
        Cause::Panicked => "panicked",
        Cause::StartFailed { .. } => "start-failed",
        Cause::StartTimeout => "start-timeout",
        Cause::ReadyTimeout => "ready-timeout",
        Cause::HeartbeatLost => "heartbeat-lost",
        Cause::ProbeFailed => "probe-failed",
        Cause::NoProgress => "no-progress",
        Cause::OutOfMemory => "out-of-memory",
        Cause::OverLimit => "over-limit",
        Cause::Stopped => "stopped",
        Cause::Recycled => "recycled",
        Cause::GaveUp => "gave-up",
        Cause::DependencyLost => "dependency-lost",
        Cause::Aborted => "aborted",
        Cause::Abandoned => "abandoned",
        Cause::Unknown { .. } => "unknown",
    }
}

pub(crate) const fn action_name(action: &Action) -> &'static str {
    match action {
        Action::AsWanted => "as-wanted",
        Action::Restart { .. } => "restart",
        Action::Regroup { .. } => "regroup",
        Action::Finish => "finish",
        Action::Exhaust { .. } => "exhaust",
    }
}

//! Deadlines: what each child waits for, why, and what happens when the moment comes.

use super::Tree;
use crate::child::{Life, Phase, Rest, State, Work};
use crate::effect::Effects;
use crate::exit::Asked;
use crate::id::Path;
use crate::moment::Moment;
use crate::policy::breaker::BreakerState;
use alloc::vec::Vec;
use core::fmt;

/// Why a tree wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A delay before a run ends.
    Backoff,
    /// A breaker's cooldown ends.
    Cooldown,
    /// A run must have started.
    StartTimeout,
    /// A run must be ready.
    ReadyTimeout,
    /// A run becomes stable.
    Stable,
    /// A stop step's grace ends.
    Grace,
    /// Force had its time.
    KillWait,
    /// A heartbeat counts as lost.
    Heartbeat,
    /// Pending work counts as stuck.
    Progress,
    /// A probe is asked, or its answer is overdue.
    Probe(u8),
    /// A run is old enough to make place.
    Recycle,
    /// An on-demand run was idle for too long.
    Idle,
    /// The delay of a group restart ends.
    Group,
    /// The trial after a supervisor's cooldown is passed.
    Trial,
    /// The storm rate lets the next start through.
    Storm,
    /// The drain goes to force, or ends.
    Drain,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backoff => "its delay is over",
            Self::Cooldown => "its cooldown is over",
            Self::StartTimeout => "it must have started",
            Self::ReadyTimeout => "it must be ready",
            Self::Stable => "it counts as stable",
            Self::Grace => "its grace ends",
            Self::KillWait => "it is abandoned",
            Self::Heartbeat => "its heartbeat counts as lost",
            Self::Progress => "its pending work counts as stuck",
            Self::Probe(_) => "its probe is due",
            Self::Recycle => "it makes place for a fresh run",
            Self::Idle => "it has been idle for too long",
            Self::Group => "the delay of its group is over",
            Self::Trial => "its trial is passed",
            Self::Storm => "the storm rate lets a start through",
            Self::Drain => "the drain goes on by force",
        })
    }
}

impl Tree {
    /// Returns the next deadline of one child, and why.
    pub(super) fn due(&self, slot: u32) -> Option<(Moment, Why)> {
        let own = match &self.at(slot).state {
            State::Rest { why: Rest::Waiting { until }, .. } => Some((*until, Why::Backoff)),
            State::Rest { why: Rest::Broken { until: Some(until) }, .. } => {
                Some((*until, Why::Cooldown))
            }
            State::Rest { .. } => None,
            State::Live(life) => earlier(phase_deadline(life), self.watch_deadline(slot)),
        };
        let own = if self.at(slot).group.is_some() {
            earlier(own, self.group_deadline(slot))
        } else {
            own
        };
        if slot == 0 { earlier(own, self.tree_deadline()) } else { own }
    }

    fn group_deadline(&self, slot: u32) -> Option<(Moment, Why)> {
        if self.drain.is_some() {
            return None;
        }
        let group = self.group(slot);
        let delay = match group.work {
            Work::Delay { until, .. } => Some((until, Why::Group)),
            Work::Serving
            | Work::Closing { .. }
            | Work::Stopping { .. }
            | Work::Starting { .. } => None,
        };
        let breaker = match group.breaker.state {
            BreakerState::Open(until) => until.map(|until| (until, Why::Cooldown)),
            BreakerState::Trial => group.trial_until.map(|until| (until, Why::Trial)),
            BreakerState::Closed => None,
        };
        earlier(delay, breaker)
    }

    fn tree_deadline(&self) -> Option<(Moment, Why)> {
        if let Some(drain) = &self.drain {
            return (!drain.ended).then(|| (drain.force_at.min(drain.until), Why::Drain));
        }
        let storm = self.storm_ends().filter(|_| !self.storm_queue.is_empty());
        storm.map(|at| (at, Why::Storm))
    }

    /// Writes down the next deadline of a child, where it still is in the tree.
    pub(super) fn refresh(&mut self, slot: u32) {
        if self.children[slot as usize].is_some() {
            let due = self.due(slot).map(|(at, _)| at);
            self.deadlines.no_later(slot, due);
        }
    }

    /// Returns the first deadline. What comes up before it is due is put right on the way.
    fn first_deadline(&mut self) -> Option<(Moment, u32)> {
        loop {
            let (at, slot) = self.deadlines.first()?;
            let due = self.due(slot).map(|(due, _)| due);
            if due == Some(at) {
                return Some((at, slot));
            }
            self.deadlines.set(slot, due);
        }
    }

    /// Meets every deadline that has passed: by moment, then by path.
    pub(super) fn meet_deadlines(&mut self, out: &mut Effects) {
        while let Some((at, first)) = self.first_deadline().filter(|(at, _)| *at <= self.now) {
            self.deadlines.set(first, None);
            let mut batch: Vec<u32> = Vec::new();
            while let Some((_, slot)) = self.first_deadline().filter(|(other, _)| *other == at) {
                self.deadlines.set(slot, None);
                batch.push(slot);
            }
            if batch.is_empty() {
                self.wake(first, out);
                continue;
            }
            batch.push(first);
            batch
                .sort_by_cached_key(|slot| self.path(self.at(*slot).id).unwrap_or_else(Path::root));
            for slot in batch {
                if self.children[slot as usize].is_some() {
                    self.wake(slot, out);
                }
            }
        }
    }

    /// Meets the deadlines of one child that have passed.
    fn wake(&mut self, slot: u32, out: &mut Effects) {
        let now = self.now;
        self.touched.push(slot);
        if slot == 0 {
            self.drain_due(out);
            self.end_storm(out);
        }
        if self.at(slot).group.is_some() {
            if matches!(self.group(slot).work, Work::Delay { until, .. } if until <= now) {
                self.start_group(slot);
            }
            self.group_breaker_due(slot, out);
        }
        match self.at(slot).state {
            State::Rest { .. } => self.look_again(slot),
            State::Live(life) => {
                let due = earlier(phase_deadline(&life), self.watch_deadline(slot));
                if let Some((_, why)) = due.filter(|(at, _)| *at <= now) {
                    self.life_due(slot, why, out);
                }
            }
        }
        self.settle(out);
    }

    /// Meets a deadline of a live run.
    fn life_due(&mut self, slot: u32, why: Why, out: &mut Effects) {
        match why {
            Why::StartTimeout => self.stop_run(slot, Asked::StartTimeout, out),
            Why::ReadyTimeout => self.stop_run(slot, Asked::ReadyTimeout, out),
            Why::Stable => self.became_stable(slot, out),
            Why::Grace => self.grace_over(slot, out),
            Why::KillWait => self.abandon(slot, out),
            Why::Heartbeat => self.stop_run(slot, Asked::HeartbeatLost, out),
            Why::Progress => self.stop_run(slot, Asked::NoProgress, out),
            Why::Recycle => self.stop_run(slot, Asked::Recycle, out),
            Why::Idle => self.stop_run(slot, Asked::Idle, out),
            Why::Probe(index) => self.probe_due(slot, index, out),
            // These belong to a child at rest, to a supervisor's work, or to the tree.
            Why::Backoff | Why::Cooldown | Why::Group | Why::Trial | Why::Storm | Why::Drain => {}
        }
    }
}

/// The deadline of the phase a run is in.
const fn phase_deadline(life: &Life) -> Option<(Moment, Why)> {
    match life.phase {
        Phase::Starting { until } => Some((until, Why::StartTimeout)),
        Phase::Started { until: Some(until) } | Phase::Rehydrating { until } => {
            Some((until, Why::ReadyTimeout))
        }
        Phase::Ready { stable_at: Some(at) } => Some((at, Why::Stable)),
        Phase::Stopping { until: Some(until), .. } => Some((until, Why::Grace)),
        Phase::Killing { until } => Some((until, Why::KillWait)),
        Phase::Started { until: None }
        | Phase::Ready { stable_at: None }
        | Phase::Unready
        | Phase::Stopping { until: None, .. }
        | Phase::Abandoned { .. } => None,
    }
}

fn earlier(a: Option<(Moment, Why)>, b: Option<(Moment, Why)>) -> Option<(Moment, Why)> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
        (a, b) => a.or(b),
    }
}

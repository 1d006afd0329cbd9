//! Why a child does what it does, from the core alone: state, causes, what comes next, what would change it.

use super::{Tree, Why};
use crate::child::{Alert, Child, Last, Rest, State, Work};
use crate::command::Standing;
use crate::event::LimitId;
use crate::id::{ChildId, Path, RunId};
use crate::moment::Moment;
use crate::policy::breaker::Breaker;
use crate::policy::budget::{Limit, Reading, Scope};
use alloc::vec::Vec;

/// Why a child does what it does.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The child.
    pub path: Path,
    /// As of when.
    pub now: Moment,
    /// What it is doing, in one word.
    pub standing: Standing,
    /// The same with all that belongs to it.
    pub state: State,
    /// Its live run.
    pub run: Option<RunId>,
    /// Who keeps it from running, where that is somebody.
    pub blocker: Option<Blocker>,
    /// How often it ended since it was last stable.
    pub position: u32,
    /// The ends that led here: its own last one, then those of the children it waits for.
    pub chain: Vec<(Path, Last)>,
    /// What happens next by itself, and when. What it waits for may be another child's.
    pub next: Option<(Moment, Why)>,
    /// What would change it.
    pub chances: Vec<Chance>,
    /// Every limit that counts it, and how it stands.
    pub limits: Vec<LimitView>,
    /// Its breaker.
    pub breaker: Breaker,
    /// The breaker's level now.
    pub level: u32,
    /// What a person must see, or has seen of late.
    pub alerts: Vec<Alert>,
}

/// Who keeps a child from running.
#[derive(Clone, Debug, PartialEq)]
pub enum Blocker {
    /// A sibling that it needs, with what that one is doing.
    Needed(Path, State),
    /// The sibling whose end began the restart of its group.
    Leader(Path),
    /// Itself or a supervisor above it, which is paused.
    Paused(Path),
    /// The supervisor that cools down.
    Cooling(Path),
    /// Its supervisor, which is not up, with what that one is doing.
    Above(Path, State),
    /// This many who wait for a turn before it.
    Queue(u32),
}

/// One limit as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitView {
    /// Who declares it.
    pub owner: Path,
    /// The limit.
    pub limit: Limit,
    /// How it stands.
    pub reading: Reading,
}

/// Something that would change what a child does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chance {
    /// `start` begins the next run now.
    Start,
    /// `start` with override: a trial, in spite of the breaker or the abandoned run.
    StartOver,
    /// `resume` of this child or supervisor.
    Resume(Path),
    /// `release` ends the quarantine.
    Release,
    /// `reset` closes the breaker.
    Reset(Path),
    /// This child must start, become ready or complete.
    Child(Path),
    /// Somebody must want to use it.
    Demand,
    /// The abandoned run must be found gone.
    Gone(RunId),
}

impl Tree {
    /// Returns why a child does what it does; `None` once it has left the tree.
    pub fn explain(&self, id: ChildId) -> Option<Explanation> {
        let child = self.child(id)?;
        let slot = id.slot;
        let (mut chain, mut next, mut at) = (Vec::new(), self.due(slot), slot);
        // Who waits for another child is explained by that one too; a circle cannot be (needs have none).
        for _ in 0..=crate::spec::check::DEEPEST {
            let there = self.at(at);
            if let Some(last) = there.memory.as_ref().and_then(|memory| memory.last.clone()) {
                chain.push((self.path(there.id)?, last));
            }
            let Some(other) = self.waits_for(there) else { break };
            next = next.or_else(|| self.due_of_other(there, other));
            at = other;
        }
        Some(Explanation {
            path: self.path(id)?,
            now: self.now,
            standing: child.standing(),
            state: child.state,
            run: child.life().map(|life| life.run),
            blocker: self.blocker(slot),
            position: child.position,
            chain,
            next,
            chances: self.chances(slot),
            limits: self.limits(slot),
            breaker: child.breaker(),
            level: child.breaker().level(self.now, child.spec.level_decay),
            alerts: child.memory.as_ref().map_or_else(Vec::new, |memory| memory.alerts.clone()),
        })
    }

    /// The other child whose doing decides what this one does next.
    fn waits_for(&self, child: &Child) -> Option<u32> {
        match child.state {
            State::Rest { why: Rest::Need { child }, .. } => {
                self.child(child).map(|child| child.id.slot)
            }
            State::Rest { why: Rest::Above | Rest::Group | Rest::Draining, .. } => {
                child.above.map(|above| above.slot)
            }
            State::Rest { why: Rest::Cooldown { supervisor, .. }, .. } => Some(supervisor.slot),
            State::Rest { why: Rest::Storm { .. }, .. } => Some(ChildId::ROOT.slot),
            State::Rest { .. } | State::Live(_) => None,
        }
    }

    /// What happens next to the child in slot `other` that bears on one that waits for it.
    fn due_of_other(&self, waiting: &Child, other: u32) -> Option<(Moment, Why)> {
        let State::Rest { why, .. } = waiting.state else { return None };
        match why {
            Rest::Cooldown { until, .. } => until.map(|until| (until, Why::Cooldown)),
            Rest::Group => match self.group(other).work {
                Work::Delay { until, .. } => Some((until, Why::Group)),
                Work::Serving
                | Work::Closing { .. }
                | Work::Stopping { .. }
                | Work::Starting { .. } => None,
            },
            Rest::Storm { .. } => self.storm_ends().map(|at| (at, Why::Storm)),
            // That the other becomes stable changes nothing for who waits for it.
            Rest::Need { .. }
            | Rest::Above
            | Rest::Draining
            | Rest::Quarantined
            | Rest::Paused
            | Rest::Broken { .. }
            | Rest::Stopped
            | Rest::Finished(_)
            | Rest::Waiting { .. }
            | Rest::Demand
            | Rest::Slot { .. } => self.due(other).filter(|(_, why)| *why != Why::Stable),
        }
    }

    /// Who keeps a child that rests from running.
    fn blocker(&self, slot: u32) -> Option<Blocker> {
        let child = self.at(slot);
        let State::Rest { why, .. } = child.state else { return None };
        let ahead = |queue: &alloc::collections::BTreeSet<(u64, u32)>, ticket| {
            Blocker::Queue(queue.range(..(ticket, 0)).count() as u32)
        };
        match why {
            Rest::Need { child } => {
                Some(Blocker::Needed(self.path(child)?, self.child(child)?.state))
            }
            Rest::Group => {
                let leader = self.group(child.above?.slot).leader?;
                self.path(leader).map(Blocker::Leader)
            }
            Rest::Paused => {
                let mut at = Some(slot);
                while let Some(holder) = at.filter(|holder| !self.at(*holder).paused) {
                    at = self.above(holder);
                }
                self.path(self.at(at?).id).map(Blocker::Paused)
            }
            Rest::Cooldown { supervisor, .. } => self.path(supervisor).map(Blocker::Cooling),
            Rest::Above => {
                let above = self.child(child.above?)?;
                Some(Blocker::Above(self.path(above.id)?, above.state))
            }
            Rest::Slot { ticket } => Some(ahead(&self.brood(child.above?.slot).queue, ticket)),
            Rest::Storm { ticket } => Some(ahead(&self.storm_queue, ticket)),
            Rest::Draining
            | Rest::Quarantined
            | Rest::Broken { .. }
            | Rest::Stopped
            | Rest::Finished(_)
            | Rest::Waiting { .. }
            | Rest::Demand => None,
        }
    }

    fn chances(&self, slot: u32) -> Vec<Chance> {
        let child = self.at(slot);
        let path_of = |slot: u32| self.path(self.at(slot).id).unwrap_or_else(Path::root);
        let State::Rest { why, .. } = child.state else {
            return match child.life() {
                Some(life) if child.standing() == Standing::Abandoned => {
                    alloc::vec![Chance::Gone(life.run), Chance::StartOver]
                }
                _ => Vec::new(),
            };
        };
        // Only what would be admitted is advised.
        let start =
            if self.admit_start(slot, false).is_ok() { Chance::Start } else { Chance::StartOver };
        let mut chances = Vec::new();
        match why {
            Rest::Draining => {}
            Rest::Above | Rest::Group => {
                chances.extend(child.above.map(|above| Chance::Child(path_of(above.slot))));
            }
            Rest::Quarantined => chances.push(Chance::Release),
            Rest::Paused => {
                let mut at = Some(slot);
                while let Some(holder) = at {
                    if self.at(holder).paused {
                        chances.push(Chance::Resume(path_of(holder)));
                    }
                    at = self.above(holder);
                }
                chances.push(start);
            }
            Rest::Broken { .. } => {
                chances.extend([Chance::Reset(path_of(slot)), Chance::StartOver]);
            }
            Rest::Slot { .. } if child.above.is_some_and(|above| self.is_in_order(above.slot)) => {
                chances.extend(child.above.map(|above| Chance::Child(path_of(above.slot))));
            }
            Rest::Stopped
            | Rest::Finished(_)
            | Rest::Waiting { .. }
            | Rest::Slot { .. }
            | Rest::Storm { .. } => chances.push(start),
            Rest::Demand => chances.extend([Chance::Demand, start]),
            Rest::Need { child } => chances.push(Chance::Child(path_of(child.slot))),
            Rest::Cooldown { supervisor, .. } => {
                chances.extend([Chance::Reset(path_of(supervisor.slot)), Chance::StartOver]);
            }
        }
        chances
    }

    /// Returns every limit that counts a child, and how it stands now.
    fn limits(&self, slot: u32) -> Vec<LimitView> {
        let owners = [
            (Some(slot), Scope::Child),
            (self.above(slot), Scope::Supervisor),
            (Some(ChildId::ROOT.slot), Scope::Tree),
        ];
        let mut views = Vec::new();
        for (owner, scope) in owners {
            let Some(owner) = owner else { continue };
            for (index, limit) in self
                .at(owner)
                .spec
                .budget
                .iter()
                .enumerate()
                .filter(|(_, limit)| limit.scope == scope)
            {
                let owner_path = self.path(self.at(owner).id).unwrap_or_else(Path::root);
                views.push(LimitView {
                    owner: owner_path,
                    limit: *limit,
                    reading: self
                        .reading(LimitId { owner: self.at(owner).id, index: index as u8 }, limit),
                });
            }
        }
        views
    }
}

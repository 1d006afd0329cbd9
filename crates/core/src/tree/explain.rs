//! Why a child does what it does, from the core alone: state, causes, what comes next, what would change it.

use super::{Tree, Why};
use crate::child::{Alert, Child, Last, Rest, State};
use crate::command::Standing;
use crate::event::{Action, LimitId, Rule};
use crate::exit::Asked;
use crate::id::{ChildId, Path, RunId};
use crate::moment::{Brief, Moment};
use crate::policy::breaker::{Breaker, BreakerState};
use crate::policy::budget::{Count, Limit, Reading, Scope};
use alloc::vec::Vec;
use core::fmt;

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
    /// What a person must see.
    pub alert: Option<Alert>,
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
        let (mut chain, mut next, mut at) = (Vec::new(), None, slot);
        // Who waits for another child is explained by that one too; a circle cannot be (needs have none).
        for _ in 0..=crate::spec::check::DEEPEST {
            let there = self.at(at);
            if let Some(last) = there.memory.as_ref().and_then(|memory| memory.last.clone()) {
                chain.push((self.path(there.id)?, last));
            }
            next = next.or_else(|| self.due(at));
            match self.waits_for(there) {
                Some(other) => at = other,
                None => break,
            }
        }
        Some(Explanation {
            path: self.path(id)?,
            now: self.now,
            standing: child.standing(),
            state: child.state,
            run: child.life().map(|life| life.run),
            position: child.position,
            chain,
            next,
            chances: self.chances(slot),
            limits: self.limits(slot),
            breaker: child.breaker(),
            level: child.breaker().level(self.now, child.spec.level_decay),
            alert: child.memory.as_ref().and_then(|memory| memory.alert.clone()),
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

/// As the predicate of a sentence about the child.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "is down",
            Self::Waiting => "waits for its next run",
            Self::Blocked => "waits for others",
            Self::Starting => "is starting",
            Self::Up => "is up and not ready",
            Self::Ready => "is ready",
            Self::Stopping => "is stopping",
            Self::Abandoned => "could not be ended and was abandoned",
            Self::Removed => "has left the tree",
        })
    }
}

/// A short story with numbers and times.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.path)?;
        match &self.state {
            State::Live(life) => {
                write!(f, "{}: run {}", self.standing, life.run)?;
                if let Some((asked, at)) = life.asked {
                    write!(f, ", asked to end {} ago because {asked}", Brief(self.now.since(at)))?;
                }
            }
            State::Rest { why, since } => {
                write!(f, "does not run: {why}, for {}", Brief(self.now.since(*since)))?;
            }
        }
        f.write_str(".\n")?;
        for (path, last) in &self.chain {
            write!(
                f,
                "  {path} {} {} after {}, at {}",
                last.run,
                last.cause,
                Brief(last.ended.since(last.began)),
                last.ended
            )?;
            if let Some(detail) = &last.detail {
                write!(f, ": {detail:?}")?;
            }
            writeln!(f, ".\n    {}: {}.", last.decision.0, last.decision.1)?;
        }
        match self.next {
            Some((at, why)) => {
                writeln!(f, "  Next, in {}, at {at}: {why}.", Brief(at.since(self.now)))?;
            }
            None => f.write_str("  Nothing is due by itself.\n")?,
        }
        for chance in &self.chances {
            writeln!(f, "  What would change it: {chance}.")?;
        }
        for LimitView { owner, limit, reading } in &self.limits {
            write!(f, "  Limit of {owner}: {limit}; {} of {} used", reading.count, reading.most)?;
            match reading.falls {
                Some(falls) => writeln!(f, ", one less in {}.", Brief(falls.since(self.now)))?,
                None => f.write_str(".\n")?,
            }
        }
        if self.breaker.state != BreakerState::Closed || self.level > 0 {
            writeln!(f, "  Its breaker is {}, level {}.", self.breaker.state, self.level)?;
        }
        if let Some(alert) = self.alert.as_ref().filter(|alert| alert.seen.is_none()) {
            writeln!(f, "  An alert waits for a person since {}: {}.", alert.since, alert.kind)?;
        }
        Ok(())
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("`start` begins the next run now"),
            Self::StartOver => f.write_str("`start --override` runs it in spite of that"),
            Self::Resume(path) => write!(f, "`resume {path}`"),
            Self::Release => f.write_str("`release`"),
            Self::Reset(path) => write!(f, "`reset {path}`"),
            Self::Child(path) => write!(f, "what {path} does"),
            Self::Demand => f.write_str("somebody wants to use it"),
            Self::Gone(run) => write!(f, "run {run} is found gone"),
        }
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draining => f.write_str("the tree is draining"),
            Self::Above => f.write_str("its supervisor is not up"),
            Self::Group => f.write_str("its siblings are being restarted with it"),
            Self::Quarantined => f.write_str("it is quarantined"),
            Self::Paused => f.write_str("automatic starts are paused"),
            Self::Broken { until: Some(until) } => write!(f, "its breaker is open until {until}"),
            Self::Broken { until: None } => f.write_str("its breaker is open until it is reset"),
            Self::Stopped => f.write_str("an operator stopped it"),
            Self::Finished(finish) => write!(f, "{finish}"),
            Self::Waiting { until } => write!(f, "it waits until {until} before the next run"),
            Self::Demand => f.write_str("nobody has wanted to use it yet"),
            Self::Need { .. } => f.write_str("a child it needs has not come far enough"),
            Self::Cooldown { until: Some(until), .. } => {
                write!(f, "its supervisor cools down until {until}")
            }
            Self::Cooldown { until: None, .. } => {
                f.write_str("its supervisor cools down until it is reset")
            }
            Self::Slot { .. } => f.write_str("enough siblings are starting already"),
            Self::Storm { .. } => f.write_str("the storm rate of the tree delays it"),
        }
    }
}

impl fmt::Display for crate::child::Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completed => "it completed",
            Self::Failed => "it failed and gets no further run",
            Self::Skipped => "it had nothing to do",
            Self::Stopped => "it was stopped with its group and gets no further run",
            Self::NeedLost => "a child it needs went away",
            Self::AwaitsStart => "its breaker was reset and it awaits a start",
        })
    }
}

impl fmt::Display for crate::child::AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BreakerOpened => f.write_str("its breaker opened"),
            Self::GroupCooling => {
                f.write_str("the budget over its children is spent, they cool down")
            }
            Self::Quarantined => f.write_str("its budget is spent, it stays down until released"),
            Self::CannotStart(step) => {
                write!(f, "it failed while {step}, which retrying cannot mend: {}", step.remedy())
            }
            Self::Permanent => f.write_str("its error said that another try is useless"),
            Self::GaveUp => f.write_str("it gave up"),
            Self::Abandoned => f.write_str("a run of it could not be ended"),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "an operator stopped it",
            Self::Restart => "an operator restarted it",
            Self::Recycle => "it makes place for a fresh run",
            Self::Guard => "it passed its hard memory limit",
            Self::Group => "its siblings are being restarted with it",
            Self::Close => "its supervisor is closing",
            Self::Dependency => "a child it needs went away",
            Self::Quarantine => "it was quarantined",
            Self::Remove => "it is being removed",
            Self::Replace => "it has another spec",
            Self::Idle => "nobody used it",
            Self::StartTimeout => "it did not start in time",
            Self::ReadyTimeout => "it did not become ready in time",
            Self::HeartbeatLost => "its heartbeat was lost",
            Self::ProbeFailed => "its probe failed",
            Self::NoProgress => "its pending work stood still",
        })
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Open(Some(until)) => write!(f, "open until {until}"),
            Self::Open(None) => f.write_str("open until reset"),
            Self::Trial => f.write_str("on trial"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(asked) => write!(f, "It was asked to end because {asked}"),
            Self::Draining => f.write_str("The tree was draining"),
            Self::Closing => f.write_str("Its supervisor was closing"),
            Self::GroupUnderWay => f.write_str("Its group was being restarted already"),
            Self::Always => f.write_str("By `restart: always`"),
            Self::OnFailure => f.write_str("By `restart: on-failure`"),
            Self::CleanEnd => f.write_str("A clean end under `restart: on-failure`"),
            Self::Never => f.write_str("By `restart: never`"),
            Self::Skipped => f.write_str("There was nothing to do"),
            Self::Permanent => f.write_str("The error was permanent"),
            Self::Fatal => f.write_str("The error was fatal"),
            Self::Unmendable => f.write_str("Retrying cannot mend that"),
            Self::Spent(_) => f.write_str("A limit was spent"),
            Self::TrialFailed => f.write_str("It was the trial of an open breaker"),
            Self::Disowned => f.write_str("An operator went past the abandoned run"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::spec::OnExhausted;
        match self {
            Self::AsWanted => f.write_str("what is wanted decides"),
            Self::Restart { at, delay } => {
                write!(f, "the next run at {at}, after {}", Brief(delay.wait))?;
                if delay.holdoff.is_zero() {
                    Ok(())
                } else {
                    write!(f, " and {} of holdoff", Brief(delay.holdoff))
                }
            }
            Self::Regroup { delay } => {
                write!(f, "its siblings are stopped, then all start after {}", Brief(delay.wait))
            }
            Self::Finish => f.write_str("no further run"),
            Self::Exhaust { end, .. } => f.write_str(match end {
                OnExhausted::Cooldown => "the breaker opens",
                OnExhausted::Quarantine => "down until released",
                OnExhausted::Escalate => "the supervisor gives up",
                OnExhausted::Shutdown => "the tree ends",
            }),
        }
    }
}

impl Count {
    /// Returns the word a spec file uses.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starts => "starts",
            Self::Restarts => "restarts",
            Self::Failures => "failures",
        }
    }
}

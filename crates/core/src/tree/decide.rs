//! What follows from an exit: one decision, made here and nowhere else.

use super::Tree;
use crate::chance;
use crate::effect::Effects;
use crate::event::{Action, Rule};
use crate::exit::{Asked, Cause, Class, Exit};
use crate::id::ChildId;
use crate::policy::backoff::Delay;
use crate::policy::breaker::BreakerState;
use crate::policy::budget::Scope;
use crate::policy::restart::Restart;
use crate::spec::{Criticality, OnExhausted, Strategy};
use core::time::Duration;

/// The end of a run, as far as it bears on what follows.
pub(super) struct Ended<'a> {
    /// Why it was asked to end.
    pub(super) asked: Option<Asked>,
    /// What it means.
    pub(super) cause: &'a Cause,
    /// What the driver reported.
    pub(super) exit: Option<&'a Exit>,
    /// Whether the run had been stable.
    pub(super) was_stable: bool,
}

impl Tree {
    /// Decides what follows from an exit. The first who has something to say decides:
    /// what was asked for and what goes on around it, its rule and class, a group or a trial, the limits.
    pub(super) fn decide(
        &mut self,
        slot: u32,
        ended: &Ended<'_>,
        out: &mut Effects,
    ) -> (Rule, Action) {
        let cause = ended.cause;
        let settled = self.by_circumstances(slot, ended).or_else(|| self.by_rule(slot, cause));
        if let Some(decision) =
            settled.or_else(|| self.by_group(slot)).or_else(|| self.by_trial(slot))
        {
            return decision;
        }
        let is_forgiven = ended.was_stable && self.at(slot).spec.backoff.forgives;
        if let Some((limit, end)) = self.charge(slot, is_forgiven, out) {
            return (Rule::Spent(limit), Action::Exhaust { end, owner: limit.owner });
        }
        let rule = match self.at(slot).spec.restart {
            Restart::Always => Rule::Always,
            Restart::OnFailure | Restart::Never => Rule::OnFailure,
        };
        (rule, self.restart_action(slot, ended.exit, is_forgiven))
    }

    /// Nothing is decided about a run that ended as asked, or in a tree or supervisor that ends.
    fn by_circumstances(&self, slot: u32, ended: &Ended<'_>) -> Option<(Rule, Action)> {
        let is_closing = self.above(slot).is_some_and(|above| self.is_closing(above));
        let rule = match ended.asked {
            _ if self.drain.is_some() => Rule::Draining,
            Some(asked) if ended.cause.is_asked() => Rule::Asked(asked),
            _ if *ended.cause == Cause::Abandoned => Rule::Disowned,
            _ if is_closing => Rule::Closing,
            _ => return None,
        };
        Some((rule, Action::AsWanted))
    }

    /// What class and restart rule say, as far as they rule out a plain restart.
    fn by_rule(&self, slot: u32, cause: &Cause) -> Option<(Rule, Action)> {
        let child = self.at(slot);
        let (id, spec) = (child.id, &child.spec);
        let own_end = |end| Action::Exhaust { end, owner: id };
        let last_end = match spec.criticality {
            Criticality::Critical => own_end(OnExhausted::Shutdown),
            Criticality::Required | Criticality::Optional => Action::Finish,
        };
        match (spec.restart, cause) {
            (_, Cause::Failed { class: Class::Fatal, .. }) => {
                Some((Rule::Fatal, own_end(spec.own_end().max(OnExhausted::Escalate))))
            }
            (_, Cause::Skipped) => Some((Rule::Skipped, last_end)),
            (Restart::Never, _) => Some((Rule::Never, last_end)),
            (Restart::OnFailure, cause) if cause.is_clean() => Some((Rule::CleanEnd, last_end)),
            (_, Cause::Failed { class: Class::Permanent, .. }) => {
                Some((Rule::Permanent, own_end(spec.own_end())))
            }
            (_, Cause::StartFailed { mendable: false, .. }) => {
                Some((Rule::Unmendable, own_end(spec.own_end())))
            }
            (Restart::Always | Restart::OnFailure, _) => None,
        }
    }

    /// An end while the group of this child is being restarted belongs to that one restart.
    fn by_group(&self, slot: u32) -> Option<(Rule, Action)> {
        self.is_held_by_group(self.at(slot)).then_some((Rule::GroupUnderWay, Action::AsWanted))
    }

    /// A failure on trial opens the breaker again; limits are not consulted.
    ///
    /// What was asked for, had nothing to do, or came to the clean end its rule allows is settled by now:
    /// whatever is left is a failure.
    fn by_trial(&self, slot: u32) -> Option<(Rule, Action)> {
        let child = self.at(slot);
        let owner = if child.breaker().state == BreakerState::Trial {
            child.id
        } else {
            self.supervisor_on_trial(slot)?
        };
        Some((Rule::TrialFailed, Action::Exhaust { end: OnExhausted::Cooldown, owner }))
    }

    /// The supervisor whose limits count this child, and which tests whether its children hold.
    fn supervisor_on_trial(&self, slot: u32) -> Option<ChildId> {
        let on_trial = |owner: u32, scope| {
            let owner = self.at(owner);
            let group = owner.group.as_ref()?;
            let counts = owner.spec.budget.iter().any(|limit| limit.scope == scope);
            (group.breaker.state == BreakerState::Trial && counts).then_some(owner.id)
        };
        let above = self.above(slot)?;
        on_trial(above, Scope::Supervisor).or_else(|| on_trial(ChildId::ROOT.slot, Scope::Tree))
    }

    /// The wait before the next run, and whether siblings are touched first.
    fn restart_action(&mut self, slot: u32, exit: Option<&Exit>, is_forgiven: bool) -> Action {
        let retry_after: Option<Duration> = match exit {
            Some(Exit::Failed { retry_after, .. }) => *retry_after,
            _ => None,
        };
        let draw = if self.at(slot).spec.backoff.varies() { self.draw(slot) } else { 0 };
        let child = self.at_mut(slot);
        let backoff = &child.spec.backoff;
        let mut delay = if is_forgiven {
            Delay::default()
        } else {
            let delay = backoff.delay(child.position, draw, retry_after);
            child.position = child.position.saturating_add(1);
            delay
        };
        let (now, began) = (self.now, self.at(slot).began);
        let at = self.at(slot).spec.backoff.due(now, began, &mut delay);
        if self.strategy_of(slot) == Strategy::OneForOne {
            Action::Restart { at, delay }
        } else {
            Action::Regroup { delay }
        }
    }

    /// A number that belongs to this child and this run alone.
    fn draw(&self, slot: u32) -> u64 {
        let mut hash = chance::fold(chance::BASIS, &self.settings.seed.to_le_bytes());
        let mut at = Some(slot);
        while let Some(slot) = at {
            hash = chance::fold(hash, self.at(slot).name.as_bytes());
            hash = chance::fold(hash, b"/");
            at = self.above(slot);
        }
        chance::fold(hash, &self.at(slot).runs.to_le_bytes())
    }

    /// Returns the strategy that holds for an exit of this child.
    pub(super) fn strategy_of(&self, slot: u32) -> Strategy {
        let child = self.at(slot);
        let group = child.above.and_then(|above| self.at(above.slot).spec.supervisor());
        child
            .spec
            .strategy
            .or_else(|| group.map(|group| group.strategy))
            .unwrap_or(Strategy::OneForOne)
    }
}

//! What follows from an exit: one decision, made here and nowhere else.

use super::Tree;
use crate::chance;
use crate::child::{Life, Phase, State, Work};
use crate::effect::Effects;
use crate::event::{Action, Event, LimitId, Rule};
use crate::exit::{Asked, Cause, Class, Exit};
use crate::id::ChildId;
use crate::moment::Moment;
use crate::policy::backoff::Delay;
use crate::policy::breaker::BreakerState;
use crate::policy::budget::{Admit, Count, Limit, Reading, Scope, Window};
use crate::policy::restart::Restart;
use crate::spec::{Criticality, OnExhausted, Strategy};
use core::time::Duration;

/// A limit that refuses, and who acts on it.
struct Spent {
    limit: LimitId,
    end: OnExhausted,
}

impl Tree {
    /// Decides what follows from an exit: first what was asked of the run, then class, rule and limits.
    pub(super) fn decide(
        &mut self,
        slot: u32,
        asked: Option<Asked>,
        cause: &Cause,
        exit: Option<&Exit>,
        was_stable: bool,
        out: &mut Effects,
    ) -> (Rule, Action) {
        let child = self.at(slot);
        let (id, spec) = (child.id, alloc::sync::Arc::clone(&child.spec));
        if self.drain.is_some() {
            return (Rule::Draining, Action::AsWanted);
        }
        if let Some(asked) = asked.filter(|_| cause.is_asked()) {
            return (Rule::Asked(asked), Action::AsWanted);
        }
        if *cause == Cause::Abandoned {
            return (Rule::Disowned, Action::AsWanted);
        }
        match self.work_on(slot) {
            Some(Work::Closing { .. }) => return (Rule::Closing, Action::AsWanted),
            Some(Work::Stopping { .. } | Work::Delay { .. }) => {
                return (Rule::GroupUnderWay, Action::AsWanted);
            }
            Some(Work::Serving | Work::Starting { .. }) | None => {}
        }
        let own_end = |end| Action::Exhaust { end, owner: id };
        if matches!(cause, Cause::Failed { class: Class::Fatal, .. }) {
            return (Rule::Fatal, own_end(spec.on_exhausted.max(OnExhausted::Escalate)));
        }
        let rule = match (spec.restart, cause) {
            (_, Cause::Skipped) => Rule::Skipped,
            (Restart::Always, _) => Rule::Always,
            (Restart::OnFailure, cause) if cause.is_clean() => Rule::CleanEnd,
            (Restart::OnFailure, _) => Rule::OnFailure,
            (Restart::Never, _) => Rule::Never,
        };
        if !spec.restart.wants_another(cause) {
            let end = own_end(OnExhausted::Shutdown);
            return (
                rule,
                if spec.criticality == Criticality::Critical { end } else { Action::Finish },
            );
        }
        if matches!(cause, Cause::Failed { class: Class::Permanent, .. }) {
            return (Rule::Permanent, own_end(spec.on_exhausted));
        }
        if matches!(cause, Cause::StartFailed { mendable: false, .. }) {
            return (Rule::Unmendable, own_end(spec.on_exhausted));
        }
        let is_failure = spec.restart.is_failure(cause);
        if is_failure && self.at(slot).breaker().state == BreakerState::Trial {
            return (Rule::TrialFailed, own_end(OnExhausted::Cooldown));
        }
        if is_failure
            && let Some(above) = self.above(slot)
            && self.group(above).breaker.state == BreakerState::Trial
        {
            let owner = self.at(above).id;
            return (Rule::TrialFailed, Action::Exhaust { end: OnExhausted::Cooldown, owner });
        }
        if let Some(Spent { limit, end }) = self.charge(slot, is_failure, out) {
            return (Rule::Spent(limit), Action::Exhaust { end, owner: limit.owner });
        }
        let retry_after = match exit {
            Some(Exit::Failed { retry_after, .. }) => *retry_after,
            _ => None,
        };
        (rule, self.restart_action(slot, retry_after, was_stable))
    }

    /// The wait before the next run, and whether siblings are touched first.
    fn restart_action(
        &mut self,
        slot: u32,
        retry_after: Option<Duration>,
        was_stable: bool,
    ) -> Action {
        let draw = self.draw(slot);
        let child = self.at_mut(slot);
        let backoff = &child.spec.backoff;
        let mut delay = if was_stable && backoff.forgives {
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

    /// The work of the supervisor above, as far as it includes this child.
    fn work_on(&self, slot: u32) -> Option<Work> {
        let child = self.at(slot);
        let above = child.above?.slot;
        match self.group(above).work {
            Work::Stopping { from, .. } | Work::Delay { from, .. } if child.place < from => {
                Some(Work::Serving)
            }
            work => Some(work),
        }
    }

    /// Consults every limit this exit counts for, and stamps it.
    ///
    /// A failure has happened whatever follows, so limits on failures are stamped first. A restart
    /// is stamped only when no limit refuses it. Of several that refuse, the strictest end leads.
    fn charge(&mut self, slot: u32, is_failure: bool, out: &mut Effects) -> Option<Spent> {
        let mut spent: Option<Spent> = None;
        self.each_limit(slot, |tree, owner, index, limit| {
            if limit.admit == Admit::AtStart {
                return;
            }
            let stamps = limit.count == Count::Failures && is_failure;
            let before = if stamps {
                tree.stamp(owner, index, limit)
            } else {
                tree.reading(owner, index, limit)
            };
            let refuses = match limit.count {
                Count::Failures => is_failure && before.count + 1 >= limit.most,
                Count::Restarts | Count::Starts => !limit.allows(before.count),
            };
            let id = LimitId { owner: tree.at(owner).id, index: index as u8 };
            if refuses || limit.count != Count::Restarts {
                let child = tree.at(slot).id;
                out.note(Event::Counted {
                    child,
                    limit: id,
                    before,
                    stamped: stamps,
                    spent: refuses,
                });
            }
            let end = tree.at(owner).spec.on_exhausted;
            if refuses && spent.as_ref().is_none_or(|spent| spent.end < end) {
                spent = Some(Spent { limit: id, end });
            }
        });
        if spent.is_none() {
            self.each_limit(slot, |tree, owner, index, limit| {
                if limit.count == Count::Restarts {
                    let before = tree.stamp(owner, index, limit);
                    let id = LimitId { owner: tree.at(owner).id, index: index as u8 };
                    let child = tree.at(slot).id;
                    out.note(Event::Counted {
                        child,
                        limit: id,
                        before,
                        stamped: true,
                        spent: false,
                    });
                }
            });
        }
        spent
    }

    /// Visits the limits that count this child: its own, its supervisor's, the root's.
    fn each_limit(&mut self, slot: u32, mut visit: impl FnMut(&mut Self, u32, usize, &Limit)) {
        let above = self.above(slot);
        let owners = [
            (Some(slot), Scope::Child),
            (above, Scope::Supervisor),
            (Some(ChildId::ROOT.slot), Scope::Tree),
        ];
        for (owner, scope) in owners {
            let Some(owner) = owner else { continue };
            for index in 0..self.at(owner).spec.budget.len() {
                let limit = self.at(owner).spec.budget[index];
                if limit.scope == scope {
                    visit(self, owner, index, &limit);
                }
            }
        }
    }

    /// Adds an entry now and returns how the limit stood before.
    fn stamp(&mut self, owner: u32, index: usize, limit: &Limit) -> Reading {
        let before = self.reading(owner, index, limit);
        let now = self.clock_of(owner, limit);
        self.at_mut(owner).windows_mut()[index].stamp(limit, now);
        before
    }

    /// Returns how a limit stands now. Asking changes nothing.
    pub(super) fn reading(&self, owner: u32, index: usize, limit: &Limit) -> Reading {
        let now = self.clock_of(owner, limit);
        let child = self.at(owner);
        let windows = child.memory.as_ref().map_or(&[][..], |memory| &memory.windows);
        let empty = Reading { count: 0, most: limit.most, falls: None };
        let mut reading = windows.get(index).map_or(empty, |window| window.read(limit, now));
        reading.falls = reading.falls.map(|falls| falls + self.now.since(now));
        reading
    }

    /// The clock of a limit: a supervisor's limits on restarts stand still during a group restart.
    fn clock_of(&self, owner: u32, limit: &Limit) -> Moment {
        match (&self.at(owner).group, limit.scope, limit.count) {
            (Some(group), Scope::Supervisor, Count::Restarts) => group.window_clock(self.now),
            _ => self.now,
        }
    }

    /// Stamps a start that no command asked for on the limits that count starts.
    pub(super) fn stamp_start(&mut self, slot: u32) {
        self.each_limit(slot, |tree, owner, index, limit| {
            if limit.count == Count::Starts {
                tree.stamp(owner, index, limit);
            }
        });
    }

    /// Checks the limits that are consulted when a start is due (systemd); acts when one refuses.
    pub(super) fn is_refused_at_start(&mut self, slot: u32, out: &mut Effects) -> bool {
        let child = self.at(slot);
        let has_any = |budget: &[Limit]| budget.iter().any(|limit| limit.admit == Admit::AtStart);
        if child.by_hand
            || child.breaker().state == BreakerState::Trial
            || !has_any(&child.spec.budget)
        {
            return false;
        }
        let (id, spec) = (child.id, alloc::sync::Arc::clone(&child.spec));
        for (index, limit) in spec.budget.iter().enumerate() {
            let before = self.reading(slot, index, limit);
            if limit.admit == Admit::AtStart
                && !limit.allows(before.count)
                && self.at(slot).runs > 0
            {
                let limit = LimitId { owner: id, index: index as u8 };
                out.note(Event::Counted { child: id, limit, before, stamped: false, spent: true });
                let action = Action::Exhaust { end: spec.on_exhausted, owner: id };
                self.exhaust(slot, Rule::Spent(limit), action, out);
                self.look_again(slot);
                return true;
            }
        }
        false
    }

    /// Returns whether the run that a state describes had been stable.
    pub(super) const fn is_stable(state: &State) -> bool {
        matches!(state, State::Live(Life { phase: Phase::Ready { stable_at: None }, .. }))
    }

    pub(super) fn clear_windows(&mut self, slot: u32) {
        if let Some(memory) = &mut self.at_mut(slot).memory {
            memory.windows.iter_mut().for_each(Window::clear);
        }
    }
}

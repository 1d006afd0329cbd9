//! A run from started to over: what its driver reports, judged against what was asked of it.

use super::Tree;
use super::decide::Ended;
use crate::child::{Child, Finish, Last, Life, Phase, Plan, Rest, State};
use crate::effect::{Effect, Effects};
use crate::event::Event;
use crate::exit::{Asked, Cause, Exit};
use crate::id::{ChildId, RunId};
use crate::policy::breaker::{Breaker, BreakerState};
use crate::policy::budget::Within;
use crate::policy::restart::Restart;
use crate::spec::{Activation, Ready, Until};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

impl Tree {
    pub(super) fn started(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at(slot);
        let Some(life) = child.life().filter(|life| matches!(life.phase, Phase::Starting { .. }))
        else {
            return;
        };
        let (id, life, took) = (child.id, *life, self.now.since(child.began));
        let until = match child.spec.ready {
            Ready::Immediate => None,
            Ready::Notify | Ready::Fd | Ready::Probe | Ready::LogLine | Ready::Explicit => {
                Some(self.now + child.spec.ready_timeout)
            }
        };
        self.set_phase(slot, Phase::Started { until });
        out.note(Event::Started { child: id, run: life.run, took });
        self.watch_from_started(slot);
        self.wake_dependents(slot, Until::Started);
        if until.is_none() {
            self.became_ready(slot, out);
        }
    }

    /// The run can serve, unless it first has to restore what the last one had.
    pub(super) fn became_ready(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at(slot);
        let Some(life) = child.life().copied() else { return };
        let id = child.id;
        match life.phase {
            Phase::Starting { .. } => {
                // Ready says started too, whichever message came first.
                self.started(slot, out);
                if matches!(
                    self.at(slot).life().map(|life| life.phase),
                    Some(Phase::Started { .. })
                ) {
                    self.became_ready(slot, out);
                }
            }
            // Where probes make it ready, its own word does not.
            Phase::Started { .. } if child.spec.ready == Ready::Probe && !self.may_serve(slot) => {}
            Phase::Started { .. } => match child.spec.rehydrate {
                Some(limit) if life.run != RunId::FIRST => {
                    self.set_phase(slot, Phase::Rehydrating { until: self.now + limit });
                    out.note(Event::Rehydrating(id, life.run));
                    out.ask(Effect::Rehydrate(id, life.run));
                }
                Some(_) | None => self.serve(slot, out),
            },
            Phase::Unready if self.may_serve(slot) => self.serve(slot, out),
            Phase::Rehydrating { .. }
            | Phase::Ready { .. }
            | Phase::Unready
            | Phase::Stopping { .. }
            | Phase::Killing { .. }
            | Phase::Abandoned { .. } => {}
        }
    }

    pub(super) fn rehydrated(&mut self, slot: u32, out: &mut Effects) {
        if self.at(slot).life().is_some_and(|life| matches!(life.phase, Phase::Rehydrating { .. }))
        {
            self.serve(slot, out);
        }
    }

    fn serve(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at(slot);
        let Some(life) = child.life().copied() else { return };
        let (id, took) = (child.id, self.now.since(child.began));
        let stable_at = self.now + child.spec.stable_after;
        self.set_phase(slot, Phase::Ready { stable_at: Some(stable_at) });
        out.note(Event::Ready { child: id, run: life.run, took });
        self.watch_from_ready(slot);
        if !self.may_serve(slot) {
            self.became_unready(slot, out);
        }
        self.wake_dependents(slot, Until::Ready);
    }

    /// A supervisor is ready when each of its children is, or is not on its way.
    pub(super) fn supervisor_readiness(&mut self, slot: u32, out: &mut Effects) {
        let Some(Some(brood)) = self.broods.get(slot as usize) else { return };
        let is_bringing_up =
            self.at(slot).life().is_some_and(|life| matches!(life.phase, Phase::Started { .. }));
        if is_bringing_up && brood.coming == 0 {
            self.serve(slot, out);
        }
    }

    /// A run has been ready for long enough: what happened before is forgotten.
    pub(super) fn became_stable(&mut self, slot: u32, out: &mut Effects) {
        self.set_phase(slot, Phase::Ready { stable_at: None });
        let child = self.at_mut(slot);
        let forgotten = core::mem::take(&mut child.position);
        let Some(run) = child.life().map(|life| life.run) else { return };
        let child_id = child.id;
        if let Some(memory) = &mut child.memory {
            for (window, limit) in memory.windows.iter_mut().zip(&child.spec.budget) {
                if limit.within == Within::Consecutive {
                    window.clear();
                }
            }
        }
        let breaker = child.breaker();
        out.note(Event::Stable { child: child_id, run, forgotten });
        self.end_episode(slot);
        if breaker.state == BreakerState::Trial {
            self.clear_limits(slot, false);
            self.set_breaker(slot, Breaker { state: BreakerState::Closed, ..breaker }, out);
        }
    }

    /// The run asks for more time in its present phase, counted from now.
    pub(super) fn extend(&mut self, slot: u32, by: Duration) {
        let later = self.now + by;
        let Some(life) = self.at(slot).life().copied() else { return };
        let phase = match life.phase {
            Phase::Starting { until } => Phase::Starting { until: until.max(later) },
            Phase::Started { until: Some(until) } => {
                Phase::Started { until: Some(until.max(later)) }
            }
            Phase::Rehydrating { until } => Phase::Rehydrating { until: until.max(later) },
            Phase::Stopping { step, until: Some(until) } => {
                Phase::Stopping { step, until: Some(until.max(later)) }
            }
            Phase::Started { until: None }
            | Phase::Ready { .. }
            | Phase::Unready
            | Phase::Stopping { until: None, .. }
            | Phase::Killing { .. }
            | Phase::Abandoned { .. } => return,
        };
        self.set_phase(slot, phase);
    }

    /// Somebody wants to use a child. While its breaker is open that is in vain, and not kept for later. One that
    /// came to a clean end has served whom it was started for, and runs again for who comes now.
    pub(super) fn demand(&mut self, id: ChildId) {
        let Some(child) = self.child(id) else { return };
        let Activation::OnDemand { idle } = child.spec.activation else { return };
        if child.breaker().is_open(self.now) {
            return;
        }
        let later = idle.map(|idle| self.now + idle);
        let child = self.at_mut(id.slot);
        child.demanded = true;
        let is_served = matches!(child.plan, Plan::Never(Finish::Completed | Finish::Skipped));
        if is_served && child.spec.restart != Restart::Never {
            child.plan = Plan::Run;
        }
        if let Some(watch) = child.watch.as_mut().filter(|watch| watch.idle.is_some()) {
            watch.idle = later;
        }
        self.look_again(id.slot);
    }

    pub(super) fn exited(
        &mut self,
        slot: u32,
        exit: Exit,
        detail: Option<Arc<str>>,
        out: &mut Effects,
    ) {
        let child = self.at(slot);
        let asked = child.life().and_then(|life| life.asked).map(|(asked, _)| asked);
        let cause = Cause::judge(asked, &exit, &child.spec.success);
        self.end_run(slot, cause, Some(exit), detail, out);
    }

    /// Closes a run: its end is stated, decided once, and carried out.
    pub(super) fn end_run(
        &mut self,
        slot: u32,
        cause: Cause,
        exit: Option<Exit>,
        detail: Option<Arc<str>>,
        out: &mut Effects,
    ) {
        let child = self.at_mut(slot);
        let Some(Life { run, asked, phase }) = child.life().copied() else { return };
        let (id, began) = (child.id, child.began);
        child.watch = None;
        let lived = self.now.since(began);
        out.note(Event::Exited { child: id, run, cause, exit, detail: detail.clone(), lived });
        let was_stable = matches!(phase, Phase::Ready { stable_at: None });
        let forced = matches!(phase, Phase::Killing { .. } | Phase::Abandoned { .. });
        // Until the gate is asked it counts as on its way, so that nobody takes the gap for an end.
        self.set_state(
            slot,
            State::Rest { why: Rest::Waiting { until: self.now }, since: self.now },
        );
        let asked_for = asked.map(|(asked, _)| asked);
        let ended = Ended { asked: asked_for, cause: &cause, exit: exit.as_ref(), was_stable };
        let (rule, action) = self.decide(slot, &ended, out);
        out.note(Event::Decided { child: id, run, rule, action });
        let now = self.now;
        self.at_mut(slot).memory_mut().last = Some(Last {
            run,
            began,
            ended: now,
            asked,
            forced,
            cause,
            exit,
            detail,
            decision: (rule, action),
        });
        let supervisor_run = self.run_above(slot);
        self.carry_out(slot, asked_for, &cause, rule, action, out);
        if self.child(id).is_some() {
            self.lose_dependents(slot, out);
        }
        let is_past = self.child(id).is_none_or(|child| child.life().is_some());
        if is_past || self.run_above(slot) != supervisor_run {
            // What it set off has gone past it: it left the tree, lives again, or is asked in its
            // turn by a supervisor that has begun anew.
        } else if self.at(slot).leaving {
            self.remove(slot, out);
        } else if self.above(slot).is_some_and(|above| self.is_starting_group(above)) {
            // The group starts in order, and asks the gate for each of its members in turn.
            self.look_again(slot);
        } else {
            self.consider(slot, out);
            // A start that is refused may have taken it out of the tree.
            if self.child(id).is_some() {
                self.uncount_gone(slot, out);
            }
        }
    }

    fn run_above(&self, slot: u32) -> Option<RunId> {
        self.above(slot).and_then(|above| self.at(above).life()).map(|life| life.run)
    }

    pub(super) fn set_phase(&mut self, slot: u32, phase: Phase) {
        if let Some(life) = self.at(slot).life().copied() {
            self.set_state(slot, State::Live(Life { phase, ..life }));
        }
    }

    /// Those who waited for this child to come so far may start.
    pub(super) fn wake_dependents(&mut self, slot: u32, until: Until) {
        let Some(above) = self.above(slot) else { return };
        for dependent in self.dependents(above, slot) {
            let name = &self.at(slot).name;
            if self
                .at(dependent)
                .spec
                .needs
                .iter()
                .any(|need| need.child == *name && need.until == until)
            {
                self.look_again(dependent);
            }
        }
    }

    /// Returns the siblings that need this child.
    pub(super) fn dependents(&self, above: u32, slot: u32) -> Vec<u32> {
        let dependents = &self.brood(above).dependents;
        // Where nobody needs anybody, the name need not be looked at.
        if dependents.is_empty() {
            return Vec::new();
        }
        let name = &self.at(slot).name;
        let range = (Arc::clone(name), 0)..=(Arc::clone(name), u32::MAX);
        dependents.range(range).map(|(_, dependent)| *dependent).collect()
    }

    /// The run a sibling needs has ended: dependents do what their `on_restart` says.
    fn lose_dependents(&mut self, slot: u32, out: &mut Effects) {
        use crate::spec::OnRestart;
        let Some(above) = self.above(slot) else { return };
        for dependent in self.dependents(above, slot) {
            let name = Arc::clone(&self.at(slot).name);
            let child = self.at(dependent);
            let Some(need) = child.spec.needs.iter().find(|need| need.child == name) else {
                continue;
            };
            if child.life().is_none() {
                // Who is done has also been started: whoever waited for either may start.
                self.look_again(dependent);
                continue;
            }
            if self.is_met(need, slot) {
                continue; // It has come to a clean end, which still meets the need.
            }
            let plan = match need.on_restart {
                OnRestart::Restart if need.until != Until::Completed => Plan::Run,
                OnRestart::Stop if need.until != Until::Completed => Plan::Never(Finish::NeedLost),
                OnRestart::Ignore | OnRestart::Restart | OnRestart::Stop => continue,
            };
            if child.life().is_some_and(|life| !life.is_ending()) {
                self.at_mut(dependent).plan = plan;
                self.stop_run(dependent, Asked::Dependency, out);
            }
        }
    }

    /// Returns what follows an end that is a supervisor's own: its children decided it.
    pub(super) fn supervisor_cause(child: &Child) -> Cause {
        use crate::child::Ending;
        match child.group.as_ref().and_then(|group| group.ending) {
            Some(Ending::GaveUp) => Cause::GaveUp,
            Some(Ending::AutoShutdown) => Cause::Completed,
            None => {
                let asked = child.life().and_then(|life| life.asked).map(|(asked, _)| asked);
                Cause::judge(asked, &Exit::Aborted, &child.spec.success)
            }
        }
    }
}

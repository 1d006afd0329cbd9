//! Carrying out a decision: the wait, the group, the end of a budget, the end of a supervisor.

use super::Tree;
use crate::child::{Alert, AlertKind, Ending, Finish, Phase, Place, Plan, Want, Work};
use crate::effect::{Effects, Outcome};
use crate::event::{Action, Event, Rule};
use crate::exit::{Asked, Cause};
use crate::policy::breaker::BreakerState;
use crate::policy::restart::Restart;
use crate::spec::{Activation, AutoShutdown, Finished, OnExhausted};

impl Tree {
    /// Carries out what was decided about an exit.
    pub(super) fn carry_out(
        &mut self,
        slot: u32,
        asked: Option<Asked>,
        cause: &Cause,
        rule: Rule,
        action: Action,
        out: &mut Effects,
    ) {
        match action {
            Action::AsWanted => self.follow_wishes(slot, asked),
            Action::Restart { at, .. } => self.at_mut(slot).plan = Plan::At(at),
            Action::Regroup { delay } => {
                self.at_mut(slot).plan = Plan::Run;
                if let Some(above) = self.above(slot) {
                    let not_before = self.now + delay.wait + delay.holdoff;
                    self.begin_group(above, slot, delay.wait, not_before, out);
                }
            }
            Action::Finish => self.finish(slot, cause, out),
            Action::Exhaust { .. } => self.exhaust(slot, rule, action, out),
        }
    }

    /// The run ended as asked: it runs again as soon as nothing stands in its way.
    fn follow_wishes(&mut self, slot: u32, asked: Option<Asked>) {
        let child = self.at_mut(slot);
        match asked {
            // A child that is never restarted is not revived with its group either.
            Some(Asked::Group) if child.spec.restart == Restart::Never => {
                child.plan = Plan::Never(Finish::Stopped);
                self.at_mut(slot).leaving |= self.is_forgotten(slot);
            }
            // Whether it may come back was settled when its need went away.
            Some(Asked::Dependency) => {}
            Some(Asked::Idle) => {
                child.demanded = false;
                child.plan = Plan::Run;
            }
            Some(_) | None => child.plan = Plan::Run,
        }
    }

    /// Returns whether a child that gets no further run leaves the tree.
    fn is_forgotten(&self, slot: u32) -> bool {
        let never = self.at(slot).spec.restart == Restart::Never;
        let above = self.above(slot).and_then(|above| self.at(above).spec.supervisor());
        above.is_some_and(|above| {
            above.finished == Finished::Forget && (never || above.dynamic.is_some())
        })
    }

    /// The child gets no further run by its rule.
    fn finish(&mut self, slot: u32, cause: &Cause, out: &mut Effects) {
        self.at_mut(slot).plan = Plan::Never(finish_of(cause));
        self.at_mut(slot).leaving |= self.is_forgotten(slot);
        // A start with nothing to do was no run, so it is no end.
        let ends = self.at(slot).spec.significant && *cause != Cause::Skipped;
        if let Some(above) = self.above(slot).filter(|_| ends) {
            self.significant_end(above, slot, out);
        }
    }

    /// Ends a supervisor whose significant children have ended, as its `auto_shutdown` says.
    fn significant_end(&mut self, supervisor: u32, by: u32, out: &mut Effects) {
        let rule = self
            .at(supervisor)
            .spec
            .supervisor()
            .map_or(AutoShutdown::Never, |spec| spec.auto_shutdown);
        let all_ended = || {
            let mut significant = self
                .brood(supervisor)
                .from(Place::FIRST)
                .map(|slot| self.at(slot))
                .filter(|child| child.spec.significant);
            significant.all(|child| {
                let stays_down = matches!(child.plan, Plan::Never(_));
                child.life().is_none()
                    && (stays_down || child.want == Want::Down || child.quarantined)
            })
        };
        let ends = match rule {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => all_ended(),
        };
        if !ends {
            return;
        }
        out.note(Event::AutoShutdown { supervisor: self.at(supervisor).id, by: self.at(by).id });
        if self.above(supervisor).is_none() {
            self.begin_drain(Outcome::Asked, out);
        } else {
            self.end_supervisor(supervisor, Ending::AutoShutdown, out);
        }
    }

    /// Does what the end of a budget leads to, to the one who declared it.
    pub(super) fn exhaust(&mut self, slot: u32, rule: Rule, action: Action, out: &mut Effects) {
        let Action::Exhaust { end, owner } = action else { return };
        let owner = owner.slot;
        let over_children = owner != slot;
        self.at_mut(slot).plan = Plan::Run;
        self.clear_limits(owner, over_children);
        match end {
            OnExhausted::Cooldown if over_children => self.cool_children(owner, out),
            OnExhausted::Cooldown => self.open_breaker(slot, rule, out),
            OnExhausted::Quarantine => {
                self.alert(
                    owner,
                    alert_of(rule, self.last_step(slot), AlertKind::Quarantined),
                    out,
                );
                self.at_mut(owner).quarantined = true;
                self.at_mut(owner).position = 0;
                if over_children {
                    self.stop_run(owner, Asked::Quarantine, out);
                }
            }
            OnExhausted::Escalate if over_children => self.give_up(owner, slot, rule, out),
            OnExhausted::Escalate => {
                self.at_mut(slot).plan = Plan::Never(Finish::Failed);
                if let Some(above) = self.above(slot) {
                    self.give_up(above, slot, rule, out);
                }
            }
            OnExhausted::Shutdown => {
                self.at_mut(slot).plan = Plan::Never(Finish::Failed);
                self.shut_down(slot, rule, out);
            }
        }
    }

    fn open_breaker(&mut self, slot: u32, rule: Rule, out: &mut Effects) {
        let child = self.at_mut(slot);
        let mut breaker = child.breaker();
        let spec = child.spec.clone();
        if spec.activation != Activation::Always {
            child.demanded = false;
        }
        child.position = 0;
        breaker.open(self.now, &spec.cooldown, spec.level_decay);
        self.set_breaker(slot, breaker, out);
        self.alert(slot, alert_of(rule, self.last_step(slot), AlertKind::BreakerOpened), out);
    }

    /// Opens the breaker over a supervisor's children: live ones go on, none is started.
    fn cool_children(&mut self, supervisor: u32, out: &mut Effects) {
        let now = self.now;
        let spec = self.at(supervisor).spec.clone();
        let group = self.group_mut(supervisor);
        group.trial_until = None;
        group.breaker.open(now, &spec.cooldown, spec.level_decay);
        self.note_group_breaker(supervisor, out);
        self.touch_below(supervisor);
        self.alert(supervisor, AlertKind::GroupCooling, out);
    }

    /// The cooldown over a supervisor's children is over, or their trial is passed.
    pub(super) fn group_breaker_due(&mut self, supervisor: u32, out: &mut Effects) {
        let now = self.now;
        let stable_after = self.at(supervisor).spec.stable_after;
        let group = self.group_mut(supervisor);
        match group.breaker.state {
            BreakerState::Open(Some(until)) if until <= now => {
                group.breaker.state = BreakerState::Trial;
                group.trial_until = Some(now + stable_after);
                self.note_group_breaker(supervisor, out);
                self.look_again_in(supervisor);
            }
            BreakerState::Trial if group.trial_until.is_some_and(|until| until <= now) => {
                group.breaker.state = BreakerState::Closed;
                group.trial_until = None;
                self.note_group_breaker(supervisor, out);
            }
            BreakerState::Open(_) | BreakerState::Trial | BreakerState::Closed => {}
        }
    }

    pub(super) fn note_group_breaker(&self, supervisor: u32, out: &mut Effects) {
        let child = self.at(supervisor);
        let breaker = self.group(supervisor).breaker;
        let level = breaker.level(self.now, child.spec.level_decay);
        out.note(Event::Breaker {
            child: child.id,
            over_children: true,
            state: breaker.state,
            level,
        });
    }

    /// A supervisor ends with a cause its own supervisor can tell from a stop; the root ends the tree.
    fn give_up(&mut self, supervisor: u32, by: u32, rule: Rule, out: &mut Effects) {
        if self.above(supervisor).is_none() {
            self.shut_down(by, rule, out);
            return;
        }
        out.note(Event::GaveUp { supervisor: self.at(supervisor).id, by: self.at(by).id });
        self.alert(supervisor, AlertKind::GaveUp, out);
        self.end_supervisor(supervisor, Ending::GaveUp, out);
    }

    /// Ends a supervisor of its own accord. One that is ending already decides nothing about its children.
    fn end_supervisor(&mut self, supervisor: u32, ending: Ending, out: &mut Effects) {
        self.group_mut(supervisor).ending = Some(ending);
        self.at_mut(supervisor).watch = None;
        self.set_phase(supervisor, Phase::Stopping { step: 0, until: None });
        self.close(supervisor, out);
    }

    /// The whole tree ends because of this child.
    fn shut_down(&mut self, by: u32, rule: Rule, out: &mut Effects) {
        let child = self.at(by);
        let cause = child
            .memory
            .as_ref()
            .and_then(|memory| memory.last.as_ref())
            .map(|last| last.cause)
            .expect("a run that ended");
        let outcome = Outcome::fatal(child.id, &child.spec.kind, cause, rule);
        self.begin_drain(outcome, out);
    }

    /// Raises a sticky alert. The same thing in the same episode wakes nobody again.
    pub(super) fn alert(&mut self, slot: u32, kind: AlertKind, out: &mut Effects) {
        let now = self.now;
        let child = self.at_mut(slot);
        let alerts = &mut child.memory_mut().alerts;
        if let Some(alert) = alerts.iter_mut().find(|alert| alert.kind == kind && !alert.over) {
            alert.again = alert.again.saturating_add(1);
            return;
        }
        // An unseen one is never dropped for another kind.
        alerts.retain(|alert| alert.kind != kind && !(alert.over && alert.seen.is_some()));
        alerts.push(Alert { kind, since: now, again: 0, over: false, seen: None });
        out.note(Event::Alert { child: self.at(slot).id, kind });
    }

    /// What the alerts of this child were about is over; they themselves stay until acknowledged.
    pub(super) fn end_episode(&mut self, slot: u32) {
        if let Some(memory) = &mut self.at_mut(slot).memory {
            memory.alerts.iter_mut().for_each(|alert| alert.over = true);
        }
    }

    /// Tells every resting child of a supervisor from a place on, at once, what keeps it from starting now.
    ///
    /// It leaves no turn on the agenda, which could come up in the middle of a later bring-up.
    pub(super) fn rest_below(&mut self, supervisor: u32, from: Place, out: &mut Effects) {
        let children = self.brood(supervisor).from(from);
        let resting: alloc::vec::Vec<u32> =
            children.filter(|slot| self.at(*slot).life().is_none()).collect();
        for slot in resting {
            if self.children[slot as usize].is_none() {
                continue;
            }
            match self.gate(slot) {
                _ if self.at(slot).leaving => self.remove(slot, out),
                Some(why) => self.rest(slot, why, out),
                None => self.look_again(slot),
            }
        }
    }

    /// The deadlines below a supervisor are read anew: nobody makes place while it cools down.
    fn touch_below(&mut self, supervisor: u32) {
        let below: alloc::vec::Vec<u32> = self.brood(supervisor).from(Place::FIRST).collect();
        for slot in below {
            self.touched.push(slot);
            if self.at(slot).group.is_some() {
                self.touch_below(slot);
            }
        }
    }

    fn last_step(&self, slot: u32) -> Option<crate::exit::StartStep> {
        let last = self.at(slot).memory.as_ref()?.last.as_ref()?;
        if let Cause::StartFailed { step, .. } = last.cause { Some(step) } else { None }
    }

    /// Returns whether a supervisor's work waits for this child to be gone.
    pub(super) fn is_sweeping(&self, supervisor: u32) -> bool {
        matches!(self.group(supervisor).work, Work::Closing { .. } | Work::Stopping { .. })
    }
}

fn finish_of(cause: &Cause) -> Finish {
    if *cause == Cause::Skipped {
        Finish::Skipped
    } else if cause.is_clean() {
        Finish::Completed
    } else {
        Finish::Failed
    }
}

fn alert_of(rule: Rule, step: Option<crate::exit::StartStep>, plain: AlertKind) -> AlertKind {
    match (rule, step) {
        (Rule::Unmendable, Some(step)) => AlertKind::CannotStart(step),
        (Rule::Permanent, _) => AlertKind::Permanent,
        _ => plain,
    }
}

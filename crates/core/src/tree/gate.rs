//! Whether a child that rests may start: the one way into a run.
//!
//! The reasons against it stand in order of priority: drain, its supervisor, the group, quarantine,
//! pause, breaker, want, policy, and then what it only has to wait for.

use super::{Todo, Tree};
use crate::child::{Child, Life, Phase, Plan, Rest, State, Want, Work};
use crate::command::Standing;
use crate::effect::{Effect, Effects};
use crate::event::Event;
use crate::id::RunId;
use crate::moment::Moment;
use crate::policy::breaker::{Breaker, BreakerState};
use crate::spec::{Activation, Need, Strategy, Until};
use core::time::Duration;

impl Tree {
    /// Starts a child that rests, or states the first reason why not.
    pub(super) fn consider(&mut self, slot: u32, out: &mut Effects) {
        if self.at(slot).life().is_some() {
            // A live run may have waited for the same change before it makes place.
            self.touched.push(slot);
            return;
        }
        if self.at(slot).leaving {
            self.remove(slot, out);
            return;
        }
        self.end_cooldown(slot, out);
        match self.gate(slot) {
            Some(why) => self.rest(slot, why, out),
            None if self.is_refused_at_start(slot, out) => {}
            None => self.start(slot, out),
        }
    }

    /// Returns the first reason why a child that rests may not start now.
    pub(super) fn gate(&self, slot: u32) -> Option<Rest> {
        let child = self.at(slot);
        if self.drain.is_some() {
            return Some(Rest::Draining);
        }
        if child.above.is_some_and(|above| !self.is_up(above.slot)) {
            return Some(Rest::Above);
        }
        if child.quarantined {
            return Some(Rest::Quarantined);
        }
        if !child.by_hand && self.is_paused(slot) {
            return Some(Rest::Paused);
        }
        // A cooldown that is over stands in nobody's way: the next run is its trial.
        if let BreakerState::Open(until) = child.breaker().state
            && until.is_none_or(|until| until > self.now)
        {
            return Some(Rest::Broken { until });
        }
        if child.want == Want::Down {
            return Some(Rest::Stopped);
        }
        if let Plan::Never(finish) = child.plan {
            return Some(Rest::Finished(finish));
        }
        if let Plan::At(until) = child.plan
            && until > self.now
        {
            return Some(Rest::Waiting { until });
        }
        if self.is_held_by_group(child) {
            return Some(Rest::Group);
        }
        if child.spec.activation != Activation::Always && !child.demanded && !child.by_hand {
            return Some(Rest::Demand);
        }
        let in_order = child.above.is_some_and(|above| self.start_slots(above.slot) == 1);
        if in_order {
            // It keeps its turn while what it needs, which comes before it, is starting.
            self.crowd(child).or_else(|| self.unmet_need(slot))
        } else {
            self.unmet_need(slot).or_else(|| self.crowd(child))
        }
    }

    /// Returns whether a supervisor lives and is not ending.
    fn is_up(&self, supervisor: u32) -> bool {
        self.at(supervisor).life().is_some_and(|life| !life.is_ending())
    }

    /// Returns whether the group of this child is being stopped, or its delay runs.
    pub(super) fn is_held_by_group(&self, child: &Child) -> bool {
        child.above.is_some_and(|above| match self.group(above.slot).work {
            Work::Stopping { from, .. } | Work::Delay { from, .. } => child.place >= from,
            Work::Serving | Work::Starting { .. } | Work::Closing { .. } => false,
        })
    }

    /// Who else is starting, or was too much. A command goes past all but the order of a bring-up.
    fn crowd(&self, child: &Child) -> Option<Rest> {
        let above = child.above?.slot;
        if child.by_hand {
            return if self.is_in_order(above) { self.full(child, above) } else { None };
        }
        self.cooling(above).or_else(|| self.full(child, above)).or_else(|| self.stormy(child))
    }

    /// Returns whether automatic starts are suspended for a child or for a supervisor above it.
    pub(super) fn is_paused(&self, slot: u32) -> bool {
        let mut at = Some(slot);
        while let Some(slot) = at {
            if self.at(slot).paused {
                return true;
            }
            at = self.above(slot);
        }
        false
    }

    fn unmet_need(&self, slot: u32) -> Option<Rest> {
        let child = self.at(slot);
        let above = child.above?.slot;
        child.spec.needs.iter().find_map(|need| {
            // A needed child that has left the tree was finished and forgotten.
            let needed = self.find_below(above, &need.child)?;
            (!self.is_met(need, needed)).then(|| Rest::Need { child: self.at(needed).id })
        })
    }

    /// Returns whether the child in slot `needed` has come far enough.
    pub(super) fn is_met(&self, need: &Need, needed: u32) -> bool {
        use crate::child::Finish;
        let needed = self.at(needed);
        let is_done = needed.life().is_none()
            && matches!(needed.plan, Plan::Never(Finish::Completed | Finish::Skipped));
        match need.until {
            Until::Completed => is_done,
            Until::Started => {
                is_done
                    || needed.life().is_some_and(|life| {
                        !life.is_ending() && !matches!(life.phase, Phase::Starting { .. })
                    })
            }
            Until::Ready => {
                needed.life().is_some_and(|life| matches!(life.phase, Phase::Ready { .. }))
            }
        }
    }

    /// Returns whether a supervisor is starting its children, or a group of them, in order.
    pub(super) fn is_in_order(&self, supervisor: u32) -> bool {
        self.at(supervisor).standing() != Standing::Ready || self.is_starting_group(supervisor)
    }

    /// The nearest supervisor above whose children cool down.
    fn cooling(&self, above: u32) -> Option<Rest> {
        match self.group(above).breaker.state {
            BreakerState::Open(until) => {
                Some(Rest::Cooldown { supervisor: self.at(above).id, until })
            }
            BreakerState::Closed | BreakerState::Trial => self.cooling(self.above(above)?),
        }
    }

    /// Returns whether a supervisor above keeps this child from being started.
    pub(super) fn is_cooling(&self, slot: u32) -> bool {
        self.above(slot).is_some_and(|above| self.cooling(above).is_some())
    }

    /// Enough siblings are starting, or others have waited longer for their turn.
    fn full(&self, child: &Child, above: u32) -> Option<Rest> {
        let brood = self.brood(above);
        let waited_longer = brood.queue.first().is_some_and(|(ticket, _)| match child.state {
            State::Rest { why: Rest::Slot { ticket: mine }, .. } => *ticket < mine,
            State::Rest { .. } | State::Live(_) => true,
        });
        let is_full = brood.opening >= self.start_slots(above) || waited_longer;
        is_full.then_some(Rest::Slot { ticket: 0 })
    }

    /// How many children of a supervisor may be between start and ready.
    pub(super) fn start_slots(&self, supervisor: u32) -> u32 {
        match self.at(supervisor).spec.supervisor() {
            Some(spec) if spec.is_serial() => 1,
            Some(spec) => spec.start_concurrency.unwrap_or(self.settings.start_concurrency),
            None => 1,
        }
    }

    /// The storm rate counts what drivers have to start; a supervisor costs nothing.
    fn stormy(&self, child: &Child) -> Option<Rest> {
        (child.group.is_none() && self.storm_ends()? > self.now)
            .then_some(Rest::Storm { ticket: 0 })
    }

    /// Returns when the storm rate lets the next start through; `None` without a storm rate.
    pub(super) fn storm_ends(&self) -> Option<Moment> {
        let rate = self.settings.storm_rate?;
        let spare = Duration::from_secs_f64(1.0 / rate.per_second).saturating_mul(rate.burst - 1);
        Some(self.storm - spare)
    }

    /// Lets a breaker whose cooldown is over try one run.
    fn end_cooldown(&mut self, slot: u32, out: &mut Effects) {
        let now = self.now;
        let child = self.at(slot);
        let breaker = child.breaker();
        if !matches!(breaker.state, BreakerState::Open(Some(until)) if until <= now) {
            return;
        }
        self.set_breaker(slot, Breaker { state: BreakerState::Trial, ..breaker }, out);
        // The siblings it belongs with have to start anew together with it.
        let Some(above) = self.above(slot) else { return };
        if self.strategy_of(slot) != Strategy::OneForOne && self.gate(slot).is_none() {
            self.begin_group(above, slot, Duration::ZERO, self.now, out);
        }
    }

    pub(super) fn set_breaker(&mut self, slot: u32, breaker: Breaker, out: &mut Effects) {
        let child = self.at_mut(slot);
        child.memory_mut().breaker = Some(breaker);
        let (child, decay) = (child.id, child.spec.level_decay);
        let level = breaker.level(self.now, decay);
        out.note(Event::Breaker { child, over_children: false, state: breaker.state, level });
    }

    /// Puts a child to rest for a reason; a reason it already has keeps its moment and its ticket.
    pub(super) fn rest(&mut self, slot: u32, why: Rest, out: &mut Effects) {
        let present = match self.at(slot).state {
            State::Rest { why, .. } => Some(why),
            State::Live(_) => None,
        };
        let next = match (present, why) {
            (Some(present), why) if present == why => None,
            (Some(Rest::Slot { .. }), Rest::Slot { .. })
            | (Some(Rest::Storm { .. }), Rest::Storm { .. }) => None,
            (_, Rest::Slot { .. }) => Some(Rest::Slot { ticket: self.ticket() }),
            (_, Rest::Storm { .. }) => Some(Rest::Storm { ticket: self.ticket() }),
            (_, why) => Some(why),
        };
        if let Some(why) = next {
            self.set_state(slot, State::Rest { why, since: self.now });
            out.note(Event::Rests { child: self.at(slot).id, why });
        }
        // Who only waits for a turn still starts with its group; nobody waits for the others.
        if !matches!(why, Rest::Slot { .. } | Rest::Storm { .. } | Rest::Group) {
            self.uncount_start(slot, out);
        }
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Begins the next run.
    fn start(&mut self, slot: u32, out: &mut Effects) {
        let now = self.now;
        let child = self.at_mut(slot);
        child.runs += 1;
        child.began = now;
        child.frozen = false;
        let by_hand = core::mem::take(&mut child.by_hand);
        let (id, run, timeout) = (child.id, RunId(child.runs), child.spec.start_timeout);
        let trial = child.breaker().state == BreakerState::Trial;
        let is_supervisor = child.group.is_some();
        if !by_hand {
            if self.charges_start(slot) {
                self.stamp_start(slot);
            }
            if !is_supervisor {
                self.take_storm_token();
            }
        }
        let phase = if is_supervisor {
            Phase::Started { until: None }
        } else {
            Phase::Starting { until: now + timeout }
        };
        self.set_state(slot, State::Live(Life { run, phase, asked: None }));
        out.note(Event::Starting { child: id, run, by_hand, trial });
        self.uncount_start(slot, out);
        if is_supervisor {
            out.note(Event::Started { child: id, run, took: Duration::ZERO });
            self.open(slot, by_hand, out);
            self.wake_dependents(slot, Until::Started);
        } else {
            out.ask(Effect::Start { child: id, run, first: run == RunId::FIRST });
        }
    }

    fn take_storm_token(&mut self) {
        if let Some(rate) = self.settings.storm_rate {
            self.storm = self.storm.max(self.now) + Duration::from_secs_f64(1.0 / rate.per_second);
        }
    }

    /// Gives free start slots to those who wait longest.
    pub(super) fn hand_out_slots(&mut self, supervisor: u32) {
        let Some(Some(brood)) = self.broods.get(supervisor as usize) else { return };
        let free = self.start_slots(supervisor).saturating_sub(brood.opening) as usize;
        // Whoever of them cannot use its slot leaves the queue, and the next is asked.
        let first = brood.queue.iter().take(free);
        let ids = first.filter_map(|(_, slot)| Some(self.children[*slot as usize].as_ref()?.id));
        self.agenda.extend(ids.map(Todo::Consider));
    }

    /// Lets those through whom the storm rate delayed, as far as it goes.
    pub(super) fn end_storm(&mut self, out: &mut Effects) {
        while let Some((_, slot)) = self.storm_queue.first().copied() {
            if self.stormy(self.at(slot)).is_some() {
                break;
            }
            self.consider(slot, out);
            if self.storm_queue.first().is_some_and(|(_, first)| *first == slot) {
                break;
            }
        }
    }
}

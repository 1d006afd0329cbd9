//! What a supervisor does with all of its children: bring them up, stop them layer by layer, end.

use super::{Todo, Tree};
use crate::child::{Group, Life, Phase, Place, Plan, Rest, State, Work};
use crate::effect::Effects;
use crate::event::Event;
use crate::exit::Asked;
use crate::spec::Finished;
use crate::spec::meaning::ranks;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a sweep through the children of a supervisor is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The supervisor ends.
    End,
    /// A group is restarted.
    Restart,
}

impl Tree {
    /// A supervisor begins its run: counters are clean, every child may start.
    ///
    /// What operators want, quarantines and breakers outlive it. A dynamic supervisor begins empty. Where the tree was
    /// begun again, the counters go on as they stood.
    pub(super) fn open(&mut self, supervisor: u32, by_hand: bool, out: &mut Effects) {
        let group = self.group_mut(supervisor);
        let (breaker, next_order, remembers) = (group.breaker, group.next_order, group.remembers);
        let (trial_until, frozen) = (group.trial_until, group.frozen);
        *group = Group { breaker, next_order, ..Group::new() };
        if remembers {
            (group.trial_until, group.frozen) = (trial_until, frozen);
        } else {
            self.clear_limits(supervisor, true);
        }
        let is_dynamic =
            self.at(supervisor).spec.supervisor().is_some_and(|spec| spec.dynamic.is_some());
        let is_first = self.at(supervisor).runs == 1;
        self.bring_back_forgotten(supervisor, out);
        let children: Vec<u32> = self.brood(supervisor).from(Place::FIRST).collect();
        for slot in children {
            if !remembers {
                self.clear_limits(slot, false);
                self.at_mut(slot).position = 0;
            }
            let child = self.at_mut(slot);
            let rests = child.life().is_none();
            child.leaving |= rests && is_dynamic && !is_first;
            child.counted = false;
            child.plan = Plan::Run;
            child.by_hand |= by_hand && rests;
            if rests {
                // Until the gate is asked it counts as on its way: the supervisor is not ready yet.
                let why = Rest::Waiting { until: self.now };
                self.set_state(slot, State::Rest { why, since: self.now });
            }
            self.look_again(slot);
        }
        self.agenda.push_back(Todo::Readiness(supervisor));
    }

    /// What was declared and forgotten when it was finished comes back with its supervisor.
    fn bring_back_forgotten(&mut self, supervisor: u32, out: &mut Effects) {
        let child = self.at(supervisor);
        let (above, spec) = (child.id, child.spec.clone());
        let Some(spec) = spec.supervisor().filter(|spec| spec.finished == Finished::Forget) else {
            return;
        };
        for ((name, child), rank) in spec.children.iter().zip(ranks(spec)) {
            match self.find_below(supervisor, name) {
                // What a command removes is not declared any more, so this one was only forgotten.
                Some(present) => self.at_mut(present).leaving = false,
                None => {
                    let order = self.next_order(supervisor);
                    let place = Place { rank, order };
                    let id = self.insert(Some(above), Arc::clone(name), child, place);
                    out.note(Event::Added { child: id, above });
                }
            }
        }
    }

    /// Stops every child of a supervisor, layer by layer from the last to the first; then it ends.
    pub(super) fn close(&mut self, supervisor: u32, out: &mut Effects) {
        self.stop_counting(supervisor);
        self.group_mut(supervisor).work = Work::Closing { rank: u32::MAX };
        self.rest_below(supervisor, Place::FIRST, out);
        self.sweep_on(supervisor, out);
    }

    /// Stops the next layer in which anything lives; when none is left, goes on to what the sweep was for.
    pub(super) fn sweep_on(&mut self, supervisor: u32, out: &mut Effects) {
        let (from, below, purpose) = match self.group(supervisor).work {
            // Nothing starts any more, so what lives is below the last layer; `move_to` begins anew.
            Work::Closing { rank } => (Place::FIRST, rank, Purpose::End),
            Work::Stopping { from, rank, .. } => (from, rank, Purpose::Restart),
            Work::Serving | Work::Delay { .. } | Work::Starting { .. } => return,
        };
        let next = {
            let brood = self.brood(supervisor);
            let end = (Place { rank: below, order: 0 }, 0);
            let mut upward = brood
                .order
                .range((from, 0)..end.max((from, 0)))
                .rev()
                .map(|(place, slot)| (*place, *slot));
            upward.find(|(_, slot)| self.is_swept(*slot, purpose)).map(|(place, _)| place.rank)
        };
        let Some(rank) = next else {
            self.swept(supervisor, out);
            return;
        };
        match &mut self.group_mut(supervisor).work {
            Work::Closing { rank: at } | Work::Stopping { rank: at, .. } => *at = rank,
            Work::Serving | Work::Delay { .. } | Work::Starting { .. } => {}
        }
        let layer: Vec<u32> = self
            .brood(supervisor)
            .layer(rank, from)
            .filter(|slot| self.is_swept(*slot, purpose))
            .collect();
        for slot in &layer {
            self.at_mut(*slot).counted = true;
        }
        self.group_mut(supervisor).left = layer.len() as u32;
        let asked = match purpose {
            Purpose::End => Asked::Close,
            Purpose::Restart => Asked::Group,
        };
        for slot in layer.into_iter().rev() {
            self.stop_run(slot, asked, out);
        }
    }

    /// Returns whether a sweep has to wait for this child.
    ///
    /// A group restart leaves a paused sibling with a live run alone, and waits for an abandoned run:
    /// there are never two. A supervisor that ends does neither.
    fn is_swept(&self, slot: u32, purpose: Purpose) -> bool {
        let child = self.at(slot);
        let Some(life) = child.life() else { return false };
        match purpose {
            Purpose::Restart => !self.is_paused(slot) || life.is_ending(),
            Purpose::End => !matches!(life.phase, Phase::Abandoned { .. }),
        }
    }

    /// Nothing of the sweep is left.
    fn swept(&mut self, supervisor: u32, out: &mut Effects) {
        match self.group(supervisor).work {
            Work::Closing { .. } => self.supervisor_gone(supervisor, out),
            Work::Stopping { from, delay, not_before, .. } => {
                self.group_gone(supervisor, from, delay, not_before);
            }
            Work::Serving | Work::Delay { .. } | Work::Starting { .. } => {}
        }
    }

    fn supervisor_gone(&mut self, supervisor: u32, out: &mut Effects) {
        if self.above(supervisor).is_none() {
            self.drained(out);
            return;
        }
        let cause = Self::supervisor_cause(self.at(supervisor));
        self.end_run(supervisor, cause, None, None, out);
    }

    /// Ends every run below a supervisor by force, all at once.
    pub(super) fn force_below(&mut self, supervisor: u32, out: &mut Effects) {
        let Some(life) = self.at(supervisor).life().copied() else { return };
        self.at_mut(supervisor).watch = None;
        let asked = life.asked.or(Some((Asked::Close, self.now)));
        let phase = Phase::Stopping { step: u8::MAX, until: None };
        self.set_state(supervisor, State::Live(Life { phase, asked, ..life }));
        if let Some((asked, _)) = asked.filter(|_| !life.is_ending()) {
            out.note(Event::Stopping { child: self.at(supervisor).id, run: life.run, asked });
        }
        self.stop_counting(supervisor);
        self.group_mut(supervisor).work = Work::Closing { rank: 0 };
        self.rest_below(supervisor, Place::FIRST, out);
        let live: Vec<u32> = self
            .brood(supervisor)
            .from(Place::FIRST)
            .filter(|slot| self.is_swept(*slot, Purpose::End))
            .collect();
        for slot in &live {
            self.at_mut(*slot).counted = true;
        }
        self.group_mut(supervisor).left = live.len() as u32;
        if live.is_empty() {
            self.swept(supervisor, out);
            return;
        }
        for slot in live.into_iter().rev() {
            self.force(slot, out);
        }
    }

    /// A child is gone: the sweep it was counted in goes on.
    pub(super) fn uncount_gone(&mut self, slot: u32, out: &mut Effects) {
        if self.above(slot).is_some_and(|above| self.is_sweeping(above)) {
            self.uncount(slot, out);
        }
    }

    /// A child has been started, or will not be for now: the group it was counted in goes on.
    pub(super) fn uncount_start(&mut self, slot: u32, out: &mut Effects) {
        if self.above(slot).is_some_and(|above| self.is_starting_group(above)) {
            self.uncount(slot, out);
        }
    }

    /// Takes a child out of what its supervisor's work still waits for.
    pub(super) fn uncount(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at_mut(slot);
        if !core::mem::take(&mut child.counted) {
            return;
        }
        if let Some(above) = self.above(slot) {
            self.one_less(above, out);
        }
    }

    /// The present work of a supervisor waits for one child less.
    pub(super) fn one_less(&mut self, above: u32, out: &mut Effects) {
        let group = self.group_mut(above);
        group.left -= 1;
        if group.left > 0 {
            return;
        }
        match group.work {
            Work::Closing { .. } | Work::Stopping { .. } => self.sweep_on(above, out),
            Work::Starting { .. } => self.group_started(above, out),
            Work::Serving | Work::Delay { .. } => {}
        }
    }

    /// Drops the present counting, before another work begins.
    pub(super) fn stop_counting(&mut self, supervisor: u32) {
        if core::mem::take(&mut self.group_mut(supervisor).left) == 0 {
            return;
        }
        let children: Vec<u32> = self.brood(supervisor).from(Place::FIRST).collect();
        for slot in children {
            self.at_mut(slot).counted = false;
        }
    }

    pub(super) fn is_closing(&self, supervisor: u32) -> bool {
        matches!(self.group(supervisor).work, Work::Closing { .. })
    }
}

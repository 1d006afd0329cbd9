//! A tree that ended, or whose machine did, is begun again: nothing lives any more, and nothing is forgotten.

use super::Snapshot;
use crate::child::{Child, Group, Last, Life, Phase, Plan, Rest, State};
use crate::event::{Action, Rule};
use crate::exit::{Asked, Cause, Exit};
use crate::id::ChildId;
use crate::moment::Moment;
use crate::policy::breaker::BreakerState;
use crate::policy::budget::{Count, Scope};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

impl Snapshot {
    /// Returns the tree as it is to be begun again at `now`, by [`Input::Boot`](crate::Input::Boot).
    ///
    /// For a tree that has ended, and for one whose every run is known to be gone: the machine was started anew. A run
    /// that lived ended unseen, which charges nothing. The drain is over; children that were leaving, and those of
    /// dynamic supervisors, are not there any more. What operators want, pauses, quarantines, breakers, what was
    /// counted, the position on each backoff, alerts, specs and remembered commands stay. Whatever is wanted runs: also
    /// what had come to its end, and what waited for the end of a delay.
    ///
    /// `now` is by the clock of the tree: the time that passed meanwhile is in it.
    #[must_use]
    pub fn begin_again(mut self, now: Moment) -> Self {
        let (before, now) = (self.now, now.max(self.now));
        for slot in self.slots(|child| self.is_gone(child)) {
            self.children[slot] = None;
            self.free.push(slot as u32);
            if let Some(epoch) = self.epochs.get_mut(slot) {
                *epoch += 1;
            }
        }
        for slot in self.slots(|child| self.was_up(child)) {
            self.take_start_back(slot);
        }
        for child in self.children.iter_mut().flatten() {
            child.begin_again(before, now);
        }
        self.drain = None;
        self.now = now;
        self
    }

    fn slots(&self, is_meant: impl Fn(&Child) -> bool) -> Vec<usize> {
        let children = self.children.iter().enumerate();
        let meant = children.filter(|(_, child)| child.as_ref().is_some_and(&is_meant));
        meant.map(|(slot, _)| slot).collect()
    }

    /// Returns whether a child, or a supervisor above it, does not come back.
    fn is_gone(&self, child: &Child) -> bool {
        let mut at = child;
        // No tree is deeper than it has children.
        for _ in 0..self.children.len() {
            if at.leaving {
                return true;
            }
            let Some(above) = at.above.and_then(|above| self.at(above)) else { return false };
            if above.spec.supervisor().is_some_and(|spec| spec.dynamic.is_some()) {
                return true;
            }
            at = above;
        }
        false
    }

    /// Returns whether a child lived until the tree ended, or was lost.
    fn was_up(&self, child: &Child) -> bool {
        let last = child.memory.as_ref().and_then(|memory| memory.last.as_ref());
        let closed = || {
            let drain = self.drain.as_ref()?;
            let (asked, _) = last?.asked?;
            Some(asked == Asked::Close && last?.ended >= drain.since)
        };
        child.life().is_some() || closed().unwrap_or(false)
    }

    /// Takes back the start of the run that a child had. Its next one stands in its place, so that beginning a tree
    /// again however often uses up no limit on starts.
    fn take_start_back(&mut self, slot: usize) {
        let above = self.children[slot].as_ref().and_then(|child| child.above);
        let owners = [
            (Some(slot), Scope::Child),
            (above.map(ChildId::slot), Scope::Supervisor),
            (Some(ChildId::ROOT.slot()), Scope::Tree),
        ];
        for (owner, scope) in owners {
            let owner = owner.and_then(|owner| self.children.get_mut(owner)?.as_mut());
            let Some(Child { spec, memory: Some(memory), .. }) = owner else { continue };
            for (window, limit) in memory.windows.iter_mut().zip(&spec.budget) {
                if limit.scope == scope && limit.count == Count::Starts {
                    window.take_back();
                }
            }
        }
    }

    fn at(&self, id: ChildId) -> Option<&Child> {
        self.children.get(id.slot())?.as_ref()
    }
}

impl Child {
    /// Puts it to rest as before its supervisor's first run; `before` is when it was last known to live.
    fn begin_again(&mut self, before: Moment, now: Moment) {
        if let State::Live(life) = self.state {
            let exit = Exit::Unknown { from: before, to: now };
            let asked = life.asked.map(|(asked, _)| asked);
            let cause = Cause::judge(asked, &exit, &self.spec.success);
            self.note_unseen_end(life, cause, exit, now);
        }
        self.state = State::Rest { why: Rest::Above, since: now };
        self.plan = Plan::Run;
        self.watch = None;
        self.frozen = false;
        self.demanded = false;
        self.by_hand = false;
        self.counted = false;
        let stable_after = self.spec.stable_after;
        if let Some(group) = &mut self.group {
            let frozen = group.frozen_since.map_or(Duration::ZERO, |since| before.since(since));
            let trial = group.breaker.state == BreakerState::Trial;
            **group = Group {
                breaker: group.breaker,
                trial_until: trial.then(|| now + stable_after),
                frozen: group.frozen + frozen,
                next_order: group.next_order,
                remembers: true,
                ..Group::new()
            };
        }
    }

    fn note_unseen_end(&mut self, life: Life, cause: Cause, exit: Exit, now: Moment) {
        let driven = self.group.is_none();
        let began = self.began;
        self.memory.get_or_insert_with(Box::default).last = Some(Last {
            run: life.run,
            began,
            ended: now,
            asked: life.asked,
            forced: matches!(life.phase, Phase::Killing { .. } | Phase::Abandoned { .. }),
            cause,
            exit: driven.then_some(exit),
            detail: None,
            decision: (Rule::BegunAgain, Action::AsWanted),
        });
    }
}

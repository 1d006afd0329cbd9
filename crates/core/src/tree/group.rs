//! Group restarts: the siblings that an exit touches are stopped in reverse order, then started in order.

use super::Tree;
use crate::child::{Place, Plan, Want, Work};
use crate::effect::Effects;
use crate::event::Event;
use crate::moment::Moment;
use crate::policy::restart::Restart;
use crate::spec::Strategy;
use alloc::vec::Vec;
use core::time::Duration;

impl Tree {
    /// Begins a group restart led by the child in slot `leader`, or widens the one under way.
    pub(super) fn begin_group(
        &mut self,
        supervisor: u32,
        leader: u32,
        delay: Duration,
        not_before: Moment,
        out: &mut Effects,
    ) {
        let strategy = self.strategy_of(leader);
        let from = match strategy {
            Strategy::OneForAll => Place::FIRST,
            Strategy::RestForOne | Strategy::OneForOne => self.at(leader).place,
        };
        let (now, leader_id) = (self.now, self.at(leader).id);
        self.stop_counting(supervisor);
        let group = self.group_mut(supervisor);
        // From the failure to the last start the supervisor's own doing ages no entry.
        group.frozen_since.get_or_insert(now);
        group.leader = Some(leader_id);
        group.work = Work::Stopping { from, rank: u32::MAX, delay, not_before };
        let supervisor_id = self.at(supervisor).id;
        out.note(Event::Regrouping {
            supervisor: supervisor_id,
            leader: leader_id,
            strategy,
            delay,
            not_before,
        });
        // Who waits for a slot gives its place up: the group starts in order.
        self.rest_below(supervisor, from, out);
        self.sweep_on(supervisor, out);
    }

    /// Everything in the group is gone: its delay runs.
    pub(super) fn group_gone(
        &mut self,
        supervisor: u32,
        from: Place,
        delay: Duration,
        not_before: Moment,
    ) {
        let until = (self.now + delay).max(not_before);
        self.group_mut(supervisor).work = Work::Delay { from, until };
        if until <= self.now {
            self.start_group(supervisor);
        }
    }

    /// The delay is over: the group starts in order.
    pub(super) fn start_group(&mut self, supervisor: u32) {
        let Work::Delay { from, .. } = self.group(supervisor).work else { return };
        let revives = self.at(supervisor).spec.supervisor().is_some_and(|spec| spec.revive);
        let members: Vec<u32> = self
            .brood(supervisor)
            .from(from)
            .filter(|slot| self.at(*slot).life().is_none())
            .collect();
        self.group_mut(supervisor).work = Work::Starting { from };
        self.group_mut(supervisor).left = members.len() as u32;
        for slot in &members {
            let child = self.at_mut(*slot);
            child.counted = true;
            if revives && child.spec.restart != Restart::Never {
                child.want = Want::Up;
                child.plan = Plan::Run;
            }
            self.look_again(*slot);
        }
        if members.is_empty() {
            self.end_group(supervisor);
        }
    }

    /// The last of the group has been started.
    pub(super) fn group_started(&mut self, supervisor: u32, out: &mut Effects) {
        self.end_group(supervisor);
        out.note(Event::Regrouped(self.at(supervisor).id));
    }

    pub(super) fn is_starting_group(&self, supervisor: u32) -> bool {
        matches!(self.group(supervisor).work, Work::Starting { .. })
    }

    fn end_group(&mut self, supervisor: u32) {
        let now = self.now;
        let group = self.group_mut(supervisor);
        group.work = Work::Serving;
        if let Some(since) = group.frozen_since.take() {
            group.frozen += now.since(since);
        }
    }
}

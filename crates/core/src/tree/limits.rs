//! The limits that count a child: consulted at an exit or a start, stamped, read.

use super::{Todo, Tree};
use crate::child::Group;
use crate::effect::Effects;
use crate::event::{Action, Event, LimitId, Rule};
use crate::exit::Asked;
use crate::id::ChildId;
use crate::moment::Moment;
use crate::policy::breaker::BreakerState;
use crate::policy::budget::{Admit, Count, Limit, Reading, Scope, Within};
use crate::spec::OnExhausted;

impl Tree {
    /// Consults every limit this exit counts for, and stamps it.
    ///
    /// A failure has happened whatever follows, so limits on failures are stamped in any case. A
    /// restart is stamped only when no limit refuses it. Of several that refuse, the strictest end leads.
    pub(super) fn charge(
        &mut self,
        slot: u32,
        is_forgiven: bool,
        out: &mut Effects,
    ) -> Option<(LimitId, OnExhausted)> {
        let consults = |tree: &Self, id: LimitId, limit: &Limit| {
            // Where a stable run is forgiven, its end begins no row.
            let is_forgiven = is_forgiven && limit.within == Within::Consecutive;
            limit.admit == Admit::AtExit && !is_forgiven && !tree.cools_already(id, limit)
        };
        let refuses = |limit: &Limit, before: Reading| match limit.count {
            Count::Failures => before.count + 1 >= limit.most,
            Count::Restarts | Count::Starts => !limit.allows(before.count),
        };
        let mut spent: Option<(LimitId, OnExhausted)> = None;
        self.each_limit(slot, |tree, id, limit| {
            if consults(tree, id, limit) && refuses(limit, tree.reading(id, limit)) {
                let end = tree.end_of(id.owner.slot, limit.scope);
                if spent.is_none_or(|(_, strictest)| strictest < end) {
                    spent = Some((id, end));
                }
            }
        });
        let child = self.at(slot).id;
        self.each_limit(slot, |tree, id, limit| {
            if !consults(tree, id, limit) {
                return;
            }
            let before = tree.reading(id, limit);
            let stamped = match limit.count {
                Count::Failures => true,
                Count::Restarts => spent.is_none(),
                Count::Starts => false,
            };
            if stamped {
                tree.stamp(id, limit);
            }
            let spent = refuses(limit, before);
            out.note(Event::Counted { child, limit: id, before, stamped, spent });
        });
        spent
    }

    /// Returns whether a limit is spent already and its cooldown runs, which nothing prolongs.
    fn cools_already(&self, id: LimitId, limit: &Limit) -> bool {
        let group = self.at(id.owner.slot).group.as_ref().filter(|_| limit.scope != Scope::Child);
        group.is_some_and(|group| matches!(group.breaker.state, BreakerState::Open(_)))
    }

    /// Returns what a spent limit leads to: the word of the one who declares it.
    fn end_of(&self, owner: u32, scope: Scope) -> OnExhausted {
        let spec = &self.at(owner).spec;
        match (scope, spec.supervisor()) {
            (Scope::Supervisor | Scope::Tree, Some(supervisor)) => supervisor.on_exhausted,
            (Scope::Child | Scope::Supervisor | Scope::Tree, _) => spec.own_end(),
        }
    }

    /// Visits the limits that count this child: its own, its supervisor's, the root's.
    fn each_limit(&mut self, slot: u32, mut visit: impl FnMut(&mut Self, LimitId, &Limit)) {
        let root = Some(ChildId::ROOT.slot);
        let owners = [
            (Some(slot), Scope::Child),
            (self.above(slot), Scope::Supervisor),
            (root, Scope::Tree),
        ];
        for (owner, scope) in owners {
            let Some(owner) = owner else { continue };
            for index in 0..self.at(owner).spec.budget.len() {
                let limit = self.at(owner).spec.budget[index];
                if limit.scope == scope {
                    let id = LimitId { owner: self.at(owner).id, index: index as u8 };
                    visit(self, id, &limit);
                }
            }
        }
    }

    /// Adds an entry now.
    fn stamp(&mut self, id: LimitId, limit: &Limit) {
        let now = self.clock_of(id.owner.slot, limit);
        self.at_mut(id.owner.slot).windows_mut()[usize::from(id.index)].stamp(limit, now);
    }

    /// Returns how a limit stands now. Asking changes nothing.
    pub(super) fn reading(&self, id: LimitId, limit: &Limit) -> Reading {
        let now = self.clock_of(id.owner.slot, limit);
        let memory = self.at(id.owner.slot).memory.as_ref();
        let window = memory.and_then(|memory| memory.windows.get(usize::from(id.index)));
        let empty = Reading { count: 0, most: limit.most, falls: None };
        let reading = window.map_or(empty, |window| window.read(limit, now));
        Reading { falls: reading.falls.map(|falls| falls + self.now.since(now)), ..reading }
    }

    /// The clock of a limit: a supervisor's limits on restarts stand still during a group restart.
    fn clock_of(&self, owner: u32, limit: &Limit) -> Moment {
        let group: Option<&Group> = self.at(owner).group.as_deref();
        let stands_still = limit.scope == Scope::Supervisor && limit.count == Count::Restarts;
        group.filter(|_| stands_still).map_or(self.now, |group| group.window_clock(self.now))
    }

    /// Returns whether the next start takes a slot: not when we ended the last run to begin this one.
    pub(super) fn charges_start(&self, slot: u32) -> bool {
        let last = self.at(slot).memory.as_ref().and_then(|memory| memory.last.as_ref());
        last.is_none_or(|last| {
            let closed = matches!(last.asked, Some((Asked::Close, _)));
            closed || !last.cause.is_asked()
        })
    }

    /// Stamps a start that no command asked for on the limits that count starts.
    pub(super) fn stamp_start(&mut self, slot: u32) {
        self.each_limit(slot, |tree, id, limit| {
            if limit.count == Count::Starts {
                tree.stamp(id, limit);
            }
        });
    }

    /// Checks the limits that are consulted when a start is due (systemd); acts when one refuses.
    pub(super) fn is_refused_at_start(&mut self, slot: u32, out: &mut Effects) -> bool {
        let child = self.at(slot);
        if child.by_hand || child.breaker().state == BreakerState::Trial {
            return false;
        }
        let refusing = child.spec.budget.iter().enumerate().find_map(|(index, limit)| {
            let id = LimitId { owner: child.id, index: index as u8 };
            let before = self.reading(id, limit);
            // A limit of zero still lets it run once, each time its supervisor begins anew.
            let refuses = limit.admit == Admit::AtStart && before.count >= limit.most.max(1);
            refuses.then_some((id, before))
        });
        let Some((limit, before)) = refusing else { return false };
        let (child, end) = (child.id, child.spec.own_end());
        out.note(Event::Counted { child, limit, before, stamped: false, spent: true });
        self.exhaust(slot, Rule::Spent(limit), Action::Exhaust { end, owner: child }, out);
        // It may have left the tree together with a supervisor that gave up.
        self.agenda.push_back(Todo::Consider(child));
        true
    }

    /// Empties the limits of a child over itself, or those of a supervisor over its children.
    pub(super) fn clear_limits(&mut self, owner: u32, over_children: bool) {
        let child = self.at_mut(owner);
        if let Some(memory) = &mut child.memory {
            for (window, limit) in memory.windows.iter_mut().zip(&child.spec.budget) {
                if (limit.scope != Scope::Child) == over_children {
                    window.clear();
                }
            }
        }
    }
}

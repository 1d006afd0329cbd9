//! The limits that count a child: consulted at an exit or a start, stamped, read.

use super::Tree;
use crate::child::Group;
use crate::effect::Effects;
use crate::event::{Action, Event, LimitId, Rule};
use crate::id::ChildId;
use crate::moment::Moment;
use crate::policy::breaker::BreakerState;
use crate::policy::budget::{Admit, Count, Limit, Reading, Scope, Window};
use crate::spec::OnExhausted;

impl Tree {
    /// Consults every limit this exit counts for, and stamps it.
    ///
    /// A failure has happened whatever follows, so limits on failures are stamped first. A restart
    /// is stamped only when no limit refuses it. Of several that refuse, the strictest end leads.
    pub(super) fn charge(
        &mut self,
        slot: u32,
        is_failure: bool,
        out: &mut Effects,
    ) -> Option<(LimitId, OnExhausted)> {
        let mut spent: Option<(LimitId, OnExhausted)> = None;
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
            if refuses && spent.is_none_or(|(_, strictest)| strictest < end) {
                spent = Some((id, end));
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
        let group: Option<&Group> = self.at(owner).group.as_deref();
        let stands_still = limit.scope == Scope::Supervisor && limit.count == Count::Restarts;
        group.filter(|_| stands_still).map_or(self.now, |group| group.window_clock(self.now))
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

    pub(super) fn clear_windows(&mut self, slot: u32) {
        if let Some(memory) = &mut self.at_mut(slot).memory {
            memory.windows.iter_mut().for_each(Window::clear);
        }
    }
}

//! Group restarts: who is waited for, the delay, the start, and the span that ages no window.

use super::event::wrong;
use super::{Book, Gate, Model, Owed, Plan, Work};
use crate::check::{Broken, Invariant};
use mainstay_core::child::{Place, Rest};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::Strategy;
use mainstay_core::{ChildId, Moment};
use std::time::Duration;

impl Model {
    pub(crate) fn regrouping(
        &mut self,
        supervisor: ChildId,
        leader: ChildId,
        strategy: Strategy,
        (delay, not_before): (Duration, Moment),
    ) -> Result<(), Broken> {
        let book = self.book(leader)?;
        let on_trial = book.breaker.state == Gate::Trial && book.live.is_none() && delay.is_zero();
        if strategy != self.strategy(book) || book.above != Some(supervisor) {
            return wrong(Invariant::Decision, "the group is another one");
        }
        let mut must = (self.now + delay).max(book.began + book.spec.backoff.holdoff);
        match self.pay(&Owed::Regrouping(supervisor)) {
            Err(_) if on_trial => must = self.now,
            paid => paid?,
        }
        if not_before != must {
            let text = format!("the group starts from {not_before} on, but it must from {must}");
            return wrong(Invariant::Decision, text);
        }
        self.regrouped.push(supervisor);
        self.regroup(supervisor, leader, delay, not_before);
        Ok(())
    }

    pub(crate) fn regrouped(&mut self, supervisor: ChildId) -> Result<(), Broken> {
        let Work::Starting { .. } = self.work(supervisor) else {
            let text = format!("{} had no group to start", self.path(supervisor));
            return wrong(Invariant::StartOrder, text);
        };
        let pack = self.book(supervisor)?.pack.clone();
        let members = pack.map(|pack| pack.members).unwrap_or_default();
        let left = self
            .children(supervisor)
            .find(|(id, book)| members.contains(id) && waits_for_a_turn(book) && !book.leaving);
        if let Some((_, left)) = left {
            let text = format!("the group is started, but {} is not", left.path);
            return wrong(Invariant::StartOrder, text);
        }
        self.serve_again(supervisor);
        Ok(())
    }

    /// Goes on with a group restart as far as nothing is waited for.
    pub(crate) fn settle_pack(&mut self, supervisor: ChildId) {
        let now = self.now;
        let work = self.work(supervisor);
        let next = match work {
            Work::Stopping { from, delay, not_before } => {
                let waits = self.children(supervisor).any(|(id, book)| {
                    book.place >= from
                        && book.live.as_ref().is_some_and(|run| !self.is_left_alone(id, run))
                });
                if waits {
                    return;
                }
                Work::Delay { from, until: (now + delay).max(not_before) }
            }
            Work::Delay { .. } => work,
            Work::Serving | Work::Closing | Work::Starting { .. } => return,
        };
        let Work::Delay { from, until } = next else { return };
        self.set_work(supervisor, next);
        if until > now {
            return;
        }
        self.set_work(supervisor, Work::Starting { from });
        let revives =
            self.books.get(&supervisor).and_then(Book::supervisor).is_some_and(|s| s.revive);
        let mut members = Vec::new();
        for (id, book) in self.books.iter_mut().filter(|(_, book)| book.above == Some(supervisor)) {
            if book.place >= from && book.live.is_none() {
                members.push(*id);
                if revives && book.spec.restart != Restart::Never {
                    (book.down, book.plan) = (false, Plan::Run);
                }
            }
        }
        // Whoever rests for a reason of its own is not waited for.
        let waited = |rest| {
            matches!(rest, None | Some(Rest::Slot { .. } | Rest::Storm { .. } | Rest::Group))
        };
        let nobody = members.is_empty();
        members.retain(|id| waited(self.reason(*id)));
        if nobody {
            self.serve_again(supervisor);
        }
        if let Some(pack) = self.books.get_mut(&supervisor).and_then(|b| b.pack.as_mut()) {
            pack.members = members;
        }
    }

    pub(crate) fn set_work(&mut self, supervisor: ChildId, work: Work) {
        if let Some(pack) = self.books.get_mut(&supervisor).and_then(|book| book.pack.as_mut()) {
            pack.work = work;
        }
    }

    /// The group restart is over: windows age again.
    pub(crate) fn serve_again(&mut self, supervisor: ChildId) {
        let now = self.now;
        self.set_work(supervisor, Work::Serving);
        if let Some(pack) = self.books.get_mut(&supervisor).and_then(|book| book.pack.as_mut())
            && let Some((_, end @ None)) = pack.freezes.last_mut()
        {
            *end = Some(now);
        }
    }

    /// Begins a group restart.
    pub(crate) fn regroup(
        &mut self,
        supervisor: ChildId,
        leader: ChildId,
        delay: Duration,
        not_before: Moment,
    ) {
        let now = self.now;
        let Some(book) = self.books.get(&leader) else { return };
        let from = match self.strategy(book) {
            Strategy::OneForAll => Place { rank: 0, order: 0 },
            Strategy::OneForOne | Strategy::RestForOne => book.place,
        };
        let Some(pack) = self.books.get_mut(&supervisor).and_then(|b| b.pack.as_mut()) else {
            return;
        };
        pack.work = Work::Stopping { from, delay, not_before };
        pack.spared.clear();
        if !matches!(pack.freezes.last(), Some((_, None))) {
            pack.freezes.push((now, None));
        }
        self.unsettled.push(supervisor);
    }
}

/// Whether a child rests only because its turn in the group has not come.
const fn waits_for_a_turn(book: &Book) -> bool {
    book.live.is_none()
        && matches!(book.rest, Some(Rest::Slot { .. } | Rest::Storm { .. } | Rest::Group))
}

//! Why a child does not run: every reason there can be, in order of priority.

use super::{Book, Gate, Model, Plan, Stage, Work};
use mainstay_core::child::{Finish, Rest};
use mainstay_core::spec::{Activation, Need, Until};
use mainstay_core::{ChildId, Moment};
use std::time::Duration;

impl Model {
    /// Returns the first true reason why a child that rests does not run; `None` when it must not rest.
    pub(crate) fn reason(&self, id: ChildId) -> Option<Rest> {
        match &self.drain {
            Some(_) => Some(Rest::Draining),
            None => self.reason_but_drain(id),
        }
    }

    /// The same, as if the tree did not drain.
    pub(crate) fn reason_but_drain(&self, id: ChildId) -> Option<Rest> {
        let book = self.books.get(&id)?;
        let now = self.now;
        match book.above {
            Some(above) if !self.books.get(&above).is_some_and(Book::is_up) => {
                return Some(Rest::Above);
            }
            None if !self.booted => return Some(Rest::Above),
            Some(_) | None => {}
        }
        if book.quarantined {
            return Some(Rest::Quarantined);
        }
        if !book.by_hand && self.is_paused(id) {
            return Some(Rest::Paused);
        }
        if book.breaker.is_open(now) {
            let Gate::Open(until) = book.breaker.state else { return None };
            return Some(Rest::Broken { until });
        }
        if book.down {
            return Some(Rest::Stopped);
        }
        match book.plan {
            Plan::Never(finish) => return Some(Rest::Finished(finish)),
            Plan::At(until) if until > now => return Some(Rest::Waiting { until }),
            Plan::At(_) | Plan::Run => {}
        }
        let above = book.above?;
        if let Work::Stopping { from, .. } | Work::Delay { from, .. } = self.work(above)
            && book.place >= from
        {
            return Some(Rest::Group);
        }
        if book.spec.activation != Activation::Always && !book.demanded && !book.by_hand {
            return Some(Rest::Demand);
        }
        // Where children start one by one, each keeps its turn while what it needs is starting.
        if self.start_slots(above) == 1 {
            self.crowd(book, above).or_else(|| self.unmet_need(book, above))
        } else {
            self.unmet_need(book, above).or_else(|| self.crowd(book, above))
        }
    }

    fn unmet_need(&self, book: &Book, above: ChildId) -> Option<Rest> {
        book.spec.needs.iter().find_map(|need| {
            let (child, needed) = self.sibling(above, &need.child)?;
            (!self.is_met(need, needed)).then_some(Rest::Need { child })
        })
    }

    /// Whether a child waits for that one.
    pub(crate) fn needs(&self, book: &Book, child: ChildId) -> bool {
        let Some(above) = book.above else { return false };
        book.spec.needs.iter().any(|need| {
            self.sibling(above, &need.child)
                .is_some_and(|(id, needed)| id == child && !self.is_met(need, needed))
        })
    }

    /// Who else starts, or was too much. A command goes past all but the order of a bring-up.
    fn crowd(&self, book: &Book, above: ChildId) -> Option<Rest> {
        let is_full = self.is_full(book, above);
        if book.by_hand {
            let run = self.books.get(&above)?.live.as_ref();
            let in_order = !matches!(run.map(|run| run.stage), Some(Stage::Ready(_)))
                || matches!(self.work(above), Work::Starting { .. });
            return (in_order && is_full).then_some(Rest::Slot { ticket: 0 });
        }
        let queue = || match is_full {
            true => Some(Rest::Slot { ticket: 0 }),
            false => self.is_stormy(book).then_some(Rest::Storm { ticket: 0 }),
        };
        self.cooling(above).or_else(queue)
    }

    /// Whether all start slots are taken, or somebody has waited longer for one.
    pub(crate) fn is_full(&self, book: &Book, above: ChildId) -> bool {
        let longer = |other: &Book| match (other.rest, book.rest) {
            _ if other.live.is_some() => false,
            (Some(Rest::Slot { ticket }), Some(Rest::Slot { ticket: mine })) => ticket < mine,
            (Some(Rest::Slot { .. }), _) => true,
            _ => false,
        };
        self.opening(above) >= self.start_slots(above)
            || self.children(above).any(|(_, other)| longer(other))
    }

    /// Whether the storm rate delays it.
    pub(crate) fn is_stormy(&self, book: &Book) -> bool {
        book.pack.is_none() && self.storm_ends().is_some_and(|at| at > self.now)
    }

    pub(crate) fn is_cooling(&self, book: &Book) -> bool {
        book.above.is_some_and(|above| self.cooling(above).is_some())
    }

    /// The nearest supervisor above whose children cool down.
    pub(crate) fn cooling(&self, above: ChildId) -> Option<Rest> {
        let mut at = Some(above);
        while let Some((supervisor, book)) = at.and_then(|id| Some((id, self.books.get(&id)?))) {
            if let Some(Gate::Open(until)) = book.pack.as_ref().map(|pack| pack.breaker.state) {
                return Some(Rest::Cooldown { supervisor, until });
            }
            at = book.above;
        }
        None
    }

    pub(crate) fn is_paused(&self, id: ChildId) -> bool {
        let mut at = Some(id);
        while let Some(book) = at.and_then(|id| self.books.get(&id)) {
            if book.paused {
                return true;
            }
            at = book.above;
        }
        false
    }

    pub(crate) fn is_met(&self, need: &Need, needed: &Book) -> bool {
        let clean = matches!(needed.plan, Plan::Never(Finish::Completed | Finish::Skipped));
        let done = needed.live.is_none() && clean;
        let stage = needed.live.as_ref().map(|run| run.stage);
        match need.until {
            Until::Completed => done,
            Until::Started => {
                done || stage
                    .is_some_and(|stage| !stage.is_ending() && !matches!(stage, Stage::Starting(_)))
            }
            Until::Ready => matches!(stage, Some(Stage::Ready(_))),
        }
    }

    /// How many children of a supervisor are between start and ready.
    pub(crate) fn opening(&self, above: ChildId) -> u32 {
        let opening = |book: &Book| book.live.as_ref().is_some_and(|run| run.stage.is_opening());
        self.children(above).filter(|(_, book)| opening(book)).count() as u32
    }

    pub(crate) fn start_slots(&self, above: ChildId) -> u32 {
        match self.books.get(&above).and_then(Book::supervisor) {
            Some(spec) if spec.is_serial() => 1,
            Some(spec) => spec.start_concurrency.unwrap_or(self.slots),
            None => 1,
        }
    }

    /// When the bucket of starts has a token again.
    pub(crate) fn storm_ends(&self) -> Option<Moment> {
        let rate = self.rate?;
        let gap = Duration::from_secs_f64(1.0 / rate.per_second);
        Some(self.storm - gap.saturating_mul(rate.burst - 1))
    }

    /// Whether a child is on its way to being ready.
    pub(crate) fn is_coming(&self, id: ChildId) -> bool {
        let Some(book) = self.books.get(&id) else { return false };
        if let Some(run) = &book.live {
            return run.stage.is_opening();
        }
        let coming = |why| {
            matches!(
                why,
                Rest::Group
                    | Rest::Waiting { .. }
                    | Rest::Need { .. }
                    | Rest::Slot { .. }
                    | Rest::Storm { .. }
            )
        };
        // Who waits in a queue hears of a nearer reason when its turn comes.
        self.reason(id).is_some_and(coming) || book.rest.is_some_and(coming)
    }
}

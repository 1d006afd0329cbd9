//! When something must happen next, and that it did.

use super::{Book, Gate, Model, Stage, Work};
use mainstay_core::child::Rest;
use mainstay_core::{ChildId, Moment};

impl Model {
    /// Returns the next moment at which anything is due, and whose it is.
    pub(crate) fn due(&self) -> Option<(Moment, ChildId)> {
        let own = self.books.keys().filter_map(|id| Some((self.due_of(*id)?, *id)));
        let tree = self.tree_due().map(|at| (at, ChildId::ROOT));
        own.chain(tree).min()
    }

    fn tree_due(&self) -> Option<Moment> {
        if let Some(drain) = &self.drain {
            return (!drain.ended).then(|| drain.force_at.min(drain.until));
        }
        let stormy = |book: &Book| matches!(book.rest, Some(Rest::Storm { .. }));
        self.storm_ends().filter(|_| self.books.values().any(stormy))
    }

    fn due_of(&self, id: ChildId) -> Option<Moment> {
        let book = self.books.get(&id)?;
        let own = match &book.live {
            // In a drain a child hears of it when its supervisor's turn comes.
            None => match self.reason(id).filter(|_| self.drain.is_none()).or(book.rest) {
                Some(Rest::Waiting { until } | Rest::Broken { until: Some(until) }) => Some(until),
                Some(_) | None => None,
            },
            Some(run) => {
                let stage = match run.stage {
                    Stage::Starting(at) | Stage::Rehydrating(at) | Stage::Killing(at) => Some(at),
                    Stage::Started(at) | Stage::Ready(at) | Stage::Stopping(_, at) => at,
                    Stage::Unready | Stage::Abandoned => None,
                };
                let watched = !book.frozen && !run.stage.is_ending();
                let held = self.is_paused(id) || self.is_cooling(book);
                let watch = run.watch.due(held).filter(|_| watched);
                [stage, watch].into_iter().flatten().min()
            }
        };
        let Some(pack) = book.pack.as_ref().filter(|_| self.drain.is_none()) else { return own };
        let delay = match pack.work {
            Work::Delay { until, .. } => Some(until),
            Work::Serving | Work::Closing | Work::Stopping { .. } | Work::Starting { .. } => None,
        };
        let breaker = match pack.breaker.state {
            Gate::Open(until) => until,
            Gate::Trial => pack.trial_until,
            Gate::Closed => None,
        };
        [own, delay, breaker].into_iter().flatten().min()
    }
}

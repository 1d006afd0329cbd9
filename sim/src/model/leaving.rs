//! How supervisors, children and the tree itself go, and how a child gets another spec.

use super::event::wrong;
use super::watch::Watch;
use super::{DrainBook, Model, Owed, Stage, Work};
use crate::check::{Broken, Invariant};
use mainstay_core::{Asked, Cause, ChildId, Input, Moment, Outcome, Tree};
use std::time::Duration;

impl Model {
    pub(crate) fn ends_itself(&mut self, supervisor: ChildId, cause: Cause) -> Result<(), Broken> {
        self.pay(&Owed::GaveUp(supervisor))?;
        let book = self.book_mut(supervisor)?;
        let Some(life) = book.live.as_mut().filter(|life| !life.stage.is_ending()) else {
            return wrong(Invariant::EventOrder, "it is ending already");
        };
        (life.stage, life.watch) = (Stage::Stopping(0, None), Watch::default());
        if let Some(pack) = &mut book.pack {
            (pack.ending, pack.work) = (Some(cause), Work::Closing);
        }
        Ok(())
    }

    pub(crate) fn draining(&mut self, until: Moment, outcome: Outcome) -> Result<(), Broken> {
        let bound = match outcome {
            Outcome::Asked => self.bounds.0,
            Outcome::Fatal { .. } => self.bounds.1,
        };
        self.pay(&Owed::Draining)?;
        if self.drain.is_some() || until != self.now + bound {
            return wrong(Invariant::Drain, format!("the drain is bound to {until}"));
        }
        let force_at = until - (bound / 10).min(Duration::from_secs(1));
        self.owed.retain(|owed| *owed != Owed::Draining);
        self.drain =
            Some(DrainBook { force_at, until, asked: 1, forced: false, outcome, ended: false });
        let leaves = self.books.values().filter(|book| book.pack.is_none());
        self.listed = leaves.map(|book| book.path.clone()).collect();
        self.listed.sort();
        Ok(())
    }

    pub(crate) fn drain_forced(&mut self, input: &Input, abandoning: bool) -> Result<(), Broken> {
        let now = self.now;
        let asked = matches!(input, Input::Command(_));
        let Some(drain) = &mut self.drain else {
            return wrong(Invariant::Drain, "nothing drains");
        };
        if !asked && drain.force_at > now && drain.until > now {
            return wrong(Invariant::Drain, "it goes to force too early");
        }
        drain.forced = true;
        if drain.until > now && drain.asked < 3 {
            drain.force_at = Moment::FAR;
        }
        if abandoning {
            // Layer by layer, each is asked, forced and left behind.
            return Ok(());
        }
        for book in self.books.values_mut().filter(|book| book.pack.is_some()) {
            if let Some(life) = &mut book.live {
                life.unsaid |= !life.stage.is_ending();
                life.asked.get_or_insert((Asked::Close, now));
                life.stage = Stage::Stopping(u8::MAX, None);
                life.watch = Watch::default();
            }
            if let Some(pack) = book.pack.as_mut().filter(|_| book.live.is_some()) {
                pack.work = Work::Closing;
            }
        }
        Ok(())
    }

    pub(crate) fn drained(&mut self, outcome: Outcome) -> Result<(), Broken> {
        let alive = self.books.values().find(|book| {
            let stage = book.live.as_ref().map(|life| life.stage);
            book.pack.is_none() && stage.is_some_and(|stage| stage != Stage::Abandoned)
        });
        if let Some(alive) = alive {
            return wrong(Invariant::Drain, format!("drained, but {} lives", alive.path));
        }
        match &mut self.drain {
            Some(drain) if !drain.ended && drain.outcome == outcome => drain.ended = true,
            Some(_) | None => return wrong(Invariant::Drain, "it drained otherwise, or twice"),
        }
        self.book_mut(ChildId::ROOT)?.live = None;
        Ok(())
    }

    pub(crate) fn removed(&mut self, id: ChildId) -> Result<(), Broken> {
        let Some(book) = self.books.remove(&id) else {
            // It came and went within one step.
            return Ok(());
        };
        if let Some(life) = book.live.filter(|life| life.stage != Stage::Abandoned) {
            let text = format!("{} is removed while {} lives", book.path, life.run);
            return wrong(Invariant::OneRun, text);
        }
        self.owed.retain(|owed| !matches!(owed, Owed::Alert(of, _) if *of == id));
        self.gone.insert(id);
        self.unsettled.extend(book.above);
        Ok(())
    }

    pub(crate) fn replaced(
        &mut self,
        id: ChildId,
        revision: u32,
        tree: &Tree,
    ) -> Result<(), Broken> {
        let now = self.now;
        let book = self.book_mut(id)?;
        if revision != book.revision + 1 {
            return wrong(Invariant::Commands, "a revision was left out");
        }
        book.revision = revision;
        let Some(next) = tree.child(id).map(|child| child.spec.clone()) else { return Ok(()) };
        let before = std::mem::replace(&mut book.spec, next.clone());
        if before.budget != next.budget {
            book.clear_entries();
        }
        let rewatch = before.liveness != next.liveness
            || before.recycle != next.recycle
            || before.activation != next.activation;
        if let Some(life) = book.live.as_mut().filter(|life| rewatch && !life.stage.is_ending()) {
            let said = life.watch.said;
            life.watch = Watch::default();
            if !matches!(life.stage, Stage::Starting(_)) && book.pack.is_none() {
                life.watch = Watch::from_started(now, &next);
            }
            if matches!(life.stage, Stage::Ready(_)) {
                life.watch.on_ready(now, &next);
            }
            if let Some(said) = said {
                life.watch.says(now, said);
            }
        }
        Ok(())
    }
}

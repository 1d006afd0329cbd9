//! How a run comes to its end: asked for a reason, in reverse order, step by step.

use super::event::wrong;
use super::watch::Watch;
use super::{Book, DrainBook, Model, OpenExit, Stage, Work, policy};
use crate::check::{Broken, Invariant};
use mainstay_core::child::{AlertKind, Finish};
use mainstay_core::spec::{Grace, OnRestart, Overlap, Until};
use mainstay_core::{Asked, Cause, ChildId, Exit, Moment, RunId};
use std::time::Duration;

impl Model {
    pub(crate) fn stopping(&mut self, id: ChildId, run: RunId, asked: Asked) -> Result<(), Broken> {
        let now = self.now;
        if self.book(id)?.pack.is_some() {
            self.force_groups();
            let life = self.run(id, run)?;
            if std::mem::take(&mut life.unsaid) && asked == Asked::Close {
                return Ok(());
            }
        }
        self.has_reason_to_stop(id, asked)?;
        self.comes_in_reverse(id, asked)?;
        let path = self.path(id);
        let book = self.book(id)?;
        let first = book.spec.stop.steps.first().copied();
        let is_supervisor = book.pack.is_some();
        let life = self.run(id, run)?;
        if life.stage.is_ending() {
            return wrong(Invariant::EventOrder, format!("{path} {run} is asked to end twice"));
        }
        let until = match first {
            Some(Grace::For(grace)) => Some(now + grace),
            Some(Grace::Unbounded) => None,
            None => Some(now),
        };
        (life.stage, life.asked) = (Stage::Stopping(0, until), Some((asked, now)));
        life.watch = Watch::default();
        if is_supervisor {
            self.set_work(id, Work::Closing);
        }
        match asked {
            Asked::Replace => {
                let book = self.book_mut(id)?;
                book.by_hand = !book.down;
            }
            Asked::Dependency => self.lost_need(id)?,
            _ => {}
        }
        Ok(())
    }

    /// What becomes of a dependent is settled when its need goes away.
    pub(crate) fn lost_need(&mut self, id: ChildId) -> Result<(), Broken> {
        let now = self.now;
        let book = self.book(id)?;
        let need = book.spec.needs.iter().find(|need| {
            let needed = book.above.and_then(|above| self.sibling(above, &need.child));
            let lost = needed.is_some_and(|(_, n)| {
                n.live.is_none() && n.last_end == now && !self.is_met(need, n)
            });
            lost && need.on_restart != OnRestart::Ignore && need.until != Until::Completed
        });
        let need = need.cloned();
        let book = self.book_mut(id)?;
        match need.map(|need| need.on_restart) {
            Some(OnRestart::Restart) => book.plan = super::Plan::Run,
            Some(OnRestart::Stop) => book.plan = super::Plan::Never(Finish::NeedLost),
            Some(OnRestart::Ignore) | None => {
                let text = format!("{} is stopped without having lost a need", book.path);
                return wrong(Invariant::StopSteps, text);
            }
        }
        Ok(())
    }

    /// Whether what is given as the reason for a stop is so.
    pub(crate) fn has_reason_to_stop(&self, id: ChildId, asked: Asked) -> Result<(), Broken> {
        let (now, path) = (self.now, self.path(id));
        let book = self.book(id)?;
        let Some(life) = &book.live else {
            return wrong(Invariant::EventOrder, format!("{path} is asked to end, but it rests"));
        };
        let over = |at: Option<Moment>| at.is_some_and(|at| at <= now);
        let work = book.above.map(|above| self.work(above));
        let holds = match asked {
            Asked::StartTimeout => matches!(life.stage, Stage::Starting(at) if at <= now),
            Asked::ReadyTimeout => match life.stage {
                Stage::Started(at) => over(at),
                Stage::Rehydrating(at) => at <= now,
                _ => false,
            },
            Asked::HeartbeatLost => over(life.watch.beat),
            Asked::NoProgress => over(life.watch.progress),
            Asked::Idle => over(life.watch.idle),
            Asked::ProbeFailed => {
                let probes = life.watch.probes.iter().zip(&book.spec.liveness.probes);
                probes.into_iter().any(|(probe, of)| probe.bad >= of.failures)
            }
            Asked::Group => matches!(work, Some(Work::Stopping { from, .. }) if book.place >= from),
            Asked::Close => work.map_or_else(|| self.drain.is_some(), |work| work == Work::Closing),
            Asked::Quarantine => book.quarantined,
            Asked::Remove => book.leaving,
            Asked::Stop => book.down,
            Asked::Dependency => book.spec.needs.iter().any(|need| {
                let needed = book.above.and_then(|above| self.sibling(above, &need.child));
                needed.is_some_and(|(_, needed)| needed.live.is_none())
            }),
            Asked::Guard | Asked::Recycle if self.is_foreseen(id, asked) => true,
            Asked::Guard => false,
            Asked::Recycle => over(life.watch.recycle) || self.recycled == Some(id),
            Asked::Restart | Asked::Replace => true,
        };
        if holds {
            return Ok(());
        }
        let rule = match asked {
            Asked::HeartbeatLost | Asked::ProbeFailed | Asked::NoProgress => Invariant::Liveness,
            Asked::Group | Asked::Close => Invariant::StopOrder,
            _ => Invariant::StopSteps,
        };
        wrong(rule, format!("{path} is asked to end for {asked:?}, but {life:?}"))
    }

    /// A later layer is gone before an earlier one is asked to go.
    pub(crate) fn comes_in_reverse(&self, id: ChildId, asked: Asked) -> Result<(), Broken> {
        if !matches!(asked, Asked::Group | Asked::Close) {
            return Ok(());
        }
        let book = self.book(id)?;
        let Some(above) = book.above else { return Ok(()) };
        if self.book(above)?.pack.as_ref().is_some_and(|pack| pack.moved) {
            return Ok(());
        }
        // Force goes to all at once, and a supervisor that it reaches says that it ends.
        if book.pack.is_some() && self.is_forced_from_above(id) {
            return Ok(());
        }
        let later = self.children(above).find(|(id, other)| {
            let Some(life) = &other.live else { return false };
            let left_alone = match asked {
                Asked::Close => life.stage == Stage::Abandoned,
                _ => self.is_left_alone(*id, life),
            };
            other.place.rank > book.place.rank && !left_alone
        });
        match later {
            Some((_, later)) => {
                let text = format!("{} is stopped before {} is gone", book.path, later.path);
                wrong(Invariant::StopOrder, text)
            }
            None => Ok(()),
        }
    }

    /// Takes note of the stop steps that were taken in this step.
    pub(crate) fn take_steps(&mut self, id: ChildId) -> Result<(), Broken> {
        let now = self.now;
        let taken: Vec<u8> =
            self.steps.iter().filter(|(child, ..)| *child == id).map(|(.., step)| *step).collect();
        self.steps.retain(|(child, ..)| *child != id);
        for step in taken {
            let path = self.path(id);
            let Some(book) = self.books.get_mut(&id) else { continue };
            let spec = book.spec.clone();
            let grace = spec.stop.steps.get(usize::from(step)).copied();
            let Some(life) = &mut book.live else {
                return wrong(Invariant::StopSteps, format!("{path} rests, but is asked to end"));
            };
            if step == 0 && matches!(life.stage, Stage::Stopping(0, _)) {
                continue;
            }
            let due = match life.stage {
                Stage::Stopping(at, Some(until)) => at + 1 == step && until <= now,
                _ => false,
            };
            let (true, Some(grace)) = (due, grace) else {
                let text = format!("{path} takes stop step {step}, but {life:?}");
                return wrong(Invariant::StopSteps, text);
            };
            let until = match grace {
                Grace::For(grace) => Some(now + grace),
                Grace::Unbounded => None,
            };
            life.stage = Stage::Stopping(step, until);
        }
        Ok(())
    }

    pub(crate) fn forced(&mut self, id: ChildId, run: RunId) -> Result<(), Broken> {
        self.take_steps(id)?;
        let (now, path) = (self.now, self.path(id));
        let book = self.book(id)?;
        let (kill_wait, steps) = (book.spec.stop.kill_wait, book.spec.stop.steps.len());
        let life = self.run(id, run)?;
        let over = match life.stage {
            Stage::Stopping(step, Some(until)) => {
                until <= now && (usize::from(step) + 1 >= steps || steps == 0)
            }
            _ => false,
        };
        let text = format!("{path} {run} is forced, but {life:?}");
        if !over {
            self.force_groups();
            if !self.is_forced_from_above(id) {
                return wrong(Invariant::StopSteps, text);
            }
        }
        let life = self.run(id, run)?;
        life.stage = Stage::Killing(now + kill_wait);
        life.asked.get_or_insert((Asked::Close, now));
        life.watch = Watch::default();
        Ok(())
    }

    /// A supervisor whose grace is over forces everything below it.
    pub(crate) fn force_groups(&mut self) {
        let now = self.now;
        let over = |book: &Book| {
            let stage = book.live.as_ref().map(|life| life.stage);
            book.pack.is_some()
                && matches!(stage, Some(Stage::Stopping(_, Some(until))) if until <= now)
        };
        let groups = self.books.iter().filter(|(_, book)| over(book)).map(|(id, _)| *id);
        let mut left: Vec<ChildId> = groups.collect();
        while let Some(id) = left.pop() {
            if let Some(book) = self.books.get_mut(&id).filter(|book| book.pack.is_some())
                && let Some(life) = &mut book.live
            {
                life.unsaid |= !life.stage.is_ending();
                life.asked.get_or_insert((Asked::Close, now));
                (life.stage, life.watch) = (Stage::Stopping(u8::MAX, None), Watch::default());
                self.set_work(id, Work::Closing);
                left.extend(self.child_ids(id));
            }
        }
    }

    /// Whether a drain, or a supervisor that is out of patience, forces what is below it.
    pub(crate) fn is_forced_from_above(&self, id: ChildId) -> bool {
        let hurried = |drain: &DrainBook| drain.forced || drain.until <= self.now;
        if self.drain.as_ref().is_some_and(hurried) {
            return true;
        }
        let mut at = self.books.get(&id).and_then(|book| book.above);
        while let Some(book) = at.and_then(|above| self.books.get(&above)) {
            let stage = book.live.as_ref().map(|life| life.stage);
            if matches!(stage, Some(Stage::Stopping(u8::MAX, None))) {
                return true;
            }
            at = book.above;
        }
        false
    }

    pub(crate) fn abandoned(&mut self, id: ChildId, run: RunId) -> Result<(), Broken> {
        let (now, path) = (self.now, self.path(id));
        let ends = self.drain.as_ref().is_some_and(|drain| drain.until <= now || drain.asked >= 3);
        let life = self.run(id, run)?;
        match life.stage {
            Stage::Killing(until) if until <= now || ends => life.stage = Stage::Abandoned,
            stage => {
                let text = format!("{path} {run} is abandoned, but {stage:?}");
                return wrong(Invariant::StopSteps, text);
            }
        }
        self.raise(id, AlertKind::Abandoned);
        Ok(())
    }

    pub(crate) fn exited(
        &mut self,
        id: ChildId,
        run: RunId,
        cause: Cause,
        exit: Option<Exit>,
        lived: Duration,
    ) -> Result<(), Broken> {
        self.take_steps(id)?;
        let (now, path) = (self.now, self.path(id));
        let occupied = self.children(id).find(|(_, book)| {
            book.live.as_ref().is_some_and(|life| life.stage != Stage::Abandoned)
        });
        if let Some((_, below)) = occupied {
            let text = format!("{path} ends while {} lives", below.path);
            return wrong(Invariant::StopOrder, text);
        }
        let book = self.book(id)?;
        let (success, overlap, began) = (book.spec.success.clone(), book.spec.overlap, book.began);
        let ending = book.pack.as_ref().map(|pack| pack.ending);
        let life = self.run(id, run)?.clone();
        let asked = life.asked.map(|(asked, _)| asked);
        let must = match (ending, exit) {
            (Some(Some(ending)), _) => ending,
            (None, None) if life.stage == Stage::Abandoned && overlap == Overlap::Refuse => {
                Cause::Abandoned
            }
            (None, None) if cause == Cause::Abandoned => Cause::Abandoned,
            (Some(None) | None, None) => policy::cause(asked, Exit::Aborted, &success),
            (_, Some(exit)) => policy::cause(asked, exit, &success),
        };
        if cause != must || lived != now.since(began) {
            let text = format!("{path} {run} ended: {cause:?}, but it was {must:?} ({life:?})");
            return wrong(Invariant::Causes, text);
        }
        let book = self.book_mut(id)?;
        (book.live, book.last_end, book.last_cause) = (None, now, Some(cause));
        book.last_asked = asked;
        self.last_exit = Some(id);
        self.open_exit = Some(OpenExit {
            child: id,
            run,
            asked,
            cause,
            exit,
            was_stable: life.stage == Stage::Ready(None),
            counted: Vec::new(),
        });
        Ok(())
    }
}

//! One event after the other: whether it may be stated now, and what holds afterwards.

use super::watch::Watch;
use super::{Book, Gate, Model, Owed, Run, Stage, policy};
use crate::check::{Broken, Invariant};
use mainstay_core::child::Rest;
use mainstay_core::policy::budget::{Admit, Count, Within};
use mainstay_core::spec::{Finished, Ready};
use mainstay_core::{Asked, Cause, ChildId, Event, Input, Rule, RunId, Tree};
use std::time::Duration;

pub(crate) fn wrong(rule: Invariant, text: impl Into<String>) -> Result<(), Broken> {
    Err(Broken::new(rule, text))
}

impl Model {
    /// Takes one event.
    pub(crate) fn event(
        &mut self,
        event: &Event,
        input: &Input,
        tree: &Tree,
    ) -> Result<(), Broken> {
        if let Some(open) = &self.open_exit
            && !matches!(event, Event::Counted { .. } | Event::Decided { .. })
        {
            let text = format!("{}: no decision follows its exit", self.path(open.child));
            return wrong(Invariant::OneDecision, text);
        }
        let is_as_before = |child: &ChildId, why: &Rest| {
            *why == Rest::Group || self.reason(*child).map(plain) == Some(plain(*why))
        };
        if !matches!(event, Event::Rests { child, why } if is_as_before(child, why)) {
            // Everybody was asked, so the group goes on.
            self.settle_packs();
        }
        match event {
            Event::Starting { child, run, by_hand, trial } => {
                self.starting(*child, *run, *by_hand, *trial)
            }
            Event::Started { child, run, took } => self.started(*child, *run, *took),
            Event::Rehydrating(child, run) => self.rehydrating(*child, *run),
            Event::Ready { child, run, took } => self.ready(*child, *run, *took),
            Event::Unready(child, run) => {
                let life = self.run(*child, *run)?;
                if !matches!(life.stage, Stage::Ready(_)) {
                    return wrong(Invariant::EventOrder, "unready, but it was not ready");
                }
                life.stage = Stage::Unready;
                Ok(())
            }
            Event::Stable { child, run, forgotten } => self.stable(*child, *run, *forgotten),
            Event::Probed { child, run, probe, ok, streak } => {
                let life = self.run(*child, *run)?;
                let seen = life.watch.probes.get(usize::from(*probe)).copied().unwrap_or_default();
                if (if *ok { seen.good } else { seen.bad }) != *streak {
                    return wrong(
                        Invariant::Liveness,
                        format!("a streak of {streak}, but {seen:?}"),
                    );
                }
                Ok(())
            }
            Event::Guarded(child, run)
            | Event::Reloaded { child, run, .. }
            | Event::Blocked { child, run, .. }
            | Event::Told { child, run, .. } => self.run(*child, *run).map(|_| ()),
            Event::Frozen { child, run, frozen } => self.froze(*child, *run, *frozen),
            Event::Stopping { child, run, asked } => self.stopping(*child, *run, *asked),
            Event::Forced(child, run) => self.forced(*child, *run),
            Event::Abandoned(child, run) => self.abandoned(*child, *run),
            Event::Exited { child, run, cause, exit, lived, .. } => {
                let unasked =
                    |book: &Book| book.live.as_ref().is_some_and(|run| run.asked.is_none());
                let is_group = |book: &&Book| book.pack.is_some() && unasked(book);
                if *cause == Cause::Stopped && self.books.get(child).filter(is_group).is_some() {
                    // A supervisor above may have run out of patience in this very step.
                    self.force_groups();
                }
                self.exited(*child, *run, *cause, *exit, *lived)
            }
            Event::Counted { child, limit, before, stamped, spent } => {
                let read = (*limit, before.count, *stamped, *spent);
                match &mut self.open_exit {
                    Some(open) => {
                        open.counted.push(read);
                        Ok(())
                    }
                    None => self.refused_at_start(*child, read),
                }
            }
            Event::Decided { child, rule, action, run } => {
                if self.open_exit.as_ref().is_some_and(|open| open.run != *run) {
                    return wrong(Invariant::OneDecision, "the decision names another run");
                }
                self.decided(*child, *rule, *action)
            }
            Event::Rests { child, why } => self.rests(*child, *why),
            Event::Breaker { child, over_children, state, level } => {
                self.breaker(*child, *over_children, *state, *level)
            }
            Event::Regrouping { supervisor, leader, strategy, delay, not_before } => {
                self.regrouping(*supervisor, *leader, *strategy, (*delay, *not_before))
            }
            Event::Regrouped(supervisor) => self.regrouped(*supervisor),
            Event::GaveUp { supervisor, .. } => self.ends_itself(*supervisor, Cause::GaveUp),
            Event::AutoShutdown { supervisor, .. } => {
                self.pay(&Owed::AutoShutdown(*supervisor))?;
                if *supervisor == ChildId::ROOT {
                    self.owed.push(Owed::Draining);
                    return Ok(());
                }
                self.owed.push(Owed::GaveUp(*supervisor));
                self.ends_itself(*supervisor, Cause::Completed)
            }
            Event::Alert { child, kind } => {
                if self.pay(&Owed::Alert(*child, *kind)).is_err() {
                    let text = format!("{}: {kind:?}, but {:?}", self.path(*child), self.owed);
                    return wrong(Invariant::Alerts, text);
                }
                Ok(())
            }
            Event::Acknowledged { child, .. } => {
                let alerts = &mut self.book_mut(*child)?.alerts;
                if alerts.iter().all(|notice| notice.seen) {
                    return wrong(Invariant::Alerts, "there was nothing to see");
                }
                alerts.iter_mut().for_each(|notice| notice.seen = true);
                Ok(())
            }
            Event::Draining { until, outcome } => self.draining(*until, *outcome),
            Event::DrainForced { abandoning } => self.drain_forced(input, *abandoning),
            Event::Drained(outcome) => self.drained(*outcome),
            Event::Added { child, above } => {
                if self.gone.contains(child) {
                    return wrong(Invariant::EventOrder, "an id came back");
                }
                self.enter(*child, tree);
                if self.opened_by_hand.contains(above)
                    && let Some(book) = self.books.get_mut(child)
                {
                    book.by_hand = true;
                }
                Ok(())
            }
            Event::Removed(child) => self.removed(*child),
            Event::Replaced { child, revision } => self.replaced(*child, *revision, tree),
            Event::Stale { child, run } => {
                let present = self.books.get(child).and_then(|book| book.live.as_ref());
                if present.is_some_and(|life| life.run == *run) {
                    return wrong(
                        Invariant::PresentRuns,
                        "a fact about the present run was dropped",
                    );
                }
                Ok(())
            }
            Event::Commanded { .. } | Event::Refused { .. } => {
                match matches!(input, Input::Command(_)) {
                    true => Ok(()),
                    false => wrong(Invariant::Commands, "nobody asked"),
                }
            }
            Event::Stalled { .. } | Event::Backwards { .. } => Ok(()),
        }
    }

    pub(crate) fn settle_packs(&mut self) {
        for supervisor in std::mem::take(&mut self.unsettled) {
            self.settle_pack(supervisor);
        }
    }

    fn enter(&mut self, id: ChildId, tree: &Tree) {
        if let Some(book) = Book::new(id, tree) {
            self.books.insert(id, book);
            let below: Vec<ChildId> = tree.children_of(id).map(|child| child.id).collect();
            for child in below {
                // What is below a new supervisor comes with it.
                if !self.books.contains_key(&child) {
                    self.enter(child, tree);
                }
            }
        }
    }

    /// Returns the present run, which must be that one.
    pub(crate) fn run(&mut self, id: ChildId, run: RunId) -> Result<&mut Run, Broken> {
        let path = self.path(id);
        let life = self.book_mut(id)?.live.as_mut();
        life.filter(|life| life.run == run).ok_or_else(|| {
            Broken::new(Invariant::PresentRuns, format!("{path} {run} is not the present run"))
        })
    }

    pub(crate) fn pay(&mut self, owed: &Owed) -> Result<(), Broken> {
        match self.owed.iter().position(|other| other == owed) {
            Some(at) => {
                self.owed.remove(at);
                Ok(())
            }
            None => wrong(Invariant::Decision, format!("{owed:?} without a reason")),
        }
    }

    fn starting(
        &mut self,
        id: ChildId,
        run: RunId,
        by_hand: bool,
        trial: bool,
    ) -> Result<(), Broken> {
        let (now, path) = (self.now, self.path(id));
        let book = self.book(id)?;
        if let Some(life) = &book.live {
            return wrong(
                Invariant::OneRun,
                format!("{path} starts {run} while {} lives", life.run),
            );
        }
        if run.0 != book.runs + 1 {
            return wrong(Invariant::RunIds, format!("{path} starts {run} after {}", book.runs));
        }
        let is_root = id == ChildId::ROOT;
        if !is_root && let Some(why) = self.reason(id) {
            return wrong(Invariant::NoStart, format!("{path} {run} starts, but {why}"));
        }
        let book = self.book(id)?;
        if by_hand != book.by_hand || trial != (book.breaker.state == Gate::Trial) {
            let text = format!("{path} {run}: by hand {by_hand}, trial {trial}, but {book:?}");
            return wrong(Invariant::NoStart, text);
        }
        if !by_hand && !trial && self.spent_at_start(id).is_some() {
            return wrong(Invariant::NoStart, format!("{path} {run} starts on a spent budget"));
        }
        let is_leaf = self.book(id)?.pack.is_none();
        if !by_hand {
            if let Some(rate) = self.rate.filter(|_| is_leaf) {
                self.storm = self.storm.max(now) + Duration::from_secs_f64(1.0 / rate.per_second);
            }
            // No slot is taken where we ended the last run to begin this one.
            let book = self.book(id)?;
            let ours = book.last_cause.is_some_and(|cause| policy::was_asked(&cause))
                && book.last_asked != Some(Asked::Close);
            for (owner, index, limit) in self.limits_on(id) {
                if limit.count == Count::Starts && !ours {
                    self.stamp(owner, index);
                }
            }
        }
        self.uncount(id);
        let book = self.book_mut(id)?;
        let stage = match book.pack {
            Some(_) => Stage::Started(None),
            None => Stage::Starting(now + book.spec.start_timeout),
        };
        book.live = Some(Run { run, stage, asked: None, watch: Watch::default(), unsaid: false });
        book.rest = None;
        (book.runs, book.began, book.by_hand, book.frozen) = (run.0, now, false, false);
        if book.pack.is_some() {
            if by_hand {
                self.opened_by_hand.push(id);
            }
            self.opened(id, by_hand, run);
        }
        Ok(())
    }

    /// The start of a group does not wait for this child any more.
    fn uncount(&mut self, id: ChildId) {
        let above = self.books.get(&id).and_then(|book| book.above);
        let pack = above.and_then(|above| self.books.get_mut(&above)?.pack.as_mut());
        if let Some(pack) = pack {
            pack.members.retain(|member| *member != id);
        }
    }

    /// A supervisor begins: counters are clean.
    fn opened(&mut self, id: ChildId, by_hand: bool, run: RunId) {
        let Some(book) = self.books.get_mut(&id) else { return };
        book.clear_limits(true);
        let spec = book.spec.clone();
        let dynamic = book.supervisor().is_some_and(|spec| spec.dynamic.is_some());
        let comes_back = |name: &str| {
            spec.supervisor().is_some_and(|spec| {
                spec.finished == Finished::Forget
                    && spec.children.iter().any(|(known, _)| **known == *name)
            })
        };
        if let Some(pack) = &mut book.pack {
            *pack = super::Pack { breaker: pack.breaker, ..super::Pack::new() };
        }
        for child in self.child_ids(id) {
            let Some(book) = self.books.get_mut(&child) else { continue };
            book.position = 0;
            book.clear_limits(false);
            let rests = book.live.is_none();
            book.rest = None;
            book.leaving &= !comes_back(&book.name);
            book.leaving |= rests && dynamic && run != RunId::FIRST;
            book.plan = super::Plan::Run;
            book.by_hand |= by_hand && rests;
        }
    }

    fn spent_at_start(&self, id: ChildId) -> Option<(usize, u32)> {
        let book = self.books.get(&id)?;
        book.spec.budget.iter().enumerate().find_map(|(index, limit)| {
            let count = self.count(id, index, limit);
            // A limit of zero still lets it run once.
            let refuses = limit.admit == Admit::AtStart && count >= limit.most.max(1);
            refuses.then_some((index, count))
        })
    }

    fn refused_at_start(
        &mut self,
        id: ChildId,
        read: (mainstay_core::LimitId, u32, bool, bool),
    ) -> Result<(), Broken> {
        let must = self.spent_at_start(id);
        let got = (read.0.owner == id && !read.2 && read.3)
            .then_some((usize::from(read.0.index), read.1));
        if must != got || must.is_none() {
            let text = format!("{}: counted {read:?} at a start, but {must:?}", self.path(id));
            return wrong(Invariant::Counting, text);
        }
        let end = super::exit::own_end(self.book(id)?);
        self.exhausted(id, Rule::Spent(read.0), end, id)
    }

    fn started(&mut self, id: ChildId, run: RunId, took: Duration) -> Result<(), Broken> {
        let (now, path) = (self.now, self.path(id));
        let book = self.book(id)?;
        let (spec, began) = (book.spec.clone(), book.began);
        let is_group = book.pack.is_some();
        let life = self.run(id, run)?;
        if is_group && life.stage == Stage::Started(None) && took.is_zero() {
            return Ok(());
        }
        if !matches!(life.stage, Stage::Starting(_)) || took != now.since(began) {
            let text = format!("{path} {run} started after {took:?}, but {life:?}");
            return wrong(Invariant::EventOrder, text);
        }
        let waits = spec.ready != Ready::Immediate;
        life.stage = Stage::Started(waits.then(|| now + spec.ready_timeout));
        // It may have asked to be replaced before it had started.
        let recycle = life.watch.recycle;
        life.watch = Watch { recycle, ..Watch::from_started(now, &spec) };
        Ok(())
    }

    fn rehydrating(&mut self, id: ChildId, run: RunId) -> Result<(), Broken> {
        let now = self.now;
        let limit = self.book(id)?.spec.rehydrate;
        let life = self.run(id, run)?;
        let (Stage::Started(_), Some(limit), false) = (life.stage, limit, run == RunId::FIRST)
        else {
            return wrong(Invariant::EventOrder, "it has nothing to restore now");
        };
        life.stage = Stage::Rehydrating(now + limit);
        Ok(())
    }

    fn ready(&mut self, id: ChildId, run: RunId, took: Duration) -> Result<(), Broken> {
        let (now, path) = (self.now, self.path(id));
        let book = self.book(id)?;
        let (spec, began) = (book.spec.clone(), book.began);
        let restores = spec.rehydrate.is_some() && run != RunId::FIRST;
        let restored = self.is_restored(id, run);
        let life = self.run(id, run)?;
        let fits = match life.stage {
            Stage::Started(_) => !restores,
            Stage::Unready => true,
            Stage::Rehydrating(_) if restored => true,
            Stage::Rehydrating(_) => {
                let text = format!("{path} {run} serves, but nobody said that it has restored");
                return wrong(Invariant::Rehydration, text);
            }
            Stage::Starting(_)
            | Stage::Ready(_)
            | Stage::Stopping(..)
            | Stage::Killing(_)
            | Stage::Abandoned => false,
        };
        if !fits || took != now.since(began) {
            return wrong(Invariant::EventOrder, format!("{path} {run} is ready, but {life:?}"));
        }
        life.stage = Stage::Ready(Some(now + spec.stable_after));
        life.watch.on_ready(now, &spec);
        Ok(())
    }

    fn stable(&mut self, id: ChildId, run: RunId, forgotten: u32) -> Result<(), Broken> {
        let (now, path) = (self.now, self.path(id));
        let life = self.run(id, run)?;
        match life.stage {
            Stage::Ready(Some(at)) if at <= now => life.stage = Stage::Ready(None),
            stage => {
                let text = format!("{path} {run} is said to be stable, but {stage:?}");
                return wrong(Invariant::Stability, text);
            }
        }
        let book = self.book_mut(id)?;
        if forgotten != book.position {
            let text = format!("{path} forgets {forgotten} ends, but there were {}", book.position);
            return wrong(Invariant::Stability, text);
        }
        book.position = 0;
        book.end_episode();
        let spec = book.spec.clone();
        for (entries, limit) in book.entries.iter_mut().zip(&spec.budget) {
            if limit.within == Within::Consecutive {
                entries.clear();
            }
        }
        if book.breaker.state == Gate::Trial {
            book.clear_limits(false);
            book.breaker.state = Gate::Closed;
            self.owed.push(Owed::Closes(id));
        }
        Ok(())
    }

    fn froze(&mut self, id: ChildId, run: RunId, frozen: bool) -> Result<(), Broken> {
        let now = self.now;
        let book = self.book_mut(id)?;
        if book.frozen == frozen {
            return wrong(Invariant::EventOrder, "it was so already");
        }
        book.frozen = frozen;
        let spec = book.spec.clone();
        let life = self.run(id, run)?;
        if !frozen {
            life.watch.thawed(now, &spec);
        }
        Ok(())
    }

    fn rests(&mut self, id: ChildId, why: Rest) -> Result<(), Broken> {
        if why == Rest::Above && self.reason(id) != Some(why) {
            // A supervisor that is out of patience ends those below it as well.
            self.force_groups();
        }
        let must = self.reason(id);
        let book = self.book(id)?;
        // Everybody in a group is asked before the group goes on, which it may do in the same step.
        let in_group = book.above.is_some_and(|above| self.regrouped.contains(&above));
        let was_held = why == Rest::Group && in_group;
        if book.live.is_some() || (must.map(plain) != Some(plain(why)) && !was_held) {
            let text = format!("{} rests for {why:?}, but {must:?}", self.path(id));
            return wrong(Invariant::Reasons, text);
        }
        self.book_mut(id)?.rest = Some(why);
        if !matches!(why, Rest::Slot { .. } | Rest::Storm { .. } | Rest::Group) {
            self.uncount(id);
        }
        Ok(())
    }
}

/// A reason without its place in a queue.
pub(crate) const fn plain(why: Rest) -> Rest {
    match why {
        Rest::Slot { .. } => Rest::Slot { ticket: 0 },
        Rest::Storm { .. } => Rest::Storm { ticket: 0 },
        why => why,
    }
}

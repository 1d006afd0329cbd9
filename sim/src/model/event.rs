//! One event after the other: whether it may be stated now, and what holds afterwards.

use super::watch::Watch;
use super::{Book, DrainBook, Fuse, Gate, Model, OpenExit, Owed, Run, Stage, Work, policy};
use crate::check::{Broken, Invariant};
use mainstay_core::child::{AlertKind, Finish, Rest};
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::policy::budget::{Admit, Count, Within};
use mainstay_core::spec::{Finished, Grace, OnRestart, Overlap, Ready, Until};
use mainstay_core::{
    Asked, Cause, ChildId, Event, Exit, Input, Moment, Outcome, Rule, RunId, Tree,
};
use std::sync::Arc;
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
        let is_group = |why: &Rest| *why == Rest::Group;
        if !matches!(event, Event::Rests { why, .. } if is_group(why)) {
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
            Event::Guarded(child, run) | Event::Reloaded { child, run, .. } => {
                self.run(*child, *run).map(|_| ())
            }
            Event::Frozen { child, run, frozen } => self.froze(*child, *run, *frozen),
            Event::Stopping { child, run, asked } => self.stopping(*child, *run, *asked),
            Event::Forced(child, run) => self.forced(*child, *run),
            Event::Abandoned(child, run) => self.abandoned(*child, *run),
            Event::Exited { child, run, cause, exit, lived, .. } => {
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
            Event::Regrouping { supervisor, leader, strategy, delay } => {
                self.regrouping(*supervisor, *leader, *strategy, *delay)
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
                let alarm = self.book(*child)?.alert;
                if self.pay(&Owed::Alert(*child)).is_err() || alarm.map(|a| a.kind) != Some(*kind) {
                    let text = format!("{}: {kind:?}, but {alarm:?}", self.path(*child));
                    return wrong(Invariant::Alerts, text);
                }
                Ok(())
            }
            Event::Acknowledged { child, .. } => {
                match &mut self.book_mut(*child)?.alert {
                    Some(alarm) if !alarm.seen => alarm.seen = true,
                    Some(_) | None => return wrong(Invariant::Alerts, "there was nothing to see"),
                }
                Ok(())
            }
            Event::Draining { until, outcome } => self.draining(*until, *outcome),
            Event::DrainForced { abandoning } => self.drain_forced(input, *abandoning),
            Event::Drained(outcome) => self.drained(*outcome),
            Event::Added { child, above } => {
                if self.gone.contains_key(child) {
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
            Event::Backwards { .. } => Ok(()),
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

    fn pay(&mut self, owed: &Owed) -> Result<(), Broken> {
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
        book.live = Some(Run { run, stage, asked: None, watch: Watch::default() });
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
        let spec = Arc::clone(&book.spec);
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
            let refuses = limit.admit == Admit::AtStart && count >= limit.most && book.runs > 0;
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
        let (spec, began) = (Arc::clone(&book.spec), book.began);
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
        life.watch = Watch::from_started(now, &spec);
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
        let (spec, began) = (Arc::clone(&book.spec), book.began);
        let restores = spec.rehydrate.is_some() && run != RunId::FIRST;
        let life = self.run(id, run)?;
        let fits = match life.stage {
            Stage::Started(_) => !restores,
            Stage::Rehydrating(_) | Stage::Unready => true,
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
        life.watch.from_ready(now, &spec);
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
        let spec = Arc::clone(&book.spec);
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
        let spec = Arc::clone(&book.spec);
        let life = self.run(id, run)?;
        if !frozen {
            life.watch.thawed(now, &spec);
        }
        Ok(())
    }

    fn stopping(&mut self, id: ChildId, run: RunId, asked: Asked) -> Result<(), Broken> {
        let now = self.now;
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
    fn lost_need(&mut self, id: ChildId) -> Result<(), Broken> {
        let now = self.now;
        let book = self.book(id)?;
        let need = book.spec.needs.iter().find(|need| {
            let needed = book.above.and_then(|above| self.sibling(above, &need.child));
            let lost = needed.is_some_and(|(_, n)| n.live.is_none() && n.last_end == now);
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
    fn has_reason_to_stop(&self, id: ChildId, asked: Asked) -> Result<(), Broken> {
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
            Asked::Close => work.map_or(self.drain.is_some(), |work| work == Work::Closing),
            Asked::Quarantine => book.quarantined,
            Asked::Remove => book.leaving,
            Asked::Stop => book.down,
            Asked::Dependency => book.spec.needs.iter().any(|need| {
                let needed = book.above.and_then(|above| self.sibling(above, &need.child));
                needed.is_some_and(|(_, needed)| needed.live.is_none())
            }),
            Asked::Restart | Asked::Recycle | Asked::Guard | Asked::Replace => true,
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
    fn comes_in_reverse(&self, id: ChildId, asked: Asked) -> Result<(), Broken> {
        if !matches!(asked, Asked::Group | Asked::Close) {
            return Ok(());
        }
        let book = self.book(id)?;
        let Some(above) = book.above else { return Ok(()) };
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
            let spec = Arc::clone(&book.spec);
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

    fn forced(&mut self, id: ChildId, run: RunId) -> Result<(), Broken> {
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
                life.asked.get_or_insert((Asked::Close, now));
                (life.stage, life.watch) = (Stage::Stopping(u8::MAX, None), Watch::default());
                self.set_work(id, Work::Closing);
                left.extend(self.child_ids(id));
            }
        }
    }

    /// Whether a drain, or a supervisor that is out of patience, forces what is below it.
    fn is_forced_from_above(&self, id: ChildId) -> bool {
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

    fn abandoned(&mut self, id: ChildId, run: RunId) -> Result<(), Broken> {
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

    fn exited(
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

    fn breaker(
        &mut self,
        id: ChildId,
        over_children: bool,
        state: BreakerState,
        level: u32,
    ) -> Result<(), Broken> {
        let now = self.now;
        let path = self.path(id);
        let book = self.book_mut(id)?;
        let (decay, stable) = (book.spec.level_decay, book.spec.stable_after);
        let mut trial_until = None;
        let fuse = match &mut book.pack {
            Some(pack) if over_children => {
                trial_until = pack.trial_until;
                &mut pack.breaker
            }
            Some(_) | None => &mut book.breaker,
        };
        let state = match state {
            BreakerState::Closed => Gate::Closed,
            BreakerState::Open(until) => Gate::Open(until),
            BreakerState::Trial => Gate::Trial,
        };
        match (fuse.state, state) {
            (before, after) if before == after => {}
            (Gate::Open(Some(until)), Gate::Trial) if until <= now => fuse.state = Gate::Trial,
            (Gate::Trial, Gate::Closed) if trial_until.is_some_and(|until| until <= now) => {
                fuse.state = Gate::Closed;
            }
            (before, after) => {
                let text = format!("{path}: its breaker goes to {after:?}, but it is {before:?}");
                return wrong(Invariant::Breakers, text);
            }
        }
        if fuse.level(now, decay) != level {
            let text = format!("{path}: level {level}, but {}", fuse.level(now, decay));
            return wrong(Invariant::Breakers, text);
        }
        if over_children && let Some(pack) = &mut book.pack {
            pack.trial_until = (state == Gate::Trial).then(|| now + stable);
        }
        let opens = Owed::Opens { owner: id, over_children };
        self.owed.retain(|owed| *owed != opens && *owed != Owed::Closes(id));
        Ok(())
    }

    fn regrouping(
        &mut self,
        supervisor: ChildId,
        leader: ChildId,
        strategy: mainstay_core::spec::Strategy,
        delay: Duration,
    ) -> Result<(), Broken> {
        let book = self.book(leader)?;
        let on_trial = book.breaker.state == Gate::Trial && book.live.is_none() && delay.is_zero();
        if strategy != self.strategy(book) || book.above != Some(supervisor) {
            return wrong(Invariant::Decision, "the group is another one");
        }
        match self.pay(&Owed::Regrouping(supervisor)) {
            Err(_) if on_trial => {}
            paid => paid?,
        }
        self.regrouped.push(supervisor);
        self.regroup(supervisor, leader, delay);
        Ok(())
    }

    fn regrouped(&mut self, supervisor: ChildId) -> Result<(), Broken> {
        let Work::Starting { .. } = self.work(supervisor) else {
            let text = format!("{} had no group to start", self.path(supervisor));
            return wrong(Invariant::StartOrder, text);
        };
        let pack = self.book(supervisor)?.pack.clone();
        let members = pack.map(|pack| pack.members).unwrap_or_default();
        let left = self
            .children(supervisor)
            .find(|(id, book)| members.contains(id) && book.live.is_none() && !book.leaving);
        if let Some((_, left)) = left {
            let text = format!("the group is started, but {} is not", left.path);
            return wrong(Invariant::StartOrder, text);
        }
        self.serve_again(supervisor);
        Ok(())
    }

    fn ends_itself(&mut self, supervisor: ChildId, cause: Cause) -> Result<(), Broken> {
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

    fn draining(&mut self, until: Moment, outcome: Outcome) -> Result<(), Broken> {
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
        Ok(())
    }

    fn drain_forced(&mut self, input: &Input, abandoning: bool) -> Result<(), Broken> {
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

    fn drained(&mut self, outcome: Outcome) -> Result<(), Broken> {
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

    fn removed(&mut self, id: ChildId) -> Result<(), Broken> {
        let Some(book) = self.books.remove(&id) else {
            // It came and went within one step.
            return Ok(());
        };
        if let Some(life) = book.live.filter(|life| life.stage != Stage::Abandoned) {
            let text = format!("{} is removed while {} lives", book.path, life.run);
            return wrong(Invariant::OneRun, text);
        }
        self.owed.retain(|owed| *owed != Owed::Alert(id));
        self.gone.insert(id, book.runs);
        self.unsettled.extend(book.above);
        Ok(())
    }

    fn replaced(&mut self, id: ChildId, revision: u32, tree: &Tree) -> Result<(), Broken> {
        let now = self.now;
        let book = self.book_mut(id)?;
        if revision != book.revision + 1 {
            return wrong(Invariant::Commands, "a revision was left out");
        }
        book.revision = revision;
        let Some(next) = tree.child(id).map(|child| Arc::clone(&child.spec)) else { return Ok(()) };
        let before = std::mem::replace(&mut book.spec, Arc::clone(&next));
        if before.budget != next.budget {
            book.clear_entries();
        }
        let rewatch = before.liveness != next.liveness
            || before.recycle != next.recycle
            || before.activation != next.activation;
        if let Some(life) = book.live.as_mut().filter(|life| rewatch && !life.stage.is_ending()) {
            life.watch = Watch::default();
            if !matches!(life.stage, Stage::Starting(_)) && book.pack.is_none() {
                life.watch = Watch::from_started(now, &next);
            }
            if matches!(life.stage, Stage::Ready(_)) {
                life.watch.from_ready(now, &next);
            }
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

impl Fuse {
    pub(crate) fn reset(&mut self) {
        *self = Self::CLOSED;
    }
}

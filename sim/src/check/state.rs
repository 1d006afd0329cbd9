//! The tree as it stands, against what its history says.

use super::{Broken, Invariant, Judge, wrong};
use crate::model::command::gate_of;
use crate::model::event::plain;
use crate::model::{Book, Model, Notice, Owed, Plan, Stage, Work};
use mainstay_core::child::{self, Alert, Child, Finish, Phase, Rest, State, Want};
use mainstay_core::policy::budget::Window;
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::OnRestart;
use mainstay_core::{ChildId, Command, Effect, Effects, Input, Tree, Verb};

impl Judge {
    /// Compares every child with what the history says about it.
    pub(super) fn state(&self, tree: &Tree) -> Result<(), Broken> {
        let model = &self.model;
        let mut count = 0;
        for child in tree.children() {
            count += 1;
            let Some(book) = model.books.get(&child.id) else {
                let text = format!("{:?} is in the tree, but nobody added it", tree.path(child.id));
                return wrong(Invariant::EventOrder, text);
            };
            self.wishes(child, book)?;
            self.policy(child, book)?;
            match &child.state {
                State::Rest { why, .. } => self.rests(child.id, book, *why)?,
                State::Live(life) => {
                    let phase = stage_of(life.phase);
                    let same = book.live.as_ref().is_some_and(|run| {
                        run.run == life.run && run.stage == phase && run.asked == life.asked
                    });
                    if !same {
                        let text = format!("{}: {life:?}, but {:?}", book.path, book.live);
                        return wrong(invariant_of(phase), text);
                    }
                    self.lives(child.id, book)?;
                }
            }
        }
        if count != model.books.len() {
            let text = format!("{count} children, but there must be {}", model.books.len());
            return wrong(Invariant::EventOrder, text);
        }
        if let Some(report) = tree.report()
            && !report.lines.iter().map(|line| &line.path).eq(&model.listed)
        {
            let text = format!("{:?} are reported, but not {:?}", report.lines, model.listed);
            return wrong(Invariant::Drain, text);
        }
        if tree.children().map(|child| child.id.slot()).max().unwrap_or(0) >= self.most_children {
            return wrong(Invariant::Bounds, "slots are not used again");
        }
        Ok(())
    }

    fn wishes(&self, child: &Child, book: &Book) -> Result<(), Broken> {
        let got = (child.want == Want::Down, child.paused, child.quarantined, child.leaving);
        let must = (book.down, book.paused, book.quarantined, book.leaving);
        let more = (child.frozen, child.demanded, child.by_hand);
        let must_more = (book.frozen, book.demanded, book.by_hand);
        if got != must || more != must_more {
            let text = format!("{}: {got:?} {more:?}, but {must:?} {must_more:?}", book.path);
            return wrong(Invariant::Wishes, text);
        }
        Ok(())
    }

    fn policy(&self, child: &Child, book: &Book) -> Result<(), Broken> {
        let model = &self.model;
        let path = &book.path;
        if child.position != book.position {
            let text = format!("{path}: position {}, but {}", child.position, book.position);
            return wrong(Invariant::Stability, text);
        }
        let plan = match child.plan {
            child::Plan::Run => Plan::Run,
            child::Plan::At(at) => Plan::At(at),
            child::Plan::Never(finish) => Plan::Never(finish),
        };
        if child.state_rests() && plan != book.plan {
            let text = format!("{path}: plans {plan:?}, but {:?} was decided", book.plan);
            return wrong(Invariant::Decision, text);
        }
        let fuse = child.breaker();
        if (gate_of(fuse.state), fuse.weight) != (book.breaker.state, book.breaker.weight) {
            let text = format!("{path}: {fuse:?}, but {:?}", book.breaker);
            return wrong(Invariant::Breakers, text);
        }
        if let (Some(group), Some(pack)) = (&child.group, &book.pack) {
            let fuse = (gate_of(group.breaker.state), group.breaker.weight);
            if fuse != (pack.breaker.state, pack.breaker.weight) {
                let text = format!("{path} over its children: {fuse:?}, but {:?}", pack.breaker);
                return wrong(Invariant::Breakers, text);
            }
        }
        let alerts = child.memory.as_ref().map_or(&[][..], |memory| &memory.alerts);
        let notice = |a: &Alert| Notice { kind: a.kind, seen: a.seen.is_some(), over: a.over };
        if !alerts.iter().map(notice).eq(book.alerts.iter().copied()) {
            return wrong(Invariant::Alerts, format!("{path}: {alerts:?}, but {:?}", book.alerts));
        }
        let probes = child.watch.as_ref().map_or(0, |watch| watch.probes.len());
        if probes > book.spec.liveness.probes.len() {
            return wrong(Invariant::Bounds, format!("{path}: {probes} probes are watched"));
        }
        let windows = child.memory.as_ref().map_or(&[][..], |memory| &memory.windows);
        for (index, limit) in book.spec.budget.iter().enumerate() {
            let must = model.count(child.id, index, limit);
            let clock = match &child.group {
                Some(group)
                    if limit.scope == mainstay_core::policy::budget::Scope::Supervisor
                        && limit.count == mainstay_core::policy::budget::Count::Restarts =>
                {
                    group.frozen_since.unwrap_or(model.now) - group.frozen
                }
                Some(_) | None => model.now,
            };
            let count = windows.get(index).map_or(0, |window| window.count(limit, clock));
            if count != must {
                let text = format!("{path}: limit {index} counts {count}, but {must} happened");
                return wrong(Invariant::Counting, text);
            }
            if let Some(Window::Sliding(entries)) = windows.get(index)
                && entries.len() > limit.most as usize + 1
            {
                return wrong(Invariant::Bounds, format!("{path}: a window of {}", entries.len()));
            }
        }
        Ok(())
    }

    fn rests(&self, id: ChildId, book: &Book, why: Rest) -> Result<(), Broken> {
        let path = &book.path;
        if let Some(run) = &book.live {
            return wrong(Invariant::EventOrder, format!("{path} rests, but {run:?} never ended"));
        }
        let must = self.model.reason(id);
        if book.leaving {
            return wrong(Invariant::Reasons, format!("{path} was to be removed, and rests"));
        }
        if must.map(plain) == Some(plain(why)) {
            return Ok(());
        }
        // In a drain a nearer reason is as true, until its supervisor's turn comes.
        if self.model.drain.is_some() {
            return Ok(());
        }
        // Who waits in two queues may name either.
        let waits = |why: Rest| match why {
            Rest::Storm { .. } => self.model.is_stormy(book),
            Rest::Slot { .. } => book.above.is_some_and(|above| self.model.is_full(book, above)),
            Rest::Need { child } => self.model.needs(book, child),
            Rest::Cooldown { .. } => {
                book.above.and_then(|above| self.model.cooling(above)) == Some(why)
            }
            _ => false,
        };
        let waits_too = matches!(
            must,
            Some(
                Rest::Slot { .. } | Rest::Cooldown { .. } | Rest::Need { .. } | Rest::Storm { .. }
            )
        );
        // A command that waits for its turn in a bring-up keeps it when that is over.
        let by_hand = must.is_none() && book.by_hand && matches!(why, Rest::Slot { .. });
        if (waits_too || by_hand) && waits(why) {
            return Ok(());
        }
        wrong(Invariant::Reasons, format!("{path} rests for {why:?}, but {must:?}"))
    }

    /// What must not be forgotten about a child that lives.
    fn lives(&self, id: ChildId, book: &Book) -> Result<(), Broken> {
        let (model, path) = (&self.model, &book.path);
        let Some(run) = &book.live else { return Ok(()) };
        let lost = book.spec.needs.iter().any(|need| {
            let needed = book.above.and_then(|above| model.sibling(above, &need.child));
            need.on_restart != OnRestart::Ignore
                && need.until != mainstay_core::spec::Until::Completed
                && needed.is_some_and(|(_, needed)| {
                    needed.live.is_none()
                        && !model.is_met(need, needed)
                        && needed.last_end == model.now
                        && needed.last_end > book.began
                })
        });
        if lost && !run.stage.is_ending() {
            return wrong(Invariant::StopOrder, format!("{path} lost what it needs, and goes on"));
        }
        let Some(pack) = &book.pack else { return Ok(()) };
        if model.drain.is_none()
            && matches!(run.stage, Stage::Started(_))
            && !model.child_ids(id).iter().any(|id| model.is_coming(*id))
        {
            return wrong(Invariant::Reasons, format!("{path} waits to be ready, for nobody"));
        }
        let (swept, asked) = match pack.work {
            Work::Closing => (None, true),
            Work::Stopping { from, .. } => (Some(from), false),
            Work::Serving | Work::Delay { .. } | Work::Starting { .. } => return Ok(()),
        };
        let waits = |id: ChildId, book: &Book| {
            let Some(life) = &book.live else { return false };
            match asked {
                true => life.stage != Stage::Abandoned,
                false => !model.is_left_alone(id, life),
            }
        };
        let rank = model
            .children(id)
            .filter(|(id, book)| swept.is_none_or(|from| book.place >= from) && waits(*id, book))
            .map(|(_, book)| book.place.rank)
            .max();
        let Some(rank) = rank else {
            return wrong(Invariant::StopOrder, format!("{path} waits for children that are gone"));
        };
        if pack.moved {
            return Ok(());
        }
        let idle = model.children(id).find(|(id, book)| {
            book.place.rank == rank
                && swept.is_none_or(|from| book.place >= from)
                && waits(*id, book)
                && book.is_up()
        });
        match idle {
            Some((_, idle)) => wrong(
                Invariant::StopOrder,
                format!("{} is to be stopped, but nobody asks it", idle.path),
            ),
            None => Ok(()),
        }
    }
}

trait Rests {
    fn state_rests(&self) -> bool;
}

impl Rests for Child {
    fn state_rests(&self) -> bool {
        matches!(self.state, State::Rest { .. })
    }
}

const fn stage_of(phase: Phase) -> Stage {
    match phase {
        Phase::Starting { until } => Stage::Starting(until),
        Phase::Started { until } => Stage::Started(until),
        Phase::Rehydrating { until } => Stage::Rehydrating(until),
        Phase::Ready { stable_at } => Stage::Ready(stable_at),
        Phase::Unready => Stage::Unready,
        Phase::Stopping { step, until } => Stage::Stopping(step, until),
        Phase::Killing { until } => Stage::Killing(until),
        Phase::Abandoned { .. } => Stage::Abandoned,
    }
}

const fn invariant_of(stage: Stage) -> Invariant {
    match stage {
        Stage::Ready(_) => Invariant::Stability,
        Stage::Stopping(..) | Stage::Killing(_) | Stage::Abandoned => Invariant::StopSteps,
        Stage::Starting(_) | Stage::Started(_) | Stage::Rehydrating(_) | Stage::Unready => {
            Invariant::EventOrder
        }
    }
}

impl Model {
    /// Takes note of what an input says before the tree acts on it.
    pub(super) fn begin_step(&mut self, input: &Input, out: &Effects) {
        let now = self.now;
        self.steps = out
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Stop { child, run, step } => Some((*child, *run, *step)),
                _ => None,
            })
            .collect();
        self.opened_by_hand.clear();
        self.regrouped.clear();
        let packs: Vec<ChildId> =
            self.books.iter().filter(|(_, book)| book.pack.is_some()).map(|(id, _)| *id).collect();
        for id in packs {
            self.settle_pack(id);
        }
        for book in self.books.values_mut().filter(|book| !book.frozen) {
            let spec = book.spec.clone();
            let Some(run) = book.live.as_mut().filter(|run| !run.stage.is_ending()) else {
                continue;
            };
            for index in 0..run.watch.probes.len() {
                // No answer is an answer.
                let late = run.watch.probes[index];
                if late.asked && late.due.is_some_and(|due| due <= now) {
                    run.watch.answered(now, index, false, &spec);
                }
            }
        }
        self.spare();
        self.force_groups();
        self.foreseen = self.foresee(input);
        self.recycled = match input {
            Input::Command(Command { verb: Verb::Recycle, target, .. }) => self.find(target),
            _ => None,
        };
        self.take_fact(input);
    }

    fn take_fact(&mut self, input: &Input) {
        let now = self.now;
        let of = match input {
            Input::Beat(child, run)
            | Input::Progress(child, run)
            | Input::Patience { child, run, .. }
            | Input::Probed { child, run, .. }
            | Input::Pending { child, run, .. }
            | Input::Extend { child, run, .. }
            | Input::WantsRecycle(child, run) => (*child, *run),
            Input::Demand(child) => {
                if let Some(book) = self.books.get_mut(child) {
                    book.is_demanded(now);
                }
                return;
            }
            Input::Boot => {
                self.booted = true;
                return;
            }
            _ => return,
        };
        let Some(book) = self.books.get_mut(&of.0) else { return };
        let spec = book.spec.clone();
        let Some(run) = book.live.as_mut().filter(|run| run.run == of.1) else { return };
        if let Input::Extend { by, .. } = input {
            let later = now + *by;
            run.stage = match run.stage {
                Stage::Starting(at) => Stage::Starting(at.max(later)),
                Stage::Started(Some(at)) => Stage::Started(Some(at.max(later))),
                Stage::Rehydrating(at) => Stage::Rehydrating(at.max(later)),
                Stage::Stopping(step, Some(at)) => Stage::Stopping(step, Some(at.max(later))),
                stage => stage,
            };
        }
        if run.stage.is_ending() {
            return;
        }
        if matches!(input, Input::WantsRecycle(..)) {
            run.watch.recycle = Some(now);
        }
        if matches!(run.stage, Stage::Starting(_)) {
            return;
        }
        match input {
            Input::Beat(..) => run.watch.beat(now, &spec),
            Input::Patience { within, .. } => run.watch.says(now, *within),
            Input::Progress(..) => run.watch.progressed(now, &spec),
            Input::Pending { pending, .. } => run.watch.pending(now, &spec, *pending),
            Input::Probed { probe, ok, .. } => {
                run.watch.answered(now, usize::from(*probe), *ok, &spec);
            }
            _ => {}
        }
    }

    /// Looks at what the events left open.
    pub(super) fn end_events(&mut self, out: &Effects) -> Result<(), Broken> {
        let now = self.now;
        let left: Vec<ChildId> = self.steps.iter().map(|(child, ..)| *child).collect();
        for child in left {
            self.take_steps(child)?;
        }
        for effect in &out.effects {
            let Effect::Probe { child, run, probe, .. } = effect else { continue };
            let Some(book) = self.books.get_mut(child) else { continue };
            let spec = book.spec.clone();
            let life =
                book.live.as_mut().filter(|life| life.run == *run && !life.stage.is_ending());
            if let Some(life) = life {
                let question =
                    life.watch.probes.get(usize::from(*probe)).copied().unwrap_or_default();
                if question.asked || question.due.is_none_or(|due| due > now) {
                    let text = format!("{} is probed too early: {question:?}", book.path);
                    return wrong(Invariant::Liveness, text);
                }
                life.watch.asked(now, usize::from(*probe), &spec);
            }
        }
        self.settle_packs();
        self.force_groups();
        if let Some(open) = &self.open_exit {
            let text = format!("{}: no decision follows its exit", self.path(open.child));
            return wrong(Invariant::OneDecision, text);
        }
        if let Some(owed) = self.owed.first() {
            let invariant = match owed {
                Owed::Opens { .. } | Owed::Closes(_) => Invariant::Breakers,
                Owed::Alert(..) => Invariant::Alerts,
                Owed::Draining => Invariant::Drain,
                Owed::GaveUp(_) | Owed::Regrouping(_) | Owed::AutoShutdown(_) => {
                    Invariant::Decision
                }
            };
            return wrong(invariant, format!("{owed:?} must follow, and does not"));
        }
        Ok(())
    }

    /// Takes over what a new spec says about those whom it left alone.
    pub(super) fn refresh_specs(&mut self, tree: &Tree) {
        for (id, book) in &mut self.books {
            if let Some(child) = tree.child(*id) {
                book.spec = child.spec.clone();
                book.place = child.place;
            }
        }
    }

    /// A new spec may move children to other layers.
    pub(super) fn refresh_places(&mut self, tree: &Tree) {
        let mut moved = Vec::new();
        for (id, book) in &mut self.books {
            if let Some(child) = tree.child(*id).filter(|child| child.place != book.place) {
                book.place = child.place;
                moved.extend(book.above);
            }
        }
        for above in moved {
            if let Some(pack) = self.books.get_mut(&above).and_then(|book| book.pack.as_mut()) {
                pack.moved = true;
            }
        }
    }

    pub(super) fn is_group(&self, id: ChildId) -> bool {
        self.books.get(&id).is_some_and(|book| book.pack.is_some())
    }
}

impl Book {
    fn is_demanded(&mut self, now: mainstay_core::Moment) {
        use mainstay_core::spec::Activation;
        let Activation::OnDemand { idle } = self.spec.activation else { return };
        if self.breaker.is_open(now) {
            return;
        }
        self.demanded = true;
        if self.spec.restart != Restart::Never
            && matches!(self.plan, Plan::Never(Finish::Completed | Finish::Skipped))
        {
            self.plan = Plan::Run;
        }
        if let Some(run) = self.live.as_mut().filter(|run| run.watch.idle.is_some()) {
            run.watch.idle = idle.map(|idle| now + idle);
        }
    }
}

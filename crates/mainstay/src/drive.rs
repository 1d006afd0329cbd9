//! The loop: it feeds what happens to the tree and begins what the tree asks. It decides nothing.

use crate::caught;
use crate::code::Begin;
use crate::declare::Whole;
use crate::inbox::{Ask, Batch, Notice, Request, Requests};
use crate::observe;
#[cfg(feature = "process")]
use crate::process::{Lane, News};
use crate::report::Report;
use crate::shared::Shared;
use crate::slot::{Slot, told};
use crate::view::{Views, Watching};
use crate::watchdog::Watch;
use crate::world::World;
use mainstay_core::{ChildId, Effects, Input, Moment, Path, Standing, Tree, Verb};
use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tokio::sync::{oneshot, watch};
use tokio::time::Sleep;

/// How many requests one turn takes: children are heard in between.
const REQUESTS_A_TURN: usize = 64;

/// How many turns it takes before others get the thread for certain.
const TURNS_A_POLL: usize = 16;

/// How many entries of each buffer keep their memory from one turn to the next.
const MOST_KEPT: usize = 1_024;

/// A tree that runs.
pub(crate) struct Drive {
    tree: Tree,
    world: World,
    shared: Arc<Shared>,
    requests: Requests,
    report: watch::Sender<Option<Arc<Report>>>,
    batch: Batch,
    asked: Vec<Request>,
    out: Effects,
    views: Views,
    sleep: Option<Pin<Box<Sleep>>>,
    /// The moment the sleep is set to.
    wakes_at: Option<Moment>,
    is_due: bool,
    has_hooks: bool,
    #[cfg(feature = "durable")]
    durable: Option<Written>,
    _watch: Option<Watch>,
}

/// What a durable tree needs beside.
#[cfg(feature = "durable")]
struct Written {
    journal: Box<dyn crate::durable::Journal>,
    /// The tree stands in the middle of its runs: nothing is decided before the keeper has said what it holds.
    waits_until: Option<Moment>,
    /// Whether the tree begins, or begins anew.
    begins: bool,
}

/// How long a tree that goes on waits for its keeper to say what it holds.
#[cfg(feature = "durable")]
const MEETING: std::time::Duration = std::time::Duration::from_secs(5);

impl Drive {
    pub(crate) fn new(
        tree: Tree,
        shared: Arc<Shared>,
        requests: Requests,
        report: watch::Sender<Option<Arc<Report>>>,
        watch: Option<Watch>,
        whole: &Whole,
    ) -> Self {
        let world = World::new(&shared, tree.children().count(), whole);
        Self {
            tree,
            world,
            shared,
            requests,
            report,
            batch: Batch::default(),
            asked: Vec::new(),
            out: Effects::new(),
            views: Views::default(),
            sleep: None,
            wakes_at: None,
            is_due: false,
            has_hooks: !whole.hooks.is_empty(),
            #[cfg(feature = "durable")]
            durable: None,
            _watch: watch,
        }
    }

    /// Takes down every step from now on.
    #[cfg(feature = "durable")]
    pub(crate) fn durable(mut self, durable: Option<crate::durable::Durable>) -> Self {
        self.durable = durable.map(|durable| {
            let begins = durable.past.as_ref().is_none_or(|past| past.begins);
            let until = self.shared.clock.now() + MEETING;
            let waits_until = (!begins).then_some(until);
            Written { journal: durable.journal, waits_until, begins }
        });
        self
    }

    /// Runs the tree to its end.
    pub(crate) async fn run(mut self) {
        self.shared.log.learn(&self.tree);
        #[cfg(feature = "process")]
        self.world.learn_all(&self.tree);
        #[cfg(feature = "durable")]
        let begins = self.durable.as_ref().is_none_or(|durable| durable.begins);
        #[cfg(not(feature = "durable"))]
        let begins = true;
        #[cfg(feature = "durable")]
        if self.durable.is_some() {
            self.world.open_keeper();
        }
        if begins {
            self.feed(self.shared.clock.now(), Input::Boot);
        } else {
            #[cfg(feature = "durable")]
            self.world.go_on(&self.tree, &mut self.views);
        }
        poll_fn(|cx| self.poll_turns(cx)).await;
    }

    /// Returns until when nothing is decided but what the keeper tells.
    #[cfg(feature = "durable")]
    fn meets_until(&mut self) -> Option<Moment> {
        let durable = self.durable.as_mut()?;
        let until = durable.waits_until?;
        if self.world.has_met() || self.shared.clock.now() >= until {
            durable.waits_until = None;
            return None;
        }
        Some(until)
    }

    #[cfg(not(feature = "durable"))]
    #[expect(clippy::unused_self, reason = "the same call with and without the feature")]
    fn meets_until(&self) -> Option<Moment> {
        None
    }

    /// Turns as long as there is something to do, but lets others have the thread in between.
    ///
    /// It does not yield after each turn: whoever was just woken runs next on this very thread, and
    /// finds the loop waiting when it has something to tell.
    fn poll_turns(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURNS_A_POLL {
            if self.tree.has_ended() {
                return Poll::Ready(());
            }
            let Poll::Ready(()) = self.poll_turn(cx) else { return Poll::Pending };
            self.turn();
        }
        // The next deadline must be known before the runtime looks for something to do.
        let meets_until = self.meets_until();
        self.set_sleep(meets_until);
        if let Some(sleep) = self.sleep.as_mut().filter(|_| self.wakes_at.is_some()) {
            self.is_due = sleep.as_mut().poll(cx).is_ready();
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Waits until there is something to do.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let meets_until = self.meets_until();
        self.set_sleep(meets_until);
        self.is_due |= match &mut self.sleep {
            Some(sleep) if self.wakes_at.is_some() => sleep.as_mut().poll(cx).is_ready(),
            Some(_) | None => false,
        };
        let has_facts = self.shared.inbox.poll_take(cx, &mut self.batch).is_ready();
        if meets_until.is_some() {
            // Requests wait: who asks now would be told what was so when the program before this one died.
            self.is_due = false;
            return if has_facts { Poll::Ready(()) } else { Poll::Pending };
        }
        // It wakes those who wait for a place in the queue, and a waker may be anything.
        let requests =
            caught::guard(|| self.requests.poll_recv_many(cx, &mut self.asked, REQUESTS_A_TURN));
        if requests.is_err() {
            cx.waker().wake_by_ref();
        }
        let has_requests = !self.asked.is_empty();
        if self.is_due || has_facts || has_requests { Poll::Ready(()) } else { Poll::Pending }
    }

    fn set_sleep(&mut self, meets_until: Option<Moment>) {
        let deadline = meets_until.or_else(|| self.tree.deadline().map(|(at, _)| at));
        if deadline == self.wakes_at {
            return;
        }
        // After a turn whose deadline came up, the sleep is over and has to be set anew in any case.
        self.wakes_at = deadline;
        let Some(at) = deadline.and_then(|at| self.shared.clock.instant(at)) else {
            self.wakes_at = None;
            return;
        };
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }

    /// Does all that there is to do now. The end comes first, then what runs told, then requests.
    fn turn(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        self.shared.answered.store(batch.ping, Ordering::Release);
        for ask in batch.drains.drain(..) {
            // Who does not wait for the answer wants the end, and not to hurry one that has begun.
            if self.tree.drain().is_some() && ask.answer.is_closed() {
                continue;
            }
            self.command(ask, None);
        }
        for fact in batch.facts.drain(..) {
            let at = fact.at;
            self.fact(at, &fact.slot);
        }
        #[cfg(feature = "process")]
        self.hear(std::mem::take(&mut batch.held));
        for notice in batch.notices.drain(..) {
            let input = match notice {
                Notice::Blocked { child, run, lasted } => Input::Blocked { child, run, lasted },
                Notice::Stalled(lasted) => Input::Stalled(lasted),
            };
            self.feed(self.shared.clock.now(), input);
        }
        batch.facts.shrink_to(MOST_KEPT);
        self.batch = batch;
        let mut asked = std::mem::take(&mut self.asked);
        for request in asked.drain(..) {
            match request {
                Request::Command(ask, made_of) => self.command(ask, made_of),
                Request::Read(read) => {
                    // An idle tree still stands at its last input: who reads it wants it as of now.
                    self.feed(self.shared.clock.now(), Input::Clock);
                    drop(caught::guard(|| read(&self.tree, &self.views)));
                }
                Request::Watch(path, answer) => self.watch(&path, answer),
                Request::Demand(path, answer) => {
                    let child = self.tree.find(&path);
                    if let Some(child) = child {
                        self.feed(self.shared.clock.now(), Input::Demand(child));
                    }
                    drop(caught::guard(|| answer.send(child.is_some())));
                }
                #[cfg(feature = "process")]
                Request::Console(join) => self.world.console(&self.tree, join),
            }
        }
        self.asked = asked;
        if std::mem::take(&mut self.is_due) {
            self.feed(self.shared.clock.now(), Input::Clock);
        }
    }

    /// Hands in what a run told, in the order in which it can have happened.
    fn fact(&mut self, at: Moment, slot: &Slot) {
        let (child, mut life) = (slot.child, slot.lock());
        let run = life.run;
        let what = std::mem::take(&mut life.told);
        life.is_queued = false;
        let extra = life.extra.as_ref();
        let (extend, last_beat, ready_at, is_pending) = extra
            .map_or_else(Default::default, |extra| {
                (extra.extend, extra.last_beat, extra.ready_at, extra.pending > 0)
            });
        let (ended, is_served) = (life.ended.take(), life.is_served);
        let telling = life.extra.as_mut().map(|extra| &mut extra.telling);
        let (news, position) = telling.map_or_else(Default::default, |telling| {
            (std::mem::take(&mut telling.news), telling.position.take())
        });
        drop(life);
        let has = |fact: u16| what & fact != 0;
        if has(told::STARTED) {
            self.feed(at, Input::Started(child, run));
        }
        if has(told::BEAT) {
            self.feed(at, Input::Beat(child, run));
            // It may have beaten again while the loop was held up.
            if last_beat > at {
                self.feed(last_beat, Input::Beat(child, run));
            }
        }
        if has(told::READY) {
            self.feed(at.max(ready_at), Input::Ready(child, run));
        }
        if has(told::BUSY) {
            self.feed(at, Input::Pending { child, run, pending: true });
        }
        if has(told::PROGRESS) {
            self.feed(at, Input::Progress(child, run));
        }
        if has(told::IDLE) {
            self.feed(at, Input::Pending { child, run, pending: is_pending });
        }
        if has(told::EXTEND) {
            self.feed(at, Input::Extend { child, run, by: extend });
        }
        if has(told::RELOADED) {
            self.feed(at, Input::Reloaded(child, run));
        }
        if has(told::RECYCLE) {
            self.feed(at, Input::WantsRecycle(child, run));
        }
        for news in news {
            self.feed(at, Input::Told { child, run, news: Box::new(news) });
        }
        if let Some(position) = position {
            self.feed(at, Input::Positioned { child, run, position });
        }
        if has(told::EXITED)
            && let Some((ended_at, ended)) = ended.map(|ended| *ended)
        {
            let life = self.tree.child(child).and_then(|child| child.life());
            let is_present = life.is_some_and(|life| life.run == run);
            if let Some(panic) = ended.panic.filter(|_| is_present) {
                self.views.panicked(child, run, panic);
            }
            let exit = Input::Exited { child, run, exit: ended.exit, detail: ended.detail };
            self.feed(at.max(ended_at), exit);
            if is_served {
                self.let_rest(child);
            }
        }
    }

    /// Hands in what the keeper told of processes.
    #[cfg(feature = "process")]
    fn hear(&mut self, lane: Lane) {
        if lane.is_empty() {
            return;
        }
        let last = lane.last();
        #[cfg(feature = "durable")]
        let mut journal = self.durable.as_mut().map(|durable| &mut durable.journal);
        let mut note = |news: News<'_>| {
            #[cfg(feature = "durable")]
            if let Some(journal) = &mut journal {
                journal.process(&self.tree, news);
            }
            #[cfg(not(feature = "durable"))]
            let _ = news;
        };
        let inputs = self.world.hear(lane, &self.tree, &mut self.views, &mut note);
        for (at, input) in inputs {
            self.feed(at, input);
        }
        // Only now: what it told is decided on, and taken down where that is done.
        self.world.acknowledge(last);
    }

    /// A child that is down for good needs nobody to wait for its next start.
    fn let_rest(&mut self, child: ChildId) {
        if self.tree.child(child).is_some_and(|child| child.standing() == Standing::Down) {
            self.world.rest(child);
        }
    }

    fn command(&mut self, ask: Ask, made_of: Option<Box<dyn Any + Send>>) {
        if ask.answer.is_closed() && ask.command.verb != Verb::Drain {
            // Who asked has gone away before it began: nothing happens, as with any dropped future.
            return;
        }
        let now = self.shared.clock.now();
        self.handle(now, Input::Command(ask.command));
        let result = self.out.replies.pop().map(|reply| reply.result);
        if let (Some(Ok(done)), Some(made_of)) = (&result, made_of)
            && done.changed
            && let Ok(code) = made_of.downcast::<Arc<dyn Begin>>()
        {
            self.world.bind(done.child, *code);
        }
        self.perform(now);
        if let Some(result) = result {
            // Who does not wait for the answer does not want it; who does may have a waker of its own.
            let tell = move || drop(caught::guard(|| ask.answer.send(result)));
            #[cfg(feature = "durable")]
            if let Some(durable) = &mut self.durable {
                return durable.journal.once_durable(Box::new(tell));
            }
            tell();
        }
    }

    fn watch(&mut self, path: &Path, answer: oneshot::Sender<Option<Watching>>) {
        let watching = self.tree.find(path).and_then(|child| self.views.watch(&self.tree, child));
        drop(caught::guard(|| answer.send(watching)));
    }

    fn feed(&mut self, at: Moment, input: Input) {
        // Facts carry the moment they were told, which may lie before the last input's.
        let at = at.max(self.tree.now());
        self.handle(at, input);
        self.perform(at);
    }

    /// Counts how long a probe took that was asked in the present run.
    fn note_probe(&self, at: Moment, input: &Input) {
        let Input::Probed { child, run, probe, ok } = input else { return };
        let found = self.tree.child(*child);
        let is_present = found.and_then(|child| child.life()).is_some_and(|life| life.run == *run);
        let watch = found.filter(|_| is_present).and_then(|child| child.watch.as_ref());
        let asked = watch.and_then(|watch| watch.probes.get(usize::from(*probe)));
        if let Some(asked) = asked.filter(|probe| probe.asked) {
            self.shared.log.probed(*child, at, (*probe, *ok, at.since(asked.last)));
        }
    }

    /// Hands an input to the tree, and takes down what became of it.
    fn handle(&mut self, at: Moment, input: Input) {
        self.note_probe(at, &input);
        #[cfg(feature = "durable")]
        if let Some(durable) = &mut self.durable {
            let is_due = self.tree.deadline().is_some_and(|(due, _)| due <= at);
            let is_idle = matches!(input, Input::Clock) && !is_due;
            let kept = (!is_idle).then(|| input.clone());
            self.tree.handle(at, input, &mut self.out);
            if let Some(input) = &kept {
                let (events, first) = (&*self.out.events, self.shared.log.next());
                let step = crate::durable::Step { at, input, events, first, tree: &self.tree };
                durable.journal.step(&step);
            }
            return;
        }
        self.tree.handle(at, input, &mut self.out);
    }

    fn perform(&mut self, at: Moment) {
        let mut out = std::mem::take(&mut self.out);
        drop(caught::guard(|| self.views.note(&self.tree, &out.events)));
        let is_heard = observe::is_heard(self.has_hooks);
        let health = self.world.health(self.tree.health());
        #[cfg(feature = "process")]
        self.world.learn(&self.tree, &out.events);
        self.shared.log.write(&self.tree, health, at, &mut out.events, is_heard);
        for effect in out.effects.drain(..) {
            self.world.perform(&self.tree, effect);
        }
        out.clear();
        // What one large moment needed (the first, a storm, the end) is not kept for the small ones.
        out.events.shrink_to(MOST_KEPT);
        out.effects.shrink_to(MOST_KEPT);
        self.out = out;
    }
}

/// The tree has ended, or the runtime ends under it: whoever waits learns what became of it.
impl Drop for Drive {
    fn drop(&mut self) {
        self.shared.inbox.close();
        let left = self.world.left_behind();
        let report = Arc::new(Report::of(&self.tree, left));
        // Whoever waits may have a waker that panics; the others are told all the same.
        drop(caught::guard(|| self.report.send_replace(Some(report))));
        drop(caught::guard(|| self.requests.close()));
        self.shared.log.close();
    }
}

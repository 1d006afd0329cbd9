//! What must hold after every step, whatever happened.

mod foretold;
mod health;
mod state;

use crate::model::Model;
use crate::model::command::Answer;
use crate::world::World;
use mainstay_core::spec::TreeSpec;
use mainstay_core::{ChildId, Effect, Effects, Event, Input, Moment, RunId, Tree, Verb};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

macro_rules! invariants {
    ($($invariant:ident = $name:literal,)+) => {
        /// Something that always holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant { $(#[doc = $name] $invariant,)+ }

        impl Invariant {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$invariant,)+];

            /// Returns it in words.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$invariant => $name,)+ }
            }
        }
    };
}

invariants! {
    OneRun = "at most one live run",
    NoStart = "no start against a reason",
    RunIds = "run ids only grow",
    PresentRuns = "only present runs are touched",
    EventOrder = "the events of a child are in order",
    Told = "what a run tells is stated once, and its position is kept",
    StaleFacts = "a fact about another run changes nothing",
    Rehydration = "a run serves once it has restored what the last one had",
    OneDecision = "every exit has exactly one decision",
    Decision = "a decision follows from the policy",
    Causes = "a cause follows from what was asked and reported",
    Counting = "a limit counts what happened",
    Breakers = "a breaker follows its ladder",
    Stability = "stability comes at its moment",
    Liveness = "lost liveness is noticed at its moment",
    StartOrder = "starts follow needs and layers",
    StopOrder = "stops go in reverse order",
    StopSteps = "each stop step has its grace",
    Drain = "a drain ends by its bound and leaves nothing",
    Reasons = "a child rests for a true reason",
    Deadlines = "the next deadline is the next thing due",
    Wishes = "what is wanted follows from commands",
    Commands = "a command has one effect and one answer",
    Foretold = "a command does what was foretold of it",
    Alerts = "an alert stays until somebody has seen it",
    Statements = "what is stated is done, and the other way round",
    Replay = "replaying the inputs gives the same outputs",
    Restore = "a restored tree goes on the same",
    Readings = "reading changes nothing",
    Stories = "explain tells why",
    Health = "how well the tree says it is, it is",
    Bounds = "every queue is bounded",
    Total = "the core takes every input",
}

/// An invariant that does not hold.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// In what way.
    pub text: String,
}

impl Broken {
    pub(crate) fn new(invariant: Invariant, text: impl Into<String>) -> Self {
        Self { invariant, text: text.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": {}", self.invariant.name(), self.text)
    }
}

/// Watches one tree.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    model: Model,
    /// The runs that were named as abandoned.
    abandoned: BTreeSet<(ChildId, RunId)>,
    /// The last run that the world was asked to begin, child by child.
    begun: BTreeMap<ChildId, RunId>,
    /// How far the runs of each child have come, by their own word.
    positions: BTreeMap<ChildId, Arc<str>>,
    steps: u64,
    most_children: usize,
}

impl Judge {
    pub(crate) fn new(spec: &TreeSpec, tree: &Tree) -> Self {
        let model = Model::new(spec, tree);
        let most_children = model.books.len();
        Self {
            model,
            abandoned: BTreeSet::new(),
            begun: BTreeMap::new(),
            positions: BTreeMap::new(),
            steps: 0,
            most_children,
        }
    }

    /// Looks at one step: what went in, what came out, and how the tree is now.
    pub(crate) fn step(
        &mut self,
        now: Moment,
        input: &Input,
        out: &Effects,
        tree: &Tree,
    ) -> Result<(), Broken> {
        self.steps += 1;
        let before = self.model.now;
        let back = out.events.iter().any(|event| matches!(event, Event::Backwards { .. }));
        if back != (now < before) {
            return wrong(Invariant::Deadlines, "the clock went back, or it did not");
        }
        self.model.now = now.max(before);
        self.model.begin_step(input, out);
        if matches!(input, Input::Command(command) if matches!(command.verb, Verb::Apply(_) | Verb::Replace(_)))
        {
            self.model.refresh_places(tree);
        }
        let mut answer = None;
        if let Input::Command(command) = input {
            answer = Some(self.model.command(command, out.replies.first())?);
        }
        for event in &out.events {
            self.model.event(event, input, tree)?;
            self.most_children = self.most_children.max(self.model.books.len());
        }
        self.model.end_events(out)?;
        self.model.came_true(out)?;
        self.replies(input, answer.as_ref(), out)?;
        self.statements(out)?;
        self.facts(input, out)?;
        self.told(input, out)?;
        self.positions(out, tree)?;
        if matches!(input, Input::Command(_)) {
            self.model.refresh_specs(tree);
        }
        self.state(tree)?;
        self.deadline(tree)?;
        Ok(())
    }

    fn replies(&self, input: &Input, answer: Option<&Answer>, out: &Effects) -> Result<(), Broken> {
        let Input::Command(command) = input else {
            return match out.replies.is_empty() {
                true => Ok(()),
                false => wrong(Invariant::Commands, "an answer nobody waits for"),
            };
        };
        let [reply] = out.replies.as_slice() else {
            return wrong(
                Invariant::Commands,
                format!("{} answers to one command", out.replies.len()),
            );
        };
        if reply.command != command.id || reply.who != command.who {
            return wrong(Invariant::Commands, "the answer is to another command");
        }
        let Some(answer) = answer else { return Ok(()) };
        Model::compare_answer(answer, reply)?;
        let silent = matches!(answer, Answer::Again(_));
        let stated = out
            .events
            .iter()
            .filter(|event| matches!(event, Event::Commanded { .. } | Event::Refused { .. }));
        let reused = matches!(answer, Answer::Refused("id reused"));
        match stated.count() {
            0 if silent || reused => Ok(()),
            1 if !silent => Ok(()),
            count => wrong(Invariant::Commands, format!("stated {count} times")),
        }
    }

    /// Every effect has its event, and every event its effect, in the same order.
    fn statements(&self, out: &Effects) -> Result<(), Broken> {
        let is_group = |id: &ChildId| self.model.is_group(*id);
        let stated = out.events.iter().filter_map(|event| match event {
            Event::Starting { child, run, .. } if !is_group(child) => {
                Some(("start", *child, run.0))
            }
            Event::Forced(child, run) => Some(("kill", *child, run.0)),
            Event::Abandoned(child, run) => Some(("abandon", *child, run.0)),
            Event::Rehydrating(child, run) => Some(("rehydrate", *child, run.0)),
            Event::Reloaded { child, run, done: false } => Some(("reload", *child, run.0)),
            Event::Frozen { child, run, frozen: true } => Some(("freeze", *child, run.0)),
            Event::Frozen { child, run, frozen: false } => Some(("thaw", *child, run.0)),
            Event::Removed(child) => Some(("forget", *child, 0)),
            Event::Drained(_) => Some(("end", ChildId::ROOT, 0)),
            _ => None,
        });
        let done = out.effects.iter().filter_map(|effect| match effect {
            Effect::Start { child, run, .. } => Some(("start", *child, run.0)),
            Effect::Kill(child, run) => Some(("kill", *child, run.0)),
            Effect::Abandon(child, run) => Some(("abandon", *child, run.0)),
            Effect::Rehydrate(child, run) => Some(("rehydrate", *child, run.0)),
            Effect::Reload(child, run) => Some(("reload", *child, run.0)),
            Effect::Freeze(child, run) => Some(("freeze", *child, run.0)),
            Effect::Thaw(child, run) => Some(("thaw", *child, run.0)),
            Effect::Forget(child) => Some(("forget", *child, 0)),
            Effect::End(_) => Some(("end", ChildId::ROOT, 0)),
            Effect::Stop { .. } | Effect::Probe { .. } | Effect::Change(..) => None,
        });
        if stated.clone().eq(done.clone()) {
            return Ok(());
        }
        let (stated, done): (Vec<_>, Vec<_>) = (stated.collect(), done.collect());
        wrong(Invariant::Statements, format!("stated {stated:?}, done {done:?}"))
    }

    /// A fact about a run is taken, or said to be stale.
    fn facts(&self, input: &Input, out: &Effects) -> Result<(), Broken> {
        let Input::Exited { child, run, .. } = input else { return Ok(()) };
        let taken = out.events.iter().filter(|event| match event {
            Event::Exited { child: of, run: was, exit: Some(_), .. } => of == child && was == run,
            Event::Stale { child: of, run: was } => of == child && was == run,
            _ => false,
        });
        match taken.count() {
            1 => Ok(()),
            count => wrong(Invariant::OneDecision, format!("an exit was taken {count} times")),
        }
    }

    /// What a run tells is stated just so, or said to be stale.
    fn told(&mut self, input: &Input, out: &Effects) -> Result<(), Broken> {
        let is_stale =
            |child: ChildId, run: RunId| out.events.contains(&Event::Stale { child, run });
        let stated = out.events.iter().filter(|event| matches!(event, Event::Told { .. }));
        match input {
            Input::Told { child, run, news } => {
                let told = Event::Told { child: *child, run: *run, news: news.clone() };
                let expected = (!is_stale(*child, *run)).then_some(&told);
                if !stated.eq(expected) {
                    return wrong(Invariant::Told, format!("{news} was not stated once"));
                }
            }
            Input::Positioned { child, run, position } => {
                if !is_stale(*child, *run) {
                    self.positions.insert(*child, Arc::clone(position));
                }
            }
            _ => {
                if stated.count() > 0 {
                    return wrong(Invariant::Told, "news that nobody told");
                }
            }
        }
        Ok(())
    }

    /// The next run finds the position that was last told.
    fn positions(&mut self, out: &Effects, tree: &Tree) -> Result<(), Broken> {
        for event in &out.events {
            match event {
                Event::Removed(child) => {
                    self.positions.remove(child);
                }
                Event::Starting { child, .. } => {
                    let Some(found) = tree.child(*child) else { continue };
                    let kept = found.memory.as_ref().and_then(|memory| memory.position.as_ref());
                    let told = self.positions.get(child);
                    if kept != told {
                        let text = format!("it was told {told:?}, and kept is {kept:?}");
                        return wrong(Invariant::Told, text);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Looks at what the world is asked to do, before it does it.
    pub(crate) fn effect(&mut self, effect: Effect, world: &World) -> Result<(), Broken> {
        match effect {
            Effect::Start { child, run, first } => {
                let beside =
                    world.alive(child).find(|run| !self.abandoned.contains(&(child, *run)));
                if let Some(beside) = beside {
                    let text =
                        format!("{} starts {run}, but {beside} lives", self.model.path(child));
                    return wrong(Invariant::OneRun, text);
                }
                if first != (run == RunId::FIRST) {
                    return wrong(Invariant::RunIds, format!("{run} is not what it says it is"));
                }
                self.begun.insert(child, run);
            }
            Effect::Stop { child, run, .. }
            | Effect::Kill(child, run)
            | Effect::Probe { child, run, .. }
            | Effect::Rehydrate(child, run)
            | Effect::Reload(child, run)
            | Effect::Freeze(child, run)
            | Effect::Thaw(child, run)
            | Effect::Change(child, run) => {
                let last = self.begun.get(&child);
                if last != Some(&run) {
                    let text = format!(
                        "{} {run} is touched, but {last:?} is the last",
                        self.model.path(child)
                    );
                    return wrong(Invariant::PresentRuns, text);
                }
            }
            Effect::Abandon(child, run) => _ = self.abandoned.insert((child, run)),
            Effect::End(_) => {
                let left = world.all_alive().find(|key| !self.abandoned.contains(key));
                if let Some((child, run)) = left {
                    let text =
                        format!("the tree ended, but {} {run} lives", self.model.path(child));
                    return wrong(Invariant::Drain, text);
                }
            }
            Effect::Forget(_) => {}
        }
        Ok(())
    }

    /// The deadline is later than now, and exactly what the model waits for.
    fn deadline(&self, tree: &Tree) -> Result<(), Broken> {
        let now = self.model.now;
        let due = tree.deadline();
        if let Some((at, why)) = due.filter(|(at, _)| *at <= now) {
            return wrong(Invariant::Deadlines, format!("{why:?} was due at {at}, and still is"));
        }
        let must = self.model.due();
        if due.map(|(at, _)| at) != must.map(|(at, _)| at) {
            let whose = must.map(|(at, id)| (at, self.model.path(id)));
            return wrong(Invariant::Deadlines, format!("wakes for {due:?}, but {whose:?} is due"));
        }
        Ok(())
    }

    /// Looks at the story of a child.
    pub(crate) fn story(tree: &Tree, id: ChildId, story: &str) -> Result<(), Broken> {
        let path = tree.path(id).map(|path| path.to_string()).unwrap_or_default();
        if story.lines().count() < 2 || !story.starts_with(&format!("{path} ")) {
            return wrong(Invariant::Stories, format!("{path} is told as {story:?}"));
        }
        Ok(())
    }

    /// A spec that was applied is the spec that holds.
    pub(crate) fn applied(&self, tree: &Tree, spec: &Arc<TreeSpec>) -> Result<(), Broken> {
        match tree.plan(spec) {
            Ok(plan) => match plan.iter().find(|step| {
                !matches!(
                    step.act,
                    mainstay_core::command::Act::Keep
                        | mainstay_core::command::Act::Add
                        | mainstay_core::command::Act::Remove
                )
            }) {
                Some(step) => wrong(Invariant::Commands, format!("applied, but {step:?} is left")),
                None => Ok(()),
            },
            Err(problems) => wrong(Invariant::Commands, format!("applied, but {problems:?}")),
        }
    }
}

pub(crate) fn wrong(invariant: Invariant, text: impl Into<String>) -> Result<(), Broken> {
    Err(Broken::new(invariant, text))
}

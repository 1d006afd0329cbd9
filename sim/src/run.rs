//! One scenario, from boot to its end: the world, the tree and those who watch it.

use crate::canary::Sabotage;
use crate::check::{Broken, Invariant, Judge};
use crate::dice::Dice;
use crate::scenario::{Act, Guess, Line, Scenario};
use crate::subject::Subject;
use crate::trace::Trace;
use crate::world::{Happening, World};
use mainstay_core::spec::TreeSpec;
use mainstay_core::{
    ChildId, Command, CommandId, Effects, Event, Input, Moment, RunId, Tree, Verb,
};
use std::time::Duration;

/// A run that goes on and on in no time is cut here; the virtual hours then say so.
const MOST_STEPS: u64 = 40_000;

/// What happened, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    /// Inputs.
    pub steps: u64,
    /// Runs that were begun.
    pub starts: u64,
    /// Runs that ended.
    pub exits: u64,
    /// Virtual time.
    pub virtual_time: Duration,
    /// Restored trees that were compared.
    pub restores: u64,
    /// What the outputs add up to: equal for equal runs.
    pub hash: u64,
}

impl Numbers {
    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.starts += other.starts;
        self.exits += other.exits;
        self.virtual_time += other.virtual_time;
        self.restores += other.restores;
    }
}

/// A scenario that broke something.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What broke.
    pub broken: Broken,
    /// When.
    pub at: Moment,
    /// At which step.
    pub step: u64,
}

/// Runs a scenario to its end, or to the first thing that breaks.
///
/// # Errors
///
/// The invariant that does not hold.
pub fn run(
    scenario: &Scenario,
    sabotage: Option<Box<dyn Sabotage>>,
    trace: Option<&mut Trace>,
) -> Result<Numbers, Failure> {
    let Some(spec) = scenario.spec() else { return Ok(Numbers::default()) };
    let mut stage = Stage::new(scenario, &spec, sabotage, trace);
    let result = stage.play(&spec);
    let (at, step) = (stage.now, stage.numbers.steps);
    match result {
        Ok(()) => Ok(stage.numbers),
        Err(broken) => Err(Failure { broken, at, step }),
    }
}

struct Stage<'a> {
    scenario: &'a Scenario,
    world: World,
    subject: Subject,
    judge: Judge,
    /// The tree that was never restored, where the other one is.
    twin: Option<Tree>,
    now: Moment,
    /// How far the clock seems to be back at the next input.
    back: Duration,
    log: Vec<(Moment, Input, Effects)>,
    numbers: Numbers,
    trace: Option<&'a mut Trace>,
}

impl<'a> Stage<'a> {
    fn new(
        scenario: &'a Scenario,
        spec: &TreeSpec,
        sabotage: Option<Box<dyn Sabotage>>,
        trace: Option<&'a mut Trace>,
    ) -> Self {
        let subject = Subject::new(spec, sabotage);
        let mut world = World::new(scenario.seed, scenario.temper, scenario.faults);
        for (index, line) in scenario.script.iter().enumerate() {
            world.at(line.at, Happening::Scripted(index));
        }
        world.at(Moment::from_nanos(1), Happening::Heard(Input::Boot));
        let judge = Judge::new(spec, subject.tree());
        Self {
            scenario,
            world,
            subject,
            judge,
            twin: None,
            now: Moment::ZERO,
            back: Duration::ZERO,
            log: Vec::new(),
            numbers: Numbers::default(),
            trace,
        }
    }

    fn play(&mut self, spec: &TreeSpec) -> Result<(), Broken> {
        while self.numbers.steps < MOST_STEPS {
            let wake = self.subject.deadline().map(|(at, _)| self.lazy(at));
            let Some(at) = [wake, self.world.next()].into_iter().flatten().min() else {
                self.readings()?;
                break;
            };
            if at > self.scenario.end {
                break;
            }
            self.now = self.now.max(at);
            if wake.is_some_and(|wake| wake <= at) {
                self.input(Input::Clock)?;
                continue;
            }
            match self.world.take(self.now) {
                Some(Happening::Heard(input)) => self.input(input)?,
                Some(Happening::Scripted(line)) => self.scripted(line)?,
                Some(Happening::Deed(..)) | None => {}
            }
        }
        self.numbers.virtual_time = self.now.since(Moment::ZERO);
        self.replay(spec)
    }

    /// When the clock really goes off.
    fn lazy(&self, at: Moment) -> Moment {
        let mut dice = Dice::of(self.scenario.seed, "clock", at.as_nanos());
        if dice.percent(self.scenario.faults.lazy_clock) {
            at + dice.any_span(Duration::from_secs(3))
        } else {
            at
        }
    }

    fn scripted(&mut self, index: usize) -> Result<(), Broken> {
        let scenario = self.scenario;
        let Some(Line { act, .. }) = scenario.script.get(index) else { return Ok(()) };
        match act {
            Act::Jump(span) => self.now = self.now + *span,
            Act::Back(span) => self.back = *span,
            Act::Demand(path) => {
                if let Some(child) = self.subject.tree().find(path) {
                    self.input(Input::Demand(child))?;
                }
            }
            Act::Command { id, who, target, verb, if_run, if_revision } => {
                let tree = self.subject.tree();
                let child = tree.find(target).and_then(|id| tree.child(id));
                let run = child.and_then(|child| child.life()).map_or(RunId(7), |life| life.run);
                let revision = child.map_or(7, |child| child.revision);
                let command = Command {
                    id: CommandId(*id),
                    who: (*who).into(),
                    why: "the script says so".into(),
                    target: target.clone(),
                    verb: verb.clone(),
                    if_run: match if_run {
                        Guess::Silent => None,
                        Guess::Right => Some(run),
                        Guess::Wrong => Some(RunId(run.0 + 1)),
                    },
                    if_revision: match if_revision {
                        Guess::Silent => None,
                        Guess::Right => Some(revision),
                        Guess::Wrong => Some(revision + 1),
                    },
                };
                self.input(Input::Command(command))?;
            }
        }
        Ok(())
    }

    /// Hands one input to the tree; where deadlines are overdue, compares it with one that met them first.
    fn input(&mut self, input: Input) -> Result<(), Broken> {
        let back = std::mem::take(&mut self.back);
        let now = Moment::from_nanos(self.now.as_nanos().saturating_sub(back.as_nanos() as u64));
        let overdue = self.subject.deadline().is_some_and(|(at, _)| at <= now);
        if !overdue || input == Input::Clock {
            return self.step(now, input);
        }
        if self.subject.is_sabotaged() {
            self.step(now, Input::Clock)?;
            return self.step(now, input);
        }
        let mut at_once = Effects::new();
        let snapshot = self.subject.tree().snapshot();
        if let Ok(mut other) = Tree::restore(snapshot) {
            other.handle(now, input.clone(), &mut at_once);
        }
        let from = self.log.len();
        self.step(now, Input::Clock)?;
        self.step(now, input)?;
        let mut apart = Effects::new();
        for (_, _, out) in &self.log[from..] {
            apart.events.extend(out.events.iter().cloned());
            apart.effects.extend(out.effects.iter().copied());
            apart.replies.extend(out.replies.iter().cloned());
        }
        same(&at_once, &apart).map_err(|text| {
            let text = format!("an input that meets overdue deadlines: {text}");
            Broken::new(Invariant::Deadlines, text)
        })
    }

    fn step(&mut self, now: Moment, input: Input) -> Result<(), Broken> {
        self.numbers.steps += 1;
        let mut out = Effects::new();
        let foretold = match &input {
            Input::Command(command) => self.subject.foretell(now, command),
            _ => None,
        };
        self.subject.handle(now, input.clone(), &mut out);
        if let Some(trace) = &mut self.trace {
            trace.step(now, &input, &out, self.subject.tree());
        }
        if let Some(twin) = &mut self.twin {
            let mut other = Effects::new();
            twin.handle(now, input.clone(), &mut other);
            self.numbers.restores += 1;
            same(&out, &other).map_err(|text| Broken::new(Invariant::Restore, text))?;
        }
        self.judge.step(now, &input, &out, self.subject.tree())?;
        Judge::health(self.subject.tree(), self.subject.health())?;
        if let (Input::Command(command), Some(foretold)) = (&input, &foretold) {
            Judge::foretold(command, foretold, &out)?;
        }
        for effect in &out.effects {
            self.judge.effect(*effect, &self.world)?;
            self.world.perform(self.now, *effect, self.subject.tree());
        }
        if let Input::Command(command) = &input
            && let Verb::Apply(spec) = &command.verb
            && out.replies.iter().any(|reply| reply.result.is_ok())
            && out.events.iter().any(|event| matches!(event, Event::Commanded { .. }))
        {
            self.judge.applied(self.subject.tree(), spec)?;
        }
        if self.numbers.steps.is_multiple_of(32) {
            self.readings()?;
        }
        self.tally(&out);
        self.log.push((now, input, out));
        if self.scenario.restores {
            let original =
                self.subject.restore().map_err(|text| Broken::new(Invariant::Restore, text))?;
            self.twin.get_or_insert(original);
        }
        Ok(())
    }

    /// Reading leaves everything as it was, and every child has its story.
    fn readings(&mut self) -> Result<(), Broken> {
        let before = self.subject.tree().snapshot();
        let children: Vec<ChildId> = self.subject.tree().children().map(|child| child.id).collect();
        for child in children {
            let story = self.subject.tell(child);
            Judge::story(self.subject.tree(), child, &story)?;
        }
        let tree = self.subject.tree();
        _ = (tree.deadline(), tree.report(), tree.outcome());
        match tree.snapshot() == before {
            true => Ok(()),
            false => Err(Broken::new(Invariant::Readings, "the tree changed by being read")),
        }
    }

    fn tally(&mut self, out: &Effects) {
        for event in &out.events {
            match event {
                Event::Starting { .. } => self.numbers.starts += 1,
                Event::Exited { .. } => self.numbers.exits += 1,
                _ => {}
            }
        }
        let size = out.events.len() as u64 * 31 + out.effects.len() as u64;
        let seed = self.numbers.hash ^ self.now.as_nanos();
        self.numbers.hash = Dice::of(seed, "step", size).roll();
    }

    /// The same inputs in a fresh tree give the same outputs.
    fn replay(&self, spec: &TreeSpec) -> Result<(), Broken> {
        let mut tree = Tree::new(spec);
        let mut out = Effects::new();
        for (at, input, before) in &self.log {
            out.clear();
            tree.handle(*at, input.clone(), &mut out);
            same(before, &out)
                .map_err(|text| Broken::new(Invariant::Replay, format!("at {at}: {text}")))?;
        }
        Ok(())
    }
}

/// Compares two outputs.
fn same(a: &Effects, b: &Effects) -> Result<(), String> {
    if a.events != b.events {
        let at = a.events.iter().zip(&b.events).take_while(|(a, b)| a == b).count();
        return Err(format!("{:?} against {:?}", a.events.get(at), b.events.get(at)));
    }
    if a.effects != b.effects {
        return Err(format!("{:?} against {:?}", a.effects, b.effects));
    }
    if a.replies != b.replies {
        return Err(format!("{:?} against {:?}", a.replies, b.replies));
    }
    Ok(())
}

/// Runs a scenario and takes a panic for what it is: a broken invariant.
///
/// # Errors
///
/// The invariant that does not hold.
pub fn run_safely(
    scenario: &Scenario,
    sabotage: Option<Box<dyn Sabotage>>,
    trace: Option<&mut Trace>,
) -> Result<Numbers, Failure> {
    let run = std::panic::AssertUnwindSafe(|| run(scenario, sabotage, trace));
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "it panicked".into());
        let broken = Broken::new(Invariant::Total, text);
        Err(Failure { broken, at: Moment::ZERO, step: 0 })
    })
}

//! Plays a scenario against the core.

mod hear;

use super::policy::CHILD;
use super::timeline::{Fall, Steps};
use super::{End, How, Policy, Scenario, Timeline};
use mainstay::{Cause, ChildId, Exit, Moment, RunId, State};
use mainstay_core::spec::Ready;
use mainstay_core::{Command, CommandId, Effect, Effects, Input, Path, Tree, Verb};
use std::collections::BTreeMap;
use std::time::Duration;

/// More runs than this are not followed: nobody reads them, and a policy without any delay never gets on.
const MOST_STARTS: u64 = 100_000;

/// Plays a scenario under a policy, for so long at the most. `seed` varies the jitter; the same gives the same.
pub fn simulate(policy: &Policy, scenario: &Scenario, horizon: Duration, seed: u64) -> Timeline {
    let mut spec = policy.spec.clone();
    spec.seed = seed;
    let tree = Tree::new(&spec);
    let Some(child) = tree.find(&CHILD.into()) else { return Timeline::default() };
    let is_ready_at_once = policy.child().is_none_or(|spec| spec.ready == Ready::Immediate);
    let mut play = Play {
        tree,
        child,
        scenario,
        is_ready_at_once,
        now: Moment::ZERO,
        coming: BTreeMap::new(),
        number: 0,
        steps: Steps::default(),
        run: None,
        ended: None,
        told: None,
        serving: Serving::Down { since: Moment::ZERO },
        begun: Vec::new(),
        timeline: Timeline {
            policy: policy.name.clone(),
            rules: policy.child().map_or_else(Vec::new, rules),
            scenario: scenario.name.clone(),
            horizon,
            alerts: Some(0),
            ..Timeline::default()
        },
    };
    play.go(Moment::ZERO + horizon);
    play.finish()
}

/// Returns what a policy means, one rule each.
fn rules(spec: &mainstay_core::spec::ChildSpec) -> Vec<String> {
    use mainstay_core::spec::Field;
    let told = [
        Field::Restart,
        Field::Backoff,
        Field::Jitter,
        Field::Holdoff,
        Field::Budget,
        Field::OnExhausted,
        Field::Cooldown,
        Field::StableAfter,
    ];
    let lines = spec.policy().into_iter().filter(|line| told.contains(&line.field));
    lines.map(|line| format!("{}: {}", line.field.name(), line.value)).collect()
}

struct Play<'a> {
    tree: Tree,
    child: ChildId,
    scenario: &'a Scenario,
    is_ready_at_once: bool,
    now: Moment,
    /// What will happen to the child, by moment and in order.
    coming: BTreeMap<(Moment, u64), Input>,
    number: u64,
    steps: Steps,
    /// When the present run began, and how.
    run: Option<(Moment, bool)>,
    /// How the last run ended: its cause and for how long it lived.
    ended: Option<(Cause, Option<Exit>, Duration)>,
    /// A run that has ended, until all that follows at that moment is known.
    told: Option<Told>,
    /// Whether it can serve.
    serving: Serving,
    /// When its runs began.
    begun: Vec<Duration>,
    timeline: Timeline,
}

/// Whether the child can serve.
#[derive(Clone, Copy)]
enum Serving {
    Down {
        since: Moment,
    },
    /// `down_since` is when it could not before: what serves for no time at all has not served.
    Up {
        since: Moment,
        down_since: Moment,
    },
}

/// A run in words.
struct Told {
    began: Duration,
    /// How it ended, and what the policy decided.
    fall: Fall,
    /// The same for all runs that go like this one.
    like: String,
    text: String,
}

impl Play<'_> {
    fn go(&mut self, until: Moment) {
        self.take(Input::Boot);
        loop {
            if self.tree.has_ended() || self.is_over() {
                return;
            }
            if self.timeline.starts >= MOST_STARTS {
                self.timeline.is_cut = true;
                return;
            }
            let coming = self.coming.first_key_value().map(|((at, _), _)| *at);
            let deadline = self.tree.deadline().map(|(at, _)| at);
            let next = match (coming, deadline) {
                (Some(coming), Some(deadline)) => coming.min(deadline),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => return,
            };
            if next > until {
                self.now = until;
                return;
            }
            self.now = next;
            if coming == Some(next)
                && let Some((_, input)) = self.coming.pop_first()
            {
                self.take(input);
            } else {
                self.take(Input::Clock);
            }
        }
    }

    /// Nothing more will happen: all ends are used up, and the run that lives on is stable.
    fn is_over(&self) -> bool {
        let used =
            self.timeline.starts > u64::from(self.scenario.times) || self.scenario.ends.is_empty();
        let stable =
            self.tree.child(self.child).and_then(|child| child.life()).is_some_and(|life| {
                matches!(life.phase, mainstay_core::child::Phase::Ready { stable_at: None })
            });
        used && stable
    }

    fn take(&mut self, input: Input) {
        let mut out = Effects::new();
        self.tree.handle(self.now, input, &mut out);
        for event in &out.events {
            self.hear(event);
        }
        for effect in out.effects {
            self.perform(effect);
        }
    }

    fn later(&mut self, at: Moment, input: Input) {
        self.number += 1;
        self.coming.insert((at, self.number), input);
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Start { child, run, .. } => self.start(child, run),
            Effect::Stop { child, run, .. } => self.end(child, run, Exit::Completed),
            Effect::Kill(child, run) => {
                self.end(child, run, Exit::Signaled { signal: 9, core: false });
            }
            Effect::Rehydrate(child, run) => self.later(self.now, Input::Rehydrated(child, run)),
            Effect::Probe { .. }
            | Effect::Reload(..)
            | Effect::Freeze(..)
            | Effect::Thaw(..)
            | Effect::Change(..)
            | Effect::Abandon(..)
            | Effect::Forget(_)
            | Effect::End(_) => {}
        }
    }

    /// A run begins: what will become of it is known at once.
    fn start(&mut self, child: ChildId, run: RunId) {
        let end = self.scenario.end(self.timeline.starts.saturating_sub(1));
        let never = matches!(end, Some(End { how: How::Exit(Exit::StartFailed { .. }), .. }));
        if !never {
            self.later(self.now, Input::Started(child, run));
        }
        let ready = end.and_then(|end| end.ready_after).unwrap_or_default();
        let ends = end.map(|end| self.now + end.lives);
        let is_in_time = ends.is_none_or(|ends| self.now + ready < ends || ready.is_zero());
        if !self.is_ready_at_once && !never && is_in_time {
            self.later(self.now + ready, Input::Ready(child, run));
        }
        match (ends, end.map(|end| end.how)) {
            (Some(at), Some(How::Exit(exit))) => {
                // Nobody saw it: it was seen alive and found gone at once.
                let unseen = Exit::Unknown { from: at, to: at };
                let exit = if matches!(exit, Exit::Unknown { .. }) { unseen } else { exit };
                self.later(at, Input::Exited { child, run, exit, detail: None });
            }
            (Some(at), Some(How::Restarted)) => {
                self.later(
                    at,
                    Input::Command(Command {
                        id: CommandId(0),
                        who: "somebody".into(),
                        why: "the record says so".into(),
                        target: Path::from(CHILD),
                        if_run: Some(run),
                        if_revision: None,
                        verb: Verb::Restart,
                    }),
                );
            }
            (None, _) | (_, None) => {}
        }
    }

    /// A run is asked to end, and does at once.
    fn end(&mut self, child: ChildId, run: RunId, exit: Exit) {
        self.coming.clear();
        self.later(self.now, Input::Exited { child, run, exit, detail: None });
    }

    fn finish(mut self) -> Timeline {
        let end = Moment::ZERO + self.timeline.horizon;
        let last = if self.timeline.is_cut { self.now } else { end };
        match self.serving {
            Serving::Down { since } => self.timeline.was_down(last.since(since)),
            Serving::Up { since, down_since } => {
                self.timeline.was_down(since.since(down_since));
                self.timeline.served(since.since(Moment::ZERO), last.since(Moment::ZERO));
            }
        }
        self.flush();
        let ends = self.standing();
        if let Some((began, trial)) = self.run {
            let trial = if trial { ", the trial," } else { "" };
            let text = format!(
                "#{}{trial} {}",
                self.timeline.starts,
                if self.is_over() { "lives on" } else { "lives" }
            );
            self.steps.push(began.since(Moment::ZERO), text);
        }
        let mut timeline = self.timeline;
        timeline.horizon = last.since(Moment::ZERO);
        timeline.begun(&self.begun);
        timeline.sum_up();
        timeline.ends = ends;
        timeline.steps = self.steps.done();
        // A run is told when it has ended, at the moment at which it began.
        timeline.steps.sort_by_key(|(at, _)| *at);
        timeline
    }

    /// What it does at the end.
    fn standing(&self) -> String {
        let Some(child) = self.tree.child(self.child).filter(|_| !self.tree.has_ended()) else {
            return "down: the tree has ended".into();
        };
        match &child.state {
            State::Live(life) if life.standing() == mainstay::Standing::Ready => "ready".into(),
            State::Live(life) => life.standing().to_string(),
            State::Rest { why, .. } => crate::story::rests(why, self.now, &self.tree),
        }
    }
}

//! Trees that are begun again from any moment of any world: what is wanted comes up, and nothing else.

use mainstay_core::child::{Child, Rest, State, Want};
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::spec::Activation;
use mainstay_core::{
    ChildId, Effect, Effects, Event, Exit, Health, Input, Moment, Refusal, Snapshot, Tree,
};
use mainstay_sim::canary::Sabotage;
use mainstay_sim::dice::Dice;
use mainstay_sim::run::run;
use mainstay_sim::workload::scenario;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Begins a copy of the tree again after every few steps, and leaves the tree itself alone.
#[derive(Debug)]
struct Reboots {
    seed: u64,
    steps: u64,
    /// How many of them came up without a limit that refused a start.
    whole: Arc<AtomicU32>,
}

impl Sabotage for Reboots {
    fn handle(&mut self, tree: &mut Tree, now: Moment, input: Input, out: &mut Effects) {
        tree.handle(now, input, out);
        self.steps += 1;
        let mut dice = Dice::of(self.seed, "reboot", self.steps);
        if dice.percent(10) {
            let down = dice.any_span(Duration::from_secs(7_200));
            self.begin_again(tree, tree.now() + down);
        }
    }

    fn store(&mut self, _: &mut Snapshot) {}

    fn tell(&mut self, tree: &mut Tree, child: ChildId) -> String {
        tree.explain(child).map(|story| story.to_string()).unwrap_or_default()
    }

    fn weigh(&self, _: &Tree, health: Health) -> Health {
        health
    }

    fn foretell(&self, foretold: Result<bool, Refusal>) -> Result<bool, Refusal> {
        foretold
    }
}

impl Reboots {
    fn begin_again(&self, before: &Tree, now: Moment) {
        let place = format!("seed {} step {}", self.seed, self.steps);
        let snapshot = before.snapshot().begin_again(now);
        let mut tree = Tree::restore(snapshot).unwrap_or_else(|error| panic!("{place}: {error}"));
        let events = boot(&mut tree, now);
        assert!(tree.deadline().is_none_or(|(at, _)| at > now), "{place}");
        for child in tree.children() {
            let was = before.child(child.id);
            assert!(was.is_none_or(|was| child.runs <= was.runs + 2), "{place}: {child:?}");
            assert!(was.is_none_or(|was| !was.leaving), "{place}: {child:?}");
        }
        // A start that was refused by its limit has consequences of every kind.
        if events.iter().any(|event| matches!(event, Event::Counted { spent: true, .. })) {
            return;
        }
        self.whole.fetch_add(1, Ordering::Relaxed);
        for child in tree.children() {
            if let Err(text) = is_as_wanted(&tree, child) {
                panic!("{place}: {} {text}: {child:?}", child.name);
            }
        }
    }
}

/// Boots the tree in a world where every run starts and can serve at once; returns what it stated.
fn boot(tree: &mut Tree, now: Moment) -> Vec<Event> {
    let (mut open, mut events) = (vec![Input::Boot], Vec::new());
    while let Some(input) = open.pop() {
        let mut out = Effects::new();
        tree.handle(now, input, &mut out);
        events.extend(out.events);
        for effect in out.effects {
            match effect {
                Effect::Start { child, run, .. } => {
                    open.extend([Input::Ready(child, run), Input::Started(child, run)]);
                }
                Effect::Rehydrate(child, run) => open.push(Input::Rehydrated(child, run)),
                // The trial of a breaker may take its siblings with it.
                Effect::Stop { child, run, .. } | Effect::Kill(child, run) => {
                    open.push(Input::Exited { child, run, exit: Exit::Completed, detail: None });
                }
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
    }
    events
}

/// Whether a child lives, or has a reason not to that outlives its tree.
fn is_as_wanted(tree: &Tree, child: &Child) -> Result<(), String> {
    let State::Rest { why, .. } = child.state else {
        let is_wanted = child.want == Want::Up && !child.quarantined;
        return if is_wanted { Ok(()) } else { Err("lives".into()) };
    };
    let above = |child: &Child| child.above.and_then(|above| tree.child(above));
    let is_paused = || {
        let mut at = Some(child);
        while let Some(child) = at {
            if child.paused {
                return true;
            }
            at = above(child);
        }
        false
    };
    let holds = match why {
        Rest::Above => above(child).is_some_and(|above| above.life().is_none()),
        Rest::Quarantined => child.quarantined,
        Rest::Paused => is_paused(),
        Rest::Broken { .. } => matches!(child.breaker().state, BreakerState::Open(_)),
        Rest::Stopped => child.want == Want::Down,
        Rest::Demand => child.spec.activation != Activation::Always,
        // What it waits for is looked at in its own turn.
        Rest::Need { .. } | Rest::Cooldown { .. } | Rest::Slot { .. } | Rest::Storm { .. } => true,
        Rest::Draining | Rest::Group | Rest::Finished(_) | Rest::Waiting { .. } => false,
    };
    if holds { Ok(()) } else { Err(format!("rests, for {why:?}")) }
}

#[test]
fn whatever_is_wanted_comes_up_from_any_moment() {
    let whole = Arc::new(AtomicU32::new(0));
    for seed in 1..=60 {
        let reboots = Reboots { seed, steps: 0, whole: Arc::clone(&whole) };
        let scenario = scenario(seed, Duration::from_secs(3_600));
        if let Err(failure) = run(&scenario, Some(Box::new(reboots)), None) {
            panic!("seed {seed} at step {}: {}", failure.step, failure.broken);
        }
    }
    let whole = whole.load(Ordering::Relaxed);
    assert!(whole > 1_000, "only {whole} trees were begun again");
}

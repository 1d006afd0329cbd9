//! Every change of what a child does is exactly one event.
//!
//! Random trees take random facts, commands and deadlines. Whoever only reads the events knows what
//! every child does: after each input the events, folded child by child, say what the core says, and no
//! event tells what was so already. Some changes have an event of their own: `GaveUp` and `AutoShutdown`
//! begin the end of a supervisor, `Drained` is the end of the root, and `Added` brings in all that is
//! declared below the child.

#[path = "one_event/chance.rs"]
mod chance;
#[path = "one_event/fold.rs"]
mod fold;

use chance::Chance;
use fold::Fold;
use mainstay_core::{Effects, Event, Input, Moment, Tree};
use std::fmt::Debug;
use std::time::Duration;

/// How many trees, and how many inputs for each.
const TREES: u64 = 5_000;
const STEPS: usize = 150;

/// The events that change what a child does, or close its run.
const CHANGES: [&str; 15] = [
    "Starting",
    "Started",
    "Rehydrating",
    "Ready",
    "Unready",
    "Stopping",
    "Forced",
    "Abandoned",
    "Exited",
    "Decided",
    "Rests",
    "Frozen",
    "Breaker",
    "Added",
    "Removed",
];

#[test]
fn every_state_change_is_exactly_one_event() {
    let (mut trees, mut events, mut seed) = (0, 0, 0);
    while trees < TREES {
        seed += 1;
        match run(seed, &|_| 1, &mut |_| ()) {
            Ok(Some(seen)) => {
                trees += 1;
                events += seen;
            }
            // A draw of which nothing valid comes is no tree.
            Ok(None) => {}
            Err(wrong) => panic!("{}", story(seed, &wrong)),
        }
        assert!(seed < 20 * TREES, "hardly any draw is a valid tree");
    }
    assert!(events > TREES * 50, "{events} events say too little about {trees} trees");
}

/// A fold that takes everything would prove nothing.
#[test]
fn an_event_that_is_lost_or_doubled_is_noticed() {
    for change in CHANGES {
        for times in [0, 2] {
            let distorted = |event: &Event| match format!("{event:?}").split([' ', '(']).next() {
                Some(name) if name == change => times,
                _ => 1,
            };
            let is_noticed = (1..2_000).any(|seed| {
                run(seed, &distorted, &mut |_| ()).is_err()
                    && run(seed, &|_| 1, &mut |_| ()).is_ok()
            });
            // Who hears twice that a child was added knows no more than before.
            assert!(is_noticed || (change, times) == ("Added", 2), "{change}, {times} times");
        }
    }
}

/// Runs one seed, hears each event so often, and tells each step. Returns how many events there were;
/// `None` when it draws no valid tree.
fn run(
    seed: u64,
    times: &dyn Fn(&Event) -> usize,
    tell: &mut dyn FnMut(&dyn Debug),
) -> Result<Option<u64>, String> {
    let mut chance = Chance::new(seed);
    let Some(spec) = chance.tree() else { return Ok(None) };
    tell(&spec);
    let mut tree = Tree::new(&spec);
    let mut fold = Fold::of(&tree);
    let (mut out, mut now, mut seen) = (Effects::new(), Moment::ZERO, 0);
    let mut input = Input::Boot;
    for _ in 0..STEPS {
        out.clear();
        tell(&(now, &input));
        tree.handle(now, input, &mut out);
        for event in &out.events {
            tell(event);
            seen += 1;
            for _ in 0..times(event) {
                fold.take(event, &tree)?;
            }
        }
        fold.check(&tree)?;
        let later = match tree.deadline() {
            Some((at, _)) if chance.percent(35) => at,
            _ if chance.percent(50) => now,
            _ => now + chance.span(Duration::from_secs(20)),
        };
        (now, input) = (later, chance.input(&tree));
    }
    Ok(Some(seen))
}

/// Returns what led there: the tree, then the last steps.
fn story(seed: u64, wrong: &str) -> String {
    let mut steps: Vec<String> = Vec::new();
    let _ = run(seed, &|_| 1, &mut |step| steps.push(format!("{step:?}")));
    let last = &steps[steps.len().saturating_sub(40).max(1)..];
    format!("seed {seed}: {wrong}\n{}\n  ...\n{}", steps[0], last.join("\n"))
}

//! The journal's forms in simulated worlds: whatever happens there comes back from JSON as it was, and a tree that is
//! made anew of JSON at every step decides as the one that never was.
#![cfg(feature = "journal")]

use mainstay_core::{ChildId, Effects, Health, Input, Moment, Refusal, Snapshot, Tree};
use mainstay_sim::canary::Sabotage;
use mainstay_sim::run::run;
use mainstay_sim::workload::scenario;
use mainstay_wire::journal::{Record, Step, StepRef, Stored, snapshot_from_json, snapshot_to_json};
use std::time::Duration;

/// How many worlds there are.
const SEEDS: u64 = 10;

/// A journal between the tree and the world, with a brain that dies after every `every`th step.
#[derive(Debug)]
struct Journal {
    every: u64,
    events: u64,
    steps: u64,
}

impl Sabotage for Journal {
    fn handle(&mut self, tree: &mut Tree, now: Moment, input: Input, out: &mut Effects) {
        let (stated, copy) = (out.events.len(), input.clone());
        tree.handle(now, input, out);
        let step = Step {
            at: now,
            wall: -1,
            first: self.events,
            input: copy,
            events: out.events[stated..].to_vec(),
        };
        let parts = StepRef {
            at: now,
            wall: -1,
            first: self.events,
            input: &step.input,
            events: &step.events,
        };
        let json = parts.to_json();
        let read =
            Record::from_json(&json).unwrap_or_else(|error| panic!("{error}: {}", text(&json)));
        assert_eq!(read, Record::Step(step), "{}", text(&json));
        assert_eq!(read.to_json(), json, "it is written as before");
        self.events += out.events.len() as u64;
        self.steps += 1;
        if self.steps.is_multiple_of(self.every) {
            self.begin_anew(tree);
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

impl Journal {
    fn begin_anew(&self, tree: &mut Tree) {
        let snapshot = tree.snapshot();
        let json = snapshot_to_json(&snapshot, self.events, 7);
        let read =
            snapshot_from_json(&json).unwrap_or_else(|error| panic!("{error}: {}", text(&json)));
        assert_eq!(read.snapshot, snapshot, "{}", text(&json));
        assert_eq!((read.next_event, read.wall), (self.events, 7));
        let Stored { snapshot, .. } = read;
        assert_eq!(snapshot_to_json(&snapshot, self.events, 7), json, "it is written as before");
        *tree = Tree::restore(snapshot).expect("the snapshot of a tree");
    }
}

fn text(json: &[u8]) -> String {
    String::from_utf8_lossy(json).into_owned()
}

#[test]
fn every_world_goes_on_as_if_nothing_had_been_written() {
    for seed in 1..=SEEDS {
        // Some worlds begin anew at every step, others live long between.
        let journal = Journal { every: 1 + seed % 4 * 5, events: 0, steps: 0 };
        let scenario = scenario(seed, Duration::from_secs(600));
        if let Err(failure) = run(&scenario, Some(Box::new(journal)), None) {
            panic!("seed {seed} at step {}: {}", failure.step, failure.broken);
        }
    }
}

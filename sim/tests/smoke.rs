//! A few worlds, so that nobody has to remember to run the simulator.

use mainstay_sim::canary;
use mainstay_sim::run::run;
use mainstay_sim::trace::Trace;
use mainstay_sim::workload::scenario;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn every_invariant_holds_in_a_few_worlds() {
    for seed in 1..=60 {
        if let Err(failure) = run(&scenario(seed, HOUR), None, None) {
            panic!("cargo xtask sim --seed {seed}: breaks {}", failure.broken);
        }
    }
}

#[test]
fn a_seed_gives_the_same_trace_again() {
    for seed in [3, 14, 15] {
        let trace = || {
            let mut trace = Trace::default();
            let numbers = run(&scenario(seed, HOUR), None, Some(&mut trace)).expect("it holds");
            (trace.lines().to_vec(), numbers.hash)
        };
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}

#[test]
fn seeds_differ() {
    let hash = |seed| run(&scenario(seed, HOUR), None, None).expect("it holds").hash;
    assert_ne!(hash(1), hash(2));
}

#[test]
fn bugs_are_noticed() {
    let names = [
        "a run is started twice",
        "a delay is halved",
        "a pause ends by itself",
        "an entry is counted that never was",
        "a wake-up is lost",
        "a number in a queue is given twice",
        "a heartbeat of an old run is believed of the present one",
        "ready twice is as good as restored",
    ];
    let all = canary::all();
    for name in names {
        let canary = all.iter().find(|canary| canary.name == name).expect("a known bug");
        assert!(canary.fly().is_some(), "{name} went unnoticed");
    }
}

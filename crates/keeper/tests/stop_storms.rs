//! Many ends at once, and ends that race with signals: each is told once, and no stranger is hit.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for what it names and lets the rest go"
)]

mod support;

use mainstay_wire::keeper::{Fact, Key, Order, Status, Whom};
use mainstay_wire::process::{Contain, Process};
use std::collections::BTreeMap;
use std::process::Command;
use support::apart::apart;
use support::{Brain, KILL, TERM, program, shell};

/// Waits until this many runs are over, and returns how each ended.
fn all_ended(brain: &Brain, count: usize) -> BTreeMap<Key, Status> {
    let mut ended = BTreeMap::new();
    while ended.len() < count {
        if let Fact::Ended { key, ended: how } = brain.fact() {
            let before = ended.insert(key.clone(), how.status);
            assert_eq!(before, None, "{key} ended twice");
        }
    }
    ended
}

fn sleeper(contain: Contain) -> Process {
    Process { contain, ..program(&["/bin/sleep", "1000"]) }
}

#[test]
fn three_hundred_that_are_killed_at_once() {
    const COUNT: usize = 300;
    apart("three_hundred_that_are_killed_at_once", &[], || {
        let brain = Brain::new();
        for contain in [Contain::Best, Contain::Main] {
            let mut pids = BTreeMap::new();
            let keys = (0..COUNT)
                .map(|child| brain.start(&format!("{contain:?}{child}"), 1, sleeper(contain)));
            let keys: Vec<Key> = keys.collect();
            while pids.len() < COUNT {
                if let Fact::Started { key, pid, .. } = brain.fact() {
                    pids.insert(key, pid);
                }
            }
            // From outside, so that nobody is prepared for it.
            let numbers = pids.values().map(u32::to_string);
            let killed = Command::new("kill").arg("-9").args(numbers).status().expect("kill");
            assert!(killed.success());
            let ended = all_ended(&brain, COUNT);
            for key in &keys {
                assert_eq!(ended[key], Status::Signal { signal: 9, core: false }, "{key}");
            }
            assert_eq!(brain.fact_at_hand(), None);
        }
    });
}

#[test]
fn all_that_is_held_is_killed_with_the_keeper() {
    let brain = Brain::new();
    let pids: Vec<u32> = (0..50)
        .map(|child| brain.begin(&format!("a{child}"), 1, sleeper(Contain::Best)).1)
        .collect();
    drop(brain);
    for pid in pids {
        assert!(!support::lives(pid));
    }
}

#[test]
fn signals_to_runs_that_are_just_ending() {
    const ROUNDS: u64 = 500;
    apart("signals_to_runs_that_are_just_ending", &[], || {
        let brain = Brain::new();
        for round in 1..=ROUNDS {
            // It ends when it likes; a signal may come before, while and after.
            let key =
                brain.start("a", round, Process { contain: Contain::Main, ..shell("exit 7") });
            let wait = round % 5;
            if wait > 0 {
                brain.started(&key);
            }
            for _ in 0..wait {
                brain.signal(&key, TERM, if round % 2 == 0 { Whom::Main } else { Whom::All });
            }
            // Who has its number by now is a child of ours as well, and is left alone.
            let stranger = Command::new("/bin/true").spawn().expect("started").wait();
            assert!(stranger.expect("it is ours").success(), "a stranger was hit");
            if round % 7 == 0 {
                brain.kill(&key);
            }
            match brain.ended(&key).status {
                Status::Code(7) | Status::Signal { signal: TERM | KILL, core: false } => {}
                status => panic!("{status:?}"),
            }
            brain.signal(&key, KILL, Whom::All);
        }
        assert_eq!(brain.fact_at_hand(), None);
    });
}

#[test]
fn runs_that_crash_again_and_again_follow_each_other() {
    let brain = Brain::new();
    let order = |run| {
        let key = support::key("a", run);
        let process = std::sync::Arc::new(program(&["/bin/false"]));
        brain.keeper.order(Order::Start { key, process });
    };
    order(1);
    let mut live = None;
    for run in 1..=300 {
        brain.wait(|fact| match fact {
            Fact::Started { key, .. } => {
                assert_eq!((live, key.run), (None, run));
                live = Some(run);
                None
            }
            Fact::Ended { key, ended } => {
                assert_eq!((live, key.run, ended.status), (Some(run), run, Status::Code(1)));
                live = None;
                Some(())
            }
            _ => None,
        });
        order(run + 1);
    }
}

//! Starting a process: what it finds when it begins, and what is said when it does not begin.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for what it names and lets the rest go"
)]

mod support;

use mainstay_wire::keeper::Status;
use mainstay_wire::process::{Environment, Process};
use support::{Brain, program, shell};

#[test]
fn a_run_ends_with_its_code() {
    let brain = Brain::new();
    let key = brain.start("a", 1, shell("exit 3"));
    brain.started(&key);
    assert_eq!(brain.ended(&key).status, Status::Code(3));
}

#[test]
fn a_signal_is_told_from_a_code() {
    let brain = Brain::new();
    let key = brain.start("a", 1, shell("kill -TERM $$"));
    brain.started(&key);
    assert_eq!(brain.ended(&key).status, Status::Signal { signal: 15, core: false });
}

#[test]
fn the_environment_is_clean() {
    let brain = Brain::new();
    let environment = Environment { inherit: Vec::new(), set: vec![("A".into(), "b".into())] };
    let script = "test \"$(env | sort | cut -d= -f1 | tr '\\n' ' ')\" = 'A MAINSTAY_RUN PWD SHLVL _ ' || exit 9";
    let process = Process { environment, ..program(&["/bin/bash", "-c", script]) };
    let key = brain.start("a", 1, process);
    brain.started(&key);
    assert_eq!(brain.ended(&key).status, Status::Code(0));
}

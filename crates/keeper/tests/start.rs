//! Starting a process: what it finds when it begins, and what is said when it does not begin.

mod support;

use mainstay_wire::keeper::{Status, Step};
use mainstay_wire::process::{Environment, Process};
use support::{Brain, process, shell};

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
fn what_does_not_start_says_at_which_step() {
    let brain = Brain::new();
    let table: [(Process, Step, &str); 8] = [
        (
            process(&["no-such-program"]),
            Step::FindProgram,
            "no such file or directory while looking for the program `no-such-program`",
        ),
        (
            process(&["/no/such"]),
            Step::FindProgram,
            "no such file or directory while looking for the program `/no/such`",
        ),
        (
            process(&["/etc/passwd"]),
            Step::Execute,
            "permission denied while executing `/etc/passwd`",
        ),
        (process(&[]), Step::Settings, "invalid argument while reading its settings `no command`"),
        (
            Process { folder: Some("/no/folder".into()), ..shell("") },
            Step::ChangeFolder,
            "no such file or directory while changing to the folder `/no/folder`",
        ),
        (
            Process { user: Some("nobody-here".into()), ..shell("") },
            Step::FindUser,
            "no such file or directory while looking up the user `nobody-here`",
        ),
        (
            Process { group: Some("no-group".into()), ..shell("") },
            Step::FindGroup,
            "no such file or directory while looking up the group `no-group`",
        ),
        (
            Process { capabilities: Some(vec!["net_bind".into()]), ..shell("") },
            Step::FindCapability,
            "invalid argument while looking up the capability `net_bind`",
        ),
    ];
    for (index, (process, step, text)) in (1..).zip(table) {
        let key = brain.start("a", index, process);
        let Status::NotStarted(error) = brain.ended(&key).status else {
            panic!("{text}: it started")
        };
        assert_eq!((error.step, error.to_string().as_str()), (step, text));
    }
}

#[test]
fn the_environment_is_clean() {
    let brain = Brain::new();
    let environment = Environment { inherit: Vec::new(), set: vec![("A".into(), "b".into())] };
    let script = "test \"$(env | sort | cut -d= -f1 | tr '\\n' ' ')\" = 'A MAINSTAY_RUN PWD SHLVL _ ' || exit 9";
    let process = Process { environment, ..process(&["/bin/bash", "-c", script]) };
    let key = brain.start("a", 1, process);
    brain.started(&key);
    assert_eq!(brain.ended(&key).status, Status::Code(0));
}

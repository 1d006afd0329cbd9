//! What is wrong with a declaration is said at once, all of it.

use crate::process::{
    Access, Command, IoPriority, Mode, Probe, Ready, Reload, Socket, Stdin, StopStep, Streams,
};
use crate::{process, supervisor, tree};
use std::time::Duration;

/// Returns what is wrong with a child.
fn wrong(child: crate::Child) -> Vec<String> {
    let checked = tree().child(child).check();
    let problems = checked.err().map(|error| error.problems().to_vec()).unwrap_or_default();
    problems.into_iter().map(|problem| problem.text).collect()
}

#[test]
fn each_mistake_is_named() {
    let base = || Command::new("x");
    let table = [
        (Command::new(""), "a process runs a program, and none is named"),
        (base().arg("a\0b"), "contains a NUL byte"),
        (base().env("A=B", "1"), "is no name of a variable"),
        (base().inherit_env(["A*B"]), "`*` stands for any rest only at the end"),
        (base().umask(0o1000), "umask is at most"),
        (base().nice(20), "nice is from -20 to 19"),
        (base().oom_score(1_001), "oom_score is from"),
        (base().io_priority(IoPriority::BestEffort(8)), "io_priority is from 0 to 7"),
        (base().capabilities(["CAP NET"]), "is no capability"),
        (base().death_signal("TREM"), "there is no signal `TREM`"),
        (base().success_signal("99"), "there is no signal `99`"),
        (base().stop(StopStep::signal("SIGSTOPP")), "there is no signal `SIGSTOPP`"),
        (base().stop(StopStep::message("q")), "a stop step writes to it, and it reads nothing"),
        (base().stop(StopStep::command([""])), "a stop step runs a command, and none is named"),
        (
            base().stop(StopStep::message("q").to_all()).stdin(Stdin::Pipe),
            "only a signal can go to all",
        ),
        (base().reload(Reload::command::<&str>([])), "a reload runs a command, and none is named"),
        (base().descriptor(2, "/x", Mode::Read), "the descriptor 2 is below 3"),
        (
            base().descriptor(5, "/x", Mode::Read).descriptor(5, "/y", Mode::Read),
            "5 is taken twice",
        ),
        (
            base().descriptor(3, "/x", Mode::Read).socket(Socket::tcp("a", "127.0.0.1:0")),
            "the descriptor 3 is one of the 1 that sockets",
        ),
        (base().ready(Ready::Fd(3)).store(1), "the descriptor of ready 3 is one of the 1"),
        (base().socket(Socket::tcp("a", "localhost:1")), "the socket `a` cannot listen at"),
        (base().socket(Socket::unix("a", "run/x")), "the socket a listens at a whole path"),
        (base().socket(Socket::unix("a:b", "/run/x")), "is no name of a socket"),
        (base().socket(Socket::tcp("a", "127.0.0.1:1").mode(0o600)), "only a Unix socket has"),
        (base().log(""), "the log has no path"),
        (base().log("/x").output(Streams::Null), "log needs its output"),
        (base().ready(Ready::line("x")).output(Streams::Inherit), "ready needs its output"),
        (base().ready(Ready::line("")), "ready waits for a line"),
        (
            base().output(Streams::Terminal { rows: 0, columns: 1 }),
            "a terminal has at least one row",
        ),
        (base().ready(Ready::Notify).notify(Access::None), "ready waits for notices"),
        (base().store(1).notify(Access::None), "store waits for notices"),
        (base().reload(Reload::notify("HUP")).notify(Access::None), "reload waits for notices"),
        (base().ready(Ready::Probe), "ready waits for a readiness probe, and there is none"),
        (base().probe(Probe::tcp("80")), "a probe cannot connect to `80`: it has no port"),
        (base().probe(Probe::http("https://x")), "probes speak no TLS"),
        (base().probe(Probe::tcp("x:1").header("a", "b")), "only an http probe has headers"),
        (base().probe(Probe::exec::<&str>([])), "a probe runs a command, and none is named"),
        (base().probe(Probe::tcp("x:1").every(Duration::ZERO)), "probe.every must be longer"),
        (base().cpu_weight(0), "cpu_weight is from 1 to 10000"),
        (base().memory_limit(0), "memory_limit is at least 1"),
        (base().lives_on().death_signal("TERM"), "and that it lives on"),
    ];
    for (command, expected) in table {
        let wrong = wrong(process("x", command));
        assert_eq!(wrong.len(), 1, "{expected}: {wrong:?}");
        assert!(wrong[0].contains(expected), "{expected}: {wrong:?}");
    }
    assert_eq!(wrong(process("x", base())), Vec::<String>::new());
}

#[test]
fn what_only_code_can_do_is_refused() {
    let second = Duration::from_secs(1);
    let said = wrong(process("x", Command::new("x")).ready_within(second));
    assert!(said[0].contains("say by `Command::ready`"), "{said:?}");
    let said = wrong(process("x", Command::new("x")).progress_within(second));
    assert!(said[0].contains("watch it by a probe"), "{said:?}");
    let said = wrong(process("x", Command::new("x").notify(Access::None)).heartbeat(second, 3));
    assert!(said[0].contains("a heartbeat waits for notices"), "{said:?}");
}

#[test]
fn all_of_it_is_said_with_its_place() {
    let broken = || Command::new("").nice(99).stop(StopStep::signal("X"));
    let declared = tree()
        .child(process("a", broken()))
        .child(
            supervisor("s")
                .replicas(2, &process("b", broken()))
                .child(process("c", Command::new("c"))),
        )
        .child(process("a", Command::new("d")));
    let error = declared.check().expect_err("it is wrong");
    let places: Vec<String> =
        error.problems().iter().map(|problem| problem.path.to_string()).collect();
    assert_eq!(places, ["a", "a", "a", "s/b-1", "s/b-1", "s/b-1", "s/b-2", "s/b-2", "s/b-2", "a"]);
}

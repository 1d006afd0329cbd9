//! Ending runs: signals, messages, commands, force; and what is left of them.

mod support;

use mainstay_wire::keeper::{Ended, Fact, Key, Order, Status, Step, Whom};
use mainstay_wire::process::{Access, Contain, Process, Rest, Stdin};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::time::Duration;
use support::{Brain, KILL, TERM, folder, lives, path, puppet, shell, text, value};

const KILLED: Status = Status::Signal { signal: 9, core: false };
const TERMINATED: Status = Status::Signal { signal: 15, core: false };
/// Longer than any test takes.
const LONG: Rest = Rest(Duration::from_secs(1000));

fn speaking(steps: &[&str]) -> Process {
    Process { notify: Some(Access::All), ..puppet(steps) }
}

/// Waits until nobody holds the fifo open that a puppet has opened with `fifo`, and returns whose it was.
struct Lifeline(File, u32);

impl Lifeline {
    fn make(path: &str) {
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("a fifo");
    }

    /// Waits for the puppet to be there.
    fn open(path: &str) -> Self {
        let mut file = File::open(path).expect("opened by both");
        let (mut pid, mut byte) = (String::new(), [0]);
        while file.read(&mut byte).expect("read") == 1 && byte != *b"\n" {
            pid.push(char::from(byte[0]));
        }
        Self(file, pid.parse().expect("a number"))
    }

    /// Waits for the puppet to be gone.
    fn end(mut self) {
        assert_eq!(self.0.read(&mut [0]).expect("its end"), 0);
    }
}

#[test]
fn a_signal_to_the_main_process_alone_and_to_all() {
    let brain = Brain::new();
    let child = "fork:[on:USR1=notify:STATUS=child heard;notify:STATUS=child;hang]";
    let steps = ["on:USR1=notify:STATUS=main heard", child, "hang"];
    for contain in [Contain::Best, Contain::Descent] {
        let name = format!("{contain:?}");
        let (key, _) = brain.begin(&name, 1, Process { contain, ..speaking(&steps) });
        brain.status(&key, "child");
        brain.signal(&key, 10, Whom::Main);
        brain.status(&key, "main heard");
        brain.signal(&key, 10, Whom::All);
        let mut heard = BTreeSet::new();
        while heard.len() < 2 {
            heard.insert(brain.status_after(&key, ""));
        }
        assert_eq!(heard, ["child heard", "main heard"].map(str::to_owned).into());
        brain.kill(&key);
        assert_eq!(brain.ended(&key).status, KILLED);
    }
}

#[test]
fn term_ends_who_does_nothing_about_it() {
    let brain = Brain::new();
    let (key, _) = brain.begin("a", 1, puppet(&["hang"]));
    brain.signal(&key, TERM, Whom::Main);
    assert_eq!(brain.ended(&key).status, TERMINATED);
    // To a run that is over, or never was, it is nothing.
    brain.signal(&key, TERM, Whom::All);
    brain.signal(&support::key("b", 7), TERM, Whom::All);
    let (key, _) = brain.begin("c", 1, speaking(&["on:TERM=exit:4", "notify:STATUS=up", "hang"]));
    brain.status(&key, "up");
    brain.signal(&key, TERM, Whom::Main);
    assert_eq!(brain.ended(&key).status, Status::Code(4));
}

#[test]
fn who_ignores_term_is_killed() {
    let brain = Brain::new();
    let steps = ["on:TERM=notify:STATUS=no", "notify:STATUS=up", "hang"];
    for contain in [Contain::Best, Contain::Descent, Contain::Main] {
        let name = format!("{contain:?}");
        let (key, pid) = brain.begin(&name, 1, Process { contain, ..speaking(&steps) });
        brain.status(&key, "up");
        brain.signal(&key, TERM, Whom::All);
        brain.status(&key, "no");
        brain.kill(&key);
        assert_eq!(brain.ended(&key).status, KILLED);
        assert!(!lives(pid));
    }
}

#[test]
fn a_message_on_its_input_ends_it() {
    let brain = Brain::new();
    let process = Process { stdin: Stdin::Pipe, ..puppet(&["wait-stdin", "exit:5"]) };
    let (key, _) = brain.begin("a", 1, process);
    let bytes = b"quit\n".to_vec();
    brain.keeper.order(Order::Input { key: key.clone(), bytes, close: false });
    assert_eq!(brain.ended(&key).status, Status::Code(5));
    // So does the end of it.
    let process = Process { stdin: Stdin::Pipe, ..puppet(&["stdin-echo", "exit:6"]) };
    let (key, _) = brain.begin("b", 1, process);
    brain.keeper.order(Order::Input { key: key.clone(), bytes: Vec::new(), close: true });
    assert_eq!(brain.ended(&key).status, Status::Code(6));
}

#[test]
fn a_suspended_run_dies_by_force() {
    let brain = Brain::new();
    for contain in [Contain::Best, Contain::Descent, Contain::Main] {
        let name = format!("{contain:?}");
        let (key, pid) =
            brain.begin(&name, 1, Process { contain, ..puppet(&["signal:STOP", "hang"]) });
        brain.signal(&key, 19, Whom::All);
        brain.kill(&key);
        assert_eq!(brain.ended(&key).status, KILLED);
        assert!(!lives(pid));
    }
}

#[test]
fn a_frozen_run_dies_by_force_and_a_thawed_one_goes_on() {
    let brain = Brain::new();
    for contain in [Contain::Best, Contain::Descent] {
        let name = format!("{contain:?}");
        let steps = ["on:USR1=notify:STATUS=heard", "notify:STATUS=up", "hang"];
        let (key, _) = brain.begin(&name, 1, Process { contain, ..speaking(&steps) });
        brain.status(&key, "up");
        let freeze = |frozen| brain.keeper.order(Order::Freeze { key: key.clone(), frozen });
        freeze(true);
        brain.signal(&key, 10, Whom::Main);
        freeze(false);
        brain.status(&key, "heard");
        freeze(true);
        brain.kill(&key);
        assert_eq!(brain.ended(&key).status, KILLED);
    }
}

#[test]
fn a_daemonised_grandchild_dies_with_its_run() {
    let (brain, folder) = (Brain::new(), folder());
    for contain in [Contain::Best, Contain::Descent] {
        for by_force in [true, false] {
            let name = format!("{contain:?}{by_force}");
            let fifo = path(&folder, &name);
            Lifeline::make(&fifo);
            // It holds no file of its parents, leads a session of its own and its parent is gone.
            let daemon = format!("daemon-quiet:[ignore:TERM;fifo:{fifo};hang]");
            let steps = [&*daemon, "wait-stdin", "exit:3"];
            let rest = Rest(Duration::from_millis(50));
            let process = Process { contain, rest, stdin: Stdin::Pipe, ..puppet(&steps) };
            let (key, _) = brain.begin(&name, 1, process);
            let daemon = Lifeline::open(&fifo);
            if by_force {
                brain.kill(&key);
                assert_eq!(brain.ended(&key).status, KILLED);
            } else {
                let bytes = b"\n".to_vec();
                brain.keeper.order(Order::Input { key: key.clone(), bytes, close: true });
                let left = brain.wait(|fact| match fact {
                    Fact::MainEnded { key: of, status, left } if of == key => {
                        assert_eq!(status, Status::Code(3));
                        Some(left)
                    }
                    _ => None,
                });
                let [left] = left.as_slice() else { panic!("{left:?}") };
                assert_eq!((left.pid, &*left.name.to_str_lossy()), (daemon.1, "exe"));
                // It does nothing about TERM, so it takes force.
                assert_eq!(brain.ended(&key).status, Status::Code(3));
            }
            daemon.end();
        }
    }
}

#[test]
fn what_is_left_is_asked_before_it_is_forced() {
    let (brain, folder) = (Brain::new(), folder());
    let fifo = path(&folder, "fifo");
    let told = path(&folder, "told");
    Lifeline::make(&fifo);
    let child = format!("fork:[on:TERM=[write:{told}:orderly;exit:0];fifo:{fifo};hang]");
    let process =
        Process { rest: LONG, stdin: Stdin::Pipe, ..puppet(&[&child, "wait-stdin", "exit:0"]) };
    let (key, _) = brain.begin("a", 1, process);
    let child = Lifeline::open(&fifo);
    brain.keeper.order(Order::Input { key: key.clone(), bytes: b"\n".to_vec(), close: true });
    brain.ended(&key);
    child.end();
    assert_eq!(std::fs::read_to_string(told).expect("it was asked"), "orderly");
}

#[test]
fn what_nobody_holds_lives_on_and_is_named() {
    let (brain, folder) = (Brain::new(), folder());
    let fifo = path(&folder, "fifo");
    Lifeline::make(&fifo);
    let daemon = format!("daemon-quiet:[fifo:{fifo};hang]");
    let process =
        Process { contain: Contain::Main, stdin: Stdin::Pipe, ..puppet(&[&daemon, "hang"]) };
    let (key, _) = brain.begin("a", 1, process);
    let daemon = Lifeline::open(&fifo);
    brain.kill(&key);
    let Ended { status, left, .. } = brain.ended(&key);
    assert_eq!(status, KILLED);
    let [left] = left.as_slice() else { panic!("{left:?}") };
    assert_eq!((left.pid, &*left.name.to_str_lossy()), (daemon.1, "exe"));
    assert!(lives(daemon.1));
    let pid = rustix::process::Pid::from_raw(daemon.1.cast_signed()).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is there");
    daemon.end();
}

#[test]
fn a_stranger_that_holds_its_output_delays_it_but_not_for_ever() {
    let (brain, folder) = (Brain::new(), folder());
    let fifo = path(&folder, "fifo");
    Lifeline::make(&fifo);
    let daemon = format!("daemon:[fifo:{fifo};hang]");
    let process = Process { contain: Contain::Main, ..puppet(&[&daemon, "print:last words"]) };
    let (key, _) = brain.begin("a", 1, process);
    let daemon = Lifeline::open(&fifo);
    let ended = brain.ended(&key);
    assert!(text(&ended.last).ends_with("last words"), "{ended:?}");
    let pid = rustix::process::Pid::from_raw(daemon.1.cast_signed()).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is there");
    daemon.end();
}

#[test]
fn a_family_that_multiplies_is_ended_whole() {
    let brain = Brain::new();
    for contain in [Contain::Best, Contain::Descent] {
        // Each of ten starts thirty, and the last is there.
        let steps =
            ["repeat:10:fork:[fork-bomb:30;hang]", "fork-bomb:50", "notify:STATUS=up", "hang"];
        let (key, _) =
            brain.begin(&format!("{contain:?}"), 1, Process { contain, ..speaking(&steps) });
        brain.status(&key, "up");
        brain.kill(&key);
        let ended = brain.ended(&key);
        assert_eq!((ended.status, ended.left), (KILLED, Vec::new()));
        let mark = format!("{contain:?}#1");
        let mut proc = mainstay_keeper::contain::Proc::open().expect("/proc");
        for pid in proc.all().expect("all") {
            let marked = proc.variable(pid, mainstay_keeper::contain::VARIABLE);
            let living = proc.stat(pid).is_some_and(|stat| !stat.is_gone());
            let is_one = marked.is_some_and(|value| value.ends_with(mark.as_bytes()));
            assert!(!(is_one && living), "{pid} lives");
        }
    }
}

fn execute(brain: &Brain, key: &Key, ticket: u64, command: &[&str], timeout: Duration) {
    let command = command.iter().map(|word| (*word).into()).collect();
    brain.keeper.order(Order::Execute { key: key.clone(), ticket, command, timeout });
}

/// Waits for a command to be done: how, what it printed, and why it did not begin.
fn done(brain: &Brain, wanted: u64) -> (Option<Status>, String, Option<String>) {
    brain.wait(|fact| match fact {
        Fact::Done { ticket, status, output, error, .. } if ticket == wanted => {
            Some((status, output.to_string(), error.map(|error| error.to_string())))
        }
        _ => None,
    })
}

#[test]
fn a_command_runs_in_the_place_of_its_run() {
    let (brain, folder) = (Brain::new(), folder());
    let process = Process {
        folder: Some(folder.path().into()),
        environment: support::clean(&[("COLOUR", "blue"), ("PATH", "/usr/bin:/bin")]),
        umask: Some(0o027),
        ..speaking(&["on:USR1=exit:9", "notify:STATUS=up", "hang"])
    };
    let (key, pid) = brain.begin("a", 1, process);
    brain.status(&key, "up");
    let long = Duration::from_secs(50);
    let script = "echo main=$MAINPID; echo colour=$COLOUR; echo umask=$(umask); echo pwd=$(pwd -P); \
                  echo mark=${MAINSTAY_RUN##*:}; echo error >&2; exit 3";
    execute(&brain, &key, 1, &["sh", "-c", script], long);
    let (status, output, error) = done(&brain, 1);
    assert_eq!((status, error), (Some(Status::Code(3)), None));
    let there = std::fs::canonicalize(folder.path()).expect("a path");
    assert_eq!(value(&output, "main"), pid.to_string());
    assert_eq!((value(&output, "colour"), value(&output, "umask")), ("blue", "0027"));
    assert_eq!(
        (value(&output, "pwd"), value(&output, "mark")),
        (there.to_str().expect("text"), "a#1")
    );
    assert!(output.ends_with("error\n"), "{output}");
    // A stop step like any.
    execute(&brain, &key, 2, &["sh", "-c", "kill -USR1 $MAINPID"], long);
    assert_eq!(brain.ended(&key).status, Status::Code(9));
    execute(&brain, &key, 3, &["true"], long);
    let (status, _, error) = done(&brain, 3);
    let text = "no such process while reading its settings `a#1, which does not run`";
    assert_eq!((status, error.as_deref()), (None, Some(text)));
}

#[test]
fn a_command_that_does_not_begin_or_does_not_end() {
    let brain = Brain::new();
    let (key, _) = brain.begin("a", 1, puppet(&["hang"]));
    let long = Duration::from_secs(50);
    execute(&brain, &key, 1, &["/no/such"], long);
    let (status, output, error) = done(&brain, 1);
    let text = "no such file or directory while looking for the program `/no/such`";
    assert_eq!((status, &*output, error.as_deref()), (None, "", Some(text)));
    // It took too long, and so did what it has started.
    let short = Duration::from_millis(100);
    execute(&brain, &key, 2, &["sh", "-c", "echo begun; sleep 1000 & wait"], short);
    assert_eq!(done(&brain, 2), (None, "begun\n".to_owned(), None));
    // Only the end of what it prints is kept.
    execute(&brain, &key, 3, &["sh", "-c", "seq 100000"], long);
    let (status, output, _) = done(&brain, 3);
    assert_eq!(status, Some(Status::Code(0)));
    assert!(output.len() <= 4096 && output.ends_with("\n99999\n100000\n"), "{}", output.len());
    // The run ends, and with it what runs for it.
    execute(&brain, &key, 4, &["sleep", "1000"], Duration::from_secs(1000));
    brain.signal(&key, KILL, Whom::Main);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        match brain.fact() {
            Fact::Done { ticket: 4, status, .. } => seen.push(status.is_none()),
            Fact::Ended { key: of, .. } if of == key => seen.push(true),
            _ => {}
        }
    }
    assert_eq!(seen, [true, true]);
}

#[test]
fn a_run_that_was_ordered_and_is_killed_at_once_ends_once() {
    let brain = Brain::new();
    for run in 1..=100 {
        let key = brain.start("a", run, puppet(&["hang"]));
        brain.kill(&key);
        assert_eq!(brain.ended(&key).status, KILLED);
    }
    assert_eq!(brain.fact_at_hand(), None);
}

#[test]
fn a_command_may_speak_where_it_is_allowed() {
    let brain = Brain::new();
    for (access, is_heard) in [(Access::Exec, true), (Access::Main, false)] {
        let process = Process { notify: Some(access), ..puppet(&["hang"]) };
        let (key, _) = brain.begin(&format!("{access:?}"), 1, process);
        let puppet = puppet::program();
        let puppet = puppet.to_str().expect("text");
        execute(&brain, &key, 1, &[puppet, "notify:STATUS=by command", "barrier"], LONG.0);
        let mut heard = false;
        brain.wait(|fact| match fact {
            Fact::Said { .. } => {
                heard = true;
                None
            }
            Fact::Done { status, .. } => {
                assert_eq!(status, Some(Status::Code(0)));
                Some(())
            }
            _ => None,
        });
        assert_eq!(heard, is_heard);
    }
}

#[test]
fn steps_that_stop_a_shell() {
    let brain = Brain::new();
    let (key, _) =
        brain.begin("a", 1, shell("trap 'echo asked; exit 8' TERM; while :; do sleep 0.01; done"));
    // Whoever is asked may not have come so far yet: it is then ended by the signal.
    brain.signal(&key, TERM, Whom::Main);
    let ended = brain.ended(&key);
    assert!([TERMINATED, Status::Code(8)].contains(&ended.status), "{ended:?}");
    let refused = Process { user: Some("nobody-here".into()), ..shell(":") };
    assert_eq!(brain.refused("b", refused).step, Step::FindUser);
}

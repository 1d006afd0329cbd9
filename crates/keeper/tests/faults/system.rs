//! A keeper as the first process of a container, and the smallest first process there is.

use crate::program::example;
use crate::scene::{self, Manner, Scene};
use mainstay_wire::keeper::{Fact, Status};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// What makes the next program the first process of a namespace.
const CONTAINER: [&str; 3] = ["unshare", "--pid", "--fork"];

/// Returns whether this machine lets us make a container.
fn has_containers() -> bool {
    let made = Command::new("unshare").args(["-pf", "--mount-proc", "true"]).output();
    let has = made.is_ok_and(|made| made.status.success());
    if !has {
        eprintln!("there are no containers here: nothing was tested");
    }
    has
}

#[test]
fn the_first_process_of_a_container_takes_in_strangers_and_ends_it() {
    if !has_containers() {
        return;
    }
    let before = [&CONTAINER[..], &["--mount-proc", "--kill-child"]].concat();
    let mut scene = Scene::new(Manner { before, ..Manner::default() });
    scene.until_ready();
    let process = scene.puppet("a", &["daemon-quiet:exit:7", "hang"]);
    let key = scene.start("a", process);
    scene.until("start", |scene| scene.model.runs[&key].pid.is_some());
    let is_stranger = |fact: &Fact| matches!(fact, Fact::Stranger { status: Status::Code(7), .. });
    scene.until("stranger", |scene| scene.model.facts().iter().any(is_stranger));
    let stubborn = scene.puppet("b", &["ignore:TERM", "daemon-quiet:[ignore:TERM;hang]", "hang"]);
    let stubborn = scene.start("b", stubborn);
    scene.until("start", |scene| scene.model.runs[&stubborn].pid.is_some());
    let all = scene.marked();
    scene.kill_keeper();
    for living in all {
        scene::wait_for(&living.fd);
    }
    assert_eq!(scene.marked().len(), 0, "{}", scene.dump("somebody outlived the container"));
}

/// An `init` that runs a puppet.
struct Case {
    init: Child,
    output: BufReader<ChildStdout>,
}

impl Case {
    fn new(contained: bool, steps: &[&str]) -> Self {
        let init = example("init");
        let mut command = if contained {
            let mut command = Command::new(CONTAINER[0]);
            command.args(&CONTAINER[1..]).args(["--mount-proc", "--kill-child", "--"]).arg(init);
            command
        } else {
            Command::new(init)
        };
        command.arg(puppet::program()).args(steps);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut init = command.spawn().expect("an init");
        let output = BufReader::new(init.stdout.take().expect("a pipe"));
        Self { init, output }
    }

    /// Waits for the puppet to print its next line.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Returns the process of `init` itself.
    fn pid(&self, contained: bool) -> u32 {
        if contained { scene::only_child(self.init.id()) } else { self.init.id() }
    }

    fn signal(&self, contained: bool, signal: Signal) {
        let init = scene::open(self.pid(contained)).expect("it lives");
        scene::signal(&init, signal);
    }

    /// Waits for its end, and for the last of those who hold its output.
    fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("the rest");
        (self.init.wait().expect("its end"), rest)
    }
}

fn for_each_place(check: impl Fn(bool)) {
    check(false);
    if has_containers() {
        check(true);
    }
}

#[test]
fn init_ends_as_its_command_does() {
    for_each_place(|contained| {
        for (step, code) in [("exit:0", 0), ("exit:3", 3), ("exit:255", 255), ("signal:KILL", 137)]
        {
            let (status, _) = Case::new(contained, &[step]).end();
            assert_eq!(status.code(), Some(code), "{step}");
        }
    });
}

#[test]
fn init_says_what_does_not_start() {
    for (program, code) in [("/no/such/program", 127), ("/etc/passwd", 126)] {
        let output = Command::new(example("init")).arg(program).output().expect("an init");
        assert_eq!(output.status.code(), Some(code), "{program}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(program));
    }
}

#[test]
fn init_hands_signals_on() {
    for_each_place(|contained| {
        for (name, signal) in [
            ("TERM", Signal::TERM),
            ("HUP", Signal::HUP),
            ("USR1", Signal::USR1),
            ("INT", Signal::INT),
        ] {
            let on = format!("on:{name}=[print:heard;exit:9]");
            let mut case = Case::new(contained, &[&on, "print:up", "hang"]);
            assert_eq!(case.line(), "up");
            case.signal(contained, signal);
            let (status, rest) = case.end();
            assert_eq!((status.code(), rest.as_str()), (Some(9), "heard\n"), "{name}");
        }
    });
}

#[test]
fn init_ends_all_that_its_command_leaves() {
    for_each_place(|contained| {
        // It holds the pipe, so that the output ends with the last of them.
        let steps =
            ["daemon:[on:TERM=[print:ended;exit:0];hang]", "fork:hang", "sleep:0.1", "exit:4"];
        let (status, rest) = Case::new(contained, &steps).end();
        assert_eq!(status.code(), Some(4));
        assert!(rest.ends_with("ended\n"), "{rest}");
    });
}

#[test]
fn init_takes_in_whoever_loses_its_parent() {
    for_each_place(|contained| {
        let steps = ["daemon-quiet:exit:1", "daemon-quiet:exit:2", "hang"];
        let mut case = Case::new(contained, &steps);
        assert_ne!(case.line(), case.line());
        scene::until_only_child(case.pid(contained));
        case.signal(contained, Signal::TERM);
        assert_eq!(case.end().0.code(), Some(143));
    });
}

#[test]
fn a_keeper_without_an_identity_refuses_to_begin() {
    let mut relay = Command::new(example("relay"));
    let output = relay.arg("never").env("RELAY_IDENTITY", "").output().expect("a relay");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("needs an identity"), "{said}");
}

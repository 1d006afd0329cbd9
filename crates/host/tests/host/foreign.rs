//! The hosts in C and in Python, which speak the same: each is taken through what a parent may do.

use crate::parent::{Parent, secret, sockets};
use crate::processes::Process;
use mainstay_host::protocol::{Asked, Beat, Head, Kind, Told, code};
use mainstay_host::{EXIT_PARENT_GONE, EXIT_STOP_OVERDUE};
use rustix::net::SocketType;
use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The example in C, built once, where this program was built too.
static IN_C: LazyLock<PathBuf> = LazyLock::new(|| {
    let program = env::current_exe().expect("this program").with_extension("echo-c");
    // Under another name first: this program may be running twice.
    let new = program.with_extension(std::process::id().to_string());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c/echo.c");
    let warnings = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O1", "-pthread"];
    let output = Command::new("cc").args(warnings).arg("-o").arg(&new).arg(source).output();
    let output = output.expect("a C compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(new, &program).expect("a new name");
    program
});

fn in_c() -> Command {
    Command::new(&*IN_C)
}

fn in_python() -> Command {
    let mut command = Command::new("python3");
    // Without leaving compiled files beside the source.
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/echo.py"));
    command
}

fn start(mut command: Command, every: u32) -> (Parent, Process) {
    let (parent, process) = Process::start(&mut command);
    let hello = parent.greet(every);
    assert_eq!((hello.version, hello.contract_version), (1, 3));
    assert_eq!((&*hello.contract, hello.secret), ("echo", secret()));
    assert!(hello.speaker.starts_with("mainstay_host."), "{}", hello.speaker);
    parent.expect(&Told::Status("opens the device".into()));
    parent.expect(&Told::Ready);
    (parent, process)
}

fn it_serves_and_stops(command: Command) {
    let (parent, process) = start(command, 0);
    for (call, request) in [(1, "a"), (2, "fail"), (3, "large")] {
        parent.request(call, request);
    }
    assert_eq!(parent.text(), (Kind::Reply, 1, "a".into()));
    assert_eq!(parent.failure(), (2, 1_007, "the axis does not move".into()));
    let (call, failed, _) = parent.failure();
    assert_eq!((call, failed), (3, code::TOO_LARGE));
    parent.request(4, &"x".repeat(200_000));
    let (call, failed, _) = parent.failure();
    assert_eq!((call, failed), (4, code::TOO_LARGE));
    parent.request(5, "b");
    assert_eq!(parent.text(), (Kind::Reply, 5, "b".into()));
    parent.ask(&Asked::Reload);
    parent.expect(&Told::Reloaded);
    parent.ask_bytes(b"?");
    parent.ask(&Asked::Stop(10_000));
    let (status, text) = process.ended();
    assert!(status.success(), "{status}: {text}");
    let noted = parent.noted();
    assert_eq!(noted[0], "call 1 begins: 1 bytes");
    assert!(noted[1].starts_with("in call 1: the device is asked"), "{}", noted[1]);
    assert_eq!(noted[2], "call 1 answered");
    assert!(noted[5].starts_with("call 2 failed: the axis does not move"), "{}", noted[5]);
    assert!(noted.contains(&"heard nonsense on the control socket".into()), "{noted:?}");
}

#[test]
fn in_c_it_serves_and_stops() {
    it_serves_and_stops(in_c());
}

#[test]
fn in_python_it_serves_and_stops() {
    it_serves_and_stops(in_python());
}

fn it_beats_while_it_hangs_and_is_ended(command: fn() -> Command) {
    // Both take the five seconds of their bound, at the same time.
    let (parent, process) = start(command(), 5);
    let (stopping, stopped) = start(command(), 0);
    stopping.request(1, "hang");
    while stopping.noted().len() < 2 {
        std::thread::yield_now();
    }
    stopping.ask(&Asked::Stop(1));
    assert!(matches!(parent.told(), Told::Beat(Beat { pending: 0, done: 0, oldest: 0 })));
    parent.request(1, "a");
    assert_eq!(parent.frame().0, Kind::Reply);
    parent.request(2, "hang");
    loop {
        let Told::Beat(beat) = parent.told() else { panic!("only beats") };
        if beat.pending == 1 && beat.oldest >= 20 && beat.done == 1 {
            break;
        }
    }
    drop(parent);
    assert_eq!(process.ended().0.code(), Some(EXIT_PARENT_GONE));
    assert_eq!(stopped.ended().0.code(), Some(EXIT_STOP_OVERDUE));
}

#[test]
fn in_c_it_beats_while_it_hangs_and_is_ended() {
    it_beats_while_it_hangs_and_is_ended(in_c);
}

#[test]
fn in_python_it_beats_while_it_hangs_and_is_ended() {
    it_beats_while_it_hangs_and_is_ended(in_python);
}

fn it_reconnects(command: Command) {
    let (mut parent, process) = start(command, 0);
    parent.send_bytes(&[0xff; Head::LENGTH]);
    assert!(parent.calls_are_closed());
    let (ours, its) = sockets(SocketType::STREAM);
    parent.ask_with(&Asked::Reconnect, &its);
    drop(its);
    parent.calls = ours;
    parent.expect(&Told::Reconnected);
    parent.request(1, "again");
    assert_eq!(parent.text(), (Kind::Reply, 1, "again".into()));
    drop(parent);
    let (status, text) = process.ended();
    assert!(!status.success() && status.code().is_some(), "{status}: {text}");
}

#[test]
fn in_c_it_reconnects() {
    it_reconnects(in_c());
}

#[test]
fn in_python_it_reconnects() {
    it_reconnects(in_python());
}

fn its_last_act_is_read(command: Command) {
    let (parent, process) = start(command, 0);
    parent.request(1, "abort");
    assert_eq!(process.ended().0.signal(), Some(6));
    let noted = parent.noted();
    assert_eq!(noted[0], "call 1 begins: 5 bytes");
    assert!(noted[1].starts_with("in call 1: the device is asked"), "{}", noted[1]);
    assert_eq!(noted.len(), 2);
}

#[test]
fn in_c_its_last_act_is_read() {
    its_last_act_is_read(in_c());
}

#[test]
fn in_python_its_last_act_is_read() {
    its_last_act_is_read(in_python());
}

#[test]
fn in_c_streams_are_refused_and_silence_is_an_answer() {
    let (parent, process) = start(in_c(), 0);
    parent.stream(1, 5, "3");
    let (call, failed, _) = parent.failure();
    assert_eq!((call, failed), (1, code::WRONG_FORM));
    parent.request(2, "silent");
    let (call, failed, _) = parent.failure();
    assert_eq!((call, failed), (2, code::PANICKED));
    parent.ask(&Asked::Stop(10_000));
    assert!(process.ended().0.success());
}

#[test]
fn in_python_streams_go_as_far_as_there_is_credit_and_errors_are_told() {
    let (parent, process) = start(in_python(), 0);
    parent.stream(1, 1, "2");
    assert_eq!(parent.text(), (Kind::Item, 1, "1".into()));
    parent.request(2, "raise");
    parent.send(Kind::Credit, 1, &1_u32.to_le_bytes());
    assert_eq!(parent.text(), (Kind::Item, 1, "2".into()));
    assert_eq!(parent.text(), (Kind::End, 1, String::new()));
    assert_eq!(parent.failure(), (2, code::PANICKED, "KeyError: 'axis'".into()));
    parent.stream(3, 1, "1000000");
    assert_eq!(parent.text(), (Kind::Item, 3, "1".into()));
    parent.send(Kind::Cancel, 3, &[]);
    parent.request(4, "behind it");
    assert_eq!(parent.text(), (Kind::Reply, 4, "behind it".into()));
    parent.ask(&Asked::Stop(10_000));
    assert!(process.ended().0.success());
}

#[test]
fn without_a_parent_they_say_so() {
    for mut command in [in_c(), in_python()] {
        let output = command.output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(text.contains("MAINSTAY_HOST is not set"), "{text}");
    }
}

#[test]
fn refused_they_say_why() {
    for mut command in [in_c(), in_python()] {
        let (parent, process) = Process::start(&mut command);
        assert!(matches!(parent.told(), Told::Hello(_)));
        parent.ask(&Asked::Refused("it wants version 4".into()));
        let (status, text) = process.ended();
        assert_eq!(status.code(), Some(1));
        assert!(text.contains("the parent refuses this host: it wants version 4"), "{text}");
    }
}

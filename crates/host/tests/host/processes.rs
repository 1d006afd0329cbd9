//! Hosts that are processes: this very program, started once more to be one.

use crate::parent::{Echo, MOST, Parent, secret};
use mainstay_host::protocol::{Asked, DESCRIPTORS, Kind, SECRET, Told, code};
use mainstay_host::{
    Connect, ConnectError, Descriptors, EXIT_PANICKED, EXIT_PARENT_GONE, EXIT_STOP_OVERDUE, Host,
    record,
};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Descriptors are inheritable only while this is held: else each child would hold those of others open.
static STARTING: Mutex<()> = Mutex::new(());

/// A host that is killed where a test fails before it has ended.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a program as a host.
    pub(crate) fn start(command: &mut Command) -> (Parent, Self) {
        let (parent, Descriptors { control, calls, ring, secret }) = Parent::new();
        let given: Vec<OwnedFd> = [control, calls].into_iter().chain(ring).collect();
        let numbers: Vec<String> = given.iter().map(|one| one.as_raw_fd().to_string()).collect();
        command.env(DESCRIPTORS, numbers.join(",")).env(SECRET, secret.to_text());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        for one in &given {
            fcntl_setfd(one, FdFlags::empty()).expect("an inheritable descriptor");
        }
        let child = command.spawn().expect("the program starts");
        (parent, Self(child))
    }

    /// Waits for the end, and returns how it ended and what it wrote.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let mut text = String::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout.read_to_string(&mut text).expect("text");
        }
        if let Some(mut stderr) = self.0.stderr.take() {
            stderr.read_to_string(&mut text).expect("text");
        }
        (self.0.wait().expect("an end"), text)
    }

    fn kill(&self) {
        kill_process(Pid::from_child(&self.0), Signal::KILL).expect("it lives");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be killed, which is as well.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Starts this program to serve in this way.
pub(crate) fn this_program(way: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    let name = "processes::a_process_connects_with_the_parent_that_started_it_and_with_none_else";
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env("SERVES", way);
    command
}

/// Starts and greets it.
fn start(way: &str) -> (Parent, Process) {
    let (parent, process) = Process::start(&mut this_program(way));
    parent.greet(5);
    parent.expect(&Told::Ready);
    (parent, process)
}

#[test]
fn a_process_connects_with_the_parent_that_started_it_and_with_none_else() {
    // As a host it was started by a test below.
    let Ok(way) = env::var("SERVES") else {
        assert!(matches!(Host::<Echo>::connect(), Err(ConnectError::NoParent)));
        return;
    };
    let connect = Connect::new().bound(Duration::from_millis(50));
    let connect = if way == "exits on panic" { connect.exit_on_panic() } else { connect };
    let host: Host<Echo> = match connect.inherited() {
        Ok(host) => host,
        Err(error) => {
            assert_eq!(error.to_string(), way);
            return;
        }
    };
    assert!(matches!(Host::<Echo>::connect(), Err(ConnectError::Twice)));
    host.serve(|call, request| match request.as_str() {
        "panic" => panic!("on purpose"),
        "abort" => {
            record!(call, "about to call the vendor's library");
            abort()
        }
        "hang" => loop {
            thread::park();
        },
        "notes" => loop {
            record!(call, "it notes {}", "ü".repeat(100));
        },
        "descriptors" => {
            let program = "ls -l /proc/self/fd | grep -c -e socket: -e memfd:";
            let output = Command::new("sh").args(["-c", program]).output().expect("a shell");
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => Ok(request),
    })
    .map(|_| ())
    .expect("a parent");
}

#[expect(clippy::disallowed_methods, reason = "it is what a vendor's library does")]
fn abort() -> ! {
    std::process::abort()
}

/// Asks what is never answered, and waits until it has begun.
fn hang(parent: &Parent) {
    parent.request(1, "hang");
    while parent.noted().is_empty() {
        assert!(matches!(parent.told(), Told::Beat(_)));
    }
}

#[test]
fn a_process_serves_and_ends_when_it_is_asked_to() {
    let (parent, process) = start("");
    parent.request(1, "a");
    assert_eq!(parent.text(), (Kind::Reply, 1, "a".into()));
    parent.request(2, "descriptors");
    assert_eq!(parent.text(), (Kind::Reply, 2, "0".into()), "its children inherit none");
    parent.ask(&Asked::Stop(10_000));
    let (status, text) = process.ended();
    assert!(status.success(), "{status}: {text}");
}

#[test]
fn what_it_was_about_to_do_is_read_after_it_died() {
    let (parent, process) = start("");
    parent.request(1, "abort");
    let (status, _) = process.ended();
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()));
    let noted = parent.noted();
    let expected = ["call 1 begins: abort", "in call 1: about to call the vendor's library"];
    assert_eq!(noted, expected);
    while parent.told_or_gone().is_some() {}

    let (parent, process) = start("");
    hang(&parent);
    process.kill();
    process.ended();
    assert_eq!(parent.noted(), ["call 1 begins: hang"]);
}

#[test]
fn a_kill_at_any_moment_leaves_a_ring_that_can_be_read() {
    for _ in 0..20 {
        let (parent, process) = start("");
        parent.request(1, "notes");
        while parent.recording().begun < 100 {
            thread::yield_now();
        }
        process.kill();
        process.ended();
        let recording = parent.recording();
        // Of the sixteen places one may hold what was being written.
        assert_eq!(recording.operations.len() + recording.torn as usize, 16, "{recording:?}");
        assert!(recording.torn <= 1, "{recording:?}");
        let whole = format!("it notes {}", "ü".repeat(100));
        for operation in recording.operations {
            assert_eq!((operation.call, &operation.text), (1, &whole));
        }
    }
}

#[cfg(not(feature = "faults"))]
#[test]
fn faults_that_would_not_come_are_an_error() {
    let expected = "MAINSTAY_HOST_FAULTS: this host is built without the feature `faults`, so it \
                    would have none";
    let mut command = this_program(expected);
    let (_parent, process) = Process::start(command.env("MAINSTAY_HOST_FAULTS", "crash"));
    let (status, text) = process.ended();
    assert!(status.success(), "{text}");
}

#[test]
fn a_host_that_hangs_past_its_deadline_is_ended() {
    let (parent, process) = start("");
    hang(&parent);
    let asked = Instant::now();
    parent.ask(&Asked::Stop(100));
    let (status, text) = process.ended();
    assert_eq!(status.code(), Some(EXIT_STOP_OVERDUE), "{text}");
    assert!(asked.elapsed() >= Duration::from_millis(150), "not before its deadline and bound");
    assert_eq!(
        parent.noted().last().map(String::as_str),
        Some("does not come to its end: ended with code 121")
    );
}

#[test]
fn a_host_that_hangs_does_not_outlive_its_parent() {
    let (parent, process) = start("");
    hang(&parent);
    drop(parent);
    let (status, text) = process.ended();
    assert_eq!(status.code(), Some(EXIT_PARENT_GONE), "{text}");
}

#[test]
fn a_process_may_end_by_its_own_panic_once_the_caller_knows() {
    let (parent, process) = start("exits on panic");
    parent.request(1, "panic");
    assert_eq!(parent.failure(), (1, code::PANICKED, "on purpose".into()));
    assert_eq!(process.ended().0.code(), Some(EXIT_PANICKED));
}

#[test]
fn what_was_handed_over_wrongly_is_named() {
    let cases = [
        (
            "3",
            secret().to_text(),
            "MAINSTAY_HOST is `3`, which is not two or three different numbers such as `3,4,5`; \
             leave it as the parent sets it",
        ),
        (
            "3,4",
            "abc".into(),
            "MAINSTAY_HOST_SECRET is not the 64 hexadecimal digits that the parent sets; \
             leave it as it is",
        ),
        (
            "700,701",
            secret().to_text(),
            "descriptor 700 of MAINSTAY_HOST is not open; something between the parent and this \
             program closed it",
        ),
    ];
    for (descriptors, secret, expected) in cases {
        let mut command = this_program(expected);
        let command = command.env(DESCRIPTORS, descriptors).env(SECRET, secret);
        let starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let output = command.output().expect("it starts");
        drop(starting);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{descriptors}: {text}");
    }
}

/// Finds the example in Rust. Cargo builds it for `cargo test`, but not for `cargo test --test host`: there run
/// `cargo build -p mainstay-host --examples` first.
fn native() -> Command {
    let own = env::current_exe().expect("this program");
    let folder = own.parent().and_then(Path::parent).expect("a target folder");
    let program = folder.join("examples/native");
    assert!(program.exists(), "run `cargo build -p mainstay-host --examples` first");
    Command::new(program)
}

#[test]
fn the_example_does_what_it_says() {
    let (parent, process) = Process::start(&mut native());
    assert_eq!(parent.greet(0).contract, "echo");
    parent.expect(&Told::Status("opens the device".into()));
    parent.expect(&Told::Ready);
    parent.request(1, "a");
    assert_eq!(parent.text(), (Kind::Reply, 1, "a".into()));
    parent.request(2, "");
    assert_eq!(parent.failure(), (2, 1_000, "there is nothing to answer".into()));
    parent.request(3, "tired");
    parent.expect(&Told::Recycle("it has been asked enough".into()));
    assert_eq!(parent.text(), (Kind::Reply, 3, "tired".into()));
    parent.stream(4, 9, "2");
    assert_eq!(parent.text(), (Kind::Item, 4, "1".into()));
    assert_eq!(parent.text(), (Kind::Item, 4, "2".into()));
    assert_eq!(parent.text(), (Kind::End, 4, String::new()));
    parent.stream(5, 9, "far");
    assert_eq!(parent.failure(), (5, 1_001, "`far` is no number to count to".into()));
    parent.ask(&Asked::Stop(10_000));
    let (status, text) = process.ended();
    assert!(status.success(), "{status}: {text}");
    assert!(parent.noted().contains(&"in call 3: the device is asked for the 3. time".into()));

    let output = native().output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("was not started by a parent"), "{text}");
}

#[test]
fn a_request_as_long_as_agreed_passes_through_a_process() {
    let (parent, process) = start("");
    let long = "y".repeat(MOST as usize);
    for call in 1..=40 {
        parent.request(call, &long);
    }
    for call in 1..=40 {
        assert_eq!(parent.text(), (Kind::Reply, call, long.clone()));
    }
    parent.ask(&Asked::Stop(10_000));
    assert!(process.ended().0.success());
}

//! Faults on purpose: each does what it says, and the same every time.

use crate::parent::{Echo, Parent, secret};
use crate::processes::{Process, this_program};
use mainstay_host::protocol::{Asked, Head, Kind, Told};
use mainstay_host::{Connect, Host, ParentGone, Stopped};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A host in a thread, not yet greeted.
fn host(faults: &str) -> (Parent, JoinHandle<Result<Stopped, ParentGone>>) {
    let (parent, descriptors) = Parent::new();
    let faults = faults.parse().expect("faults");
    let host = thread::spawn(move || {
        let host: Host<Echo> = Connect::new().faults(faults).over(descriptors).expect("welcome");
        host.serve(|_, request| Ok(request))
    });
    (parent, host)
}

fn process(faults: &str) -> (Parent, Process) {
    let mut command = this_program("");
    let (parent, process) = Process::start(command.env("MAINSTAY_HOST_FAULTS", faults));
    parent.greet(5);
    parent.expect(&Told::Ready);
    (parent, process)
}

#[test]
fn a_host_dies_at_the_call_that_is_named() {
    use std::os::unix::process::ExitStatusExt;
    for _ in 0..2 {
        let (parent, process) = process("crash:after=2");
        for call in 1..=2 {
            parent.request(call, "fine");
            assert_eq!(parent.frame().0, Kind::Reply);
        }
        parent.request(3, "dies");
        assert_eq!(process.ended().0.signal(), Some(11));
        assert_eq!(parent.noted().last().map(String::as_str), Some("call 3 begins: dies"));
    }
    let (parent, process) = process("exit:2:on=this");
    parent.request(1, "not that");
    assert_eq!(parent.frame().0, Kind::Reply);
    parent.request(2, "but this");
    assert_eq!(process.ended().0.code(), Some(2));
}

#[test]
fn a_host_that_hangs_goes_on_to_give_signs_of_life() {
    let (parent, process) = process("hang:on=read");
    parent.request(1, "write");
    assert_eq!(parent.frame().0, Kind::Reply);
    parent.request(2, "read");
    loop {
        let Told::Beat(beat) = parent.told() else { panic!("only beats") };
        if beat.pending == 1 && beat.oldest >= 20 {
            break;
        }
    }
    drop(parent);
    process.ended();
}

#[test]
fn a_host_is_slow_and_leaks() {
    let (parent, host) = host("slow:60ms,leak:1k");
    parent.greet(0);
    let asked = Instant::now();
    parent.request(1, "a");
    assert_eq!(parent.frame().0, Kind::Reply);
    assert!(asked.elapsed() >= Duration::from_millis(60));
    parent.ask(&Asked::Stop(u64::MAX));
    assert!(host.join().expect("no panic").is_ok());
}

#[test]
fn a_host_lies() {
    let (parent, host) = host("lie:ready,lie:reply,mute");
    parent.greet(1);
    parent.expect(&Told::Ready);
    parent.request(1, "a");
    // The next word is no beat: it is mute.
    assert_eq!(parent.told(), Told::Ready);
    assert_eq!(parent.text(), (Kind::Reply, 1, "a".into()));
    assert_eq!(parent.text(), (Kind::Reply, 1, "a".into()));
    drop(parent);
    assert_eq!(host.join().expect("no panic"), Err(ParentGone));

    let (parent, host) = self::host("lie:secret");
    assert_ne!(parent.greet(0).secret, secret());
    drop(parent);
    assert_eq!(host.join().expect("no panic"), Err(ParentGone));
}

#[test]
fn a_host_says_what_is_no_frame() {
    let (parent, host) = host("corrupt");
    parent.greet(0);
    parent.request(1, "");
    let mut bytes = [0; Head::LENGTH];
    let count = rustix::io::read(&parent.calls, &mut bytes).expect("bytes");
    assert_eq!((count, Head::parse(bytes)), (Head::LENGTH, None));
    drop(parent);
    assert_eq!(host.join().expect("no panic"), Err(ParentGone));
}

#[test]
fn faults_that_are_none_are_an_error_at_once() {
    let expected = "MAINSTAY_HOST_FAULTS: `crash:3`: it takes no value";
    let mut command = this_program(expected);
    let (_parent, process) = Process::start(command.env("MAINSTAY_HOST_FAULTS", "crash:3"));
    let (status, text) = process.ended();
    assert!(status.success(), "{text}");
}

//! Hello, and what may be wrong with it.

use crate::parent::{Echo, Parent, secret, sockets};
use mainstay_host::protocol::{Asked, Told, VERSION};
use mainstay_host::{Connect, ConnectError, Descriptors, Host};
use rustix::net::SocketType;
use std::thread::{self, JoinHandle};
use std::time::Duration;

fn connect(descriptors: Descriptors) -> JoinHandle<Result<Host<Echo>, ConnectError>> {
    thread::spawn(|| Connect::new().over(descriptors))
}

#[test]
fn hello_says_who_it_is_and_the_answer_what_holds() {
    let (parent, descriptors) = Parent::new();
    let host = connect(descriptors);
    let hello = parent.greet(0);
    assert_eq!((hello.version, hello.contract_version), (VERSION, 3));
    assert_eq!((&*hello.contract, hello.secret), ("echo", secret()));
    assert!(hello.speaker.starts_with("mainstay-host "), "{}", hello.speaker);
    let host = host.join().expect("no panic").expect("welcome");
    assert_eq!(host.run(), 17);
    assert_eq!(host.ending(), None);
    drop(host);
    assert_eq!(parent.told_or_gone(), None);
}

#[test]
fn the_parent_may_refuse_with_a_reason() {
    let (parent, descriptors) = Parent::new();
    let host = connect(descriptors);
    assert!(matches!(parent.told(), Told::Hello(_)));
    parent.ask(&Asked::Refused("it speaks `echo` version 4".into()));
    let error = host.join().expect("no panic").expect_err("refused");
    let expected =
        "the parent refuses this host, which serves `echo` version 3: it speaks `echo` version 4";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_parent_that_says_something_else_is_an_error_of_its_own() {
    type Check = fn(&ConnectError) -> bool;
    let cases: [(&[u8], Check); 4] = [
        (&Asked::Stop(5).to_packet(), |error| matches!(error, ConnectError::Stopped)),
        (b"?", |error| matches!(error, ConnectError::Answer(_))),
        (b"w", |error| matches!(error, ConnectError::Answer(_))),
        (&Asked::Reconnect.to_packet(), |error| matches!(error, ConnectError::Answer(_))),
    ];
    for (packet, check) in cases {
        let (parent, descriptors) = Parent::new();
        let host = connect(descriptors);
        assert!(matches!(parent.told(), Told::Hello(_)));
        parent.ask_bytes(packet);
        let error = host.join().expect("no panic").expect_err("not welcome");
        assert!(check(&error), "{packet:?}: {error}");
    }
}

#[test]
fn a_parent_that_is_gone_or_silent_is_seen() {
    let (parent, descriptors) = Parent::new();
    let host = connect(descriptors);
    assert!(matches!(parent.told(), Told::Hello(_)));
    drop(parent);
    assert!(matches!(host.join().expect("no panic"), Err(ConnectError::Gone)));

    let (_parent, descriptors) = Parent::new();
    let patience = Duration::from_millis(20);
    let error = Connect::<Echo>::new().patience(patience).over(descriptors).expect_err("silence");
    assert!(matches!(error, ConnectError::Silent(waited) if waited == patience), "{error}");
}

#[test]
fn descriptors_of_another_kind_are_refused() {
    let (_parent, mut descriptors) = Parent::new();
    descriptors.control = sockets(SocketType::STREAM).0;
    let error = Connect::<Echo>::new().over(descriptors).expect_err("a stream");
    assert!(matches!(error, ConnectError::Other { name: "control", .. }), "{error}");

    let (_parent, mut descriptors) = Parent::new();
    descriptors.calls = sockets(SocketType::SEQPACKET).0;
    let error = Connect::<Echo>::new().over(descriptors).expect_err("packets");
    assert!(matches!(error, ConnectError::Other { name: "calls", .. }), "{error}");

    let (_parent, mut descriptors) = Parent::new();
    descriptors.ring = Some(sockets(SocketType::STREAM).0);
    let error = Connect::<Echo>::new().over(descriptors).expect_err("no ring");
    assert!(matches!(error, ConnectError::Ring(_)), "{error}");
}

//! Signs of life, and the end of serving.

use crate::parent::{Echo, Parent};
use mainstay_host::protocol::{Asked, Beat, Kind, Told, code};
use mainstay_host::{Connect, Ending, Host, ParentGone};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

fn beat(parent: &Parent) -> Beat {
    loop {
        if let Told::Beat(beat) = parent.told() {
            return beat;
        }
    }
}

#[test]
fn a_stuck_call_hides_no_sign_of_life_and_every_sign_shows_it() {
    let (parent, descriptors) = Parent::new();
    let (go, going): (Sender<()>, Receiver<()>) = channel();
    let host = thread::spawn(move || {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        host.serve(|_, request| {
            going.recv().expect("the test");
            Ok(request)
        })
    });
    parent.greet(1);
    assert_eq!(beat(&parent), Beat::default());
    parent.request(1, "stuck");
    let stuck = loop {
        let beat = beat(&parent);
        if beat.pending == 1 && beat.oldest >= 20 {
            break beat;
        }
    };
    assert_eq!(stuck.done, 0);
    assert!(beat(&parent).oldest >= stuck.oldest);
    go.send(()).expect("the host");
    assert_eq!(parent.text().0, Kind::Reply);
    while beat(&parent) != (Beat { pending: 0, done: 1, oldest: 0 }) {}
    drop(parent);
    assert_eq!(host.join().expect("no panic"), Err(ParentGone));
}

#[test]
fn a_stop_lets_the_present_call_end_and_refuses_the_rest() {
    let (parent, descriptors) = Parent::new();
    let (began, begun): (Sender<()>, _) = channel();
    let host = thread::spawn(move || {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        host.serve(|call, request| {
            began.send(()).expect("the test");
            while call.ending().is_none() {
                thread::yield_now();
            }
            assert!(matches!(call.ending(), Some(Ending::Stop { by: Some(_) })));
            Ok(request)
        })
    });
    parent.greet(0);
    parent.request(1, "present");
    begun.recv().expect("the host");
    parent.request(2, "waits");
    let asked = Instant::now();
    parent.ask(&Asked::Stop(60_000));
    assert_eq!(parent.text(), (Kind::Reply, 1, "present".into()));
    let (call, failed, _) = parent.failure();
    assert_eq!((call, failed), (2, code::STOPPING));
    let stopped = host.join().expect("no panic").expect("a parent");
    let by = stopped.by.expect("a deadline");
    assert!(by >= asked + Duration::from_secs(59), "{by:?}");
    assert!(by <= Instant::now() + Duration::from_secs(60), "{by:?}");
}

#[test]
fn what_is_told_while_the_parent_does_not_read_is_told_later_and_no_thread_waits() {
    let (parent, descriptors) = Parent::new();
    let host = thread::spawn(move || {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        host.serve(|call, request| {
            for number in 0..100_000 {
                call.status(format!("step {number}"));
            }
            call.progress();
            call.recycle("enough");
            call.extend(Duration::from_secs(5));
            Ok(request)
        })
    });
    parent.greet(0);
    parent.expect(&Told::Ready);
    // The thread that owns the socket has nothing to do, and would sleep on.
    parent.ask(&Asked::Reload);
    parent.expect(&Told::Reloaded);
    parent.request(1, "talk");
    assert_eq!(parent.frame().0, Kind::Reply, "it did not wait");
    let mut told = 0;
    while parent.told() != Told::Status("step 99999".into()) {
        told += 1;
    }
    assert!(told < 99_999, "there was room for all of it, and nothing was shown");
    parent.expect(&Told::Progress);
    parent.expect(&Told::Recycle("enough".into()));
    parent.expect(&Told::Extend(5_000));
    drop(parent);
    assert_eq!(host.join().expect("no panic"), Err(ParentGone));
}

#[test]
fn nonsense_on_the_control_socket_is_noted_and_changes_nothing() {
    let (parent, descriptors) = Parent::new();
    let host = thread::spawn(move || {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        host.serve(|_, request| Ok(request))
    });
    parent.greet(0);
    parent.expect(&Told::Ready);
    parent.ask_bytes(b"?what");
    parent.ask_bytes(&[b'l'; 5_000]);
    parent.ask(&Asked::Reconnect);
    parent.ask(&Asked::Refused("late".into()));
    parent.ask(&Asked::Reload);
    parent.expect(&Told::Reloaded);
    parent.request(1, "a");
    assert_eq!(parent.text(), (Kind::Reply, 1, "a".into()));
    let noted = parent.noted();
    assert_eq!(noted[0], "heard nonsense: a packet of the unknown kind 0x3f");
    assert_eq!(noted[1], "heard nonsense: a packet of more than 4096 bytes");
    assert_eq!(noted[2], "asked to reconnect without a socket to do it on");
    assert_eq!(noted[3], "heard an answer to a hello that was answered before");
    drop(parent);
    assert_eq!(host.join().expect("no panic"), Err(ParentGone));
}

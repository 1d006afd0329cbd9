//! Calls that one reply answers.

use crate::parent::{Echo, MOST, Parent};
use mainstay_host::protocol::{Asked, Failure, Head, Kind, Told, code};
use mainstay_host::{Call, Connect, Contract, Host, ParentGone, Serves, Stopped, record};
use rustix::net::SocketType;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, Mutex};
use std::thread::{self, JoinHandle};

type Ended = Result<Stopped, ParentGone>;

/// What the host of these tests answers.
fn answer(call: &mut Call<'_>, request: String) -> Result<String, Failure> {
    match request.as_str() {
        "panic" => panic!("the axis is gone"),
        "fail" => Err(Failure::new(1_007, "the axis does not move")),
        "large" => Ok("x".repeat(MOST as usize + 1)),
        "note" => {
            record!(call, "looks at axis {}", 3);
            Ok(String::new())
        }
        _ => Ok(format!("{request}!")),
    }
}

fn host() -> (Parent, JoinHandle<Ended>) {
    let (parent, descriptors) = Parent::new();
    let host = thread::spawn(|| {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        host.serve(answer)
    });
    parent.greet(0);
    parent.expect(&Told::Ready);
    (parent, host)
}

fn stop(parent: &Parent, host: JoinHandle<Ended>) {
    parent.ask(&Asked::Stop(u64::MAX));
    assert_eq!(host.join().expect("no panic"), Ok(Stopped { by: None }));
}

#[test]
fn requests_are_answered_in_order_and_the_host_goes_on_after_failures() {
    let (parent, host) = host();
    for (call, request) in [(1, "a"), (2, "fail"), (3, "panic"), (4, "b")] {
        parent.request(call, request);
    }
    assert_eq!(parent.text(), (Kind::Reply, 1, "a!".into()));
    assert_eq!(parent.failure(), (2, 1_007, "the axis does not move".into()));
    assert_eq!(parent.failure(), (3, code::PANICKED, "the axis is gone".into()));
    assert_eq!(parent.text(), (Kind::Reply, 4, "b!".into()));
    stop(&parent, host);
}

#[test]
fn what_is_too_large_is_refused_both_ways_and_the_connection_stays() {
    let (parent, host) = host();
    let long = "x".repeat(MOST as usize + 1);
    parent.request(1, &long);
    parent.request(2, "large");
    parent.request(3, &long[..MOST as usize - 1]);
    let (call, failed, message) = parent.failure();
    assert_eq!((call, failed), (1, code::TOO_LARGE));
    assert!(message.contains("1001"), "{message}");
    let (call, failed, message) = parent.failure();
    assert_eq!((call, failed), (2, code::TOO_LARGE));
    assert!(message.contains("1001"), "{message}");
    assert_eq!(parent.text(), (Kind::Reply, 3, format!("{}!", &long[..MOST as usize - 1])));
    stop(&parent, host);
}

#[test]
fn requests_that_are_not_understood_and_streams_that_are_not_served_are_told() {
    let (parent, host) = host();
    parent.send(Kind::Request, 1, b"\xff");
    parent.stream(2, 1, "a");
    let (call, failed, _) = parent.failure();
    assert_eq!((call, failed), (1, code::MALFORMED));
    let (call, failed, _) = parent.failure();
    assert_eq!((call, failed), (2, code::WRONG_FORM));
    stop(&parent, host);
}

#[test]
fn the_flight_recorder_notes_every_call() {
    let (parent, host) = host();
    parent.request(1, "note");
    parent.frame();
    parent.request(2, "fail");
    parent.frame();
    parent.send(Kind::Request, 3, b"\x00\xff\x00");
    parent.frame();
    stop(&parent, host);
    let expected = [
        "call 1 begins: note",
        "in call 1: looks at axis 3",
        "call 1 answered",
        "call 2 begins: fail",
        "call 2 failed: the axis does not move (code 1007)",
        "call 3 begins: 3 bytes",
    ];
    assert_eq!(parent.noted()[..6], expected);
    assert_eq!(parent.noted().last().map(String::as_str), Some("asked to end"));
}

#[test]
fn requests_are_hidden_on_wish() {
    let (parent, descriptors) = Parent::new();
    let host = thread::spawn(|| {
        let host: Host<Echo> = Connect::new().hide_requests().over(descriptors).expect("welcome");
        host.serve(answer)
    });
    parent.greet(0);
    parent.request(1, "my password");
    parent.frame();
    stop(&parent, host);
    assert_eq!(parent.noted()[0], "call 1 begins: 11 bytes");
}

#[test]
fn a_frame_that_is_none_closes_the_calls_and_another_socket_goes_on() {
    let (mut parent, host) = host();
    parent.send_bytes(&[0xff; Head::LENGTH]);
    assert!(parent.calls_are_closed());
    let (ours, its) = crate::parent::sockets(SocketType::STREAM);
    parent.ask_with(&Asked::Reconnect, &its);
    parent.calls = ours;
    parent.expect(&Told::Reconnected);
    parent.request(1, "again");
    assert_eq!(parent.text(), (Kind::Reply, 1, "again!".into()));
    stop(&parent, host);
}

#[test]
fn a_new_socket_forgets_what_was_asked_on_the_one_before_and_keeps_what_the_host_holds() {
    let (mut parent, descriptors) = Parent::new();
    let (began, begun): (Sender<()>, _) = channel();
    let (go, going): (_, Receiver<()>) = channel();
    let host = thread::spawn(move || {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        let mut heard = Vec::new();
        host.serve(|call, request| {
            heard.push(request.clone());
            if request == "slow" {
                began.send(()).expect("the test");
                going.recv().expect("the test");
                assert!(call.is_cancelled(), "nobody can hear the answer");
            }
            Ok(heard.join(" "))
        })
    });
    parent.greet(0);
    parent.expect(&Told::Ready);
    parent.request(1, "slow");
    parent.request(2, "forgotten");
    begun.recv().expect("the host");
    let (ours, its) = crate::parent::sockets(SocketType::STREAM);
    parent.ask_with(&Asked::Reconnect, &its);
    assert!(parent.calls_are_closed(), "the old socket is let go of at once");
    parent.calls = ours;
    go.send(()).expect("the host");
    parent.expect(&Told::Reconnected);
    parent.request(1, "new");
    assert_eq!(parent.text(), (Kind::Reply, 1, "slow new".into()));
    stop(&parent, host);
}

#[test]
fn a_cancelled_call_that_has_not_begun_never_begins() {
    let (parent, descriptors) = Parent::new();
    let (go, going): (Sender<()>, Receiver<()>) = channel();
    let host = thread::spawn(move || {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        host.serve(|call, request| {
            if request == "first" {
                going.recv().expect("the test");
                assert!(call.is_cancelled(), "it was cancelled, too");
            }
            Ok(request)
        })
    });
    parent.greet(0);
    parent.request(1, "first");
    parent.request(2, "second");
    parent.send(Kind::Cancel, 2, &[]);
    parent.send(Kind::Cancel, 1, &[]);
    parent.send(Kind::Cancel, 99, &[]);
    parent.request(3, "third");
    go.send(()).expect("the host");
    assert_eq!(parent.text(), (Kind::Reply, 3, "third".into()));
    stop(&parent, host);
}

#[test]
fn several_threads_serve_at_the_same_time() {
    const THREADS: usize = 3;
    let (parent, descriptors) = Parent::new();
    let host = thread::spawn(|| {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        let together = Barrier::new(THREADS);
        host.serve_on(NonZeroUsize::new(THREADS).expect("some"), |number| {
            let together = &together;
            Together { number, together }
        })
    });
    parent.greet(0);
    parent.expect(&Told::Ready);
    for round in 0..20_u64 {
        for call in 1..=3 {
            parent.request(round * 3 + call, "together");
        }
        let mut answered: Vec<_> = (0..THREADS).map(|_| parent.text()).collect();
        answered.sort_by_key(|(_, call, _)| *call);
        let calls: Vec<u64> = answered.iter().map(|(_, call, _)| *call).collect();
        assert_eq!(calls, [round * 3 + 1, round * 3 + 2, round * 3 + 3]);
        let mut by: Vec<String> = answered.into_iter().map(|(_, _, by)| by).collect();
        by.sort();
        assert_eq!(by, ["0", "1", "2"], "each thread took one");
    }
    stop(&parent, host);
}

struct Together<'a> {
    number: usize,
    together: &'a Barrier,
}

impl Serves<Echo> for Together<'_> {
    fn reply(&mut self, _: &mut Call<'_>, _: String) -> Result<String, Failure> {
        // No call comes back before all three have begun.
        self.together.wait();
        Ok(self.number.to_string())
    }
}

#[test]
fn a_thread_that_cannot_begin_ends_the_serving_of_all() {
    let (parent, descriptors) = Parent::new();
    let host = thread::spawn(|| {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        let alone = Barrier::new(1);
        host.serve_on(NonZeroUsize::new(2).expect("some"), |number| {
            assert_eq!(number, 0, "there is one device");
            Together { number, together: &alone }
        })
    });
    parent.greet(0);
    let panic = host.join().expect_err("it is told to who serves");
    let said = panic.downcast_ref::<String>().expect("a text");
    assert!(said.contains("there is one device"), "{said}");
}

/// Says how often the settings were read.
struct Settings<'a> {
    read: u32,
    by: &'a Mutex<Vec<u32>>,
}

impl Serves<Echo> for Settings<'_> {
    fn reply(&mut self, _: &mut Call<'_>, _: String) -> Result<String, Failure> {
        Ok(self.read.to_string())
    }

    fn reload(&mut self) {
        self.read += 1;
        self.by.lock().expect("no panic").push(self.read);
    }
}

#[test]
fn settings_are_read_by_every_thread_and_told_once() {
    let (parent, descriptors) = Parent::new();
    let read = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let host = scope.spawn(|| {
            let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
            host.serve_on(NonZeroUsize::new(2).expect("some"), |_| Settings { read: 0, by: &read })
        });
        parent.greet(0);
        parent.expect(&Told::Ready);
        parent.ask(&Asked::Reload);
        parent.expect(&Told::Reloaded);
        assert_eq!(*read.lock().expect("no panic"), [1, 1]);
        parent.ask(&Asked::Reload);
        parent.expect(&Told::Reloaded);
        parent.request(1, "");
        assert_eq!(parent.text(), (Kind::Reply, 1, "2".into()));
        parent.ask(&Asked::Stop(u64::MAX));
        assert!(host.join().expect("no panic").is_ok());
    });
    assert_eq!(parent.told_or_gone(), None, "told once");
}

#[cfg(feature = "json")]
#[test]
fn messages_have_the_forms_of_their_types() {
    use mainstay_host::Json;

    #[derive(serde::Serialize, serde::Deserialize)]
    enum Axis {
        Read { axis: u8 },
    }

    struct Axes;

    impl Contract for Axes {
        const NAME: &'static str = "axes";
        const VERSION: u32 = 1;
        type Request = Axis;
        type Reply = f64;
        type Item = ();
        type Codec = Json;
    }

    let (parent, descriptors) = Parent::new();
    let host = thread::spawn(|| {
        let host: Host<Axes> = Connect::new().over(descriptors).expect("welcome");
        host.serve(|_, Axis::Read { axis }| Ok(f64::from(axis) / 2.0))
    });
    assert_eq!(parent.greet(0).contract, "axes");
    parent.request(1, r#"{"Read":{"axis":3}}"#);
    assert_eq!(parent.text(), (Kind::Reply, 1, "1.5".into()));
    parent.request(2, r#"{"Write":{}}"#);
    let (call, failed, message) = parent.failure();
    assert_eq!((call, failed), (2, code::MALFORMED));
    assert!(message.contains("Write"), "{message}");
    stop(&parent, host);
}

#[test]
fn a_host_names_its_contract() {
    let (parent, descriptors) = Parent::new();
    let host: JoinHandle<String> = thread::spawn(|| {
        let host: Host<Echo> = Connect::new().over(descriptors).expect("welcome");
        format!("{host:?}")
    });
    parent.greet(0);
    let shown = host.join().expect("no panic");
    assert!(shown.contains(Echo::NAME) && shown.contains("17"), "{shown}");
}

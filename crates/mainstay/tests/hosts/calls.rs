//! Asking a host that lives.

use super::{PATIENCE, Puppet, Scene, ask, steps};
use crate::common::{MS, soon};
use mainstay::host::{CallError, Client, Contract, Host, Raw};
use mainstay::process::{Command, Streams};
use mainstay::{host, tree};
use std::time::Duration;

fn plain() -> Host<Puppet> {
    steps(["host"])
}

fn text(request: &str) -> String {
    request.to_owned()
}

#[tokio::test]
async fn calls_are_answered_each_by_its_own_answer() {
    let scene = Scene::new(plain(), |child| child);
    let client = scene.client().await;
    let many = (0..200).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            let request = format!("echo {number}");
            (number, client.call(&request).await.expect("an answer"))
        })
    });
    for one in many.collect::<Vec<_>>() {
        let (number, answer) = soon(one).await.expect("no panic");
        assert_eq!(answer, number.to_string());
    }
    assert_eq!(client.pending(), 0);
    scene.end().await;
}

#[tokio::test]
async fn a_failure_is_a_value_and_the_host_lives_on() {
    let scene = Scene::new(plain(), |child| child);
    let client = scene.client().await;
    for (request, code, says) in [
        ("fail the axis is stuck", 1_000, "the host `x` says: the axis is stuck (code 1000)"),
        ("panic at the disco", 1, "the host `x` says: the host's code panicked: at the disco"),
        (
            "nonsense",
            3,
            "the host `x` says: the host did not understand: no such request: nonsense",
        ),
    ] {
        match soon(client.call(&text(request))).await {
            Err(error @ CallError::Failed { .. }) => {
                assert_eq!(error.to_string(), says);
                let CallError::Failed { failure, .. } = error else { unreachable!("looked at") };
                assert_eq!(failure.code, code);
            }
            other => panic!("{request}: {other:?}"),
        }
    }
    // What is asked as a stream and is none, and the other way round.
    let mut items = client.stream(&text("echo 1")).expect("it is asked");
    let refused = soon(items.next()).await.expect("an answer").expect_err("no stream");
    assert!(matches!(refused, CallError::Failed { .. }), "{refused:?}");
    assert_eq!(ask(&client, "echo still here").await, "still here");
    assert_eq!(client.run().0, 1);
    scene.end().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_both_ways_and_the_connection_goes_on() {
    let scene = Scene::new(plain().message_limit(4_096), |child| child);
    let client = scene.client().await;
    let request = format!("echo {}", "x".repeat(4_092));
    match soon(client.call(&request)).await {
        Err(CallError::TooLarge { size: 4_097, most: 4_096, .. }) => {}
        other => panic!("{other:?}"),
    }
    let longest = format!("echo {}", "x".repeat(4_091));
    assert_eq!(ask(&client, &longest).await.len(), 4_091);
    match soon(client.call(&text("bytes 4097"))).await {
        Err(CallError::Failed { failure, .. }) => assert_eq!(failure.code, 2, "{failure}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(ask(&client, "bytes 4096").await.len(), 4_096);
    scene.end().await;
}

#[tokio::test]
async fn a_large_message_comes_through_whole() {
    let scene = Scene::new(plain().message_limit(64 << 20), |child| child);
    let client = scene.client().await;
    let sent = "abcdefghij".repeat(2 << 20);
    let reply = ask(&client, &format!("echo {sent}")).await;
    assert!(reply == sent, "{} bytes came back", reply.len());
    scene.end().await;
}

#[tokio::test]
async fn a_stream_comes_in_order_and_what_nobody_reads_is_not_sent() {
    let scene = Scene::new(plain(), |child| child);
    let client = scene.client().await;
    let mut items = client.stream(&text("count 1000")).expect("it is asked");
    for expected in 1..=1_000 {
        let item = soon(items.next()).await.expect("it goes on").expect("an item");
        assert_eq!(item, expected.to_string());
    }
    assert!(soon(items.next()).await.is_none());
    assert!(soon(items.next()).await.is_none(), "it stays over");

    let mut items = client.stream(&text("count 1000000")).expect("it is asked");
    for _ in 0..3 {
        soon(items.next()).await.expect("it goes on").expect("an item");
    }
    drop(items);
    // It serves one call at a time: that this is answered shows that the stream is over.
    let kept = ask(&client, "kept").await;
    let sent: u32 = kept.strip_prefix("cancelled before ").expect(&kept).parse().expect("a number");
    assert!(sent <= 3 + 64, "it sent {sent} to somebody who read three");

    let mut items = client.stream(&text("count-and-fail 2")).expect("it is asked");
    let mut told = Vec::new();
    while let Some(item) = soon(items.next()).await {
        told.push(item.map_err(|error| error.to_string()));
    }
    let failed = "the host `x` says: on purpose (code 1000)".to_owned();
    assert_eq!(told, [Ok(text("1")), Ok(text("2")), Err(failed)]);
    scene.end().await;
}

#[tokio::test]
async fn who_does_not_wait_any_more_is_told_to_the_host() {
    let scene = Scene::new(plain(), |child| child);
    let client = scene.client().await;
    match client.call_within(&text("await-cancel"), 20 * MS).await {
        Err(error @ CallError::TimedOut { .. }) => {
            assert_eq!(error.to_string(), "the host `x` did not answer within 20ms");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(ask(&client, "kept").await, "cancelled");
    assert_eq!(client.pending(), 0);
    scene.end().await;
}

#[tokio::test]
async fn one_call_too_many_is_refused_and_not_queued() {
    let scene = Scene::new(plain().calls_limit(1), |child| child);
    let client = scene.client().await;
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.call_within(&text("await-cancel"), PATIENCE).await }
    });
    while client.pending() == 0 {
        tokio::task::yield_now().await;
    }
    let refused = client.call(&text("echo 1")).await.expect_err("it is busy");
    let says = "the host `x` is busy: 1 calls wait for it already";
    assert!(matches!(refused, CallError::Busy { most: 1, .. }) && refused.to_string() == says);
    first.abort();
    while client.pending() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&client, "echo 1").await, "1");
    scene.end().await;
}

#[tokio::test]
async fn what_waits_for_a_host_that_does_not_read_is_bounded() {
    let scene = Scene::new(plain(), |child| child.stop_within(50 * MS));
    let client = scene.client().await;
    _ = client.call_within(&text("steps hang"), 10 * MS).await.expect_err("it is stuck");
    let request = format!("echo {}", "x".repeat(1_000_000));
    let refused = async {
        loop {
            match client.call_within(&request, MS).await {
                Err(CallError::TimedOut { .. }) => {}
                Err(CallError::Full { bytes, .. }) => return bytes,
                other => panic!("{other:?}"),
            }
        }
    };
    assert!(soon(refused).await <= 16 << 20);
    scene.end().await;
}

#[tokio::test]
async fn a_connection_made_anew_leaves_the_state() {
    let scene = Scene::new(plain(), |child| child);
    let client = scene.client().await;
    ask(&client, "keep a").await;
    let stuck = tokio::spawn({
        let client = client.clone();
        async move { client.call(&text("await-cancel")).await }
    });
    while client.pending() == 0 {
        tokio::task::yield_now().await;
    }
    soon(client.reconnect()).await.expect("it serves over another connection");
    let gone = soon(stuck).await.expect("no panic").expect_err("its connection is gone");
    let says = "the host `x` is gone (run 1): the connection was made anew while it was asked";
    assert_eq!(gone.to_string(), says);
    assert!(ask(&client, "kept").await.starts_with('a'));
    assert_eq!(client.run().0, 1);
    scene.end().await;
}

/// Agrees with the puppet on everything but what a reply is.
struct Numbers;

impl Contract for Numbers {
    const NAME: &'static str = puppet::CONTRACT;
    const VERSION: u32 = 1;
    type Request = String;
    type Reply = ();
    type Item = ();
    type Codec = Raw;
}

#[tokio::test]
async fn an_answer_that_means_nothing_here_is_the_contracts_fault() {
    let command = Command::new(puppet::program()).arg("host").output(Streams::Null);
    let declared = Host::<Numbers>::new(command);
    let hosted = declared.hosted();
    let owner = tree().child(host("x", declared)).start().expect("a valid tree");
    let client: Client<Numbers> = hosted.ready_within(PATIENCE).await.expect("it serves");
    let error = soon(client.call(&text("echo 1"))).await.expect_err("no such reply");
    assert!(matches!(error, CallError::Contract { what: "reply", .. }), "{error:?}");
    let says = "the reply of a call to the host `x` cannot be understood: there is something where nothing is";
    assert_eq!(error.to_string(), says);
    soon(client.call(&text("echo "))).await.expect("an empty reply is one");
    drop(owner);
}

#[tokio::test]
async fn a_call_by_the_host_waits_for_it_and_is_bounded() {
    let scene = Scene::new(steps(["sleep:0.05", "host"]), |child| child);
    let reply = scene.hosted.call_within(&text("echo late"), PATIENCE).await.expect("an answer");
    assert_eq!(reply, "late");
    let began = tokio::time::Instant::now();
    let bound = Duration::from_millis(50);
    let error = scene.hosted.call_within(&text("await-cancel"), bound).await.expect_err("late");
    assert_eq!(error.to_string(), "the host `x` did not answer within 50ms");
    assert!(began.elapsed() >= bound);
    scene.end().await;
}

#[tokio::test]
async fn a_call_that_is_refused_at_the_end_of_a_run_goes_to_the_next() {
    let scene = Scene::new(steps(["host"]), |child| child);
    let client = scene.client().await;
    let (first, second) = (text("await-cancel"), text("pid"));
    let mut first = Box::pin(client.call(&first));
    tokio::time::timeout(Duration::ZERO, &mut first).await.expect_err("it waits");
    let hosted = scene.hosted.clone();
    let mut second = Box::pin(hosted.call_within(&second, PATIENCE));
    tokio::time::timeout(Duration::ZERO, &mut second).await.expect_err("it waits behind it");
    assert_eq!(client.pending(), 2);
    scene.handle.by("test").restart("x", "a call waits").await.expect("it restarts");
    drop(first);
    soon(&mut second).await.expect("the next run answers");
    assert_eq!(scene.client().await.run().0, 2);
    scene.end().await;
}

#[tokio::test]
async fn a_span_that_no_clock_holds_is_for_ever() {
    let scene = Scene::new(steps(["host"]), |child| child);
    let client = soon(scene.hosted.ready_within(Duration::MAX)).await.expect("it serves");
    let request = text("echo on");
    assert_eq!(soon(client.call_within(&request, Duration::MAX)).await.expect("an answer"), "on");
    let answer = soon(scene.hosted.call_within(&request, Duration::MAX)).await;
    assert_eq!(answer.expect("an answer"), "on");
    scene.end().await;
}

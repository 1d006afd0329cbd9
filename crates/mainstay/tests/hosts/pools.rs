//! Hosts of one call, and several hosts alike.

use super::{PATIENCE, Puppet, Scene, steps};
use crate::common::{MS, SEC, soon};
use mainstay::host::{CallError, Host, HostPool, HostedPool};
use mainstay::process::{Command, Streams};
use mainstay::{Cause, Cooldown, OnExhausted, Owner, Shape, failures, host, tree};
use std::collections::BTreeSet;
use std::pin::pin;

fn text(request: &str) -> String {
    request.to_owned()
}

#[tokio::test]
async fn a_one_shot_host_is_fresh_for_each_call() {
    let scene = Scene::new(steps(["host"]).one_shot(2 * SEC), |child| child);
    let mut pids = BTreeSet::new();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let hosted = scene.hosted.clone();
            tokio::spawn(async move { hosted.call_within(&text("pid"), PATIENCE).await })
        })
        .collect();
    for caller in callers {
        pids.insert(soon(caller).await.expect("no panic").expect("an answer"));
    }
    assert_eq!(pids.len(), 4, "{pids:?}");
    // A clean end after its call is no failure.
    let view =
        scene.handle.wait_until("x", |view| view.last.as_ref().is_some_and(|last| last.run.0 == 4));
    let view = soon(view).await.expect("it ends");
    assert_eq!(view.last.expect("it has ended").cause, Cause::Completed);
    scene.end().await;
}

#[tokio::test]
async fn the_one_call_is_bounded() {
    let scene = Scene::new(steps(["host"]).one_shot(100 * MS), |child| child.stop_within(20 * MS));
    let error = scene.hosted.call_within(&text("steps hang"), PATIENCE).await.expect_err("stuck");
    assert!(error.to_string().ends_with("it made no progress on pending work"), "{error}");
    let next = scene.hosted.call_within(&text("echo next"), PATIENCE).await;
    assert_eq!(next.expect("an answer"), "next");
    scene.end().await;
}

#[tokio::test]
async fn a_one_shot_host_ends_though_its_caller_has_gone() {
    let scene = Scene::new(steps(["host"]).one_shot(60 * SEC), |child| child);
    let client = scene.client().await;
    {
        let request = text("await-cancel");
        let mut call = pin!(client.call(&request));
        tokio::time::timeout(std::time::Duration::ZERO, &mut call).await.expect_err("it waits");
    }
    let next = soon(scene.hosted.call_within(&text("echo next"), PATIENCE)).await;
    assert_eq!(next.expect("an answer"), "next");
    let view = scene.handle.child("x").await.expect("it is there");
    assert_eq!(view.last.expect("the first run has ended").cause, Cause::Completed);
    // The same where the connection is made anew beneath the call.
    let client = scene.client().await;
    let request = text("await-cancel");
    // It may end before it says that it reads from the new one.
    let (call, _) = soon(async { tokio::join!(client.call(&request), client.reconnect()) }).await;
    assert!(matches!(call, Err(CallError::Gone { .. })), "{call:?}");
    let next = soon(scene.hosted.call_within(&text("echo next"), PATIENCE)).await;
    assert_eq!(next.expect("an answer"), "next");
    scene.end().await;
}

struct Pool {
    owner: Owner,
    hosted: HostedPool<Puppet>,
}

fn pool(size: usize, queue: usize) -> Pool {
    let pool = HostPool::new("pool", size, |_| steps(["host"]))
        .each(|child| {
            child
                .backoff(Shape::Fixed(10 * MS))
                .limit(failures(2, 60 * SEC))
                .on_exhausted(OnExhausted::Cooldown)
                .cooldown([Cooldown::For(3_600 * SEC)])
        })
        .queue(queue);
    let hosted = pool.hosted();
    Pool { owner: tree().child(pool).start().expect("a valid tree"), hosted }
}

#[tokio::test]
async fn each_host_of_a_pool_has_one_call_and_the_others_wait_in_turn() {
    let pool = pool(3, 64);
    for member in pool.hosted.members() {
        member.ready_within(PATIENCE).await.expect("it serves");
    }
    let call = |request: &'static str| {
        let hosted = pool.hosted.clone();
        tokio::spawn(async move { hosted.call_within(&text(request), PATIENCE).await })
    };
    let first: Vec<_> = (0..3).map(|_| call("await-cancel")).collect();
    let pending = || {
        let members = pool.hosted.members().iter();
        members.map(|member| member.get().map_or(0, |client| client.pending())).collect::<Vec<_>>()
    };
    while pending() != [1, 1, 1] {
        tokio::task::yield_now().await;
    }
    let waiting: Vec<_> = (0..12).map(|_| call("pid")).collect();
    while pool.hosted.waiting() < 12 {
        tokio::task::yield_now().await;
    }
    assert_eq!(pending(), [1, 1, 1]);
    // One that is free is enough for all who wait.
    first[1].abort();
    let mut pids = BTreeSet::new();
    for caller in waiting {
        pids.insert(soon(caller).await.expect("no panic").expect("an answer"));
    }
    assert_eq!(pids.len(), 1, "{pids:?}");
    assert_eq!(pending(), [1, 0, 1]);
    drop(pool.owner);
}

#[tokio::test]
async fn a_host_that_was_left_in_a_call_is_passed_over_while_another_is_free() {
    let pool = pool(2, 64);
    for member in pool.hosted.members() {
        member.ready_within(PATIENCE).await.expect("it serves");
    }
    let other = pool.hosted.members()[1].get().expect("it serves");
    let other = soon(other.call(&text("pid"))).await.expect("an answer");
    {
        let request = text("steps hang");
        let mut call = pin!(pool.hosted.call_within(&request, PATIENCE));
        tokio::time::timeout(std::time::Duration::ZERO, &mut call).await.expect_err("it hangs");
    }
    for _ in 0..3 {
        let answer = soon(pool.hosted.call_within(&text("pid"), PATIENCE)).await;
        assert_eq!(answer.expect("an answer"), other);
    }
    drop(pool.owner);
}

#[tokio::test]
async fn thousands_may_wait_for_a_pool() {
    let pool = pool(2, 4_096);
    let callers: Vec<_> = (0..4_000)
        .map(|number| {
            let hosted = pool.hosted.clone();
            tokio::spawn(async move {
                let request = text("echo on");
                if number % 3 == 0 {
                    // Some do not wait for their turn.
                    _ = tokio::time::timeout(MS, hosted.call_within(&request, PATIENCE)).await;
                } else {
                    hosted.call_within(&request, PATIENCE).await.expect("an answer");
                }
            })
        })
        .collect();
    for caller in callers {
        soon(caller).await.expect("no panic");
    }
    drop(pool.owner);
}

#[tokio::test]
async fn what_does_not_fit_into_the_queue_is_refused() {
    let pool = pool(1, 1);
    for member in pool.hosted.members() {
        member.ready_within(PATIENCE).await.expect("it serves");
    }
    let first = tokio::spawn({
        let hosted = pool.hosted.clone();
        async move { hosted.call_within(&text("await-cancel"), PATIENCE).await }
    });
    let member = pool.hosted.members()[0].get().expect("it serves");
    while member.pending() == 0 {
        tokio::task::yield_now().await;
    }
    let mut second = pin!(async {
        let request = text("echo second");
        pool.hosted.call_within(&request, PATIENCE).await
    });
    // Looked at once, it stands in the queue.
    tokio::time::timeout(std::time::Duration::ZERO, &mut second).await.expect_err("it waits");
    let refused = pool.hosted.call_within(&text("echo third"), PATIENCE).await;
    let refused = refused.expect_err("there is no room");
    assert_eq!(refused.to_string(), "the host `pool` is busy: 1 calls wait for it already");
    first.abort();
    let second = soon(second).await.expect("its turn comes");
    assert_eq!(second, "second");
    drop(pool.owner);
}

#[tokio::test]
async fn one_that_dies_takes_no_other_along_and_none_left_is_told_at_once() {
    let pool = pool(2, 64);
    for member in pool.hosted.members() {
        member.ready_within(PATIENCE).await.expect("it serves");
    }
    // The first dies until its breaker opens; the pool goes on with the second.
    for member in pool.hosted.members() {
        for _ in 0..2 {
            let client = member.ready_within(PATIENCE).await.expect("it serves");
            _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
            let path = client.path().clone();
            let handle = pool.owner.handle();
            let run = client.run();
            let ended = handle
                .wait_until(path, |view| view.last.as_ref().is_some_and(|last| last.run == run));
            soon(ended).await.expect("it ends");
        }
        if std::ptr::eq(member, &raw const pool.hosted.members()[0]) {
            let answer = pool.hosted.call_within(&text("echo on"), PATIENCE).await;
            assert_eq!(answer.expect("the other one answers"), "on");
        }
    }
    let asked = tokio::time::Instant::now();
    let error = pool.hosted.call_within(&text("echo 1"), 60 * SEC).await.expect_err("none is left");
    assert!(asked.elapsed() < 30 * SEC, "it waited");
    let CallError::Unavailable(why) = error else { panic!("{error}") };
    assert!(why.retry_in().is_some_and(|wait| wait > 3_500 * SEC), "{why}");
    drop(pool.owner);
}

#[tokio::test]
async fn a_copy_of_a_host_is_no_other_host() {
    let declared = host("a", steps(["host"]));
    let error =
        tree().child(declared.clone().named("b")).child(declared).start().expect_err("a copy");
    let says = error.to_string();
    assert!(says.contains("it is a copy of another host"), "{says}");
    let declared = steps(["host"]);
    let hosted = declared.hosted();
    let declared = host("a", declared).optional();
    let first = tree().child(declared.clone()).start().expect("a valid tree");
    hosted.ready_within(PATIENCE).await.expect("it serves");
    let second = tree().child(declared).start().expect("a valid tree");
    let failed = second.handle().wait_until("a", |view| view.last.is_some()).await;
    let last = failed.expect("it is there").last.expect("it has failed");
    let detail = last.detail.expect("it is said why");
    assert!(detail.starts_with("it is a copy of a host in another tree"), "{detail}");
    drop(soon(second.drain("the test is over")).await);
    hosted.get().expect("the first one serves, whatever became of the second");
    drop(soon(first.drain("the test is over")).await);
    let command = Command::new("x").ready(mainstay::process::Ready::Notify).output(Streams::Null);
    let declared = Host::<Puppet>::new(command).message_limit(3).recorder(1 << 30).calls_limit(0);
    let error = tree().child(host("a", declared)).start().expect_err("wrong in four ways");
    for says in [
        "a host says over its connection",
        "a message limit of 3 bytes",
        "a flight recorder of",
        "a host that takes no calls",
    ] {
        assert!(error.to_string().contains(says), "{error}");
    }
}

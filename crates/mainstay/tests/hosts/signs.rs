//! Signs of life, pending work, memory, and hosts that are replaced.

use super::{PATIENCE, Scene, ask, faulty, steps};
use crate::common::{MS, SEC, find, soon};
use mainstay::host::{CallError, Client, MemoryGuard};
use mainstay::{Cause, Event, Handle, Shape, Standing, View, host, tree};
use std::pin::pin;

fn text(request: &str) -> String {
    request.to_owned()
}

async fn last(handle: &Handle, run: u64) -> View {
    let ended =
        handle.wait_until("x", |view| view.last.as_ref().is_some_and(|last| last.run.0 == run));
    soon(ended).await.expect("it ends")
}

fn cause(view: &View) -> Cause {
    view.last.as_ref().expect("it has ended").cause
}

#[tokio::test]
async fn a_host_that_gives_no_sign_of_life_is_ended() {
    let scene =
        Scene::new(faulty("mute"), |child| child.heartbeat(50 * MS, 3).stop_within(50 * MS));
    scene.client().await;
    assert_eq!(cause(&last(&scene.handle, 1).await), Cause::HeartbeatLost);
    scene.end().await;
}

#[tokio::test]
async fn a_call_that_is_stuck_cannot_hide_and_is_no_lost_heartbeat() {
    let scene = Scene::new(steps(["host"]), |child| {
        child.heartbeat(100 * MS, 30).progress_within(400 * MS).stop_within(50 * MS)
    });
    let client = scene.client().await;
    let error = soon(client.call(&text("steps hang"))).await.expect_err("it never answers");
    assert!(matches!(error, CallError::Gone { .. }), "{error}");
    let says = "the host `x` is gone (run 1): it made no progress on pending work";
    assert_eq!(error.to_string(), says);
    assert_eq!(cause(&last(&scene.handle, 1).await), Cause::NoProgress);
    scene.end().await;
}

#[tokio::test]
async fn a_call_that_is_stuck_is_found_though_its_callers_give_up() {
    let scene =
        Scene::new(steps(["host"]), |child| child.progress_within(400 * MS).stop_within(50 * MS));
    let client = scene.client().await;
    let stuck = client.call_within(&text("steps hang"), 20 * MS).await.expect_err("it is stuck");
    assert!(matches!(stuck, CallError::TimedOut { .. }), "{stuck}");
    // Whoever else asks gives up as well: nobody waits whenever it is looked at.
    let gone = async {
        while !matches!(client.call_within(&text("echo 1"), MS).await, Err(CallError::Gone { .. }))
        {
        }
    };
    soon(gone).await;
    assert_eq!(cause(&last(&scene.handle, 1).await), Cause::NoProgress);
    scene.end().await;
}

#[tokio::test]
async fn idle_is_healthy_and_so_is_slow() {
    let scene = Scene::new(steps(["host"]), |child| child.progress_within(SEC));
    let client = scene.client().await;
    // Twice as long as pending work may stand still: there is none.
    let calls = async {
        let until = tokio::time::Instant::now() + 2 * SEC;
        let idle = tokio::time::sleep_until(until);
        idle.await;
        // Each is slow, and one after the other moves for longer than the limit.
        for _ in 0..4 {
            ask(&client, "steps sleep:0.4").await;
        }
    };
    soon(calls).await;
    assert_eq!(client.run().0, 1);
    assert_eq!(ask(&client, "echo 1").await, "1");
    scene.end().await;
}

#[tokio::test]
async fn too_much_memory_is_told_first_and_then_it_is_replaced_without_a_charge() {
    let guard =
        MemoryGuard::default().factor(1.2).margin(16 << 20).ceiling(512 << 20).every(10 * MS);
    let scene = Scene::new(steps(["host"]).memory(guard), |child| child);
    let mut events = scene.handle.events();
    let client = scene.client().await;
    // Whenever what it needs has been learned, it soon takes more than that.
    let mut guarded = pin!(find(&mut events, |record| matches!(record.event, Event::Guarded(..))));
    while tokio::time::timeout(200 * MS, &mut guarded).await.is_err() {
        ask(&client, "steps leak:25165824").await;
    }
    let view = scene.handle.child("x").await.expect("there");
    let trouble = view.process.expect("a process").trouble.clone().expect("it is said");
    assert!(trouble.contains("MiB of memory in use"), "{trouble}");
    assert_eq!(ask(&client, "echo and it goes on").await, "and it goes on");

    _ = client.call(&text("steps leak:603979776")).await;
    let view = last(&scene.handle, 1).await;
    assert_eq!(cause(&view), Cause::Recycled);
    let next = scene.after(&client).await;
    assert_eq!(next.run().0, 2);
    let explained = scene.handle.explain("x").await.expect("there");
    assert!(
        explained.limits.iter().all(|limit| limit.reading.count == 0),
        "{:?}",
        explained.limits
    );
    scene.end().await;
}

#[tokio::test]
async fn a_host_may_ask_to_be_replaced() {
    let scene = Scene::new(steps(["host"]), |child| child);
    let client = scene.client().await;
    ask(&client, "recycle the handles are used up").await;
    let view = last(&scene.handle, 1).await;
    assert_eq!(cause(&view), Cause::Recycled);
    assert_eq!(scene.after(&client).await.run().0, 2);
    scene.end().await;
}

#[tokio::test]
async fn a_host_is_replaced_by_its_age() {
    let scene = Scene::new(steps(["host"]), |child| child.recycle_after(50 * MS));
    let client = scene.client().await;
    assert_eq!(cause(&last(&scene.handle, 1).await), Cause::Recycled);
    scene.after(&client).await;
    scene.end().await;
}

#[tokio::test]
async fn what_it_says_of_itself_is_seen() {
    let scene = Scene::new(steps(["host"]), |child| child);
    let client = scene.client().await;
    ask(&client, "status reading axis 3").await;
    let view = scene.handle.wait_until("x", |view| {
        let process = view.process.as_ref();
        process.and_then(|process| process.status.as_deref()) == Some("reading axis 3")
    });
    soon(view).await.expect("it is noted");
    let mut events = scene.handle.events();
    scene.handle.by("op").reload("x", "other settings").await.expect("it reloads");
    find(&mut events, |record| matches!(record.event, Event::Reloaded { done: true, .. })).await;
    assert_eq!(ask(&client, "reloads").await, "1");
    scene.end().await;
}

#[tokio::test]
async fn a_host_on_demand_starts_once_for_all_who_want_it_and_stops_when_nobody_does() {
    let scene = Scene::new(steps(["sleep:0.05", "host"]), |child| child.on_demand(Some(400 * MS)));
    let stands = scene.handle.wait_for("x", Standing::Blocked);
    soon(stands).await.expect("nobody wants it");
    let why = scene.hosted.get().expect_err("it does not run");
    assert!(why.to_string().ends_with("; it starts when somebody wants it"), "{why}");
    let callers: Vec<_> = (0..20)
        .map(|number| {
            let hosted = scene.hosted.clone();
            tokio::spawn(
                async move { hosted.call_within(&format!("echo {number}"), PATIENCE).await },
            )
        })
        .collect();
    for caller in callers {
        soon(caller).await.expect("no panic").expect("an answer");
    }
    assert_eq!(scene.handle.child("x").await.expect("there").runs, 1);
    // Calls keep it, though they never end for longer than it may be idle.
    let client = scene.client().await;
    ask(&client, "steps sleep:1").await;
    assert_eq!(client.run().0, 1);
    assert!(!client_is_gone(&client).await);
    let view = last(&scene.handle, 1).await;
    assert!(matches!(cause(&view), Cause::Stopped), "{:?}", cause(&view));
    let again = scene.hosted.call_within(&text("echo again"), PATIENCE).await.expect("an answer");
    assert_eq!(again, "again");
    assert_eq!(scene.handle.child("x").await.expect("there").runs, 2);
    scene.end().await;
}

async fn client_is_gone(client: &Client<super::Puppet>) -> bool {
    client.call_within(&text("echo 1"), 10 * SEC).await.is_err()
}

#[tokio::test]
async fn who_is_asked_to_end_cannot_put_it_off_for_ever() {
    let scene = Scene::new(steps(["host"]), |child| child.stop_within(200 * MS));
    let client = scene.client().await;
    ask(&client, "extend-for-ever").await;
    let stuck = client.call_within(&text("steps hang"), 20 * MS).await.expect_err("it is stuck");
    assert!(matches!(stuck, CallError::TimedOut { .. }), "{stuck}");
    scene.handle.by("op").stop("x", "for good").await.expect("it is asked");
    let view = last(&scene.handle, 1).await;
    let ended = view.last.expect("it has ended");
    assert!(ended.forced && ended.cause == Cause::Stopped, "{ended:?}");
    let asked = ended.asked.expect("it was asked").1;
    assert!(ended.ended.since(asked) < 30 * SEC, "{ended:?}");
    scene.end().await;
}

#[tokio::test]
async fn who_follows_hears_of_the_end_of_the_tree() {
    let scene = Scene::new(steps(["host"]), |child| child);
    let mut changes = scene.hosted.subscribe();
    scene.client().await;
    scene.end().await;
    let mut told = Vec::new();
    while let Some(change) = soon(changes.next()).await {
        told.push(format!("{change:?}"));
    }
    assert!(told.last().expect("something").contains("Removed"), "{told:?}");
}

#[tokio::test]
async fn other_signs_of_life_are_those_of_a_fresh_run() {
    let declared = steps(["host"]);
    let hosted = declared.hosted();
    let child = host("x", declared).backoff(Shape::Fixed(10 * MS)).optional();
    let owner = tree().child(child.clone().heartbeat(60 * SEC, 3)).start().expect("a valid tree");
    let handle = owner.handle();
    let client = hosted.ready_within(PATIENCE).await.expect("it serves");
    let quicker = child.heartbeat(250 * MS, 8);
    handle.by("op").replace("x", quicker, "it is to be seen sooner").await.expect("replaced");
    // The run that beats once in a minute is not taken for dead: it makes place, and nobody is charged.
    assert_eq!(cause(&last(&handle, 1).await), Cause::Recycled);
    let next = hosted.ready_within(PATIENCE).await.expect("it serves");
    assert!(next.run() > client.run());
    // Longer than the quicker heartbeat allows silence.
    assert_eq!(ask(&next, "steps sleep:3").await, "0");
    assert_eq!(ask(&next, "echo on").await, "on");
    drop(owner);
}

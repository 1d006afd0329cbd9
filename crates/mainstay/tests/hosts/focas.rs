//! What the supervisor of the FOCAS host got wrong, against real hosts. That the tree decides rightly is shown by tables;
//! here is what only callers, sockets and processes can show.

use super::{Puppet, Scene, ask, is_alive, steps};
use crate::common::{MS, SEC, find, soon, starts};
use mainstay::host::{Availability, CallError};
use mainstay::{Cause, Event, Handle, Preset, Shape, Standing, View};
use tokio::time::Instant;

fn text(request: &str) -> String {
    request.to_owned()
}

async fn last(handle: &Handle, run: u64) -> View {
    let ended =
        handle.wait_until("x", |view| view.last.as_ref().is_some_and(|last| last.run.0 == run));
    soon(ended).await.expect("it ends")
}

/// A host under the seed's own policy, but for its patience.
fn focas(declared: mainstay::host::Host<Puppet>) -> Scene {
    Scene::new(declared, |child| child.preset(Preset::Focas).backoff(Shape::Fixed(10 * MS)))
}

#[tokio::test]
async fn focas_01_02_an_open_breaker_starts_nothing_however_often_it_is_asked() {
    let scene = focas(steps(["host"]));
    for run in 1..=3 {
        let client = scene.client().await;
        _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
        last(&scene.handle, run).await;
    }
    let recorder = scene.handle.record(1_000);
    let before = scene.handle.explain("x").await.expect("there");
    for _ in 0..1_000 {
        let why = scene.hosted.get().expect_err("its breaker is open");
        assert!(why.retry_in().is_some_and(|wait| wait > 3_500 * SEC), "{why}");
    }
    scene.hosted.ready_within(SEC).await.expect_err("its breaker is open");
    let view = scene.handle.child("x").await.expect("there");
    assert_eq!((view.runs, starts(&recorder.records(), "x")), (3, 0));
    // Asking is booked nowhere.
    let explained = scene.handle.explain("x").await.expect("there");
    assert_eq!((explained.level, explained.limits), (before.level, before.limits));
    scene.end().await;
}

#[tokio::test]
async fn focas_03_06_a_plain_exit_counts_waits_and_leaves_nothing_behind() {
    let scene = Scene::new(steps(["host"]), |child| {
        child.preset(Preset::Focas).backoff(Shape::Ladder(vec![200 * MS, 400 * MS]))
    });
    let mut events = scene.handle.events();
    let client = scene.client().await;
    let pid = ask(&client, "pid").await;
    _ = client.call(&text("steps exit:0")).await.expect_err("it ends");
    let counted = find(&mut events, |record| matches!(record.event, Event::Counted { .. })).await;
    let ended = counted.at;
    let started = find(&mut events, |record| matches!(record.event, Event::Starting { .. })).await;
    assert!(started.at.since(ended) >= 200 * MS, "it did not wait");
    assert!(!is_alive(&pid));
    let late = client.call(&text("echo 1")).await.expect_err("it was let go of");
    assert!(matches!(late, CallError::Gone { .. }), "{late}");
    scene.end().await;
}

#[tokio::test]
async fn focas_07_08_what_is_late_is_fenced_and_many_callers_make_one_start() {
    let scene = focas(steps(["host"]));
    let first = scene.client().await;
    // Twenty callers are under way when it dies: it is one failure, and there is one next run.
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = first.clone();
            tokio::spawn(async move { client.call(&text("await-cancel")).await })
        })
        .collect();
    while first.pending() < 20 {
        tokio::task::yield_now().await;
    }
    let pid = {
        let view = scene.handle.child("x").await.expect("there");
        view.process.and_then(|process| process.pid).expect("it runs")
    };
    let kill = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(kill.expect("kill runs").success());
    for call in calls {
        let error = soon(call).await.expect("no panic").expect_err("it is gone");
        assert!(matches!(error, CallError::Gone { .. }), "{error}");
    }
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let hosted = scene.hosted.clone();
            tokio::spawn(
                async move { hosted.ready_within(60 * SEC).await.map(|client| client.run()) },
            )
        })
        .collect();
    for one in waiting {
        assert_eq!(soon(one).await.expect("no panic").expect("it serves").0, 2);
    }
    // What belongs to the old run can do the new one no harm.
    drop(first);
    let view = scene.handle.child("x").await.expect("there");
    let explained = scene.handle.explain("x").await.expect("there");
    assert_eq!((view.runs, explained.position), (2, 1));
    assert_eq!(view.standing, Standing::Ready);
    scene.end().await;
}

#[tokio::test]
async fn focas_09_nobody_sleeps_inside_a_read() {
    let scene = Scene::new(steps(["host"]), |child| {
        child.preset(Preset::Focas).backoff(Shape::Fixed(60 * SEC))
    });
    let client = scene.client().await;
    _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
    last(&scene.handle, 1).await;
    let asked = Instant::now();
    let why = scene.hosted.get().expect_err("it waits for a minute");
    scene.hosted.ready_within(5 * SEC).await.expect_err("not so soon");
    assert!(asked.elapsed() < 4 * SEC, "it slept");
    assert!(why.retry_in().is_some_and(|wait| wait > 50 * SEC), "{why}");
    scene.end().await;
}

#[tokio::test]
async fn focas_10_11_12_13_a_host_that_never_connects_is_ended_whole_before_the_next() {
    // It ignores what it is asked, and has a child of its own.
    let scene = Scene::new(steps(["ignore:TERM", "fork:hang", "hang"]), |child| {
        child.preset(Preset::Focas).ready_within(100 * MS).stop_within(50 * MS)
    });
    let began = scene
        .handle
        .wait_until("x", |view| view.process.as_ref().is_some_and(|process| process.pid.is_some()));
    let pid = soon(began).await.expect("it begins").process.and_then(|process| process.pid);
    let pid = pid.expect("it runs");
    let view = last(&scene.handle, 1).await;
    assert_eq!(view.last.expect("it has ended").cause, Cause::ReadyTimeout);
    assert!(!is_alive(&pid.to_string()));
    let explained = scene.handle.explain("x").await.expect("there");
    assert!(explained.limits.iter().any(|limit| limit.reading.count == 1), "{explained}");
    scene.end().await;
}

#[tokio::test]
async fn focas_14_15_followers_are_heard_of_once_each_way_with_typed_causes() {
    let scene = focas(steps(["host"]));
    // One follower calls back in, and one panics in its own task.
    let mut changes = scene.hosted.subscribe();
    let bad = scene.hosted.subscribe();
    let bad = tokio::spawn(async move {
        let mut bad = bad;
        _ = bad.next().await;
        panic!("a follower");
    });
    _ = soon(bad).await.expect_err("it panics, for itself alone");
    let hosted = scene.hosted.clone();
    let client = scene.client().await;
    _ = client.call(&text("steps signal:SEGV")).await.expect_err("it dies");
    let mut told = Vec::new();
    while told.len() < 4 {
        match soon(changes.next()).await.expect("the tree lives") {
            Availability::Available(client) => told.push(format!("run {}", client.run().0)),
            Availability::Unavailable(why) => {
                _ = hosted.get();
                let cause = why.last.as_ref().map(|last| last.cause);
                told.push(format!("{cause:?}"));
            }
        }
    }
    let died = format!("{:?}", Some(Cause::Signaled { signal: 11, core: false }));
    let cored = format!("{:?}", Some(Cause::Signaled { signal: 11, core: true }));
    assert_eq!([&*told[0], &*told[1], &*told[3]], ["None", "run 1", "run 2"]);
    assert!(told[2] == died || told[2] == cored, "{told:?}");
    scene.end().await;
}

#[tokio::test]
async fn focas_16_nothing_is_started_by_what_was_disposed_of() {
    let scene = Scene::new(steps(["host"]), |child| {
        child.preset(Preset::Focas).backoff(Shape::Fixed(100 * MS))
    });
    let client = scene.client().await;
    _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
    last(&scene.handle, 1).await;
    let (hosted, handle) = (scene.hosted.clone(), scene.handle.clone());
    scene.end().await;
    assert!(hosted.get().is_err());
    hosted.ready_within(SEC).await.expect_err("its tree is gone");
    assert!(handle.child("x").await.is_err());
}

#[tokio::test]
async fn focas_25_the_post_mortem_belongs_to_the_failure() {
    let scene = focas(steps(["host"]));
    let client = scene.client().await;
    ask(&client, "note cnc_rdposition(3)").await;
    _ = client.call(&text("steps signal:SEGV")).await.expect_err("it dies");
    let view = last(&scene.handle, 1).await;
    let process = view.process.expect("a process");
    assert!(process.operations.iter().any(|operation| operation.text == "cnc_rdposition(3)"));
    scene.end().await;
}

#[tokio::test]
async fn focas_26_a_stop_and_a_pause_hold_whoever_reads() {
    let scene = focas(steps(["host"]));
    let client = scene.client().await;
    scene.handle.by("op").pause("x", "the machine is being serviced").await.expect("paused");
    _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
    last(&scene.handle, 1).await;
    for _ in 0..100 {
        scene.hosted.get().expect_err("nobody starts it");
    }
    scene.hosted.ready_within(100 * MS).await.expect_err("nobody starts it");
    assert_eq!(scene.handle.child("x").await.expect("there").runs, 1);
    scene.handle.by("op").resume("x", "done").await.expect("resumed");
    assert_eq!(scene.client().await.run().0, 2);
    scene.end().await;
}

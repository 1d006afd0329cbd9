//! What becomes of callers and followers when a host ends.

use super::{PATIENCE, Puppet, Scene, ask, faulty, is_alive, steps};
use crate::common::{MS, SEC, soon};
use mainstay::host::{Availability, CallError, Host, Mark};
use mainstay::process::{Command, Streams};
use mainstay::{
    Cause, Child, Cooldown, Handle, OnExhausted, Restart, Shape, Standing, failures, host,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Instant;

fn text(request: &str) -> String {
    request.to_owned()
}

async fn last(handle: &Handle, run: u64) -> mainstay::View {
    let ended =
        handle.wait_until("x", |view| view.last.as_ref().is_some_and(|last| last.run.0 == run));
    soon(ended).await.expect("it ends")
}

#[tokio::test]
async fn calls_under_way_fail_at_once_and_say_what_it_died_of() {
    let scene = Scene::new(steps(["host"]), |child| child);
    let client = scene.client().await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call(&text("echo behind it")).await }
    });
    let dying = soon(client.call(&text("steps signal:SEGV"))).await.expect_err("it dies");
    let says = "the host `x` is gone (run 1): it was ended by signal 11";
    assert_eq!(dying.to_string(), says);
    if let Err(error) = soon(waiting).await.expect("no panic") {
        assert_eq!(error.to_string(), says);
    }
    // The client is this run's for ever; the next run is another's.
    let next = scene.after(&client).await;
    let late = client.call(&text("echo 1")).await.expect_err("its run is over");
    assert!(matches!(late, CallError::Gone { .. }), "{late:?}");
    assert_eq!(ask(&next, "echo 1").await, "1");
    scene.end().await;
}

#[tokio::test]
async fn followers_hear_each_change_once_in_order_and_do_not_disturb_each_other() {
    let scene = Scene::new(steps(["host"]), |child| child.backoff(Shape::Fixed(50 * MS)));
    let mut slow = scene.hosted.subscribe();
    let mut quick = scene.hosted.subscribe();
    let told = |change: Option<Availability<Puppet>>| match change.expect("the tree lives") {
        Availability::Available(client) => (true, client.run().0, None),
        Availability::Unavailable(why) => {
            let last = why.last.as_ref().map(|last| (last.run.0, last.cause));
            // When it is told nothing has been begun yet: there is no run, and there will be one.
            assert!(why.run.is_none() && (last.is_none() || why.next.is_some()), "{why}");
            (false, last.as_ref().map_or(0, |(run, _)| *run), last.map(|(_, cause)| cause))
        }
    };
    assert!(!told(soon(quick.next()).await).0, "first of all how it is");
    for run in 1..=3 {
        assert_eq!(told(soon(quick.next()).await), (true, run, None));
        let client = scene.hosted.get().expect("who hears that it serves can call it");
        _ = soon(client.call(&text("steps exit:3"))).await.expect_err("it ends");
        let (is_available, of, cause) = told(soon(quick.next()).await);
        assert_eq!((is_available, of), (false, run));
        assert!(matches!(cause, Some(Cause::Failed { code: Some(3), .. })), "{cause:?}");
    }
    // The one that has not read until now finds all of it, in order.
    let mut all = Vec::new();
    for _ in 0..7 {
        let (is_available, run, _) = told(soon(slow.next()).await);
        all.push((is_available, run));
    }
    let expected =
        [(false, 0), (true, 1), (false, 1), (true, 2), (false, 2), (true, 3), (false, 3)];
    assert_eq!(all, expected);
    scene.end().await;
}

#[tokio::test]
async fn who_asks_while_there_is_none_is_told_at_once_and_when_to_ask_again() {
    let scene = Scene::new(steps(["host"]), |child| {
        child
            .limit(failures(2, 60 * SEC))
            .on_exhausted(OnExhausted::Cooldown)
            .cooldown([Cooldown::For(3_600 * SEC)])
            .backoff(Shape::Fixed(200 * MS))
    });
    let client = scene.client().await;
    _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
    last(&scene.handle, 1).await;
    let why = scene.hosted.get().expect_err("it waits");
    let retry = why.retry_in().expect("its delay is known");
    assert!(why.standing == Standing::Waiting && retry <= 200 * MS, "{why}");
    let says = why.to_string();
    let start = "the host `x` cannot be called: it waits for its next run; its run 1 failed with exit code 1";
    assert!(says.starts_with(start) && says.contains("; its delay is over in 0."), "{says}");

    let client = scene.client().await;
    _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
    // Its breaker is open: who would wait for a minute is not kept for what takes an hour.
    last(&scene.handle, 2).await;
    let asked = Instant::now();
    let why = scene.hosted.ready_within(60 * SEC).await.expect_err("not for an hour");
    assert!(asked.elapsed() < 30 * SEC, "it waited");
    assert!(why.retry_in().is_some_and(|wait| wait > 3_500 * SEC), "{why}");
    // And nobody starts it by asking.
    assert_eq!(scene.handle.child("x").await.expect("there").runs, 2);
    scene.handle.by("op").reset_and_start("x", "mended").await.expect("it starts");
    assert_eq!(scene.client().await.run().0, 3);
    scene.end().await;
}

#[tokio::test]
async fn a_host_that_is_stopped_is_not_waited_for_and_one_that_left_is_gone() {
    let scene = Scene::new(steps(["host"]), |child| child);
    scene.client().await;
    scene.handle.by("op").stop("x", "for now").await.expect("it stops");
    let stands = scene.handle.wait_for("x", Standing::Down);
    soon(stands).await.expect("it is down");
    let asked = Instant::now();
    let why = scene.hosted.ready_within(60 * SEC).await.expect_err("nobody starts it");
    assert!(asked.elapsed() < 30 * SEC && why.standing == Standing::Down, "{why}");
    assert!(why.to_string().ends_with("; nothing starts it by itself"), "{why}");
    let mut changes = scene.hosted.subscribe();
    scene.handle.by("op").remove("x", "for good").await.expect("it is removed");
    loop {
        let why = scene.hosted.get().expect_err("it is down");
        if why.standing == Standing::Removed {
            break;
        }
        _ = tokio::time::timeout(MS, changes.next()).await;
    }
    scene.end().await;
}

#[tokio::test]
async fn a_stop_lets_the_call_under_way_be_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("begun");
    let scene = Scene::new(steps(["host"]), |child| child);
    let client = scene.client().await;
    let asked = tokio::spawn({
        let client = client.clone();
        let request = format!("steps touch:{} sleep:0.3", file.display());
        async move { client.call(&request).await }
    });
    let has_begun = async {
        while !file.exists() {
            tokio::task::yield_now().await;
        }
    };
    soon(has_begun).await;
    scene.handle.by("op").stop("x", "for now").await.expect("it stops");
    soon(asked).await.expect("no panic").expect("it was answered");
    let view = last(&scene.handle, 1).await;
    let last = view.last.expect("it has ended");
    assert!(matches!(last.cause, Cause::Stopped), "{:?}", last.cause);
    assert!(!last.forced && last.detail.is_none(), "{last:?}");
    scene.end().await;
}

#[tokio::test]
async fn nothing_of_its_family_survives_it() {
    let scene = Scene::new(steps(["host"]), |child| child);
    let client = scene.client().await;
    // A grandchild in a session of its own, whose parent has gone.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pid");
    ask(&client, &format!("steps daemon:[write:{}:{{pid}};hang]", file.display())).await;
    let pid = loop {
        match std::fs::read_to_string(&file) {
            Ok(pid) if !pid.is_empty() => break pid.trim().to_owned(),
            Ok(_) | Err(_) => tokio::task::yield_now().await,
        }
    };
    assert!(is_alive(&pid), "process {pid} is there as long as its host");
    _ = client.call(&text("steps signal:KILL")).await.expect_err("it dies");
    let next = scene.after(&client).await;
    assert!(!is_alive(&pid), "process {pid} lives on beside run {}", next.run().0);
    scene.end().await;
}

#[tokio::test]
async fn what_it_did_last_is_known_of_whatever_it_died() {
    for (request, cause) in
        [("steps signal:SEGV", 11), ("steps abort", 6), ("steps signal:KILL", 9)]
    {
        let scene = Scene::new(steps(["host"]), |child| child);
        let client = scene.client().await;
        ask(&client, "echo hello").await;
        ask(&client, "note about to touch the device").await;
        _ = soon(client.call(&text(request))).await.expect_err("it dies");
        let view = last(&scene.handle, 1).await;
        let ended = view.last.as_ref().expect("it has ended");
        assert!(matches!(ended.cause, Cause::Signaled { signal, .. } if signal == cause));
        let process = view.process.as_ref().expect("it is a process");
        let told: Vec<String> = process.operations.iter().map(ToString::to_string).collect();
        let end = [
            "call 2 begins: note about to touch the device".to_owned(),
            "in call 2: about to touch the device".to_owned(),
            "call 2 answered".to_owned(),
            format!("call 3 begins: {request}"),
        ];
        assert!(told.ends_with(&end), "{told:#?}");
        let last = process.operations.last().expect("there are some");
        assert_eq!((last.mark, last.call), (Mark::Begins, 3));
        scene.end().await;
    }
    let scene = Scene::new(steps(["host"]).recorder(0), |child| child);
    let client = scene.client().await;
    ask(&client, "note nowhere").await;
    _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
    let view = last(&scene.handle, 1).await;
    assert!(view.process.expect("a process").operations.is_empty());
    scene.end().await;
}

#[tokio::test]
async fn a_fresh_run_serves_only_once_it_has_what_the_last_one_had() {
    let restored = Arc::new(AtomicU32::new(0));
    let declared = steps(["host"]).rehydrate({
        let restored = Arc::clone(&restored);
        move |client| {
            let restored = Arc::clone(&restored);
            async move {
                for what in ["a", "b"] {
                    client.call(&format!("keep {what}")).await?;
                }
                restored.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    });
    let scene = Scene::new(declared, |child| child);
    let client = scene.client().await;
    assert_eq!(ask(&client, "kept").await, "", "of the first run there is nothing to restore");
    _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
    let next = scene.after(&client).await;
    assert_eq!(ask(&next, "kept").await, "a,b");
    assert_eq!(restored.load(Ordering::Relaxed), 1);
    scene.end().await;
}

#[tokio::test]
async fn a_run_that_cannot_be_restored_has_failed_and_never_served() {
    let times = Arc::new(AtomicU32::new(0));
    let declared = steps(["host"]).rehydrate({
        let times = Arc::clone(&times);
        move |client| {
            let time = times.fetch_add(1, Ordering::Relaxed);
            async move {
                match time {
                    0 => Err("the subscriptions are gone".into()),
                    1 => panic!("on the way"),
                    2 => {
                        // The host dies of it.
                        client.call(&"steps signal:KILL".into()).await?;
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
        }
    });
    let scene = Scene::new(declared, |child| child.unlimited());
    let mut changes = scene.hosted.subscribe();
    let client = scene.client().await;
    let recorder = scene.handle.record(1_000);
    _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
    let view = scene.handle.wait_until("x", |view| view.run.is_some_and(|run| run.0 == 5));
    soon(view).await.expect("it goes on");
    let client = scene.client().await;
    assert_eq!(client.run().0, 5);
    let mut served = Vec::new();
    while served.len() < 2 {
        if let Some(Availability::Available(client)) = soon(changes.next()).await {
            served.push(client.run().0);
        }
    }
    assert_eq!(served, [1, 5], "runs 2 to 4 never served");
    let details: Vec<String> = recorder
        .records()
        .iter()
        .filter_map(|record| {
            let mainstay::Event::Exited { detail, .. } = &record.event else { return None };
            detail.as_deref().map(str::to_owned)
        })
        .collect();
    let [first, second, ..] = &details[..] else { panic!("{details:?}") };
    assert_eq!(first, "what its last run had could not be restored: the subscriptions are gone");
    assert!(second.contains("on the way"), "{second}");
    scene.end().await;
}

#[tokio::test]
async fn restoring_is_bounded() {
    let declared = steps(["host"])
        .rehydrate(|_| async { std::future::pending().await })
        .rehydrate_within(50 * MS);
    let scene = Scene::new(declared, |child| child.limit(failures(2, 60 * SEC)));
    let client = scene.client().await;
    _ = client.call(&text("steps exit:1")).await.expect_err("it ends");
    let view = last(&scene.handle, 2).await;
    assert_eq!(view.last.expect("it has ended").cause, Cause::ReadyTimeout);
    scene.end().await;
}

#[tokio::test]
async fn what_is_no_host_or_another_is_refused_for_good() {
    let other = |steps: &[&str]| {
        let command = Command::new(puppet::program()).args(steps).output(Streams::Null);
        Host::<Puppet>::new(command)
    };
    for (declared, says) in [
        (
            other(&["host:2"]),
            "it was refused: it serves version 2 of the contract `puppet`, where 1 is asked for",
        ),
        (faulty("lie:secret"), "it was refused: it does not know the secret of this run"),
    ] {
        let scene = Scene::new(declared, |child| child);
        let view = last(&scene.handle, 1).await;
        let ended = view.last.expect("it has ended");
        assert!(
            matches!(ended.cause, Cause::StartFailed { mendable: false, .. }),
            "{:?}",
            ended.cause
        );
        let detail = ended.detail.expect("it is said why");
        assert!(detail.starts_with(says), "{detail}");
        let why = scene.hosted.ready_within(5 * SEC).await.expect_err("it never serves");
        assert!(why.to_string().contains(says), "{why}");
        scene.end().await;
    }
    // One that never says anything is not waited for longer than it may take.
    let scene = Scene::new(other(&["hang"]), |child| child.ready_within(100 * MS));
    let view = last(&scene.handle, 1).await;
    assert_eq!(view.last.expect("it has ended").cause, Cause::ReadyTimeout);
    scene.end().await;
}

#[tokio::test]
async fn nonsense_ends_the_run_as_a_failure_with_its_reason() {
    let scene = Scene::new(faulty("corrupt:on=bad"), |child| child);
    let client = scene.client().await;
    assert_eq!(ask(&client, "echo good").await, "good");
    let asked = Instant::now();
    let error = soon(client.call(&text("echo bad"))).await.expect_err("nonsense comes");
    assert!(matches!(error, CallError::Gone { .. }), "{error}");
    assert!(error.to_string().contains("something that is no frame"), "{error}");
    let view = last(&scene.handle, 1).await;
    // At once, where one that has only closed its socket has 5 s to end.
    assert!(asked.elapsed() < 4 * SEC, "{:?}", asked.elapsed());
    let ended = view.last.expect("it has ended");
    assert!(matches!(ended.cause, Cause::Failed { .. }), "{:?}", ended.cause);
    let detail = ended.detail.expect("it is said why");
    assert!(detail.starts_with("it sent something that is no frame"), "{detail}");
    assert_eq!(scene.after(&client).await.run().0, 2);
    scene.end().await;
}

#[tokio::test]
async fn a_host_that_lies_is_believed_no_more_than_once() {
    // An answer that comes twice, and one that says again and again that it is ready.
    let scene = Scene::new(faulty("lie:reply,lie:ready"), |child| child);
    let client = scene.client().await;
    for number in 0..20 {
        assert_eq!(ask(&client, &format!("echo {number}")).await, number.to_string());
    }
    assert_eq!(client.run().0, 1);
    scene.end().await;
}

#[tokio::test]
async fn a_host_ends_when_its_parent_does() {
    let scene = Scene::new(steps(["host"]), |child| child);
    let pid = ask(&scene.client().await, "pid").await;
    assert!(is_alive(&pid));
    drop(scene.owner);
    let gone = async {
        while is_alive(&pid) {
            tokio::time::sleep(MS).await;
        }
    };
    soon(gone).await;
}

#[tokio::test]
async fn a_clean_end_of_a_host_that_is_always_wanted_is_an_end_too() {
    let scene = Scene::new(steps(["host"]), |child| child.restart(Restart::Always));
    let client = scene.client().await;
    _ = soon(client.call(&text("steps exit:0"))).await.expect_err("it ends");
    assert_eq!(scene.after(&client).await.run().0, 2);
    scene.end().await;
}

#[tokio::test]
async fn what_nobody_would_start_is_neither_waited_for_nor_said_to_wait() {
    type Say = fn(Child) -> Child;
    let manual: Say = |child| {
        child
            .limit(failures(1, 60 * SEC))
            .on_exhausted(OnExhausted::Cooldown)
            .cooldown([Cooldown::Manual])
    };
    let once: Say = |child| child.restart(Restart::Never);
    for (say, step) in [(manual, "steps exit:1"), (once, "steps exit:0")] {
        let scene = Scene::new(steps(["host"]), |child| say(child.on_demand(None)));
        let client = scene.client().await;
        _ = client.call(&text(step)).await.expect_err("it ends");
        last(&scene.handle, 1).await;
        let why = scene.hosted.get().expect_err("it does not run").to_string();
        assert!(why.ends_with("; nothing starts it by itself"), "{why}");
        let asked = Instant::now();
        scene.hosted.ready_within(PATIENCE).await.expect_err("nothing starts it");
        assert!(asked.elapsed() < PATIENCE / 2, "it waited");
        scene.end().await;
    }
}

#[tokio::test]
async fn a_host_that_is_replaced_is_reached_by_the_new_declaration_alone() {
    let scene = Scene::new(steps(["host"]), |child| child);
    let client = scene.client().await;
    let mut follows = scene.hosted.subscribe();
    assert_eq!(format!("{:?}", soon(follows.next()).await), "Some(Available(Client(x#1)))");
    let fresh = steps(["host"]);
    let hosted = fresh.hosted();
    let fresh = host("x", fresh).optional();
    scene.handle.by("test").replace("x", fresh, "it is another one").await.expect("replaced");
    let next = hosted.ready_within(PATIENCE).await.expect("it serves");
    assert_eq!(next.run().0, 2);
    assert_eq!(ask(&next, "echo on").await, "on");
    let why = scene.hosted.ready_within(PATIENCE).await.expect_err("it has left");
    assert_eq!(why.standing, Standing::Removed);
    let gone = soon(follows.next()).await;
    assert!(matches!(gone, Some(Availability::Unavailable(_))), "{gone:?}");
    let error = client.call(&text("echo 1")).await.expect_err("its run is over");
    assert!(matches!(error, CallError::Gone { .. }), "{error}");
    scene.end().await;
}

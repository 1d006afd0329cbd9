//! Owners, handles and those who wait: who keeps a tree running, and what everybody learns of its end.

mod common;

use common::{SEC, calm, ready, ready_again, soon};
use mainstay::{AskError, CommandError, Ending, Handle, Report, RunId, Standing, task, tree};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use tokio::task::JoinSet;

// C156, tokio 25
#[tokio::test(start_paused = true)]
async fn handles_come_and_go_and_the_owner_alone_keeps_the_tree() {
    let owner = tree().child(calm("calm")).start().expect("it is fit");
    let first = owner.handle();
    let second = first.clone();
    ready(&first, "calm").await;
    drop(first);
    assert_eq!(ready(&second, "calm").await.run, Some(RunId(1)));
    drop(second);
    tokio::time::sleep(10 * SEC).await;
    let last = owner.handle();
    assert_eq!(ready(&last, "calm").await.run, Some(RunId(1)));
    drop(owner);
    let report = soon(last.ended()).await;
    assert_eq!((report.ending.clone(), report.lines.len()), (Ending::Asked, 1));
    assert!(!report.lines[0].forced && !last.is_alive());
}

// C160
#[tokio::test]
async fn a_hundred_who_wait_before_and_after_the_end_get_the_same_report() {
    let owner = tree().child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "calm").await;
    let mut waiting: JoinSet<Arc<Report>> = JoinSet::new();
    for _ in 0..50 {
        let handle = handle.clone();
        waiting.spawn(async move { handle.ended().await });
    }
    tokio::task::yield_now().await;
    let returned = soon(owner.drain("the test is over")).await;
    for _ in 0..50 {
        let handle = handle.clone();
        waiting.spawn(async move { handle.ended().await });
    }
    let first = handle.report().expect("there is one");
    assert_eq!(*first, returned);
    let mut count = 0;
    while let Some(report) = soon(waiting.join_next()).await {
        assert!(Arc::ptr_eq(&report.expect("no panic"), &first));
        count += 1;
    }
    assert_eq!(count, 100);
}

/// Everything that can be waited for, from another runtime than the tree's.
async fn wait_in_every_way(handle: Handle, waits: Sender<()>) -> (Arc<Report>, [bool; 4]) {
    let mut watch = handle.watch("calm").await.expect("it is there");
    assert!(waits.send(()).is_ok());
    let mut events = handle.events();
    let report = handle.ended();
    let gone = handle.wait_for("calm", Standing::Down);
    let changes = async { while watch.changed().await {} };
    let facts = async { while events.next().await.is_some() {} };
    let (report, gone, (), ()) = tokio::join!(report, gone, changes, facts);
    let asked = matches!(handle.status().await, Err(AskError::Ended));
    let told = handle.by("test").start("calm", "late").await;
    let told = matches!(told, Err(CommandError::Ended { .. }));
    (report, [gone.is_err(), asked, told, !handle.is_alive()])
}

// C157
#[test]
fn a_runtime_that_ends_under_a_tree_leaves_nobody_waiting() {
    for is_multi in [false, true] {
        let runtime = if is_multi {
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
        } else {
            tokio::runtime::Builder::new_current_thread().enable_all().build()
        }
        .expect("a runtime");
        let owner =
            runtime.block_on(async { tree().child(calm("calm")).start().expect("it is fit") });
        let handle = owner.handle();
        runtime.block_on(async { drop(ready(&handle, "calm").await) });
        let others = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (waits, is_waiting) = channel();
        let waiting = others.spawn(wait_in_every_way(handle.clone(), waits));
        // A runtime with one thread has to be driven for the watch to be answered.
        while is_waiting.try_recv().is_err() {
            runtime.block_on(tokio::task::yield_now());
        }
        for _ in 0..100 {
            runtime.block_on(tokio::task::yield_now());
        }
        runtime.shutdown_background();
        let (report, ends) = others.block_on(async { soon(waiting).await.expect("no panic") });
        assert_eq!(report.ending, Ending::Cut);
        assert!(!report.lines.is_empty(), "it has a line for every child");
        assert_eq!(ends, [true; 4]);
        assert_eq!(report.code(), 1);
        // Whoever comes later learns the same, without any runtime.
        assert_eq!(handle.report().expect("there is one").ending, Ending::Cut);
        drop(owner);
    }
}

// epics 6, tokio 18
#[tokio::test(start_paused = true)]
async fn who_follows_a_child_is_told_of_each_change() {
    let owner = tree().child(calm("calm")).child(calm("other")).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "calm").await;
    let mut watch = handle.watch("calm").await.expect("it is there");
    assert_eq!(watch.now().expect("it is there").standing, Standing::Ready);
    soon(handle.by("test").restart("calm", "again")).await.expect("it is restarted");
    let mut runs = Vec::new();
    while runs.last() != Some(&Some(RunId(2))) {
        assert!(soon(watch.changed()).await);
        runs.push(
            watch.now().filter(|view| view.standing == Standing::Ready).and_then(|view| view.run),
        );
    }
    soon(handle.by("test").remove("calm", "enough")).await.expect("it is removed");
    while watch.now().is_some() {
        assert!(soon(watch.changed()).await, "its end is told before there is nothing to follow");
    }
    assert!(!soon(watch.changed()).await, "nothing comes after it");
    let lost = soon(handle.watch("calm")).await;
    assert!(matches!(lost, Err(AskError::Unknown { .. })), "{lost:?}");
    let waits = soon(handle.wait_for("calm", Standing::Ready)).await;
    assert!(matches!(waits, Err(AskError::Unknown { .. })), "{waits:?}");
}

// tokio 18
#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_child_or_the_tree_it_is_for() {
    let owner = tree().child(calm("calm")).child(calm("other")).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "calm").await;
    let (removed, ended) = (handle.clone(), handle.clone());
    let mut waits = JoinSet::new();
    waits.spawn(async move { removed.wait_for("calm", Standing::Abandoned).await });
    tokio::task::yield_now().await;
    soon(handle.by("test").remove("calm", "enough")).await.expect("it is removed");
    let result = soon(waits.join_next()).await.expect("one waits").expect("no panic");
    assert!(matches!(result, Err(AskError::Unknown { .. })), "{result:?}");
    waits.spawn(async move { ended.wait_for("other", Standing::Abandoned).await });
    tokio::task::yield_now().await;
    soon(owner.drain("the test is over")).await;
    let result = soon(waits.join_next()).await.expect("one waits").expect("no panic");
    assert!(matches!(result, Err(AskError::Ended)), "{result:?}");
}

// oxios 11, oxios 18, epics 6
#[tokio::test(start_paused = true)]
async fn a_tree_can_be_asked_about_everything_in_it() {
    let fails = task("fails", |_| async { Err::<(), _>("no luck") })
        .backoff(mainstay::Shape::Fixed(10 * SEC));
    let below = mainstay::supervisor("below").child(fails).child(calm("calm"));
    let mut last = calm("last");
    let reference = last.reference();
    assert_eq!(reference.path(), None);
    let owner = tree().child(below).child(last).start().expect("it is fit");
    let handle = owner.handle();
    soon(handle.wait_for("below/fails", Standing::Waiting)).await.expect("it waits");
    ready(&handle, "last").await;
    let paths: Vec<_> =
        handle.status().await.expect("it lives").iter().map(|view| view.path.to_string()).collect();
    assert_eq!(paths, ["below", "below/fails", "below/calm", "last"]);
    let view = handle.child("below/fails").await.expect("it is there");
    assert_eq!(view.last.as_ref().and_then(|last| last.detail.as_deref()), Some("no luck"));
    let (at, _) = view.next.expect("it is tried again");
    assert!(at > view.at);
    let text = handle.explain("below/fails").await.expect("it is there").to_string();
    assert!(text.contains("no luck"), "{text}");
    assert_eq!(handle.child(&reference).await.expect("it is there").path.as_str(), "last");
    let unknown = handle.child("nobody").await;
    assert!(matches!(unknown, Err(AskError::Unknown { .. })), "{unknown:?}");
    let health = handle.health();
    assert!(health.fine >= 2 && health.coming + health.degraded >= 1, "{health:?}");
    let unplaced = handle.child(&calm("elsewhere").reference()).await;
    assert!(matches!(unplaced, Err(AskError::Unplaced { .. })), "{unplaced:?}");
}

#[tokio::test(start_paused = true)]
async fn two_trees_in_one_runtime_do_not_know_of_each_other() {
    let (one, two) = (
        tree().child(calm("calm")).start().expect("it is fit"),
        tree().child(calm("calm")).start().expect("it is fit"),
    );
    ready(&two.handle(), "calm").await;
    soon(one.drain("enough of it")).await;
    assert_eq!(ready(&two.handle(), "calm").await.run, Some(RunId(1)));
    soon(two.handle().by("test").restart("calm", "again")).await.expect("it is restarted");
    ready_again(&two.handle(), "calm", 2).await;
}

// tokio 14
#[tokio::test(start_paused = true)]
async fn a_tree_that_fails_for_good_returns_a_report_and_the_process_goes_on() {
    let fails = task("fails", |_| async { Err::<(), _>("no luck") })
        .backoff(mainstay::Shape::None)
        .limit(mainstay::restarts(2, 10 * SEC));
    let owner = tree().child(fails).child(calm("calm")).start().expect("it is fit");
    let report = soon(owner.run()).await;
    assert_ne!(report.code(), 0);
    assert!(report.to_string().contains("no luck"), "{report}");
    let runs = report.lines.iter().find(|line| line.path.as_str() == "fails").expect("a line").run;
    assert_eq!(runs, Some(RunId(3)), "two restarts, as the limit says");
}

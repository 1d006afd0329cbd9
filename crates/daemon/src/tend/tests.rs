//! Schedules in virtual time, files in real time.

use super::wall::Wall;
use super::{Tending, is_like, tend, tend_by};
use jiff::Timestamp;
use mainstay::{Handle, Owner, Restart, task, tree};
use mainstay_wire::spec::{Every, Overlap, Schedule, Watch};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);

/// Starts a tree with one child, which takes so long for each run.
fn running(takes: Duration) -> (Owner, Handle) {
    let child = task("job", move |_| async move { sleep(takes).await });
    let child = child.restart(Restart::Never).on_demand(None);
    let owner = tree().child(child).start().expect("it starts");
    let handle = owner.handle();
    (owner, handle)
}

fn every(every: Every, overlap: Overlap) -> Tending {
    let schedule = Schedule { every, overlap };
    Tending { schedules: BTreeMap::from([("job".into(), schedule)]), ..Tending::default() }
}

async fn runs(handle: &Handle) -> u64 {
    handle.child("job").await.expect("it is there").runs
}

#[tokio::test(start_paused = true)]
async fn a_span_starts_a_child_again_and_again_and_not_at_once() {
    let (_owner, handle) = running(Duration::from_secs(1));
    let start = Instant::now();
    let noon: Timestamp = "2026-07-01T12:00:00Z".parse().expect("a time");
    let tending = every(Every::Span(5 * MINUTE), Overlap::Skip);
    let tended = tend_by(&handle, &tending, &Wall::from(noon));
    let minutes = |at: i64| (at - noon.as_millisecond()) / 60_000;
    assert_eq!(tended.next("job").map(minutes), Some(5));
    assert_eq!(tended.next("other"), None);
    assert_eq!(runs(&handle).await, 0);
    handle.wait_until("job", |view| view.runs == 3).await.expect("it runs three times");
    assert_eq!(start.elapsed().as_secs() / 60, 15);
    assert_eq!(tended.next("job").map(minutes), Some(20));
    drop(tended);
    sleep(60 * MINUTE).await;
    assert_eq!(runs(&handle).await, 3, "nobody tends it");
}

#[tokio::test(start_paused = true)]
async fn a_time_that_comes_while_it_runs_is_skipped_queued_or_replaces_the_run() {
    let table = [
        // 12 min each, a time every 5: begins at 5, 20, 35, 50.
        (Overlap::Skip, 4),
        // One waits at most: 5, 17, 29, 41, 53.
        (Overlap::Queue, 5),
        // Each ends the one before: at every 5 min.
        (Overlap::Replace, 11),
    ];
    for (overlap, expected) in table {
        let (_owner, handle) = running(12 * MINUTE);
        let _tended = tend(&handle, &every(Every::Span(5 * MINUTE), overlap));
        sleep(59 * MINUTE).await;
        assert_eq!(runs(&handle).await, expected, "{overlap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_holds_is_left_alone() {
    let (_owner, handle) = running(Duration::from_secs(1));
    let _tended = tend(&handle, &every(Every::Span(MINUTE), Overlap::Skip));
    handle.wait_until("job", |view| view.runs == 1).await.expect("it runs");
    let me = handle.by("me");
    me.pause("job", "not now").await.expect("it is paused");
    sleep(10 * MINUTE).await;
    assert_eq!(runs(&handle).await, 1);
    me.resume("job", "go on").await.expect("it is resumed");
    handle.wait_until("job", |view| view.runs == 2).await.expect("it runs again");
    me.stop("job", "no longer").await.expect("it is stopped");
    sleep(10 * MINUTE).await;
    assert_eq!(runs(&handle).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_cron_expression_goes_by_the_wall_in_its_zone() {
    let (_owner, handle) = running(Duration::from_secs(1));
    let noon: Timestamp = "2026-07-01T12:00:00Z".parse().expect("a time");
    let expression = "30 2 * * *".to_owned();
    let at = Every::Cron { expression, time_zone: Some("Europe/Berlin".into()) };
    let start = Instant::now();
    let tended = tend_by(&handle, &every(at, Overlap::Skip), &Wall::from(noon));
    let minutes = |at: i64| (at - noon.as_millisecond()) / 60_000;
    assert_eq!(tended.next("job").map(minutes), Some(12 * 60 + 30));
    handle.wait_until("job", |view| view.runs == 1).await.expect("it runs");
    // 02:30 in Berlin is 00:30 UTC in summer.
    assert_eq!(start.elapsed().as_secs() / 60, 12 * 60 + 30);
    handle.wait_until("job", |view| view.runs == 2).await.expect("it runs again");
    assert_eq!(start.elapsed().as_secs() / 60, 36 * 60 + 30);
    assert_eq!(tended.next("job").map(minutes), Some(60 * 60 + 30));
    handle.by("me").remove("job", "no longer").await.expect("it is removed");
    sleep(48 * 60 * MINUTE).await;
    assert_eq!(tended.next("job"), None, "it has left the tree");
}

#[tokio::test]
async fn a_change_of_a_file_restarts_who_watches_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("web.conf");
    let other = folder.path().join("other.conf");
    std::fs::write(&file, "1").expect("written");
    let child = task("job", async |cx: mainstay::Context| cx.stopped().await);
    let owner = tree().child(child.always()).start().expect("it starts");
    let handle = owner.handle();
    handle.wait_until("job", |view| view.run.is_some()).await.expect("it runs");
    let mut events = handle.events();
    let watch = Watch { paths: vec![file.clone()], debounce: Duration::from_millis(20) };
    let watches = BTreeMap::from([("job".into(), watch)]);
    let tended = tend(&handle, &Tending { watches, ..Tending::default() });
    // What is not watched comes first: would it restart the child, it would do so by name.
    std::fs::write(&other, "2").expect("written");
    // As editors do it: another file takes its place.
    let new = folder.path().join("new");
    std::fs::write(&new, "2").expect("written");
    std::fs::rename(&new, &file).expect("renamed");
    handle.wait_until("job", |view| view.runs == 2).await.expect("it is restarted");
    let mut texts = Vec::new();
    while let Some(item) = events.try_next() {
        texts.push(format!("{item:?}"));
    }
    let why = texts.join("\n");
    assert!(why.contains("watch") && why.contains("web.conf has changed"), "{why}");
    assert!(!why.contains("other.conf"), "{why}");
    drop(tended);
}

#[test]
fn a_star_stands_for_anything() {
    let table = [
        ("a.conf", "*.conf", true),
        ("a.conf", "*", true),
        ("a.conf", "a*f", true),
        ("a.conf", "?.conf", true),
        ("ab.conf", "?.conf", false),
        ("a.conf.bak", "*.conf", false),
        ("aXbXc", "*X*c", true),
        ("", "*", true),
        ("a", "", false),
    ];
    for (name, pattern, expected) in table {
        assert_eq!(is_like(name, pattern), expected, "{name} and {pattern}");
    }
}

#[tokio::test]
async fn the_real_wall_is_waited_for() {
    let wall = Wall::real();
    let soon = wall.now() + Duration::from_millis(30);
    wall.until(soon).await;
    assert!(wall.now() >= soon);
    // One that has passed is not waited for.
    wall.until(soon).await;
}

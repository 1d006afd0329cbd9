//! Health: one row of the table in docs/reference/health.md after the other.

use crate::world::World;
use mainstay::{Context, Fault, Handle, Node, Standing, View, supervisor, task, tree};
use mainstay_daemon::api::{Book, Service};
use mainstay_wire::api::{ConsoleNote, Event, Journal, Run};
use serde_json::Value;
use std::io;
use std::sync::Arc;

async fn serves(cx: Context) {
    cx.stopped().await;
}

/// Never says that it is ready.
async fn comes(cx: Context) {
    cx.stopped().await;
}

async fn fails(_: Context) -> Result<(), Fault> {
    Err(Fault::transient(io::Error::other("no such table")))
}

async fn ends(_: Context) {}

/// Serves a tree with one child called `one`, which is brought into a state first.
fn world(child: impl Into<Node>) -> World {
    let owner = tree().child(child).start().expect("a tree");
    let service = Service::new(owner.handle()).name("shop");
    World::of(owner, service)
}

async fn until(handle: &Handle, is_so: impl Fn(&View) -> bool) {
    handle.wait_until("one", is_so).await.expect("it comes to be");
}

/// Holds a row against `/readyz`: whether it is ready, and how the child is told of.
async fn check(world: World, ready: bool, ok: bool, words: &str) {
    let (status, answer) = world.get("/readyz?verbose").await;
    assert_eq!(status, if ready { 200 } else { 503 }, "{words}: {answer}");
    let one = find(&answer, "one").unwrap_or_else(|| panic!("it is not told of: {answer}"));
    assert_eq!(one["ok"], ok, "{answer}");
    assert!(one["text"].as_str().is_some_and(|text| text.contains(words)), "{words}: {answer}");
    // It lives in each of them.
    assert_eq!(world.get("/livez").await.0, 200);
    world.stop().await;
}

fn find<'a>(answer: &'a Value, name: &str) -> Option<&'a Value> {
    answer["checks"].as_array()?.iter().find(|check| check["name"] == name)
}

#[tokio::test]
async fn a_child_that_is_ready() {
    let world = world(task("one", serves));
    until(&world.handle, |view| view.standing == Standing::Ready).await;
    check(world, true, true, "ready; fine").await;
}

#[tokio::test]
async fn a_child_that_is_up_and_not_ready() {
    for (optional, ready) in [(false, false), (true, true)] {
        let child = task("one", comes).ready_within(std::time::Duration::from_secs(3_600));
        let world = world(if optional { child.optional() } else { child });
        until(&world.handle, |view| view.standing == Standing::Up).await;
        check(world, ready, ready, "up, not ready yet").await;
    }
}

#[tokio::test]
async fn a_child_that_waits_for_its_next_run() {
    for (optional, ready) in [(false, false), (true, true)] {
        let hour = mainstay::Shape::Fixed(std::time::Duration::from_secs(3_600));
        let child = task("one", fails).backoff(hour);
        let world = world(if optional { child.optional() } else { child });
        until(&world.handle, |view| view.standing == Standing::Waiting).await;
        check(world, ready, ready, "then starts again").await;
    }
}

#[tokio::test]
async fn a_child_that_is_quarantined() {
    for (optional, ready) in [(false, false), (true, true)] {
        let child = task("one", serves);
        let world = world(if optional { child.optional() } else { child });
        world.done(serde_json::json!({"quarantine": {}}), "one").await;
        until(&world.handle, |view| view.standing == Standing::Down).await;
        check(world, ready, ready, "quarantined").await;
    }
}

#[tokio::test]
async fn a_child_whose_breaker_is_open() {
    for (optional, ready) in [(false, false), (true, true)] {
        let permanent = async |_: Context| -> Result<(), Fault> {
            Err(Fault::permanent(io::Error::other("no such table")))
        };
        let child = task("one", permanent).on_exhausted(mainstay::OnExhausted::Cooldown);
        let world = world(if optional { child.optional() } else { child });
        until(&world.handle, |view| view.standing == Standing::Waiting).await;
        check(world, ready, ready, "breaker open until").await;
    }
}

#[tokio::test]
async fn a_child_that_failed_for_good() {
    for (optional, ready) in [(false, false), (true, true)] {
        let child = task("one", fails).restart(mainstay::Restart::Never);
        let world = world(if optional { child.optional() } else { child });
        until(&world.handle, |view| view.standing == Standing::Down && view.last.is_some()).await;
        check(world, ready, ready, "failed").await;
    }
}

#[tokio::test]
async fn a_child_that_an_operator_wants_down() {
    for verb in ["stop", "pause"] {
        let world = world(task("one", serves));
        until(&world.handle, |view| view.standing == Standing::Ready).await;
        world.done(serde_json::json!({verb: {}}), "one").await;
        if verb == "stop" {
            until(&world.handle, |view| view.standing == Standing::Down).await;
        }
        check(world, true, true, "; fine").await;
    }
}

#[tokio::test]
async fn a_child_that_came_to_a_clean_end() {
    let world = world(task("one", ends).restart(mainstay::Restart::OnFailure));
    until(&world.handle, |view| view.standing == Standing::Down && view.last.is_some()).await;
    check(world, true, true, "completed").await;
}

#[tokio::test]
async fn a_child_that_is_down_until_it_is_wanted() {
    let world = world(task("one", serves).on_demand(None));
    until(&world.handle, |view| view.standing == Standing::Blocked).await;
    check(world, true, true, "down until it is wanted").await;
}

#[tokio::test]
async fn a_tree_that_ends_takes_no_work_and_has_come_up_all_the_same() {
    let mut world = world(task("one", serves));
    until(&world.handle, |view| view.standing == Standing::Ready).await;
    assert_eq!(world.get("/startupz").await.0, 200);
    world.drain().await;
    let (status, answer) = world.get("/readyz").await;
    assert_eq!(status, 503);
    assert_eq!(find(&answer, "tree").expect("a check")["text"], "ends, or has ended");
    assert_eq!(world.get("/startupz").await.0, 200, "it does not forget");
    world.stop().await;
}

#[tokio::test]
async fn what_has_not_come_up_says_who_holds_it_up() {
    let child = task("one", comes).ready_within(std::time::Duration::from_secs(3_600));
    let world = world(child);
    until(&world.handle, |view| view.standing == Standing::Up).await;
    let (status, answer) = world.get("/startupz").await;
    assert_eq!(status, 503);
    assert_eq!(find(&answer, "one").expect("it is told of")["ok"], false);
    world.stop().await;
}

#[tokio::test]
async fn what_is_left_out_does_not_count_and_is_said() {
    let hour = mainstay::Shape::Fixed(std::time::Duration::from_secs(3_600));
    let owner = tree()
        .child(task("web", serves))
        .child(supervisor("app").child(task("one", fails).backoff(hour)))
        .start()
        .expect("a tree");
    let service = Service::new(owner.handle());
    let world = World::of(owner, service);
    let is_waiting = |view: &View| view.standing == Standing::Waiting;
    world.handle.wait_until("app/one", is_waiting).await.expect("it fails");
    let table = [
        ("/readyz", 503, "app/one"),
        ("/readyz?exclude=app/one", 200, "app/one"),
        ("/readyz?exclude=app", 200, "tree"),
        ("/readyz?exclude=app%2Fone", 200, "app/one"),
        ("/readyz?exclude=ap", 503, "ap"),
        ("/readyz?exclude=tree&exclude=app", 200, "tree"),
        ("/startupz?exclude=app", 200, "tree"),
    ];
    for (address, expected, named) in table {
        let (status, answer) = world.get(address).await;
        assert_eq!(status, expected, "{address}: {answer}");
        assert!(find(&answer, named).is_some(), "{address}: {answer}");
    }
    let (_, answer) = world.get("/readyz?exclude=app&exclude=nobody&verbose").await;
    let text = |name: &str| find(&answer, name).expect("it is told of")["text"].to_string();
    assert!(text("app/one").contains("left out; "), "{answer}");
    assert!(text("nobody").contains("is left out, and there is none"), "{answer}");
    assert!(text("web").contains("ready; fine"), "{answer}");
    let (status, _) = world.get("/readyz?verbose=perhaps").await;
    assert_eq!(status, 400);
    world.stop().await;
}

/// A journal that cannot be written.
struct Broken;

impl Book for Broken {
    fn runs(&self, _: Option<&str>, _: Option<i64>, _: usize) -> io::Result<Vec<Run>> {
        Ok(Vec::new())
    }

    fn run(&self, _: &str, _: u64) -> io::Result<Option<Run>> {
        Ok(None)
    }

    fn events(&self, _: u64, _: usize) -> io::Result<Vec<Event>> {
        Ok(Vec::new())
    }

    fn note(&self, _: &ConsoleNote) {}

    fn notes(&self, _: Option<&str>, _: Option<i64>, _: usize) -> io::Result<Vec<ConsoleNote>> {
        Ok(Vec::new())
    }

    fn journal(&self) -> Journal {
        Journal {
            folder: "/nowhere".into(),
            durable: false,
            trouble: Some("no space left on the device".into()),
            lost: 3,
            last: 9,
            bytes: 4_096,
        }
    }

    fn durable(&self) -> bool {
        false
    }

    fn refuses(&self) -> Option<String> {
        None
    }
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_is_said_and_keeps_nobody_from_serving() {
    let world = World::with(|service| service.book(Arc::new(Broken))).await;
    let (status, answer) = world.get("/readyz").await;
    assert_eq!(status, 200, "{answer}");
    let journal = find(&answer, "journal").expect("a check");
    assert_eq!(journal["ok"], true);
    let text = journal["text"].as_str().expect("a text");
    assert!(text.contains("no space left on the device"), "{text}");
    world.stop().await;
}

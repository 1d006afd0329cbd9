//! The tokio supervisor handle's behaviour, without its defects. Others of its defects are shown absent
//! in the files on stops, commands, handles, events and declarations.

mod common;

use common::{MS, SEC, calm, down, find, lives, ready, ready_again, soon, starts};
use mainstay::{
    Context, Event, Jitter, Moment, OnExhausted, Record, RunId, Shape, Standing, failures,
    restarts, supervisor, task, tree,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Counts those that live at once.
struct Alive(Arc<AtomicU32>);

impl Alive {
    fn one(count: &Arc<AtomicU32>, most: u32) -> Self {
        assert!(count.fetch_add(1, Ordering::SeqCst) < most, "there are too many of them");
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

// tokio 1
#[tokio::test(start_paused = true)]
async fn one_for_all_stops_everybody_before_it_starts_anybody() {
    let alive = Arc::new(AtomicU32::new(0));
    let member = |name: &str, fails: bool| {
        let alive = Arc::clone(&alive);
        task(name, move |cx: Context| {
            let alive = Alive::one(&alive, 3);
            async move {
                let _alive = alive;
                if fails && cx.run() < RunId(5) {
                    tokio::time::sleep(SEC).await;
                    return Err("again");
                }
                cx.stopped().await;
                tokio::time::sleep(100 * MS).await;
                Ok(())
            }
        })
    };
    let group = supervisor("group").one_for_all().children([
        member("a", false),
        member("b", true),
        member("c", false),
    ]);
    let owner = tree().child(group).child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    for name in ["a", "b", "c"] {
        ready_again(&handle, &format!("group/{name}"), 5).await;
    }
    assert_eq!(alive.load(Ordering::SeqCst), 3);
    assert!(!handle.counts().exits.contains_key("panicked"));
    assert_eq!(ready(&handle, "calm").await.run, Some(RunId(1)));
}

// C79, C80
#[tokio::test(start_paused = true)]
async fn rest_for_one_restarts_the_failed_and_those_after_it() {
    let member = |number: u32| {
        task(&number.to_string(), move |cx: Context| async move {
            if number == 3 && cx.is_first() {
                tokio::time::sleep(SEC).await;
                return Err("once");
            }
            cx.stopped().await;
            Ok(())
        })
    };
    let group = supervisor("group").rest_for_one().children((1..=5).map(member));
    let owner = tree().child(group).start().expect("it is fit");
    let handle = owner.handle();
    for number in 3..=5 {
        ready_again(&handle, &format!("group/{number}"), 2).await;
    }
    for number in 1..=2 {
        assert_eq!(ready(&handle, &format!("group/{number}")).await.run, Some(RunId(1)));
    }
}

// tokio 3: nobody says anything, and every deadline passes when it is due.
#[tokio::test(start_paused = true)]
async fn deadlines_pass_when_they_are_due() {
    let fails = task("fails", |cx: Context| async move {
        if cx.is_first() { Err("once") } else { lives(&cx).await }
    });
    let fails = fails.backoff(Shape::Fixed(7 * SEC)).jitter(Jitter::None);
    let mute = task("mute", |cx| async move { cx.stopped().await }).ready_within(3 * SEC).once();
    let owner = tree().child(fails).child(mute.optional()).start().expect("it is fit");
    let mut events = owner.handle().events_from(1);
    let is_late = |record: &Record| matches!(record.event, Event::Stopping { .. });
    assert_eq!(find(&mut events, is_late).await.at.since(Moment::ZERO), 3 * SEC);
    let is_second = |record: &Record| matches!(record.event, Event::Starting { run: RunId(2), .. });
    assert_eq!(find(&mut events, is_second).await.at.since(Moment::ZERO), 7 * SEC);
}

// tokio 8, tokio 9, C44
#[tokio::test(start_paused = true)]
async fn failures_of_some_are_not_held_against_others_and_giving_up_is_loud() {
    let fails = |name: &str, most: u64| {
        task(name, move |cx: Context| async move {
            if cx.run() <= RunId(most) { Err("again") } else { lives(&cx).await }
        })
        .backoff(Shape::None)
        .limit(failures(3, 10 * SEC))
        .optional()
    };
    let owner = tree()
        .child(fails("a", 2))
        .child(fails("b", 2))
        .child(fails("c", 1))
        .child(fails("d", 3))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    for (name, run) in [("a", 3), ("b", 3), ("c", 2)] {
        let view = ready_again(&handle, name, run).await;
        assert_eq!(view.alerts.len(), 0, "{name}");
    }
    let open = |view: &mainstay::View| view.standing == Standing::Waiting && view.runs == 3;
    let view = soon(handle.wait_until("d", open)).await.expect("its breaker is open");
    assert_eq!(view.alerts.len(), 1);
    assert_eq!(handle.counts().openings, 1);
    // And not for good.
    ready_again(&handle, "d", 4).await;
}

// tokio 9
#[tokio::test(start_paused = true)]
async fn several_limits_hold_side_by_side() {
    let child = task("it", |_| async {
        tokio::time::sleep(SEC).await;
        Err::<(), _>("again")
    })
    .backoff(Shape::None)
    .limit(restarts(1_000, 10 * SEC))
    .limit(restarts(4, 60 * SEC))
    .limit(restarts(3, SEC))
    .on_exhausted(OnExhausted::Quarantine);
    let owner = tree().child(child).start().expect("it is fit");
    let view = down(&owner.handle(), "it").await;
    assert_eq!((view.runs, view.quarantined), (5, view.quarantined));
    assert_eq!(view.alerts.len(), 1);
}

// tokio 10
#[tokio::test(start_paused = true)]
async fn a_place_in_the_start_concurrency_is_free_again_when_a_child_is_ready() {
    let alive = Arc::new(AtomicU32::new(0));
    let slow = |number: u32| {
        let alive = Arc::clone(&alive);
        task(&format!("it-{number}"), move |cx: Context| {
            let starting = Alive::one(&alive, 2);
            async move {
                tokio::time::sleep(SEC).await;
                // Its place is free once the tree knows, so it is given back here.
                drop(starting);
                cx.ready();
                cx.stopped().await;
            }
        })
        .ready_within(10 * SEC)
    };
    let owner = tree().start_concurrency(2).children((0..10).map(slow)).start().expect("it is fit");
    let began = tokio::time::Instant::now();
    soon(owner.ready()).await.expect("all become ready");
    assert_eq!(began.elapsed(), 5 * SEC);
}

// tokio 12
#[tokio::test(start_paused = true)]
async fn no_two_trees_draw_the_same_delays_unless_they_are_seeded_alike() {
    async fn second(seed: Option<u64>) -> Duration {
        let code =
            |cx: Context| async move { if cx.is_first() { Err("once") } else { lives(&cx).await } };
        let tree =
            tree().child(task("it", code).backoff(Shape::Fixed(100 * SEC)).jitter(Jitter::Full));
        let tree = seed.into_iter().fold(tree, mainstay::Tree::seed);
        let owner = tree.start().expect("it is fit");
        let is_second =
            |record: &Record| matches!(record.event, Event::Starting { run: RunId(2), .. });
        find(&mut owner.handle().events_from(1), is_second).await.at.since(Moment::ZERO)
    }
    assert_eq!(second(Some(7)).await, second(Some(7)).await);
    let drawn = [second(None).await, second(None).await, second(None).await];
    assert!(drawn[0] != drawn[1] || drawn[1] != drawn[2], "{drawn:?}");
}

// tokio 13
#[tokio::test(start_paused = true)]
async fn delays_begin_anew_after_a_stable_run() {
    let code = |cx: Context| async move {
        if cx.run().0.is_multiple_of(3) {
            tokio::time::sleep(20 * SEC).await;
        }
        Err::<(), _>("again")
    };
    let shape = Shape::Exponential { first: SEC, factor: 2.0, most: 30 * SEC };
    let child = task("it", code).backoff(shape).jitter(Jitter::None).stable_after(10 * SEC);
    let owner = tree().child(child.unlimited()).start().expect("it is fit");
    let handle = owner.handle();
    let is_seventh =
        |record: &Record| matches!(record.event, Event::Starting { run: RunId(7), .. });
    let seventh = find(&mut handle.events_from(1), is_seventh).await;
    // 1 and 2 s, 20 s of life; then 1, 2 and 4 s, 20 s of life; then 1 s again.
    assert_eq!(seventh.at.since(Moment::ZERO), (1 + 2 + 20 + 1 + 2 + 4 + 20 + 1) * SEC);
}

// tokio 23, C92, C140
#[tokio::test(start_paused = true)]
async fn a_tree_in_a_tree_is_supervised_as_one() {
    let fails = task("fails", |cx: Context| async move {
        if cx.run() < RunId(6) { Err("again") } else { lives(&cx).await }
    })
    .backoff(Shape::None)
    .unlimited();
    let inner =
        supervisor("inner").limit_children(restarts(2, 10 * SEC)).child(fails).child(calm("calm"));
    let outer = supervisor("outer").child(inner).child(calm("beside"));
    let owner = tree().child(outer).child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    let recorder = handle.record(10_000);
    ready_again(&handle, "outer/inner/fails", 6).await;
    ready_again(&handle, "outer/inner/calm", 2).await;
    assert_eq!(handle.counts().gave_up, 1);
    assert_eq!(starts(&recorder.records(), "outer/inner"), 2);
    for path in ["calm", "outer/beside"] {
        assert_eq!(ready(&handle, path).await.run, Some(RunId(1)), "{path}");
    }
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.lines.len(), 4);
}

// obzenflow 11, C67
#[tokio::test(start_paused = true)]
async fn a_child_that_fails_at_once_is_not_restarted_without_a_pause() {
    let child = task("it", |_| async { Err::<(), _>("again") }).backoff(Shape::None).unlimited();
    let owner = tree().unlimited_children().child(child).start().expect("it is fit");
    let handle = owner.handle();
    let runs = |view: &mainstay::View| view.runs == 1_001;
    let view = soon(handle.wait_until("it", runs)).await.expect("it goes on");
    assert!(view.at.since(Moment::ZERO) >= SEC, "{}", view.at);
}

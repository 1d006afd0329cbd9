//! Panics of user code: each harms its own child alone, and is told with its words and its place.

mod common;

use common::{MS, calm, down, find, ready, ready_again, soon};
use mainstay::{
    BoxError, Cause, Context, Event, Handle, Recorder, RunId, Shape, View, blocking, child,
    supervisor, task, tree,
};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::oneshot;

/// A tree that is hurt by one child and has a bystander.
async fn hurt(child: mainstay::Child) -> (mainstay::Owner, Handle, View) {
    let owner = tree().child(calm("calm")).child(child).start().expect("it is fit");
    let handle = owner.handle();
    let view = down(&handle, "hurt").await;
    (owner, handle, view)
}

/// The bystander has not been touched, and commands work as before.
async fn nobody_else_is_harmed(owner: mainstay::Owner) {
    let handle = owner.handle();
    let calm = ready(&handle, "calm").await;
    assert_eq!(calm.run, Some(RunId(1)), "the sibling's run goes on");
    soon(handle.by("test").restart("calm", "to see that it works")).await.expect("commands work");
    ready_again(&handle, "calm", 2).await;
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.code(), 0);
}

fn cause(view: &View) -> Cause {
    view.last.as_ref().expect("it has run").cause
}

fn detail(view: &View) -> String {
    view.last.as_ref().and_then(|last| last.detail.as_deref()).unwrap_or_default().to_owned()
}

fn message(view: &View) -> String {
    view.panic.as_ref().expect("a panic").message.to_string()
}

/// Panics when it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("{}", self.0);
        }
    }
}

// C145, epics 4, oxios 9
#[tokio::test(start_paused = true)]
async fn a_panic_is_told_with_its_words_and_its_place() {
    let (owner, _, view) = hurt(task("hurt", |_| async { panic!("no more bread") }).once()).await;
    assert_eq!(cause(&view), Cause::Panicked);
    let panic = view.panic.clone().expect("a panic");
    assert_eq!(&*panic.message, "no more bread");
    assert!(panic.place.as_deref().expect("a place").contains("panics.rs:"), "{panic}");
    assert!(detail(&view).contains("no more bread, at "), "{}", detail(&view));
    nobody_else_is_harmed(owner).await;
}

// C145
#[tokio::test(start_paused = true)]
async fn a_payload_is_told_whatever_it_is() {
    let name = "Anna";
    let (owner, _, view) =
        hurt(task("hurt", move |_| async move { panic!("lost {name}") }).once()).await;
    assert_eq!(message(&view), "lost Anna");
    nobody_else_is_harmed(owner).await;
    let (owner, _, view) =
        hurt(task("hurt", |_| async { std::panic::panic_any(7_u32) }).once()).await;
    assert_eq!(message(&view), "non-string payload (u32)");
    nobody_else_is_harmed(owner).await;
}

// C147
#[tokio::test(start_paused = true)]
async fn a_payload_that_panics_when_dropped_is_contained() {
    let code = |_| async { std::panic::panic_any(Bomb("again")) };
    let (owner, _, view) = hurt(task("hurt", code).once()).await;
    assert_eq!(cause(&view), Cause::Panicked);
    nobody_else_is_harmed(owner).await;
}

// C22
#[tokio::test(start_paused = true)]
async fn a_factory_that_panics_is_a_failed_start() {
    let make = |cx: Context| {
        assert!(!cx.is_first(), "no such port");
        std::future::ready(())
    };
    let (owner, _, view) = hurt(task("hurt", make).once()).await;
    assert!(matches!(cause(&view), Cause::StartFailed { .. }), "{}", cause(&view));
    assert_eq!(message(&view), "no such port");
    nobody_else_is_harmed(owner).await;
}

// C22
#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_be_cloned_is_a_failed_start() {
    struct State;
    impl Clone for State {
        fn clone(&self) -> Self {
            panic!("one of a kind")
        }
    }
    let code = child("hurt").state(State).task(async |_, _| {}).once();
    let (owner, _, view) = hurt(code).await;
    assert!(matches!(cause(&view), Cause::StartFailed { .. }), "{}", cause(&view));
    assert_eq!(message(&view), "one of a kind");
    nobody_else_is_harmed(owner).await;
}

// C34, C35
#[tokio::test(start_paused = true)]
async fn what_a_run_reports_after_its_stop_does_not_change_that_it_was_stopped() {
    let ok = task("ok", |cx| async move { cx.stopped().await }).always();
    let panics = task("panics", |cx| async move {
        cx.stopped().await;
        panic!("on the way out")
    });
    let fails = task("fails", |cx| async move {
        cx.stopped().await;
        Err::<(), _>("too late")
    });
    let owner = tree().child(ok).child(panics).child(fails).start().expect("it is fit");
    let handle = owner.handle();
    for name in ["ok", "panics", "fails"] {
        ready(&handle, name).await;
        soon(handle.by("test").stop(name, "enough")).await.expect("it is stopped");
        let view = down(&handle, name).await;
        assert_eq!(cause(&view), Cause::Stopped, "{name}");
        assert_eq!(view.runs, 1, "{name}");
    }
    let view = handle.child("panics").await.expect("it is there");
    assert!(detail(&view).contains("on the way out"), "{}", detail(&view));
    assert_eq!(message(&view), "on the way out");
    let view = handle.child("fails").await.expect("it is there");
    assert_eq!(detail(&view), "too late");
    assert!(!handle.counts().decisions.contains_key("restart"), "nothing was charged or restarted");
}

// C146
#[tokio::test(start_paused = true)]
async fn a_destructor_that_panics_after_a_good_end_leaves_the_end_as_it_was() {
    struct Ends(#[allow(dead_code, reason = "it is dropped")] Bomb);
    impl Future for Ends {
        type Output = ();
        fn poll(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<()> {
            std::task::Poll::Ready(())
        }
    }
    let (owner, _, view) = hurt(task("hurt", |_| Ends(Bomb("in the end"))).once()).await;
    assert!(matches!(cause(&view), Cause::Completed | Cause::Panicked), "{}", cause(&view));
    assert!(detail(&view).contains("in the end"), "{}", detail(&view));
    nobody_else_is_harmed(owner).await;
}

// C146
#[tokio::test(start_paused = true)]
async fn a_destructor_that_panics_when_its_run_is_cut_leaves_the_cut_as_it_was() {
    let code = |_| async {
        let _bomb = Bomb("when cut");
        std::future::pending::<()>().await;
    };
    let owner = tree()
        .child(calm("calm"))
        .child(task("hurt", code).always())
        .child(task("late", code).ready_within(200 * MS).once())
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "hurt").await;
    soon(handle.by("test").stop("hurt", "enough")).await.expect("it is stopped");
    let view = down(&handle, "hurt").await;
    assert_eq!(cause(&view), Cause::Stopped);
    assert!(detail(&view).contains("a destructor panicked: when cut"), "{}", detail(&view));
    let view = down(&handle, "late").await;
    assert_eq!(cause(&view), Cause::ReadyTimeout);
    assert!(detail(&view).contains("a destructor panicked: when cut"), "{}", detail(&view));
    // The place is free: it can be started again.
    soon(handle.by("test").start("hurt", "again")).await.expect("it starts");
    ready_again(&handle, "hurt", 2).await;
    nobody_else_is_harmed(owner).await;
}

// C146
#[tokio::test(start_paused = true)]
async fn what_code_captured_may_panic_when_its_child_is_forgotten() {
    struct Captured(oneshot::Sender<()>);
    impl Drop for Captured {
        fn drop(&mut self) {
            panic!("do not let go of me");
        }
    }
    let (tell, gone) = oneshot::channel();
    let captured = Captured(tell);
    let code = move |cx: Context| {
        let _ = &captured.0;
        async move { cx.stopped().await }
    };
    let owner = tree().child(calm("calm")).child(task("hurt", code)).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "hurt").await;
    soon(handle.by("test").remove("hurt", "not needed")).await.expect("it is removed");
    assert!(soon(gone).await.is_err(), "it was dropped");
    nobody_else_is_harmed(owner).await;
}

#[derive(Debug)]
struct Hostile(Where);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Display,
    Source,
    Circle,
    Drop,
}

impl fmt::Display for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Where::Display { panic!("no words") } else { f.write_str("hostile") }
    }
}

impl Error for Hostile {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.0 {
            Where::Source => panic!("no source"),
            Where::Circle => Some(self),
            Where::Display | Where::Drop => None,
        }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        if self.0 == Where::Drop {
            panic!("no end");
        }
    }
}

// C149
#[tokio::test(start_paused = true)]
async fn a_hostile_error_is_a_failure_and_no_more() {
    for at in [Where::Display, Where::Source, Where::Circle, Where::Drop] {
        let code = move |_| async move { Err::<(), BoxError>(Hostile(at).into()) };
        let (owner, _, view) = hurt(task("hurt", code).once()).await;
        assert!(matches!(cause(&view), Cause::Failed { .. }), "{at:?}: {}", cause(&view));
        nobody_else_is_harmed(owner).await;
    }
}

// C149
#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_is_called_ten_times_and_the_others_go_on() {
    let (bad, good) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (of_bad, of_good) = (Arc::clone(&bad), Arc::clone(&good));
    let fails = task("hurt", |_| async { Err::<(), _>("again") })
        .backoff(Shape::None)
        .limit(mainstay::restarts(20, common::SEC))
        .optional();
    let owner = tree()
        .on_event(move |_| {
            of_bad.fetch_add(1, Ordering::Relaxed);
            panic!("a bad hook")
        })
        .on_event(move |_| {
            of_good.fetch_add(1, Ordering::Relaxed);
        })
        .child(calm("calm"))
        .child(fails)
        .start()
        .expect("it is fit");
    let mut events = owner.handle().events_from(1);
    find(&mut events, |record| matches!(record.event, Event::Breaker { .. })).await;
    nobody_else_is_harmed(owner).await;
    assert_eq!(bad.load(Ordering::Relaxed), 10);
    assert!(good.load(Ordering::Relaxed) > 60, "{good:?}");
}

// C149
#[tokio::test(start_paused = true)]
async fn a_condition_that_panics_harms_the_one_who_waits() {
    let owner = tree().child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    let waits = tokio::task::LocalSet::new();
    let result = waits
        .run_until(async {
            let wait = async move { handle.wait_until("calm", |_| panic!("no")).await.is_ok() };
            tokio::task::spawn_local(wait).await
        })
        .await;
    assert!(result.expect_err("it panicked").is_panic());
    nobody_else_is_harmed(owner).await;
}

// C149: the waker is user code as well where a combinator brings its own.
#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_harms_nobody_else() {
    struct Bad;
    impl std::task::Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("let me sleep");
        }
    }
    let code = |cx: Context| async move {
        let waker = std::task::Waker::from(Arc::new(Bad));
        let mut stopped = std::pin::pin!(cx.stopped());
        let polled = stopped.as_mut().poll(&mut std::task::Context::from_waker(&waker));
        assert!(polled.is_pending());
        std::future::pending::<()>().await;
    };
    let owner = tree()
        .child(calm("calm"))
        .child(task("hurt", code).stop_within(100 * MS))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "hurt").await;
    soon(handle.by("test").stop("hurt", "enough")).await.expect("it is stopped");
    assert_eq!(cause(&down(&handle, "hurt").await), Cause::Stopped);
    nobody_else_is_harmed(owner).await;
}

// C146, C147
#[tokio::test(start_paused = true)]
async fn a_sub_task_that_panics_ends_its_run_as_panicked() {
    let code = |cx: Context| async move {
        let _sub = cx.spawn(async { panic!("below") });
        cx.stopped().await;
    };
    let (owner, _, view) = hurt(task("hurt", code).once()).await;
    assert_eq!(cause(&view), Cause::Panicked);
    assert_eq!(message(&view), "below");
    nobody_else_is_harmed(owner).await;
}

// C146
#[tokio::test(start_paused = true)]
async fn a_sub_task_whose_value_or_captures_panic_when_dropped_is_contained() {
    // The value is dropped unread, when the run is over.
    let value = |cx: Context| async move {
        let sub = cx.spawn(async { Bomb("a value") });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        drop(sub);
    };
    let (owner, _, view) = hurt(task("hurt", value).once()).await;
    assert!(matches!(cause(&view), Cause::Panicked | Cause::Completed), "{}", cause(&view));
    nobody_else_is_harmed(owner).await;
    // What it captured is dropped when it is cut.
    let cut = |cx: Context| async move {
        let bomb = Bomb("a capture");
        let _sub = cx.spawn(async move {
            let _bomb = bomb;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
    };
    let (owner, _, view) = hurt(task("hurt", cut).once()).await;
    assert!(matches!(cause(&view), Cause::Panicked | Cause::Completed), "{}", cause(&view));
    nobody_else_is_harmed(owner).await;
}

// epics 4, obzenflow 4, obzenflow 8
#[tokio::test(start_paused = true)]
async fn a_child_that_panics_is_restarted_as_one_that_fails() {
    let code = |cx: Context| async move {
        if cx.run() < RunId(3) {
            panic!("at first");
        }
        cx.stopped().await;
    };
    let below = supervisor("below").child(task("hurt", code));
    let owner = tree().child(calm("calm")).child(below).start().expect("it is fit");
    let handle = owner.handle();
    let recorder: Recorder = handle.record(1_000);
    let view = ready_again(&handle, "below/hurt", 3).await;
    assert_eq!(cause(&view), Cause::Panicked);
    let panicked = |record: &&mainstay::Record| {
        matches!(&record.event, Event::Exited { cause: Cause::Panicked, .. })
    };
    assert_eq!(recorder.records().iter().filter(panicked).count(), 2);
    nobody_else_is_harmed(owner).await;
}

#[tokio::test]
async fn a_sub_task_that_somebody_else_started_ends_the_run_by_its_panic() {
    let web = task("web", |cx: Context| async move {
        if cx.is_first() {
            let elsewhere = cx.clone();
            // A thread that is not the run's own task starts the first sub-task.
            std::thread::spawn(move || drop(elsewhere.spawn(async { panic!("lost") })));
        }
        cx.stopped().await;
    });
    let owner = tree().child(web).start().expect("fine");
    let web = owner.handle().wait_until("web", |web| web.runs >= 2).await.expect("it runs again");
    assert_eq!(web.last.map(|last| last.cause), Some(Cause::Panicked));
    owner.drain("enough").await;
}

#[tokio::test]
async fn a_sub_task_that_panics_asks_its_blocking_run_to_stop() {
    let index = blocking("index", |cx: Context| {
        if cx.is_first() {
            cx.spawn(async { panic!("lost") });
        }
        cx.stopped_within(std::time::Duration::from_secs(600));
    });
    let owner = tree().child(index).start().expect("fine");
    let index = owner.handle().wait_until("index", |index| index.runs >= 2).await;
    assert_eq!(index.expect("it runs again").last.map(|last| last.cause), Some(Cause::Panicked));
    owner.drain("enough").await;
}

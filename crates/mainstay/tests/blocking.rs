//! Blocking children: threads of their own, that can be asked to end and not be made to.

mod common;

use common::{MS, SEC, calm, down, ready, ready_again, soon};
use mainstay::{Cause, Context, Ending, RunId, Standing, View, blocking, child, task, tree};
use std::future::pending;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A thread that ignores its stop until the returned sender is dropped, which a test must live to do.
fn stuck(name: &str) -> (mainstay::Child, Sender<()>) {
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let child = blocking(name, move |cx: Context| {
        if cx.is_first() {
            let released: &Receiver<()> = &released.lock().expect("no poison");
            assert!(released.recv().is_err());
        } else {
            assert!(cx.stopped_within(600 * SEC));
        }
    });
    (child, release)
}

#[tokio::test]
async fn a_run_has_a_thread_named_after_its_child() {
    let (say, said) = oneshot::channel();
    let say = Mutex::new(Some(say));
    let code = blocking("reader", move |cx: Context| {
        let name = std::thread::current().name().map(String::from);
        if let Some(say) = say.lock().expect("no poison").take() {
            assert!(say.send(name).is_ok());
        }
        assert!(cx.stopped_within(600 * SEC));
    });
    let below = mainstay::supervisor("below").child(code);
    let owner = tree().child(below).start().expect("it is fit");
    assert_eq!(soon(said).await, Ok(Some(String::from("below/reader"))));
    let report = soon(owner.drain("the test is over")).await;
    assert!(report.lines.iter().all(|line| !line.forced), "{report}");
}

#[tokio::test]
async fn a_thread_ends_in_every_way_a_task_can() {
    let code = |cx: Context| match cx.run().0 {
        1 => Err("it failed"),
        2 => panic!("it panicked"),
        _ => {
            assert!(cx.stopped_within(600 * SEC));
            Ok(())
        }
    };
    let owner = tree().child(blocking("it", code).holdoff(MS)).start().expect("it is fit");
    let handle = owner.handle();
    let recorder = handle.record(1_000);
    let view = ready_again(&handle, "it", 3).await;
    assert_eq!(view.last.expect("it has run").cause, Cause::Panicked);
    assert_eq!(&*view.panic.expect("a panic").message, "it panicked");
    soon(handle.by("test").restart("it", "again")).await.expect("it is restarted");
    let view = ready_again(&handle, "it", 4).await;
    assert_eq!(view.last.expect("it has run").cause, Cause::Stopped);
    assert_eq!(common::starts(&recorder.records(), "it"), 4 - recorded_before(&recorder));
    soon(owner.drain("the test is over")).await;
}

/// The first start may have come before the recorder.
fn recorded_before(recorder: &mainstay::Recorder) -> usize {
    usize::from(recorder.records().first().is_some_and(|record| record.seq > 3))
}

#[tokio::test]
async fn a_thread_wakes_at_once_when_its_stop_comes() {
    let (say, said) = oneshot::channel();
    let say = Mutex::new(Some(say));
    let code = move |cx: Context| {
        assert!(!cx.stopped_within(Duration::ZERO));
        assert!(!cx.stopped_within(MS));
        cx.ready();
        assert!(cx.stopped_within(Duration::MAX));
        assert!(cx.is_stopping() && cx.stopped_within(Duration::ZERO));
        let left = cx.deadline().expect("a bound").duration_since(tokio::time::Instant::now());
        if let Some(say) = say.lock().expect("no poison").take() {
            assert!(say.send(left).is_ok());
        }
    };
    let owner =
        tree().child(blocking("it", code).ready_within(60 * SEC).stop_within(30 * SEC)).start();
    let owner = owner.expect("it is fit");
    ready(&owner.handle(), "it").await;
    let report = soon(owner.drain("the test is over")).await;
    assert!(report.took < 10 * SEC, "{report}");
    assert!(said.await.expect("it says so") <= 30 * SEC);
}

// C114, oxios 14, oxios 15, obzenflow 17
#[test]
fn a_thread_that_ignores_its_stop_is_abandoned_and_holds_up_neither_drain_nor_runtime() {
    for is_multi in [false, true] {
        let runtime = if is_multi {
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
        } else {
            tokio::runtime::Builder::new_current_thread().enable_all().build()
        }
        .expect("a runtime");
        let (child, release) = stuck("stuck");
        let report = runtime.block_on(async {
            let owner = tree()
                .child(child.stop_within(200 * MS))
                .child(calm("calm"))
                .start()
                .expect("it is fit");
            soon(owner.ready()).await.expect("all become ready");
            soon(owner.drain("the test is over")).await
        });
        // It was named 200 ms after it was asked; what comes on top is the machine's.
        assert!(report.took >= 200 * MS && report.took < 10 * SEC, "{report}");
        let abandoned: Vec<_> = report.abandoned().map(|line| line.path.to_string()).collect();
        assert_eq!(abandoned, ["stuck"]);
        let line = report.abandoned().next().expect("a line");
        assert_eq!(line.run, Some(RunId(1)));
        let asked = line.asked_at.expect("it was asked");
        let bound = report.took + asked.since(mainstay::Moment::ZERO);
        assert!(bound >= 200 * MS);
        assert!(report.to_string().contains("stuck"), "{report}");
        let (gone, wait) = channel::<()>();
        let ends = std::thread::spawn(move || {
            drop(runtime);
            drop(gone);
        });
        assert_eq!(wait.recv_timeout(60 * SEC), Err(RecvTimeoutError::Disconnected));
        ends.join().expect("the runtime goes though the thread is still there");
        drop(release);
    }
}

// C114, C90: it occupies its child until it is gone.
#[tokio::test]
async fn an_abandoned_thread_gets_no_next_run_before_it_is_gone() {
    let (child, release) = stuck("stuck");
    let owner =
        tree().child(child.stop_within(10 * MS)).child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    soon(owner.ready()).await.expect("all become ready");
    soon(handle.by("test").restart("stuck", "it hangs")).await.expect("it is asked");
    let view = soon(handle.wait_for("stuck", Standing::Abandoned)).await.expect("it is abandoned");
    assert_eq!((view.run, view.runs), (Some(RunId(1)), 1));
    assert!(soon(handle.by("test").start("stuck", "again")).await.is_err());
    assert_eq!(ready(&handle, "calm").await.run, Some(RunId(1)));
    drop(release);
    ready_again(&handle, "stuck", 2).await;
    soon(owner.drain("the test is over")).await;
}

// C124
#[tokio::test]
async fn the_late_end_of_an_abandoned_thread_does_not_touch_its_successor() {
    let (child, release) = stuck("stuck");
    let owner = tree().child(child.stop_within(10 * MS)).start().expect("it is fit");
    let handle = owner.handle();
    soon(owner.ready()).await.expect("all become ready");
    let me = handle.by("test");
    soon(me.stop("stuck", "it hangs")).await.expect("it is asked");
    soon(handle.wait_for("stuck", Standing::Abandoned)).await.expect("it is abandoned");
    soon(me.start_over("stuck", "never mind the old one")).await.expect("it starts");
    ready_again(&handle, "stuck", 2).await;
    let mut events = handle.events();
    drop(release);
    let is_stale = |record: &mainstay::Record| {
        matches!(record.event, mainstay::Event::Stale { run: RunId(1), .. })
    };
    common::find(&mut events, is_stale).await;
    let view = handle.child("stuck").await.expect("it is there");
    assert_eq!((view.standing, view.run), (Standing::Ready, Some(RunId(2))));
    assert_eq!(handle.counts().stale, 1);
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.abandoned().count(), 0, "{report}");
}

#[tokio::test]
async fn a_thread_has_sub_tasks_that_end_with_it() {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let (say, said) = oneshot::channel();
    let say = Mutex::new(Some(say));
    let code = move |cx: Context| {
        let runtime = tokio::runtime::Handle::current();
        let held = Arc::clone(&held);
        let value = runtime.block_on(cx.spawn(async { 7 }));
        drop(cx.spawn(async move {
            let _held = held;
            pending::<()>().await;
        }));
        if let Some(say) = say.lock().expect("no poison").take() {
            assert!(say.send(value).is_ok());
        }
    };
    let owner = tree().child(blocking("it", code)).start().expect("it is fit");
    let handle = owner.handle();
    assert_eq!(soon(said).await, Ok(7));
    let view = down(&handle, "it").await;
    assert_eq!(view.last.expect("it has run").cause, Cause::Completed);
    // One in the test, one captured by the code.
    assert_eq!(Arc::strong_count(&alive), 2);
}

#[tokio::test]
async fn a_sub_task_that_panics_makes_its_thread_a_panicked_one() {
    let code = |cx: Context| {
        drop(cx.spawn(async { panic!("below") }));
        // It may be told only at the end: nothing can interrupt a thread.
        cx.stopped_within(50 * MS);
    };
    let owner = tree().child(blocking("it", code).once()).start().expect("it is fit");
    let view = down(&owner.handle(), "it").await;
    assert_eq!(view.last.expect("it has run").cause, Cause::Panicked);
    assert_eq!(&*view.panic.expect("a panic").message, "below");
}

#[tokio::test]
async fn a_thread_listens_for_long_without_leaving_anything_behind() {
    let code = child("it").state(Arc::new(())).blocking(|state, cx: Context| {
        for _ in 0..20_000 {
            assert!(!cx.stopped_within(Duration::ZERO));
        }
        // With one more waker for each look this would take minutes.
        drop(state);
    });
    let owner = tree().child(code).start().expect("it is fit");
    down(&owner.handle(), "it").await;
}

// C157
#[test]
fn a_thread_that_outlives_its_runtime_does_no_harm() {
    let (child, release) = stuck("stuck");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
    let owner = runtime.block_on(async {
        let owner = tree().child(child).start().expect("it is fit");
        soon(owner.ready()).await.expect("all become ready");
        owner
    });
    let began = Instant::now();
    drop(runtime);
    assert!(began.elapsed() < 60 * SEC);
    assert_eq!(owner.handle().report().expect("a report").ending, Ending::Cut);
    drop(release);
    drop(owner);
}

#[tokio::test]
async fn a_task_and_a_thread_may_take_each_others_place() {
    let thread = || {
        blocking("it", |cx: Context| {
            assert!(cx.stopped_within(600 * SEC));
        })
    };
    let other = || task("it", |cx: Context| async move { cx.stopped().await });
    let owner = tree().child(other()).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "it").await;
    for round in 2..6 {
        let next = if round % 2 == 0 { thread() } else { other() };
        soon(handle.by("test").replace("it", next, "another kind")).await.expect("it is replaced");
        let view = ready_again(&handle, "it", round).await;
        let last = view.last.expect("it has run");
        assert_eq!((last.cause, last.forced), (Cause::Stopped, false), "{round}");
    }
    let report = soon(owner.drain("the test is over")).await;
    assert!(report.lines.iter().all(|line| !line.forced), "{report}");
}

#[tokio::test]
async fn an_abandoned_run_that_was_gone_past_is_named_as_long_as_it_lives() {
    let (hold, held) = channel::<()>();
    let held = Mutex::new(Some(held));
    let stuck = blocking("stuck", move |cx: Context| {
        let held = held.lock().expect("no poison").take();
        match held {
            Some(held) => assert!(held.recv().is_err()),
            None => drop(cx.stopped_within(600 * SEC)),
        }
    });
    let owner = tree().child(stuck.stop_within(MS)).start().expect("it is fit");
    let handle = owner.handle();
    let operator = handle.by("alice");
    ready(&handle, "stuck").await;
    soon(operator.stop("stuck", "it hangs")).await.expect("it is asked");
    soon(handle.wait_for("stuck", Standing::Abandoned)).await.expect("it does not listen");
    soon(operator.start_over("stuck", "another try")).await.expect("a fresh run");
    let is_fresh = |view: &View| (view.run, view.standing) == (Some(RunId(2)), Standing::Ready);
    soon(handle.wait_until("stuck", is_fresh)).await.expect("it runs");
    assert_eq!(handle.health().overall, mainstay::Overall::Degraded);
    let report = soon(owner.drain("enough")).await;
    let abandoned: Vec<_> = report.abandoned().map(|line| (line.path.as_str(), line.run)).collect();
    assert_eq!(abandoned, [("stuck", Some(RunId(1)))]);
    drop(hold);
}

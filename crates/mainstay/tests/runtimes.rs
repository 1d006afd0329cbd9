//! The same tree on every kind of runtime, and on those that lack something.

mod common;

use common::{MS, SEC, calm, down, lives, ready_again, soon};
use mainstay::{
    Cause, Context, Ending, RunId, Shape, StartError, blocking, pool, supervisor, task, tree,
};
use std::future::pending;
use tokio::runtime::{Builder, Runtime};

fn runtimes() -> Vec<(usize, Runtime)> {
    let mut all = vec![(0, Builder::new_current_thread().enable_all().build().expect("a runtime"))];
    for workers in [1, 2, 4, 8] {
        let runtime = Builder::new_multi_thread().worker_threads(workers).enable_all().build();
        all.push((workers, runtime.expect("a runtime")));
    }
    all
}

/// Fails in its first runs, then lives.
async fn shaky(cx: Context) -> Result<(), &'static str> {
    if cx.run() < RunId(4) { Err("at first") } else { lives(&cx).await }
}

async fn smoke() {
    let group = supervisor("group")
        .one_for_all()
        .child(task("a", shaky).backoff(Shape::None))
        .child(calm("b"))
        .child(task("deaf", |_| pending::<()>()));
    let mut jobs =
        pool(
            "jobs",
            async |number: u32, cx: Context| {
                if number.is_multiple_of(2) { lives(&cx).await } else { Err("odd") }
            },
        )
        .each(|child| child.once());
    let reference = jobs.reference();
    let owner = tree()
        .child(task("shaky", shaky).backoff(Shape::None))
        .child(blocking("thread", |cx: Context| {
            assert!(cx.stopped_within(600 * SEC));
        }))
        .child(group)
        .child(jobs)
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    soon(owner.ready()).await.expect("all become ready");
    ready_again(&handle, "shaky", 4).await;
    for name in ["a", "b", "deaf"] {
        ready_again(&handle, &format!("group/{name}"), 4).await;
    }
    let me = handle.by("test");
    for number in 0..10 {
        soon(me.add_to(&reference, format!("{number}"), number, "work"))
            .await
            .expect("it is added");
    }
    soon(me.restart("thread", "again")).await.expect("it is restarted");
    ready_again(&handle, "thread", 2).await;
    soon(me.restart("group", "again")).await.expect("it is restarted");
    for name in ["a", "b", "deaf"] {
        ready_again(&handle, &format!("group/{name}"), 5).await;
    }
    while handle.counts().exits.get("failed") < Some(&11) {
        tokio::task::yield_now().await;
    }
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!((report.ending.clone(), report.abandoned().count()), (Ending::Asked, 0), "{report}");
    let is_by_force =
        |line: &&mainstay::ReportLine| line.forced && line.path.as_str() != "group/deaf";
    assert_eq!(report.lines.iter().filter(is_by_force).count(), 0, "{report}");
    assert!(report.took < 10 * SEC, "{report}");
}

#[test]
fn a_tree_does_the_same_on_every_runtime() {
    for (workers, runtime) in runtimes() {
        for _ in 0..5 {
            runtime.block_on(smoke());
        }
        let metrics = runtime.handle().metrics();
        let is_clean = async {
            while metrics.num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        };
        runtime.block_on(soon(is_clean));
        drop((workers, runtime));
    }
}

// C119, tokio 1: restarts by group on several threads, each heard by every run of the group.
#[test]
fn a_group_that_restarts_often_on_several_threads_can_always_be_ended() {
    for (_, runtime) in runtimes() {
        runtime.block_on(async {
            let group = supervisor("group")
                .one_for_all()
                .replicas(8, &task("deaf", |_| pending::<()>()))
                .replicas(8, &calm("calm"));
            let owner = tree().child(group).start().expect("it is fit");
            let handle = owner.handle();
            for round in 1..=100 {
                for name in ["deaf-8", "calm-8", "deaf-1"] {
                    ready_again(&handle, &format!("group/{name}"), round).await;
                }
                soon(handle.by("test").restart("group", "again")).await.expect("it is restarted");
            }
            let report = soon(owner.drain("the test is over")).await;
            let is_late =
                |line: &&mainstay::ReportLine| line.forced && line.path.as_str().contains("calm");
            assert_eq!(report.lines.iter().filter(is_late).count(), 0, "{report}");
            assert!(report.took < 5 * SEC, "{report}");
        });
    }
}

#[test]
fn a_tree_outside_of_a_runtime_is_refused() {
    assert_eq!(tree().child(calm("calm")).start().err(), Some(StartError::NoRuntime));
}

#[test]
fn a_tree_on_a_runtime_without_timers_is_refused() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let error = runtime.block_on(async { tree().child(calm("calm")).start().err() });
    assert_eq!(error, Some(StartError::NoTimer));
}

// oxios 1: without a signal driver none is heard, and that is all.
#[test]
fn a_tree_on_a_runtime_without_io_hears_no_signals_and_runs() {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let report = runtime.block_on(async {
        let ends = task("ends", |_| async { tokio::time::sleep(MS).await });
        soon(tree().child(ends.critical()).run()).await.expect("it is fit")
    });
    assert!(matches!(report.ending, Ending::Fatal { cause: Cause::Completed, .. }), "{report}");
}

// A tree may be driven for a moment, left alone, and driven again.
#[test]
fn a_runtime_that_is_driven_now_and_then_goes_on_where_it_was() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let owner = runtime.block_on(async { tree().child(calm("calm")).start().expect("it is fit") });
    for run in 1..10 {
        runtime.block_on(async {
            let handle = owner.handle();
            ready_again(&handle, "calm", run).await;
            soon(handle.by("test").restart("calm", "again")).await.expect("it is restarted");
        });
    }
    runtime.block_on(async {
        soon(owner.handle().by("test").stop("calm", "enough")).await.expect("it is stopped");
        down(&owner.handle(), "calm").await;
        soon(owner.drain("the test is over")).await;
    });
}

#[test]
fn a_run_that_blocks_its_thread_keeps_nobody_waiting_where_there_is_another_worker() {
    for (workers, yields) in [(2, false), (2, true), (4, false), (4, true), (8, true)] {
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()
            .expect("a runtime");
        let calm = task("calm", |cx: Context| async move { cx.stopped().await });
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(Some(held));
        let stuck = task("stuck", move |cx: Context| {
            let held = held.lock().expect("no poison").take();
            async move {
                if let Some(held) = held {
                    // Each of these is for the loop; then the thread is kept without an await.
                    if yields {
                        tokio::task::yield_now().await;
                    }
                    cx.ready();
                    cx.beat();
                    assert!(held.recv().is_err());
                }
                cx.stopped().await;
            }
        });
        runtime.block_on(async {
            let owner = tree().child(calm).child(stuck).start().expect("it is fit");
            let handle = owner.handle();
            // Answers come, and commands are carried out, while the thread is still held.
            soon(handle.wait_for("calm", mainstay::Standing::Ready)).await.expect("it comes up");
            soon(handle.by("test").restart("calm", "to see")).await.expect("it is heard");
            let restarted = handle.wait_until("calm", |view| view.runs == 2);
            soon(restarted).await.expect("it runs again");
            drop(hold);
            soon(owner.drain("the test is over")).await;
        });
    }
}

#[test]
fn a_slow_hook_keeps_neither_the_drain_nor_the_end_of_the_runtime_waiting() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let (held, calls) = (std::sync::Mutex::new(held), std::sync::atomic::AtomicU32::new(0));
    runtime.block_on(async {
        // The third call takes as long as it is let; many more events wait behind it.
        let owner = tree()
            .replicas(50, &calm("calm"))
            .on_event(move |_| {
                if calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 2 {
                    let waited = held.lock().expect("no poison").recv_timeout(2 * SEC);
                    assert!(waited.is_err());
                }
            })
            .start()
            .expect("it is fit");
        soon(owner.ready()).await.expect("it comes up");
        soon(owner.drain("the test is over")).await;
    });
    // The runtime waits for the call that is under way, and for none of those behind it.
    drop(runtime);
    drop(hold);
}

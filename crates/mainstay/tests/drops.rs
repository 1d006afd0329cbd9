//! What belongs to a child is let go of with the child, and all of it with its tree.

mod common;

use common::{MS, SEC, calm, captured, down, lives, ready, soon};
use mainstay::{Context, Handle, RunId, Shape, Standing, blocking, child, pool, task, tree};
use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

type Held = Arc<oneshot::Sender<()>>;

/// Code that captures something and behaves as it says.
fn holding(
    held: Held,
    ends: bool,
) -> impl Fn(Context) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    move |cx| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            if !ends {
                cx.stopped().await;
            }
            drop(held);
        })
    }
}

/// Waits until nothing of a tree is left in the runtime.
async fn nothing_is_left(handle: &Handle) {
    soon(handle.ended()).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    for _ in 0..10_000 {
        if metrics.num_alive_tasks() == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} tasks are left", metrics.num_alive_tasks());
}

// C29, C170
#[tokio::test(start_paused = true)]
async fn code_and_arguments_are_let_go_of_when_a_child_is_forgotten() {
    let mut jobs = pool("jobs", async |job: Held, cx: Context| {
        // Only the child holds them from here on.
        drop(job);
        if cx.run() == RunId(1) { Ok(()) } else { Err("never") }
    })
    .each(|child| child.once());
    let reference = jobs.reference();
    let owner = tree().child(jobs).child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    let (held, gone) = captured();
    let weak = Arc::downgrade(&held);
    soon(handle.by("test").add_to(&reference, "first", held, "work")).await.expect("it is added");
    soon(gone).await;
    assert!(weak.upgrade().is_none());
    // It has left the pool, and its name is free.
    while handle.child("jobs/first").await.is_ok() {
        tokio::task::yield_now().await;
    }
    let (held, gone) = captured();
    soon(handle.by("test").add_to(&reference, "first", held, "work")).await.expect("it is added");
    soon(gone).await;
}

// C29
#[tokio::test(start_paused = true)]
async fn a_removed_child_lets_go_of_its_code_in_whatever_state_it_was() {
    let owner = tree().child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    let me = handle.by("test");
    for state in ["live", "done", "waiting", "stopped"] {
        let (held, gone) = captured();
        let child = match state {
            "waiting" => task("it", move |_| {
                let _held = Arc::clone(&held);
                async { Err::<(), _>("again") }
            })
            .backoff(Shape::Fixed(100 * SEC)),
            _ => task("it", holding(held, state == "done")),
        };
        soon(me.add("", child, "to see")).await.expect("it is added");
        match state {
            "done" => drop(down(&handle, "it").await),
            "waiting" => {
                drop(soon(handle.wait_for("it", Standing::Waiting)).await.expect("it waits"));
            }
            _ => drop(ready(&handle, "it").await),
        }
        if state == "stopped" {
            soon(me.stop("it", "to see")).await.expect("it is stopped");
            down(&handle, "it").await;
        }
        soon(me.remove("it", "enough")).await.expect("it is removed");
        soon(gone).await;
    }
    assert_eq!(ready(&handle, "calm").await.run, Some(RunId(1)));
}

// C29
#[tokio::test]
async fn a_removed_thread_lets_go_of_its_code() {
    let (held, gone) = captured();
    let held = Mutex::new(held);
    let child = blocking("it", move |cx| {
        let _held = held.lock();
        assert!(cx.stopped_within(600 * SEC));
    });
    let owner = tree().child(child).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "it").await;
    soon(handle.by("test").remove("it", "enough")).await.expect("it is removed");
    soon(gone).await;
}

// C74: with the new code the old one has no use any more.
#[tokio::test(start_paused = true)]
async fn replaced_code_is_let_go_of() {
    let (held, gone) = captured();
    let owner = tree().start().expect("it is fit");
    let handle = owner.handle();
    let child = task("it", holding(held, false));
    soon(handle.by("test").add("", child, "a first try")).await.expect("it is added");
    ready(&handle, "it").await;
    soon(handle.by("test").replace("it", calm("it"), "better")).await.expect("it is replaced");
    soon(gone).await;
    common::ready_again(&handle, "it", 2).await;
}

// C29: also of a child that was about to be started again.
#[tokio::test(start_paused = true)]
async fn a_tree_that_has_ended_leaves_nothing_in_the_runtime() {
    let captures: Vec<_> = (0..5).map(|_| captured()).collect();
    let (mut held, gone): (Vec<_>, Vec<_>) = captures.into_iter().unzip();
    let mut next = move || held.pop().expect("enough of them");
    let fails = |held: Held| {
        move |_: Context| {
            let _held = Arc::clone(&held);
            async { Err::<(), _>("again") }
        }
    };
    let never = {
        let held = next();
        move |_: Context| {
            let held = Arc::clone(&held);
            async move {
                let _held = held;
                pending::<()>().await;
            }
        }
    };
    let owner = tree()
        .child(task("live", holding(next(), false)))
        .child(task("done", holding(next(), true)))
        .child(task("waiting", fails(next())).backoff(Shape::Fixed(1_000 * SEC)))
        .child(task("deaf", never))
        .child(task("never", holding(next(), false)).needs(mainstay::need("live").completed()))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "live").await;
    soon(handle.wait_for("waiting", Standing::Waiting)).await.expect("it waits");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.code(), 0);
    for gone in gone {
        soon(gone).await;
    }
    nothing_is_left(&handle).await;
}

// C71, C156
#[tokio::test(start_paused = true)]
async fn a_tree_whose_children_all_wait_for_a_restart_leaves_nothing_either() {
    for stopped_first in [false, true] {
        let (held, gone) = captured();
        let code = move |_: Context| {
            let _held = Arc::clone(&held);
            async { Err::<(), _>("again") }
        };
        let owner = tree()
            .replicas(10, &task("it", code).backoff(Shape::Fixed(1_000 * SEC)))
            .start()
            .expect("it is fit");
        let handle = owner.handle();
        for number in 1..=10 {
            let path = format!("it-{number}");
            soon(handle.wait_for(&path, Standing::Waiting)).await.expect("it waits");
            if stopped_first {
                soon(handle.by("test").stop(&path, "enough")).await.expect("it is stopped");
            }
        }
        drop(owner);
        soon(gone).await;
        nothing_is_left(&handle).await;
    }
}

// C157
#[test]
fn a_runtime_that_ends_under_a_tree_lets_go_of_everything() {
    for workers in [0, 2] {
        let runtime = match workers {
            0 => tokio::runtime::Builder::new_current_thread().enable_all().build(),
            _ => tokio::runtime::Builder::new_multi_thread()
                .worker_threads(workers)
                .enable_all()
                .build(),
        }
        .expect("a runtime");
        let (held, gone) = captured();
        let (of_thread, thread_gone) = captured();
        let of_thread = Mutex::new(of_thread);
        let (owner, handle) = runtime.block_on(async {
            let owner = tree()
                .child(task("it", holding(held, false)))
                .child(blocking("thread", move |cx| {
                    let _held = of_thread.lock();
                    // It hears that its run is over when the tree is.
                    cx.stopped_within(60 * SEC);
                }))
                .start()
                .expect("it is fit");
            let handle = owner.handle();
            soon(owner.ready()).await.expect("all become ready");
            (owner, handle)
        });
        runtime.shutdown_timeout(60 * SEC);
        assert!(!handle.is_alive());
        assert_eq!(handle.report().expect("a report").ending, mainstay::Ending::Cut);
        drop((owner, handle));
        let other =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
        other.block_on(async {
            soon(gone).await;
            soon(thread_gone).await;
        });
    }
}

// C146, obzenflow 24
#[tokio::test(start_paused = true)]
async fn a_destructor_that_takes_its_time_holds_up_its_own_child_alone() {
    // Cut at its await point, the run is over only when what it held is gone.
    let (held, gone) = captured();
    let slow = move |cx: Context| {
        let held = Arc::clone(&held);
        async move {
            drop(cx.shield(async move {
                tokio::time::sleep(300 * MS).await;
                drop(held);
            }));
            pending::<()>().await;
        }
    };
    let owner = tree().child(task("slow", slow).abort_at_once()).child(calm("calm")).start();
    let owner = owner.expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "slow").await;
    soon(handle.by("test").remove("slow", "enough")).await.expect("it is removed");
    soon(handle.by("test").restart("calm", "to see")).await.expect("commands work");
    common::ready_again(&handle, "calm", 2).await;
    soon(gone).await;
}

// C119
#[tokio::test(start_paused = true)]
async fn state_is_cloned_for_each_run_and_the_clones_end_with_their_runs() {
    let (held, gone) = captured();
    let weak = Arc::downgrade(&held);
    let code = child("it").state(held).task(async |held: Held, cx: Context| {
        if cx.run() < RunId(5) {
            Err("again")
        } else {
            let result = lives(&cx).await;
            drop(held);
            result
        }
    });
    let owner = tree().child(code).start().expect("it is fit");
    let handle = owner.handle();
    common::ready_again(&handle, "it", 5).await;
    // The declared one, and that of the live run.
    assert_eq!(weak.strong_count(), 2);
    soon(handle.by("test").remove("it", "enough")).await.expect("it is removed");
    soon(gone).await;
}

/// Panics when it is woken.
struct HostileWaker;

impl std::task::Wake for HostileWaker {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

/// Polls a future once with a waker that panics, and keeps it.
fn poll_hostile<F: Future>(future: F) -> std::pin::Pin<Box<F>> {
    let waker = std::task::Waker::from(Arc::new(HostileWaker));
    let mut future = Box::pin(future);
    let pending = future.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending();
    assert!(pending, "it has to wait");
    future
}

#[tokio::test]
async fn a_waker_that_panics_keeps_nobody_else_from_the_end() {
    let owner = tree().child(task("a", |_| pending::<()>())).start().expect("fine");
    let handle = owner.handle();
    let mut events = handle.events();
    let waiting = handle.clone();
    let hostile = poll_hostile(waiting.ended());
    owner.drain("enough").await;
    while events.next().await.is_some() {}
    assert!(handle.report().is_some());
    drop(hostile);
}

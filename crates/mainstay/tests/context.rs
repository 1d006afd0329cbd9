//! What a run is told and can say about itself, and that nothing of a run outlives it.

mod common;

use common::{MS, SEC, calm, captured, down, find, lives, ready, ready_again, soon, starts};
use mainstay::{Cause, Context, Event, RunId, Standing, blocking, task, tree};
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

fn cause(view: &mainstay::View) -> Cause {
    view.last.as_ref().expect("it has run").cause
}

#[tokio::test(start_paused = true)]
async fn a_run_knows_who_it_is_and_how_the_one_before_ended() {
    let (say, mut said) = mpsc::unbounded_channel();
    let code = move |cx: Context| {
        let say = say.clone();
        async move {
            let last = cx.last_exit().map(|last| (last.run, last.cause));
            drop(say.send((cx.path().to_string(), cx.run(), cx.is_first(), last)));
            if cx.run() == RunId(1) {
                return Err("once");
            }
            cx.stopped().await;
            Ok(())
        }
    };
    let below = mainstay::supervisor("below").child(task("who", code));
    let owner = tree().child(below).start().expect("it is fit");
    let path = String::from("below/who");
    assert_eq!(soon(said.recv()).await, Some((path.clone(), RunId(1), true, None)));
    let (second, run, is_first, last) = soon(said.recv()).await.expect("a second run");
    assert_eq!((second, run, is_first), (path, RunId(2), false));
    let (of, cause) = last.expect("it knows of the first");
    assert_eq!(of, RunId(1));
    assert!(matches!(cause, Cause::Failed { .. }), "{cause}");
    // A stop by hand is no end of the first kind either: the next run is not the first.
    let handle = owner.handle();
    soon(handle.by("test").restart("below/who", "again")).await.expect("it is restarted");
    let (_, run, is_first, last) = soon(said.recv()).await.expect("a third run");
    assert_eq!((run, is_first), (RunId(3), false));
    assert_eq!(last, Some((RunId(2), Cause::Stopped)));
}

#[tokio::test(start_paused = true)]
async fn a_stop_reaches_whoever_listens_wherever_it_listens() {
    let (say, mut said) = mpsc::unbounded_channel();
    let code = move |cx: Context| {
        let say = say.clone();
        async move {
            let (token, elsewhere, in_sub) = (cx.token(), cx.clone(), cx.clone());
            let (to_token, to_elsewhere, to_sub) = (say.clone(), say.clone(), say.clone());
            assert!(cx.deadline().is_none() && !cx.is_stopping());
            let _by_token = cx.spawn(async move {
                token.cancelled().await;
                let _ = to_token.send("token");
                pending::<()>().await;
            });
            let _by_clone = cx.spawn(async move {
                elsewhere.stopped().await;
                let _ = to_elsewhere.send("clone");
                pending::<()>().await;
            });
            let _by_child_token = cx.spawn(async move {
                in_sub.token().child_token().cancelled().await;
                let _ = to_sub.send("child token");
                pending::<()>().await;
            });
            cx.stopped().await;
            // It stays so.
            cx.stopped().await;
            assert!(cx.is_stopping() && cx.token().is_cancelled());
            let left = cx.deadline().expect("a bound").duration_since(Instant::now());
            assert_eq!(left, 3 * SEC);
            // A moment, in which the others hear of it too.
            tokio::time::sleep(MS).await;
            let _ = say.send("stopped");
        }
    };
    let owner =
        tree().child(task("listens", code).stop_within(3 * SEC)).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "listens").await;
    tokio::task::yield_now().await;
    soon(handle.by("test").stop("listens", "enough")).await.expect("it is stopped");
    let view = down(&handle, "listens").await;
    assert_eq!(cause(&view), Cause::Stopped);
    assert!(!view.last.expect("it has run").forced);
    let mut heard = Vec::new();
    while let Ok(who) = said.try_recv() {
        heard.push(who);
    }
    heard.sort_unstable();
    assert_eq!(heard, ["child token", "clone", "stopped", "token"]);
}

/// Counts those who hold it.
struct Quiet;

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn who_no_longer_waits_for_a_stop_leaves_nothing_behind() {
    let (say, said) = oneshot::channel();
    let say = Mutex::new(Some(say));
    let code = move |cx: Context| {
        let say = say.lock().expect("no poison").take();
        async move {
            let quiet = Arc::new(Quiet);
            for _ in 0..1_000 {
                let waker = Waker::from(Arc::new(Quiet));
                let held = Waker::from(Arc::clone(&quiet));
                let mut stopped = std::pin::pin!(cx.stopped());
                let mut reload = std::pin::pin!(cx.reload());
                for waker in [&waker, &held] {
                    let mut task = std::task::Context::from_waker(waker);
                    assert!(stopped.as_mut().poll(&mut task).is_pending());
                    assert!(reload.as_mut().poll(&mut task).is_pending());
                }
            }
            if let Some(say) = say {
                let _ = say.send(Arc::strong_count(&quiet));
            }
            cx.stopped().await;
        }
    };
    let owner = tree().child(task("polls", code)).start().expect("it is fit");
    assert_eq!(soon(said).await, Ok(1));
    drop(soon(owner.drain("the test is over")).await);
}

// oxios 6, C152, obzenflow 6
#[tokio::test(start_paused = true)]
async fn a_sub_task_is_gone_before_the_next_run_starts() {
    let alive = Arc::new(AtomicU32::new(0));
    let most = Arc::new(AtomicU32::new(0));
    struct Alive(Arc<AtomicU32>);
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let (of_alive, of_most) = (Arc::clone(&alive), Arc::clone(&most));
    let code = move |cx: Context| {
        let (alive, most) = (Arc::clone(&of_alive), Arc::clone(&of_most));
        async move {
            assert_eq!(alive.load(Ordering::SeqCst), 0, "nothing of the run before is left");
            for _ in 0..10 {
                let now = alive.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                let held = Alive(Arc::clone(&alive));
                drop(cx.spawn(async move {
                    let _held = held;
                    pending::<()>().await;
                }));
            }
            tokio::task::yield_now().await;
            match cx.run().0 {
                1 => {}
                2 => panic!("with sub-tasks"),
                3 => return Err("with sub-tasks"),
                _ => cx.stopped().await,
            }
            Ok(())
        }
    };
    let owner = tree().child(task("many", code).always()).start().expect("it is fit");
    let handle = owner.handle();
    let view = ready_again(&handle, "many", 4).await;
    assert!(matches!(cause(&view), Cause::Failed { .. }), "{}", cause(&view));
    assert_eq!(handle.counts().exits.get("panicked"), Some(&1), "only the one that was meant to");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.code(), 0);
    assert_eq!((alive.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (0, 10));
}

// C110
#[tokio::test(start_paused = true)]
async fn a_sub_task_begun_while_stopping_hears_it_at_once_and_is_awaited() {
    let (say, mut said) = mpsc::unbounded_channel();
    let code = move |cx: Context| {
        let say = say.clone();
        async move {
            cx.stopped().await;
            let in_sub = cx.clone();
            let to_sub = say.clone();
            cx.spawn(async move {
                in_sub.stopped().await;
                let _ = to_sub.send("heard");
            })
            .await;
            let _ = say.send("done");
        }
    };
    let owner = tree().child(task("late", code)).start().expect("it is fit");
    ready(&owner.handle(), "late").await;
    let report = soon(owner.drain("the test is over")).await;
    assert!(report.lines.iter().all(|line| !line.forced), "{report}");
    assert_eq!((said.recv().await, said.recv().await), (Some("heard"), Some("done")));
}

#[tokio::test(start_paused = true)]
async fn a_sub_task_returns_its_value_and_can_be_cut() {
    let (say, said) = oneshot::channel();
    let say = Mutex::new(Some(say));
    let (held, gone) = captured();
    let held = Mutex::new(Some(held));
    let code = move |cx: Context| {
        let (say, held) =
            (say.lock().expect("no poison").take(), held.lock().expect("no poison").take());
        async move {
            let value = cx.spawn(async { 7 }).await;
            let endless = cx.spawn(async move {
                let _held = held;
                pending::<()>().await;
            });
            tokio::task::yield_now().await;
            endless.abort();
            let _ = say.expect("the first run").send(value);
            cx.stopped().await;
        }
    };
    let owner = tree().child(task("sums", code)).start().expect("it is fit");
    assert_eq!(soon(said).await, Ok(7));
    soon(gone).await;
    ready(&owner.handle(), "sums").await;
}

#[tokio::test(start_paused = true)]
async fn a_shielded_section_is_not_cut_by_force_nor_by_dropping_its_future() {
    let is_done = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&is_done);
    let code = move |cx: Context| {
        let done = Arc::clone(&done);
        async move {
            drop(cx.shield(async move {
                tokio::time::sleep(2 * SEC).await;
                done.store(true, Ordering::SeqCst);
            }));
            pending::<()>().await;
        }
    };
    let child = task("writes", code).stop_within(100 * MS).kill_wait(5 * SEC);
    let owner = tree().child(child).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "writes").await;
    let began = Instant::now();
    soon(handle.by("test").stop("writes", "enough")).await.expect("it is stopped");
    let view = down(&handle, "writes").await;
    assert!(is_done.load(Ordering::SeqCst), "the section came to its own end");
    assert!(began.elapsed() <= 2 * SEC + 10 * MS, "{:?}", began.elapsed());
    let last = view.last.expect("it has run");
    assert_eq!((last.cause, last.forced), (Cause::Stopped, true));
}

#[tokio::test(start_paused = true)]
async fn a_shielded_section_that_outlives_force_is_abandoned_by_name() {
    let (release, released) = oneshot::channel::<()>();
    let released = Mutex::new(Some(released));
    let code = move |cx: Context| {
        let released = released.lock().expect("no poison").take();
        async move {
            if let Some(released) = released {
                let _section = cx.shield(async move { drop(released.await) });
                cx.stopped().await;
            }
            cx.stopped().await;
        }
    };
    let child = task("writes", code).stop_within(100 * MS).kill_wait(200 * MS);
    let owner = tree().child(child).child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "writes").await;
    soon(handle.by("test").stop("writes", "enough")).await.expect("it is stopped");
    let view = soon(handle.wait_for("writes", Standing::Abandoned)).await.expect("it is abandoned");
    assert_eq!(view.run, Some(RunId(1)));
    // It occupies its child: no second run beside it.
    let refused = soon(handle.by("test").start("writes", "again")).await;
    assert!(refused.is_err(), "{refused:?}");
    let _ = release.send(());
    down(&handle, "writes").await;
    soon(handle.by("test").start("writes", "again")).await.expect("it is free now");
    ready_again(&handle, "writes", 2).await;
    assert_eq!(handle.counts().abandoned, 1);
}

// C12
#[tokio::test(start_paused = true)]
async fn a_dependent_starts_when_its_need_says_that_it_is_ready() {
    let first = task("first", |cx| async move {
        tokio::time::sleep(300 * MS).await;
        cx.ready();
        cx.stopped().await;
    })
    .ready_within(SEC);
    let owner =
        tree().child(first).child(calm("second").needs("first")).start().expect("it is fit");
    let recorder = owner.handle().record(100);
    let began = Instant::now();
    soon(owner.ready()).await.expect("all become ready");
    assert_eq!(began.elapsed(), 300 * MS);
    let records = recorder.records();
    let start = records
        .iter()
        .find(|record| {
            record.path.as_str() == "second" && matches!(record.event, Event::Starting { .. })
        })
        .expect("it starts");
    assert_eq!(start.at.since(mainstay::Moment::ZERO), 300 * MS);
}

// oxios 4, tokio 4
#[tokio::test(start_paused = true)]
async fn a_run_that_never_says_ready_is_ended_and_blocks_nobody() {
    let mute = task("mute", |cx| async move { cx.stopped().await })
        .ready_within(500 * MS)
        .once()
        .optional();
    let owner = tree().child(mute).child(calm("calm")).child(calm("waits").needs("mute")).start();
    let owner = owner.expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "calm").await;
    let view = down(&handle, "mute").await;
    assert_eq!(cause(&view), Cause::ReadyTimeout);
    let view = handle.child("waits").await.expect("it is there");
    assert_eq!((view.standing, view.runs), (Standing::Blocked, 0));
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.took, std::time::Duration::ZERO);
}

// oxios 5
#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_stops_is_noticed_when_it_is_due() {
    let code = |cx: Context| async move {
        if cx.run() == RunId(1) {
            for _ in 0..5 {
                cx.beat();
                tokio::time::sleep(SEC).await;
            }
            // Other news are no heartbeat and postpone nothing.
            loop {
                cx.progress();
                tokio::time::sleep(100 * MS).await;
            }
        }
        loop {
            cx.beat();
            tokio::time::sleep(SEC).await;
        }
    };
    let owner = tree().child(task("beats", code).heartbeat(SEC, 3)).start().expect("it is fit");
    let handle = owner.handle();
    let mut events = handle.events_from(1);
    let lost = find(&mut events, |record| matches!(record.event, Event::Stopping { .. })).await;
    assert_eq!(lost.at.since(mainstay::Moment::ZERO), 7 * SEC, "3 s after the beat at 4 s");
    let view = ready_again(&handle, "beats", 2).await;
    assert_eq!(cause(&view), Cause::HeartbeatLost);
    tokio::time::sleep(100 * SEC).await;
    assert_eq!(handle.child("beats").await.expect("it is there").run, Some(RunId(2)));
}

#[tokio::test(start_paused = true)]
async fn progress_is_judged_only_while_work_is_pending() {
    let code = |cx: Context| async move {
        // Idle for long: healthy.
        tokio::time::sleep(1_000 * SEC).await;
        let work = cx.pending();
        for _ in 0..20 {
            // Slow: healthy.
            tokio::time::sleep(50 * SEC).await;
            cx.progress();
        }
        drop(work);
        tokio::time::sleep(1_000 * SEC).await;
        let _stuck = cx.pending();
        pending::<()>().await;
    };
    let owner =
        tree().child(task("works", code).progress_within(60 * SEC)).start().expect("it is fit");
    let handle = owner.handle();
    let mut events = handle.events_from(1);
    let lost = loop {
        match events.next().await.expect("there is more to come") {
            mainstay::Item::Record(record) if matches!(record.event, Event::Exited { .. }) => {
                break record;
            }
            mainstay::Item::Record(_) | mainstay::Item::Lagged(_) => {}
        }
    };
    assert!(matches!(lost.event, Event::Exited { cause: Cause::NoProgress, .. }), "{lost:?}");
    let at = lost.at.since(mainstay::Moment::ZERO);
    assert!(at >= 3_060 * SEC && at < 3_071 * SEC, "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_asks_for_more_time_gets_it() {
    let slow = task("slow", |cx| async move {
        tokio::time::sleep(800 * MS).await;
        cx.extend(2 * SEC);
        tokio::time::sleep(1_500 * MS).await;
        cx.ready();
        cx.stopped().await;
        cx.extend(5 * SEC);
        tokio::time::sleep(4 * SEC).await;
    });
    let child = slow.ready_within(SEC).stop_within(SEC);
    let owner = tree().child(child).start().expect("it is fit");
    let handle = owner.handle();
    let view = ready(&handle, "slow").await;
    assert_eq!(view.run, Some(RunId(1)));
    let began = Instant::now();
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(began.elapsed(), 4 * SEC);
    assert!(!report.lines[0].forced, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_wants_to_be_recycled_is_replaced_without_any_charge() {
    let code = |cx: Context| async move {
        if cx.run() < RunId(40) {
            cx.recycle();
        }
        cx.stopped().await;
    };
    let owner = tree().child(task("fresh", code)).start().expect("it is fit");
    let handle = owner.handle();
    // More often than any limit allows restarts.
    let view = ready_again(&handle, "fresh", 40).await;
    assert_eq!(cause(&view), Cause::Recycled);
    assert_eq!(handle.counts().exits.get("recycled"), Some(&39));
    assert_eq!(handle.counts().gave_up, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reload_reaches_the_live_run_and_its_answer_is_told() {
    let (say, mut said) = mpsc::unbounded_channel();
    let code = move |cx: Context| {
        let say = say.clone();
        async move {
            tokio::time::sleep(SEC).await;
            loop {
                tokio::select! {
                    () = cx.stopped() => return,
                    () = cx.reload() => {
                        let _ = say.send(cx.run());
                        cx.reloaded();
                    }
                }
            }
        }
    };
    let owner = tree().child(task("reads", code)).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "reads").await;
    // One that comes before the run waits for it counts as well.
    soon(handle.by("test").reload("reads", "new settings")).await.expect("it is told");
    assert_eq!(soon(said.recv()).await, Some(RunId(1)));
    soon(handle.by("test").reload("reads", "newer settings")).await.expect("it is told");
    assert_eq!(soon(said.recv()).await, Some(RunId(1)));
    let mut events = handle.events_from(1);
    find(&mut events, |record| matches!(record.event, Event::Reloaded { done: true, .. })).await;
    assert_eq!(handle.child("reads").await.expect("it is there").runs, 1);
}

#[tokio::test]
async fn a_reload_reaches_a_thread_that_waits_for_it_on_its_runtime() {
    let (say, mut said) = mpsc::unbounded_channel();
    let code = move |cx: Context| {
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(cx.reload());
        cx.reloaded();
        let _ = say.send(());
        assert!(cx.stopped_within(600 * SEC));
    };
    let owner = tree().child(blocking("reads", code)).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "reads").await;
    soon(handle.by("test").reload("reads", "new settings")).await.expect("it is told");
    soon(said.recv()).await.expect("it heard");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.code(), 0);
}

// C124
#[tokio::test(start_paused = true)]
async fn a_context_of_an_earlier_run_says_nothing_and_is_told_to_stop() {
    let (give, mut given) = mpsc::unbounded_channel();
    let code = move |cx: Context| {
        let give = give.clone();
        async move {
            let _ = give.send(cx.clone());
            if cx.run() == RunId(1) {
                return Err("at first");
            }
            cx.stopped().await;
            Ok(())
        }
    };
    let child = task("two", code).heartbeat(10 * SEC, 3).ready_within(60 * SEC);
    let owner = tree().child(child).start().expect("it is fit");
    let handle = owner.handle();
    let old = soon(given.recv()).await.expect("the first run");
    let new = soon(given.recv()).await.expect("the second run");
    assert!(old.is_stopping() && !new.is_stopping());
    soon(old.stopped()).await;
    assert!(old.token().is_cancelled() && !new.token().is_cancelled());
    assert_eq!((old.deadline(), old.last_exit().map(|last| last.run)), (None, None));
    old.ready();
    old.beat();
    old.extend(SEC);
    old.recycle();
    old.reloaded();
    drop(old.pending());
    old.progress();
    let (held, gone) = captured();
    let sub = old.spawn(async move { drop(held) });
    soon(gone).await;
    drop((sub, old));
    let view = handle.child("two").await.expect("it is there");
    assert_eq!((view.standing, view.run), (Standing::Up, Some(RunId(2))));
    new.ready();
    ready_again(&handle, "two", 2).await;
    assert_eq!(starts(&records_so_far(&handle), "two"), 2);
}

fn records_so_far(handle: &mainstay::Handle) -> Vec<mainstay::Record> {
    let mut events = handle.events_from(1);
    let mut records = Vec::new();
    while let Some(mainstay::Item::Record(record)) = events.try_next() {
        records.push(record);
    }
    records
}

// C151
#[tokio::test(start_paused = true)]
async fn a_child_may_command_itself_and_what_is_above_it() {
    let code = |cx: Context| async move {
        let operator = cx.handle().by("itself");
        match cx.run().0 {
            1 => drop(operator.restart("below/self", "a fresh start").await),
            2 => drop(operator.restart("below", "all of us").await),
            3 => drop(operator.stop("below/self", "enough").await),
            _ => {}
        }
        cx.stopped().await;
    };
    let below = mainstay::supervisor("below").child(task("self", code)).child(calm("calm"));
    let owner = tree().child(below).start().expect("it is fit");
    let handle = owner.handle();
    let stopped = |view: &mainstay::View| view.standing == Standing::Down && view.runs == 3;
    let view = soon(handle.wait_until("below/self", stopped)).await.expect("it gets there");
    assert_eq!(cause(&view), Cause::Stopped);
    ready_again(&handle, "below/calm", 2).await;
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.code(), 0);
}

// C150
#[tokio::test(start_paused = true)]
async fn a_child_may_drop_the_owner_of_its_tree() {
    let place: Arc<Mutex<Option<mainstay::Owner>>> = Arc::default();
    let from = Arc::clone(&place);
    let (go, gone) = oneshot::channel::<()>();
    let gone = Mutex::new(Some(gone));
    let code = move |cx: Context| {
        let (from, gone) = (Arc::clone(&from), gone.lock().expect("no poison").take());
        async move {
            drop(gone.expect("one run").await);
            drop(from.lock().expect("no poison").take());
            cx.stopped().await;
        }
    };
    let owner = tree().child(task("inside", code)).child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    *place.lock().expect("no poison") = Some(owner);
    let _ = go.send(());
    let report = soon(handle.ended()).await;
    assert_eq!(report.code(), 0);
    assert!(report.lines.iter().all(|line| !line.forced), "{report}");
}

// C74, focas 27
#[tokio::test(start_paused = true)]
async fn a_run_is_given_a_clone_of_the_state_each_time() {
    let made = Arc::new(AtomicU32::new(0));
    struct State(Arc<AtomicU32>);
    impl Clone for State {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::SeqCst);
            Self(Arc::clone(&self.0))
        }
    }
    let child = mainstay::child("stateful").state(State(Arc::clone(&made))).task(
        async |_state, cx: Context| {
            if cx.run() < RunId(3) { Err("again") } else { lives(&cx).await }
        },
    );
    let owner = tree().child(child).start().expect("it is fit");
    ready_again(&owner.handle(), "stateful", 3).await;
    assert_eq!(made.load(Ordering::SeqCst), 3);
}

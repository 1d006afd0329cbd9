//! Commands: who and why, once for each id, answered within a bound, heard however busy the tree is.

mod common;

use common::{MS, SEC, calm, captured, down, lives, ready, ready_again, soon};
use mainstay::{
    CommandError, Context, Handle, Operator, Refusal, Request, RunId, Shape, Standing, pool,
    supervisor, task, tree,
};
use std::future::{IntoFuture, pending};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

async fn refused(request: Request) -> Refusal {
    match soon(request).await {
        Err(CommandError::Refused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    }
}

// C131
#[tokio::test(start_paused = true)]
async fn a_command_without_who_or_why_has_no_effect() {
    let owner = tree().child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "calm").await;
    assert_eq!(refused(handle.by("").stop("calm", "enough")).await, Refusal::Anonymous);
    assert_eq!(refused(handle.by("test").stop("calm", "")).await, Refusal::Anonymous);
    assert_eq!(refused(handle.by("test").drain("")).await, Refusal::Anonymous);
    assert_eq!(ready(&handle, "calm").await.run, Some(RunId(1)));
    assert_eq!((handle.counts().commands, handle.counts().refused), (0, 3));
}

// C132, tokio 20
#[tokio::test(start_paused = true)]
async fn a_command_that_is_sent_twice_has_one_effect_and_one_answer() {
    let owner = tree().child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "calm").await;
    let me = handle.by("test");
    let first = soon(me.restart("calm", "again").id(7)).await.expect("it is done");
    ready_again(&handle, "calm", 2).await;
    let second = soon(me.restart("calm", "again").id(7)).await.expect("it is done");
    assert_eq!(first, second);
    assert_eq!(refused(me.stop("calm", "again").id(7)).await, Refusal::IdReused);
    assert_eq!(ready(&handle, "calm").await.run, Some(RunId(2)));
    // Another author's ids are another's.
    soon(handle.by("other").restart("calm", "again").id(7)).await.expect("it is done");
    ready_again(&handle, "calm", 3).await;
}

// C132: an argument that comes twice does not replace the one that runs.
#[tokio::test(start_paused = true)]
async fn adding_twice_with_one_id_adds_once_and_the_child_can_still_be_ended() {
    let mut jobs =
        pool("jobs", async |held: Arc<tokio::sync::oneshot::Sender<()>>, cx: Context| {
            let _held = held;
            cx.stopped().await;
        });
    let reference = jobs.reference();
    let owner = tree().child(jobs).start().expect("it is fit");
    let handle = owner.handle();
    let me = handle.by("test");
    let ((first, first_gone), (second, second_gone)) = (captured(), captured());
    let done = soon(me.add_to(&reference, "a", first, "work").id(1)).await.expect("it is added");
    ready(&handle, "jobs/a").await;
    let again =
        soon(me.add_to(&reference, "a", second, "work").id(1)).await.expect("it is the same");
    assert_eq!(done, again);
    soon(second_gone).await;
    soon(me.restart("jobs/a", "again")).await.expect("it is restarted");
    ready_again(&handle, "jobs/a", 2).await;
    let view = ready(&handle, "jobs/a").await;
    assert!(!view.last.expect("it has run").forced);
    let report = soon(owner.drain("the test is over")).await;
    assert!(report.lines.iter().all(|line| !line.forced), "{report}");
    soon(first_gone).await;
}

// C120, C121
#[tokio::test(start_paused = true)]
async fn commands_say_what_was_and_what_is_and_whether_that_is_new() {
    let owner = tree().child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "calm").await;
    let me = handle.by("test");
    let done = soon(me.start("calm", "is it up?")).await.expect("it is so already");
    assert_eq!((done.changed, done.before, done.after), (false, Standing::Ready, Standing::Ready));
    let done = soon(me.stop("calm", "enough")).await.expect("it is done");
    assert_eq!(
        (done.changed, done.before, done.after),
        (true, Standing::Ready, Standing::Stopping)
    );
    down(&handle, "calm").await;
    let done = soon(me.stop("calm", "enough")).await.expect("it is so already");
    assert_eq!((done.changed, done.before, done.after), (false, Standing::Down, Standing::Down));
    assert!(matches!(refused(me.stop("nobody", "enough")).await, Refusal::Unknown { .. }));
    assert!(matches!(refused(me.add("", calm("calm"), "more")).await, Refusal::Exists { .. }));
    let stale = refused(me.restart("calm", "again").if_run(RunId(1))).await;
    assert!(matches!(stale, Refusal::OtherRun { .. }), "{stale:?}");
    let stale = refused(me.restart("calm", "again").if_revision(3)).await;
    assert!(matches!(stale, Refusal::OtherRevision { .. }), "{stale:?}");
}

// C125, C126
#[tokio::test(start_paused = true)]
async fn the_later_of_two_wishes_holds() {
    let slow = |cx: Context| async move {
        cx.stopped().await;
        tokio::time::sleep(SEC).await;
    };
    let owner = tree().child(task("slow", slow)).start().expect("it is fit");
    let handle = owner.handle();
    let me = handle.by("test");
    ready(&handle, "slow").await;
    soon(me.restart("slow", "again")).await.expect("it is asked");
    soon(me.stop("slow", "no, not again")).await.expect("it is asked");
    assert_eq!(down(&handle, "slow").await.runs, 1);
    soon(me.start("slow", "up")).await.expect("it starts");
    ready_again(&handle, "slow", 2).await;
    soon(me.stop("slow", "down")).await.expect("it is asked");
    soon(me.restart("slow", "no, up again")).await.expect("it is asked");
    ready_again(&handle, "slow", 3).await;
}

// C127
#[tokio::test(start_paused = true)]
async fn a_restart_during_a_group_restart_joins_it() {
    let alive = Arc::new(AtomicU32::new(0));
    let member = |name: &str| {
        let alive = Arc::clone(&alive);
        let fails = name == "a";
        task(name, move |cx: Context| {
            let alive = Arc::clone(&alive);
            async move {
                assert!(alive.fetch_add(1, Ordering::SeqCst) < 2, "never two of one");
                if fails && cx.is_first() {
                    tokio::time::sleep(SEC).await;
                    alive.fetch_sub(1, Ordering::SeqCst);
                    return Err("once");
                }
                cx.stopped().await;
                tokio::time::sleep(SEC).await;
                alive.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        })
    };
    let group = supervisor("group").one_for_all().child(member("a")).child(member("b"));
    let owner = tree().child(group).start().expect("it is fit");
    let handle = owner.handle();
    soon(handle.wait_for("group/b", Standing::Stopping)).await.expect("the group is restarted");
    soon(handle.by("test").restart("group/b", "again")).await.expect("it joins");
    ready_again(&handle, "group/a", 2).await;
    let view = ready_again(&handle, "group/b", 2).await;
    assert_eq!(view.runs, 2);
    assert_eq!(alive.load(Ordering::SeqCst), 2);
}

// C129, tokio 5
#[tokio::test(start_paused = true)]
async fn a_paused_child_is_not_restarted_before_it_is_resumed() {
    let code = |cx: Context| async move {
        if cx.is_first() {
            tokio::time::sleep(SEC).await;
            Err("once")
        } else {
            lives(&cx).await
        }
    };
    let owner = tree().child(task("it", code)).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "it").await;
    soon(handle.by("test").pause("it", "a look")).await.expect("it is paused");
    let view = down(&handle, "it").await;
    assert_eq!((view.runs, view.paused), (1, true));
    tokio::time::sleep(100 * SEC).await;
    assert_eq!(handle.child("it").await.expect("it is there").runs, 1);
    soon(handle.by("test").resume("it", "seen")).await.expect("it is resumed");
    assert_eq!(ready_again(&handle, "it", 2).await.runs, 2);
}

// C130
#[tokio::test(start_paused = true)]
async fn a_quarantined_child_is_started_by_nobody_before_it_is_released() {
    let fails = task("fails", |cx: Context| async move {
        tokio::time::sleep(SEC).await;
        if cx.is_first() { Err("once") } else { lives(&cx).await }
    });
    let group = supervisor("group").one_for_all().child(fails).child(calm("calm"));
    let owner = tree().child(group).start().expect("it is fit");
    let handle = owner.handle();
    let me = handle.by("test");
    ready(&handle, "group/calm").await;
    soon(me.quarantine("group/calm", "it bites")).await.expect("it is put away");
    down(&handle, "group/calm").await;
    ready_again(&handle, "group/fails", 2).await;
    assert_eq!(refused(me.start("group/calm", "up")).await, Refusal::Quarantined);
    assert_eq!(refused(me.restart("group/calm", "up")).await, Refusal::Quarantined);
    let view = handle.child("group/calm").await.expect("it is there");
    assert_eq!((view.runs, view.quarantined), (1, true));
    soon(me.release("group/calm", "it is tame")).await.expect("it is released");
    ready_again(&handle, "group/calm", 2).await;
}

// C74, focas 27, oxios 7
#[tokio::test(start_paused = true)]
async fn another_spec_holds_from_the_next_start_and_no_restart_reverts_it() {
    let fails = task("it", |_| async { Err::<(), _>("old code") }).backoff(Shape::Fixed(100 * SEC));
    let owner = tree().child(fails).start().expect("it is fit");
    let handle = owner.handle();
    let me = handle.by("test");
    soon(handle.wait_for("it", Standing::Waiting)).await.expect("it waits");
    soon(me.replace("it", calm("it"), "better")).await.expect("it is replaced");
    let view = ready_again(&handle, "it", 2).await;
    assert_eq!((view.runs, view.revision), (2, 1));
    soon(me.restart("it", "again")).await.expect("it is restarted");
    let view = ready_again(&handle, "it", 3).await;
    assert_eq!(
        view.last.expect("it has run").cause,
        mainstay::Cause::Stopped,
        "it is the new code"
    );
}

#[tokio::test(start_paused = true)]
async fn another_declaration_changes_what_is_different_and_nothing_else() {
    let (kept, changed) = (calm("kept"), calm("changed"));
    let owner =
        tree().child(kept.clone()).child(changed).child(calm("gone")).start().expect("it is fit");
    let handle = owner.handle();
    soon(owner.ready()).await.expect("all become ready");
    let next = || tree().child(kept.clone()).child(calm("changed")).child(calm("new"));
    soon(handle.by("test").apply(next(), "a new version")).await.expect("it is applied");
    ready(&handle, "new").await;
    assert_eq!(ready_again(&handle, "changed", 2).await.runs, 2);
    assert_eq!(ready(&handle, "kept").await.runs, 1);
    while handle.child("gone").await.is_ok() {
        tokio::task::yield_now().await;
    }
    // What cannot be is not done in part.
    let wrong = tree().child(calm("kept")).child(calm("kept"));
    let error = soon(handle.by("test").apply(wrong, "a mistake")).await.expect_err("it is refused");
    assert!(matches!(error, CommandError::Spec { .. }), "{error:?}");
    assert_eq!(ready(&handle, "kept").await.runs, 1);
}

// tokio 7, oxios 11
#[tokio::test(start_paused = true)]
async fn what_is_added_is_supervised_like_the_rest() {
    let owner = tree().child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    let me = handle.by("test");
    let code =
        |cx: Context| async move { if cx.is_first() { Err("once") } else { lives(&cx).await } };
    let mut added = task("added", code);
    let reference = added.reference();
    soon(me.add("", added, "more")).await.expect("it is added");
    ready_again(&handle, "added", 2).await;
    assert_eq!(handle.child(&reference).await.expect("it is placed").path.as_str(), "added");
    let fault = soon(me.add("", calm("bad/name"), "more")).await.expect_err("no such name");
    assert!(matches!(fault, CommandError::Spec { .. } | CommandError::Refused { .. }), "{fault:?}");
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!(report.lines.len(), 2);
}

/// A tree whose only thread is kept busy by one of its children until it is released.
fn held_up(
    runtime: &tokio::runtime::Runtime,
) -> (mainstay::Owner, Handle, std::sync::mpsc::Sender<()>) {
    let (release, released) = channel::<()>();
    let (say, said) = channel();
    let (released, say) = (Mutex::new(released), Mutex::new(say));
    let busy = task("busy", move |cx: Context| {
        if cx.is_first() {
            assert!(say.lock().expect("no poison").send(()).is_ok());
            assert!(released.lock().expect("no poison").recv().is_err());
        }
        async move { cx.stopped().await }
    });
    let owner = runtime
        .block_on(async { tree().child(calm("calm")).child(busy).start().expect("it is fit") });
    said.recv_timeout(60 * SEC).expect("it is busy");
    let handle = owner.handle();
    (owner, handle, release)
}

/// One worker thread, so that whoever keeps it keeps the whole runtime.
fn one_worker() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("one")
}

fn here() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one")
}

async fn outcomes(me: &Operator, count: usize, within: Duration) -> (usize, usize) {
    let mut requests = JoinSet::new();
    for number in 0..count {
        let why = format!("number {number}");
        let request = match number % 3 {
            0 => me.start("calm", why),
            1 => me.pause("calm", why),
            _ => me.resume("calm", why),
        };
        requests.spawn(request.within(within).into_future());
    }
    let (mut done, mut late) = (0, 0);
    while let Some(result) = requests.join_next().await {
        match result.expect("no panic") {
            Ok(_) => done += 1,
            Err(CommandError::Late { waited, .. }) => {
                assert_eq!(waited, within);
                late += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    (done, late)
}

// C159
#[test]
fn ten_thousand_commands_at_once_are_all_answered() {
    let runtime = one_worker();
    let owner = runtime.block_on(async { tree().child(calm("calm")).start().expect("it is fit") });
    let handle = owner.handle();
    let answered =
        here().block_on(async { soon(outcomes(&handle.by("test"), 10_000, 100 * SEC)).await });
    assert_eq!(answered, (10_000, 0));
    assert_eq!(handle.counts().commands, 10_000);
    here().block_on(async { soon(owner.drain("the test is over")).await });
}

// C159, C111
#[test]
fn ten_thousand_commands_to_a_tree_that_stands_still_are_late_and_a_drain_is_heard_first() {
    let runtime = one_worker();
    let (owner, handle, release) = held_up(&runtime);
    let here = here();
    let counted =
        here.block_on(async { soon(outcomes(&handle.by("test"), 10_000, 100 * MS)).await });
    assert_eq!(counted, (0, 10_000));
    // The drain waits in a lane of its own, however many wait in the other.
    let waits = here.block_on(async {
        let mut full = JoinSet::new();
        for _ in 0..1_000 {
            full.spawn(handle.by("test").restart("calm", "again").within(100 * SEC).into_future());
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let drain = handle.by("test").drain("enough").within(100 * SEC).into_future();
        let mut drain = std::pin::pin!(drain);
        let once =
            std::future::poll_fn(|cx| std::task::Poll::Ready(drain.as_mut().poll(cx).is_pending()));
        assert!(once.await);
        drop(release);
        soon(drain).await.expect("it is heard");
        let mut ended = 0;
        while let Some(result) = soon(full.join_next()).await {
            match result.expect("no panic") {
                Ok(_) => panic!("the drain was heard first"),
                Err(CommandError::Ended { .. } | CommandError::Refused { .. }) => ended += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        ended
    });
    assert_eq!(waits, 1_000);
    // Late commands that were still in the queue have had no effect.
    let report = here.block_on(async { soon(handle.ended()).await });
    assert_eq!(report.code(), 0);
    assert_eq!(handle.counts().commands, 1, "the drain alone");
    drop(owner);
}

// C72: a request that is dropped before it is taken is none.
#[tokio::test(start_paused = true)]
async fn a_command_that_nobody_waits_for_any_more_has_no_effect() {
    let owner = tree().child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "calm").await;
    drop(handle.by("test").stop("calm", "never sent"));
    let mut request = handle.by("test").stop("calm", "given up").into_future();
    let once =
        std::future::poll_fn(|cx| std::task::Poll::Ready(request.as_mut().poll(cx).is_pending()));
    assert!(once.await);
    drop(request);
    assert_eq!(ready(&handle, "calm").await.run, Some(RunId(1)));
    assert_eq!(handle.counts().commands, 0);
}

// focas 9, obzenflow 23
#[tokio::test(start_paused = true)]
async fn commands_are_answered_at_once_whatever_the_children_do() {
    let never = task("never", |_| pending::<()>()).ready_within(100 * SEC);
    let endless = task("endless", |cx: Context| async move {
        let _kept = cx;
        pending::<()>().await;
    });
    let owner = tree()
        .child(never)
        .child(endless.stop_within(100 * SEC))
        .child(calm("calm"))
        .start()
        .expect("it is fit");
    let handle = owner.handle();
    ready(&handle, "endless").await;
    let began = tokio::time::Instant::now();
    soon(handle.by("test").stop("endless", "enough")).await.expect("it is asked");
    soon(handle.by("test").restart("calm", "again")).await.expect("it is restarted");
    ready_again(&handle, "calm", 2).await;
    assert_eq!(handle.status().await.expect("it lives").len(), 3);
    assert!(began.elapsed() <= 2 * MS, "{:?}", began.elapsed());
    soon(handle.by("test").drain("enough")).await.expect("it drains");
    soon(handle.by("test").drain("at once")).await.expect("it drains");
    soon(handle.ended()).await;
}

#[tokio::test]
async fn nobody_can_want_a_child_that_is_not_there() {
    let owner = tree().child(task("a", |_| pending::<()>())).start().expect("fine");
    let error = owner.handle().demand("nobody").await.expect_err("there is none");
    assert_eq!(error.to_string(), "there is no child nobody");
    owner.drain("enough").await;
}

#[tokio::test]
async fn a_replaced_child_keeps_its_name() {
    let forever = |_: Context| pending::<()>();
    let owner = tree().child(task("a", forever)).start().expect("fine");
    let handle = owner.handle();
    let done = handle.by("alice").replace("a", task("b", forever), "another life").await;
    assert!(done.expect("it is done").changed);
    let status = handle.status().await.expect("it lives");
    let paths: Vec<_> = status.iter().map(|child| child.path.as_str()).collect();
    assert_eq!(paths, ["a"]);
    owner.drain("enough").await;
}

#[tokio::test]
async fn applying_the_same_tree_again_changes_nothing() {
    let child = task("a", |_| pending::<()>());
    let declared = || tree().child(child.clone());
    let owner = declared().start().expect("fine");
    let handle = owner.handle();
    let done = handle.by("alice").apply(declared(), "to be sure").await.expect("it is done");
    assert!(!done.changed, "{done:?}");
    owner.drain("enough").await;
}

//! Pools: children from a template, each with arguments of its own.

mod common;

use common::{MS, SEC, calm, lives, ready, ready_again, soon};
use mainstay::{CommandError, Context, Refusal, RunId, Shape, Standing, pool, task, tree};
use std::sync::{Arc, Mutex};

// C167
#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_restart_takes_a_place() {
    let mut jobs = pool(
        "jobs",
        async |fails: bool, cx: Context| {
            if fails { Err("again") } else { lives(&cx).await }
        },
    )
    .max(1)
    .each(|child| child.backoff(Shape::Fixed(10 * SEC)));
    let reference = jobs.reference();
    let owner = tree().child(jobs).start().expect("it is fit");
    let handle = owner.handle();
    let me = handle.by("test");
    soon(me.add_to(&reference, "a", true, "work")).await.expect("it is added");
    soon(handle.wait_for("jobs/a", Standing::Waiting)).await.expect("it waits");
    let error = soon(me.add_to(&reference, "b", false, "work")).await.expect_err("it is full");
    let CommandError::Refused { refusal, .. } = error else { panic!("{error:?}") };
    assert!(matches!(refusal, Refusal::Full { .. }), "{refusal:?}");
    soon(me.remove("jobs/a", "enough")).await.expect("it is removed");
    soon(me.add_to(&reference, "b", false, "work")).await.expect("there is a place");
    ready(&handle, "jobs/b").await;
}

#[tokio::test(start_paused = true)]
async fn each_child_keeps_its_own_argument_through_its_runs() {
    let seen: Arc<Mutex<Vec<(u32, u64)>>> = Arc::default();
    let note = Arc::clone(&seen);
    let mut jobs = pool("jobs", move |number: u32, cx: Context| {
        let note = Arc::clone(&note);
        async move {
            note.lock().expect("no poison").push((number, cx.run().0));
            if cx.is_first() { Err("once") } else { lives(&cx).await }
        }
    });
    let reference = jobs.reference();
    let owner = tree().child(jobs).start().expect("it is fit");
    let handle = owner.handle();
    for number in 0..3 {
        let name = format!("{number}");
        soon(handle.by("test").add_to(&reference, name, number, "work"))
            .await
            .expect("it is added");
    }
    for number in 0..3 {
        ready_again(&handle, &format!("jobs/{number}"), 2).await;
    }
    let mut seen = seen.lock().expect("no poison").clone();
    seen.sort_unstable();
    assert_eq!(seen, [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2)]);
}

// C92, tokio 23
#[tokio::test(start_paused = true)]
async fn a_pool_that_is_restarted_begins_empty_and_can_be_filled_again() {
    let mut jobs = pool("jobs", async |(), cx: Context| cx.stopped().await);
    let reference = jobs.reference();
    let owner = tree().child(jobs).child(calm("calm")).start().expect("it is fit");
    let handle = owner.handle();
    let me = handle.by("test");
    for round in 0..3 {
        soon(me.add_to(&reference, "a", (), "work")).await.expect("it is added");
        assert_eq!(ready(&handle, "jobs/a").await.run, Some(RunId(1)), "{round}");
        soon(me.restart("jobs", "again")).await.expect("it is restarted");
        ready_again(&handle, "jobs", round + 2).await;
        assert!(handle.child("jobs/a").await.is_err());
    }
    assert_eq!(ready(&handle, "calm").await.run, Some(RunId(1)));
}

// C30, tokio 6
#[tokio::test(start_paused = true)]
async fn a_name_can_be_used_again_as_soon_as_its_child_has_left() {
    let mut jobs = pool("jobs", async |_number: u32, _cx: Context| {}).each(|child| child.once());
    let reference = jobs.reference();
    let owner = tree().child(jobs).start().expect("it is fit");
    let handle = owner.handle();
    for number in 0..200 {
        soon(handle.by("test").add_to(&reference, "a", number, "work")).await.expect("it is added");
        while handle.child("jobs/a").await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(handle.counts().exits.get("completed"), Some(&200));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_given_other_code_runs_that() {
    let mut jobs = pool("jobs", async |(), cx: Context| cx.stopped().await);
    let reference = jobs.reference();
    let owner = tree().child(jobs).start().expect("it is fit");
    let handle = owner.handle();
    let me = handle.by("test");
    soon(me.add_to(&reference, "a", (), "work")).await.expect("it is added");
    ready(&handle, "jobs/a").await;
    let (say, said) = tokio::sync::oneshot::channel();
    let say = Mutex::new(Some(say));
    let other = task("a", move |cx: Context| {
        let say = say.lock().expect("no poison").take();
        async move {
            assert!(say.is_none_or(|say| say.send(cx.run()).is_ok()));
            cx.stopped().await;
        }
    });
    match soon(me.replace("jobs/a", other, "other work")).await {
        Ok(_) => assert_eq!(soon(said).await, Ok(RunId(2))),
        Err(error) => assert!(matches!(error, CommandError::Refused { .. }), "{error:?}"),
    }
}

// C102, C116
#[tokio::test(start_paused = true)]
async fn a_pool_of_a_thousand_ends_together() {
    let mut jobs = pool("jobs", async |(), cx: Context| {
        cx.stopped().await;
        tokio::time::sleep(100 * MS).await;
    });
    let reference = jobs.reference();
    let owner = tree().child(jobs).start().expect("it is fit");
    let handle = owner.handle();
    for number in 0..1_000 {
        let name = format!("{number}");
        soon(handle.by("test").add_to(&reference, name, (), "work")).await.expect("it is added");
    }
    ready(&handle, "jobs/999").await;
    let report = soon(owner.drain("the test is over")).await;
    assert_eq!((report.took, report.lines.len()), (100 * MS, 1_000));
}

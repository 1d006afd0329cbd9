//! Numbers per child: exact however few events are remembered, and bounded.

use mainstay::{Context, Fault, OnExhausted, Shape, Standing, task, tree};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn nothing_is_missed_however_few_events_are_remembered() {
    let left = Arc::new(AtomicU32::new(50));
    let failing = move |cx: Context| {
        let left = Arc::clone(&left);
        async move {
            let is_over =
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if is_over.is_ok() {
                return Err(Fault::transient(io::Error::other("not yet")));
            }
            cx.stopped().await;
            Ok(())
        }
    };
    let second = Duration::from_secs(1);
    let child = task("flaky", failing).backoff(Shape::Fixed(second)).unlimited();
    let owner = tree().unlimited_children().child(child).history(1).start().expect("a tree");
    let handle = owner.handle();
    // Before the loop has turned for the first time.
    let tally = handle.tally(10);
    handle.wait_until("flaky", |view| view.runs == 51).await.expect("it comes to serve");
    handle.wait_for("flaky", Standing::Ready).await.expect("it serves");
    let view = handle.child("flaky").await.expect("it is there");
    let tallied = tally.read([view.child]);
    let counts = &tallied.children[&view.child];
    assert_eq!(counts.exits[&("failed", "restart")], 50);
    assert_eq!(counts.starts["ready"], 51);
    assert_eq!(handle.counts().exits["failed"], 50);
    // Each wait was at least half of its backoff, in virtual time.
    assert_eq!(tallied.restart.count(), 50);
    assert!(tallied.restart.sum >= 25 * second, "{:?}", tallied.restart);
    assert!(tallied.others.is_empty());
    drop(owner.drain("a test").await);
    assert_eq!(tally.read([]).children[&view.child].exits[&("stopped", "as-wanted")], 1);
}

#[tokio::test(start_paused = true)]
async fn what_came_before_is_counted_as_far_as_it_is_remembered() {
    let owner =
        tree().child(task("web", async |cx: Context| cx.stopped().await)).start().expect("a tree");
    let handle = owner.handle();
    handle.wait_for("web", Standing::Ready).await.expect("it serves");
    let tally = handle.tally(1);
    let web = handle.child("web").await.expect("it is there").child;
    assert_eq!(tally.read([web]).children[&web].starts["ready"], 1);
}

#[tokio::test(start_paused = true)]
async fn how_a_child_stands_is_told_in_numbers() {
    let failing =
        async |_: Context| -> Result<(), Fault> { Err(Fault::transient(io::Error::other("no"))) };
    let hour = Duration::from_secs(3_600);
    let child = task("flaky", failing)
        .backoff(Shape::Fixed(Duration::from_secs(1)))
        .limit(mainstay::restarts(2, hour))
        .on_exhausted(OnExhausted::Cooldown);
    let owner = tree().child(child).start().expect("a tree");
    let handle = owner.handle();
    handle.wait_until("flaky", |view| view.runs == 2).await.expect("it is restarted");
    let measures = handle.measures().await.expect("it lives");
    let [flaky] = measures.as_slice() else { panic!("one child: {measures:?}") };
    let [limit] = flaky.limits.as_slice() else { panic!("one limit: {:?}", flaky.limits) };
    // The next restart may have come by then.
    assert!((1..=2).contains(&limit.count) && limit.most == 2, "{limit:?}");
    handle.wait_until("flaky", |view| !view.alerts.is_empty()).await.expect("its breaker opens");
    let measures = handle.measures().await.expect("it lives");
    let [flaky] = measures.as_slice() else { panic!("one child: {measures:?}") };
    assert_eq!(flaky.view.path.as_str(), "flaky");
    assert!(matches!(flaky.view.breaker, mainstay::BreakerState::Open(Some(_))), "{flaky:?}");
    assert_eq!(flaky.level, 1);
}

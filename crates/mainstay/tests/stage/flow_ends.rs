//! Flows that are drained, stopped and cut.

use crate::common::{MS, SEC, down, ready, soon};
use crate::flow::{Kept, Numbers, Same, Slow, counts, up_to};
use crate::play::told;
use mainstay::stage::flow::{Edge, flow, sink, source, transform};
use mainstay::{Event, Fault, tree};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::sleep;

// obzenflow 21
#[tokio::test(start_paused = true)]
async fn a_drain_ends_the_flow_from_its_source_and_loses_nothing() {
    let (raw, same, kept) = (Edge::new("raw", 32), Edge::new("same", 32), Kept::default());
    let slow = kept.clone();
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(u64::MAX)))
        .part(transform("same", &raw, &same, Same::make(|_| Ok(()))))
        .part(sink("out", &same, move |_| Ok(Slow(slow.clone(), Some(MS)))))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    let mut events = owner.handle().events();
    ready(&owner.handle(), "flow/in").await;
    sleep(SEC).await;
    soon(owner.drain("the day is over")).await;
    let settled = meter.settle().expect("nothing is left");
    let put = settled[0].counts.put;
    assert!(put > 500, "{put}");
    assert_eq!(kept.numbers(), up_to(put));
    // Readers start first, writers end first.
    let records = told(&mut events).await;
    let order = |is_meant: fn(&Event) -> bool| -> Vec<String> {
        let meant = records.iter().filter(|record| is_meant(&record.event));
        meant
            .map(|record| record.path.to_string())
            .filter(|path| path.starts_with("flow/"))
            .collect()
    };
    let started = order(|event| matches!(event, Event::Starting { .. }));
    assert_eq!(started, ["flow/out", "flow/same", "flow/in"]);
    let ended = order(|event| matches!(event, Event::Exited { .. }));
    assert_eq!(ended, ["flow/in", "flow/same", "flow/out"]);
}

/// No run follows in a drain: what would end one counts against its item, and the rest comes through.
#[tokio::test(start_paused = true)]
async fn a_stage_that_fails_in_a_drain_loses_nothing() {
    let (raw, same, kept) = (Edge::new("raw", 32), Edge::new("same", 32), Kept::default());
    let (slow, is_over) = (kept.clone(), Arc::new(AtomicU64::new(0)));
    let over = Arc::clone(&is_over);
    let hook = move |number: u64| {
        let is_over = over.load(Ordering::Relaxed) > 0;
        assert!(!(is_over && number.is_multiple_of(5)), "no fives any more");
        if is_over && number.is_multiple_of(7) {
            return Err(Fault::transient("the connection is closed").into());
        }
        Ok(())
    };
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(u64::MAX)))
        .part(transform("same", &raw, &same, Same::make(hook)))
        .part(sink("out", &same, move |_| Ok(Slow(slow.clone(), Some(MS)))))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    ready(&owner.handle(), "flow/in").await;
    sleep(SEC).await;
    let draining = owner.drain("the day is over");
    is_over.store(1, Ordering::Relaxed);
    soon(draining).await;
    let put = meter.settle().expect("nothing is left")[0].counts.put;
    let (numbers, marked) = (kept.numbers(), kept.marked());
    assert_eq!((numbers.len() + marked.len()) as u64, put);
    assert!(marked.iter().any(|(_, why)| why.contains("no fives any more")), "{marked:?}");
    assert!(marked.iter().any(|(_, why)| why.contains("the connection is closed")), "{marked:?}");
}

/// A stage that is down does not come back in a drain: who waits for it to make room would wait in vain.
#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_a_reader_that_is_not_there() {
    let (raw, same, kept) = (Edge::new("raw", 4), Edge::new("same", 4), Kept::default());
    let slow = kept.clone();
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(u64::MAX)))
        .part(transform("same", &raw, &same, Same::make(|_| Ok(()))))
        .part(sink("out", &same, move |_| Ok(Slow(slow.clone(), Some(MS)))))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    ready(&owner.handle(), "flow/in").await;
    owner.handle().by("test").stop("flow/out", "it is wrong").await.expect("it is there");
    down(&owner.handle(), "flow/out").await;
    sleep(SEC).await;
    let report = soon(owner.drain("the day is over")).await;
    assert!(report.took < SEC, "{report}");
    let same = report.lines.iter().find(|line| line.path.as_str() == "flow/same");
    let detail = same.and_then(|line| line.detail.clone()).expect("it says why");
    assert!(detail.contains("the edge same is full, and nobody reads it any more"), "{detail}");
    let lost = meter.settle().expect_err("the sink is down").to_string();
    assert!(lost.contains("and has had no end of data"), "{lost}");
}

// obzenflow 22
#[tokio::test(start_paused = true)]
async fn a_cut_that_lost_work_is_not_called_well() {
    let (raw, kept) = (Edge::new("raw", 32), Kept::default());
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(u64::MAX)))
        .part(sink("out", &raw, move |_| Ok(Slow(kept.clone(), None))))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    ready(&owner.handle(), "flow/in").await;
    sleep(SEC).await;
    soon(owner.drain("the day is over")).await;
    let lost = meter.settle().expect_err("the sink took nothing");
    let left = lost.left[0].counts;
    assert_eq!((&*lost.left[0].edge, left.done, left.put), ("raw", 0, left.waiting));
    assert!(lost.to_string().starts_with("the flow is not empty: raw holds "), "{lost}");
}

/// A stop is no drain: what is on the edges is there for the next run.
#[tokio::test(start_paused = true)]
async fn a_stop_keeps_what_is_on_the_edges() {
    let (raw, kept) = (Edge::new("raw", 32), Kept::default());
    let slow = kept.clone();
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(200)))
        .part(sink("out", &raw, move |_| Ok(Slow(slow.clone(), Some(MS)))))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    let operator = owner.handle().by("test");
    ready(&owner.handle(), "flow/in").await;
    sleep(50 * MS).await;
    operator.stop("flow/out", "to look at it").await.expect("it is there");
    let view = down(&owner.handle(), "flow/out").await;
    assert_eq!(view.last.map(|last| last.forced), Some(false));
    sleep(SEC).await;
    let left = counts(&meter)["raw"];
    assert!(left.waiting >= 32 && left.lent == 0, "{left:?}");
    operator.start("flow/out", "it looks good").await.expect("it is there");
    let is_done = |view: &mainstay::View| view.runs == 2 && view.run.is_none();
    soon(owner.handle().wait_until("flow/out", is_done)).await.expect("it ends");
    soon(owner.drain("all has come through")).await;
    assert_eq!(kept.numbers(), up_to(200));
    meter.settle().expect("nothing is left");
}

//! Flows under strain: what is in hand stays whole, and edges hold what they were made for.

use crate::common::{MS, SEC, down, soon};
use crate::flow::{Kept, Numbers, Same, Slow, counts, patient, restless, up_to};
use mainstay::stage::flow::{Edge, Marked, Sink, Source, Transform, flow, sink, source, transform};
use mainstay::{BoxError, Standing, tree};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::sleep;

/// Reads a number and then has to look something up for it: what it has read is nowhere else.
struct Looking(u64);

impl Source for Looking {
    type Item = u64;
    async fn next(&mut self) -> Result<Option<u64>, BoxError> {
        if self.0 == 100 {
            return Ok(None);
        }
        self.0 += 1;
        let read = self.0;
        if read.is_multiple_of(2) {
            sleep(MS).await;
        }
        Ok(Some(read))
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_to_wait_is_not_dropped_for_what_goes_ahead() {
    let (raw, kept) = (Edge::new("raw", 8), Kept::default());
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, |_| Ok(Looking(0))))
        .part(sink("out", &raw, kept.make()))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    down(&owner.handle(), "flow/out").await;
    soon(owner.drain("all has come through")).await;
    assert_eq!(kept.numbers(), up_to(100));
    meter.settle().expect("nothing is left");
}

/// Brings two, the second soon after the first, and then nothing for an hour.
struct Seldom(u64);

impl Source for Seldom {
    type Item = u64;
    async fn next(&mut self) -> Result<Option<u64>, BoxError> {
        match self.0 {
            0 => {}
            1 => sleep(40 * MS).await,
            _ => sleep(3_600 * SEC).await,
        }
        self.0 += 1;
        Ok(Some(self.0))
    }

    fn position(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_source_has_brought_goes_ahead_while_it_waits_and_so_does_its_position() {
    let (raw, kept) = (Edge::new("raw", 8), Kept::default());
    let (supervisor, _) = flow("flow")
        .part(source("in", &raw, |_| Ok(Seldom(0))))
        .part(sink("out", &raw, kept.make()))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    sleep(SEC).await;
    assert_eq!(kept.numbers(), [1, 2]);
    let view = soon(owner.handle().child("flow/in")).await.expect("it is there");
    assert_eq!(view.position.as_deref(), Some("2"));
    drop(owner);
}

#[tokio::test(start_paused = true)]
async fn runs_that_end_again_and_again_do_not_fill_an_edge() {
    let (raw, same) = (Edge::new("raw", 4).stall(5 * MS), Edge::new("same", 4).stall(5 * MS));
    let (kept, quick) = (Kept::default(), Arc::new(Notify::new()));
    let (slow, may) = (kept.clone(), Arc::clone(&quick));
    struct Gate(Kept, Arc<Notify>);
    impl Sink for Gate {
        type Item = u64;
        async fn put(&mut self, number: &u64) -> Result<(), BoxError> {
            self.1.notified().await;
            self.1.notify_one();
            self.0.put(number).await
        }
    }
    let (supervisor, meter) = flow("flow")
        .part(restless(source("in", &raw, Numbers::make(500))))
        .part(restless(transform("same", &raw, &same, Same::make(|_| Ok(())))))
        .part(sink("out", &same, move |_| Ok(Gate(slow.clone(), Arc::clone(&may)))))
        .build()
        .expect("it is fit");
    let owner = tree().child(patient(supervisor)).start().expect("it is fit");
    // Nothing is taken for 200 stall limits: each ends a run of both writers.
    sleep(SEC).await;
    let runs = soon(owner.handle().child("flow/same")).await.expect("it is there").runs;
    assert!(runs > 50, "{runs} runs");
    let before = counts(&meter);
    assert!(before["raw"].waiting <= 8 && before["same"].waiting <= 8, "{before:?}");
    quick.notify_one();
    down(&owner.handle(), "flow/out").await;
    soon(owner.drain("all has come through")).await;
    assert_eq!(kept.numbers(), up_to(500));
}

/// Makes many of one.
struct Many;

impl Transform for Many {
    type In = u64;
    type Out = u64;
    async fn apply(&mut self, number: &u64, out: &mut Vec<u64>) -> Result<(), BoxError> {
        out.extend((0..10).map(|one| (number - 1) * 10 + one + 1));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn many_of_one_fill_an_edge_by_one_at_most() {
    let (raw, many, kept) = (Edge::new("raw", 32), Edge::new("many", 8), Kept::default());
    let slow = kept.clone();
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(40)))
        .part(transform("many", &raw, &many, |_| Ok(Many)))
        .part(sink("out", &many, move |_| Ok(Slow(slow.clone(), Some(MS)))))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    while kept.numbers().len() < 400 {
        let counts = counts(&meter)["many"];
        assert!(counts.waiting <= 10, "{counts:?}");
        sleep(MS).await;
    }
    down(&owner.handle(), "flow/out").await;
    soon(owner.drain("all has come through")).await;
    assert_eq!(kept.numbers(), up_to(400));
    meter.settle().expect("nothing is left");
}

/// Takes nothing out, neither values nor what is marked.
struct Never;

impl Sink for Never {
    type Item = u64;
    async fn put(&mut self, _: &u64) -> Result<(), BoxError> {
        Err("no".into())
    }

    async fn marked(&mut self, _: &Marked) -> Result<(), BoxError> {
        Err("not this either".into())
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_given_up_is_counted_once() {
    let raw = Edge::new("raw", 8);
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(10)))
        .part(sink("out", &raw, |_| Ok(Never)))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    down(&owner.handle(), "flow/out").await;
    let view = soon(owner.handle().child("flow/out")).await.expect("it is there");
    assert_eq!(view.standing, Standing::Down);
    soon(owner.drain("all has come through")).await;
    let counts = counts(&meter)["raw"];
    assert_eq!((counts.put, counts.done, counts.marked), (10, 10, 10));
}

/// Reads, and has to look something up for each; where it is has gone on before it knows.
struct Hasty(u64);

impl Source for Hasty {
    type Item = u64;
    async fn next(&mut self) -> Result<Option<u64>, BoxError> {
        if self.0 == 300 {
            return Ok(None);
        }
        self.0 += 1;
        if !self.0.is_multiple_of(3) {
            sleep(MS).await;
        }
        Ok(Some(self.0))
    }

    fn position(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_with_a_position_may_be_cut_anywhere_and_brings_each_once() {
    let (raw, kept) = (Edge::new("raw", 2), Kept::default());
    let slow = kept.clone();
    let make = |cx: mainstay::Context| Ok(Hasty(cx.position().map_or(Ok(0), |at| at.parse())?));
    let (supervisor, _) = flow("flow")
        .part(restless(source("in", &raw, make)).with(|child| child.abort_at_once()))
        .part(sink("out", &raw, move |_| Ok(Slow(slow.clone(), Some(3 * MS)))))
        .build()
        .expect("it is fit");
    let owner = tree().child(patient(supervisor)).start().expect("it is fit");
    let operator = owner.handle().by("test");
    for cut in 0.. {
        sleep(cut_after(cut)).await;
        let view = soon(owner.handle().child("flow/in")).await.expect("it is there");
        if view.standing == Standing::Down {
            break;
        }
        operator.restart("flow/in", "again and again").await.expect("it is there");
    }
    down(&owner.handle(), "flow/out").await;
    soon(owner.drain("all has come through")).await;
    assert_eq!(kept.numbers(), up_to(300));
}

/// Moments that meet it in all that it does.
fn cut_after(cut: u32) -> std::time::Duration {
    std::time::Duration::from_micros(u64::from(cut % 9) * 700 + 300)
}

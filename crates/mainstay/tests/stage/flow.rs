//! Flows: nothing is lost, nothing is passed on twice, and what ends badly is not called well.

use crate::common::{MS, SEC, down, soon};
use crate::play::told;
use mainstay::stage::flow::{
    Counts, Edge, FlowFault, Join, Marked, Meter, Part, Sink, Source, Transform, flow, join, sink,
    source, transform,
};
use mainstay::{BoxError, Child, Context, Fault, Standing, Supervisor, restarts, tree};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::time::sleep;

/// Counts from where the last run was.
pub(crate) struct Numbers {
    at: u64,
    end: u64,
}

impl Numbers {
    pub(crate) fn make(end: u64) -> impl Fn(Context) -> Result<Self, BoxError> {
        move |cx| Ok(Self { at: cx.position().map_or(Ok(0), |at| at.parse())?, end })
    }
}

impl Source for Numbers {
    type Item = u64;

    async fn next(&mut self) -> Result<Option<u64>, BoxError> {
        if self.at == self.end {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(self.at))
    }

    fn position(&self) -> Option<String> {
        Some(self.at.to_string())
    }
}

type Hook = Arc<dyn Fn(u64) -> Result<(), BoxError> + Send + Sync>;

/// Passes on, after whatever the test does about an item.
pub(crate) struct Same(Hook);

impl Same {
    pub(crate) fn make(
        hook: impl Fn(u64) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> impl Fn(Context) -> Result<Self, BoxError> {
        let hook: Hook = Arc::new(hook);
        move |_| Ok(Self(Arc::clone(&hook)))
    }
}

impl Transform for Same {
    type In = u64;
    type Out = u64;

    async fn apply(&mut self, number: &u64, out: &mut Vec<u64>) -> Result<(), BoxError> {
        (self.0)(*number)?;
        out.push(*number);
        Ok(())
    }
}

#[derive(Clone, Default)]
pub(crate) struct Kept {
    numbers: Arc<Mutex<Vec<u64>>>,
    marked: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Kept {
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.numbers.lock().expect("no poison").clone()
    }

    pub(crate) fn marked(&self) -> Vec<(u64, String)> {
        self.marked.lock().expect("no poison").clone()
    }

    pub(crate) fn make(&self) -> impl Fn(Context) -> Result<Self, BoxError> + use<> {
        let kept = self.clone();
        move |_| Ok(kept.clone())
    }
}

impl Sink for Kept {
    type Item = u64;

    async fn put(&mut self, number: &u64) -> Result<(), BoxError> {
        self.numbers.lock().expect("no poison").push(*number);
        Ok(())
    }

    async fn marked(&mut self, item: &Marked) -> Result<(), BoxError> {
        let number = item.value().copied().ok_or("another kind of item")?;
        self.marked.lock().expect("no poison").push((number, item.to_string()));
        Ok(())
    }
}

/// Runs again at once, however often.
fn at_once(child: Child) -> Child {
    child.backoff(mainstay::Shape::None).holdoff(std::time::Duration::ZERO).unlimited()
}

pub(crate) fn restless(part: Part) -> Part {
    part.with(at_once)
}

/// Its children may restart as often as they like.
pub(crate) fn patient(supervisor: Supervisor) -> Supervisor {
    supervisor.limit_children(restarts(50_000, SEC))
}

/// Runs a flow until its last stage has come to its end.
async fn run(supervisor: Supervisor, last: &str) {
    let owner = tree().child(patient(supervisor)).start().expect("it is fit");
    down(&owner.handle(), last).await;
    soon(owner.drain("all has come through")).await;
}

pub(crate) fn counts(meter: &Meter) -> BTreeMap<String, Counts> {
    meter.counts().into_iter().map(|edge| (edge.edge.to_string(), edge.counts)).collect()
}

pub(crate) fn up_to(end: u64) -> Vec<u64> {
    (1..=end).collect()
}

#[tokio::test(start_paused = true)]
async fn everything_comes_through_once_and_in_order() {
    for capacity in [1, 2, 64] {
        let (raw, same, kept) =
            (Edge::new("raw", capacity), Edge::new("same", capacity), Kept::default());
        let (supervisor, meter) = flow("flow")
            .part(source("in", &raw, Numbers::make(1_000)))
            .part(transform("same", &raw, &same, Same::make(|_| Ok(()))))
            .part(sink("out", &same, kept.make()))
            .build()
            .expect("it is fit");
        run(supervisor, "flow/out").await;
        assert_eq!(kept.numbers(), up_to(1_000));
        let settled = meter.settle().expect("nothing is left");
        assert!(settled.iter().all(|edge| (edge.counts.put, edge.counts.done) == (1_000, 1_000)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_transform_that_panics_loses_and_doubles_nothing() {
    let (raw, same, kept) = (Edge::new("raw", 16), Edge::new("same", 16), Kept::default());
    let tries = Arc::new(Mutex::new(BTreeMap::<u64, u32>::new()));
    let seen = Arc::clone(&tries);
    // Each seventh panics at its first try, each eleventh says that the stage is broken.
    let hook = move |number: u64| {
        let mut tries = seen.lock().expect("no poison");
        let tried = tries.entry(number).or_default();
        *tried += 1;
        let first = *tried == 1;
        drop(tries);
        assert!(!(first && number.is_multiple_of(7)), "no sevens");
        if first && number.is_multiple_of(11) {
            return Err(Fault::transient("no connection").into());
        }
        Ok(())
    };
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(500)))
        .part(restless(transform("same", &raw, &same, Same::make(hook))))
        .part(sink("out", &same, kept.make()))
        .build()
        .expect("it is fit");
    run(supervisor, "flow/out").await;
    assert_eq!(kept.numbers(), up_to(500));
    let raw = counts(&meter)["raw"];
    assert_eq!((raw.put, raw.done, raw.marked), (500, 500, 0));
    assert!(raw.again > 0, "{raw:?}");
    // The code saw what was in the middle twice, and nothing else.
    let twice = |number: u64| number.is_multiple_of(7) || number.is_multiple_of(11);
    let tries = tries.lock().expect("no poison");
    assert!(tries.iter().all(|(number, tried)| *tried == 1 + u32::from(twice(*number))));
}

#[tokio::test(start_paused = true)]
async fn restarts_of_every_stage_lose_and_double_nothing() {
    let (raw, same, kept) = (Edge::new("raw", 8), Edge::new("same", 8), Kept::default());
    let slow = kept.clone();
    let by_force = |part: Part| restless(part).with(|child| child.abort_at_once());
    let (supervisor, meter) = flow("flow")
        .part(by_force(source("in", &raw, Numbers::make(2_000))))
        .part(by_force(transform("same", &raw, &same, Same::make(|_| Ok(())))))
        .part(restless(sink("out", &same, move |_| Ok(Slow(slow.clone(), Some(MS))))))
        .build()
        .expect("it is fit");
    let owner = tree().child(patient(supervisor)).start().expect("it is fit");
    let (handle, mut restarts) = (owner.handle(), 0);
    let operator = handle.by("test");
    while counts(&meter)["same"].done < 2_000 {
        for stage in ["flow/in", "flow/same", "flow/out"] {
            let view = soon(handle.child(stage)).await.expect("it is there");
            // One that has come to its end would begin again.
            if view.standing == Standing::Ready {
                restarts += 1;
                operator.restart(stage, "again and again").await.expect("it is there");
            }
        }
        sleep(7 * MS).await;
    }
    soon(owner.drain("all has come through")).await;
    assert_eq!(kept.numbers(), up_to(2_000));
    assert_eq!(counts(&meter)["raw"].done, 2_000);
    assert!(restarts > 500, "{restarts} restarts");
}

// obzenflow 26
#[tokio::test(start_paused = true)]
async fn a_poisonous_item_is_marked_and_the_flow_goes_on() {
    let (raw, same, more) = (Edge::new("raw", 4), Edge::new("same", 4), Edge::new("more", 4));
    let kept = Kept::default();
    let tried = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&tried);
    let hook = move |number| match number {
        13 => {
            counted.fetch_add(1, Ordering::Relaxed);
            Err("unlucky".into())
        }
        17 => panic!("it panics every time"),
        _ => Ok(()),
    };
    let untouched = |number| if number == 13 { Err("it was processed".into()) } else { Ok(()) };
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(30)))
        .part(restless(transform("same", &raw, &same, Same::make(hook))))
        .part(transform("more", &same, &more, Same::make(untouched)))
        .part(sink("out", &more, kept.make()))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    let mut events = owner.handle().events();
    down(&owner.handle(), "flow/out").await;
    soon(owner.drain("all has come through")).await;
    let records = told(&mut events).await;
    let expected: Vec<u64> = up_to(30).into_iter().filter(|n| ![13, 17].contains(n)).collect();
    assert_eq!(kept.numbers(), expected);
    let marked = kept.marked();
    assert_eq!(marked[0], (13, "same gave it up after 3 tries: unlucky".into()));
    let why = "same gave it up after 3 tries: every run that took it ended in the middle of it";
    assert_eq!(marked[1], (17, why.into()));
    assert_eq!((marked.len(), tried.load(Ordering::Relaxed)), (2, 3));
    let counts = counts(&meter);
    assert_eq!((counts["raw"].marked, counts["same"].marked, counts["more"].done), (2, 0, 30));
    let says = "an item of raw, tried 3 times, failed: unlucky";
    let is_told =
        |record| crate::play::told_in(record).is_some_and(|news| news.to_string() == says);
    assert!(records.iter().any(is_told));
}

#[tokio::test(start_paused = true)]
async fn marked_items_can_go_to_an_edge_of_their_own() {
    struct Aside(Kept);
    impl Sink for Aside {
        type Item = Marked;
        async fn put(&mut self, item: &Marked) -> Result<(), BoxError> {
            Sink::marked(&mut self.0, item).await
        }
    }
    let (raw, same, errors) = (Edge::new("raw", 4), Edge::new("same", 4), Edge::new("errors", 4));
    let kept = Kept::default();
    let aside = kept.clone();
    let hook = |number: u64| if number.is_multiple_of(3) { Err("three".into()) } else { Ok(()) };
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(30)))
        .part(transform("same", &raw, &same, Same::make(hook)).tries(1).errors(&errors))
        .part(sink("out", &same, kept.make()))
        .part(sink("aside", &errors, move |_| Ok(Aside(aside.clone()))))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    down(&owner.handle(), "flow/out").await;
    down(&owner.handle(), "flow/aside").await;
    soon(owner.drain("all has come through")).await;
    assert_eq!((kept.numbers().len(), kept.marked().len()), (20, 10));
    assert_eq!(kept.marked()[0], (3, "same gave it up after 1 tries: three".into()));
    meter.settle().expect("nothing is left");
}

/// Takes its time, or for ever.
pub(crate) struct Slow(pub(crate) Kept, pub(crate) Option<std::time::Duration>);

impl Sink for Slow {
    type Item = u64;
    async fn put(&mut self, number: &u64) -> Result<(), BoxError> {
        match self.1 {
            Some(time) => sleep(time).await,
            None => pending().await,
        }
        self.0.put(number).await
    }

    async fn marked(&mut self, item: &Marked) -> Result<(), BoxError> {
        Sink::marked(&mut self.0, item).await
    }
}

#[tokio::test(start_paused = true)]
async fn edges_are_bounded_and_push_back() {
    let (raw, same, kept) = (Edge::new("raw", 8), Edge::new("same", 4), Kept::default());
    let slow = kept.clone();
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, Numbers::make(1_000)))
        .part(transform("same", &raw, &same, Same::make(|_| Ok(()))))
        .part(sink("out", &same, move |_| Ok(Slow(slow.clone(), Some(SEC)))))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    for _ in 0..100 {
        sleep(SEC).await;
        let counts = counts(&meter);
        assert!(counts["raw"].waiting <= 8 && counts["same"].waiting <= 4, "{counts:?}");
        // What came in is what went out, what waits on two edges, and what three stages have in hand.
        assert!(counts["raw"].put <= kept.numbers().len() as u64 + 8 + 4 + 3 * 8, "{counts:?}");
    }
    owner.handle().by("test").stop("flow", "enough").await.expect("it is there");
    down(&owner.handle(), "flow").await;
    soon(owner.drain("enough")).await;
}

#[tokio::test(start_paused = true)]
async fn a_stall_names_the_edge() {
    let (raw, kept) = (Edge::new("raw", 2).stall(5 * SEC), Kept::default());
    let (supervisor, _) = flow("flow")
        .part(source("in", &raw, Numbers::make(1_000)).with(|child| child.optional()))
        .part(sink("out", &raw, move |_| Ok(Slow(kept.clone(), None))))
        .build()
        .expect("it is fit");
    let owner = tree().child(supervisor).start().expect("it is fit");
    let mut events = owner.handle().events();
    let fact = crate::play::hear(&mut events, "the edge raw is full").await;
    assert_eq!(fact.path.as_str(), "flow/in");
    assert!(fact.at.since(mainstay::Moment::ZERO) >= 5 * SEC);
    drop(owner);
}

#[tokio::test(start_paused = true)]
async fn a_join_takes_from_all_its_inputs_until_all_have_ended() {
    struct Both;
    impl Join for Both {
        type In = u64;
        type Out = u64;
        async fn apply(
            &mut self,
            from: usize,
            number: &u64,
            out: &mut Vec<u64>,
        ) -> Result<(), BoxError> {
            out.push(number + 1_000 * from as u64);
            Ok(())
        }
    }
    let (one, two, both) = (Edge::new("one", 8), Edge::new("two", 8), Edge::new("both", 8));
    let kept = Kept::default();
    let (supervisor, meter) = flow("flow")
        .part(source("a", &one, Numbers::make(300)))
        .part(source("b", &two, Numbers::make(100)))
        .part(join("join", &[&one, &two], &both, |_| Ok(Both)))
        .part(sink("out", &both, kept.make()))
        .build()
        .expect("it is fit");
    run(supervisor, "flow/out").await;
    let mut numbers = kept.numbers();
    numbers.sort_unstable();
    let expected: Vec<u64> = up_to(300).into_iter().chain(1_001..=1_100).collect();
    assert_eq!(numbers, expected);
    meter.settle().expect("nothing is left");
}

#[test]
fn edges_with_loose_ends_are_refused_all_at_once() {
    let (raw, same, other) =
        (Edge::<u64>::new("raw", 1), Edge::<u64>::new("same", 1), Edge::<u64>::new("same", 1));
    let kept = Kept::default();
    let faults = flow("flow")
        .part(transform("same", &raw, &same, Same::make(|_| Ok(()))))
        .build()
        .expect_err("it has loose ends");
    let name = Arc::<str>::from;
    let (no_writer, no_reader) =
        (FlowFault::NoWriter { edge: name("raw") }, FlowFault::NoReader { edge: name("same") });
    assert_eq!(faults.0, [no_writer, no_reader]);
    let faults = flow("flow")
        .part(source("in", &other, Numbers::make(1)))
        .part(sink("out", &same, kept.make()))
        .build()
        .expect_err("they are two");
    assert_eq!(faults.0, [FlowFault::Elsewhere { edge: name("same") }]);
}

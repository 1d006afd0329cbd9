//! What stages cost: a machine beside the same loop by hand, and a flow beside bare channels, in the same run.
//!
//! `cargo bench -p mainstay --bench stage`. Each figure is the best of five rounds, in turns.

#![expect(clippy::unwrap_used, reason = "a measurement that fails has no result")]
#![expect(clippy::disallowed_methods, reason = "what is compared with is spawned by hand")]

use mainstay::stage::flow::{Edge, Sink, Source, Transform, flow, sink, source, transform};
use mainstay::stage::{Directive, Finish, Machine, Steps, Table, stage};
use mainstay::{BoxError, Standing, tree};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

const STEPS: u64 = 1_000_000;
const ITEMS: u64 = 1_000_000;
const ROOM: usize = 64;
const ROUNDS: usize = 5;

fn main() {
    println!("| what | by hand | mainstay | ratio |\n| --- | ---: | ---: | ---: |");
    let one = || Builder::new_current_thread().enable_all().build().unwrap();
    let two = || Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    row("a step with one action", STEPS, || one().block_on(by_hand()), || machine(&one()));
    row("an item through three stages, one thread", ITEMS, || channels(&one()), || edges(&one()));
    row("an item through three stages, two workers", ITEMS, || channels(&two()), || edges(&two()));
}

fn row(what: &str, count: u64, hand: impl Fn() -> Duration, ours: impl Fn() -> Duration) {
    let (mut best, mut least) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        best = best.min(hand());
        least = least.min(ours());
    }
    let each = |took: Duration| took.as_nanos() as f64 / count as f64;
    let ratio = least.as_secs_f64() / best.as_secs_f64();
    println!("| {what} | {:.0} ns | {:.0} ns | {ratio:.1} |", each(best), each(least));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    One,
    Other,
    Done,
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Flip,
    Over,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Count,
}

struct Flip;

impl Machine for Flip {
    type State = State;
    type Event = Event;
    type Action = Action;
    type Context = u64;
}

struct Flipping;

impl Steps for Flipping {
    type Machine = Flip;

    async fn dispatch(&mut self, _: State, count: &mut u64) -> Result<Directive<Event>, BoxError> {
        let is_over = black_box(*count) >= STEPS;
        Ok(Directive::Transition(if is_over { Event::Over } else { Event::Flip }))
    }

    async fn act(&mut self, Action::Count: Action, count: &mut u64) -> Result<(), BoxError> {
        *count += 1;
        Ok(())
    }
}

/// The loop that somebody writes who has no table: the same calls, and a thread given back as often.
async fn by_hand() -> Duration {
    let began = Instant::now();
    let (mut state, mut count, mut steps) = (State::One, 0, Flipping);
    loop {
        let directive = steps.dispatch(state, &mut count).await.unwrap();
        let Directive::Transition(event) = directive else { break };
        let (next, action) = match (state, event) {
            (State::One, Event::Flip) => (State::Other, Some(Action::Count)),
            (State::Other, Event::Flip) => (State::One, Some(Action::Count)),
            (State::One | State::Other, Event::Over) => (State::Done, None),
            (State::One | State::Other, Event::Failed) => (State::Broken, None),
            (State::Done | State::Broken, _) => break,
        };
        state = next;
        if let Some(action) = action {
            steps.act(action, &mut count).await.unwrap();
        }
        if state == State::Done {
            break;
        }
        if count.is_multiple_of(32) {
            tokio::task::yield_now().await;
        }
    }
    began.elapsed()
}

fn machine(runtime: &Runtime) -> Duration {
    let table = Table::<Flip>::starts(State::One, Event::Failed)
        .state(State::One, |s| {
            s.on(Event::Flip, State::Other, [Action::Count]).on(Event::Over, State::Done, [])
        })
        .state(State::Other, |s| {
            s.on(Event::Flip, State::One, [Action::Count]).on(Event::Over, State::Done, [])
        })
        .anywhere(Event::Failed, State::Broken, [])
        .end(State::Done, Finish::Completed)
        .end(State::Broken, Finish::Failed)
        .build()
        .unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        let child = stage("flip", table, |_| Ok((Flipping, 0)));
        let owner = tree().child(child).start().unwrap();
        owner.handle().wait_for("flip", Standing::Down).await.unwrap();
        let took = began.elapsed();
        owner.drain("measured").await;
        took
    })
}

struct Numbers(u64);

impl Source for Numbers {
    type Item = u64;

    async fn next(&mut self) -> Result<Option<u64>, BoxError> {
        self.0 += 1;
        Ok((self.0 <= ITEMS).then_some(self.0))
    }
}

struct Double;

impl Transform for Double {
    type In = u64;
    type Out = u64;

    async fn apply(&mut self, number: &u64, out: &mut Vec<u64>) -> Result<(), BoxError> {
        out.push(black_box(number * 2));
        Ok(())
    }
}

struct Add(u64);

impl Sink for Add {
    type Item = u64;

    async fn put(&mut self, number: &u64) -> Result<(), BoxError> {
        self.0 = black_box(self.0 + number);
        Ok(())
    }
}

fn edges(runtime: &Runtime) -> Duration {
    let (raw, doubled) = (Edge::new("raw", ROOM), Edge::new("doubled", ROOM));
    let (supervisor, meter) = flow("flow")
        .part(source("in", &raw, |_| Ok(Numbers(0))))
        .part(transform("double", &raw, &doubled, |_| Ok(Double)))
        .part(sink("out", &doubled, |_| Ok(Add(0))))
        .build()
        .unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        let owner = tree().child(supervisor).start().unwrap();
        owner.handle().wait_for("flow/out", Standing::Down).await.unwrap();
        let took = began.elapsed();
        assert_eq!(meter.settle().unwrap()[0].counts.done, ITEMS);
        owner.drain("measured").await;
        took
    })
}

/// Three tasks and two channels: nothing is given again, nothing is counted, nobody restarts.
fn channels(runtime: &Runtime) -> Duration {
    runtime.block_on(async {
        let began = Instant::now();
        let (raw, mut numbers) = mpsc::channel(ROOM);
        let (doubled, mut results) = mpsc::channel(ROOM);
        let first = tokio::spawn(async move {
            for number in 1..=ITEMS {
                raw.send(number).await.unwrap();
            }
        });
        let second = tokio::spawn(async move {
            while let Some(number) = numbers.recv().await {
                doubled.send(black_box(number * 2)).await.unwrap();
            }
        });
        let third = tokio::spawn(async move {
            let mut sum = 0_u64;
            while let Some(number) = results.recv().await {
                sum = black_box(sum + number);
            }
            sum
        });
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(third.await.unwrap(), ITEMS * (ITEMS + 1));
        began.elapsed()
    })
}

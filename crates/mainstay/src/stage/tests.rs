//! A stage in a tree whose decisions are taken down, and that begins again in a later life of its program.

use super::{Directive, Finish, Machine, Steps, Table, stage};
use crate::context::Context;
use crate::declare::tree;
use crate::durable::{Durable, Journal, Link, News as Seen, Orders, Past, Step};
use crate::end::BoxError;
use crate::owner::Owner;
use mainstay_core::{Input, Moment, News, Settled, Snapshot, Standing, Tree};
use mainstay_wire::keeper::Order;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Copying,
    Done,
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Copied,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {}

struct Copy;

impl Machine for Copy {
    type State = State;
    type Event = Event;
    type Action = Action;
    type Context = Context;
}

struct Copying;

impl Steps for Copying {
    type Machine = Copy;

    async fn dispatch(&mut self, _: State, cx: &mut Context) -> Result<Directive<Event>, BoxError> {
        let row = cx.position().map_or(Ok(0), |row| row.parse::<u32>())?;
        cx.positioned(&(row + 1).to_string());
        Ok(Directive::Transition(Event::Copied))
    }

    async fn act(&mut self, action: Action, _: &mut Context) -> Result<(), BoxError> {
        match action {}
    }
}

/// What came in, and the tree with the number of its next event.
type Taken = (Vec<Input>, Option<(Snapshot, u64)>);

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Taken>>);

impl Journal for Paper {
    fn step(&mut self, step: &Step<'_>) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.0.push(step.input.clone());
        taken.1 = Some((step.tree.snapshot(), step.first + step.events.len() as u64));
    }

    fn process(&mut self, _: &Tree, _: Seen<'_>) {}

    fn once_durable(&mut self, answer: Box<dyn FnOnce() + Send>) {
        answer();
    }
}

/// A keeper that nobody asks for anything.
struct Idle;

impl Link for Idle {
    fn order(&self, _: Order) {}

    fn orders(&self) -> Orders {
        Arc::new(|_| {})
    }

    fn leave(self: Box<Self>, _: Duration) {}
}

fn begin(paper: &Paper, past: Option<Past>) -> Owner {
    let table = Table::<Copy>::starts(State::Copying, Event::Failed)
        .state(State::Copying, |s| s.on(Event::Copied, State::Done, []))
        .anywhere(Event::Failed, State::Broken, [])
        .end(State::Done, Finish::Completed)
        .end(State::Broken, Finish::Failed)
        .build()
        .expect("a table without faults");
    let journal = Box::new(paper.clone());
    tree()
        .child(stage("copy", table, |cx| Ok((Copying, cx))))
        .keeper("a tree", |_| Ok(Box::new(Idle)))
        .durable(Durable { journal, past, now: (Moment::ZERO, Duration::ZERO) })
        .start()
        .expect("a valid tree")
}

#[tokio::test(start_paused = true)]
async fn steps_are_in_the_journal_and_the_position_in_the_next_life() {
    let paper = Paper::default();
    let mut past = None;
    for life in 1..=3 {
        let owner = begin(&paper, past);
        owner.handle().wait_for("copy", Standing::Down).await.expect("it ends");
        let view = owner.handle().child("copy").await.expect("it is there");
        assert_eq!(view.position, Some(life.to_string().into()));
        owner.drain("the end of this life").await;
        let (inputs, last) =
            std::mem::take(&mut *paper.0.lock().unwrap_or_else(PoisonError::into_inner));
        let told: Vec<News> = inputs
            .into_iter()
            .filter_map(
                |input| if let Input::Told { news, .. } = input { Some(*news) } else { None },
            )
            .collect();
        let is_settled = |news: &News| matches!(news, News::Settled { how: Settled::Done, .. });
        assert_eq!(told.iter().map(is_settled).collect::<Vec<_>>(), [false, true], "{told:?}");
        let (snapshot, next_event) = last.expect("there was a step");
        let now = snapshot.now + Duration::from_secs(60);
        let snapshot = snapshot.begin_again(now);
        past = Some(Past { snapshot, next_event, now, monotonic: Duration::ZERO, begins: true });
    }
}

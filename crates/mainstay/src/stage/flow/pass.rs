//! Stages that take items: transforms, joins and sinks are one thing, with or without something behind it.

use super::super::{Directive, Steps};
use super::edge::{BATCH, Edge, Finished, NoRoom, Parcel, Writer};
use super::item::{Item, Marked};
use super::words::{Action, Event, State, Words};
use crate::caught::{self, Panic};
use crate::context::Context;
use crate::end::{BoxError, End, Ended};
use mainstay_core::News;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// How many batches are done before others get the thread for certain.
const BATCHES_A_TURN: usize = 16;
/// How many items that are given up a run tells of one by one. All are counted.
const COMPLAINTS: u32 = 16;

/// Makes of each item any number of others.
pub trait Transform: Send + 'static {
    /// What it takes.
    type In: Send + Sync + 'static;
    /// What it makes of it.
    type Out: Send + 'static;

    /// Processes one item.
    ///
    /// An error is about the item: it is tried again, and then marked. An error that says what it means for another
    /// try, a [`Fault`](crate::Fault), is about the stage: its run fails, and so does one that panics; the item is
    /// given again to the next run. What was made of an item is passed on once, when all of it is there.
    fn apply(
        &mut self,
        item: &Self::In,
        out: &mut Vec<Self::Out>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Makes one out of several: items of all inputs, one after the other, each with where it came from.
pub trait Join: Send + 'static {
    /// What it takes.
    type In: Send + Sync + 'static;
    /// What it makes of it.
    type Out: Send + 'static;

    /// Processes one item of the input with this number; see [`Transform::apply`].
    fn apply(
        &mut self,
        from: usize,
        item: &Self::In,
        out: &mut Vec<Self::Out>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Takes items out.
pub trait Sink: Send + 'static {
    /// What it takes.
    type Item: Send + Sync + 'static;

    /// Takes one item out; see [`Transform::apply`]. A run that ends in the middle of it leaves the item to the next.
    fn put(&mut self, item: &Self::Item) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Takes what a stage before gave up, or this one. Otherwise it is dropped here, and counted.
    fn marked(&mut self, _item: &Marked) -> impl Future<Output = Result<(), BoxError>> + Send {
        async { Ok(()) }
    }
}

/// What all three are to the stage below.
pub(super) trait Process: Send + 'static {
    type In: Send + Sync + 'static;
    type Out: Send + 'static;

    fn apply(
        &mut self,
        from: usize,
        item: &Self::In,
        out: &mut Vec<Self::Out>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Takes a marked item that goes nowhere else.
    fn marked(&mut self, _item: &Marked) -> impl Future<Output = Result<(), BoxError>> + Send {
        async { Ok(()) }
    }
}

pub(super) struct One<T>(pub(super) T);
pub(super) struct Several<J>(pub(super) J);
pub(super) struct Last<S>(pub(super) S);

impl<T: Transform> Process for One<T> {
    type In = T::In;
    type Out = T::Out;

    async fn apply(
        &mut self,
        _: usize,
        item: &T::In,
        out: &mut Vec<T::Out>,
    ) -> Result<(), BoxError> {
        self.0.apply(item, out).await
    }
}

impl<J: Join> Process for Several<J> {
    type In = J::In;
    type Out = J::Out;

    async fn apply(
        &mut self,
        from: usize,
        item: &J::In,
        out: &mut Vec<J::Out>,
    ) -> Result<(), BoxError> {
        self.0.apply(from, item, out).await
    }
}

impl<S: Sink> Process for Last<S> {
    type In = S::Item;
    type Out = Infallible;

    async fn apply(
        &mut self,
        _: usize,
        item: &S::Item,
        _: &mut Vec<Infallible>,
    ) -> Result<(), BoxError> {
        self.0.put(item).await
    }

    async fn marked(&mut self, item: &Marked) -> Result<(), BoxError> {
        self.0.marked(item).await
    }
}

/// Where a stage reads and writes, over all its runs.
pub(super) struct Ways<I, O> {
    pub(super) stage: Arc<str>,
    pub(super) inputs: Vec<Edge<I>>,
    pub(super) output: Option<Writer<O>>,
    pub(super) errors: Option<Writer<Marked>>,
    /// How often an item is tried.
    pub(super) tries: u32,
}

impl<I: Send + 'static, O: Send + 'static> Ways<I, O> {
    /// Waits until no way out holds more than it was made for.
    async fn relief(&self, drains: bool) -> Result<(), NoRoom> {
        if let Some(output) = &self.output {
            output.relief(drains).await?;
        }
        if let Some(errors) = &self.errors {
            errors.relief(drains).await?;
        }
        Ok(())
    }
}

/// One run.
pub(super) struct Passing<P: Process> {
    pub(super) process: P,
    pub(super) cx: Context,
    pub(super) ways: Arc<Ways<P::In, P::Out>>,
    /// From which input the batch is.
    from: usize,
    /// What was taken and is not processed.
    batch: VecDeque<Parcel<P::In>>,
    /// How many were taken and processed, but not acknowledged.
    done: usize,
    /// How many of these were given up.
    given_up: u64,
    /// What they became, all of each.
    out: Vec<Item<P::Out>>,
    marked: Vec<Item<Marked>>,
    /// What the present one becomes.
    made: Vec<P::Out>,
    complaints: u32,
    /// How many items of each input are still to be done, once it drains.
    left: Option<Vec<usize>>,
}

impl<P: Process> Passing<P> {
    pub(super) fn new(process: P, cx: Context, ways: &Arc<Ways<P::In, P::Out>>) -> Self {
        ways.inputs.iter().for_each(|input| input.reads(true));
        Self {
            process,
            cx,
            ways: Arc::clone(ways),
            from: 0,
            batch: VecDeque::new(),
            done: 0,
            given_up: 0,
            out: Vec::new(),
            marked: Vec::new(),
            made: Vec::new(),
            complaints: 0,
            left: None,
        }
    }

    async fn flow(&mut self, drains: bool) -> Result<Directive<Event>, BoxError> {
        let most = self.ways.output.as_ref().map_or(BATCH, |output| output.edge().capacity());
        for _ in 0..BATCHES_A_TURN {
            if self.batch.is_empty() && self.done == 0 {
                self.ways.relief(drains).await?;
                if let Some(event) = self.take(drains).await {
                    return Ok(Directive::Transition(event));
                }
            }
            while !self.batch.is_empty() {
                // Each item is brought to its end, and no more: what was asked is heard in between.
                if !drains && self.cx.is_asked_to_stop() {
                    return Ok(Directive::Continue);
                }
                self.work().await?;
                // What few items become may be more than the edge was made for.
                if self.out.len() >= most {
                    break;
                }
            }
            self.hand_over(drains).await?;
        }
        tokio::task::yield_now().await;
        Ok(Directive::Continue)
    }

    /// Takes a batch. Returns the event if there is nothing to take any more.
    async fn take(&mut self, drains: bool) -> Option<Event> {
        let Self { ways, from, batch, left, .. } = self;
        let inputs = &ways.inputs;
        if drains && left.is_none() {
            *left = Some(inputs.iter().map(Edge::waiting).collect());
        }
        let room = ways.output.as_ref().map_or(BATCH, |output| output.edge().capacity());
        poll_fn(|task| {
            let (mut ended, mut emptied) = (0, 0);
            for step in 1..=inputs.len() {
                // The one after the last is asked first: none waits for ever behind another.
                let at = (*from + step) % inputs.len();
                // Where more may come it is bounded by what was there; where all has come, all is done.
                let bound = left.as_ref().filter(|_| !inputs[at].has_ended());
                let most = bound.map_or(BATCH, |left| left[at].min(BATCH)).min(room);
                match inputs[at].poll_take(most, batch, task) {
                    Poll::Ready(()) if batch.is_empty() => ended += 1,
                    Poll::Ready(()) => {
                        *from = at;
                        if let Some(left) = left {
                            left[at] = left[at].saturating_sub(batch.len());
                        }
                        return Poll::Ready(None);
                    }
                    Poll::Pending => emptied += 1,
                }
            }
            match (ended == inputs.len(), drains && ended + emptied == inputs.len()) {
                (true, _) => Poll::Ready(Some(Event::Ended)),
                // Who wrote here is gone without a word, or goes on: what was there is done.
                (false, true) => Poll::Ready(Some(Event::Emptied)),
                (false, false) => Poll::Pending,
            }
        })
        .await
    }

    /// Brings the next item of the batch to its end: processed, passed on, or given up.
    ///
    /// No run follows while the tree drains: there a panic, and an error about the stage, count against the item, and
    /// what stands behind it goes on.
    async fn work(&mut self) -> Result<(), BoxError> {
        let _whole = self.cx.undisturbed();
        let Self { process, ways, from, batch, made, .. } = self;
        let Some(parcel) = batch.front_mut() else { return Ok(()) };
        let is_last = ways.output.is_none() && ways.errors.is_none();
        let mut last: Arc<str> = "every run that took it ended in the middle of it".into();
        // Counted before: a run that ends in the middle of it has tried it too.
        while parcel.tries < ways.tries {
            parcel.tries += 1;
            made.clear();
            let result = match &parcel.item {
                Item::Value(value) => tried(process.apply(*from, value, made)).await,
                Item::Marked(marked) if is_last => tried(process.marked(marked)).await,
                Item::Marked(_) => Ok(()),
            };
            match result {
                Ok(()) => {
                    self.out.extend(self.made.drain(..).map(Item::Value));
                    self.pass_on();
                    return Ok(());
                }
                Err(error) if is_about_the_stage(&*error) && !self.cx.is_draining() => {
                    return Err(error);
                }
                Err(error) => last = text(error),
            }
        }
        self.give_up(last);
        Ok(())
    }

    /// Lets go of the item that is done; a marked one goes on as it is.
    fn pass_on(&mut self) {
        let Some(parcel) = self.batch.pop_front() else { return };
        self.done += 1;
        match parcel.item {
            Item::Value(_) => {}
            Item::Marked(marked) if self.ways.errors.is_some() => {
                self.marked.push(Item::Value(marked));
            }
            Item::Marked(marked) if self.ways.output.is_some() => {
                self.out.push(Item::Marked(marked));
            }
            Item::Marked(_) => {}
        }
    }

    /// Marks the item that nothing came of, and passes it on.
    fn give_up(&mut self, error: Arc<str>) {
        let Some(Parcel { item, tries }) = self.batch.pop_front() else { return };
        // One that was marked right here is counted already.
        let is_counted =
            matches!(&item, Item::Marked(marked) if Arc::ptr_eq(&marked.stage, &self.ways.stage));
        self.given_up += u64::from(!is_counted);
        if self.complaints < COMPLAINTS {
            self.complaints += 1;
            let edge = self.ways.inputs[self.from].name();
            let what = News::brief(&format!("an item of {edge}, tried {tries} times,"));
            let error = News::brief(&error);
            self.cx.tell_news(News::Failed { what, error, left_out: None });
        }
        match item {
            // It is processed no more. One who takes items out gets as many tries to take the mark.
            Item::Value(value) => {
                let stage = Arc::clone(&self.ways.stage);
                let item = Item::Marked(Marked::new(stage, error, tries, value));
                self.batch.push_front(Parcel { item, tries: 0 });
            }
            Item::Marked(_) => self.done += 1,
        }
    }

    /// Waits for room, then puts on what the items became and acknowledges them, with nothing in between.
    async fn hand_over(&mut self, drains: bool) -> Result<(), BoxError> {
        if let Some(output) = &self.ways.output {
            output.room(self.out.len(), drains).await?;
        }
        if let Some(errors) = &self.ways.errors {
            errors.room(self.marked.len(), drains).await?;
        }
        self.put()?;
        Ok(())
    }

    fn put(&mut self) -> Result<(), Finished> {
        if let Some(output) = &self.ways.output {
            output.put(&mut self.out)?;
        }
        if let Some(errors) = &self.ways.errors {
            errors.put(&mut self.marked)?;
        }
        if self.done > 0 {
            let given_up = std::mem::take(&mut self.given_up);
            self.ways.inputs[self.from].acknowledge(std::mem::take(&mut self.done), given_up);
        }
        Ok(())
    }
}

/// Tries something of the user's. A panic is an error like any other here.
async fn tried(trying: impl Future<Output = Result<(), BoxError>>) -> Result<(), BoxError> {
    let mut trying = pin!(trying);
    poll_fn(|task| match caught::guard(|| trying.as_mut().poll(task)) {
        Ok(poll) => poll,
        Err(panic) => Poll::Ready(Err(panic.into())),
    })
    .await
}

/// A panic, and an error that says what it means for another try, are not about the item.
fn is_about_the_stage(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<Panic>() || crate::end::is_judged(error)
}

fn text(error: BoxError) -> Arc<str> {
    let Ended { detail, .. } = Err::<(), _>(error).end();
    detail.unwrap_or_default()
}

impl<P: Process> Steps for Passing<P> {
    type Machine = Words;

    async fn dispatch(&mut self, state: State, (): &mut ()) -> Result<Directive<Event>, BoxError> {
        self.flow(state == State::Draining).await
    }

    async fn act(&mut self, Action::Finish: Action, (): &mut ()) -> Result<(), BoxError> {
        if let Some(output) = &self.ways.output {
            output.finish();
        }
        if let Some(errors) = &self.ways.errors {
            errors.finish();
        }
        Ok(())
    }
}

/// What was made goes on though there may be no room, for it is nowhere else; what was not processed goes back.
impl<P: Process> Drop for Passing<P> {
    fn drop(&mut self) {
        if self.put().is_err() {
            // Its output has had its end of data: what was made has nowhere to go, and is counted as given up.
            let done = std::mem::take(&mut self.done);
            self.ways.inputs[self.from].acknowledge(done, done as u64);
        }
        self.ways.inputs[self.from].give_back(&mut self.batch);
        self.ways.inputs.iter().for_each(|input| input.reads(false));
    }
}

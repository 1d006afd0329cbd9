//! A stage that brings items in.

use super::super::{Directive, Steps};
use super::edge::{BATCH, Writer};
use super::item::Item;
use super::words::{Action, Event, State, Words};
use crate::caught;
use crate::context::Context;
use crate::end::BoxError;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Brings items in, from wherever.
pub trait Source: Send + 'static {
    /// What it brings.
    type Item: Send + 'static;

    /// Returns the next item, or nothing at the end of data.
    ///
    /// What it awaits may be dropped there when the run ends, by a stop, a drain or a failure, and then alone; what
    /// it has returned is never lost while the program lives.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Item>, BoxError>> + Send;

    /// Returns how far it has come, where another run can go on from there: it finds it by
    /// [`Context::position`]. Asked after each item, and taken down once that is on the edge: what a `next` has begun
    /// that was dropped is brought again.
    fn position(&self) -> Option<String> {
        None
    }
}

pub(super) struct Bringing<S: Source> {
    pub(super) source: S,
    pub(super) cx: Context,
    pub(super) writer: Writer<S::Item>,
    /// What is not on the edge yet.
    pub(super) out: Vec<Item<S::Item>>,
    /// How far it has come with that.
    pub(super) position: Option<String>,
    pub(super) has_ended: bool,
}

impl<S: Source> Bringing<S> {
    fn put(&mut self) -> Result<(), BoxError> {
        if self.out.is_empty() {
            return Ok(());
        }
        put(&self.writer, &mut self.out, &self.cx, &mut self.position)
    }

    async fn flow(&mut self) -> Result<Directive<Event>, BoxError> {
        loop {
            // What runs before this one had in hand comes first: each would add to it else.
            self.writer.relief(false).await?;
            self.writer.room(self.out.len(), false).await?;
            self.put()?;
            if self.has_ended {
                return Ok(Directive::Transition(Event::Ended));
            }
            let most = BATCH.min(self.writer.edge().capacity());
            loop {
                match self.next().await? {
                    Some(item) => {
                        // Asked here, for a `next` that is dropped in the middle may have gone on from it.
                        self.position = self.source.position();
                        self.out.push(Item::Value(item));
                    }
                    None => self.has_ended = true,
                }
                if self.has_ended || self.out.len() >= most {
                    break;
                }
            }
            if self.cx.is_asked_to_stop() {
                return Ok(Directive::Continue);
            }
            tokio::task::coop::consume_budget().await;
        }
    }

    /// Returns the next item. While it has to be waited for, others go ahead: it is not dropped for them.
    async fn next(&mut self) -> Result<Option<S::Item>, BoxError> {
        let Self { source, cx, writer, out, position, .. } = self;
        let mut going = pin!((!out.is_empty()).then_some(async move {
            writer.room(out.len(), false).await?;
            put(writer, out, cx, position)
        }));
        let mut next = pin!(source.next());
        poll_fn(|task| {
            if let Poll::Ready(next) = next.as_mut().poll(task) {
                return Poll::Ready(next);
            }
            let Some(others) = going.as_mut().as_pin_mut() else { return Poll::Pending };
            let Poll::Ready(gone) = others.poll(task) else { return Poll::Pending };
            going.set(None);
            gone.map_or_else(|stuck| Poll::Ready(Err(stuck)), |()| Poll::Pending)
        })
        .await
    }
}

/// Puts items on the edge, and says how far the source has come with them.
fn put<T: Send + 'static>(
    writer: &Writer<T>,
    out: &mut Vec<Item<T>>,
    cx: &Context,
    position: &mut Option<String>,
) -> Result<(), BoxError> {
    writer.put(out)?;
    if let Some(position) = position.take() {
        cx.positioned(&position);
    }
    Ok(())
}

impl<S: Source> Steps for Bringing<S> {
    type Machine = Words;

    async fn dispatch(&mut self, state: State, (): &mut ()) -> Result<Directive<Event>, BoxError> {
        match state {
            State::Draining => {
                // Though there may be no room: nothing more is read, and this is in hand.
                self.put()?;
                Ok(Directive::Transition(Event::Ended))
            }
            State::Flowing | State::Done | State::Stopped | State::Broken => self.flow().await,
        }
    }

    async fn act(&mut self, Action::Finish: Action, (): &mut ()) -> Result<(), BoxError> {
        self.writer.finish();
        Ok(())
    }
}

/// What it brought and could not put on the edge yet goes there though it may be full: it is nowhere else.
impl<S: Source> Drop for Bringing<S> {
    fn drop(&mut self) {
        drop(caught::guard(|| self.put()));
    }
}

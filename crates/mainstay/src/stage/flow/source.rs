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
    /// What it awaits may be dropped there at a stop; what it has returned is never lost while the program lives.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Item>, BoxError>> + Send;

    /// Returns how far it has come, where another run can go on from there: it finds it by
    /// [`Context::position`]. Asked after items are on the edge.
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
    pub(super) has_ended: bool,
}

impl<S: Source> Bringing<S> {
    fn put(&mut self) -> Result<(), BoxError> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.writer.put(&mut self.out)?;
        if let Some(position) = self.source.position() {
            self.cx.positioned(&position);
        }
        Ok(())
    }

    async fn flow(&mut self) -> Result<Directive<Event>, BoxError> {
        loop {
            self.writer.room(self.out.len(), false).await?;
            self.put()?;
            if self.has_ended {
                return Ok(Directive::Transition(Event::Ended));
            }
            let most = BATCH.min(self.writer.edge().capacity());
            while self.out.len() < most && !self.has_ended {
                let Some(next) = self.next().await? else { break };
                match next {
                    Some(item) => self.out.push(Item::Value(item)),
                    None => self.has_ended = true,
                }
            }
            if self.cx.is_asked_to_stop() {
                return Ok(Directive::Continue);
            }
            tokio::task::coop::consume_budget().await;
        }
    }

    /// Returns the next item; nothing, if it has to be waited for while others could go ahead.
    async fn next(&mut self) -> Result<Option<Option<S::Item>>, BoxError> {
        let is_urgent = !self.out.is_empty();
        let mut next = pin!(self.source.next());
        poll_fn(|task| match next.as_mut().poll(task) {
            Poll::Ready(next) => Poll::Ready(next.map(Some)),
            Poll::Pending if is_urgent => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
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

//! Calling one run of a host.

use super::error::CallError;
use super::line::{Answer, CREDIT, Line, Wish};
use mainstay_core::{Path, RunId};
use mainstay_host::{Codec, CodecError, Contract};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// One run of a host, to be called. It is cheap to clone, and clones share the connection.
///
/// It is valid for this run alone: once that is over every call fails with [`CallError::Gone`], those under way at
/// that moment. The next run is reached by [`Hosted::get`](super::Hosted::get).
pub struct Client<C> {
    pub(super) line: Arc<Line>,
    contract: PhantomData<fn() -> C>,
}

impl<C: Contract> Client<C> {
    pub(super) const fn new(line: Arc<Line>) -> Self {
        Self { line, contract: PhantomData }
    }

    /// Returns which run it is.
    pub fn run(&self) -> RunId {
        self.line.run
    }

    /// Returns the host's place in the tree.
    pub fn path(&self) -> &Path {
        &self.line.path
    }

    /// Returns how many calls are under way, of every clone together.
    pub fn pending(&self) -> usize {
        self.line.pending()
    }

    /// Asks, and waits for the answer for as long as the run lives. A future that is dropped cancels its call.
    ///
    /// # Errors
    ///
    /// The run is over or ends first, the host says that the call failed, there is no room for the call, or the
    /// two sides do not share one contract.
    pub async fn call(&self, request: &C::Request) -> Result<C::Reply, CallError> {
        let (call, answer) = self.line.call(&self.encode(request)?)?;
        let mut waiting = Waiting { line: &self.line, call: Some(call) };
        let answer = answer.await;
        waiting.call = None;
        let bytes = answer.unwrap_or_else(|_| Err(self.lost()))?;
        self.decode("reply", &bytes)
    }

    /// Asks, and waits for the answer no longer than this.
    ///
    /// # Errors
    ///
    /// Nobody answered in time, or as of [`call`](Self::call).
    pub async fn call_within(
        &self,
        request: &C::Request,
        within: Duration,
    ) -> Result<C::Reply, CallError> {
        match tokio::time::timeout(within, self.call(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::TimedOut { path: self.line.path.clone(), after: within }),
        }
    }

    /// Asks for a stream. What is not read holds its host up, after a few items: nothing piles up here.
    ///
    /// # Errors
    ///
    /// The run is over, there is no room for the call, or the request has no form.
    pub fn stream(&self, request: &C::Request) -> Result<Items<C>, CallError> {
        let (call, items) = self.line.stream(&self.encode(request)?)?;
        Ok(Items { client: self.clone(), call, items, read: 0, is_over: false })
    }

    /// Drops the connection and makes another one to the same run, which keeps its state: for a connection that is
    /// believed to be stuck. Calls under way fail.
    ///
    /// # Errors
    ///
    /// The run is over, or ends first.
    pub async fn reconnect(&self) -> Result<(), CallError> {
        let (tell, done) = oneshot::channel();
        self.line.wish(Wish::Reconnect(tell));
        done.await.map_err(|_| self.lost())
    }

    fn encode(&self, request: &C::Request) -> Result<Vec<u8>, CallError> {
        let mut bytes = Vec::new();
        match <C::Codec as Codec<C::Request>>::encode(request, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) => Err(self.not_understood("request", &error)),
        }
    }

    fn decode<T>(&self, what: &'static str, bytes: &[u8]) -> Result<T, CallError>
    where
        C::Codec: Codec<T>,
    {
        C::Codec::decode(bytes).map_err(|error| self.not_understood(what, &error))
    }

    fn not_understood(&self, what: &'static str, error: &CodecError) -> CallError {
        let (path, why) = (self.line.path.clone(), error.to_string().into());
        CallError::Contract { path, what, why }
    }

    fn lost(&self) -> CallError {
        let why = self.line.gone().unwrap_or_else(|| "its run is over".into());
        self.line.is_gone(&why)
    }
}

impl<C> Clone for Client<C> {
    fn clone(&self) -> Self {
        Self { line: Arc::clone(&self.line), contract: PhantomData }
    }
}

impl<C> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({}{})", self.line.path, self.line.run)
    }
}

/// Cancels the call of a future that is dropped.
struct Waiting<'a> {
    line: &'a Line,
    call: Option<u64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            self.line.cancel(call);
        }
    }
}

/// A stream of items that a host sends. Dropping it tells the host that nobody reads any more.
pub struct Items<C> {
    client: Client<C>,
    call: u64,
    items: mpsc::Receiver<Answer>,
    /// How many were read since the host was last told.
    read: u32,
    is_over: bool,
}

impl<C: Contract> Items<C> {
    /// Returns the next item; `None` at the end of the stream.
    ///
    /// # Errors
    ///
    /// The run ended, the host says that it failed, or the item cannot be understood. Nothing follows.
    pub async fn next(&mut self) -> Option<Result<C::Item, CallError>> {
        if self.is_over {
            return None;
        }
        let Some(answer) = self.items.recv().await else {
            self.is_over = true;
            return None;
        };
        let item = answer.and_then(|bytes| {
            self.read += 1;
            if self.read >= CREDIT / 2 {
                self.client.line.credit(self.call, std::mem::take(&mut self.read));
            }
            self.client.decode("item", &bytes)
        });
        if item.is_err() {
            self.is_over = true;
            self.client.line.cancel(self.call);
        }
        Some(item)
    }
}

impl<C> Drop for Items<C> {
    fn drop(&mut self) {
        // Of one that has ended nothing is known any more.
        self.client.line.cancel(self.call);
    }
}

impl<C> fmt::Debug for Items<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Items({:?}, call {})", self.client, self.call)
    }
}

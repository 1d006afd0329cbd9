//! Reaching a host, whichever run of it there is.

use super::client::Client;
use super::desk::{Desk, Now};
use super::error::{CallError, Unavailable};
use mainstay_core::Standing;
use mainstay_host::Contract;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::Instant;

/// Later than anybody waits.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);

/// Returns when so much time will have passed; a span that no clock holds is as good as for ever.
pub(super) fn after(span: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(span).unwrap_or_else(|| now + FAR)
}

/// A host, to be reached from wherever in the program it is needed. Made by [`Host::hosted`](super::Host::hosted)
/// before the host is put into a tree; cheap to clone.
pub struct Hosted<C> {
    pub(super) desk: Arc<Desk>,
    contract: PhantomData<fn() -> C>,
}

/// A host began to serve, or ceased to.
pub enum Availability<C> {
    /// This run can be called.
    Available(Client<C>),
    /// No run can be called; what the last one died of, and when it will be tried again.
    Unavailable(Unavailable),
}

// By hand, for a contract itself is never shown and need not be `Debug`.
impl<C> fmt::Debug for Availability<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Available(client) => f.debug_tuple("Available").field(client).finish(),
            Self::Unavailable(down) => f.debug_tuple("Unavailable").field(down).finish(),
        }
    }
}

impl<C: Contract> Hosted<C> {
    pub(super) const fn new(desk: Arc<Desk>) -> Self {
        Self { desk, contract: PhantomData }
    }

    /// Returns the run that serves, at once; otherwise what the host does instead and when it will be tried again.
    ///
    /// A host that starts on demand is wanted from then on. Whoever asks while it starts joins that start.
    ///
    /// # Errors
    ///
    /// No run serves just now.
    pub fn get(&self) -> Result<Client<C>, Unavailable> {
        match self.desk.now() {
            Now::Serving(line) => Ok(Client::new(line)),
            Now::Down(down) => {
                if down.on_demand {
                    self.desk.demand();
                }
                Err(down)
            }
        }
    }

    /// Waits until a run serves, for so long at most.
    ///
    /// It does not wait for what cannot come: an open breaker that lasts longer, or a host that nothing starts, is
    /// told at once.
    ///
    /// # Errors
    ///
    /// No run served in time, or none can.
    pub async fn ready_within(&self, within: Duration) -> Result<Client<C>, Unavailable> {
        let until = after(within);
        // Followed first: what happens after the look is not missed.
        let mut news = self.desk.watch();
        loop {
            news.mark_unchanged();
            let now = self.desk.now();
            let down = match now {
                Now::Serving(line) => return Ok(Client::new(line)),
                Now::Down(down) => down,
            };
            if down.rests {
                // In time or not: what is so now is looked at below.
                _ = tokio::time::timeout_at(until, self.desk.demanded()).await;
            } else if down.is_hopeless(until) {
                return Err(down);
            }
            if !matches!(tokio::time::timeout_at(until, news.changed()).await, Ok(Ok(()))) {
                return match self.desk.now() {
                    Now::Serving(line) => Ok(Client::new(line)),
                    Now::Down(down) => Err(down),
                };
            }
        }
    }

    /// Asks the run that serves, or the next one if that comes in time.
    ///
    /// A call whose run ends is not made again: what it did there is not known. One that a run refuses because it is
    /// ending has not begun there, and goes to the next run.
    ///
    /// # Errors
    ///
    /// No run served in time, or the call failed.
    pub async fn call_within(
        &self,
        request: &C::Request,
        within: Duration,
    ) -> Result<C::Reply, CallError> {
        let until = after(within);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let client = self.ready_within(left).await?;
            let left = until.saturating_duration_since(Instant::now());
            match client.call_within(request, left).await {
                // Of a run that takes one call, somebody else was first; nothing was sent.
                Err(CallError::Busy { .. }) if client.line.is_one_shot() => {}
                // It came just as that run was asked to end.
                Err(error) if error.is_refused_at_the_end() && !self.serves(&client) => {}
                // What the caller said, of which some went by before the call began.
                Err(CallError::TimedOut { path, .. }) => {
                    return Err(CallError::TimedOut { path, after: within });
                }
                answer => return answer,
            }
        }
    }

    /// Returns whether this is the run that serves.
    pub(super) fn serves(&self, client: &Client<C>) -> bool {
        matches!(self.desk.now(), Now::Serving(line) if line.run == client.line.run)
    }

    /// Follows the host: how it is now, then each change, in order. A change is told before the tree does anything
    /// about it: that a run is gone is heard before its successor is even begun.
    ///
    /// Followers do not know of each other: one that does not read holds up nobody, and misses the oldest changes when
    /// it is 256 behind.
    pub fn subscribe(&self) -> Subscription<C> {
        let (now, news) = self.desk.subscribe();
        Subscription { first: Some(now), news, is_over: false, contract: PhantomData }
    }
}

impl<C> Clone for Hosted<C> {
    fn clone(&self) -> Self {
        Self { desk: Arc::clone(&self.desk), contract: PhantomData }
    }
}

impl<C> fmt::Debug for Hosted<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.desk.now() {
            Now::Serving(line) => write!(f, "Hosted({}{})", line.path, line.run),
            Now::Down(down) => write!(f, "Hosted({}, {})", down.path, down.standing),
        }
    }
}

/// Follows a host. See [`Hosted::subscribe`].
pub struct Subscription<C> {
    first: Option<Now>,
    news: broadcast::Receiver<Now>,
    /// It was told that the host has left its tree.
    is_over: bool,
    contract: PhantomData<fn() -> C>,
}

impl<C: Contract> Subscription<C> {
    /// Returns how the host is at the first call, then the next change; `None` once it has told that the host has
    /// left its tree, or that the tree has ended.
    pub async fn next(&mut self) -> Option<Availability<C>> {
        if self.is_over {
            return None;
        }
        let now = match self.first.take() {
            Some(now) => now,
            None => loop {
                match self.news.recv().await {
                    Ok(now) => break now,
                    // What is left is newer, and in order.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            },
        };
        Some(match now {
            Now::Serving(line) => Availability::Available(Client::new(line)),
            Now::Down(down) => {
                self.is_over = down.standing == Standing::Removed;
                Availability::Unavailable(down)
            }
        })
    }
}

impl<C> fmt::Debug for Subscription<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

//! The way to the keeper, and where one comes from.

use mainstay_keeper::{Keeper, Settings};
use mainstay_wire::keeper::{Order, Report};
use std::fmt;
use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// What a tree says to its keeper.
pub trait Link: Send {
    /// Hands over an order. It never waits.
    fn order(&self, order: Order);

    /// Returns a way to hand over the orders of viewers of terminals, from any thread. It never waits either, and
    /// nothing comes of it once the keeper is gone.
    fn orders(&self) -> Orders;

    /// Ends the keeper, and by force whatever it still holds. It returns when that is gone, but waits no longer
    /// than this: what hangs in the kernel must not hold up who ends.
    fn leave(self: Box<Self>, patience: Duration);
}

/// Takes an order.
pub type Orders = Arc<dyn Fn(Order) + Send + Sync>;

/// Called on the keeper's thread with each report; it must not wait.
pub type Tell = Box<dyn FnMut(Report) + Send>;

/// Where a tree gets its keeper when it starts its first process.
#[derive(Clone)]
pub(crate) struct Source {
    /// By what a later life of this program finds the processes of this one.
    pub(crate) identity: Option<Arc<str>>,
    pub(crate) open: Arc<Open>,
}

type Open = dyn Fn(Option<&str>, Tell) -> io::Result<Box<dyn Link>> + Send + Sync;

impl Default for Source {
    fn default() -> Self {
        Self { identity: None, open: Arc::new(thread) }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// Starts a keeper as a thread of this program.
fn thread(identity: Option<&str>, tell: Tell) -> io::Result<Box<dyn Link>> {
    let settings = Settings { identity: identity.unwrap_or_default().to_owned(), relay: None };
    Ok(Box::new(Keeper::thread(&settings, tell)?))
}

impl Link for Keeper {
    fn order(&self, order: Order) {
        self.order(order);
    }

    fn orders(&self) -> Orders {
        self.orders()
    }

    fn leave(self: Box<Self>, patience: Duration) {
        let (tell, gone) = mpsc::channel::<()>();
        let leaving = move || {
            // Its drop waits for its thread.
            drop(self);
            drop(tell);
        };
        // Where there is no thread left, it is dropped here and now.
        if std::thread::Builder::new().name("mainstay-leaves".into()).spawn(leaving).is_ok() {
            _ = gone.recv_timeout(patience);
        }
    }
}

//! A tree that outlives its program: what it is told and decides is taken down, and a later life of the program goes
//! on from there.
//!
//! ```text
//!  input ─▶ Tree::handle ─▶ Journal::step ─▶ effects
//!                                    └─▶ once durable: the answer to a command
//! ```
//!
//! Only children that are processes live on, for a [keeper](mainstay_keeper) that is a process of its own holds them.
//! [`Past`] is what a later life begins with; whatever it believes of runs is compared with what the keeper holds
//! before the first decision.

use crate::declare::Tree;
use crate::process::Source;
pub use crate::process::{Link, News, Orders, Tell};
use mainstay_core::{Event, Input, Moment, Snapshot, Tree as CoreTree};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Takes down what a tree is told and decides. It is called on the loop and must never wait.
pub trait Journal: Send {
    /// An input was taken. Its effects begin when this returns.
    fn step(&mut self, step: &Step<'_>);

    /// Something is known of the process of a run. It comes before the input that follows from it.
    fn process(&mut self, tree: &CoreTree, news: News<'_>);

    /// Calls this once every step so far is durable, or cannot become so: the answer to a command waits for it.
    fn once_durable(&mut self, answer: Box<dyn FnOnce() + Send>);
}

/// One input, and what the tree stated about it.
#[derive(Debug)]
pub struct Step<'a> {
    /// When it was taken.
    pub at: Moment,
    /// The input.
    pub input: &'a Input,
    /// What followed, in order.
    pub events: &'a [Event],
    /// The number of the first of these events.
    pub first: u64,
    /// The tree as it is now.
    pub tree: &'a CoreTree,
}

/// What a tree goes on from.
#[derive(Clone, Debug)]
pub struct Past {
    /// The tree as the journal has it, its payloads made of their forms.
    pub snapshot: Snapshot,
    /// The number of the next event.
    pub next_event: u64,
    /// The moment that is now.
    pub now: Moment,
    /// The kernel's monotonic clock at that moment: what the keeper saw while nobody decided is placed by it.
    pub monotonic: Duration,
    /// Whether the tree begins anew, as after a reboot, and not in the middle of its runs: then its snapshot has none.
    pub begins: bool,
}

/// How a durable tree is run. See [`Tree::durable`].
pub struct Durable {
    /// What takes down its steps.
    pub journal: Box<dyn Journal>,
    /// What it goes on from; absent: it begins.
    pub past: Option<Past>,
    /// When it begins, the moment and the kernel's monotonic clock then.
    pub now: (Moment, Duration),
}

impl fmt::Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durable").field("past", &self.past.is_some()).finish_non_exhaustive()
    }
}

impl Tree {
    /// Takes down every step, and goes on from an earlier life.
    ///
    /// What is declared here counts only for a tree that begins: one with a [`Past`] has its specs from there, and
    /// an [`apply`](crate::Operator::apply) brings it to what is declared now.
    #[must_use]
    pub fn durable(mut self, durable: Durable) -> Self {
        self.whole.durable = Some(Arc::new(std::sync::Mutex::new(Some(durable))));
        self
    }

    /// Reaches its keeper this way. The closure is called when the tree first has to do with a process, and is given
    /// what has to hear every report; `identity` is what finds its processes again.
    #[must_use]
    pub fn keeper(
        mut self,
        identity: impl Into<Arc<str>>,
        open: impl Fn(Tell) -> io::Result<Box<dyn Link>> + Send + Sync + 'static,
    ) -> Self {
        let open = Arc::new(move |_: Option<&str>, tell| open(tell));
        self.whole.keeper = Source { identity: Some(identity.into()), open };
        self
    }
}

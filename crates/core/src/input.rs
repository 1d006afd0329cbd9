//! Everything that can happen to a tree.

use crate::command::Command;
use crate::exit::Exit;
use crate::id::{ChildId, RunId};
use crate::news::Told;
use alloc::sync::Arc;
use core::time::Duration;

/// One thing that happened. Facts about a run carry its [`RunId`]; a fact about another run than the
/// present one becomes [`Event::Stale`](crate::Event::Stale) and changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The tree begins: its root starts. Later ones change nothing.
    Boot,
    /// A deadline may have passed.
    Clock,
    /// A run has begun: the task is spawned, the process executed.
    Started(ChildId, RunId),
    /// A run can serve.
    Ready(ChildId, RunId),
    /// A run is over and everything it owned is gone.
    Exited {
        /// The child.
        child: ChildId,
        /// Which run.
        run: RunId,
        /// How it ended.
        exit: Exit,
        /// What it said about it: an error's text, a panic's message. Kept, never judged.
        detail: Option<Arc<str>>,
    },
    /// A sign of life.
    Beat(ChildId, RunId),
    /// A run says itself how long its silence may be from now on: this stands in for its declared heartbeat until it ends.
    Patience {
        /// The child.
        child: ChildId,
        /// Which run.
        run: RunId,
        /// The longest silence that is not yet a loss; zero: it gives no signs of life any more.
        within: Duration,
    },
    /// A probe has its answer.
    Probed {
        /// The child.
        child: ChildId,
        /// Which run.
        run: RunId,
        /// The index of the probe in its spec.
        probe: u8,
        /// Whether it succeeded.
        ok: bool,
    },
    /// Work is pending, or no longer.
    Pending {
        /// The child.
        child: ChildId,
        /// Which run.
        run: RunId,
        /// Whether there is any.
        pending: bool,
    },
    /// Pending work moved.
    Progress(ChildId, RunId),
    /// What the last run had is restored.
    Rehydrated(ChildId, RunId),
    /// A reload is done.
    Reloaded(ChildId, RunId),
    /// The run asks for more time in its present phase.
    Extend {
        /// The child.
        child: ChildId,
        /// Which run.
        run: RunId,
        /// How much, counted from now.
        by: Duration,
    },
    /// The run asks to be replaced by a fresh one.
    WantsRecycle(ChildId, RunId),
    /// The memory guard spoke.
    Guard {
        /// The child.
        child: ChildId,
        /// Which run.
        run: RunId,
        /// Whether the hard limit was passed: the run is recycled.
        hard: bool,
    },
    /// A run has kept its thread busy for that long without giving it back. It is stated and changes nothing.
    Blocked {
        /// The child.
        child: ChildId,
        /// Which run.
        run: RunId,
        /// For how long so far.
        lasted: Duration,
    },
    /// A run tells of its own steps. It is stated and changes nothing.
    Told {
        /// The child.
        child: ChildId,
        /// Which run.
        run: RunId,
        /// What it tells.
        news: Told,
    },
    /// A run has come so far in its work. It is kept for the next run, which may go on from there.
    Positioned {
        /// The child.
        child: ChildId,
        /// Which run.
        run: RunId,
        /// How far, in its own words.
        position: Arc<str>,
    },
    /// Whatever hands inputs to the tree was itself held up for that long. It is stated and changes nothing.
    Stalled(Duration),
    /// Somebody wants to use the child.
    Demand(ChildId),
    /// Somebody asks for something.
    Command(Command),
}

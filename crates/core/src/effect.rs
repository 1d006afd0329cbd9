//! Everything a tree can ask of the world, and where it puts what it asks and states.

use crate::command::Reply;
use crate::event::{Event, Rule};
use crate::exit::Cause;
use crate::id::{ChildId, RunId};
use crate::spec::Kind;
use alloc::vec::Vec;
use core::time::Duration;

/// One thing to do. The world begins it and returns; what comes of it is an [`Input`](crate::Input).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Begin this run. `Started` or `Exited` must follow.
    Start {
        /// The child.
        child: ChildId,
        /// The run to begin.
        run: RunId,
        /// Whether this child has never run before: boot work belongs here, not into a restart.
        first: bool,
    },
    /// Take this stop step; what a step does stands in the driver's settings. `Exited` may follow.
    Stop {
        /// The child.
        child: ChildId,
        /// Its run.
        run: RunId,
        /// The index of the step.
        step: u8,
    },
    /// End it by force. `Exited` must follow as soon as it is gone.
    Kill(ChildId, RunId),
    /// Ask a probe. `Probed` must follow within the timeout.
    Probe {
        /// The child.
        child: ChildId,
        /// Its run.
        run: RunId,
        /// The index of the probe.
        probe: u8,
        /// How long the answer may take.
        timeout: Duration,
    },
    /// Restore what the last run had. `Rehydrated` must follow.
    Rehydrate(ChildId, RunId),
    /// Tell it to read its settings again. `Reloaded` may follow.
    Reload(ChildId, RunId),
    /// Suspend it.
    Freeze(ChildId, RunId),
    /// Let it go on.
    Thaw(ChildId, RunId),
    /// Apply the new settings of its spec to the live run.
    Change(ChildId, RunId),
    /// Nobody waits for this run any more; it may still exist.
    Abandon(ChildId, RunId),
    /// The child left the tree: drop what belongs to it.
    Forget(ChildId),
    /// The tree has ended.
    End(Outcome),
}

/// How a tree ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was asked to.
    Asked,
    /// A child ended it.
    Fatal {
        /// The child.
        child: ChildId,
        /// How its last run ended.
        cause: Cause,
        /// The exit code a program whose tree ended so should have.
        code: u8,
    },
}

impl Outcome {
    /// Returns the outcome of a tree that this child ended.
    ///
    /// A critical process hands its own code on, a clean 0 included: so a container ends with the
    /// code of its essential program. A child within the program has no code of its own, and a spent
    /// budget is a failure however its last run ended.
    pub(crate) fn fatal(child: ChildId, kind: &Kind, cause: Cause, rule: Rule) -> Self {
        let own = matches!(kind, Kind::Process | Kind::Host)
            && matches!(rule, Rule::Never | Rule::CleanEnd | Rule::Skipped);
        let code = if own { cause.code() } else { cause.code().max(1) };
        Self::Fatal { child, cause, code }
    }

    /// Returns the exit code of a program whose tree ended so.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Asked => 0,
            Self::Fatal { code, .. } => *code,
        }
    }
}

/// Where a tree puts what it asks and states. The caller empties it and hands it in again.
///
/// Events come before effects in meaning: whoever watches the tree hears that a child is gone before
/// its next run begins.
#[derive(Debug, Default)]
pub struct Effects {
    /// What the tree states.
    pub events: Vec<Event>,
    /// What the tree asks, in this order.
    pub effects: Vec<Effect>,
    /// Answers to commands; each after what the command did.
    pub replies: Vec<Reply>,
}

impl Effects {
    /// Returns an empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.effects.clear();
        self.replies.clear();
    }

    pub(crate) fn note(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(crate) fn ask(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}

//! What operators ask for, and the answers.

use crate::id::{ChildId, CommandId, Path, RunId};
use crate::spec::{Declared, TreeSpec};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// One request, with who asks and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Sending the same id twice has one effect; zero is never remembered.
    pub id: CommandId,
    /// Who asks. Must not be empty.
    pub who: Arc<str>,
    /// Why. Must not be empty.
    pub why: Arc<str>,
    /// Which child; the root for what concerns the tree.
    pub target: Path,
    /// Only if this is its run.
    pub if_run: Option<RunId>,
    /// Only if this is the revision of its spec.
    pub if_revision: Option<u32>,
    /// What is asked.
    pub verb: Verb,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Want it up and start it now, whatever the delay.
    Start {
        /// Even while its breaker is open or an abandoned run occupies it.
        over: bool,
    },
    /// Want it down.
    Stop,
    /// Stop it, then start it; never charges a budget.
    Restart,
    /// Tell the live run to read its settings again.
    Reload,
    /// Replace the live run by a fresh one; never charges a budget.
    Recycle,
    /// No automatic starts; the live run goes on.
    Pause {
        /// Whether the live run is suspended too.
        freeze: bool,
    },
    /// End a pause: what policy would have started is started.
    Resume,
    /// Down, and refused until released.
    Quarantine,
    /// End a quarantine: what is wanted up is started.
    Release,
    /// Silence its alerts. What blocks it keeps blocking.
    Acknowledge,
    /// Close its breaker, forget its failures.
    Reset {
        /// Whether to start it.
        start: bool,
    },
    /// Add a child below the target.
    Add {
        /// Its name.
        name: Arc<str>,
        /// What it is; absent below a dynamic supervisor: its template.
        spec: Option<Declared>,
    },
    /// Stop it, then remove it, in any state.
    Remove,
    /// Give it another spec.
    Replace(Declared),
    /// Give the whole tree another spec.
    Apply(Arc<TreeSpec>),
    /// End the tree in order. Again: skip to force. A third time: end at once.
    Drain,
}

/// The answer to one command.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Which command.
    pub command: CommandId,
    /// Who asked.
    pub who: Arc<str>,
    /// What came of it.
    pub result: Result<Done, Refusal>,
}

/// A command that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// The child; of an `Add`, the new one.
    pub child: ChildId,
    /// Whether it changed anything, or it was already so.
    pub changed: bool,
    /// What the child did before.
    pub before: Standing,
    /// What it does now, its own next deadline tells the rest.
    pub after: Standing,
    /// Of an `Apply`: what is done to which child.
    pub plan: Vec<Step>,
}

/// What a child is doing, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Not running, and nothing will start it by itself.
    Down,
    /// Not running; the next run has a moment.
    Waiting,
    /// Not running; something else must happen first.
    Blocked,
    /// A start is under way.
    Starting,
    /// Started and not ready.
    Up,
    /// Can serve.
    Ready,
    /// Asked to end.
    Stopping,
    /// Could not be ended, and still occupies its child.
    Abandoned,
    /// Not in the tree any more.
    Removed,
}

/// One step of an applied spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The child.
    pub path: Path,
    /// What is done to it.
    pub act: Act,
}

/// What applying a spec does to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// It is as it should be.
    Keep,
    /// The new settings hold at once.
    Live,
    /// A new run is needed.
    Restart,
    /// It is new.
    Add,
    /// It is gone from the spec.
    Remove,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody of that name.
    #[error("there is no child {path}")]
    Unknown {
        /// What was asked for.
        path: Path,
    },
    /// The command does not say who asks, or why.
    #[error("a command must say who asks and why")]
    Anonymous,
    /// It was meant for another run.
    #[error("it was meant for run {expected}, but {}", Present(*present))]
    OtherRun {
        /// The run the command was meant for.
        expected: RunId,
        /// The present run, if one lives.
        present: Option<RunId>,
    },
    /// It was meant for another revision of the spec.
    #[error("the present revision is {present}, not {expected}")]
    OtherRevision {
        /// The revision the command was meant for.
        expected: u32,
        /// The present one.
        present: u32,
    },
    /// The same id came with another request before.
    #[error("this command id was used for another command")]
    IdReused,
    /// The tree is ending.
    #[error("the tree is draining")]
    Draining,
    /// The child is quarantined.
    #[error("it is quarantined: release it first")]
    Quarantined,
    /// The breaker is open.
    #[error("its breaker is open: reset it, or start it with override")]
    BreakerOpen,
    /// An abandoned run is still there.
    #[error("run {run} was abandoned and may still exist: wait for it, or start with override")]
    Occupied {
        /// The abandoned run.
        run: RunId,
    },
    /// The child is on its way out.
    #[error("it is being removed")]
    Leaving,
    /// Nothing runs.
    #[error("it is not running")]
    NotRunning,
    /// The verb does not fit the target.
    #[error("{reason}")]
    Unfit {
        /// Why not.
        reason: &'static str,
    },
    /// The name is taken.
    #[error("there is already a child {path}")]
    Exists {
        /// The name.
        path: Path,
    },
    /// The dynamic supervisor is full.
    #[error("it has {max} children, the most it takes")]
    Full {
        /// Its limit.
        max: u32,
    },
    /// The new spec does not fit.
    #[error("the spec does not fit: {}", problems.first().map_or("", |problem| &problem.text))]
    Spec {
        /// Everything wrong with it.
        problems: Vec<crate::spec::check::Problem>,
    },
}

/// What runs now, for the text of a refusal.
struct Present(Option<RunId>);

impl core::fmt::Display for Present {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(run) => write!(f, "run {run} is the present one"),
            None => f.write_str("nothing runs"),
        }
    }
}

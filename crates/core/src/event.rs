//! Every fact a tree states, with its reasons as data.

use crate::child::{AlertKind, Rest};
use crate::command::Refusal;
use crate::effect::Outcome;
use crate::exit::{Asked, Cause, Exit};
use crate::id::{ChildId, CommandId, Path, RunId};
use crate::moment::Moment;
use crate::news::Told;
use crate::policy::backoff::Delay;
use crate::policy::breaker::BreakerState;
use crate::policy::budget::Reading;
use crate::spec::{OnExhausted, Strategy};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

/// One fact. Numbers and journal come from the same events, so they cannot disagree.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A child came into the tree.
    Added {
        /// The child.
        child: ChildId,
        /// Its supervisor.
        above: ChildId,
    },
    /// A child left the tree; its id is never used again.
    Removed(ChildId),
    /// A child has another spec.
    Replaced {
        /// The child.
        child: ChildId,
        /// The number of its spec, counted from 0.
        revision: u32,
    },
    /// A run begins.
    Starting {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// Whether a command asked for it.
        by_hand: bool,
        /// Whether it is the one run that tests a breaker.
        trial: bool,
    },
    /// A run has begun.
    Started {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// The time since `Starting`.
        took: Duration,
    },
    /// A restarted run restores what the last one had.
    Rehydrating(ChildId, RunId),
    /// A run can serve.
    Ready {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// The time since `Starting`.
        took: Duration,
    },
    /// A run can no longer serve; its readiness probe says so.
    Unready(ChildId, RunId),
    /// A run was ready for `stable_after` without a break: earlier failures are forgotten.
    Stable {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// How many ends in a row are forgotten.
        forgotten: u32,
    },
    /// A probe answered otherwise than before.
    Probed {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// The index of the probe.
        probe: u8,
        /// Whether it succeeded.
        ok: bool,
        /// How often in a row.
        streak: u32,
    },
    /// The soft memory limit was passed.
    Guarded(ChildId, RunId),
    /// A run was told to read its settings again, or says it did.
    Reloaded {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// Whether it is done.
        done: bool,
    },
    /// A run was suspended, or goes on.
    Frozen {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// Whether it is suspended now.
        frozen: bool,
    },
    /// A run is asked to end.
    Stopping {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// Why.
        asked: Asked,
    },
    /// A run is ended by force.
    Forced(ChildId, RunId),
    /// A run outlived force. It still occupies its child.
    Abandoned(ChildId, RunId),
    /// A run ended.
    Exited {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// What it means, after what was asked of it.
        cause: Cause,
        /// What the driver reported; a supervisor's end has no report.
        exit: Option<Exit>,
        /// What it said about it.
        detail: Option<Arc<str>>,
        /// The time since `Starting`.
        lived: Duration,
    },
    /// A limit was consulted at an exit or a start.
    Counted {
        /// The child whose exit or start it was.
        child: ChildId,
        /// The limit.
        limit: LimitId,
        /// How it stood before.
        before: Reading,
        /// Whether an entry was added.
        stamped: bool,
        /// Whether it refuses.
        spent: bool,
    },
    /// What follows from an exit. Every `Exited` is followed by exactly one.
    Decided {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// The rule that decided.
        rule: Rule,
        /// What it decided.
        action: Action,
    },
    /// A child does not run, and this is why.
    Rests {
        /// The child.
        child: ChildId,
        /// The reason, with its moment where there is one.
        why: Rest,
    },
    /// A breaker changed.
    Breaker {
        /// The child, or the supervisor whose children it guards.
        child: ChildId,
        /// Whether it guards the children of a supervisor.
        over_children: bool,
        /// What it is now.
        state: BreakerState,
        /// How many openings weigh on it.
        level: u32,
    },
    /// Siblings are stopped, to be started again in order.
    Regrouping {
        /// The supervisor.
        supervisor: ChildId,
        /// The child whose exit began it.
        leader: ChildId,
        /// Which siblings it touches.
        strategy: Strategy,
        /// The wait once all are gone.
        delay: Duration,
        /// The moment before which the group does not start.
        not_before: Moment,
    },
    /// Every sibling of a group has been started again.
    Regrouped(ChildId),
    /// A supervisor gives up.
    GaveUp {
        /// The supervisor.
        supervisor: ChildId,
        /// The child whose end was too much.
        by: ChildId,
    },
    /// Its significant children ended, so a supervisor ends.
    AutoShutdown {
        /// The supervisor.
        supervisor: ChildId,
        /// The child whose end did it.
        by: ChildId,
    },
    /// A person must see this. It stays until acknowledged.
    Alert {
        /// The child.
        child: ChildId,
        /// What happened.
        kind: AlertKind,
    },
    /// A person has seen every alert of a child.
    Acknowledged {
        /// The child.
        child: ChildId,
        /// Who.
        who: Arc<str>,
        /// Why.
        why: Arc<str>,
    },
    /// A command was carried out.
    Commanded {
        /// The child.
        child: ChildId,
        /// Which command.
        id: CommandId,
        /// Who asked.
        who: Arc<str>,
        /// Why.
        why: Arc<str>,
        /// What was asked.
        verb: &'static str,
        /// Whether it changed anything.
        changed: bool,
    },
    /// A command was refused.
    Refused {
        /// Which command.
        id: CommandId,
        /// Who asked.
        who: Arc<str>,
        /// Why they asked.
        why: Arc<str>,
        /// For which child.
        target: Path,
        /// What was asked.
        verb: &'static str,
        /// Why not; boxed, for it is rare and large.
        refusal: Box<Refusal>,
    },
    /// The tree begins to end.
    Draining {
        /// By when everything is gone or named.
        until: Moment,
        /// Why.
        outcome: Outcome,
    },
    /// What is left is ended by force, and at the end left behind.
    DrainForced {
        /// Whether what is left is left behind now.
        abandoning: bool,
    },
    /// The tree has ended.
    Drained(Outcome),
    /// A run has kept its thread busy without giving it back.
    Blocked {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// For how long so far.
        lasted: Duration,
    },
    /// A run tells of its own steps.
    Told {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// What it tells.
        news: Told,
    },
    /// Whatever hands inputs to the tree was held up: every deadline on the way was met late.
    Stalled {
        /// For how long.
        lasted: Duration,
    },
    /// A fact about another run than the present one. It changed nothing.
    Stale {
        /// The child.
        child: ChildId,
        /// The run it was about.
        run: RunId,
    },
    /// The clock went back; the last moment was used instead.
    Backwards {
        /// How far.
        by: Duration,
    },
}

/// One limit of one declarer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitId {
    /// The child, supervisor or root it stands on.
    pub owner: ChildId,
    /// Its index in that spec's budget.
    pub index: u8,
}

/// The rule that decided what follows from an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The run ended as asked: what is wanted now decides.
    Asked(Asked),
    /// The tree drains.
    Draining,
    /// Its supervisor is closing.
    Closing,
    /// A group restart that includes it was already under way: one failure, one restart.
    GroupUnderWay,
    /// `restart: always`.
    Always,
    /// `restart: on-failure`, and it failed.
    OnFailure,
    /// `restart: on-failure`, and it ended clean.
    CleanEnd,
    /// `restart: never`.
    Never,
    /// There was nothing to do.
    Skipped,
    /// The error said that another try is useless.
    Permanent,
    /// The error said that the supervisor itself is in doubt.
    Fatal,
    /// The start failed in a way that retrying cannot mend.
    Unmendable,
    /// This limit is spent.
    Spent(LimitId),
    /// It was the trial of an open breaker.
    TrialFailed,
    /// It was abandoned and somebody went past it.
    Disowned,
    /// Nobody saw it end, and the tree was begun again.
    BegunAgain,
}

/// What follows from an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Another run as soon as nothing stands in its way, or none: what is wanted decides.
    AsWanted,
    /// Another run at this moment.
    Restart {
        /// When.
        at: Moment,
        /// What the wait is made of.
        delay: Delay,
    },
    /// Its siblings are stopped first, then all start in order.
    Regroup {
        /// The wait once all are gone; its holdoff runs meanwhile.
        delay: Delay,
    },
    /// No further run.
    Finish,
    /// What an exhausted budget leads to, for the one who declared it.
    Exhaust {
        /// What it leads to.
        end: OnExhausted,
        /// The child, supervisor or root it happens to.
        owner: ChildId,
    },
}

impl Event {
    /// Returns the child or supervisor it is about; `None` for what concerns the whole tree.
    ///
    /// A refusal names its target by path, for there may be nobody of that name.
    pub const fn child(&self) -> Option<ChildId> {
        match self {
            Self::Added { child, .. }
            | Self::Removed(child)
            | Self::Replaced { child, .. }
            | Self::Starting { child, .. }
            | Self::Started { child, .. }
            | Self::Rehydrating(child, _)
            | Self::Ready { child, .. }
            | Self::Unready(child, _)
            | Self::Stable { child, .. }
            | Self::Probed { child, .. }
            | Self::Guarded(child, _)
            | Self::Reloaded { child, .. }
            | Self::Frozen { child, .. }
            | Self::Stopping { child, .. }
            | Self::Forced(child, _)
            | Self::Abandoned(child, _)
            | Self::Exited { child, .. }
            | Self::Counted { child, .. }
            | Self::Decided { child, .. }
            | Self::Rests { child, .. }
            | Self::Breaker { child, .. }
            | Self::Regrouping { supervisor: child, .. }
            | Self::Regrouped(child)
            | Self::GaveUp { supervisor: child, .. }
            | Self::AutoShutdown { supervisor: child, .. }
            | Self::Alert { child, .. }
            | Self::Acknowledged { child, .. }
            | Self::Commanded { child, .. }
            | Self::Blocked { child, .. }
            | Self::Told { child, .. }
            | Self::Stale { child, .. } => Some(*child),
            Self::Refused { .. }
            | Self::Draining { .. }
            | Self::DrainForced { .. }
            | Self::Drained(_)
            | Self::Stalled { .. }
            | Self::Backwards { .. } => None,
        }
    }

    /// Returns the run it is about, where it is about one.
    pub const fn run(&self) -> Option<RunId> {
        match self {
            Self::Starting { run, .. }
            | Self::Started { run, .. }
            | Self::Rehydrating(_, run)
            | Self::Ready { run, .. }
            | Self::Unready(_, run)
            | Self::Stable { run, .. }
            | Self::Probed { run, .. }
            | Self::Guarded(_, run)
            | Self::Reloaded { run, .. }
            | Self::Frozen { run, .. }
            | Self::Stopping { run, .. }
            | Self::Forced(_, run)
            | Self::Abandoned(_, run)
            | Self::Exited { run, .. }
            | Self::Decided { run, .. }
            | Self::Blocked { run, .. }
            | Self::Told { run, .. }
            | Self::Stale { run, .. } => Some(*run),
            Self::Added { .. }
            | Self::Removed(_)
            | Self::Replaced { .. }
            | Self::Counted { .. }
            | Self::Rests { .. }
            | Self::Breaker { .. }
            | Self::Regrouping { .. }
            | Self::Regrouped(_)
            | Self::GaveUp { .. }
            | Self::AutoShutdown { .. }
            | Self::Alert { .. }
            | Self::Acknowledged { .. }
            | Self::Commanded { .. }
            | Self::Refused { .. }
            | Self::Draining { .. }
            | Self::DrainForced { .. }
            | Self::Drained(_)
            | Self::Stalled { .. }
            | Self::Backwards { .. } => None,
        }
    }
}

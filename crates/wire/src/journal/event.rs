//! Every fact that a tree states.

use super::child::{AlertKindForm, RestForm};
use super::command::RefusalForm;
use super::exit::{AskedForm, CauseForm, ExitForm};
use super::news::NewsForm;
use super::plain::{
    ChildIdForm, CommandIdForm, MomentForm, PathForm, RunIdForm, SpanForm, Word, WordForm, remote,
};
use super::policy::{BreakerStateForm, DelayForm, ReadingForm};
use super::spec::{OnExhaustedForm, StrategyForm};
use mainstay_core::child::{AlertKind, Rest};
use mainstay_core::policy::backoff::Delay;
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::policy::budget::Reading;
use mainstay_core::spec::{OnExhausted, Strategy};
use mainstay_core::{
    Action, Asked, Cause, ChildId, CommandId, Event, Exit, LimitId, Moment, Outcome, Path, Refusal,
    Rule, RunId, Told,
};
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};
use std::sync::Arc;
use std::time::Duration;

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Event", rename_all = "kebab-case")]
pub(super) enum EventForm {
    Added {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "ChildIdForm")]
        above: ChildId,
    },
    Removed(#[serde_as(as = "ChildIdForm")] ChildId),
    Replaced {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        revision: u32,
    },
    Starting {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        by_hand: bool,
        trial: bool,
    },
    Started {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        #[serde_as(as = "SpanForm")]
        took: Duration,
    },
    Rehydrating(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Ready {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        #[serde_as(as = "SpanForm")]
        took: Duration,
    },
    Unready(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Stable {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        forgotten: u32,
    },
    Probed {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        probe: u8,
        ok: bool,
        streak: u32,
    },
    Guarded(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Reloaded {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        done: bool,
    },
    Frozen {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        frozen: bool,
    },
    Stopping {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        #[serde_as(as = "AskedForm")]
        asked: Asked,
    },
    Forced(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Abandoned(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Exited {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        #[serde_as(as = "CauseForm")]
        cause: Cause,
        #[serde_as(as = "Option<ExitForm>")]
        exit: Option<Exit>,
        detail: Option<Arc<str>>,
        #[serde_as(as = "SpanForm")]
        lived: Duration,
    },
    Counted {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "LimitIdForm")]
        limit: LimitId,
        #[serde_as(as = "ReadingForm")]
        before: Reading,
        stamped: bool,
        spent: bool,
    },
    Decided {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        #[serde_as(as = "RuleForm")]
        rule: Rule,
        #[serde_as(as = "ActionForm")]
        action: Action,
    },
    Rests {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RestForm")]
        why: Rest,
    },
    Breaker {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        over_children: bool,
        #[serde_as(as = "BreakerStateForm")]
        state: BreakerState,
        level: u32,
    },
    Regrouping {
        #[serde_as(as = "ChildIdForm")]
        supervisor: ChildId,
        #[serde_as(as = "ChildIdForm")]
        leader: ChildId,
        #[serde_as(as = "StrategyForm")]
        strategy: Strategy,
        #[serde_as(as = "SpanForm")]
        delay: Duration,
        #[serde_as(as = "MomentForm")]
        not_before: Moment,
    },
    Regrouped(#[serde_as(as = "ChildIdForm")] ChildId),
    GaveUp {
        #[serde_as(as = "ChildIdForm")]
        supervisor: ChildId,
        #[serde_as(as = "ChildIdForm")]
        by: ChildId,
    },
    AutoShutdown {
        #[serde_as(as = "ChildIdForm")]
        supervisor: ChildId,
        #[serde_as(as = "ChildIdForm")]
        by: ChildId,
    },
    Alert {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "AlertKindForm")]
        kind: AlertKind,
    },
    Acknowledged {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        who: Arc<str>,
        why: Arc<str>,
    },
    Commanded {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "CommandIdForm")]
        id: CommandId,
        who: Arc<str>,
        why: Arc<str>,
        #[serde_as(as = "WordForm")]
        verb: Word,
        changed: bool,
    },
    Refused {
        #[serde_as(as = "CommandIdForm")]
        id: CommandId,
        who: Arc<str>,
        why: Arc<str>,
        #[serde_as(as = "PathForm")]
        target: Path,
        #[serde_as(as = "WordForm")]
        verb: Word,
        #[serde_as(as = "Box<RefusalForm>")]
        refusal: Box<Refusal>,
    },
    Draining {
        #[serde_as(as = "MomentForm")]
        until: Moment,
        #[serde_as(as = "OutcomeForm")]
        outcome: Outcome,
    },
    DrainForced {
        abandoning: bool,
    },
    Drained(#[serde_as(as = "OutcomeForm")] Outcome),
    Blocked {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        #[serde_as(as = "SpanForm")]
        lasted: Duration,
    },
    Told {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        #[serde_as(as = "Box<NewsForm>")]
        news: Told,
    },
    Stalled {
        #[serde_as(as = "SpanForm")]
        lasted: Duration,
    },
    Stale {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
    },
    Backwards {
        #[serde_as(as = "SpanForm")]
        by: Duration,
    },
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::LimitId")]
pub(super) struct LimitIdForm {
    #[serde_as(as = "ChildIdForm")]
    owner: ChildId,
    index: u8,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Rule", rename_all = "kebab-case")]
pub(super) enum RuleForm {
    Asked(#[serde_as(as = "AskedForm")] Asked),
    Draining,
    Closing,
    GroupUnderWay,
    Always,
    OnFailure,
    CleanEnd,
    Never,
    Skipped,
    Permanent,
    Fatal,
    Unmendable,
    Spent(#[serde_as(as = "LimitIdForm")] LimitId),
    TrialFailed,
    Disowned,
    BegunAgain,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Action", rename_all = "kebab-case")]
pub(super) enum ActionForm {
    AsWanted,
    Restart {
        #[serde_as(as = "MomentForm")]
        at: Moment,
        #[serde_as(as = "DelayForm")]
        delay: Delay,
    },
    Regroup {
        #[serde_as(as = "DelayForm")]
        delay: Delay,
    },
    Finish,
    Exhaust {
        #[serde_as(as = "OnExhaustedForm")]
        end: OnExhausted,
        #[serde_as(as = "ChildIdForm")]
        owner: ChildId,
    },
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Outcome", rename_all = "kebab-case")]
pub(super) enum OutcomeForm {
    Asked,
    Fatal {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "CauseForm")]
        cause: Cause,
        code: u8,
    },
}

remote! {
    EventForm for Event;
    LimitIdForm for LimitId;
    RuleForm for Rule;
    ActionForm for Action;
    OutcomeForm for Outcome;
}

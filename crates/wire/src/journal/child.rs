//! What one child is doing.

use super::event::{ActionForm, RuleForm};
use super::exit::{AskedForm, CauseForm, ExitForm, StartStepForm};
use super::plain::{ChildIdForm, MomentForm, RunIdForm, SpanForm, is_false, remote};
use super::policy::{BreakerForm, WindowForm};
use super::table::unfilled;
use mainstay_core::child::{
    Alert, AlertKind, Child, Ending, Finish, Group, Last, Life, Memory, Phase, Place, Plan,
    ProbeWatch, Rest, State, Want, Watch, Work,
};
use mainstay_core::policy::breaker::Breaker;
use mainstay_core::policy::budget::Window;
use mainstay_core::spec::Declared;
use mainstay_core::{Action, Asked, Cause, ChildId, Exit, Moment, Rule, RunId, StartStep};
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};
use std::sync::Arc;
use std::time::Duration;

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Child")]
pub(super) struct ChildForm {
    #[serde_as(as = "ChildIdForm")]
    id: ChildId,
    #[serde_as(as = "Option<ChildIdForm>")]
    above: Option<ChildId>,
    name: Arc<str>,
    #[serde(skip, default = "unfilled")]
    spec: Declared,
    revision: u32,
    #[serde_as(as = "PlaceForm")]
    place: Place,
    #[serde_as(as = "WantForm")]
    want: Want,
    #[serde(default, skip_serializing_if = "is_false")]
    paused: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    frozen: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    quarantined: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    leaving: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    demanded: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    by_hand: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    counted: bool,
    #[serde_as(as = "PlanForm")]
    plan: Plan,
    #[serde_as(as = "StateForm")]
    state: State,
    runs: u64,
    position: u32,
    #[serde_as(as = "MomentForm")]
    began: Moment,
    #[serde_as(as = "Option<Box<MemoryForm>>")]
    memory: Option<Box<Memory>>,
    #[serde_as(as = "Option<Box<WatchForm>>")]
    watch: Option<Box<Watch>>,
    #[serde_as(as = "Option<Box<GroupForm>>")]
    group: Option<Box<Group>>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Place")]
pub(super) struct PlaceForm {
    rank: u32,
    order: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Want", rename_all = "kebab-case")]
pub(super) enum WantForm {
    Up,
    Down,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Plan", rename_all = "kebab-case")]
pub(super) enum PlanForm {
    Run,
    At(#[serde_as(as = "MomentForm")] Moment),
    Never(#[serde_as(as = "FinishForm")] Finish),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Finish", rename_all = "kebab-case")]
pub(super) enum FinishForm {
    Completed,
    Failed,
    Skipped,
    Stopped,
    NeedLost,
    AwaitsStart,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::State", rename_all = "kebab-case")]
pub(super) enum StateForm {
    Rest {
        #[serde_as(as = "RestForm")]
        why: Rest,
        #[serde_as(as = "MomentForm")]
        since: Moment,
    },
    Live(#[serde_as(as = "LifeForm")] Life),
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Rest", rename_all = "kebab-case")]
pub(super) enum RestForm {
    Draining,
    Above,
    Group,
    Quarantined,
    Paused,
    Broken {
        #[serde_as(as = "Option<MomentForm>")]
        until: Option<Moment>,
    },
    Stopped,
    Finished(#[serde_as(as = "FinishForm")] Finish),
    Waiting {
        #[serde_as(as = "MomentForm")]
        until: Moment,
    },
    Demand,
    Need {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
    },
    Cooldown {
        #[serde_as(as = "ChildIdForm")]
        supervisor: ChildId,
        #[serde_as(as = "Option<MomentForm>")]
        until: Option<Moment>,
    },
    Slot {
        ticket: u64,
    },
    Storm {
        ticket: u64,
    },
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Life")]
pub(super) struct LifeForm {
    #[serde_as(as = "RunIdForm")]
    run: RunId,
    #[serde_as(as = "PhaseForm")]
    phase: Phase,
    #[serde_as(as = "Option<(AskedForm, MomentForm)>")]
    asked: Option<(Asked, Moment)>,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Phase", rename_all = "kebab-case")]
pub(super) enum PhaseForm {
    Starting {
        #[serde_as(as = "MomentForm")]
        until: Moment,
    },
    Started {
        #[serde_as(as = "Option<MomentForm>")]
        until: Option<Moment>,
    },
    Rehydrating {
        #[serde_as(as = "MomentForm")]
        until: Moment,
    },
    Ready {
        #[serde_as(as = "Option<MomentForm>")]
        stable_at: Option<Moment>,
    },
    Unready,
    Stopping {
        step: u8,
        #[serde_as(as = "Option<MomentForm>")]
        until: Option<Moment>,
    },
    Killing {
        #[serde_as(as = "MomentForm")]
        until: Moment,
    },
    Abandoned {
        #[serde_as(as = "MomentForm")]
        since: Moment,
    },
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Group")]
pub(super) struct GroupForm {
    #[serde_as(as = "WorkForm")]
    work: Work,
    left: u32,
    #[serde_as(as = "BreakerForm")]
    breaker: Breaker,
    #[serde_as(as = "Option<MomentForm>")]
    trial_until: Option<Moment>,
    #[serde_as(as = "SpanForm")]
    frozen: Duration,
    #[serde_as(as = "Option<MomentForm>")]
    frozen_since: Option<Moment>,
    next_order: u32,
    #[serde_as(as = "Option<ChildIdForm>")]
    leader: Option<ChildId>,
    #[serde_as(as = "Option<EndingForm>")]
    ending: Option<Ending>,
    #[serde(default, skip_serializing_if = "is_false")]
    remembers: bool,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Work", rename_all = "kebab-case")]
pub(super) enum WorkForm {
    Serving,
    Closing {
        rank: u32,
    },
    Stopping {
        #[serde_as(as = "PlaceForm")]
        from: Place,
        rank: u32,
        #[serde_as(as = "SpanForm")]
        delay: Duration,
        #[serde_as(as = "MomentForm")]
        not_before: Moment,
    },
    Delay {
        #[serde_as(as = "PlaceForm")]
        from: Place,
        #[serde_as(as = "MomentForm")]
        until: Moment,
    },
    Starting {
        #[serde_as(as = "PlaceForm")]
        from: Place,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Ending", rename_all = "kebab-case")]
pub(super) enum EndingForm {
    GaveUp,
    AutoShutdown,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Memory")]
pub(super) struct MemoryForm {
    #[serde_as(as = "Vec<WindowForm>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    windows: Vec<Window>,
    #[serde_as(as = "Option<BreakerForm>")]
    breaker: Option<Breaker>,
    #[serde_as(as = "Vec<AlertForm>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    alerts: Vec<Alert>,
    #[serde_as(as = "Option<LastForm>")]
    last: Option<Last>,
    position: Option<Arc<str>>,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Alert")]
pub(super) struct AlertForm {
    #[serde_as(as = "AlertKindForm")]
    kind: AlertKind,
    #[serde_as(as = "MomentForm")]
    since: Moment,
    again: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    over: bool,
    #[serde_as(as = "Option<(_, _, MomentForm)>")]
    seen: Option<(Arc<str>, Arc<str>, Moment)>,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::AlertKind", rename_all = "kebab-case")]
pub(super) enum AlertKindForm {
    BreakerOpened,
    GroupCooling,
    Quarantined,
    CannotStart(#[serde_as(as = "StartStepForm")] StartStep),
    Permanent,
    GaveUp,
    Abandoned,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Last")]
pub(super) struct LastForm {
    #[serde_as(as = "RunIdForm")]
    run: RunId,
    #[serde_as(as = "MomentForm")]
    began: Moment,
    #[serde_as(as = "MomentForm")]
    ended: Moment,
    #[serde_as(as = "Option<(AskedForm, MomentForm)>")]
    asked: Option<(Asked, Moment)>,
    #[serde(default, skip_serializing_if = "is_false")]
    forced: bool,
    #[serde_as(as = "CauseForm")]
    cause: Cause,
    #[serde_as(as = "Option<ExitForm>")]
    exit: Option<Exit>,
    detail: Option<Arc<str>>,
    #[serde_as(as = "(RuleForm, ActionForm)")]
    decision: (Rule, Action),
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::Watch")]
pub(super) struct WatchForm {
    #[serde_as(as = "Option<MomentForm>")]
    beat: Option<Moment>,
    #[serde_as(as = "Option<SpanForm>")]
    silence: Option<Duration>,
    #[serde_as(as = "Vec<ProbeWatchForm>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    probes: Vec<ProbeWatch>,
    #[serde_as(as = "Option<MomentForm>")]
    progress: Option<Moment>,
    #[serde_as(as = "Option<MomentForm>")]
    recycle: Option<Moment>,
    #[serde_as(as = "Option<MomentForm>")]
    idle: Option<Moment>,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::child::ProbeWatch")]
pub(super) struct ProbeWatchForm {
    #[serde_as(as = "Option<MomentForm>")]
    due: Option<Moment>,
    #[serde(default, skip_serializing_if = "is_false")]
    asked: bool,
    #[serde_as(as = "MomentForm")]
    last: Moment,
    #[serde(default, skip_serializing_if = "is_false")]
    ok: bool,
    streak: u32,
    verdict: Option<bool>,
}

remote! {
    ChildForm for Child;
    PlaceForm for Place;
    WantForm for Want;
    PlanForm for Plan;
    FinishForm for Finish;
    StateForm for State;
    RestForm for Rest;
    LifeForm for Life;
    PhaseForm for Phase;
    GroupForm for Group;
    WorkForm for Work;
    EndingForm for Ending;
    MemoryForm for Memory;
    AlertForm for Alert;
    AlertKindForm for AlertKind;
    LastForm for Last;
    WatchForm for Watch;
    ProbeWatchForm for ProbeWatch;
}

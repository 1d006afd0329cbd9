//! Specs, as far as they name no other spec: [`table`](super::table) has the rest.

use super::exit::SuccessForm;
use super::plain::{SourcesForm, SpanForm, remote};
use super::policy::{BackoffForm, CooldownForm, LimitForm, RestartForm};
use super::table::KindForm;
use mainstay_core::Success;
use mainstay_core::policy::backoff::Backoff;
use mainstay_core::policy::breaker::Cooldown;
use mainstay_core::policy::budget::Limit;
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::{
    Activation, AutoShutdown, ChildSpec, Criticality, Finished, Grace, Heartbeat, Kind, Liveness,
    Need, OnExhausted, OnRestart, Overlap, Probe, ProbeKind, Ready, Sources, Stop, StormRate,
    Strategy, Until,
};
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};
use std::sync::Arc;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::StormRate")]
pub(super) struct StormRateForm {
    burst: u32,
    per_second: f64,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::ChildSpec")]
pub(super) struct ChildSpecForm {
    #[serde_as(as = "KindForm")]
    kind: Kind,
    #[serde_as(as = "RestartForm")]
    restart: Restart,
    #[serde_as(as = "SuccessForm")]
    success: Success,
    #[serde_as(as = "Vec<NeedForm>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<Need>,
    #[serde_as(as = "CriticalityForm")]
    criticality: Criticality,
    significant: bool,
    #[serde_as(as = "ActivationForm")]
    activation: Activation,
    #[serde_as(as = "SpanForm")]
    start_timeout: Duration,
    #[serde_as(as = "ReadyForm")]
    ready: Ready,
    #[serde_as(as = "SpanForm")]
    ready_timeout: Duration,
    #[serde_as(as = "Option<SpanForm>")]
    rehydrate: Option<Duration>,
    #[serde_as(as = "StopForm")]
    stop: Stop,
    #[serde_as(as = "BackoffForm")]
    backoff: Backoff,
    #[serde_as(as = "Vec<LimitForm>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    budget: Vec<Limit>,
    #[serde_as(as = "OnExhaustedForm")]
    on_exhausted: OnExhausted,
    #[serde_as(as = "Vec<CooldownForm>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cooldown: Vec<Cooldown>,
    #[serde_as(as = "SpanForm")]
    level_decay: Duration,
    #[serde_as(as = "SpanForm")]
    stable_after: Duration,
    #[serde_as(as = "Option<StrategyForm>")]
    strategy: Option<Strategy>,
    #[serde_as(as = "LivenessForm")]
    liveness: Liveness,
    #[serde_as(as = "Option<SpanForm>")]
    recycle: Option<Duration>,
    #[serde_as(as = "OverlapForm")]
    overlap: Overlap,
    #[serde_as(as = "SourcesForm")]
    sources: Sources,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Strategy", rename_all = "kebab-case")]
pub(super) enum StrategyForm {
    OneForOne,
    OneForAll,
    RestForOne,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Criticality", rename_all = "kebab-case")]
pub(super) enum CriticalityForm {
    Critical,
    Required,
    Optional,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Activation", rename_all = "kebab-case")]
pub(super) enum ActivationForm {
    Always,
    OnDemand {
        #[serde_as(as = "Option<SpanForm>")]
        idle: Option<Duration>,
    },
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Need")]
pub(super) struct NeedForm {
    child: Arc<str>,
    #[serde_as(as = "UntilForm")]
    until: Until,
    #[serde_as(as = "OnRestartForm")]
    on_restart: OnRestart,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Until", rename_all = "kebab-case")]
pub(super) enum UntilForm {
    Started,
    Ready,
    Completed,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::OnRestart", rename_all = "kebab-case")]
pub(super) enum OnRestartForm {
    Ignore,
    Restart,
    Stop,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Ready", rename_all = "kebab-case")]
pub(super) enum ReadyForm {
    Immediate,
    Notify,
    Fd,
    Probe,
    LogLine,
    Explicit,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Stop")]
pub(super) struct StopForm {
    #[serde_as(as = "Vec<GraceForm>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Grace>,
    #[serde_as(as = "SpanForm")]
    kill_wait: Duration,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Grace", rename_all = "kebab-case")]
pub(super) enum GraceForm {
    For(#[serde_as(as = "SpanForm")] Duration),
    Unbounded,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::OnExhausted", rename_all = "kebab-case")]
pub(super) enum OnExhaustedForm {
    Cooldown,
    Quarantine,
    Escalate,
    Shutdown,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::AutoShutdown", rename_all = "kebab-case")]
pub(super) enum AutoShutdownForm {
    Never,
    AnySignificant,
    AllSignificant,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Finished", rename_all = "kebab-case")]
pub(super) enum FinishedForm {
    Keep,
    Forget,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Overlap", rename_all = "kebab-case")]
pub(super) enum OverlapForm {
    Refuse,
    Allow,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Liveness")]
pub(super) struct LivenessForm {
    #[serde_as(as = "Option<HeartbeatForm>")]
    heartbeat: Option<Heartbeat>,
    #[serde_as(as = "Vec<ProbeForm>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    probes: Vec<Probe>,
    #[serde_as(as = "Option<SpanForm>")]
    progress: Option<Duration>,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Heartbeat")]
pub(super) struct HeartbeatForm {
    #[serde_as(as = "SpanForm")]
    every: Duration,
    misses: u32,
    #[serde_as(as = "Option<SpanForm>")]
    startup: Option<Duration>,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::Probe")]
pub(super) struct ProbeForm {
    #[serde_as(as = "ProbeKindForm")]
    kind: ProbeKind,
    #[serde_as(as = "SpanForm")]
    initial: Duration,
    #[serde_as(as = "SpanForm")]
    every: Duration,
    #[serde_as(as = "SpanForm")]
    timeout: Duration,
    failures: u32,
    successes: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::ProbeKind", rename_all = "kebab-case")]
pub(super) enum ProbeKindForm {
    Startup,
    Readiness,
    Liveness,
}

remote! {
    StormRateForm for StormRate;
    ChildSpecForm for ChildSpec;
    StrategyForm for Strategy;
    CriticalityForm for Criticality;
    ActivationForm for Activation;
    NeedForm for Need;
    UntilForm for Until;
    OnRestartForm for OnRestart;
    ReadyForm for Ready;
    StopForm for Stop;
    GraceForm for Grace;
    OnExhaustedForm for OnExhausted;
    AutoShutdownForm for AutoShutdown;
    FinishedForm for Finished;
    OverlapForm for Overlap;
    LivenessForm for Liveness;
    HeartbeatForm for Heartbeat;
    ProbeForm for Probe;
    ProbeKindForm for ProbeKind;
}

//! The parts of a policy, and what they remember.

use super::plain::{MomentForm, SpanForm, remote};
use mainstay_core::Moment;
use mainstay_core::policy::backoff::{Backoff, Delay, Jitter, Shape};
use mainstay_core::policy::breaker::{Breaker, BreakerState, Cooldown};
use mainstay_core::policy::budget::{Admit, Count, Limit, Reading, Scope, Window, Within};
use mainstay_core::policy::restart::Restart;
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};
use std::collections::VecDeque;
use std::time::Duration;

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::backoff::Backoff")]
pub(super) struct BackoffForm {
    #[serde_as(as = "ShapeForm")]
    shape: Shape,
    #[serde_as(as = "JitterForm")]
    jitter: Jitter,
    #[serde_as(as = "SpanForm")]
    holdoff: Duration,
    forgives: bool,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::backoff::Shape", rename_all = "kebab-case")]
pub(super) enum ShapeForm {
    None,
    Fixed(#[serde_as(as = "SpanForm")] Duration),
    Linear {
        #[serde_as(as = "SpanForm")]
        first: Duration,
        #[serde_as(as = "SpanForm")]
        step: Duration,
        #[serde_as(as = "SpanForm")]
        most: Duration,
    },
    Exponential {
        #[serde_as(as = "SpanForm")]
        first: Duration,
        factor: f64,
        #[serde_as(as = "SpanForm")]
        most: Duration,
    },
    Geometric {
        #[serde_as(as = "SpanForm")]
        first: Duration,
        #[serde_as(as = "SpanForm")]
        most: Duration,
        steps: u32,
    },
    Ladder(#[serde_as(as = "Vec<SpanForm>")] Vec<Duration>),
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::backoff::Jitter", rename_all = "kebab-case")]
pub(super) enum JitterForm {
    None,
    Full,
    Equal,
    Additive(#[serde_as(as = "SpanForm")] Duration),
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::backoff::Delay")]
pub(super) struct DelayForm {
    position: u32,
    #[serde_as(as = "SpanForm")]
    base: Duration,
    #[serde_as(as = "SpanForm")]
    wait: Duration,
    #[serde_as(as = "SpanForm")]
    holdoff: Duration,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::breaker::Cooldown", rename_all = "kebab-case")]
pub(super) enum CooldownForm {
    For(#[serde_as(as = "SpanForm")] Duration),
    Manual,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::breaker::Breaker")]
pub(super) struct BreakerForm {
    #[serde_as(as = "BreakerStateForm")]
    state: BreakerState,
    weight: u32,
    #[serde_as(as = "MomentForm")]
    opened: Moment,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::breaker::BreakerState", rename_all = "kebab-case")]
pub(super) enum BreakerStateForm {
    Closed,
    Open(#[serde_as(as = "Option<MomentForm>")] Option<Moment>),
    Trial,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::budget::Limit")]
pub(super) struct LimitForm {
    #[serde_as(as = "CountForm")]
    count: Count,
    most: u32,
    #[serde_as(as = "WithinForm")]
    within: Within,
    #[serde_as(as = "ScopeForm")]
    scope: Scope,
    #[serde_as(as = "AdmitForm")]
    admit: Admit,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::budget::Count", rename_all = "kebab-case")]
pub(super) enum CountForm {
    Starts,
    Restarts,
    Failures,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::budget::Within", rename_all = "kebab-case")]
pub(super) enum WithinForm {
    Sliding(#[serde_as(as = "SpanForm")] Duration),
    Tumbling(#[serde_as(as = "SpanForm")] Duration),
    Consecutive,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::budget::Scope", rename_all = "kebab-case")]
pub(super) enum ScopeForm {
    Child,
    Supervisor,
    Tree,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::budget::Admit", rename_all = "kebab-case")]
pub(super) enum AdmitForm {
    AtExit,
    AtStart,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::budget::Window", rename_all = "kebab-case")]
pub(super) enum WindowForm {
    Sliding(#[serde_as(as = "VecDeque<MomentForm>")] VecDeque<Moment>),
    Tumbling {
        #[serde_as(as = "MomentForm")]
        opened: Moment,
        count: u32,
    },
    Consecutive(u32),
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::budget::Reading")]
pub(super) struct ReadingForm {
    count: u32,
    most: u32,
    #[serde_as(as = "Option<MomentForm>")]
    falls: Option<Moment>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::policy::restart::Restart", rename_all = "kebab-case")]
pub(super) enum RestartForm {
    Always,
    OnFailure,
    Never,
}

remote! {
    BackoffForm for Backoff;
    ShapeForm for Shape;
    JitterForm for Jitter;
    DelayForm for Delay;
    CooldownForm for Cooldown;
    BreakerForm for Breaker;
    BreakerStateForm for BreakerState;
    LimitForm for Limit;
    CountForm for Count;
    WithinForm for Within;
    ScopeForm for Scope;
    AdmitForm for Admit;
    WindowForm for Window;
    ReadingForm for Reading;
    RestartForm for Restart;
}

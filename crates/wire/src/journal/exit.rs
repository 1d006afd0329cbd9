//! How a run ended.

use super::plain::{MomentForm, SpanForm, remote};
use mainstay_core::{Asked, Cause, Class, Exit, Moment, StartStep, Success};
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};
use std::time::Duration;

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Exit", rename_all = "kebab-case")]
pub(super) enum ExitForm {
    Completed,
    Skipped,
    Failed {
        code: Option<i32>,
        #[serde_as(as = "ClassForm")]
        class: Class,
        #[serde_as(as = "Option<SpanForm>")]
        retry_after: Option<Duration>,
    },
    Signaled {
        signal: u8,
        core: bool,
    },
    Panicked,
    StartFailed {
        #[serde_as(as = "StartStepForm")]
        step: StartStep,
        mendable: bool,
    },
    OutOfMemory,
    OverLimit,
    Aborted,
    Unknown {
        #[serde_as(as = "MomentForm")]
        from: Moment,
        #[serde_as(as = "MomentForm")]
        to: Moment,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Class", rename_all = "kebab-case")]
pub(super) enum ClassForm {
    Plain,
    Transient,
    Permanent,
    Fatal,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::StartStep", rename_all = "kebab-case")]
#[non_exhaustive]
pub(super) enum StartStepForm {
    Factory,
    Program,
    User,
    Folder,
    Environment,
    Output,
    Listen,
    Limits,
    Exec,
    Connect,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Asked", rename_all = "kebab-case")]
pub(super) enum AskedForm {
    Stop,
    Restart,
    Recycle,
    Guard,
    Group,
    Close,
    Dependency,
    Quarantine,
    Remove,
    Replace,
    Idle,
    StartTimeout,
    ReadyTimeout,
    HeartbeatLost,
    ProbeFailed,
    NoProgress,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Cause", rename_all = "kebab-case")]
pub(super) enum CauseForm {
    Completed,
    Skipped,
    Failed {
        code: Option<i32>,
        #[serde_as(as = "ClassForm")]
        class: Class,
    },
    Signaled {
        signal: u8,
        core: bool,
    },
    Panicked,
    StartFailed {
        #[serde_as(as = "StartStepForm")]
        step: StartStep,
        mendable: bool,
    },
    StartTimeout,
    ReadyTimeout,
    HeartbeatLost,
    ProbeFailed,
    NoProgress,
    OutOfMemory,
    OverLimit,
    Stopped,
    Recycled,
    GaveUp,
    DependencyLost,
    Aborted,
    Abandoned,
    Unknown {
        #[serde_as(as = "MomentForm")]
        from: Moment,
        #[serde_as(as = "MomentForm")]
        to: Moment,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Success")]
pub(super) struct SuccessForm {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    codes: Vec<i32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    signals: Vec<u8>,
}

remote! {
    ExitForm for Exit;
    ClassForm for Class;
    StartStepForm for StartStep;
    AskedForm for Asked;
    CauseForm for Cause;
    SuccessForm for Success;
}

//! What operators ask for, as far as it names no spec, and the answers.

use super::plain::{CheckRuleForm, ChildIdForm, PathForm, RunIdForm, Word, WordForm, remote};
use mainstay_core::command::{Act, Step};
use mainstay_core::spec::check;
use mainstay_core::spec::check::Problem;
use mainstay_core::{ChildId, Done, Path, Refusal, RunId, Standing};
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Done")]
pub(super) struct DoneForm {
    #[serde_as(as = "ChildIdForm")]
    child: ChildId,
    changed: bool,
    #[serde_as(as = "StandingForm")]
    before: Standing,
    #[serde_as(as = "StandingForm")]
    after: Standing,
    #[serde_as(as = "Vec<StepForm>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    plan: Vec<Step>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Standing", rename_all = "kebab-case")]
pub(super) enum StandingForm {
    Down,
    Waiting,
    Blocked,
    Starting,
    Up,
    Ready,
    Stopping,
    Abandoned,
    Removed,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Refusal", rename_all = "kebab-case")]
#[non_exhaustive]
pub(super) enum RefusalForm {
    Unknown {
        #[serde_as(as = "PathForm")]
        path: Path,
    },
    Anonymous,
    OtherRun {
        #[serde_as(as = "RunIdForm")]
        expected: RunId,
        #[serde_as(as = "Option<RunIdForm>")]
        present: Option<RunId>,
    },
    OtherRevision {
        expected: u32,
        present: u32,
    },
    IdReused,
    Draining,
    Quarantined,
    BreakerOpen,
    Occupied {
        #[serde_as(as = "RunIdForm")]
        run: RunId,
    },
    Leaving,
    NotRunning,
    Unfit {
        #[serde_as(as = "WordForm")]
        reason: Word,
    },
    Exists {
        #[serde_as(as = "PathForm")]
        path: Path,
    },
    Full {
        max: u32,
    },
    Spec {
        #[serde_as(as = "Vec<ProblemForm>")]
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        problems: Vec<Problem>,
    },
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::command::Step")]
pub(super) struct StepForm {
    #[serde_as(as = "PathForm")]
    path: Path,
    #[serde_as(as = "ActForm")]
    act: Act,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::command::Act", rename_all = "kebab-case")]
pub(super) enum ActForm {
    Keep,
    Live,
    Restart,
    Add,
    Remove,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::spec::check::Problem")]
pub(super) struct ProblemForm {
    #[serde_as(as = "PathForm")]
    path: Path,
    #[serde_as(as = "CheckRuleForm")]
    rule: check::Rule,
    text: String,
}

remote! {
    DoneForm for Done;
    StandingForm for Standing;
    RefusalForm for Refusal;
    StepForm for Step;
    ActForm for Act;
    ProblemForm for Problem;
}

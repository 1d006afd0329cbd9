//! The end of a tree, and what holds for it at large.

use super::event::OutcomeForm;
use super::exit::CauseForm;
use super::plain::{MomentForm, PathForm, RunIdForm, SpanForm, is_false, remote};
use super::spec::StormRateForm;
use mainstay_core::spec::StormRate;
use mainstay_core::{Cause, Drain, Moment, Outcome, Path, ReportLine, RunId, Settings};
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};
use std::sync::Arc;
use std::time::Duration;

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Drain")]
pub(super) struct DrainForm {
    #[serde_as(as = "MomentForm")]
    since: Moment,
    #[serde_as(as = "MomentForm")]
    force_at: Moment,
    #[serde_as(as = "MomentForm")]
    until: Moment,
    asked: u8,
    #[serde_as(as = "OutcomeForm")]
    outcome: Outcome,
    ended: bool,
    #[serde_as(as = "Vec<ReportLineForm>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gone: Vec<ReportLine>,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::ReportLine")]
pub(super) struct ReportLineForm {
    #[serde_as(as = "PathForm")]
    path: Path,
    #[serde_as(as = "Option<RunIdForm>")]
    run: Option<RunId>,
    #[serde_as(as = "Option<MomentForm>")]
    asked_at: Option<Moment>,
    #[serde_as(as = "Option<MomentForm>")]
    ended_at: Option<Moment>,
    #[serde_as(as = "Option<CauseForm>")]
    how: Option<Cause>,
    #[serde(default, skip_serializing_if = "is_false")]
    forced: bool,
    detail: Option<Arc<str>>,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Settings")]
pub(super) struct SettingsForm {
    #[serde_as(as = "SpanForm")]
    drain_timeout: Duration,
    #[serde_as(as = "SpanForm")]
    fatal_drain_timeout: Duration,
    #[serde_as(as = "Option<StormRateForm>")]
    storm_rate: Option<StormRate>,
    seed: u64,
    start_concurrency: u32,
}

remote! {
    DrainForm for Drain;
    ReportLineForm for ReportLine;
    SettingsForm for Settings;
}

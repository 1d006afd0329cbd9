//! Everything that can happen to a tree.

use super::exit::ExitForm;
use super::news::NewsForm;
use super::plain::{ChildIdForm, RunIdForm, SpanForm, remote};
use super::request::CommandForm;
use mainstay_core::{ChildId, Command, Exit, Input, RunId, Told};
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};
use std::sync::Arc;
use std::time::Duration;

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Input", rename_all = "kebab-case")]
pub(super) enum InputForm {
    Boot,
    Clock,
    Started(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Ready(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Exited {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        #[serde_as(as = "ExitForm")]
        exit: Exit,
        detail: Option<Arc<str>>,
    },
    Beat(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Patience {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        #[serde_as(as = "SpanForm")]
        within: Duration,
    },
    Probed {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        probe: u8,
        ok: bool,
    },
    Pending {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        pending: bool,
    },
    Progress(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Rehydrated(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Reloaded(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Extend {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        #[serde_as(as = "SpanForm")]
        by: Duration,
    },
    WantsRecycle(#[serde_as(as = "ChildIdForm")] ChildId, #[serde_as(as = "RunIdForm")] RunId),
    Guard {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        hard: bool,
    },
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
    Positioned {
        #[serde_as(as = "ChildIdForm")]
        child: ChildId,
        #[serde_as(as = "RunIdForm")]
        run: RunId,
        position: Arc<str>,
    },
    Stalled(#[serde_as(as = "SpanForm")] Duration),
    Demand(#[serde_as(as = "ChildIdForm")] ChildId),
    Command(#[serde_as(as = "CommandForm")] Command),
}

remote! {
    InputForm for Input;
}

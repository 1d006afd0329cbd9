//! What the code of a run tells about itself.

use super::plain::remote;
use mainstay_core::{News, Settled};
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};
use std::sync::Arc;

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::News", rename_all = "kebab-case")]
pub(super) enum NewsForm {
    Moved {
        from: Arc<str>,
        event: Arc<str>,
        to: Arc<str>,
        reason: Option<Arc<str>>,
    },
    Acted {
        action: Arc<str>,
    },
    Failed {
        what: Arc<str>,
        error: Arc<str>,
        left_out: Option<Arc<str>>,
    },
    Unhandled {
        state: Arc<str>,
        event: Arc<str>,
    },
    Omitted(u64),
    Settled {
        #[serde_as(as = "SettledForm")]
        how: Settled,
        state: Option<Arc<str>>,
        detail: Option<Arc<str>>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "mainstay_core::Settled", rename_all = "kebab-case")]
pub(super) enum SettledForm {
    Done,
    Failed,
    Panicked,
    Stopped,
    Forced,
    Abandoned,
}

remote! {
    NewsForm for News;
    SettledForm for Settled;
}

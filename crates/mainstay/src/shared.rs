//! What the loop, the runs and the handles of one tree share.

use crate::clock::Clock;
use crate::events::Log;
use crate::inbox::{Inbox, Request};
use crate::report::Report;
use mainstay_core::spec::defaults::Profile;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::runtime::Handle as Runtime;
use tokio::sync::{mpsc, watch};

pub(crate) struct Shared {
    /// Tells the trees of one process apart.
    pub(crate) number: u64,
    /// The seed of every jitter in the tree.
    pub(crate) seed: u64,
    /// Whose defaults hold for what is added later.
    pub(crate) profile: Profile,
    pub(crate) clock: Clock,
    pub(crate) runtime: Runtime,
    pub(crate) inbox: Inbox,
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) log: Log,
    /// The last of the watchdog's questions that the loop has seen.
    pub(crate) answered: AtomicU64,
    /// Who is at the terminals of children.
    #[cfg(feature = "process")]
    pub(crate) hall: crate::console::Hall,
    /// Runs that are talked with, until somebody takes them.
    #[cfg(feature = "process")]
    pub(crate) talks: crate::process::Talks,
    /// The report of the end, once there is one.
    pub(crate) report: watch::Receiver<Option<Arc<Report>>>,
}

//! From a declaration to a running tree.

use crate::clock::Clock;
use crate::declare::{Node, Tree};
use crate::drive::Drive;
#[cfg(feature = "durable")]
use crate::durable::Past;
use crate::events::Log;
use crate::handle::Handle;
use crate::inbox::{self, Inbox};
use crate::owner::Owner;
use crate::shared::Shared;
use crate::{caught, observe, watchdog};
use mainstay_core::spec::Declared;
use mainstay_core::spec::check::Problem;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::{Path, Tree as CoreTree};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle as Runtime;
use tokio::sync::{mpsc, watch};

/// Everything that is wrong with a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    problems: Vec<Problem>,
}

impl SpecError {
    pub(crate) const fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    pub(crate) const fn empty() -> Self {
        Self::new(Vec::new())
    }

    /// Returns every problem, each with the path of the child and the rule it breaks.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [] => f.write_str("the declaration is wrong"),
            [problem] => write!(f, "the declaration is wrong: {problem}"),
            problems => {
                write!(f, "the declaration is wrong in {} places:", problems.len())?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for SpecError {}

/// Why a tree has not been started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The declaration is wrong.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// What is to be gone on from is no tree.
    #[cfg(feature = "durable")]
    #[error("what the tree is to go on from is damaged")]
    Past(#[from] mainstay_core::RestoreError),
    /// There is no runtime to run in.
    #[error(
        "a tree starts within a tokio runtime: call it in an async function, or enter one first"
    )]
    NoRuntime,
    /// The runtime has no timers.
    #[error("the tokio runtime has no timers: build it with `enable_time` or `enable_all`")]
    NoTimer,
}

/// Makes the spec of a child that is added to a running tree below `above`.
pub(crate) fn node(
    node: Node,
    above: &Path,
    profile: Profile,
) -> Result<(Arc<str>, Declared), SpecError> {
    let draft = node.draft(above);
    #[cfg(feature = "process")]
    let problems = crate::process::check(&draft, above);
    let built = draft.build(profile, above);
    #[cfg(feature = "process")]
    let built = crate::process::with(problems, built);
    built.map_err(SpecError::new)
}

/// Starts a tree in the present runtime.
pub(crate) fn start(tree: Tree) -> Result<Owner, StartError> {
    static TREES: AtomicU64 = AtomicU64::new(1);

    let runtime = Runtime::try_current().map_err(|_| StartError::NoRuntime)?;
    let whole = tree.whole.clone();
    let (spec, warnings) = tree.spec()?;
    #[cfg(feature = "durable")]
    let durable = whole.durable.as_ref().and_then(|durable| {
        durable.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    });
    #[cfg(feature = "durable")]
    let past = durable.as_ref().and_then(|durable| durable.past.as_ref());
    #[cfg(feature = "durable")]
    let (core, next_event, seed) = match past {
        Some(Past { snapshot, next_event, .. }) => {
            (CoreTree::restore(snapshot.clone())?, *next_event, snapshot.settings.seed)
        }
        None => (CoreTree::new(&spec), 1, spec.seed),
    };
    #[cfg(not(feature = "durable"))]
    let (core, next_event, seed) = (CoreTree::new(&spec), 1, spec.seed);
    caught::install_hook();
    // The one way to find out: a timer of a runtime without them cannot be made.
    drop(caught::attempt(|| tokio::time::sleep(Duration::ZERO)).ok_or(StartError::NoTimer)?);
    #[cfg(feature = "durable")]
    let clock = match (&durable, past) {
        (_, Some(past)) => Clock::from(past.now, past.monotonic),
        (Some(durable), None) => Clock::from(durable.now.0, durable.now.1),
        (None, None) => Clock::new(),
    };
    #[cfg(not(feature = "durable"))]
    let clock = Clock::new();
    let (requests, incoming) = mpsc::channel(inbox::REQUESTS);
    let (tell, report) = watch::channel(None);
    let shared = Arc::new(Shared {
        number: TREES.fetch_add(1, Ordering::Relaxed),
        seed,
        profile: whole.profile,
        clock,
        runtime: runtime.clone(),
        inbox: Inbox::default(),
        requests,
        log: Log::new(whole.history, core.health(), next_event),
        answered: AtomicU64::new(0),
        #[cfg(feature = "process")]
        hall: crate::console::Hall::default(),
        #[cfg(feature = "process")]
        talks: crate::process::Talks::default(),
        report,
    });
    let watch = whole.watchdog.clone().and_then(|watchdog| watchdog::start(watchdog, &shared));
    let observer = observe::start(&shared, whole.hooks.clone(), &warnings);
    let drive = Drive::new(core, Arc::clone(&shared), incoming, tell, watch, &whole);
    #[cfg(feature = "durable")]
    let drive = drive.durable(durable);
    drop(runtime.spawn(drive.run()));
    Ok(Owner::new(Handle::new(&shared), observer))
}

//! The whole tree: its root supervisor, and what holds for all of it.

use super::policy::Words;
use super::supervisor::{Node, drafts, supervisor_setters};
use crate::build::{SpecError, StartError};
use crate::events::Record;
use crate::owner::Owner;
#[cfg(feature = "process")]
use crate::process::Source;
use crate::report::Report;
use crate::watchdog::Watchdog;
use mainstay_core::Path;
use mainstay_core::policy::budget::{Limit, Scope};
use mainstay_core::spec::check::{Rule, Warning};
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::{
    AutoShutdown, OnExhausted, Preset, StormRate, Strategy, SupervisorDraft, TreeDraft, TreeSpec,
};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// Facts kept for those who read them later; enough for a burst, and a quarter of a MiB.
const HISTORY: usize = 1_024;

/// Begins the declaration of a tree.
///
/// ```no_run
/// # async fn serve(cx: mainstay::Context) {}
/// # async fn example() -> Result<(), mainstay::StartError> {
/// let report = mainstay::tree().child(mainstay::task("web", serve)).run().await?;
/// # Ok(()) }
/// ```
pub fn tree() -> Tree {
    Tree {
        words: Words::default(),
        draft: SupervisorDraft::default(),
        children: Vec::new(),
        whole: Whole::default(),
    }
}

/// A tree as declared. Made by [`tree`].
#[derive(Clone, Debug)]
pub struct Tree {
    words: Words,
    draft: SupervisorDraft,
    children: Vec<Node>,
    pub(crate) whole: Whole,
}

/// What holds for the tree at large.
#[derive(Clone)]
pub(crate) struct Whole {
    drain_timeout: Option<Duration>,
    fatal_drain_timeout: Option<Duration>,
    storm_rate: Option<StormRate>,
    pub(crate) seed: Option<u64>,
    pub(crate) history: usize,
    pub(crate) watchdog: Option<Watchdog>,
    pub(crate) hooks: Vec<Hook>,
    #[cfg(feature = "process")]
    pub(crate) keeper: Source,
    pub(crate) profile: Profile,
    /// Taken by the tree that starts.
    #[cfg(feature = "durable")]
    pub(crate) durable: Option<Arc<std::sync::Mutex<Option<crate::durable::Durable>>>>,
}

/// Called with every event, in a task of its own.
pub(crate) type Hook = Arc<dyn Fn(&Record) + Send + Sync>;

impl Default for Whole {
    fn default() -> Self {
        Self {
            drain_timeout: None,
            fatal_drain_timeout: None,
            storm_rate: None,
            seed: None,
            history: HISTORY,
            watchdog: Some(Watchdog::default()),
            hooks: Vec::new(),
            #[cfg(feature = "process")]
            keeper: Source::default(),
            profile: Profile::Library,
            #[cfg(feature = "durable")]
            durable: None,
        }
    }
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole")
            .field("drain_timeout", &self.drain_timeout)
            .field("fatal_drain_timeout", &self.fatal_drain_timeout)
            .field("storm_rate", &self.storm_rate)
            .field("seed", &self.seed)
            .field("history", &self.history)
            .field("watchdog", &self.watchdog)
            .finish_non_exhaustive()
    }
}

impl Tree {
    /// Returns what is declared at a path; nothing for the root.
    pub fn part(&self, path: &Path) -> Option<&Node> {
        let mut names = path.names();
        let first = names.next()?;
        let mut found = self.children.iter().find(|node| node.name() == first)?;
        for name in names {
            found = found.children().iter().find(|node| node.name() == name)?;
        }
        Some(found)
    }

    /// Takes a named policy for the root: what it says about supervisors.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.words.say().preset = Some(preset);
        self
    }

    /// Adds a limit over every child of the tree together; a spent one ends the tree.
    #[must_use]
    pub fn limit_tree(mut self, limit: Limit) -> Self {
        self.words.limit(limit, Scope::Tree);
        self
    }

    /// Says what a spent limit over the root's children or the whole tree leads to; otherwise the tree ends.
    #[must_use]
    pub fn on_exhausted(mut self, end: OnExhausted) -> Self {
        self.words.say().on_exhausted = Some(end);
        self
    }

    /// Bounds a drain that was asked for; otherwise 60 s. A tenth of it, at most a second, is kept for force.
    #[must_use]
    pub const fn drain_within(mut self, limit: Duration) -> Self {
        self.whole.drain_timeout = Some(limit);
        self
    }

    /// Bounds a drain that a failure caused; otherwise 10 s. A tenth of it, at most a second, is kept for force.
    #[must_use]
    pub const fn fatal_drain_within(mut self, limit: Duration) -> Self {
        self.whole.fatal_drain_timeout = Some(limit);
        self
    }

    /// Spreads starts when very many come at once: it delays them and refuses none.
    #[must_use]
    pub const fn storm_rate(mut self, burst: u32, per_second: f64) -> Self {
        self.whole.storm_rate = Some(StormRate { burst, per_second });
        self
    }

    /// Seeds every jitter, so that a run can be repeated; otherwise each tree has its own.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.whole.seed = Some(seed);
        self
    }

    /// Sets how many events are kept for readers that come later or are slow; otherwise 1 024.
    #[must_use]
    pub const fn history(mut self, events: usize) -> Self {
        self.whole.history = events;
        self
    }

    /// Says how soon a blocked runtime is noticed; otherwise after five seconds. `None`: nobody looks.
    #[must_use]
    pub fn watchdog(mut self, watchdog: impl Into<Option<Watchdog>>) -> Self {
        self.whole.watchdog = watchdog.into();
        self
    }

    /// Names this tree, so that a later life of the program finds the processes that this one left running. One
    /// name belongs to one running tree of the machine.
    ///
    /// Without a name processes get `SIGTERM` from the kernel when the program dies without ending them. With it they
    /// live on, and the next run of their child is what still runs, unless its
    /// [`leftovers`](crate::process::Command::leftovers) says otherwise.
    #[cfg(feature = "process")]
    #[must_use]
    pub fn identity(mut self, name: impl Into<Arc<str>>) -> Self {
        self.whole.keeper.identity = Some(name.into());
        self
    }

    /// Calls this with every event, in a task of its own: for metrics, or a log of another make.
    ///
    /// A hook that panics ten times is not called again. One that is slow misses events, which
    /// `tracing` is told; exact numbers are in [`Handle::counts`](crate::Handle::counts).
    #[must_use]
    pub fn on_event(mut self, hook: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        self.whole.hooks.push(Arc::new(hook));
        self
    }

    /// Says whose defaults hold where nothing is said: otherwise those of the library. Those of the daemon are for a
    /// program that supervises what others wrote: children are optional, and run again after every end.
    #[must_use]
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.whole.profile = profile;
        self
    }

    /// Returns every effective value of the declaration without starting anything, and what is worth knowing about it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, at once.
    pub fn into_spec(self) -> Result<(TreeSpec, Vec<Warning>), SpecError> {
        self.spec()
    }

    /// Checks the declaration without starting anything. Returns what is worth knowing about it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, at once.
    pub fn check(self) -> Result<Vec<Warning>, SpecError> {
        self.spec().map(|(_, warnings)| warnings)
    }

    /// Starts it in the present runtime.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the declaration; or that there is no runtime, or one without timers.
    pub fn start(self) -> Result<Owner, StartError> {
        crate::build::start(self)
    }

    /// Starts it and keeps it running until it ends; see [`Owner::run`].
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn run(self) -> Result<Report, StartError> {
        Ok(self.start()?.run().await)
    }

    /// Returns the spec the core takes, with what is worth knowing about it.
    pub(crate) fn spec(mut self) -> Result<(TreeSpec, Vec<Warning>), SpecError> {
        let profile = self.whole.profile;
        self.draft.children = drafts(self.children, &Path::root());
        #[cfg(feature = "process")]
        let problems = crate::process::check_all(&self.draft.children, &Path::root());
        let cores = std::thread::available_parallelism().ok();
        let draft = TreeDraft {
            root: self.draft,
            root_policy: self.words.finish_as(None, profile),
            drain_timeout: self.whole.drain_timeout,
            fatal_drain_timeout: self.whole.fatal_drain_timeout,
            storm_rate: self.whole.storm_rate,
            seed: self.whole.seed.unwrap_or_else(|| RandomState::new().hash_one(())),
            cores: cores.and_then(|cores| u32::try_from(cores.get()).ok()),
        };
        let built = draft.build(profile);
        #[cfg(feature = "process")]
        let built = crate::process::with(problems, built);
        let (spec, mut warnings) = built.map_err(SpecError::new)?;
        if profile == Profile::Library {
            // That a task is ready once it has started is what its author means by needing it.
            warnings.retain(|warning| warning.rule != Rule::NeedReady);
        }
        Ok((spec, warnings))
    }
}

supervisor_setters!(Tree);

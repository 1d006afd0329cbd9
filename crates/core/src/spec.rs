//! Validated declarations: what a tree is to be. Made from [`Draft`](draft::ChildDraft)s by [`draft::TreeDraft::build`].
//!
//! A spec holds effective values only: every default and preset has been applied, and
//! [`ChildSpec::sources`] remembers where each value came from.

pub mod check;
mod circle;
pub mod defaults;
pub mod draft;
pub mod meaning;
pub mod preset;
pub mod show;
mod source;
mod wiring;

use crate::exit::Success;
use crate::policy::backoff::Backoff;
use crate::policy::breaker::Cooldown;
use crate::policy::budget::Limit;
use crate::policy::restart::Restart;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::ops::Deref;
use core::time::Duration;
pub use draft::{ChildDraft, SupervisorDraft, TreeDraft};
pub use preset::Preset;
pub use source::{Field, Source, Sources};

/// A whole tree: its root supervisor and what holds for the tree at large.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeSpec {
    /// The root; its kind is a supervisor.
    pub root: Declared,
    /// The bound on a drain that was asked for.
    pub drain_timeout: Duration,
    /// The bound on a drain that a failure caused.
    pub fatal_drain_timeout: Duration,
    /// How fast starts may follow each other in the whole tree. It delays and never refuses.
    pub storm_rate: Option<StormRate>,
    /// The seed of every jitter in the tree.
    pub seed: u64,
    /// How many children of one supervisor may be between start and ready where its spec says nothing.
    pub start_concurrency: u32,
}

/// A token bucket for starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StormRate {
    /// How many starts may come at once.
    pub burst: u32,
    /// How many follow each second.
    pub per_second: f64,
}

/// Everything the core knows about one child, effective values only.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildSpec {
    /// What kind of thing it is.
    pub kind: Kind,
    /// When it is run again after an unasked end.
    pub restart: Restart,
    /// Which exit codes and signals are a clean end.
    pub success: Success,
    /// Which siblings must have come how far before it starts.
    pub needs: Vec<Need>,
    /// What its final end means for others.
    pub criticality: Criticality,
    /// Whether its end counts for its supervisor's `auto_shutdown`.
    pub significant: bool,
    /// Whether it runs from the beginning or from the first demand on.
    pub activation: Activation,
    /// The longest time from start to started.
    pub start_timeout: Duration,
    /// What makes it ready.
    pub ready: Ready,
    /// The longest time from started to ready, where a ready rule stands.
    pub ready_timeout: Duration,
    /// The longest time for restoring what the last run had, between ready and serving, after a restart.
    pub rehydrate: Option<Duration>,
    /// How a run is ended.
    pub stop: Stop,
    /// How long to wait before the next run.
    pub backoff: Backoff,
    /// How many starts, restarts or failures are too many.
    pub budget: Vec<Limit>,
    /// What an exhausted budget of its own leads to.
    pub on_exhausted: OnExhausted,
    /// How long the breaker stays open, opening by opening; the last repeats.
    pub cooldown: Vec<Cooldown>,
    /// How long without an opening lets the breaker's level fall by one.
    pub level_decay: Duration,
    /// How long a run must be ready without a break for earlier failures to be forgotten.
    pub stable_after: Duration,
    /// Which siblings its exit touches, where this differs from the supervisor's.
    pub strategy: Option<Strategy>,
    /// Signs of life that are watched.
    pub liveness: Liveness,
    /// The age at which a ready run makes place for a fresh one.
    pub recycle: Option<Duration>,
    /// Whether an abandoned run still keeps the next one from starting.
    pub overlap: Overlap,
    /// Where each value came from.
    pub sources: Sources,
}

/// The spec of one child: what it shares with all that are declared alike, and what is its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// All that the core looks at.
    pub spec: Arc<ChildSpec>,
    /// What only the driver of its kind understands.
    pub payload: Option<Arc<dyn Payload>>,
}

impl Declared {
    /// Returns whether nothing can differ, because both are the very same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same_payload = match (&self.payload, &other.payload) {
            (None, None) => true,
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            (None, Some(_)) | (Some(_), None) => false,
        };
        same_payload && Arc::ptr_eq(&self.spec, &other.spec)
    }
}

impl From<ChildSpec> for Declared {
    fn from(spec: ChildSpec) -> Self {
        Self { spec: Arc::new(spec), payload: None }
    }
}

impl Deref for Declared {
    type Target = ChildSpec;

    fn deref(&self) -> &ChildSpec {
        &self.spec
    }
}

/// What kind of thing a child is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// An async task.
    Task,
    /// A function on a thread of its own.
    Blocking,
    /// An OS process.
    Process,
    /// A process that does dangerous work for a parent.
    Host,
    /// A state machine.
    Stage,
    /// An inner node.
    Supervisor(Box<SupervisorSpec>),
}

/// What an inner node adds to a child.
#[derive(Clone, Debug, PartialEq)]
pub struct SupervisorSpec {
    /// Which siblings an exit touches.
    pub strategy: Strategy,
    /// Its children in order of declaration.
    pub children: Vec<(Arc<str>, Declared)>,
    /// How many children may be between start and ready at once; 1 also makes stops go one by one.
    pub start_concurrency: Option<u32>,
    /// Whether the end of significant children ends it.
    pub auto_shutdown: AutoShutdown,
    /// Set where children are made from a template at run time.
    pub dynamic: Option<Dynamic>,
    /// What becomes of a child that is never run again.
    pub finished: Finished,
    /// Whether a group restart starts siblings that were stopped or completed (OTP).
    pub revive: bool,
    /// What an exhausted limit over its children leads to, or on the root one over the tree.
    pub on_exhausted: OnExhausted,
}

/// Children made from a template at run time: one-for-one, stopped in parallel, forgotten when finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Dynamic {
    /// What an added child without a spec of its own is.
    pub template: Declared,
    /// How many there may be at once, those that wait for a restart included.
    pub max: Option<u32>,
}

/// Which siblings an exit touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// None.
    OneForOne,
    /// All.
    OneForAll,
    /// Those after it in the order of starts.
    RestForOne,
}

/// What the final end of a child means for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criticality {
    /// The tree ends with it.
    Critical,
    /// Its supervisor gives up when its budget is spent.
    Required,
    /// It cools down and is tried again.
    Optional,
}

/// Whether a child runs from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// With its supervisor.
    Always,
    /// At the first demand.
    OnDemand {
        /// Stopped again after this long without a demand.
        idle: Option<Duration>,
    },
}

/// A sibling that must have come so far first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The sibling's name.
    pub child: Arc<str>,
    /// How far it must have come.
    pub until: Until,
    /// What happens to the dependent when the sibling's run ends.
    pub on_restart: OnRestart,
}

/// How far a needed sibling must have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Its run has begun.
    Started,
    /// It can serve.
    Ready,
    /// It has come to a clean end.
    Completed,
}

/// What happens to a dependent when the run of what it needs ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRestart {
    /// Nothing.
    Ignore,
    /// It is stopped, and started again once the need is met again.
    Restart,
    /// It is stopped, and stays down until somebody starts it.
    Stop,
}

/// What makes a child ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Being started.
    Immediate,
    /// A readiness message (sd_notify, a host's handshake).
    Notify,
    /// A line on a descriptor (s6).
    Fd,
    /// Its readiness probe.
    Probe,
    /// A line in its output.
    LogLine,
    /// Its own call.
    Explicit,
}

/// How a run is ended: the steps in turn, each with its grace, then force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// How long each step may take before the next. Empty: force at once. What a step does is the driver's.
    pub steps: Vec<Grace>,
    /// How long force may take before the run is abandoned.
    pub kill_wait: Duration,
}

/// How long a stop step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// This long.
    For(Duration),
    /// As long as it wants; an outer deadline still wins.
    Unbounded,
}

/// What an exhausted budget leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnExhausted {
    /// The breaker opens.
    Cooldown,
    /// Down until released.
    Quarantine,
    /// The supervisor gives up.
    Escalate,
    /// The whole tree drains.
    Shutdown,
}

/// Whether the end of significant children ends their supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoShutdown {
    /// It does not.
    Never,
    /// The first does.
    AnySignificant,
    /// The last does.
    AllSignificant,
}

/// What becomes of a child that is never run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It stays in the tree and can be started by hand.
    Keep,
    /// A `never` child is removed (OTP's temporary, every dynamic supervisor).
    Forget,
}

/// Whether an abandoned run keeps the next one from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// It does.
    Refuse,
    /// It does not: the one exemption from "never two live runs of one child".
    Allow,
}

/// Signs of life that are watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Liveness {
    /// Signs the child sends.
    pub heartbeat: Option<Heartbeat>,
    /// Checks that we make.
    pub probes: Vec<Probe>,
    /// The longest time that pending work may stand still.
    pub progress: Option<Duration>,
}

/// A sign of life the child sends: lost when silent for `every` times `misses` since the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// How often it is sent.
    pub every: Duration,
    /// How many may be missing.
    pub misses: u32,
    /// The longest wait for the first beat, counted from started; absent: watched from ready on.
    pub startup: Option<Duration>,
}

/// A check that we make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What its verdict means.
    pub kind: ProbeKind,
    /// The wait before the first.
    pub initial: Duration,
    /// From one to the next.
    pub every: Duration,
    /// How long an answer may take; a late answer is a failure.
    pub timeout: Duration,
    /// How many failures in a row are a verdict.
    pub failures: u32,
    /// How many successes in a row are a verdict.
    pub successes: u32,
}

/// What the verdict of a probe means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Until it succeeds the others wait; when it fails the run is ended.
    Startup,
    /// Ready or not ready; never ends a run.
    Readiness,
    /// When it fails the run is ended.
    Liveness,
}

/// Settings that only the driver of a kind understands.
///
/// The core compares them when a spec is replaced, and hands them back with the child's spec.
pub trait Payload: fmt::Debug + Any + Send + Sync {
    /// Returns what it takes to get from these settings to `next`.
    fn change(&self, next: &dyn Payload) -> Change;
    /// Returns the text that these settings can be made of again; none where they are code.
    fn form(&self) -> Option<&str> {
        None
    }
    /// Returns whether a run can be told to read its settings again.
    fn can_reload(&self) -> bool {
        true
    }
    /// Returns itself for downcasting.
    fn as_any(&self) -> &dyn Any;
}

/// What it takes to get from one payload to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing.
    Same,
    /// The driver applies it to the live run.
    Live,
    /// A new run.
    Restart,
}

impl PartialEq for dyn Payload {
    fn eq(&self, other: &Self) -> bool {
        self.change(other) == Change::Same
    }
}

impl ChildSpec {
    /// Returns what this child is as a supervisor.
    pub const fn supervisor(&self) -> Option<&SupervisorSpec> {
        match &self.kind {
            Kind::Supervisor(spec) => Some(spec),
            Kind::Task | Kind::Blocking | Kind::Process | Kind::Host | Kind::Stage => None,
        }
    }

    /// Returns whether anything about a live run has to be watched beside its phase.
    pub(crate) const fn is_watched(&self) -> bool {
        self.liveness.heartbeat.is_some()
            || !self.liveness.probes.is_empty()
            || self.liveness.progress.is_some()
            || self.recycle.is_some()
            || matches!(self.activation, Activation::OnDemand { idle: Some(_) })
    }
}

impl ChildSpec {
    /// Returns what the end of its own budget leads to.
    ///
    /// Nobody waits for a critical child to be released: where it would stay down, the tree ends.
    pub(crate) fn own_end(&self) -> OnExhausted {
        match (self.criticality, self.on_exhausted) {
            (Criticality::Critical, OnExhausted::Quarantine) => OnExhausted::Shutdown,
            (_, end) => end,
        }
    }
}

impl SupervisorSpec {
    /// Returns whether children start and stop one at a time, in order.
    pub fn is_serial(&self) -> bool {
        self.dynamic.is_none()
            && (matches!(self.strategy, Strategy::RestForOne) || self.start_concurrency == Some(1))
    }
}

#[cfg(test)]
mod tests {
    use super::defaults::Profile;
    use super::draft::KindDraft;
    use super::*;

    #[test]
    fn siblings_that_are_declared_alike_share_one_spec() {
        let child = |name: &str, restart| ChildDraft {
            name: name.into(),
            kind: Some(KindDraft::Leaf(Kind::Task)),
            restart: Some(restart),
            ..ChildDraft::default()
        };
        let mut draft = TreeDraft::default();
        draft.root.children = alloc::vec![
            child("a", Restart::Always),
            child("b", Restart::Always),
            child("c", Restart::Never),
        ];
        let (spec, _) = draft.build(Profile::Library).expect("a valid tree");
        let children = &spec.root.supervisor().expect("a supervisor").children;
        let same = |a: usize, b: usize| Arc::ptr_eq(&children[a].1.spec, &children[b].1.spec);
        assert!(same(0, 1) && !same(1, 2));
    }
}

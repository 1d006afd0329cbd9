//! What is known about children, for people and programs that look.

use crate::caught::Panic;
#[cfg(feature = "process")]
use crate::process::Process;
use mainstay_core::child::{Alert, Child, Last, State, Want};
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::spec::{ChildSpec, Criticality, Kind, Payload};
use mainstay_core::{ChildId, Event, Moment, Path, RunId, Standing, Tree, Why};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// One child at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct View {
    /// Its place in the tree.
    pub path: Path,
    /// Its id, never given twice.
    pub child: ChildId,
    /// What it is, as a word: `task`, `process`, `supervisor`.
    pub kind: &'static str,
    /// All that its policy says, effective values only.
    pub spec: Arc<ChildSpec>,
    /// What only the driver of its kind understands; of a child that was read from a text, that text too.
    pub payload: Option<Arc<dyn Payload>>,
    /// What its final end means for others.
    pub criticality: Criticality,
    /// What it is doing, in one word.
    pub standing: Standing,
    /// The same with all that belongs to it.
    pub state: State,
    /// Its live run.
    pub run: Option<RunId>,
    /// How many runs it has had.
    pub runs: u64,
    /// When the last of them began, the live one where there is one; of no meaning before the first.
    pub began: Moment,
    /// The number of its spec, counted from 0.
    pub revision: u32,
    /// What operators want of it.
    pub want: Want,
    /// Whether automatic starts are suspended here.
    pub paused: bool,
    /// Whether it is down and refused until released.
    pub quarantined: bool,
    /// Whether starts pass its breaker: what it does may hide that, such as a pause.
    pub breaker: BreakerState,
    /// How far its runs have come, by their own word: [`Context::positioned`](crate::Context::positioned).
    pub position: Option<Arc<str>>,
    /// How its last run ended.
    pub last: Option<Last>,
    /// The last panic in it, with its backtrace where there was one.
    pub panic: Option<Arc<Panic>>,
    /// What is known of it as a process, once it has run as one.
    #[cfg(feature = "process")]
    pub process: Option<Arc<Process>>,
    /// What a person must see.
    pub alerts: Vec<Alert>,
    /// When the tree next does something about it by itself, and what.
    pub next: Option<(Moment, Why)>,
    /// As of when.
    pub at: Moment,
}

impl View {
    pub(crate) fn of(tree: &Tree, child: &Child, beside: &Beside) -> Self {
        let memory = child.memory.as_ref();
        Self {
            path: tree.path(child.id).unwrap_or_else(Path::root),
            child: child.id,
            kind: word(&child.spec.kind),
            spec: Arc::clone(&child.spec.spec),
            payload: child.spec.payload.clone(),
            criticality: child.spec.criticality,
            standing: child.standing(),
            state: child.state,
            run: child.life().map(|life| life.run),
            runs: child.runs,
            began: child.began,
            revision: child.revision,
            want: child.want,
            paused: child.paused,
            quarantined: child.quarantined,
            breaker: child.breaker().state,
            position: memory.and_then(|memory| memory.position.clone()),
            last: memory.and_then(|memory| memory.last.clone()),
            panic: beside.panics.get(&child.id).map(|(_, panic)| Arc::clone(panic)),
            #[cfg(feature = "process")]
            process: beside.processes.get(&child.id).cloned(),
            alerts: memory.map(|memory| memory.alerts.clone()).unwrap_or_default(),
            next: tree.explain(child.id).and_then(|explained| explained.next),
            at: tree.now(),
        }
    }
}

const fn word(kind: &Kind) -> &'static str {
    match kind {
        Kind::Task => "task",
        Kind::Blocking => "blocking",
        Kind::Process => "process",
        Kind::Host => "host",
        Kind::Stage => "stage",
        Kind::Supervisor(_) => "supervisor",
    }
}

/// What is known of children beside what the tree knows.
#[derive(Default)]
pub(crate) struct Beside {
    /// The last panic of each child that ever panicked.
    panics: BTreeMap<ChildId, (RunId, Arc<Panic>)>,
    /// The process of each child that has run as one.
    #[cfg(feature = "process")]
    processes: BTreeMap<ChildId, Arc<Process>>,
}

impl Beside {
    fn is_empty(&self) -> bool {
        #[cfg(feature = "process")]
        let has_processes = !self.processes.is_empty();
        #[cfg(not(feature = "process"))]
        let has_processes = false;
        self.panics.is_empty() && !has_processes
    }

    fn forget(&mut self, child: ChildId) {
        self.panics.remove(&child);
        #[cfg(feature = "process")]
        self.processes.remove(&child);
    }
}

/// Follows one child; `None` once it has left the tree.
pub(crate) type Watching = watch::Receiver<Option<View>>;

/// Those who are looked at, and what the core does not keep about them.
#[derive(Default)]
pub(crate) struct Views {
    watched: BTreeMap<ChildId, watch::Sender<Option<View>>>,
    pub(crate) beside: Beside,
}

impl Views {
    pub(crate) fn panicked(&mut self, child: ChildId, run: RunId, panic: Arc<Panic>) {
        self.beside.panics.insert(child, (run, panic));
    }

    /// Notes something about a child's process, and tells those who watch the child.
    #[cfg(feature = "process")]
    pub(crate) fn process(&mut self, tree: &Tree, id: ChildId, note: impl FnOnce(&mut Process)) {
        let Some(child) = tree.child(id) else { return };
        note(Arc::make_mut(self.beside.processes.entry(id).or_default()));
        if let Some(tell) = self.watched.get(&id).filter(|tell| tell.receiver_count() > 0) {
            tell.send_replace(Some(View::of(tree, child, &self.beside)));
        }
    }

    /// Returns what does not work about the process of a child.
    #[cfg(feature = "process")]
    pub(crate) fn trouble(&self, child: ChildId) -> Option<&str> {
        self.beside.processes.get(&child)?.trouble.as_deref()
    }

    pub(crate) fn watch(&mut self, tree: &Tree, child: ChildId) -> Option<Watching> {
        if let Some(known) = self.watched.get(&child) {
            return Some(known.subscribe());
        }
        let view = View::of(tree, tree.child(child)?, &self.beside);
        let (tell, watching) = watch::channel(Some(view));
        self.watched.insert(child, tell);
        Some(watching)
    }

    /// Tells those who watch a child that something about it has changed.
    pub(crate) fn note(&mut self, tree: &Tree, events: &[Event]) {
        if self.watched.is_empty() && self.beside.is_empty() {
            return;
        }
        for event in events {
            let Some(id) = event.child() else { continue };
            if matches!(event, Event::Removed(_)) {
                self.beside.forget(id);
            }
            let Some(tell) = self.watched.get(&id) else { continue };
            let view = tree.child(id).map(|child| View::of(tree, child, &self.beside));
            let is_gone = view.is_none();
            // Nobody looks any more: the next who does begins anew.
            if tell.receiver_count() == 0 || is_gone {
                tell.send_replace(view);
                self.watched.remove(&id);
            } else {
                tell.send_replace(view);
            }
        }
    }
}

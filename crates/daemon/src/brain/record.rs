//! What is taken down of a tree: every step in the journal, every run that ended among the runs.

use super::clock::{self, Clocks};
use super::trails;
use crate::journal::{Journal, When};
use crate::story::{Chronicle, Known};
use mainstay::durable::{self, News, Step};
use mainstay::process::Process;
use mainstay::{ChildId, Limit, Path};
use mainstay_core::{LimitId, Snapshot, Tree};
use mainstay_wire::api;
use mainstay_wire::journal::{Opened, Record, StepRef, VERSION, snapshot_to_json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// After so many steps a snapshot follows: a start takes no more of them again.
const STEPS: u64 = 20_000;

/// What a record `Opened` says where the same brain goes on with the same tree.
pub(crate) const TAKEN: &str = "a snapshot was taken";

/// Takes down what a tree is told and decides.
pub(super) struct Recorder {
    journal: Arc<Journal>,
    runs: Arc<Journal>,
    clocks: Clocks,
    chronicle: Arc<Mutex<Chronicle>>,
    processes: BTreeMap<ChildId, Arc<Process>>,
    /// Where the trails of live runs are kept beside each snapshot.
    trails: PathBuf,
    /// The number of the last record.
    last: u64,
    /// Steps since the last snapshot.
    steps: u64,
}

impl Recorder {
    pub(super) const fn new(
        journal: Arc<Journal>,
        runs: Arc<Journal>,
        clocks: Clocks,
        chronicle: Arc<Mutex<Chronicle>>,
        trails: PathBuf,
        last: u64,
    ) -> Self {
        let processes = BTreeMap::new();
        Self { journal, runs, clocks, chronicle, processes, trails, last, steps: 0 }
    }

    /// Notes what the tree goes on from: what came before it is not taken again. The clocks are noted behind it,
    /// for whoever begins with this snapshot.
    pub(super) fn begin(&mut self, snapshot: &Snapshot, next_event: u64, why: &str) {
        self.steps = 0;
        let wall = self.clocks.wall();
        let bytes = snapshot_to_json(snapshot, next_event, wall);
        self.journal.snapshot(self.last, bytes);
        let opened = Opened {
            version: VERSION,
            boot: clock::boot(),
            pid: std::process::id(),
            wall,
            at: self.clocks.now(),
            monotonic: clock::monotonic(),
            why: why.into(),
        };
        self.last = self.journal.append(&Record::Opened(opened).to_json());
        let open: Vec<api::Run> = {
            let chronicle = self.chronicle.lock().unwrap_or_else(PoisonError::into_inner);
            chronicle.open_runs().map(|(_, run)| run).collect()
        };
        trails::write(&self.trails, next_event, &open);
    }

    fn chronicle(&self, step: &Step<'_>) -> Vec<api::Run> {
        let mut chronicle = self.chronicle.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = self.clocks.wall_of(step.at);
        let known = Around { tree: step.tree, processes: &self.processes };
        let note = |event| chronicle.note(wall, step.at, event, &known);
        step.events.iter().filter_map(note).collect()
    }
}

impl durable::Journal for Recorder {
    fn step(&mut self, step: &Step<'_>) {
        let Step { at, input, events, first, tree } = step;
        let wall = self.clocks.wall();
        let form = StepRef { at: *at, wall, first: *first, input, events };
        self.last = self.journal.append(&form.to_json());
        for run in self.chronicle(step) {
            if let Ok(form) = serde_json::to_vec(&run) {
                self.runs.append(&form);
            }
        }
        for event in *events {
            if let mainstay::Event::Removed(child) = event {
                self.processes.remove(child);
            }
        }
        self.steps += 1;
        if self.steps >= STEPS || tree.has_ended() {
            self.begin(&tree.snapshot(), first + events.len() as u64, TAKEN);
        }
    }

    fn process(&mut self, _: &Tree, news: News<'_>) {
        match news {
            News::Began { child, pid, .. } => {
                let mut process = Process::default();
                process.pid = Some(pid);
                self.processes.insert(child, Arc::new(process));
            }
            News::Ended { child, ended, .. } => {
                let process = Arc::make_mut(self.processes.entry(child).or_default());
                process.last = ended.last.iter().map(|line| line.to_str_lossy().into()).collect();
                process.used.user = ended.usage.user;
                process.used.system = ended.usage.system;
                process.used.memory = ended.usage.memory;
                process.lost = ended.lost;
            }
        }
    }

    fn once_durable(&mut self, answer: Box<dyn FnOnce() + Send>) {
        self.journal.when(self.last, When::Durable, Box::new(move |_| answer()));
    }
}

/// The tree, and what is known of its processes.
struct Around<'a> {
    tree: &'a Tree,
    processes: &'a BTreeMap<ChildId, Arc<Process>>,
}

impl Known for Around<'_> {
    fn path(&self, child: ChildId) -> Option<Path> {
        self.tree.path(child)
    }

    fn limit(&self, limit: LimitId) -> Option<Limit> {
        Known::limit(self.tree, limit)
    }

    fn revision(&self, child: ChildId) -> u32 {
        Known::revision(self.tree, child)
    }

    fn process(&self, child: ChildId) -> Option<Arc<Process>> {
        self.processes.get(&child).cloned()
    }
}

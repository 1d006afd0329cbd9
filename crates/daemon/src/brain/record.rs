//! What is taken down of a tree: every step in the journal, every run that ended among the runs.

use super::clock::{self, Clocks};
use super::pulse::Pulse;
use super::trails;
use crate::hook::Tap;
use crate::journal::{Journal, When};
use crate::listener;
use crate::story::{self, Chronicle, Flight, Known};
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
    /// What the last run of each host did last.
    flights: BTreeMap<ChildId, Flight>,
    /// Where the trails of live runs are kept beside each snapshot.
    trails: PathBuf,
    /// The number of the last record.
    last: u64,
    /// Steps since the last snapshot.
    steps: u64,
    /// Who else hears of steps.
    hearers: Hearers,
}

/// Is told who has seen something, and why.
pub(super) type Seen = Box<dyn Fn(&str, &str) + Send>;

/// Who hears of steps beside the journal.
#[derive(Default)]
pub(super) struct Hearers {
    /// The hooks.
    pub(super) hooks: Option<Tap>,
    /// Those who are told of events in supervisord's protocol.
    pub(super) listeners: Option<listener::Tap>,
    /// Whoever has alerts that no child has: told who has seen those of the root, and why.
    pub(super) seen: Option<Seen>,
    /// Whoever wonders what the loop is doing.
    pub(super) pulse: Arc<Pulse>,
}

impl Recorder {
    pub(super) fn new(
        journal: Arc<Journal>,
        runs: Arc<Journal>,
        clocks: Clocks,
        chronicle: Arc<Mutex<Chronicle>>,
        trails: PathBuf,
        last: u64,
        hearers: Hearers,
    ) -> Self {
        let processes = BTreeMap::new();
        let flights = BTreeMap::new();
        Self {
            journal,
            runs,
            clocks,
            chronicle,
            processes,
            flights,
            trails,
            last,
            steps: 0,
            hearers,
        }
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

    /// Returns the main process of a run that began in this life of the brain, or in one before.
    fn pid(&self, child: ChildId) -> Option<u32> {
        let here = self.processes.get(&child).and_then(|process| process.pid);
        let chronicle = || self.chronicle.lock().unwrap_or_else(PoisonError::into_inner);
        here.or_else(|| chronicle().open_run(child)?.pid)
    }

    fn chronicle(&self, step: &Step<'_>) -> Vec<api::Run> {
        let mut chronicle = self.chronicle.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = self.clocks.wall_of(step.at);
        let known = Around { tree: step.tree, processes: &self.processes, flights: &self.flights };
        let note = |event| chronicle.note(wall, step.at, event, &known);
        step.events.iter().filter_map(note).collect()
    }
}

impl durable::Journal for Recorder {
    fn step(&mut self, step: &Step<'_>) {
        let Step { at, input, events, first, tree } = step;
        let kind = events.first().map_or("none", story::kind);
        self.hearers.pulse.begin(self.last + 1, kind);
        crate::fault::point(if kind == "commanded" { "loop.command" } else { "loop.step" });
        let wall = self.clocks.wall();
        let form = StepRef { at: *at, wall, first: *first, input, events };
        self.last = self.journal.append(&form.to_json());
        if let Some(listeners) = &self.hearers.listeners {
            // Before the end of a run is noted, while its process is known.
            listeners.take(step, |child| self.pid(child));
        }
        for run in self.chronicle(step) {
            if let Ok(form) = serde_json::to_vec(&run) {
                self.runs.append(&form);
            }
        }
        if let Some(hooks) = &self.hearers.hooks {
            let known = Around { tree, processes: &self.processes, flights: &self.flights };
            hooks.take(step, wall, self.last, &known);
        }
        for event in *events {
            if let mainstay::Event::Removed(child) = event {
                self.processes.remove(child);
                self.flights.remove(child);
            }
            if let mainstay::Event::Commanded { child: ChildId::ROOT, who, why, verb, .. } = event
                && *verb == "acknowledge"
                && let Some(seen) = &self.hearers.seen
            {
                seen(who, why);
            }
        }
        self.steps += 1;
        if self.steps >= STEPS || tree.has_ended() {
            self.begin(&tree.snapshot(), first + events.len() as u64, TAKEN);
        }
        self.hearers.pulse.end();
    }

    fn process(&mut self, _: &Tree, news: News<'_>) {
        match news {
            News::Began { child, pid, .. } => {
                let mut process = Process::default();
                process.pid = Some(pid);
                self.processes.insert(child, Arc::new(process));
                self.flights.remove(&child);
            }
            News::Ended { child, ended, operations, .. } => {
                let process = Arc::make_mut(self.processes.entry(child).or_default());
                process.last = ended.last.iter().map(|line| line.to_str_lossy().into()).collect();
                process.used.user = ended.usage.user;
                process.used.system = ended.usage.system;
                process.used.memory = ended.usage.memory;
                process.lost = ended.lost;
                if !operations.is_empty() {
                    // The age of an operation is the same by every clock.
                    let now = (self.clocks.wall(), clock::monotonic());
                    self.flights.insert(child, Flight::new(operations, now));
                }
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
    flights: &'a BTreeMap<ChildId, Flight>,
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

    fn flight(&self, child: ChildId) -> Option<Flight> {
        self.flights.get(&child).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Reader, Settings};
    use mainstay::host::{Mark, Operation};
    use mainstay_core::spec::draft::KindDraft;
    use mainstay_core::spec::{ChildDraft, Kind, TreeDraft, defaults::Profile};
    use mainstay_core::{Effects, Exit, Input, Moment};
    use mainstay_wire::keeper::{Ended, Status, Usage};

    /// Hands an input to a tree, and what follows to the recorder.
    fn take(recorder: &mut Recorder, tree: &mut Tree, input: &Input) {
        let mut out = Effects::new();
        tree.handle(Moment::ZERO, input.clone(), &mut out);
        let step = Step { at: Moment::ZERO, input, events: &out.events, first: 1, tree };
        durable::Journal::step(recorder, &step);
    }

    #[test]
    fn the_end_of_a_host_is_kept_with_what_it_did_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |name: &str| {
            let opened = Journal::open(&folder.path().join(name), Settings::default());
            Arc::new(opened.expect("a journal").0)
        };
        let (journal, runs) = (open("journal"), open("runs"));
        let clocks = Clocks::new(Moment::ZERO, clock::monotonic());
        let chronicle = Arc::new(Mutex::new(Chronicle::new()));
        let trails = folder.path().join("trails");
        let mut recorder = Recorder::new(
            journal,
            Arc::clone(&runs),
            clocks,
            chronicle,
            trails,
            0,
            Hearers::default(),
        );
        let kind = Some(KindDraft::Leaf(Kind::Host));
        let mut draft = TreeDraft::default();
        draft.root.children.push(ChildDraft { name: "plc".into(), kind, ..ChildDraft::default() });
        let (spec, _) = draft.build(Profile::Daemon).expect("a tree");
        let mut tree = Tree::new(&spec);
        take(&mut recorder, &mut tree, &Input::Boot);
        let child = tree.find(&"plc".into()).expect("it is there");
        let run = tree.child(child).and_then(|child| child.life()).expect("it begins").run;

        let began = News::Began { child, run, pid: 4711 };
        durable::Journal::process(&mut recorder, &tree, began);
        take(&mut recorder, &mut tree, &Input::Started(child, run));
        let ended = Ended {
            status: Status::Signal { signal: 11, core: false },
            out_of_memory: false,
            usage: Usage::default(),
            last: Vec::new(),
            left: Vec::new(),
            lost: 0,
        };
        let (at, text) = (clock::monotonic(), "read axis 3".to_owned());
        let open_call = Operation { number: 9, at, call: 17, thread: 1, mark: Mark::Begins, text };
        let over = News::Ended { child, run, ended: &ended, operations: &[open_call] };
        durable::Journal::process(&mut recorder, &tree, over);
        let exit = Exit::Signaled { signal: 11, core: false };
        take(&mut recorder, &mut tree, &Input::Exited { child, run, exit, detail: None });

        drop(recorder);
        Arc::into_inner(runs).expect("nobody else writes").close();
        let mut kept = Reader::open(&folder.path().join("runs")).expect("a journal").backwards();
        let kept = kept.next().expect("a run was kept");
        let kept: api::Run = serde_json::from_slice(&kept.payload).expect("a run");
        assert_eq!((kept.path.as_str(), kept.pid), ("plc", Some(4711)));
        let told: Vec<&str> = kept.operations.iter().map(|fact| &*fact.text).collect();
        assert_eq!(told, ["call 17 begins: read axis 3 (never answered)"]);
        let at = kept.operations[0].at;
        // Each is told by a look at two clocks, with a moment in between.
        let ended_at = kept.ended_at.expect("it has ended");
        assert!(at + 1 >= kept.began_at && at <= ended_at + 1, "{kept:?}");
        assert_eq!(kept.open_calls, ["call 17: read axis 3"]);
    }
}

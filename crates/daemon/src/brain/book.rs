//! What the journal has to tell those who ask by the API.

use crate::api::Book;
use crate::journal::{Journal, Outcome, Reader, When};
use crate::story::{self, Chronicle};
use mainstay::Record as Fact;
use mainstay_core::{ChildId, Effects, Event, Moment, Path, Tree};
use mainstay_wire::api;
use mainstay_wire::journal::{Record, Step, snapshot_from_json};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

/// How long an answer waits to learn whether it is durable.
const PATIENCE: Duration = Duration::from_secs(2);

/// The journal and the runs, for reading.
pub(super) struct Books {
    pub(super) journal: Arc<Journal>,
    pub(super) runs: Arc<Journal>,
    /// Who did what at consoles.
    pub(super) consoles: Arc<Journal>,
    pub(super) chronicle: Arc<Mutex<Chronicle>>,
    pub(super) folder: PathBuf,
}

impl Books {
    fn open_runs(&self) -> Vec<api::Run> {
        let chronicle = self.chronicle.lock().unwrap_or_else(PoisonError::into_inner);
        chronicle.open_runs().map(|(_, run)| run).collect()
    }

    /// Calls `each` with the runs that have ended, the latest first, until it returns false.
    fn backwards(&self, each: impl FnMut(api::Run) -> bool) -> io::Result<()> {
        backwards(&self.runs, each)
    }
}

/// Calls `each` with what a journal holds, the latest first, until it returns false.
fn backwards<T: DeserializeOwned>(
    journal: &Journal,
    mut each: impl FnMut(T) -> bool,
) -> io::Result<()> {
    // What was appended a moment ago may still be on its way.
    let (tell, told) = mpsc::channel();
    let state = journal.state();
    journal.when(state.last, When::Written, Box::new(move |_| _ = tell.send(())));
    let _ = told.recv_timeout(PATIENCE);
    let reader = Reader::open(&state.folder).map_err(io::Error::other)?;
    for record in reader.backwards() {
        let Ok(form) = serde_json::from_slice(&record.payload) else { continue };
        if !each(form) {
            break;
        }
    }
    Ok(())
}

fn is_within(of: &str, path: Option<&str>) -> bool {
    match path {
        None | Some("") => true,
        Some(path) => of == path || of.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')),
    }
}

impl Book for Books {
    fn runs(
        &self,
        path: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> io::Result<Vec<api::Run>> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.backwards(|run| {
            let is_before = before.is_none_or(|before| run.ended_at.is_some_and(|at| at < before));
            if is_before && is_within(&run.path, path) {
                found.push(run);
            }
            found.len() < limit
        })?;
        Ok(found)
    }

    fn run(&self, path: &str, number: u64) -> io::Result<Option<api::Run>> {
        let is_it = |run: &api::Run| run.path == path && run.run == number;
        let live = self.open_runs().into_iter().find(is_it);
        if live.is_some() {
            return Ok(live);
        }
        let mut found = None;
        self.backwards(|run| {
            if is_it(&run) {
                found = Some(run);
            }
            found.is_none()
        })?;
        Ok(found)
    }

    fn events(&self, from: u64, limit: usize) -> io::Result<Vec<api::Event>> {
        let reader = Reader::open(&self.folder).map_err(io::Error::other)?;
        let mut names = Names::default();
        let mut first = 1;
        // The oldest snapshot that is kept knows the names of those who were there before the records after it.
        if let Some(upto) = reader.snapshots().iter().min()
            && let Ok(bytes) = reader.snapshot(*upto)
            && let Ok(stored) = snapshot_from_json(&bytes)
            && let Ok(tree) = Tree::restore(stored.snapshot)
        {
            names.begin(tree);
            first = upto + 1;
        }
        let mut found = Vec::new();
        for record in reader.from(first) {
            let Ok(Record::Step(step)) = Record::from_json(&record.payload) else { continue };
            names.tell(step, from, &mut found);
            if found.len() >= limit {
                found.truncate(limit);
                break;
            }
        }
        Ok(found)
    }

    fn note(&self, note: &api::ConsoleNote) {
        // Its fields are numbers and text, which JSON has.
        if let Ok(form) = serde_json::to_vec(note) {
            self.consoles.append(&form);
        }
    }

    fn notes(
        &self,
        path: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> io::Result<Vec<api::ConsoleNote>> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        backwards(&self.consoles, |note: api::ConsoleNote| {
            if before.is_none_or(|before| note.at < before) && is_within(&note.path, path) {
                found.push(note);
            }
            found.len() < limit
        })?;
        Ok(found)
    }

    fn journal(&self) -> api::Journal {
        let state = self.journal.state();
        api::Journal {
            folder: state.folder.display().to_string(),
            durable: state.trouble.is_none(),
            trouble: state.trouble,
            lost: state.lost,
            last: state.last,
            bytes: state.bytes,
        }
    }

    fn lag(&self) -> u64 {
        let state = self.journal.state();
        state.last.saturating_sub(state.durable)
    }

    fn durable(&self) -> bool {
        let (tell, told) = mpsc::channel();
        let last = self.journal.state().last;
        self.journal.when(last, When::Durable, Box::new(move |outcome| _ = tell.send(outcome)));
        matches!(told.recv_timeout(PATIENCE), Ok(Outcome::Kept))
    }

    fn refuses(&self) -> Option<String> {
        self.journal.state().trouble
    }
}

/// The names of children, as the journal tells them.
#[derive(Default)]
struct Names {
    tree: Option<Tree>,
    known: BTreeMap<ChildId, Path>,
}

impl Names {
    fn begin(&mut self, tree: Tree) {
        self.learn_all(&tree);
        self.tree = Some(tree);
    }

    fn learn_all(&mut self, tree: &Tree) {
        let named = tree.children().filter_map(|child| Some((child.id, tree.path(child.id)?)));
        self.known.extend(named);
    }

    fn tell(&mut self, step: Step, from: u64, found: &mut Vec<api::Event>) {
        let Step { at, wall, first, input, events } = step;
        if let Some(mut tree) = self.tree.take() {
            tree.handle(at, input, &mut Effects::new());
            if events.iter().any(|event| matches!(event, Event::Added { .. })) {
                self.learn_all(&tree);
            }
            self.tree = Some(tree);
        }
        for (seq, event) in (first..).zip(&events) {
            if seq >= from {
                found.push(self.event(seq, at, wall, event));
            }
        }
    }

    fn event(&self, seq: u64, at: Moment, wall: i64, event: &Event) -> api::Event {
        let child = event.child().unwrap_or(ChildId::ROOT);
        let path = self.known.get(&child).cloned().unwrap_or_else(Path::root);
        let record = Fact { seq, at, path, event: event.clone() };
        story::event(&record, wall, self)
    }
}

impl story::Known for Names {
    fn path(&self, child: ChildId) -> Option<Path> {
        self.known.get(&child).cloned()
    }

    fn limit(&self, _: mainstay_core::LimitId) -> Option<mainstay::Limit> {
        None
    }

    fn revision(&self, _: ChildId) -> u32 {
        0
    }

    fn process(&self, _: ChildId) -> Option<Arc<mainstay::process::Process>> {
        None
    }

    fn flight(&self, _: ChildId) -> Option<story::Flight> {
        None
    }
}

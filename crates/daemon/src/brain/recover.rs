//! From a journal to the tree it describes: the last snapshot, and every input after it, taken again.

use super::clock::{boot, monotonic};
use super::trails;
use crate::hook::{Sign, signs};
use crate::journal::Found;
use crate::listener::Untold;
use crate::spec;
use crate::story::{self, Chronicle, begun};
use mainstay_core::child::Child;
use mainstay_core::spec::Payload;
use mainstay_core::{Effects, Moment, Snapshot, Tree};
use mainstay_wire::api::Run;
use mainstay_wire::journal::{
    Opened, Record, bring_input_to_life, bring_to_life, snapshot_from_json,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a journal tells.
#[derive(Debug)]
pub(super) struct Recovered {
    /// The tree as it was; absent: it never ran.
    pub(super) tree: Option<Snapshot>,
    /// The number of the next event.
    pub(super) next_event: u64,
    /// The moment that is now, and the kernel's monotonic clock.
    pub(super) now: (Moment, Duration),
    /// Whether its runs may still live: this machine has not been booted since, and it had not ended.
    pub(super) goes_on: bool,
    /// What is known of runs whose end is not decided.
    pub(super) chronicle: Chronicle,
    /// What a person should know.
    pub(super) notices: Vec<String>,
    /// What hooks may not have been told yet.
    pub(super) signs: Vec<Sign>,
    /// What listeners may not have been told yet.
    pub(super) unheard: Option<Untold>,
}

/// What is read of a journal, step by step.
struct Reading {
    tree: Option<Tree>,
    next_event: u64,
    chronicle: Chronicle,
    opened: Option<Opened>,
    unread: u64,
    strayed: u64,
    /// What hooks have not been told begins with this event.
    untold: u64,
    signs: Vec<Sign>,
    /// The first event that listeners have not been told, and what follows from there on.
    unheard: (Option<u64>, Option<Untold>),
}

/// Takes again what a journal holds; `open` is the file of the trails, `untold` the first event that hooks may not
/// have been told, and `unheard` the first that listeners have not.
pub(super) fn recover(found: Found, open: &Path, untold: u64, unheard: Option<u64>) -> Recovered {
    let Found { snapshot, mut records, reports, .. } = found;
    let mut notices = reports;
    let mut reading = Reading {
        tree: None,
        next_event: 1,
        chronicle: Chronicle::new(),
        opened: None,
        unread: 0,
        strayed: 0,
        untold,
        signs: Vec::new(),
        unheard: (unheard, None),
    };
    if let Some((_, bytes)) = snapshot {
        reading.begin(&bytes, open, &mut notices);
    }
    for record in records.by_ref() {
        reading.take(&record.payload, &mut notices);
    }
    notices.extend(records.gaps().iter().map(ToString::to_string));
    if reading.unread > 0 {
        notices.push(format!("{} records of the journal could not be read", reading.unread));
    }
    if reading.strayed > 0 {
        notices.push(format!(
            "{} records were decided otherwise by the program that wrote them; \
             `mainstay journal verify` names them",
            reading.strayed
        ));
    }
    reading.end(notices)
}

impl Reading {
    fn begin(&mut self, bytes: &[u8], open: &Path, notices: &mut Vec<String>) {
        let mut stored = match snapshot_from_json(bytes) {
            Ok(stored) => stored,
            Err(error) => {
                return notices.push(format!("the journal's snapshot cannot be read: {error}"));
            }
        };
        let mut make = |form: &str| payload_of(form, notices);
        if let Err(problems) = bring_to_life(&mut stored.snapshot, &mut make) {
            notices.extend(problems.into_iter().map(|(path, why)| {
                format!("the settings of {path} in the journal cannot be read: {why}")
            }));
        }
        self.next_event = stored.next_event;
        match Tree::restore(stored.snapshot) {
            Ok(tree) => {
                for run in trails::read(open, stored.next_event) {
                    self.resume(&tree, run);
                }
                self.unheard.1 = self.unheard.0.map(|next| Untold::begin(&tree, next));
                self.tree = Some(tree);
            }
            Err(error) => notices.push(format!("the journal's snapshot is damaged: {error}")),
        }
    }

    fn resume(&mut self, tree: &Tree, run: Run) {
        if let Some(child) = tree.find(&mainstay::Path::from(run.path.as_str())) {
            self.chronicle.resume(child, run);
        }
    }

    fn take(&mut self, payload: &[u8], notices: &mut Vec<String>) {
        match Record::from_json(payload) {
            Ok(Record::Opened(opened)) => self.opened = Some(opened),
            Ok(Record::Closed(_)) => {}
            Ok(Record::Step(mut step)) => {
                let Some(tree) = &mut self.tree else { return };
                let mut make = |form: &str| payload_of(form, notices);
                if bring_input_to_life(&mut step.input, &mut make).is_err() {
                    self.unread += 1;
                    return;
                }
                let mut out = Effects::new();
                tree.handle(step.at, step.input, &mut out);
                self.strayed += u64::from(out.events != step.events);
                self.next_event = step.first + step.events.len() as u64;
                if self.next_event > self.untold {
                    let about = (step.first, step.at, step.wall);
                    self.signs.extend(signs_of(&step.events, about, tree));
                }
                if let (_, Some(unheard)) = &mut self.unheard {
                    let chronicle = &self.chronicle;
                    let pid = |child| chronicle.open_run(child)?.pid;
                    unheard.take(step.first, &step.events, tree, pid);
                }
                for event in &step.events {
                    // What has ended has been written among the runs before.
                    drop(self.chronicle.note(step.wall, step.at, event, tree));
                }
            }
            Err(_) => self.unread += 1,
        }
    }

    fn end(self, notices: Vec<String>) -> Recovered {
        let Self { tree, next_event, mut chronicle, opened, signs, unheard: (_, unheard), .. } =
            self;
        let clock = monotonic();
        let here = boot();
        let same_boot = opened.filter(|opened| opened.boot == here && !here.is_empty());
        let last = tree.as_ref().map_or(Moment::ZERO, Tree::now);
        let now = match &same_boot {
            // The kernel's clock has gone on meanwhile.
            Some(opened) => (opened.at + clock.saturating_sub(opened.monotonic)).max(last),
            // What passed while the machine was off ages nothing.
            None => last,
        };
        let goes_on = same_boot.is_some() && tree.as_ref().is_some_and(|tree| !tree.has_ended());
        let tree = tree.map(|tree| {
            if !goes_on {
                return tree.snapshot().begin_again(now);
            }
            let wall = super::clock::wall();
            for child in tree.children() {
                let Some(life) = child.life() else { continue };
                if chronicle.open_run(child.id).is_none()
                    && let Some(path) = tree.path(child.id)
                {
                    let ago = i64::try_from(now.since(child.began).as_millis()).unwrap_or(0);
                    chronicle.resume(child.id, begun(&path, life.run, wall - ago));
                }
            }
            still(tree.snapshot(), now)
        });
        if !goes_on {
            chronicle = Chronicle::new();
        }
        let now = (now, clock);
        Recovered { tree, next_event, now, goes_on, chronicle, notices, signs, unheard }
    }
}

/// Returns what hooks may have to be told of a step.
fn signs_of(events: &[mainstay::Event], about: (u64, Moment, i64), tree: &Tree) -> Vec<Sign> {
    let text = |seq, at, path: &mainstay::Path, event: &mainstay::Event| {
        let record = mainstay::Record { seq, at, path: path.clone(), event: event.clone() };
        story::event(&record, about.2, tree).text
    };
    let path = |child| story::Known::path(tree, child);
    signs(events, about, path, text)
}

/// Questions that were asked when the program before died have no answer any more: they are asked again.
fn still(mut snapshot: Snapshot, now: Moment) -> Snapshot {
    let watches = snapshot.children.iter_mut().flatten();
    for watch in watches.filter_map(|child: &mut Child| child.watch.as_mut()) {
        for probe in watch.probes.iter_mut().filter(|probe| probe.asked) {
            probe.asked = false;
            probe.due = Some(now);
        }
    }
    snapshot
}

/// Makes settings of their form again. A secret that is gone keeps no live run from going on.
fn payload_of(form: &str, notices: &mut Vec<String>) -> Result<Arc<dyn Payload>, String> {
    spec::payload_of(form).or_else(|why| {
        let lacking = spec::payload_lacking(form, &why)?;
        let notice =
            format!("{why}: what needs it goes on, and is not started again before `apply`");
        if !notices.contains(&notice) {
            notices.push(notice);
        }
        Ok(lacking)
    })
}

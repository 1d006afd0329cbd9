//! From what a tree states to the events of supervisord. Pure.

use super::kind::Kind;
use super::payload::{Around, Happened, Whose, group, state, tree};
use crate::supervisord::names::name;
use crate::supervisord::state::{ProcessState, state_of, steps};
use mainstay::{ChildId, Event};
use mainstay_core::Tree;
use mainstay_core::child::Child;
use mainstay_core::spec::{ChildSpec, Kind as Sort};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a journal tells of events that listeners may not have been told: steps that are taken again are translated
/// again, and those from a number on are told.
#[derive(Debug)]
pub(crate) struct Untold {
    translator: Translator,
    next: u64,
    events: Vec<Happened>,
}

impl Untold {
    /// Begins with a tree as it is; what happens from the event of this number on is told.
    pub(crate) fn begin(tree: &Tree, next: u64) -> Self {
        Self { translator: Translator::begin(tree), next, events: Vec::new() }
    }

    /// Takes a step, of which `first` is the number of its first event.
    pub(crate) fn take(
        &mut self,
        first: u64,
        events: &[Event],
        tree: &Tree,
        pid: impl Fn(ChildId) -> Option<u32>,
    ) {
        let told = self.translator.take(events, tree, pid);
        if first >= self.next {
            self.events.extend(told);
            self.next = first + events.len() as u64;
        }
    }

    pub(super) fn end(self) -> (Translator, u64, Vec<Happened>) {
        (self.translator, self.next, self.events)
    }
}

/// What was told of every child so far.
#[derive(Debug, Default)]
pub(super) struct Translator {
    children: BTreeMap<ChildId, Known>,
    paths: BTreeMap<String, ChildId>,
    groups: BTreeSet<String>,
}

/// A child as listeners know it.
#[derive(Debug)]
struct Known {
    group: String,
    name: String,
    spec: Arc<ChildSpec>,
    state: ProcessState,
    pid: u32,
    tries: u32,
    /// Whether its last end was one that is no failure.
    is_expected: bool,
}

impl Translator {
    /// Begins with the tree as it is.
    pub(super) fn begin(tree: &Tree) -> Self {
        let mut translator = Self::default();
        translator.learn(tree);
        translator.groups = translator.all_groups();
        translator
    }

    /// Returns what listeners may be told of a step; `tree` is as it is behind it, and `pid` knows main processes.
    pub(super) fn take(
        &mut self,
        events: &[Event],
        tree: &Tree,
        pid: impl Fn(ChildId) -> Option<u32>,
    ) -> Vec<Happened> {
        let mut told = Vec::new();
        let mut is_other = false;
        for event in events {
            is_other |= matches!(event, Event::Added { .. } | Event::Removed(_));
            if matches!(event, Event::Added { .. }) {
                self.learn(tree);
            }
            if matches!(event, Event::Draining { .. }) {
                told.push(self::tree(Kind::Down));
            }
            let Some(child) = event.child() else { continue };
            if let (Event::Replaced { .. }, Some(now)) = (event, tree.child(child))
                && let Some(known) = self.children.get_mut(&child)
            {
                known.spec = Arc::clone(&now.spec.spec);
            }
            if let Some(known) = self.children.get_mut(&child) {
                known.take(event, || pid(child), &mut told);
            }
        }
        if is_other {
            self.children.retain(|child, _| tree.child(*child).is_some());
            self.paths.retain(|_, child| tree.child(*child).is_some());
            let groups = self.all_groups();
            told.extend(
                self.groups.difference(&groups).map(|gone| group(Kind::GroupRemoved, gone)),
            );
            told.extend(groups.difference(&self.groups).map(|new| group(Kind::GroupAdded, new)));
            self.groups = groups;
        }
        told
    }

    /// Returns what tells of the groups that are there.
    pub(super) fn present(&self) -> Vec<Happened> {
        self.groups.iter().map(|name| group(Kind::GroupAdded, name)).collect()
    }

    /// Returns how a child is called, and its main process.
    pub(super) fn whose(&self, path: &str) -> Option<(Whose<'_>, u32)> {
        let known = self.children.get(self.paths.get(path)?)?;
        Some((Whose { name: &known.name, group: &known.group }, known.pid))
    }

    /// Learns the children that are not known yet.
    fn learn(&mut self, tree: &Tree) {
        for child in tree.children() {
            if !is_supervisor(child) && !self.children.contains_key(&child.id) {
                let path = tree.path(child.id).map(|path| path.to_string()).unwrap_or_default();
                self.children.insert(child.id, Known::of(tree, child, &path));
                self.paths.insert(path, child.id);
            }
        }
    }

    fn all_groups(&self) -> BTreeSet<String> {
        self.children.values().map(|known| known.group.clone()).collect()
    }
}

fn is_supervisor(child: &Child) -> bool {
    matches!(child.spec.kind, Sort::Supervisor(_))
}

impl Known {
    fn of(tree: &Tree, child: &Child, path: &str) -> Self {
        let above = |path: &str| {
            let found = tree.find(&mainstay::Path::from(path));
            found.and_then(|id| tree.child(id)).is_some_and(is_supervisor)
        };
        let whose = name(path, above);
        Self {
            group: whose.group.to_owned(),
            name: whose.name.to_owned(),
            spec: Arc::clone(&child.spec.spec),
            state: state_of(child),
            pid: 0,
            tries: 0,
            is_expected: false,
        }
    }

    fn take(&mut self, event: &Event, pid: impl Fn() -> Option<u32>, told: &mut Vec<Happened>) {
        if let Event::Exited { cause, .. } = event {
            self.is_expected = cause.is_clean();
        }
        if matches!(event, Event::Starting { .. }) {
            self.pid = 0;
        } else if self.pid == 0 && event.run().is_some() {
            self.pid = pid().unwrap_or(0);
        }
        if let Event::Abandoned(..) = event {
            told.push(self.tell(Kind::Unknown));
        }
        for next in steps(self.state, event, &self.spec).into_iter().flatten() {
            match next {
                ProcessState::Backoff => self.tries = self.tries.saturating_add(1),
                ProcessState::Running | ProcessState::Stopped => self.tries = 0,
                ProcessState::Starting
                | ProcessState::Stopping
                | ProcessState::Exited
                | ProcessState::Fatal => {}
            }
            told.push(self.tell(kind(next)));
            self.state = next;
        }
    }

    fn tell(&self, kind: Kind) -> Happened {
        let whose = Whose { name: &self.name, group: &self.group };
        let around = Around { pid: self.pid, tries: self.tries, is_expected: self.is_expected };
        state(kind, whose, self.state.name(), around)
    }
}

const fn kind(state: ProcessState) -> Kind {
    match state {
        ProcessState::Stopped => Kind::Stopped,
        ProcessState::Starting => Kind::Starting,
        ProcessState::Running => Kind::Running,
        ProcessState::Backoff => Kind::Backoff,
        ProcessState::Stopping => Kind::Stopping,
        ProcessState::Exited => Kind::Exited,
        ProcessState::Fatal => Kind::Fatal,
    }
}

#[cfg(test)]
mod tests;

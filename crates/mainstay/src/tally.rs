//! Numbers per child, for metrics: counted in the same place as everything else, so none is missed however slowly
//! they are read, and bounded in how many children have numbers of their own.

use crate::counts::{action_name, cause_name};
use mainstay_core::{Action, ChildId, Event, Moment, RunId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The upper ends of the classes of a [`Spread`], in seconds. One more class has all that is longer.
pub const CLASSES: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// How long something took, many times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// How often it fell into each class of [`CLASSES`], and beyond them.
    pub classes: [u64; CLASSES.len() + 1],
    /// All of it together.
    pub sum: Duration,
}

impl Spread {
    /// Adds one.
    pub fn add(&mut self, span: Duration) {
        let seconds = span.as_secs_f64();
        let class = CLASSES.iter().position(|end| seconds <= *end).unwrap_or(CLASSES.len());
        self.classes[class] += 1;
        self.sum = self.sum.saturating_add(span);
    }

    /// Returns how many there were.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

/// What has happened to one child, in numbers. They only grow.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ChildCounts {
    /// Since when they are counted.
    pub since: Moment,
    /// Runs that ended, by [`cause`](crate::cause_name) and by what was decided.
    pub exits: BTreeMap<(&'static str, &'static str), u64>,
    /// Runs that began, by how the start came out: `ready`, `failed` before it was ready, `stopped` before it was.
    pub starts: BTreeMap<&'static str, u64>,
    /// Runs that were ended by force.
    pub forced: u64,
    /// Breakers that opened.
    pub openings: u64,
    /// Alerts that were raised.
    pub alerts: u64,
    /// The answers of each probe, by its index.
    pub probes: BTreeMap<u8, Probes>,
}

impl ChildCounts {
    /// Returns whether nothing has been counted yet.
    pub fn is_empty(&self) -> bool {
        *self == Self { since: self.since, ..Self::default() }
    }

    /// Adds what was counted elsewhere.
    fn absorb(&mut self, other: &Self) {
        for (exit, count) in &other.exits {
            *self.exits.entry(*exit).or_default() += count;
        }
        for (outcome, count) in &other.starts {
            *self.starts.entry(outcome).or_default() += count;
        }
        self.forced += other.forced;
        self.openings += other.openings;
        self.alerts += other.alerts;
        for (index, probes) in &other.probes {
            let own = self.probes.entry(*index).or_default();
            own.answers += probes.answers;
            own.failures += probes.failures;
            own.took = own.took.saturating_add(probes.took);
            own.last = probes.last;
        }
    }
}

/// The answers of one probe.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Probes {
    /// How many there were.
    pub answers: u64,
    /// How many of them said no, or did not come in time.
    pub failures: u64,
    /// How long all of them took together.
    pub took: Duration,
    /// How long the last one took.
    pub last: Duration,
}

/// What was counted so far.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Tallied {
    /// The children that have numbers of their own.
    pub children: BTreeMap<ChildId, ChildCounts>,
    /// All others together.
    pub others: ChildCounts,
    /// From the beginning of a run to the moment it was ready.
    pub start: Spread,
    /// From an exit that was answered with a restart to the moment the next run was ready.
    pub restart: Spread,
}

/// Counts per child. Made by [`Handle::tally`](crate::Handle::tally); it counts for as long as it is kept.
#[derive(Clone)]
pub struct Tally {
    kept: Arc<Mutex<Kept>>,
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tally(of {} children)", lock(&self.kept).tallied.children.len())
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    pub(crate) fn new(most: usize, since: Moment) -> Self {
        let mut tallied = Tallied::default();
        tallied.others.since = since;
        let kept = Kept { most, since, tallied, courses: BTreeMap::new() };
        Self { kept: Arc::new(Mutex::new(kept)) }
    }

    pub(crate) fn kept(&self) -> &Arc<Mutex<Kept>> {
        &self.kept
    }

    /// Returns what was counted so far. Of these children, as many as there is room for have numbers of their own from
    /// now on, the first ones first.
    pub fn read(&self, children: impl IntoIterator<Item = ChildId>) -> Tallied {
        let mut kept = lock(&self.kept);
        let since = kept.since;
        for child in children {
            if kept.tallied.children.len() >= kept.most {
                break;
            }
            kept.tallied
                .children
                .entry(child)
                .or_insert_with(|| ChildCounts { since, ..ChildCounts::default() });
        }
        kept.tallied.clone()
    }

    /// Gives this many children numbers of their own from now on. Where more have them already, those of the latest
    /// become a part of the numbers of all others.
    pub fn bound(&self, most: usize) {
        let mut kept = lock(&self.kept);
        kept.most = most;
        while kept.tallied.children.len() > most {
            let Some((_, counts)) = kept.tallied.children.pop_last() else { return };
            kept.tallied.others.absorb(&counts);
        }
    }
}

/// The numbers themselves.
pub(crate) struct Kept {
    most: usize,
    /// The moment of the last event counted: since then a child is counted that comes now.
    since: Moment,
    tallied: Tallied,
    /// Where the runs of children are in their course, of those that have one.
    courses: BTreeMap<ChildId, Course>,
}

/// What has to be remembered of a child between its events.
#[derive(Clone, Copy, Default)]
struct Course {
    /// The run that has begun and is not ready yet.
    opening: Option<RunId>,
    /// Why the last run ended, until it is decided what follows.
    cause: Option<&'static str>,
    /// When a run ended that is to be followed by another, and is not yet.
    ended: Option<Moment>,
}

impl Course {
    const fn is_empty(&self) -> bool {
        self.opening.is_none() && self.cause.is_none() && self.ended.is_none()
    }
}

impl Kept {
    /// Returns the numbers of a child. One that has room gets numbers of its own.
    fn of(&mut self, child: ChildId, at: Moment) -> &mut ChildCounts {
        let Tallied { children, others, .. } = &mut self.tallied;
        let has_room = children.len() < self.most;
        match children.entry(child) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) if has_room => {
                free.insert(ChildCounts { since: at, ..ChildCounts::default() })
            }
            std::collections::btree_map::Entry::Vacant(_) => others,
        }
    }

    pub(crate) fn probed(&mut self, child: ChildId, at: Moment, probe: (u8, bool, Duration)) {
        let (index, ok, took) = probe;
        let probes = self.of(child, at).probes.entry(index).or_default();
        probes.answers += 1;
        probes.failures += u64::from(!ok);
        probes.took = probes.took.saturating_add(took);
        probes.last = took;
    }

    pub(crate) fn count(&mut self, at: Moment, event: &Event) {
        self.since = at;
        // The root is the tree, of which the other numbers speak.
        let Some(child) = event.child().filter(|child| *child != ChildId::ROOT) else { return };
        if matches!(event, Event::Removed(_)) {
            self.tallied.children.remove(&child);
            self.courses.remove(&child);
            return;
        }
        let mut course = self.courses.get(&child).copied().unwrap_or_default();
        self.course(child, at, event, &mut course);
        // Only who is in the middle of something has to be remembered.
        if course.is_empty() {
            self.courses.remove(&child);
        } else {
            self.courses.insert(child, course);
        }
    }

    fn course(&mut self, child: ChildId, at: Moment, event: &Event, course: &mut Course) {
        match event {
            Event::Starting { run, .. } => course.opening = Some(*run),
            // A run that was not ready for a while is ready again: that is no start.
            Event::Ready { run, took, .. } if course.opening == Some(*run) => {
                course.opening = None;
                self.tallied.start.add(*took);
                if let Some(ended) = course.ended.take() {
                    self.tallied.restart.add(at.since(ended));
                }
                *self.of(child, at).starts.entry("ready").or_default() += 1;
            }
            Event::Exited { cause, .. } => {
                if course.opening.take().is_some() {
                    let outcome = if cause.is_asked() { "stopped" } else { "failed" };
                    *self.of(child, at).starts.entry(outcome).or_default() += 1;
                }
                course.cause = Some(cause_name(cause));
            }
            Event::Decided { action, .. } => {
                let cause = course.cause.take().unwrap_or("unknown");
                let exit = (cause, action_name(action));
                *self.of(child, at).exits.entry(exit).or_default() += 1;
                let comes_again = matches!(action, Action::Restart { .. } | Action::Regroup { .. });
                // The wait of one that is tried again and again began with the first.
                course.ended = if comes_again { course.ended.or(Some(at)) } else { None };
            }
            Event::Breaker { state, .. } => {
                let is_open =
                    matches!(state, mainstay_core::policy::breaker::BreakerState::Open(_));
                self.of(child, at).openings += u64::from(is_open);
            }
            Event::Forced(..) => self.of(child, at).forced += 1,
            Event::Alert { .. } => self.of(child, at).alerts += 1,
            // The wait is not the policy's any more.
            Event::Stopping { .. } => course.ended = None,
            Event::Added { .. }
            | Event::Removed(_)
            | Event::Replaced { .. }
            | Event::Started { .. }
            | Event::Rehydrating(..)
            | Event::Ready { .. }
            | Event::Unready(..)
            | Event::Stable { .. }
            | Event::Probed { .. }
            | Event::Guarded(..)
            | Event::Reloaded { .. }
            | Event::Frozen { .. }
            | Event::Abandoned(..)
            | Event::Counted { .. }
            | Event::Rests { .. }
            | Event::Regrouping { .. }
            | Event::Regrouped(_)
            | Event::GaveUp { .. }
            | Event::AutoShutdown { .. }
            | Event::Acknowledged { .. }
            | Event::Commanded { .. }
            | Event::Refused { .. }
            | Event::Draining { .. }
            | Event::DrainForced { .. }
            | Event::Drained(_)
            | Event::Blocked { .. }
            | Event::Told { .. }
            | Event::Stalled { .. }
            | Event::Stale { .. }
            | Event::Backwards { .. } => {}
        }
    }
}

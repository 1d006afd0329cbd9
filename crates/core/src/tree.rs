//! The tree: the one place that decides.
//!
//! An input comes in, is matched to its child and run, and changes that child; what follows for
//! others is put on an agenda and worked off before [`Tree::handle`] returns. The way of an exit:
//!
//! 1. `run.rs` judges it against what was asked and closes the run;
//! 2. `decide.rs` consults restart rule, class, breaker and limits, and states one decision;
//! 3. `settle.rs` carries it out: wait, group restart, breaker, quarantine, giving up, drain;
//! 4. `gate.rs` is asked, for each child that rests, whether anything keeps it from starting.
//!
//! Nothing else starts a run. So whatever wants a child up (a delay that is over, a resume, a need
//! that is met, a command) only asks the gate again.

mod admit;
mod again;
mod brood;
mod change;
mod close;
mod command;
mod deadlines;
mod decide;
mod drain;
mod due;
mod explain;
mod gate;
mod group;
mod health;
mod limits;
mod members;
mod names;
mod removal;
mod run;
mod settle;
mod snapshot;
mod stop;
mod story;
mod watch;

use crate::child::{Child, Group, Place, Rest, State};
use crate::effect::{Effects, Outcome};
use crate::event::Event;
use crate::id::{ChildId, Path, RunId};
use crate::input::Input;
use crate::moment::Moment;
use crate::spec::{StormRate, TreeSpec};
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use brood::{Brood, Standpoint};
use core::time::Duration;
use deadlines::Deadlines;
use health::Tally;
use names::Names;

pub use change::Plan as ChangePlan;
pub use command::Remembered;
pub use drain::{Drain, Report, ReportLine};
pub use due::Why;
pub use explain::{Blocker, Chance, Explanation, LimitView};
pub use health::{Health, Overall};
pub use snapshot::{RestoreError, Snapshot};

/// A supervision tree. It decides; it does nothing.
#[derive(Debug)]
pub struct Tree {
    settings: Settings,
    children: Vec<Option<Child>>,
    epochs: Vec<u32>,
    free: Vec<u32>,
    now: Moment,
    tickets: u64,
    /// When the storm rate's bucket would be empty again had nobody waited (GCRA).
    storm: Moment,
    drain: Option<Drain>,
    remembered: Remembered,

    // What follows from the above, for speed; `Tree::restore` makes it anew.
    broods: Vec<Option<Box<Brood>>>,
    names: Names,
    deadlines: Deadlines,
    storm_queue: BTreeSet<(u64, u32)>,
    tally: Tally,
    agenda: VecDeque<Todo>,
    touched: Vec<u32>,
}

/// What holds for the tree at large.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The bound on a drain that was asked for.
    pub drain_timeout: Duration,
    /// The bound on a drain that a failure caused.
    pub fatal_drain_timeout: Duration,
    /// How fast starts may follow each other.
    pub storm_rate: Option<StormRate>,
    /// The seed of every jitter.
    pub seed: u64,
    /// The start concurrency where a supervisor states none.
    pub start_concurrency: u32,
}

impl From<&TreeSpec> for Settings {
    fn from(spec: &TreeSpec) -> Self {
        Self {
            drain_timeout: spec.drain_timeout,
            fatal_drain_timeout: spec.fatal_drain_timeout,
            storm_rate: spec.storm_rate,
            seed: spec.seed,
            start_concurrency: spec.start_concurrency,
        }
    }
}

/// How many entries of each list of things to do keep their memory from one input to the next.
const MOST_KEPT: usize = 4_096;

/// Something to look at again before the present input is settled.
#[derive(Clone, Copy, Debug)]
enum Todo {
    /// Whether this child may start now.
    Consider(ChildId),
    /// Whether another child of this supervisor gets a start slot.
    Slots(u32),
    /// Whether this supervisor is ready.
    Readiness(u32),
}

impl Tree {
    /// Makes a tree in which nothing runs yet; [`Input::Boot`] begins it.
    pub fn new(spec: &TreeSpec) -> Self {
        let mut tree = Self::empty(Settings::from(spec));
        tree.insert(None, "".into(), &spec.root, Place::FIRST);
        tree
    }

    fn empty(settings: Settings) -> Self {
        Self {
            settings,
            children: Vec::new(),
            epochs: Vec::new(),
            free: Vec::new(),
            now: Moment::ZERO,
            tickets: 0,
            storm: Moment::ZERO,
            drain: None,
            remembered: Remembered::default(),
            broods: Vec::new(),
            names: Names::new(),
            deadlines: Deadlines::default(),
            storm_queue: BTreeSet::new(),
            tally: Tally::default(),
            agenda: VecDeque::new(),
            touched: Vec::new(),
        }
    }

    /// Takes one input and pushes what must now be done, stated and answered.
    ///
    /// It cannot fail. Deadlines that have passed are met first, at `now` and in order of moment and
    /// path, so the outcome does not depend on whether a [`Clock`](Input::Clock) came before another
    /// input of the same moment. Afterwards [`deadline`](Self::deadline) is later than `now` or absent.
    pub fn handle(&mut self, now: Moment, input: Input, out: &mut Effects) {
        if now < self.now {
            out.note(Event::Backwards { by: self.now.since(now) });
        }
        self.now = now.max(self.now);
        self.meet_deadlines(out);
        match input {
            Input::Boot => self.boot(),
            Input::Clock => {}
            Input::Command(command) => self.command(&command, out),
            Input::Demand(child) => self.demand(child),
            Input::Started(child, run) => {
                self.fact(child, run, out, |tree, slot, out| tree.started(slot, out));
            }
            Input::Ready(child, run) => {
                self.fact(child, run, out, |tree, slot, out| tree.became_ready(slot, out));
            }
            Input::Exited { child, run, exit, detail } => {
                self.fact(child, run, out, |tree, slot, out| tree.exited(slot, exit, detail, out));
            }
            Input::Beat(child, run) => self.fact(child, run, out, |tree, slot, _| tree.beat(slot)),
            Input::Patience { child, run, within } => {
                self.fact(child, run, out, |tree, slot, _| tree.patience(slot, within));
            }
            Input::Probed { child, run, probe, ok } => {
                self.fact(child, run, out, |tree, slot, out| tree.probed(slot, probe, ok, out));
            }
            Input::Pending { child, run, pending } => {
                self.fact(child, run, out, |tree, slot, _| tree.pending(slot, pending));
            }
            Input::Progress(child, run) => {
                self.fact(child, run, out, |tree, slot, _| tree.progress(slot));
            }
            Input::Rehydrated(child, run) => {
                self.fact(child, run, out, |tree, slot, out| tree.rehydrated(slot, out));
            }
            Input::Reloaded(child, run) => {
                self.fact(child, run, out, |_, _, out| {
                    out.note(Event::Reloaded { child, run, done: true });
                });
            }
            Input::Extend { child, run, by } => {
                self.fact(child, run, out, |tree, slot, _| tree.extend(slot, by));
            }
            Input::WantsRecycle(child, run) => {
                self.fact(child, run, out, |tree, slot, _| tree.wants_recycle(slot));
            }
            Input::Guard { child, run, hard } => {
                self.fact(child, run, out, |tree, slot, out| tree.guarded(slot, hard, out));
            }
            Input::Blocked { child, run, lasted } => {
                self.fact(child, run, out, |_, _, out| {
                    out.note(Event::Blocked { child, run, lasted });
                });
            }
            Input::Told { child, run, news } => {
                self.fact(child, run, out, |_, _, out| {
                    out.note(Event::Told { child, run, news });
                });
            }
            Input::Positioned { child, run, position } => {
                self.fact(child, run, out, |tree, slot, _| {
                    tree.at_mut(slot).memory_mut().position = Some(position);
                });
            }
            Input::Stalled(lasted) => out.note(Event::Stalled { lasted }),
        }
        self.settle(out);
        self.meet_deadlines(out);
    }

    /// Returns when the tree next needs [`Input::Clock`], and why.
    pub fn deadline(&self) -> Option<(Moment, Why)> {
        let (_, slot) = self.deadlines.first()?;
        self.due(slot)
    }

    /// Returns whether the tree has ended.
    pub fn has_ended(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.ended)
    }

    /// Returns how the tree ends or ended, once it drains.
    pub fn outcome(&self) -> Option<Outcome> {
        self.drain.as_ref().map(|drain| drain.outcome)
    }

    /// Returns the drain, once the tree drains.
    pub const fn drain(&self) -> Option<&Drain> {
        self.drain.as_ref()
    }

    /// Returns the moment of the last input.
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// Returns what is known about a child; `None` once it has left the tree.
    pub fn child(&self, id: ChildId) -> Option<&Child> {
        self.children.get(id.slot())?.as_ref().filter(|child| child.id == id)
    }

    /// Returns every child, the root first, in order of their slots.
    pub fn children(&self) -> impl Iterator<Item = &Child> {
        self.children.iter().flatten()
    }

    /// Returns the children of a supervisor in the order of starts.
    pub fn children_of(&self, id: ChildId) -> impl Iterator<Item = &Child> {
        let brood = self.child(id).and_then(|_| self.broods.get(id.slot())?.as_deref());
        brood.into_iter().flat_map(|brood| brood.from(Place::FIRST)).map(|slot| self.at(slot))
    }

    /// Finds a child by its path.
    pub fn find(&self, path: &Path) -> Option<ChildId> {
        let mut slot = ChildId::ROOT.slot;
        for name in path.names() {
            slot = self.find_below(slot, name)?;
        }
        Some(self.at(slot).id)
    }

    /// Returns the path of a child; `None` once it has left the tree.
    pub fn path(&self, id: ChildId) -> Option<Path> {
        let mut names = Vec::new();
        let mut child = self.child(id)?;
        while let Some(above) = child.above {
            names.push(&*child.name);
            child = self.child(above)?;
        }
        names.reverse();
        Some(Path::from(names.join("/").as_str()))
    }

    /// Hands a fact to the run it is about; about any other run it is stale.
    ///
    /// A supervisor has no driver: only its children decide what becomes of its run.
    fn fact(
        &mut self,
        child: ChildId,
        run: RunId,
        out: &mut Effects,
        then: impl FnOnce(&mut Self, u32, &mut Effects),
    ) {
        let driven = self.child(child).filter(|child| child.group.is_none());
        if driven.and_then(Child::life).is_some_and(|life| life.run == run) {
            then(self, child.slot, out);
        } else {
            out.note(Event::Stale { child, run });
        }
    }

    fn boot(&mut self) {
        // Nobody is above the root: it rests so before its first run, or when it is begun again.
        if matches!(self.at(0).state, State::Rest { why: Rest::Above, .. }) {
            self.agenda.push_back(Todo::Consider(ChildId::ROOT));
        }
    }

    /// Works off the agenda. Whatever an entry finds to be done otherwise by now, it leaves alone.
    fn settle(&mut self, out: &mut Effects) {
        while let Some(todo) = self.agenda.pop_front() {
            match todo {
                Todo::Consider(id) if self.child(id).is_some() => self.consider(id.slot, out),
                Todo::Consider(_) => {}
                Todo::Slots(supervisor) => self.hand_out_slots(supervisor),
                Todo::Readiness(supervisor) => self.supervisor_readiness(supervisor, out),
            }
        }
        // Most are touched several times in a row.
        self.touched.dedup();
        while let Some(slot) = self.touched.pop() {
            self.refresh(slot);
        }
        // What one large moment needed is not kept for the small ones.
        self.touched.shrink_to(MOST_KEPT);
        self.agenda.shrink_to(MOST_KEPT);
    }

    fn at(&self, slot: u32) -> &Child {
        self.children[slot as usize].as_ref().expect("a slot that is in use")
    }

    /// Whatever changes about a child may move its deadline, so it is looked at before the input is settled.
    fn at_mut(&mut self, slot: u32) -> &mut Child {
        if self.touched.last() != Some(&slot) {
            self.touched.push(slot);
        }
        self.children[slot as usize].as_mut().expect("a slot that is in use")
    }

    /// The stored state of a supervisor.
    fn group(&self, slot: u32) -> &Group {
        self.at(slot).group.as_deref().expect("a supervisor")
    }

    fn group_mut(&mut self, slot: u32) -> &mut Group {
        self.at_mut(slot).group.as_deref_mut().expect("a supervisor")
    }

    /// The index of a supervisor's children.
    fn brood(&self, slot: u32) -> &Brood {
        self.broods[slot as usize].as_deref().expect("a supervisor")
    }

    fn brood_mut(&mut self, slot: u32) -> &mut Brood {
        self.broods[slot as usize].as_deref_mut().expect("a supervisor")
    }

    fn above(&self, slot: u32) -> Option<u32> {
        self.at(slot).above.map(|above| above.slot)
    }

    fn find_below(&self, above: u32, name: &str) -> Option<u32> {
        self.names.find(names::hash(above, name), |slot| {
            let child = self.at(slot);
            child.above.is_some_and(|id| id.slot == above) && *child.name == *name
        })
    }

    /// Asks the gate again, soon.
    fn look_again(&mut self, slot: u32) {
        let id = self.at(slot).id;
        self.agenda.push_back(Todo::Consider(id));
    }

    /// Changes what a child does, and everything that is counted about it.
    fn set_state(&mut self, slot: u32, state: State) {
        let child = self.children[slot as usize].as_mut().expect("a slot that is in use");
        let before = (Standpoint::of(child), core::mem::replace(&mut child.state, state));
        let after = Standpoint::of(child);
        self.touched.push(slot);
        let Some(above) = child.above.map(|above| above.slot) else { return };
        let brood = self.broods[above as usize].as_deref_mut().expect("a supervisor");
        brood.swap(before.0, after);
        self.tally.swap(before.0.condition, after.condition);
        match before.1 {
            State::Rest { why: Rest::Slot { ticket }, .. } => {
                brood.queue.remove(&(ticket, slot));
            }
            State::Rest { why: Rest::Storm { ticket }, .. } => {
                self.storm_queue.remove(&(ticket, slot));
                self.touched.push(ChildId::ROOT.slot);
            }
            State::Rest { .. } | State::Live(_) => {}
        }
        match state {
            State::Rest { why: Rest::Slot { ticket }, .. } => {
                brood.queue.insert((ticket, slot));
            }
            State::Rest { why: Rest::Storm { ticket }, .. } => {
                self.storm_queue.insert((ticket, slot));
                self.touched.push(ChildId::ROOT.slot);
            }
            State::Rest { .. } | State::Live(_) => {}
        }
        let left_queue = matches!(before.1, State::Rest { why: Rest::Slot { .. }, .. });
        if (left_queue || before.0.opening && !after.opening) && !brood.queue.is_empty() {
            self.agenda.push_back(Todo::Slots(above));
        }
        if before.0.coming && !after.coming && brood.coming == 0 {
            self.agenda.push_back(Todo::Readiness(above));
        }
    }
}

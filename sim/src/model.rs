//! A naive reference model: what must follow from the history of facts, recounted from the start.
//!
//! It reads the tree's events one by one, says before each decision what it must be, and keeps every
//! past entry of every limit in a plain list. It shares types with the core, and no rule.

pub(crate) mod command;
pub(crate) mod due;
mod ending;
pub(crate) mod event;
pub(crate) mod exit;
mod foresee;
mod fuse;
pub(crate) mod gate;
mod group;
mod leaving;
pub(crate) mod policy;
mod watch;

use crate::check::{Broken, Invariant};
use mainstay_core::child::{AlertKind, Finish, Place, Rest};
use mainstay_core::policy::budget::{Limit, Scope};
use mainstay_core::spec::{Declared, StormRate, Strategy, SupervisorSpec, TreeSpec};
use mainstay_core::{
    Asked, Cause, ChildId, Command, Done, Exit, Moment, Outcome, Path, Refusal, RunId, Tree,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Everything the history so far says.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) now: Moment,
    pub(crate) books: BTreeMap<ChildId, Book>,
    pub(crate) gone: BTreeSet<ChildId>,
    pub(crate) drain: Option<DrainBook>,
    /// Who was there when the drain began, supervisors left aside.
    pub(crate) listed: Vec<Path>,
    pub(crate) rate: Option<StormRate>,
    pub(crate) storm: Moment,
    pub(crate) slots: u32,
    pub(crate) bounds: (Duration, Duration),
    pub(crate) answers: BTreeMap<(u128, String), (Command, Result<Done, Refusal>)>,
    pub(crate) answered: VecDeque<(u128, String)>,
    /// What must be stated before the present input is settled.
    pub(crate) owed: Vec<Owed>,
    /// The exit whose decision has not been stated yet.
    pub(crate) open_exit: Option<OpenExit>,
    /// What must come of the present input, where that follows from the input alone.
    pub(crate) foreseen: Option<foresee::Foreseen>,
    /// Who is being replaced by command in this step.
    pub(crate) recycled: Option<ChildId>,
    /// The stop steps that were taken in this step and not looked at yet.
    pub(crate) steps: Vec<(ChildId, RunId, u8)>,
    /// Whether the root has been told to begin.
    pub(crate) booted: bool,
    /// Whose exit was decided last.
    pub(crate) last_exit: Option<ChildId>,
    /// The supervisors whose group may go on, once everybody has been asked.
    pub(crate) unsettled: Vec<ChildId>,
    /// The supervisors that a command started in this step.
    pub(crate) opened_by_hand: Vec<ChildId>,
    /// The supervisors that began a group restart in this step.
    pub(crate) regrouped: Vec<ChildId>,
}

/// What the history says about one child.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) path: Path,
    pub(crate) name: String,
    pub(crate) above: Option<ChildId>,
    pub(crate) place: Place,
    pub(crate) spec: Declared,
    pub(crate) revision: u32,
    pub(crate) down: bool,
    pub(crate) paused: bool,
    pub(crate) frozen: bool,
    pub(crate) quarantined: bool,
    pub(crate) leaving: bool,
    pub(crate) demanded: bool,
    pub(crate) by_hand: bool,
    pub(crate) plan: Plan,
    pub(crate) live: Option<Run>,
    pub(crate) runs: u64,
    pub(crate) began: Moment,
    pub(crate) position: u32,
    pub(crate) breaker: Fuse,
    pub(crate) alerts: Vec<Notice>,
    pub(crate) entries: Vec<Vec<Moment>>,
    pub(crate) pack: Option<Pack>,
    /// The reason that was stated last, while it rests.
    pub(crate) rest: Option<Rest>,
    pub(crate) last_end: Moment,
    pub(crate) last_cause: Option<Cause>,
    pub(crate) last_asked: Option<Asked>,
}

/// What a person must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) kind: AlertKind,
    pub(crate) seen: bool,
    /// Whether what it was about is over.
    pub(crate) over: bool,
}

/// What policy says about the next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Run,
    At(Moment),
    Never(Finish),
}

/// One live run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) run: RunId,
    pub(crate) stage: Stage,
    pub(crate) asked: Option<(Asked, Moment)>,
    pub(crate) watch: watch::Watch,
    /// Whether force reached this supervisor before it was said that it ends.
    pub(crate) unsaid: bool,
}

/// How far a run has come, and what it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Starting(Moment),
    Started(Option<Moment>),
    Rehydrating(Moment),
    Ready(Option<Moment>),
    Unready,
    Stopping(u8, Option<Moment>),
    Killing(Moment),
    Abandoned,
}

/// A breaker: how often it opened, and whether it lets a run through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fuse {
    pub(crate) state: Gate,
    pub(crate) weight: u32,
    pub(crate) opened: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Closed,
    Open(Option<Moment>),
    Trial,
}

/// What a supervisor does with its children.
#[derive(Clone, Debug)]
pub(crate) struct Pack {
    pub(crate) work: Work,
    pub(crate) breaker: Fuse,
    pub(crate) trial_until: Option<Moment>,
    /// The spans in which its windows on restarts stood still.
    pub(crate) freezes: Vec<(Moment, Option<Moment>)>,
    pub(crate) ending: Option<Cause>,
    /// Whom the present start of a group counts on.
    pub(crate) members: Vec<ChildId>,
    /// Who was paused when its layer was stopped, and goes on.
    pub(crate) spared: Vec<ChildId>,
    /// Whether a new spec moved children to other layers while they were stopped.
    pub(crate) moved: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Serving,
    Closing,
    Stopping { from: Place, delay: Duration, not_before: Moment },
    Delay { from: Place, until: Moment },
    Starting { from: Place },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct DrainBook {
    pub(crate) force_at: Moment,
    pub(crate) until: Moment,
    pub(crate) asked: u32,
    pub(crate) forced: bool,
    pub(crate) outcome: Outcome,
    pub(crate) ended: bool,
}

/// Something that has to be stated still.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Owed {
    Opens { owner: ChildId, over_children: bool },
    Alert(ChildId, AlertKind),
    GaveUp(ChildId),
    Regrouping(ChildId),
    Draining,
    AutoShutdown(ChildId),
    Closes(ChildId),
}

/// An exit whose decision is owed.
#[derive(Clone, Debug)]
pub(crate) struct OpenExit {
    pub(crate) child: ChildId,
    pub(crate) run: RunId,
    pub(crate) asked: Option<Asked>,
    pub(crate) cause: Cause,
    pub(crate) exit: Option<Exit>,
    pub(crate) was_stable: bool,
    pub(crate) counted: Vec<(mainstay_core::LimitId, u32, bool, bool)>,
}

impl Fuse {
    pub(crate) const CLOSED: Self = Self { state: Gate::Closed, weight: 0, opened: Moment::ZERO };

    pub(crate) fn is_open(&self, now: Moment) -> bool {
        matches!(self.state, Gate::Open(until) if until.is_none_or(|until| until > now))
    }

    /// One level less for each whole `decay` since the last opening.
    pub(crate) fn level(&self, now: Moment, decay: Duration) -> u32 {
        let (mut level, mut at) = (self.weight, self.opened + decay);
        while level > 0 && at <= now && at < Moment::FAR {
            level -= 1;
            at = at + decay;
        }
        level
    }
}

impl Stage {
    pub(crate) const fn is_ending(&self) -> bool {
        matches!(self, Self::Stopping(..) | Self::Killing(_) | Self::Abandoned)
    }

    pub(crate) const fn is_opening(&self) -> bool {
        matches!(self, Self::Starting(_) | Self::Started(_) | Self::Rehydrating(_))
    }
}

impl Book {
    fn new(id: ChildId, tree: &Tree) -> Option<Self> {
        let child = tree.child(id)?;
        Some(Self {
            path: tree.path(id)?,
            name: child.name.to_string(),
            above: child.above,
            place: child.place,
            spec: child.spec.clone(),
            revision: 0,
            down: false,
            paused: false,
            frozen: false,
            quarantined: false,
            leaving: false,
            demanded: false,
            by_hand: false,
            plan: Plan::Run,
            live: None,
            runs: 0,
            began: Moment::ZERO,
            position: 0,
            breaker: Fuse::CLOSED,
            alerts: Vec::new(),
            entries: vec![Vec::new(); child.spec.budget.len()],
            pack: child.spec.supervisor().map(|_| Pack::new()),
            rest: None,
            last_end: Moment::ZERO,
            last_cause: None,
            last_asked: None,
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.live.as_ref().is_some_and(|run| !run.stage.is_ending())
    }

    pub(crate) fn supervisor(&self) -> Option<&SupervisorSpec> {
        self.spec.supervisor()
    }

    pub(crate) fn clear_entries(&mut self) {
        self.entries = vec![Vec::new(); self.spec.budget.len()];
    }

    /// Empties the limits over itself, or those over its children.
    pub(crate) fn clear_limits(&mut self, over_children: bool) {
        for (entries, limit) in self.entries.iter_mut().zip(&self.spec.budget) {
            if (limit.scope != Scope::Child) == over_children {
                entries.clear();
            }
        }
    }

    pub(crate) fn end_episode(&mut self) {
        for notice in &mut self.alerts {
            notice.over = true;
        }
    }
}

impl Pack {
    pub(crate) const fn new() -> Self {
        Self {
            work: Work::Serving,
            breaker: Fuse::CLOSED,
            trial_until: None,
            freezes: Vec::new(),
            ending: None,
            members: Vec::new(),
            spared: Vec::new(),
            moved: false,
        }
    }
}

impl Model {
    /// Begins with a tree in which nothing has happened.
    pub(crate) fn new(spec: &TreeSpec, tree: &Tree) -> Self {
        let books = tree
            .children()
            .filter_map(|child| Some((child.id, Book::new(child.id, tree)?)))
            .collect();
        Self {
            now: Moment::ZERO,
            books,
            gone: BTreeSet::new(),
            drain: None,
            listed: Vec::new(),
            rate: spec.storm_rate,
            storm: Moment::ZERO,
            slots: spec.start_concurrency,
            bounds: (spec.drain_timeout, spec.fatal_drain_timeout),
            answers: BTreeMap::new(),
            answered: VecDeque::new(),
            owed: Vec::new(),
            open_exit: None,
            foreseen: None,
            recycled: None,
            steps: Vec::new(),
            booted: false,
            last_exit: None,
            unsettled: Vec::new(),
            opened_by_hand: Vec::new(),
            regrouped: Vec::new(),
        }
    }

    pub(crate) fn book(&self, id: ChildId) -> Result<&Book, Broken> {
        self.books.get(&id).ok_or_else(|| {
            Broken::new(
                Invariant::EventOrder,
                format!("{id:?} is not in the tree, says its history"),
            )
        })
    }

    pub(crate) fn book_mut(&mut self, id: ChildId) -> Result<&mut Book, Broken> {
        self.books.get_mut(&id).ok_or_else(|| {
            Broken::new(
                Invariant::EventOrder,
                format!("{id:?} is not in the tree, says its history"),
            )
        })
    }

    pub(crate) fn find(&self, path: &Path) -> Option<ChildId> {
        self.books.iter().find(|(_, book)| book.path == *path).map(|(id, _)| *id)
    }

    pub(crate) fn path(&self, id: ChildId) -> String {
        self.books.get(&id).map_or_else(|| format!("{id:?}"), |book| book.path.to_string())
    }

    pub(crate) fn children(&self, above: ChildId) -> impl Iterator<Item = (ChildId, &Book)> {
        self.books.iter().filter(move |(_, b)| b.above == Some(above)).map(|(id, b)| (*id, b))
    }

    pub(crate) fn child_ids(&self, above: ChildId) -> Vec<ChildId> {
        self.children(above).map(|(id, _)| id).collect()
    }

    pub(crate) fn sibling(&self, above: ChildId, name: &str) -> Option<(ChildId, &Book)> {
        self.children(above).find(|(_, book)| book.name == name)
    }

    /// Whether a group restart leaves a live run alone.
    pub(crate) fn is_left_alone(&self, id: ChildId, run: &Run) -> bool {
        let above = self.books.get(&id).and_then(|book| self.books.get(&book.above?));
        let pack = above.and_then(|above| above.pack.as_ref());
        let spared = pack.is_some_and(|pack| pack.spared.contains(&id));
        spared || (!run.stage.is_ending() && self.is_paused(id))
    }

    pub(crate) fn work(&self, above: ChildId) -> Work {
        let pack = self.books.get(&above).and_then(|book| book.pack.as_ref());
        pack.map_or(Work::Serving, |pack| pack.work)
    }

    /// The strategy that an exit of this child follows.
    pub(crate) fn strategy(&self, book: &Book) -> Strategy {
        let above = book.above.and_then(|above| self.books.get(&above));
        let general = above.and_then(Book::supervisor).map(|group| group.strategy);
        book.spec.strategy.or(general).unwrap_or(Strategy::OneForOne)
    }

    /// The limits that count a child, with their owners: its own, its supervisor's, the root's.
    pub(crate) fn limits_on(&self, id: ChildId) -> Vec<(ChildId, usize, Limit)> {
        let Some(book) = self.books.get(&id) else { return Vec::new() };
        let owners = [
            (Some(id), Scope::Child),
            (book.above, Scope::Supervisor),
            (Some(ChildId::ROOT), Scope::Tree),
        ];
        let mut limits = Vec::new();
        for (owner, scope) in owners {
            let Some((owner, book)) = owner.and_then(|o| Some((o, self.books.get(&o)?))) else {
                continue;
            };
            for (index, limit) in book.spec.budget.iter().enumerate() {
                if limit.scope == scope {
                    limits.push((owner, index, *limit));
                }
            }
        }
        limits
    }
}

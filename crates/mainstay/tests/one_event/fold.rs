//! What a reader of events knows about every child.

use mainstay_core::child::{Child, Phase, Rest, State};
use mainstay_core::policy::breaker::BreakerState;
use mainstay_core::{ChildId, Event, RunId, Standing, Tree};
use std::collections::BTreeMap;

/// What the events have said so far, child by child.
pub(crate) struct Fold {
    known: BTreeMap<ChildId, Known>,
}

/// What they have said about one child.
#[derive(Clone, Debug)]
struct Known {
    doing: Doing,
    /// Its present run, or the last one.
    run: RunId,
    is_frozen: bool,
    /// Whether the end of its last run has been decided.
    is_decided: bool,
    /// The state of its breaker, and the level that was last said.
    breaker: (BreakerState, u32),
    over_children: (BreakerState, u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Doing {
    Rests(Rest),
    Starting,
    Started,
    Rehydrating,
    Ready,
    Unready,
    Stopping,
    Killing,
    Abandoned,
    /// Its run is over; what it does now comes within the same input.
    Over,
}

impl Doing {
    const fn standing(self, child: &Child) -> Standing {
        match self {
            // The word for a rest follows from its reason alone, which is compared as it is.
            Self::Rests(_) => child.standing(),
            Self::Starting => Standing::Starting,
            Self::Started | Self::Rehydrating | Self::Unready => Standing::Up,
            Self::Ready => Standing::Ready,
            Self::Stopping | Self::Killing => Standing::Stopping,
            Self::Abandoned => Standing::Abandoned,
            Self::Over => Standing::Removed,
        }
    }

    const fn of(child: &Child) -> Self {
        match child.state {
            State::Rest { why, .. } => Self::Rests(why),
            State::Live(life) => match life.phase {
                Phase::Starting { .. } => Self::Starting,
                Phase::Started { .. } => Self::Started,
                Phase::Rehydrating { .. } => Self::Rehydrating,
                Phase::Ready { .. } => Self::Ready,
                Phase::Unready => Self::Unready,
                Phase::Stopping { .. } => Self::Stopping,
                Phase::Killing { .. } => Self::Killing,
                Phase::Abandoned { .. } => Self::Abandoned,
            },
        }
    }

    const fn is_up(self) -> bool {
        matches!(
            self,
            Self::Starting | Self::Started | Self::Rehydrating | Self::Ready | Self::Unready
        )
    }

    const fn is_alive(self) -> bool {
        self.is_live() && !matches!(self, Self::Abandoned)
    }

    const fn is_live(self) -> bool {
        !matches!(self, Self::Rests(_) | Self::Over)
    }
}

impl Known {
    /// A child nobody has heard of yet: its supervisor is not up.
    const fn new() -> Self {
        Self {
            doing: Doing::Rests(Rest::Above),
            run: RunId(0),
            is_frozen: false,
            is_decided: true,
            breaker: (BreakerState::Closed, 0),
            over_children: (BreakerState::Closed, 0),
        }
    }

    /// Takes one event about this child. Returns whether it may come where the child stands, and
    /// changes anything.
    fn take(&mut self, event: &Event) -> bool {
        use Doing as D;
        let was = self.doing;
        let mut go = |may: bool, to: Doing| {
            self.doing = to;
            may && was != to
        };
        match event {
            Event::Starting { run, .. } => {
                let is_next = *run == self.run.next() && self.is_decided;
                (self.run, self.is_frozen) = (*run, false);
                go(is_next && !was.is_live(), D::Starting)
            }
            Event::Started { run, .. } => go(*run == self.run && was == D::Starting, D::Started),
            Event::Rehydrating(_, run) => go(*run == self.run && was == D::Started, D::Rehydrating),
            Event::Ready { run, .. } => {
                let may = matches!(was, D::Started | D::Rehydrating | D::Unready);
                go(*run == self.run && may, D::Ready)
            }
            Event::Unready(_, run) => go(*run == self.run && was == D::Ready, D::Unready),
            Event::Stopping { run, .. } => go(*run == self.run && was.is_up(), D::Stopping),
            // The root goes on to a drain, which says so itself.
            Event::AutoShutdown { supervisor: ChildId::ROOT, .. } => true,
            Event::GaveUp { .. } | Event::AutoShutdown { .. } => go(was.is_up(), D::Stopping),
            Event::Drained(_) => go(true, D::Rests(Rest::Draining)),
            Event::Forced(_, run) => {
                go(*run == self.run && (was.is_up() || was == D::Stopping), D::Killing)
            }
            Event::Abandoned(_, run) => go(*run == self.run && was == D::Killing, D::Abandoned),
            Event::Exited { run, .. } => {
                self.is_decided = false;
                go(*run == self.run && was.is_live(), D::Over)
            }
            Event::Decided { run, .. } => {
                *run == self.run && !std::mem::replace(&mut self.is_decided, true)
            }
            Event::Rests { why, .. } => go(!was.is_live() && self.is_decided, D::Rests(*why)),
            Event::Frozen { run, frozen, .. } => {
                *run == self.run && std::mem::replace(&mut self.is_frozen, *frozen) != *frozen
            }
            // A reset may change nothing but the level.
            Event::Breaker { over_children, state, level, .. } => {
                let said = if *over_children { &mut self.over_children } else { &mut self.breaker };
                std::mem::replace(said, (*state, *level)) != (*state, *level)
            }
            Event::Stable { run, .. } => *run == self.run && was == D::Ready,
            // The rest tells reasons, numbers and what concerns the whole tree.
            Event::Added { .. }
            | Event::Removed(_)
            | Event::Replaced { .. }
            | Event::Probed { .. }
            | Event::Guarded(..)
            | Event::Reloaded { .. }
            | Event::Counted { .. }
            | Event::Regrouping { .. }
            | Event::Regrouped(_)
            | Event::Alert { .. }
            | Event::Acknowledged { .. }
            | Event::Commanded { .. }
            | Event::Refused { .. }
            | Event::Draining { .. }
            | Event::DrainForced { .. }
            | Event::Blocked { .. }
            | Event::Told { .. }
            | Event::Stalled { .. }
            | Event::Stale { .. }
            | Event::Backwards { .. } => true,
        }
    }
}

impl Fold {
    pub(crate) fn of(tree: &Tree) -> Self {
        Self { known: tree.children().map(|child| (child.id, Known::new())).collect() }
    }

    pub(crate) fn take(&mut self, event: &Event, tree: &Tree) -> Result<(), String> {
        // A late word of a run, or the command that removed the child: it may be gone, and is as it was.
        let is_late = matches!(event, Event::Stale { .. } | Event::Commanded { .. });
        let subject =
            if matches!(event, Event::Drained(_)) { Some(ChildId::ROOT) } else { event.child() };
        let Some(child) = subject.filter(|_| !is_late) else { return Ok(()) };
        if matches!(event, Event::Added { .. }) {
            self.add(child, tree);
            return Ok(());
        }
        let Some(known) = self.known.get_mut(&child) else {
            return Err(format!("{event:?} is about a child nobody has heard of"));
        };
        let before = known.clone();
        let fits = if matches!(event, Event::Removed(_)) {
            self.known.remove(&child).is_some_and(|known| !known.doing.is_alive())
        } else {
            known.take(event)
        };
        if !fits {
            return Err(format!(
                "{event:?} cannot come, or changes nothing, where it is {before:?}"
            ));
        }
        if matches!(event, Event::Starting { .. }) {
            self.ask_below(child, tree);
        }
        Ok(())
    }

    /// A supervisor has begun a run, so none of its children rests for want of it any more: each says
    /// anew, within the same input, what it does.
    fn ask_below(&mut self, supervisor: ChildId, tree: &Tree) {
        for child in tree.children_of(supervisor) {
            if let Some(known) = self.known.get_mut(&child.id)
                && !known.doing.is_live()
            {
                known.doing = Doing::Over;
            }
        }
    }

    fn add(&mut self, id: ChildId, tree: &Tree) {
        self.known.insert(id, Known::new());
        for child in tree.children_of(id) {
            self.add(child.id, tree);
        }
    }

    /// Compares what the events said with what is so.
    pub(crate) fn check(&self, tree: &Tree) -> Result<(), String> {
        let count = tree.children().count();
        if count != self.known.len() {
            return Err(format!("{} children are known of {count}", self.known.len()));
        }
        for child in tree.children() {
            let path = tree.path(child.id).expect("it is in the tree");
            let Some(known) = self.known.get(&child.id) else {
                return Err(format!("nobody has heard of {path}"));
            };
            let doing = Doing::of(child);
            let standing = known.doing.standing(child);
            let over_children = child.group.as_ref().map(|group| group.breaker.state);
            let run = child.life().map(|life| life.run);
            let same = known.doing == doing
                && standing == child.standing()
                && known.is_decided
                && (doing.is_live() == run.is_some_and(|run| run == known.run))
                && known.run == RunId(child.runs)
                && (!doing.is_live() || known.is_frozen == child.frozen)
                && known.breaker.0 == child.breaker().state
                && over_children.is_none_or(|state| state == known.over_children.0);
            if !same {
                return Err(format!("{path} is {:?}, and the events say {known:?}", child.state));
            }
        }
        Ok(())
    }
}

//! The seam between the loop and what it drives: one driver for each kind of child.
//!
//! A driver begins what it is asked and returns. What comes of it reaches the inbox as a fact.

use crate::code::Code;
use crate::slot::{Slot, Stage};
use mainstay_core::child::{Child, Last};
use mainstay_core::{ChildId, Moment, Path, RunId};
use std::sync::Arc;
use std::time::Duration;

/// Performs the effects for one kind of child.
pub(crate) trait Driver {
    /// Begins a run. `Started` or an exit must follow.
    fn start(&mut self, order: Order<'_>);

    /// Takes a stop step: asks a run to end. It must be gone by `until`, where there is a bound.
    fn stop(&mut self, child: ChildId, run: RunId, step: u8, until: Option<Moment>);

    /// Ends a run by force.
    fn kill(&mut self, child: ChildId, run: RunId);

    /// Nobody waits for a run any more. Most have nothing to say to that.
    fn abandon(&mut self, _child: ChildId, _run: RunId) {}

    /// Tells a run to read its settings again.
    fn reload(&mut self, child: ChildId, run: RunId);

    /// Asks a probe. No builder lets an in-process child have one.
    fn probe(&mut self, _child: ChildId, _run: RunId, _probe: u8, _limit: Duration) {}

    /// Restores what the run before had. Only hosts are declared with it.
    fn rehydrate(&mut self, _child: ChildId, _run: RunId) {}

    /// Suspends a run, or lets it go on. What shares our process cannot be suspended.
    fn freeze(&mut self, _child: ChildId, _run: RunId, _frozen: bool) {}

    /// Applies the new settings of a child to its live run. Code has none.
    fn change(&mut self, _child: &Child, _run: RunId) {}

    /// The child is down and no start is in sight: what waits for one may go.
    fn rest(&mut self, child: ChildId);

    /// The child has left the tree.
    fn forget(&mut self, child: ChildId);

    /// Returns the runs that the tree has gone past or has removed, and that still live.
    fn left_behind(&mut self) -> Vec<(Path, RunId)>;
}

/// Runs that nobody waits for any more. They were abandoned by name, and are named until they are gone.
#[derive(Default)]
pub(crate) struct LeftBehind(Vec<(Path, Arc<Slot>)>);

impl LeftBehind {
    pub(crate) fn add(&mut self, slot: &Arc<Slot>) {
        let is_live = slot.lock().stage == Stage::Running;
        if is_live {
            self.0.push((slot.shared.log.path(slot.child), Arc::clone(slot)));
        }
    }

    pub(crate) fn runs(&mut self) -> Vec<(Path, RunId)> {
        self.0.retain(|(_, slot)| slot.lock().stage == Stage::Running);
        self.0.iter().map(|(path, slot)| (path.clone(), slot.lock().run)).collect()
    }
}

/// A run to begin.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) child: &'a Child,
    pub(crate) run: RunId,
    /// Whether the child has never run before.
    pub(crate) is_first: bool,
}

impl<'a> Order<'a> {
    /// Returns the code that the child's spec names.
    pub(crate) fn code(&self) -> Option<&'a Code> {
        self.child.spec.payload.as_deref()?.as_any().downcast_ref()
    }

    /// Returns how far the runs before this one have come.
    pub(crate) fn position(&self) -> Option<&'a Arc<str>> {
        self.child.memory.as_ref()?.position.as_ref()
    }

    /// Returns how the run before this one ended.
    pub(crate) fn last(&self) -> Option<&'a Last> {
        self.child.memory.as_ref()?.last.as_ref()
    }
}

//! A tree that is taken along the records of a journal.

use crate::spec;
use mainstay_core::spec::Payload;
use mainstay_core::{Effects, Event, Input, Moment, Tree};
use mainstay_wire::journal::{
    bring_input_to_life, bring_to_life, snapshot_from_json, snapshot_to_json,
};
use std::sync::Arc;

/// A tree as a journal has it after one of its records.
pub(super) struct Line {
    tree: Tree,
    /// The number of the next event.
    pub(super) next_event: u64,
}

impl Line {
    /// Begins with a snapshot, or says what is wrong with it.
    pub(super) fn begin(bytes: &[u8]) -> Result<Self, String> {
        let mut stored = snapshot_from_json(bytes).map_err(|error| error.to_string())?;
        // What stays a form is told apart by its text.
        let _ = bring_to_life(&mut stored.snapshot, &mut payload_of);
        let tree = Tree::restore(stored.snapshot).map_err(|error| error.to_string())?;
        Ok(Self { tree, next_event: stored.next_event })
    }

    /// Takes an input and returns what the tree states about it.
    pub(super) fn take(&mut self, at: Moment, mut input: Input) -> Vec<Event> {
        let _ = bring_input_to_life(&mut input, &mut payload_of);
        let mut out = Effects::new();
        self.tree.handle(at, input, &mut out);
        out.events
    }

    /// Returns whether a snapshot is of the tree as it is now.
    pub(super) fn is_like(&self, bytes: &[u8]) -> bool {
        snapshot_from_json(bytes).is_ok_and(|stored| {
            let own = snapshot_to_json(&self.tree.snapshot(), self.next_event, stored.wall);
            own == bytes
        })
    }

    pub(super) const fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn into_tree(self) -> Tree {
        self.tree
    }
}

fn payload_of(form: &str) -> Result<Arc<dyn Payload>, String> {
    spec::payload_without_secrets(form)
}

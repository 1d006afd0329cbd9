//! The tree under test, with whatever stands between it and the world.

use crate::canary::Sabotage;
use mainstay_core::spec::TreeSpec;
use mainstay_core::{ChildId, Command, Effects, Health, Input, Moment, Refusal, Tree, Why};

/// A tree, and what is done to its inputs, its outputs and its stored state.
#[derive(Debug)]
pub(crate) struct Subject {
    tree: Tree,
    sabotage: Option<Box<dyn Sabotage>>,
}

impl Subject {
    pub(crate) fn new(spec: &TreeSpec, sabotage: Option<Box<dyn Sabotage>>) -> Self {
        Self { tree: Tree::new(spec), sabotage }
    }

    pub(crate) const fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(crate) const fn is_sabotaged(&self) -> bool {
        self.sabotage.is_some()
    }

    pub(crate) fn deadline(&self) -> Option<(Moment, Why)> {
        self.tree.deadline()
    }

    /// Returns the story of a child.
    pub(crate) fn tell(&mut self, child: ChildId) -> String {
        match &mut self.sabotage {
            Some(sabotage) => sabotage.tell(&mut self.tree, child),
            None => self.tree.explain(child).map(|story| story.to_string()).unwrap_or_default(),
        }
    }

    /// Returns how well the tree says it is.
    pub(crate) fn health(&self) -> Health {
        let health = self.tree.health();
        match &self.sabotage {
            Some(sabotage) => sabotage.weigh(&self.tree, health),
            None => health,
        }
    }

    /// Returns what the tree says that a command would do; none where time itself changes it before.
    pub(crate) fn foretell(&self, now: Moment, command: &Command) -> Option<Result<bool, Refusal>> {
        let is_due = self.tree.deadline().is_some_and(|(at, _)| at <= now);
        let child = self.tree.find(&command.target).filter(|_| !is_due)?;
        let foretold = self.tree.would(child, &command.verb);
        Some(match &self.sabotage {
            Some(sabotage) => sabotage.foretell(foretold),
            None => foretold,
        })
    }

    pub(crate) fn handle(&mut self, now: Moment, input: Input, out: &mut Effects) {
        let Some(sabotage) = &mut self.sabotage else {
            self.tree.handle(now, input, out);
            return;
        };
        sabotage.handle(&mut self.tree, now, input, out);
    }

    /// Makes the tree anew from its own snapshot; returns the one that went on so far.
    pub(crate) fn restore(&mut self) -> Result<Tree, String> {
        let mut snapshot = self.tree.snapshot();
        if let Some(sabotage) = &mut self.sabotage {
            sabotage.store(&mut snapshot);
        }
        let kept = self.tree.snapshot();
        let tree = Tree::restore(snapshot).map_err(|error| error.to_string())?;
        if tree.snapshot() != kept {
            return Err("its snapshot is another one".into());
        }
        if tree.health() != self.tree.health() {
            return Err(format!("counts {:?}, not {:?}", tree.health(), self.tree.health()));
        }
        if tree.deadline().map(|(at, _)| at) != self.tree.deadline().map(|(at, _)| at) {
            return Err(format!("wakes for {:?}, not {:?}", tree.deadline(), self.tree.deadline()));
        }
        Ok(std::mem::replace(&mut self.tree, tree))
    }
}

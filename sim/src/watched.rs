//! A tree with its judge, for those who choose every input themselves.

use crate::check::{Broken, Invariant, Judge};
use mainstay_core::spec::TreeSpec;
use mainstay_core::{Effects, Input, Moment, Tree};

/// A tree, and everything its history says about it.
#[derive(Debug)]
pub struct Watched {
    tree: Tree,
    judge: Judge,
}

impl Watched {
    /// Begins with a tree in which nothing has happened.
    pub fn new(spec: &TreeSpec) -> Self {
        let tree = Tree::new(spec);
        let judge = Judge::new(spec, &tree);
        Self { tree, judge }
    }

    /// Returns the tree.
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Hands in one input.
    ///
    /// # Errors
    ///
    /// The invariant that does not hold afterwards.
    pub fn step(&mut self, now: Moment, input: &Input) -> Result<Effects, Broken> {
        let mut out = Effects::new();
        self.tree.handle(now, input.clone(), &mut out);
        self.judge.step(now, input, &out, &self.tree)?;
        Ok(out)
    }

    /// Returns the same once more, restored from its snapshot.
    ///
    /// # Errors
    ///
    /// That it cannot be restored, or differs.
    pub fn fork(&self) -> Result<Self, Broken> {
        let snapshot = self.tree.snapshot();
        let tree = Tree::restore(snapshot.clone())
            .map_err(|error| Broken::new(Invariant::Restore, error.to_string()))?;
        if tree.snapshot() != snapshot || tree.deadline() != self.tree.deadline() {
            return Err(Broken::new(Invariant::Restore, "a restored tree differs"));
        }
        Ok(Self { tree, judge: self.judge.clone() })
    }
}

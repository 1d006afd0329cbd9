//! Deliberate bugs.
use mainstay_core::{Effects, Input, Moment, Snapshot, Tree};
use std::fmt;

/// A bug between the core and the world.
pub trait Sabotage: fmt::Debug + Send {
    /// Takes the place of [`Tree::handle`].
    fn handle(&mut self, tree: &mut Tree, now: Moment, input: Input, out: &mut Effects);
    /// Changes what is stored.
    fn store(&mut self, snapshot: &mut Snapshot);
}

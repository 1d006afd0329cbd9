//! How well the tree is, counted as it changes: asking costs nothing, however many children there are.

use super::Tree;
use super::brood::Standpoint;
use crate::child::Condition;
use crate::spec::Declared;

/// How well a tree is. Every child and supervisor below the root counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// All of it in one word.
    pub overall: Overall,
    /// How many are [fine](Condition::Fine).
    pub fine: u32,
    /// How many are [on their way](Condition::Coming).
    pub coming: u32,
    /// How many are [degraded](Condition::Degraded).
    pub degraded: u32,
    /// How many are [down and should not be](Condition::Faulted).
    pub faulted: u32,
}

/// How well a tree is, in one word. The first that holds, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Overall {
    /// It ends, or has ended.
    Draining,
    /// A child that is not optional is down and should not be.
    Faulted,
    /// It has not been booted, or a child that is not optional is on its way.
    Starting,
    /// It serves without something that it can do without for now.
    Degraded,
    /// All is well.
    Serving,
}

impl Overall {
    /// Returns whether work may be sent its way: it serves, if with less than it should have.
    pub const fn is_ready(self) -> bool {
        match self {
            Self::Degraded | Self::Serving => true,
            Self::Draining | Self::Faulted | Self::Starting => false,
        }
    }
}

/// How many children there are in each condition.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally([u32; 4]);

impl Tally {
    /// Takes note of how a child is now, and no longer of how it was.
    pub(super) const fn swap(&mut self, before: Option<Condition>, after: Option<Condition>) {
        if let Some(before) = before {
            self.0[before as usize] -= 1;
        }
        if let Some(after) = after {
            self.0[after as usize] += 1;
        }
    }
}

impl Tree {
    /// Returns how well the tree is.
    pub fn health(&self) -> Health {
        let [fine, coming, degraded, faulted] = self.tally.0;
        let overall = if self.drain.is_some() {
            Overall::Draining
        } else if faulted > 0 {
            Overall::Faulted
        } else if coming > 0 || self.at(0).life().is_none() {
            Overall::Starting
        } else if degraded > 0 {
            Overall::Degraded
        } else {
            Overall::Serving
        };
        Health { overall, fine, coming, degraded, faulted }
    }

    /// Gives a child another spec, by which it may weigh otherwise.
    pub(super) fn set_spec(&mut self, slot: u32, spec: &Declared) {
        let child = self.at_mut(slot);
        let before = Standpoint::of(child);
        child.spec = spec.clone();
        let after = Standpoint::of(child);
        self.tally.swap(before.condition, after.condition);
    }
}

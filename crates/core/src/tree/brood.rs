//! The children of one supervisor, as an index: their order, who waits for a slot, who is on the way.
//!
//! Everything here follows from the stored form of the children and is rebuilt from it.

use crate::child::{Child, Condition, Place};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct Brood {
    /// The children in the order of starts.
    pub(crate) order: BTreeSet<(Place, u32)>,
    /// Who waits for a start slot, by ticket.
    pub(crate) queue: BTreeSet<(u64, u32)>,
    /// How many children are between start and ready.
    pub(crate) opening: u32,
    /// How many children are on their way to being ready.
    pub(crate) coming: u32,
    /// Who needs whom: the name of a needed child, present or not, and the dependent.
    pub(crate) dependents: BTreeSet<(Arc<str>, u32)>,
}

impl Brood {
    /// Returns the children from `from` on, in order.
    pub(crate) fn from(&self, from: Place) -> impl DoubleEndedIterator<Item = u32> {
        self.order.range((from, 0)..).map(|(_, slot)| *slot)
    }

    /// Returns the children of one layer from `from` on, in order.
    pub(crate) fn layer(&self, rank: u32, from: Place) -> impl DoubleEndedIterator<Item = u32> {
        let first = Place { rank, order: 0 }.max(from);
        let last = Place { rank, order: u32::MAX };
        self.order.range((first, 0)..=(last, u32::MAX)).map(|(_, slot)| *slot)
    }

    /// Takes note of what a child does now, and no longer of what it did.
    pub(crate) fn swap(&mut self, before: Standpoint, after: Standpoint) {
        self.opening = self.opening + u32::from(after.opening) - u32::from(before.opening);
        self.coming = self.coming + u32::from(after.coming) - u32::from(before.coming);
    }
}

/// What is counted about one child.
#[derive(Clone, Copy, Default)]
pub(crate) struct Standpoint {
    pub(crate) opening: bool,
    pub(crate) coming: bool,
    /// How well it is; `None` of the root, and of a child that is not in the tree.
    pub(crate) condition: Option<Condition>,
}

impl Standpoint {
    pub(crate) fn of(child: &Child) -> Self {
        let condition = child.above.is_some().then(|| child.condition());
        Self { opening: child.is_opening(), coming: child.is_coming(), condition }
    }
}

impl Place {
    /// Before every other place.
    pub(crate) const FIRST: Self = Self { rank: 0, order: 0 };
}

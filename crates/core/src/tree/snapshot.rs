//! The whole state of a tree as plain data, and back, exactly.

use super::{Drain, Remembered, Settings, Tree};
use crate::child::Child;
use crate::id::ChildId;
use crate::moment::Moment;
use alloc::vec::Vec;

/// The whole state of a tree. A tree restored from it decides exactly as the first one would have.
///
/// A recovering daemon takes the latest snapshot and hands in the inputs that came after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What holds for the tree at large.
    pub settings: Settings,
    /// Every child, by slot; an empty slot was left by a removed child.
    pub children: Vec<Option<Child>>,
    /// The epoch that each slot's present or next child has.
    pub epochs: Vec<u32>,
    /// The empty slots, the next one to be used last.
    pub free: Vec<u32>,
    /// The moment of the last input.
    pub now: Moment,
    /// The last number given in the queues for starts.
    pub tickets: u64,
    /// How far the storm rate's bucket is drawn ahead.
    pub storm: Moment,
    /// The drain, once it began.
    pub drain: Option<Drain>,
    /// The commands of late.
    pub remembered: Remembered,
}

/// Why a snapshot is not of a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// There is no root supervisor in the first slot.
    #[error("the snapshot has no root supervisor")]
    NoRoot,
    /// A child does not fit its slot.
    #[error("the child in slot {slot} says it is {id:?}")]
    Misplaced {
        /// The slot.
        slot: usize,
        /// What the child says.
        id: ChildId,
    },
    /// A child's supervisor is missing, or is none.
    #[error("the supervisor of {id:?} is missing from the snapshot")]
    Orphan {
        /// The child.
        id: ChildId,
    },
    /// A child's stored form contradicts its spec.
    #[error("{id:?} is stored as a supervisor and declared as none, or the other way round")]
    Kind {
        /// The child.
        id: ChildId,
    },
    /// The lists of slots contradict each other.
    #[error("the snapshot's lists of slots do not agree")]
    Slots,
}

impl Tree {
    /// Returns the whole state as plain data.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            settings: self.settings,
            children: self.children.clone(),
            epochs: self.epochs.clone(),
            free: self.free.clone(),
            now: self.now,
            tickets: self.tickets,
            storm: self.storm,
            drain: self.drain.clone(),
            remembered: self.remembered.clone(),
        }
    }

    /// Makes the tree that a snapshot was taken of.
    ///
    /// # Errors
    ///
    /// The first contradiction found; a snapshot that [`snapshot`](Self::snapshot) made has none.
    pub fn restore(snapshot: Snapshot) -> Result<Self, RestoreError> {
        check(&snapshot)?;
        let mut tree = Self::empty(snapshot.settings);
        tree.now = snapshot.now;
        tree.tickets = snapshot.tickets;
        tree.storm = snapshot.storm;
        tree.drain = snapshot.drain;
        tree.remembered = snapshot.remembered;
        tree.epochs = snapshot.epochs;
        tree.free = snapshot.free;
        tree.children = snapshot.children;
        tree.broods = tree
            .children
            .iter()
            .map(|child| child.as_ref()?.group.as_ref().map(|_| alloc::boxed::Box::default()))
            .collect();
        let slots: Vec<u32> = tree.children().map(|child| child.id.slot).collect();
        for slot in slots {
            tree.enter_index(slot);
        }
        while let Some(slot) = tree.touched.pop() {
            tree.refresh(slot);
        }
        Ok(tree)
    }
}

fn check(snapshot: &Snapshot) -> Result<(), RestoreError> {
    let at = |slot: usize| snapshot.children.get(slot).and_then(Option::as_ref);
    if at(0).is_none_or(|root| root.above.is_some() || root.group.is_none()) {
        return Err(RestoreError::NoRoot);
    }
    let empty = snapshot.children.iter().filter(|child| child.is_none()).count();
    let free_is_empty = snapshot
        .free
        .iter()
        .all(|slot| snapshot.children.get(*slot as usize).is_some_and(Option::is_none));
    if snapshot.epochs.len() != snapshot.children.len()
        || snapshot.free.len() != empty
        || !free_is_empty
    {
        return Err(RestoreError::Slots);
    }
    for (slot, child) in snapshot.children.iter().enumerate() {
        let Some(child) = child else { continue };
        let id = child.id;
        if id.slot() != slot || snapshot.epochs.get(slot) != Some(&id.epoch) {
            return Err(RestoreError::Misplaced { slot, id });
        }
        if child.group.is_some() != child.spec.supervisor().is_some() {
            return Err(RestoreError::Kind { id });
        }
        let above =
            child.above.and_then(|above| at(above.slot()).filter(|found| found.id == above));
        if slot != 0 && above.is_none_or(|above| above.group.is_none()) {
            return Err(RestoreError::Orphan { id });
        }
    }
    Ok(())
}

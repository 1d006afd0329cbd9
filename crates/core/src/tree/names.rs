//! Finds a child by its supervisor and its name: an open-addressing table of slots.
//!
//! It stores no names; the caller compares. Nothing ever walks over it, so its order cannot leak
//! into a decision. A million children cost eight bytes each.

use crate::chance;
use alloc::vec;
use alloc::vec::Vec;

const EMPTY: u32 = u32::MAX;

/// The table. Each used cell holds the slot of a child.
#[derive(Debug)]
pub(crate) struct Names {
    cells: Vec<u32>,
    used: usize,
}

/// Returns the hash of a name below the supervisor in slot `above`.
pub(crate) fn hash(above: u32, name: &str) -> u64 {
    chance::mix(chance::fold(chance::BASIS ^ u64::from(above), name.as_bytes()))
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { cells: vec![EMPTY; 16], used: 0 }
    }

    /// Returns the slot for which `is_it` says yes among those with this hash.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.cells.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.cells[at] {
                EMPTY => return None,
                slot if is_it(slot) => return Some(slot),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Makes room for so many more at once, which saves most of the moving.
    pub(crate) fn reserve(&mut self, more: usize, rehash: impl Fn(u32) -> u64) {
        let cells = ((self.used + more) * 2).next_power_of_two();
        if cells > self.cells.len() {
            self.grow(cells, rehash);
        }
    }

    fn grow(&mut self, cells: usize, rehash: impl Fn(u32) -> u64) {
        let old = core::mem::replace(&mut self.cells, vec![EMPTY; cells]);
        for slot in old.into_iter().filter(|slot| *slot != EMPTY) {
            self.place(rehash(slot), slot);
        }
    }

    /// Adds a slot; `rehash` gives the hash of any slot present.
    pub(crate) fn insert(&mut self, hash: u64, slot: u32, rehash: impl Fn(u32) -> u64) {
        if self.used * 2 >= self.cells.len() {
            self.grow(self.cells.len() * 2, &rehash);
        }
        self.place(hash, slot);
        self.used += 1;
    }

    fn place(&mut self, hash: u64, slot: u32) {
        let mask = self.cells.len() - 1;
        let mut at = hash as usize & mask;
        while self.cells[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.cells[at] = slot;
    }

    /// Removes a slot and closes the gap, so that no search stops early.
    pub(crate) fn remove(&mut self, hash: u64, slot: u32, rehash: impl Fn(u32) -> u64) {
        let mask = self.cells.len() - 1;
        let mut gap = hash as usize & mask;
        while self.cells[gap] != slot {
            if self.cells[gap] == EMPTY {
                return;
            }
            gap = (gap + 1) & mask;
        }
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let Some(moving) = Some(self.cells[at]).filter(|cell| *cell != EMPTY) else { break };
            let home = rehash(moving) as usize & mask;
            // It may fill the gap only if its search would pass there on the way to where it is.
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.cells[gap] = moving;
                gap = at;
            }
        }
        self.cells[gap] = EMPTY;
        self.used -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_is_found_and_what_is_out_is_not() {
        let names: Vec<alloc::string::String> =
            (0..500).map(|n| alloc::format!("child-{n}")).collect();
        let key = |slot: u32| hash(0, &names[slot as usize]);
        let mut table = Names::new();
        for slot in 0..500 {
            table.insert(key(slot), slot, key);
        }
        for slot in (0..500).step_by(3) {
            table.remove(key(slot), slot, key);
        }
        for slot in 0..500 {
            let found = table.find(key(slot), |candidate| candidate == slot);
            assert_eq!(found.is_some(), slot % 3 != 0, "{slot}");
        }
        assert_eq!(table.find(hash(1, "child-1"), |slot| names[slot as usize] == "nobody"), None);
    }
}

//! The next deadline of each child, and of all: a four-way heap that knows where each child stands in it.
//!
//! A deadline that moves later (a heartbeat does so with each beat) stays where it is until it comes
//! up, and is put right then: so a beat moves nothing. Asking for the first costs nothing.

use crate::moment::Moment;
use alloc::vec::Vec;

const ABSENT: u32 = u32::MAX;
/// Four children per node: half the depth of a binary heap, and they share a cache line.
const WAYS: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    heap: Vec<(Moment, u32)>,
    places: Vec<u32>,
}

impl Deadlines {
    /// Returns the earliest deadline and whose it is.
    pub(crate) fn first(&self) -> Option<(Moment, u32)> {
        self.heap.first().copied()
    }

    /// Makes sure that the child in `slot` comes up no later than it is due; earlier is left as it is.
    pub(crate) fn no_later(&mut self, slot: u32, due: Option<Moment>) {
        let place = self.places.get(slot as usize).copied().unwrap_or(ABSENT);
        let stands = self.heap.get(place as usize).map(|(at, _)| *at);
        match (stands, due) {
            (Some(_), None) => {}
            (Some(at), Some(due)) if at <= due => {}
            (Some(_) | None, due) => self.set(slot, due),
        }
    }

    /// Gives the child in `slot` another deadline, or none.
    pub(crate) fn set(&mut self, slot: u32, due: Option<Moment>) {
        if self.places.len() <= slot as usize {
            self.places.resize(slot as usize + 1, ABSENT);
        }
        let place = self.places[slot as usize];
        match due {
            None if place == ABSENT => {}
            None => self.remove(place as usize),
            Some(due) if place == ABSENT => {
                self.heap.push((due, slot));
                self.up(self.heap.len() - 1);
            }
            Some(due) => {
                let before = core::mem::replace(&mut self.heap[place as usize].0, due);
                if due < before {
                    self.up(place as usize);
                } else if due > before {
                    self.down(place as usize);
                }
            }
        }
    }

    fn remove(&mut self, place: usize) {
        let (_, slot) = self.heap.swap_remove(place);
        self.places[slot as usize] = ABSENT;
        if place < self.heap.len() {
            self.places[self.heap[place].1 as usize] = place as u32;
            self.up(place);
            self.down(place);
        }
    }

    fn up(&mut self, mut at: usize) {
        let entry = self.heap[at];
        while at > 0 {
            let above = (at - 1) / WAYS;
            if self.heap[above] <= entry {
                break;
            }
            self.put(at, self.heap[above]);
            at = above;
        }
        self.put(at, entry);
    }

    fn down(&mut self, mut at: usize) {
        let entry = self.heap[at];
        loop {
            let first = at * WAYS + 1;
            let below = first..self.heap.len().min(first + WAYS);
            let Some(least) = below.min_by_key(|below| self.heap[*below]) else { break };
            if entry <= self.heap[least] {
                break;
            }
            self.put(at, self.heap[least]);
            at = least;
        }
        self.put(at, entry);
    }

    fn put(&mut self, at: usize, entry: (Moment, u32)) {
        self.heap[at] = entry;
        self.places[entry.1 as usize] = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance;
    use alloc::collections::BTreeMap;

    #[test]
    fn it_agrees_with_a_sorted_map_under_random_changes() {
        let mut heap = Deadlines::default();
        let mut naive: BTreeMap<u32, Moment> = BTreeMap::new();
        for step in 0..20_000_u64 {
            let slot = chance::up_to(step, 199) as u32;
            let due = Some(chance::up_to(step ^ 0xabc, 1_000))
                .filter(|n| n % 5 != 0)
                .map(Moment::from_nanos);
            heap.set(slot, due);
            match due {
                Some(due) => naive.insert(slot, due),
                None => naive.remove(&slot),
            };
            let first = naive.iter().map(|(slot, due)| (*due, *slot)).min();
            assert_eq!(heap.first(), first, "step {step}");
        }
    }
}

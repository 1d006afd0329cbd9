//! Who is in the tree: putting children in, taking them out, and keeping the indexes in step.

use super::brood::Standpoint;
use super::{Tree, names};
use crate::child::{Child, Group, Place, Plan, Rest, State, Want};
use crate::effect::{Effect, Effects};
use crate::event::Event;
use crate::id::ChildId;
use crate::moment::Moment;
use crate::spec::meaning::ranks;
use crate::spec::{Declared, Need};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Tree {
    /// Puts a new child, and all below it, into the tree.
    pub(super) fn insert(
        &mut self,
        above: Option<ChildId>,
        name: Arc<str>,
        spec: &Declared,
        place: Place,
    ) -> ChildId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.children.push(None);
            self.epochs.push(0);
            self.broods.push(None);
            (self.children.len() - 1) as u32
        });
        let id = ChildId { slot, epoch: self.epochs[slot as usize] };
        self.children[slot as usize] = Some(Child {
            id,
            above,
            name,
            spec: spec.clone(),
            revision: 0,
            place,
            want: Want::Up,
            paused: false,
            frozen: false,
            quarantined: false,
            leaving: false,
            demanded: false,
            by_hand: false,
            counted: false,
            plan: Plan::Run,
            state: State::Rest { why: Rest::Above, since: self.now },
            runs: 0,
            position: 0,
            began: Moment::ZERO,
            memory: None,
            watch: None,
            group: spec.supervisor().map(|_| Box::new(Group::new())),
        });
        self.broods[slot as usize] = spec.supervisor().map(|_| Box::default());
        self.enter_index(slot);
        if let Some(supervisor) = spec.supervisor() {
            // Growing by doubling would leave room for as many again.
            let more = supervisor.children.len();
            self.children.reserve(more);
            let children = &self.children;
            self.names.reserve(more, |slot| rehash(children, slot));
            for ((name, child), rank) in supervisor.children.iter().zip(ranks(supervisor)) {
                let order = self.next_order(slot);
                self.insert(Some(id), Arc::clone(name), child, Place { rank, order });
            }
        }
        id
    }

    pub(super) fn next_order(&mut self, supervisor: u32) -> u32 {
        let group = self.group_mut(supervisor);
        let order = group.next_order;
        group.next_order += 1;
        order
    }

    /// Adds a stored child to everything that is derived: names, order, counts, queues, needs.
    pub(super) fn enter_index(&mut self, slot: u32) {
        self.touched.push(slot);
        let child = self.at(slot);
        let (place, point, state) = (child.place, Standpoint::of(child), child.state);
        let Some(above) = child.above.map(|above| above.slot) else { return };
        let hash = names::hash(above, &child.name);
        let children = &self.children;
        self.names.insert(hash, slot, |slot| rehash(children, slot));
        if let State::Rest { why: Rest::Storm { ticket }, .. } = state {
            self.storm_queue.insert((ticket, slot));
        }
        self.tally.swap(None, point.condition);
        let brood = self.brood_mut(above);
        brood.order.insert((place, slot));
        brood.swap(Standpoint::default(), point);
        if let State::Rest { why: Rest::Slot { ticket }, .. } = state {
            brood.queue.insert((ticket, slot));
        }
        self.enter_needs(above, slot);
    }

    /// Takes note of whom a child needs.
    pub(super) fn enter_needs(&mut self, above: u32, slot: u32) {
        let spec = self.at(slot).spec.clone();
        let needs = spec.needs.iter().map(|need| (Arc::clone(&need.child), slot));
        self.brood_mut(above).dependents.extend(needs);
    }

    /// Takes note that a child no longer has these needs.
    pub(super) fn leave_needs(&mut self, above: u32, slot: u32, needs: &[Need]) {
        for need in needs {
            self.brood_mut(above).dependents.remove(&(Arc::clone(&need.child), slot));
        }
    }

    /// Takes a child that rests, and all below it, out of the tree.
    pub(super) fn remove(&mut self, slot: u32, out: &mut Effects) {
        let below: Vec<u32> = match &self.broods[slot as usize] {
            Some(brood) => brood.from(Place::FIRST).collect(),
            None => Vec::new(),
        };
        for child in below.into_iter().rev() {
            self.remove(child, out);
        }
        self.keep_line(slot);
        let placeholder = State::Rest { why: Rest::Above, since: self.now };
        self.set_state(slot, placeholder);
        let child = self.at(slot);
        let condition = Standpoint::of(child).condition;
        let (id, place, counted, above) = (child.id, child.place, child.counted, self.above(slot));
        let spec = child.spec.clone();
        if let Some(above) = above {
            let hash = names::hash(above, &child.name);
            let children = &self.children;
            self.names.remove(hash, slot, |slot| rehash(children, slot));
            self.brood_mut(above).order.remove(&(place, slot));
            self.leave_needs(above, slot, &spec.needs);
            for dependent in self.dependents(above, slot) {
                self.look_again(dependent);
            }
        }
        self.tally.swap(condition, None);
        self.deadlines.set(slot, None);
        self.children[slot as usize] = None;
        self.broods[slot as usize] = None;
        self.epochs[slot as usize] += 1;
        self.free.push(slot);
        out.note(Event::Removed(id));
        out.ask(Effect::Forget(id));
        if let Some(above) = above.filter(|_| counted) {
            self.one_less(above, out);
        }
    }
}

fn rehash(children: &[Option<Child>], slot: u32) -> u64 {
    let child = children[slot as usize].as_ref().expect("a slot that is in use");
    names::hash(child.above.map_or(0, |above| above.slot), &child.name)
}

//! Other specs in a running tree: add, replace, apply. Whole or not at all, in every state.

use super::Tree;
use crate::child;
use crate::child::{Place, Want, Work};
use crate::command::{Act, Refusal, Step};
use crate::effect::{Effect, Effects};
use crate::event::Event;
use crate::exit::Asked;
use crate::id::{ChildId, Path};
use crate::spec::check::{self, Problem, Rule};
use crate::spec::meaning::ranks;
use crate::spec::{Change, ChildSpec, Declared, Kind, SupervisorSpec, TreeSpec};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// What applying a spec would do, child by child.
pub type Plan = Vec<Step>;

impl Tree {
    /// Returns what applying `spec` would do. Asking changes nothing.
    ///
    /// # Errors
    ///
    /// Every change that cannot be made in a running tree.
    pub fn plan(&self, spec: &TreeSpec) -> Result<Plan, Vec<Problem>> {
        let (mut plan, mut problems) = (Vec::new(), Vec::new());
        self.plan_child(0, &Path::root(), &spec.root, &mut plan, &mut problems);
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    fn plan_child(
        &self,
        slot: u32,
        path: &Path,
        next: &Declared,
        plan: &mut Plan,
        problems: &mut Vec<Problem>,
    ) {
        let present = &self.at(slot).spec;
        plan.push(Step { path: path.clone(), act: self.act_on(slot, next) });
        match (present.supervisor(), next.supervisor()) {
            (Some(_), Some(next)) if next.dynamic.is_none() => {
                for (name, child) in &next.children {
                    let below = path.join(name);
                    match self.find_below(slot, name) {
                        Some(present) => self.plan_child(present, &below, child, plan, problems),
                        None => plan.push(Step { path: below, act: Act::Add }),
                    }
                }
                for child in self.undeclared(slot, next) {
                    plan.push(Step { path: path.join(&self.at(child).name), act: Act::Remove });
                }
            }
            (Some(_), Some(_)) | (None, None) => {}
            (Some(_), None) | (None, Some(_)) => problems.push(Problem::new(
                path,
                Rule::NoEffect,
                "a child cannot become a supervisor, nor a supervisor a plain child: give it another name",
            )),
        }
    }

    /// The children that a new spec no longer has, and the old one had. What was added by hand stays.
    fn undeclared(&self, slot: u32, next: &SupervisorSpec) -> Vec<u32> {
        let names = |spec: &SupervisorSpec| -> BTreeSet<Arc<str>> {
            spec.children.iter().map(|(name, _)| Arc::clone(name)).collect()
        };
        let before = self.at(slot).spec.supervisor().map(names).unwrap_or_default();
        let gone = &before - &names(next);
        let children = self.brood(slot).from(Place::FIRST);
        children.filter(|child| gone.contains(&self.at(*child).name)).collect()
    }

    /// Applies a whole spec: nothing at all unless every change can be made.
    ///
    /// Returns the plan, and whether anything changed.
    pub(super) fn apply(
        &mut self,
        spec: &TreeSpec,
        out: &mut Effects,
    ) -> Result<(Plan, bool), Refusal> {
        let plan = self.plan(spec).map_err(|problems| Refusal::Spec { problems })?;
        let settings = super::Settings::from(spec);
        let mut changed = plan.iter().any(|step| step.act != Act::Keep);
        if core::mem::replace(&mut self.settings, settings) != settings {
            changed = true;
            self.ask_who_waits();
        }
        self.apply_child(0, &spec.root, out);
        self.touched.push(0);
        Ok((plan, changed))
    }

    /// The rates of the tree are others: whoever waited for a turn may have one now.
    fn ask_who_waits(&mut self) {
        let stormed: Vec<u32> = self.storm_queue.iter().map(|(_, slot)| *slot).collect();
        for slot in stormed {
            self.look_again(slot);
        }
        for supervisor in 0..self.broods.len() as u32 {
            if self.broods[supervisor as usize]
                .as_ref()
                .is_some_and(|brood| !brood.queue.is_empty())
            {
                self.agenda.push_back(super::Todo::Slots(supervisor));
            }
        }
    }

    /// Gives one child, and all below it, another spec.
    pub(super) fn replace(
        &mut self,
        slot: u32,
        next: &Declared,
        out: &mut Effects,
    ) -> Result<bool, Refusal> {
        let path = self.path(self.at(slot).id).unwrap_or_else(Path::root);
        let (mut plan, mut problems) = (Vec::new(), Vec::new());
        self.plan_child(slot, &path, next, &mut plan, &mut problems);
        problems.extend(check::child(&path, next));
        if let Some(above) = self.above(slot) {
            problems.extend(self.misfits(above, &path, &self.at(slot).name, next));
        }
        if !problems.is_empty() {
            return Err(Refusal::Spec { problems });
        }
        self.apply_child(slot, next, out);
        self.redeclare(slot);
        Ok(plan.iter().any(|step| step.act != Act::Keep))
    }

    fn apply_child(&mut self, slot: u32, next: &Declared, out: &mut Effects) {
        let present = self.at(slot).spec.clone();
        let act = self.act_on(slot, next);
        let child = self.at_mut(slot);
        if core::mem::take(&mut child.leaving) {
            // It was on its way out, and is declared again: it comes back once it is gone.
            (child.want, child.plan) = (Want::Up, child::Plan::Run);
        }
        if let Some(after) = next.supervisor() {
            self.apply_children(slot, after, out);
        }
        if act == Act::Keep {
            // Equal in every value; the sources may differ, and its children point into the new one.
            self.set_spec(slot, next);
            return;
        }
        let is_live = self.at(slot).life().is_some_and(|life| !life.is_ending());
        if act == Act::Restart && is_live {
            self.at_mut(slot).by_hand = self.at(slot).want == Want::Up;
            self.stop_run(slot, Asked::Replace, out);
        }
        self.set_spec(slot, next);
        let child = self.at_mut(slot);
        child.revision += 1;
        if present.budget != next.budget
            && let Some(memory) = &mut child.memory
        {
            memory.windows.clear();
        }
        let (id, revision) = (child.id, child.revision);
        let change = payload_change(&present, next);
        out.note(Event::Replaced { child: id, revision });
        if let Some(run) = child
            .life()
            .filter(|life| !life.is_ending() && change == Change::Live)
            .map(|life| life.run)
        {
            out.ask(Effect::Change(id, run));
        }
        if let Some(above) = self.above(slot).filter(|_| present.needs != next.needs) {
            self.leave_needs(above, slot, &present.needs);
            self.enter_needs(above, slot);
        }
        if present.liveness != next.liveness
            || present.recycle != next.recycle
            || present.activation != next.activation
        {
            self.watch_anew(slot);
        }
        self.look_again(slot);
    }

    /// What it takes to get this child to another spec.
    fn act_on(&self, slot: u32, next: &Declared) -> Act {
        let child = self.at(slot);
        if child.leaving { Act::Restart } else { act(&child.spec, next) }
    }

    fn apply_children(&mut self, slot: u32, after: &SupervisorSpec, out: &mut Effects) {
        if after.dynamic.is_some() {
            return;
        }
        for child in self.undeclared(slot, after) {
            self.begin_removal(child, out);
        }
        for (name, child) in &after.children {
            match self.find_below(slot, name) {
                Some(present) => self.apply_child(present, child, out),
                None => {
                    let order = self.next_order(slot);
                    let id = self.insert(
                        Some(self.at(slot).id),
                        Arc::clone(name),
                        child,
                        Place { rank: 0, order },
                    );
                    out.note(Event::Added { child: id, above: self.at(slot).id });
                    self.look_again(id.slot);
                }
            }
        }
        let ranks = ranks(after);
        for ((name, _), rank) in after.children.iter().zip(ranks) {
            if let Some(child) = self.find_below(slot, name) {
                self.move_to(child, rank);
            }
        }
    }

    /// Gives a child another layer among its siblings.
    fn move_to(&mut self, slot: u32, rank: u32) {
        let child = self.at_mut(slot);
        let before = child.place;
        let after = Place { rank, ..before };
        if after == before {
            return;
        }
        child.place = after;
        if let Some(above) = self.above(slot) {
            let brood = self.brood_mut(above);
            brood.order.remove(&(before, slot));
            brood.order.insert((after, slot));
            // It may have come behind the layer that is being stopped.
            if let Work::Closing { rank } = &mut self.group_mut(above).work {
                *rank = u32::MAX;
            }
            // It may have left the group that kept it down.
            self.look_again(slot);
        }
    }

    /// Arms the watch of a live run by its new spec.
    fn watch_anew(&mut self, slot: u32) {
        use crate::child::Phase;
        let phase = self.at(slot).life().map(|life| life.phase);
        let watch = self.at_mut(slot).watch.take();
        if matches!(
            phase,
            Some(
                Phase::Started { .. }
                    | Phase::Rehydrating { .. }
                    | Phase::Ready { .. }
                    | Phase::Unready
            )
        ) {
            self.watch_from_started(slot);
        }
        if matches!(phase, Some(Phase::Ready { .. })) {
            self.watch_from_ready(slot);
        }
        // What the run said of itself is not the declaration's to change.
        if let Some(said) = watch.and_then(|watch| watch.silence) {
            self.patience(slot, said);
        }
    }

    /// Adds a child below a supervisor: the last in its order.
    pub(super) fn add(
        &mut self,
        slot: u32,
        name: &Arc<str>,
        spec: Option<&Declared>,
        out: &mut Effects,
    ) -> Result<ChildId, Refusal> {
        let above = self.at(slot).spec.clone();
        let Some(supervisor) = above.supervisor() else {
            return Err(Refusal::Unfit { reason: "only a supervisor has children" });
        };
        let above_path = self.path(self.at(slot).id).unwrap_or_else(Path::root);
        let path = above_path.join(name);
        if let Some(present) = self.find_below(slot, name) {
            let is_leaving = self.at(present).leaving;
            return Err(if is_leaving { Refusal::Leaving } else { Refusal::Exists { path } });
        }
        let spec = match (spec, &supervisor.dynamic) {
            (Some(spec), _) => spec.clone(),
            (None, Some(dynamic)) => dynamic.template.clone(),
            (None, None) => {
                return Err(Refusal::Unfit {
                    reason: "there is no template here: the child needs a spec",
                });
            }
        };
        let max = supervisor.dynamic.as_ref().and_then(|dynamic| dynamic.max);
        if let Some(max) = max.filter(|max| self.brood(slot).order.len() >= *max as usize) {
            return Err(Refusal::Full { max });
        }
        let mut problems = check::name(&path, name);
        problems.extend(check::child(&path, &spec));
        problems.extend(self.misfits(slot, &path, name, &spec));
        if !problems.is_empty() {
            return Err(Refusal::Spec { problems });
        }
        let order = self.next_order(slot);
        let place = Place { rank: self.rank_of_addition(slot, &spec, order), order };
        let above_id = self.at(slot).id;
        let id = self.insert(Some(above_id), Arc::clone(name), &spec, place);
        out.note(Event::Added { child: id, above: above_id });
        self.look_again(id.slot);
        Ok(id)
    }

    /// What keeps a spec from standing among the present children of a supervisor.
    fn misfits(&self, above: u32, path: &Path, name: &str, spec: &ChildSpec) -> Vec<Problem> {
        let Some(supervisor) = self.at(above).spec.supervisor() else { return Vec::new() };
        let mut problems = check::membership(path, spec, supervisor);
        for need in &spec.needs {
            match self.find_below(above, &need.child) {
                None => {
                    let text = format!("needs {:?}, but it has no such sibling", need.child);
                    problems.push(Problem::new(path, Rule::Need, text));
                }
                Some(needed) if *need.child == *name || self.leads_to(above, needed, name) => {
                    let text = format!(
                        "children need each other in a circle: {name} -> {} -> {name}",
                        need.child
                    );
                    problems.push(Problem::new(path, Rule::Cycle, text));
                }
                Some(_) => {}
            }
        }
        problems
    }

    /// Returns whether a child needs the one called `name`, directly or through others.
    fn leads_to(&self, above: u32, from: u32, name: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(slot) = open.pop() {
            if !seen.insert(slot) {
                continue;
            }
            for need in &self.at(slot).spec.needs {
                if *need.child == *name {
                    return true;
                }
                open.extend(self.find_below(above, &need.child));
            }
        }
        false
    }

    /// The layer of a child that is added: the last where order matters, else above what it needs.
    fn rank_of_addition(&self, slot: u32, spec: &ChildSpec, order: u32) -> u32 {
        if self.at(slot).spec.supervisor().is_some_and(SupervisorSpec::is_serial) {
            return order;
        }
        let needed = spec.needs.iter().filter_map(|need| self.find_below(slot, &need.child));
        needed.map(|needed| self.at(needed).place.rank + 1).max().unwrap_or(0)
    }
}

/// What it takes to get from one spec to another, the children of a supervisor left aside.
fn act(present: &Declared, next: &Declared) -> Act {
    if present.is_same(next) {
        return Act::Keep;
    }
    let same_kind = core::mem::discriminant(&present.kind) == core::mem::discriminant(&next.kind);
    let change = payload_change(present, next);
    if !same_kind || change == Change::Restart {
        return Act::Restart;
    }
    if change == Change::Live || !is_same_policy(present, next) { Act::Live } else { Act::Keep }
}

fn payload_change(present: &Declared, next: &Declared) -> Change {
    match (&present.payload, &next.payload) {
        (None, None) => Change::Same,
        (Some(present), Some(next)) => present.change(&**next),
        (None, Some(_)) | (Some(_), None) => Change::Restart,
    }
}

/// Returns whether two specs decide alike, children and origins of values left aside.
fn is_same_policy(present: &ChildSpec, next: &ChildSpec) -> bool {
    let alone = |spec: &ChildSpec| {
        let mut spec = spec.clone();
        spec.sources = crate::spec::Sources::default();
        if let Kind::Supervisor(supervisor) = &mut spec.kind {
            supervisor.children = Vec::new();
        }
        spec
    };
    core::ptr::eq(present, next) || alone(present) == alone(next)
}

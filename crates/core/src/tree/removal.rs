//! Taking children out of the tree, and out of what is declared above them.

use super::{Todo, Tree};
use crate::child::{Life, Phase, State};
use crate::effect::Effects;
use crate::exit::Asked;
use crate::spec::{Kind, SupervisorSpec};
use alloc::sync::Arc;

impl Tree {
    pub(super) fn remove_by_hand(&mut self, slot: u32, out: &mut Effects) {
        if let Some(above) = self.above(slot) {
            self.undeclare(above, slot);
            self.begin_removal(slot, out);
        }
    }

    /// Takes a child out of what its supervisor declares, so that nothing brings it back.
    fn undeclare(&mut self, above: u32, slot: u32) {
        let name = Arc::clone(&self.at(slot).name);
        let declares =
            |spec: &SupervisorSpec| spec.children.iter().any(|(known, _)| *known == name);
        if !self.at(above).spec.supervisor().is_some_and(declares) {
            return;
        }
        if let Kind::Supervisor(spec) = &mut Arc::make_mut(&mut self.at_mut(above).spec.spec).kind {
            spec.children.retain(|(known, _)| *known != name);
        }
        self.redeclare(above);
    }

    /// Lets all that is declared above a child say what it is now: it may come back from there.
    pub(super) fn redeclare(&mut self, slot: u32) {
        let mut at = slot;
        while let Some(higher) = self.above(at) {
            let (name, spec) = (Arc::clone(&self.at(at).name), self.at(at).spec.clone());
            if let Kind::Supervisor(declared) =
                &mut Arc::make_mut(&mut self.at_mut(higher).spec.spec).kind
                && let Some(child) = declared.children.iter_mut().find(|(known, _)| *known == name)
            {
                child.1 = spec;
            }
            at = higher;
        }
    }

    /// Stops a child and takes it out of the tree once it is gone; what is abandoned leaves at once.
    pub(super) fn begin_removal(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at_mut(slot);
        child.leaving = true;
        child.by_hand = false;
        match child.state {
            State::Live(Life { phase: Phase::Abandoned { .. }, .. }) => self.remove(slot, out),
            State::Live(_) => self.stop_run(slot, Asked::Remove, out),
            State::Rest { .. } => self.agenda.push_back(Todo::Consider(self.at(slot).id)),
        }
    }
}

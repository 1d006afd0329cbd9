//! Ending runs: steps with their graces, force, and what outlives force.

use super::Tree;
use crate::child::{AlertKind, Life, Phase, State};
use crate::effect::{Effect, Effects};
use crate::event::Event;
use crate::exit::{Asked, Cause, Exit};
use crate::spec::{Grace, Overlap};

impl Tree {
    /// Asks a live run to end. The first asking stays: it says what the end will mean.
    pub(super) fn stop_run(&mut self, slot: u32, asked: Asked, out: &mut Effects) {
        let child = self.at_mut(slot);
        let id = child.id;
        let Some(life) = child.life().copied().filter(|life| !life.is_ending()) else { return };
        child.watch = None;
        let is_supervisor = child.group.is_some();
        let asked_at = Some((asked, self.now));
        let phase = Phase::Stopping { step: 0, until: None };
        self.set_state(slot, State::Live(Life { phase, asked: asked_at, ..life }));
        out.note(Event::Stopping { child: id, run: life.run, asked });
        // What is suspended can neither hear a signal nor end.
        self.thaw(slot, out);
        if is_supervisor {
            let until = match self.at(slot).spec.stop.steps.first() {
                Some(Grace::For(grace)) => Some(self.now + *grace),
                Some(Grace::Unbounded) => None,
                None => Some(self.now),
            };
            self.set_phase(slot, Phase::Stopping { step: 0, until });
            self.close(slot, out);
        } else {
            self.take_step(slot, 0, out);
        }
    }

    /// The grace of a stop step is over: the next step, or force. A supervisor goes to force at once.
    pub(super) fn grace_over(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at(slot);
        match child.life().map(|life| life.phase) {
            Some(Phase::Stopping { step, .. }) if child.group.is_none() => {
                self.take_step(slot, step + 1, out);
            }
            _ => self.force(slot, out),
        }
    }

    /// Takes a stop step; after the last one comes force.
    fn take_step(&mut self, slot: u32, step: u8, out: &mut Effects) {
        let child = self.at(slot);
        let (id, Some(run)) = (child.id, child.life().map(|life| life.run)) else { return };
        match child.spec.stop.steps.get(usize::from(step)).copied() {
            None => self.force(slot, out),
            Some(grace) => {
                let until = match grace {
                    Grace::For(grace) => Some(self.now + grace),
                    Grace::Unbounded => None,
                };
                self.set_phase(slot, Phase::Stopping { step, until });
                out.ask(Effect::Stop { child: id, run, step });
            }
        }
    }

    /// Ends a run by force; of a supervisor, every run below it, all at once.
    pub(super) fn force(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at(slot);
        let Some(life) = child.life().copied() else { return };
        if child.group.is_some() {
            self.force_below(slot, out);
            return;
        }
        if matches!(life.phase, Phase::Killing { .. }) {
            return;
        }
        let (id, until) = (child.id, self.now + child.spec.stop.kill_wait);
        self.thaw(slot, out);
        let asked = life.asked.or(Some((Asked::Close, self.now)));
        self.at_mut(slot).watch = None;
        self.set_state(slot, State::Live(Life { phase: Phase::Killing { until }, asked, ..life }));
        out.note(Event::Forced(id, life.run));
        out.ask(Effect::Kill(id, life.run));
    }

    /// Stops waiting for a run that outlived force.
    ///
    /// It still occupies its child, unless its spec lets runs overlap or the child is leaving.
    pub(super) fn abandon(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at(slot);
        let Some(life) = child.life().copied() else { return };
        let (id, spec) = (child.id, child.spec.clone());
        self.set_phase(slot, Phase::Abandoned { since: self.now });
        out.note(Event::Abandoned(id, life.run));
        out.ask(Effect::Abandon(id, life.run));
        self.alert(slot, AlertKind::Abandoned, out);
        if self.at(slot).leaving {
            self.remove(slot, out);
        } else if spec.overlap == Overlap::Allow {
            let cause =
                Cause::judge(life.asked.map(|(asked, _)| asked), &Exit::Aborted, &spec.success);
            self.end_run(slot, cause, None, None, out);
        } else if self.above(slot).is_some_and(|above| self.is_closing(above)) {
            self.uncount(slot, out);
        }
    }

    /// Goes past an abandoned run: whatever it still reports is stale.
    pub(super) fn disown(&mut self, slot: u32, out: &mut Effects) {
        self.end_run(slot, Cause::Abandoned, None, None, out);
    }

    /// Suspends the live run of a child, or of every child below it. Returns whether any was not.
    pub(super) fn freeze(&mut self, slot: u32, out: &mut Effects) {
        self.each_leaf(slot, &mut |tree, leaf| {
            let child = tree.at_mut(leaf);
            let Some(life) = child.life().copied().filter(|life| !life.is_ending()) else { return };
            if !core::mem::replace(&mut child.frozen, true) {
                let child = child.id;
                out.note(Event::Frozen { child, run: life.run, frozen: true });
                out.ask(Effect::Freeze(child, life.run));
            }
        });
    }

    /// Lets a suspended run go on, or every one below.
    pub(super) fn thaw(&mut self, slot: u32, out: &mut Effects) {
        self.each_leaf(slot, &mut |tree, leaf| tree.thaw_run(leaf, out));
    }

    /// Lets go on what nothing else above it, nor itself, keeps paused.
    pub(super) fn thaw_resumed(&mut self, slot: u32, out: &mut Effects) {
        self.each_leaf(slot, &mut |tree, leaf| {
            if !tree.is_paused(leaf) {
                tree.thaw_run(leaf, out);
            }
        });
    }

    fn thaw_run(&mut self, leaf: u32, out: &mut Effects) {
        let child = self.at_mut(leaf);
        let Some(life) = child.life().copied() else { return };
        if core::mem::take(&mut child.frozen) {
            let child = child.id;
            out.note(Event::Frozen { child, run: life.run, frozen: false });
            out.ask(Effect::Thaw(child, life.run));
            self.watch_again(leaf);
        }
    }

    fn each_leaf(&mut self, slot: u32, visit: &mut impl FnMut(&mut Self, u32)) {
        if self.at(slot).group.is_none() {
            visit(self, slot);
            return;
        }
        let below: alloc::vec::Vec<u32> =
            self.brood(slot).from(crate::child::Place::FIRST).collect();
        for child in below {
            self.each_leaf(child, visit);
        }
    }
}

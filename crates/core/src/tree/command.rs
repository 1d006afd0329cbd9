//! What operators ask for: carried out once, answered at once. `admit.rs` has looked at it before.
//!
//! Every path ends in one [`Reply`]; an answer never waits for a child. The memory of command ids is
//! bounded, and kept by author and id together.

use super::Tree;
use crate::child::{Child, Finish, Life, Phase, Plan, Want};
use crate::command::{Command, Done, Refusal, Reply, Standing, Verb};
use crate::effect::{Effect, Effects, Outcome};
use crate::event::Event;
use crate::exit::Asked;
use crate::id::{ChildId, CommandId};
use crate::policy::breaker::{Breaker, BreakerState};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How many commands are remembered for answering a repetition; the oldest are forgotten first.
const REMEMBERED: usize = 1_024;

/// A command id belongs to its author: two authors never collide.
type Key = (CommandId, Arc<str>);

/// The commands of late, with what was answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    answers: BTreeMap<Key, (Command, Result<Done, Refusal>)>,
    order: VecDeque<Key>,
}

impl Remembered {
    fn find(&self, command: &Command) -> Option<&(Command, Result<Done, Refusal>)> {
        self.answers.get(&(command.id, Arc::clone(&command.who)))
    }

    fn keep(&mut self, command: &Command, result: &Result<Done, Refusal>) {
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        let key = (command.id, Arc::clone(&command.who));
        self.order.push_back(key.clone());
        self.answers.insert(key, (command.clone(), result.clone()));
    }

    /// Returns what is remembered, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &(Command, Result<Done, Refusal>)> {
        self.order.iter().filter_map(|key| self.answers.get(key))
    }
}

/// From the oldest to the latest; only so many as the memory holds.
impl FromIterator<(Command, Result<Done, Refusal>)> for Remembered {
    fn from_iter<I: IntoIterator<Item = (Command, Result<Done, Refusal>)>>(commands: I) -> Self {
        let mut remembered = Self::default();
        for (command, result) in commands {
            if remembered.find(&command).is_none() {
                remembered.keep(&command, &result);
            }
        }
        remembered
    }
}

impl Verb {
    /// Returns the verb as on a command line, with what an audit must tell apart.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Start { over: false } => "start",
            Self::Start { over: true } => "start --override",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Recycle => "recycle",
            Self::Pause { freeze: false } => "pause",
            Self::Pause { freeze: true } => "pause --freeze",
            Self::Resume => "resume",
            Self::Quarantine => "quarantine",
            Self::Release => "release",
            Self::Acknowledge => "acknowledge",
            Self::Reset { start: false } => "reset",
            Self::Reset { start: true } => "reset --start",
            Self::Add { .. } => "add",
            Self::Remove => "remove",
            Self::Replace(_) => "replace",
            Self::Apply(_) => "apply",
            Self::Drain => "drain",
        }
    }
}

impl Tree {
    pub(super) fn command(&mut self, command: &Command, out: &mut Effects) {
        let result = match self.remembered.find(command) {
            Some((same, result)) if same == command => result.clone(),
            Some(_) => {
                let refusal = Refusal::IdReused;
                Self::note_refused(command, &refusal, out);
                Err(refusal)
            }
            None => {
                let result = self.execute(command, out);
                if command.id != CommandId(0) {
                    self.remembered.keep(command, &result);
                }
                result
            }
        };
        out.replies.push(Reply { command: command.id, who: Arc::clone(&command.who), result });
    }

    fn execute(&mut self, command: &Command, out: &mut Effects) -> Result<Done, Refusal> {
        let verb = command.verb.word();
        let result = self.admit(command).and_then(|slot| {
            let (id, before) = (self.at(slot).id, self.at(slot).standing());
            let (child, changed, plan) = self.carry_out_verb(slot, command, out)?;
            let done_for = child.unwrap_or(id);
            let (who, why) = (Arc::clone(&command.who), Arc::clone(&command.why));
            out.note(Event::Commanded { child: done_for, id: command.id, who, why, verb, changed });
            // What the command set off at once belongs to its answer.
            self.settle(out);
            let after = self.child(done_for).map_or(Standing::Removed, Child::standing);
            let before = if child.is_some() { Standing::Removed } else { before };
            Ok(Done { child: done_for, changed, before, after, plan })
        });
        if let Err(refusal) = &result {
            Self::note_refused(command, refusal, out);
        }
        result
    }

    /// Nothing that was asked goes without a trace.
    fn note_refused(command: &Command, refusal: &Refusal, out: &mut Effects) {
        out.note(Event::Refused {
            id: command.id,
            who: Arc::clone(&command.who),
            why: Arc::clone(&command.why),
            target: command.target.clone(),
            verb: command.verb.word(),
            refusal: Box::new(refusal.clone()),
        });
    }

    /// Does what the verb says. Returns a new child where there is one, whether anything changed, and a plan.
    fn carry_out_verb(
        &mut self,
        slot: u32,
        command: &Command,
        out: &mut Effects,
    ) -> Result<(Option<ChildId>, bool, Vec<crate::command::Step>), Refusal> {
        let mut changed = self.judge(slot, &command.verb)?;
        match &command.verb {
            Verb::Drain => self.asked_to_drain(out),
            Verb::Stop if slot == 0 => {
                if changed {
                    self.asked_to_drain(out);
                }
            }
            Verb::Stop => self.stop(slot, out),
            Verb::Start { .. } => self.start_by_hand(slot, out),
            Verb::Restart => self.restart(slot, out),
            Verb::Reload => self.reload(slot, out),
            Verb::Recycle => {
                self.at_mut(slot).by_hand = true;
                self.stop_run(slot, Asked::Recycle, out);
            }
            Verb::Pause { freeze } => self.pause(slot, *freeze, out),
            Verb::Resume => self.resume(slot, out),
            Verb::Quarantine => self.quarantine(slot, out),
            Verb::Release => self.release(slot),
            Verb::Acknowledge => self.acknowledge(slot, command, out),
            Verb::Reset { start } => self.reset(slot, *start, out),
            Verb::Add { name, spec } => {
                let id = self.add(slot, name, spec.as_ref(), out)?;
                return Ok((Some(id), true, Vec::new()));
            }
            Verb::Remove => self.remove_by_hand(slot, out),
            Verb::Replace(spec) => changed = self.replace(slot, spec, out)?,
            Verb::Apply(spec) => {
                let (plan, changed) = self.apply(spec, out)?;
                return Ok((None, changed, plan));
            }
        }
        Ok((None, changed, Vec::new()))
    }

    fn asked_to_drain(&mut self, out: &mut Effects) {
        if self.has_ended() {
            return;
        }
        if self.drain.is_some() {
            self.hurry_drain(out);
        } else {
            self.begin_drain(Outcome::Asked, out);
        }
    }

    fn stop(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at_mut(slot);
        child.by_hand = false;
        child.want = Want::Down;
        self.stop_run(slot, Asked::Stop, out);
        self.look_again(slot);
    }

    fn start_by_hand(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at_mut(slot);
        child.want = Want::Up;
        match child.life().copied() {
            Some(Life { phase: Phase::Abandoned { .. }, .. }) => {
                // Wanted first: its next run begins as soon as the abandoned one is gone past.
                self.close_for_trial(slot, out);
                self.want_run(slot);
                self.disown(slot, out);
                return;
            }
            Some(life) if !life.is_ending() => return,
            Some(_) => {}
            None => self.close_for_trial(slot, out),
        }
        self.want_run(slot);
        self.look_again(slot);
    }

    /// A start with override goes through an open breaker: it is the trial.
    fn close_for_trial(&mut self, slot: u32, out: &mut Effects) {
        let breaker = self.at(slot).breaker();
        if matches!(breaker.state, BreakerState::Open(_)) {
            self.set_breaker(slot, Breaker { state: BreakerState::Trial, ..breaker }, out);
        }
    }

    /// Nothing of policy or pause stands in the way of the next run: a command asks for it.
    fn want_run(&mut self, slot: u32) {
        let child = self.at_mut(slot);
        child.plan = Plan::Run;
        child.by_hand = true;
        child.demanded = true;
    }

    fn restart(&mut self, slot: u32, out: &mut Effects) {
        self.at_mut(slot).want = Want::Up;
        self.want_run(slot);
        self.stop_run(slot, Asked::Restart, out);
        self.look_again(slot);
    }

    fn reload(&self, slot: u32, out: &mut Effects) {
        let Some(Life { run, .. }) = self.at(slot).life() else { return };
        let (child, run) = (self.at(slot).id, *run);
        out.note(Event::Reloaded { child, run, done: false });
        out.ask(Effect::Reload(child, run));
    }

    fn pause(&mut self, slot: u32, freeze: bool, out: &mut Effects) {
        self.at_mut(slot).paused = true;
        self.forget_requests(slot);
        if freeze {
            self.freeze(slot, out);
        }
        self.look_again_in(slot);
    }

    fn resume(&mut self, slot: u32, out: &mut Effects) {
        if core::mem::take(&mut self.at_mut(slot).paused) {
            self.thaw_resumed(slot, out);
            self.look_again_in(slot);
        }
    }

    /// A pause takes back the starts that were asked for and have not happened.
    fn forget_requests(&mut self, slot: u32) {
        if self.at(slot).life().is_none() {
            self.at_mut(slot).by_hand = false;
        }
        if self.at(slot).group.is_some() {
            let below: Vec<u32> = self.brood(slot).from(crate::child::Place::FIRST).collect();
            for child in below {
                self.forget_requests(child);
            }
        }
    }

    /// Asks the gate again for a child and everything below it.
    pub(super) fn look_again_in(&mut self, slot: u32) {
        self.look_again(slot);
        if self.at(slot).group.is_some() {
            let below: Vec<u32> = self.brood(slot).from(crate::child::Place::FIRST).collect();
            for child in below {
                self.look_again_in(child);
            }
        }
    }

    fn quarantine(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at_mut(slot);
        child.by_hand = false;
        child.quarantined = true;
        self.stop_run(slot, Asked::Quarantine, out);
        self.look_again(slot);
    }

    fn release(&mut self, slot: u32) {
        let child = self.at_mut(slot);
        if core::mem::take(&mut child.quarantined) {
            child.position = 0;
            self.end_episode(slot);
            self.look_again(slot);
        }
    }

    fn acknowledge(&mut self, slot: u32, command: &Command, out: &mut Effects) {
        let now = self.now;
        let child = self.at_mut(slot);
        let alerts = child.memory.as_mut().map_or(&mut [][..], |memory| &mut memory.alerts);
        let (who, why) = (Arc::clone(&command.who), Arc::clone(&command.why));
        let mut changed = false;
        for alert in alerts.iter_mut().filter(|alert| alert.seen.is_none()) {
            alert.seen = Some((Arc::clone(&who), Arc::clone(&why), now));
            changed = true;
        }
        if changed {
            out.note(Event::Acknowledged { child: self.at(slot).id, who, why });
        }
    }

    fn reset(&mut self, slot: u32, start: bool, out: &mut Effects) {
        let child = self.at_mut(slot);
        let breaker = child.breaker();
        child.forget_failures();
        self.end_episode(slot);
        if breaker != Breaker::CLOSED {
            self.set_breaker(slot, Breaker::CLOSED, out);
        }
        if matches!(breaker.state, BreakerState::Open(_)) {
            self.at_mut(slot).plan = Plan::Never(Finish::AwaitsStart);
        }
        if self.at(slot).group.as_ref().is_some_and(|group| group.breaker != Breaker::CLOSED) {
            let group = self.group_mut(slot);
            group.breaker = Breaker::CLOSED;
            group.trial_until = None;
            self.note_group_breaker(slot, out);
            self.look_again_in(slot);
        }
        if start {
            self.start_by_hand(slot, out);
        }
        self.look_again(slot);
    }
}

//! Whether a command may be carried out, and whether it changes anything.
//!
//! Each command is looked at here before anything is done, and only here: so whoever asks beforehand hears what the
//! command would be answered.

use super::Tree;
use crate::child::{Life, Phase, Place, Want};
use crate::command::{Command, Refusal, Verb};
use crate::id::ChildId;
use crate::policy::breaker::Breaker;

impl Tree {
    /// Returns whether a command to this child would change anything now, or why it would be refused. It looks at the
    /// tree as of its last input, and at nothing that an `Add`, `Replace` or `Apply` brings along.
    ///
    /// # Errors
    ///
    /// What the command would be refused with.
    pub fn would(&self, child: ChildId, verb: &Verb) -> Result<bool, Refusal> {
        if self.child(child).is_none() {
            return Err(Refusal::Leaving);
        }
        self.admit_verb(child.slot, verb)?;
        self.judge(child.slot, verb)
    }

    /// Checks everything about a command that does not depend on its verb.
    pub(super) fn admit(&self, command: &Command) -> Result<u32, Refusal> {
        if command.who.trim().is_empty() || command.why.trim().is_empty() {
            return Err(Refusal::Anonymous);
        }
        let id = self
            .find(&command.target)
            .ok_or_else(|| Refusal::Unknown { path: command.target.clone() })?;
        let child = self.at(id.slot);
        let present = child.life().map(|life| life.run);
        if let Some(expected) = command.if_run.filter(|run| Some(*run) != present) {
            return Err(Refusal::OtherRun { expected, present });
        }
        if let Some(expected) = command.if_revision.filter(|revision| *revision != child.revision) {
            return Err(Refusal::OtherRevision { expected, present: child.revision });
        }
        self.admit_verb(id.slot, &command.verb)?;
        Ok(id.slot)
    }

    /// Refuses what must not begin while the tree, or the child, is on its way out.
    fn admit_verb(&self, slot: u32, verb: &Verb) -> Result<(), Refusal> {
        let is_harmless = matches!(verb, Verb::Drain | Verb::Acknowledge | Verb::Stop);
        if self.drain.is_some() && !is_harmless {
            return Err(Refusal::Draining);
        }
        let is_final = matches!(verb, Verb::Remove | Verb::Acknowledge | Verb::Stop);
        if !is_final && self.is_leaving(slot) {
            return Err(Refusal::Leaving);
        }
        Ok(())
    }

    fn is_leaving(&self, slot: u32) -> bool {
        self.at(slot).leaving || self.above(slot).is_some_and(|above| self.is_leaving(above))
    }

    /// Returns whether a verb changes anything, or why it does not fit.
    pub(super) fn judge(&self, slot: u32, verb: &Verb) -> Result<bool, Refusal> {
        let (child, is_root) = (self.at(slot), slot == 0);
        Ok(match verb {
            Verb::Drain if !is_root => {
                return Err(Refusal::Unfit { reason: "only the root drains: stop this child" });
            }
            Verb::Drain => !self.has_ended(),
            Verb::Stop if is_root => self.drain.is_none(),
            Verb::Stop => child.want == Want::Up,
            Verb::Start { over } => {
                if self.live(slot).is_ok() {
                    // It is already so, whatever keeps another run from starting.
                    self.admit_reset(slot, *over)?;
                } else {
                    self.admit_start(slot, *over)?;
                }
                self.start_changes(slot)
            }
            Verb::Restart if is_root => {
                return Err(Refusal::Unfit {
                    reason: "the root cannot be restarted: restart what is below it",
                });
            }
            Verb::Restart => {
                self.admit_start(slot, false)?;
                true
            }
            Verb::Reload if child.group.is_some() => {
                return Err(Refusal::Unfit {
                    reason: "a supervisor has nothing to reload: reload its children",
                });
            }
            Verb::Reload => {
                self.live(slot)?;
                let payload = child.spec.payload.as_deref();
                if payload.is_some_and(|payload| !payload.can_reload()) {
                    return Err(Refusal::Unfit {
                        reason: "nothing says how it is told to read its settings again: say `reload`, or restart it",
                    });
                }
                true
            }
            Verb::Recycle if is_root => {
                return Err(Refusal::Unfit {
                    reason: "the root cannot be recycled: recycle what is below it",
                });
            }
            Verb::Recycle => self.live(slot).map(|_| true)?,
            Verb::Pause { freeze } => !child.paused || (*freeze && self.could_freeze(slot)),
            Verb::Resume => child.paused,
            Verb::Quarantine if is_root => {
                return Err(Refusal::Unfit { reason: "the root cannot be quarantined" });
            }
            Verb::Quarantine => !child.quarantined,
            Verb::Release => child.quarantined,
            Verb::Acknowledge => {
                let alerts = child.memory.as_ref().map_or(&[][..], |memory| &memory.alerts);
                alerts.iter().any(|alert| alert.seen.is_none())
            }
            Verb::Reset { start } => {
                if *start {
                    self.admit_reset(slot, false)?;
                }
                let group = child.group.as_ref();
                child.has_failures()
                    || child.breaker() != Breaker::CLOSED
                    || group.is_some_and(|group| group.breaker != Breaker::CLOSED)
                    || (*start && self.start_changes(slot))
            }
            Verb::Add { .. } if child.group.is_none() => {
                return Err(Refusal::Unfit { reason: "only a supervisor has children" });
            }
            Verb::Remove => {
                let Some(above) = self.above(slot) else {
                    return Err(Refusal::Unfit {
                        reason: "the root cannot be removed: drain the tree",
                    });
                };
                if !self.dependents(above, slot).is_empty() {
                    return Err(Refusal::Unfit {
                        reason: "other children need it: remove them or their need first",
                    });
                }
                !child.leaving
            }
            Verb::Replace(_) if is_root => {
                return Err(Refusal::Unfit {
                    reason: "the root is replaced by applying a whole spec",
                });
            }
            Verb::Apply(_) if !is_root => {
                return Err(Refusal::Unfit { reason: "a whole spec applies to the root" });
            }
            Verb::Add { .. } | Verb::Replace(_) | Verb::Apply(_) => true,
        })
    }

    /// Returns whether a start changes what a child does or is to do.
    fn start_changes(&self, slot: u32) -> bool {
        match self.at(slot).life() {
            Some(Life { phase: Phase::Abandoned { .. }, .. }) | None => true,
            Some(life) if !life.is_ending() => self.at(slot).want == Want::Down,
            Some(_) => true,
        }
    }

    /// Returns whether a run below, or its own, lives and is not suspended.
    fn could_freeze(&self, slot: u32) -> bool {
        let child = self.at(slot);
        if child.group.is_none() {
            return child.life().is_some_and(|life| !life.is_ending()) && !child.frozen;
        }
        self.brood(slot).from(Place::FIRST).any(|below| self.could_freeze(below))
    }

    pub(super) fn live(&self, slot: u32) -> Result<Life, Refusal> {
        self.at(slot).life().copied().filter(|life| !life.is_ending()).ok_or(Refusal::NotRunning)
    }

    /// Refuses a start that only an override, a release or the end of something may allow.
    pub(super) fn admit_start(&self, slot: u32, over: bool) -> Result<(), Refusal> {
        self.admit_reset(slot, over)?;
        // Once its cooldown is over it only waits for a start, which is its trial.
        let is_open = self.at(slot).breaker().is_open(self.now);
        if !over && (is_open || self.is_cooling(slot)) {
            return Err(Refusal::BreakerOpen);
        }
        Ok(())
    }

    /// The same for a start that closes the breaker first.
    fn admit_reset(&self, slot: u32, over: bool) -> Result<(), Refusal> {
        let mut at = Some(slot);
        while let Some(above) = at {
            if self.at(above).quarantined {
                return Err(Refusal::Quarantined);
            }
            at = self.above(above);
        }
        match self.at(slot).life() {
            Some(Life { run, phase: Phase::Abandoned { .. }, .. }) if !over => {
                Err(Refusal::Occupied { run: *run })
            }
            Some(_) | None => Ok(()),
        }
    }
}

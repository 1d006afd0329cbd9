//! A keeper that is there for one command: signals go to it from here, whether or not there is a brain at the moment.
//!
//! The brain is told of the first that asks for the end, and no more: it ends the tree by the stop steps of the child.
//! What it would send first has been sent from here.

use super::Hold;
use super::child::{Child, Run, Slot, Stage};
use crate::relay::{Inherited, Relay, Seat, asks_to_end, asks_to_stand_still};
use crate::start::Given;
use crate::sys::reap;
use crate::sys::signals::{self, Caught};
use mainstay_wire::keeper::Status;
use rustix::process::Signal;

/// What a keeper knows that is there for one command.
#[derive(Debug, Default)]
pub(crate) struct Relaying {
    relay: Relay,
    seat: Seat,
    inherited: Inherited,
    /// The first signal that asked for the end, as it was sent.
    asked: Option<i32>,
    /// Whether the run has been sent that signal from here, and the brain has not ordered it yet.
    is_ahead: bool,
    /// Whether the brain has ordered it.
    is_ordered: bool,
    /// Signals that came before there was anybody to send them to.
    early: Vec<i32>,
    /// Whether there has been a run.
    has_begun: bool,
    /// How the last run ended.
    status: Option<Status>,
    /// Whether its end is that of the program, and no brain has a say in it.
    is_over: bool,
}

impl Relaying {
    pub(crate) fn new(relay: Relay, inherited: Inherited) -> Self {
        Self { relay, inherited, ..Self::default() }
    }

    /// Returns the exit code of the whole program, where its brain ended with this one: that of the command, unless
    /// that says that all is well and the brain does not.
    pub(crate) fn code(&self, of_brain: u8) -> u8 {
        let asked = self.asked.and_then(|signal| u8::try_from(signal).ok());
        let never = asked.map(|signal| Status::Signal { signal, core: false });
        match self.status.as_ref().or(never.as_ref()).map(|status| self.relay.code(status)) {
            Some(code) if self.is_over => code,
            // The brain may have judged an end that was asked for before it was told so.
            None | Some(0) => self.relay.code(&Status::Code(of_brain.into())),
            Some(code) => code,
        }
    }

    /// Returns whether the end has been asked for.
    pub(super) const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }
}

impl Hold {
    pub(crate) fn set_relaying(&mut self, relaying: Relaying) {
        self.relaying = Some(relaying);
    }

    pub(crate) const fn relaying(&self) -> Option<&Relaying> {
        self.relaying.as_ref()
    }

    /// Hands on signals that came together, and sees whether the command stands still.
    pub(super) fn relay_all(&mut self, caught: &[Caught]) {
        // Who was told to go on does not stand still, whichever of both was noticed first.
        let goes_on = caught.iter().filter(|caught| caught.signal == libc::SIGCONT);
        let others = caught.iter().filter(|caught| caught.signal != libc::SIGCONT);
        for caught in goes_on.chain(others) {
            self.relay(*caught);
        }
        let is_of_child = caught.iter().any(|caught| caught.signal == libc::SIGCHLD);
        if let Some(slot) = self.only_run().filter(|_| is_of_child)
            && let Some(pid) = self.run(slot).map(|run| run.pid)
            && let Some(relaying) = &self.relaying
            && reap::stands_still(pid)
        {
            relaying.relay.tell(|| format!("process {pid} stands still"));
            relaying.seat.stand_still_with();
        }
    }

    fn relay(&mut self, Caught { signal, sender }: Caught) {
        if signal == libc::SIGCHLD {
            return;
        }
        let slot = self.only_run();
        let pid = slot.and_then(|slot| self.run(slot)).map(|run| run.pid);
        let Some(relaying) = &mut self.relaying else { return };
        let sent = relaying.relay.sent_for(signal);
        relaying.relay.tell_way(signal, sender, sent, pid);
        let Some(sent) = sent else { return };
        let is_first = relaying.asked.is_none() && (asks_to_end(signal) || asks_to_end(sent));
        if is_first {
            relaying.asked = Some(sent);
            self.tell_brain(libc::SIGTERM);
        }
        match (slot, &mut self.relaying) {
            (Some(slot), _) => self.send_on(slot, sent),
            (None, Some(relaying)) if !relaying.has_begun => {
                if !relaying.early.contains(&sent) {
                    relaying.early.push(sent);
                }
            }
            // Between two runs nobody is there who could hear it.
            (None, _) => {}
        }
        // The first process of a namespace cannot be stopped, nor could anybody in it have it go on.
        if asks_to_stand_still(signal) && std::process::id() != 1 {
            signals::stand_still();
        }
    }

    /// Returns where the command runs.
    fn only_run(&self) -> Option<Slot> {
        let has_run = |child: &Option<Child>| child.as_ref().is_some_and(|it| it.run.is_some());
        self.children.iter().position(has_run).and_then(|slot| Slot::try_from(slot).ok())
    }

    fn send_on(&mut self, slot: Slot, signal: i32) {
        let Some(relaying) = &mut self.relaying else { return };
        if signal == libc::SIGCONT {
            relaying.seat.give_again();
        }
        relaying.is_ahead |= relaying.asked == Some(signal) && !relaying.is_ordered;
        let to_group = relaying.relay.group;
        match self.children.get(slot as usize).and_then(|child| child.as_ref()?.run.as_ref()) {
            Some(Run { stage: Stage::Live, pid, .. }) if to_group => {
                signals::send_to_group(*pid, signal);
            }
            Some(Run { stage: Stage::Live, pid, .. }) => signals::send_to(*pid, signal),
            Some(Run { stage: Stage::Rest { .. } | Stage::Drain { .. }, .. }) => {
                // Its main process has ended: whoever is left hears it.
                if let Some(signal) = Signal::from_named_raw(signal) {
                    self.signal_all(slot, signal);
                }
            }
            None => {}
        }
    }

    /// Returns whether an order to send this has been fulfilled before it came.
    pub(super) fn is_ahead_of(&mut self, signal: u8) -> bool {
        let Some(relaying) = &mut self.relaying else { return false };
        let is_that = relaying.asked.is_some_and(|asked| {
            asked == i32::from(signal)
                || relaying.relay.sent_for(libc::SIGTERM) == Some(i32::from(signal))
        });
        relaying.is_ordered |= is_that;
        is_that && std::mem::take(&mut relaying.is_ahead)
    }

    /// Adds what the command gets from whoever started this program.
    pub(super) fn pass_to<'a>(relaying: Option<&'a Relaying>, given: &mut Given<'a>) {
        if let Some(relaying) = relaying {
            relaying.inherited.give(given);
            given.foreground = relaying.seat.is_ours();
        }
    }

    /// The command has begun.
    pub(super) fn relay_begins(&mut self, slot: Slot, pid: u32, foreground: bool) {
        let Some(relaying) = &mut self.relaying else { return };
        relaying.relay.tell(|| format!("the command is process {pid}"));
        if foreground {
            relaying.seat.is_given(pid.cast_signed());
        }
        relaying.has_begun = true;
        for signal in std::mem::take(&mut relaying.early) {
            self.send_on(slot, signal);
        }
    }

    /// The command has ended, or could not begin.
    pub(super) fn relay_ends(&mut self, pid: u32, status: &Status) {
        let Some(relaying) = &mut self.relaying else { return };
        relaying.relay.tell_end(pid, true, status);
        relaying.seat.take_back();
        relaying.has_begun = true;
        relaying.is_ahead = false;
        relaying.status = Some(status.clone());
    }

    /// A process was taken in that is not the command.
    pub(super) fn relay_took_in(&self, pid: u32, status: &Status) {
        if let Some(relaying) = &self.relaying {
            relaying.relay.tell_end(pid, false, status);
        }
    }

    /// Ends the program where the end is asked for, the command has ended, and there is no brain that has heard of it:
    /// the next one would judge how the command ended before it hears, and start it again.
    pub(super) fn leave_without_brain(&mut self) {
        let holds_nothing = || self.children.iter().flatten().all(|child| child.run.is_none());
        let (Some(relaying), Some(brain)) = (&self.relaying, &self.brain) else { return };
        // Where nothing has begun a brain is given its second chance to begin it.
        let is_due = relaying.is_asked() && (relaying.has_begun || brain.deaths > 1);
        if self.leaving.is_some() || !is_due || brain.speaks || !holds_nothing() {
            return;
        }
        let pid = brain.pid;
        if let Some(relaying) = &mut self.relaying {
            relaying.is_over = true;
        }
        if let Some(pid) = pid {
            signals::send_to(pid, libc::SIGKILL);
        }
        self.leave(true);
    }
}

//! What must come of a fact, foreseen from how things stand before the tree hears of it.
//!
//! Whoever runs the children may say anything at any time: what it has no right to say changes nothing.

use super::event::wrong;
use super::{Book, Model, Run, Stage};
use crate::check::{Broken, Invariant};
use mainstay_core::spec::{Activation, ProbeKind, Ready};
use mainstay_core::{Asked, ChildId, Effects, Event, Input, RunId};

/// What must come of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreseen {
    /// Nothing at all; otherwise this does not hold.
    Nothing(Invariant),
    /// It is about no present run: that is stated, and nothing else.
    Stale(ChildId, RunId),
    /// The run serves.
    Serves(ChildId, RunId),
    /// The run restores what the last one had, and does not serve yet.
    Restores(ChildId, RunId),
    /// That it has much memory in use is stated, and nothing else.
    Guarded(ChildId, RunId),
    /// The run is asked to end.
    Ends(ChildId, RunId, Asked),
}

impl Model {
    /// Returns what must come of an input, where that follows from the input alone.
    pub(crate) fn foresee(&self, input: &Input) -> Option<Foreseen> {
        let (id, run) = match input {
            Input::Demand(child) => return self.foresee_demand(*child),
            Input::Started(child, run)
            | Input::Ready(child, run)
            | Input::Exited { child, run, .. }
            | Input::Beat(child, run)
            | Input::Patience { child, run, .. }
            | Input::Probed { child, run, .. }
            | Input::Pending { child, run, .. }
            | Input::Progress(child, run)
            | Input::Rehydrated(child, run)
            | Input::Reloaded(child, run)
            | Input::Extend { child, run, .. }
            | Input::WantsRecycle(child, run)
            | Input::Guard { child, run, .. }
            | Input::Told { child, run, .. }
            | Input::Positioned { child, run, .. }
            | Input::Blocked { child, run, .. } => (*child, *run),
            Input::Boot | Input::Clock | Input::Stalled(_) | Input::Command(_) => return None,
        };
        // A supervisor has no driver, so nobody can say anything about its runs.
        let driven = self.books.get(&id).filter(|book| book.pack.is_none());
        let present = driven.and_then(|book| Some((book, book.live.as_ref()?)));
        let Some((book, life)) = present.filter(|(_, life)| life.run == run) else {
            return Some(Foreseen::Stale(id, run));
        };
        match input {
            Input::Beat(..)
            | Input::Patience { .. }
            | Input::Pending { .. }
            | Input::Progress(..) => Some(Foreseen::Nothing(Invariant::Liveness)),
            Input::Ready(..) => Self::foresee_ready(id, book, life),
            Input::Rehydrated(..) => Some(match life.stage {
                Stage::Rehydrating(_) => Foreseen::Serves(id, run),
                _ => Foreseen::Nothing(Invariant::Rehydration),
            }),
            Input::Guard { hard: false, .. } => Some(Foreseen::Guarded(id, run)),
            Input::Guard { hard: true, .. } if !life.stage.is_ending() => {
                Some(Foreseen::Ends(id, run, Asked::Guard))
            }
            Input::WantsRecycle(..) if !life.stage.is_ending() => {
                // While nobody would start the fresh run the old one goes on.
                let held = book.frozen || self.is_paused(id) || self.is_cooling(book);
                Some(match held {
                    true => Foreseen::Nothing(Invariant::StopSteps),
                    false => Foreseen::Ends(id, run, Asked::Recycle),
                })
            }
            Input::Guard { .. } | Input::WantsRecycle(..) => {
                Some(Foreseen::Nothing(Invariant::StopSteps))
            }
            _ => None,
        }
    }

    /// Returns whether the present input is what this run is asked to end for.
    pub(crate) fn is_foreseen(&self, id: ChildId, asked: Asked) -> bool {
        matches!(self.foreseen, Some(Foreseen::Ends(child, _, why)) if (child, why) == (id, asked))
    }

    fn foresee_ready(id: ChildId, book: &Book, life: &Run) -> Option<Foreseen> {
        let spec = &book.spec;
        let asks = |kind| spec.liveness.probes.iter().any(|probe| probe.kind == kind);
        match life.stage {
            Stage::Rehydrating(_) => Some(Foreseen::Nothing(Invariant::Rehydration)),
            Stage::Ready(_) | Stage::Stopping(..) | Stage::Killing(_) | Stage::Abandoned => {
                Some(Foreseen::Nothing(Invariant::EventOrder))
            }
            // Where probes have a say, its own word is not the last.
            Stage::Unready => None,
            _ if spec.ready == Ready::Probe || asks(ProbeKind::Readiness) => None,
            Stage::Starting(_) | Stage::Started(_) => Some(match spec.rehydrate {
                Some(_) if life.run != RunId::FIRST => Foreseen::Restores(id, life.run),
                Some(_) | None => Foreseen::Serves(id, life.run),
            }),
        }
    }

    /// However often it is wanted: an open breaker lets nobody through.
    fn foresee_demand(&self, id: ChildId) -> Option<Foreseen> {
        let book = self.books.get(&id)?;
        let is_on_demand = matches!(book.spec.activation, Activation::OnDemand { .. });
        let is_deaf = !is_on_demand || book.breaker.is_open(self.now);
        is_deaf.then_some(Foreseen::Nothing(Invariant::NoStart))
    }

    /// A run that restores what the last one had serves when that is done, and by nothing else.
    pub(crate) fn is_restored(&self, id: ChildId, run: RunId) -> bool {
        self.foreseen == Some(Foreseen::Serves(id, run))
    }

    /// Compares what came with what was foreseen.
    pub(crate) fn came_true(&self, out: &Effects) -> Result<(), Broken> {
        let Some(foreseen) = self.foreseen else { return Ok(()) };
        let mut events = out.events.iter().filter(|e| !matches!(e, Event::Backwards { .. }));
        let (invariant, holds) = match foreseen {
            Foreseen::Nothing(invariant) => {
                (invariant, events.next().is_none() && out.effects.is_empty())
            }
            Foreseen::Stale(child, run) => {
                let holds = events.eq([&Event::Stale { child, run }]) && out.effects.is_empty();
                (Invariant::StaleFacts, holds)
            }
            Foreseen::Serves(id, now) => {
                let is_ready = |event: &Event| matches!(event, Event::Ready { child, run, .. } if (*child, *run) == (id, now));
                (Invariant::EventOrder, events.any(is_ready))
            }
            Foreseen::Restores(id, now) => {
                (Invariant::Rehydration, events.any(|event| *event == Event::Rehydrating(id, now)))
            }
            Foreseen::Guarded(id, now) => {
                let holds = events.eq([&Event::Guarded(id, now)]) && out.effects.is_empty();
                (Invariant::StopSteps, holds)
            }
            Foreseen::Ends(child, run, asked) => {
                let ends = events.any(|event| *event == Event::Stopping { child, run, asked });
                (Invariant::StopSteps, ends)
            }
        };
        match holds {
            true => Ok(()),
            false => {
                let text = format!("{foreseen:?} must come of it, but {:?} did", out.events);
                wrong(invariant, text)
            }
        }
    }
}

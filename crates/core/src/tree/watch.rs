//! Signs of life, by absolute deadlines: heartbeats, probes, progress, and the ages at which a run is replaced.
//!
//! A deadline moves only when the sign it waits for arrives. Lost liveness asks the run to end with
//! that cause; what the run then reports on its way out is no second failure.

use super::{Tree, Why};
use crate::child::{Phase, ProbeWatch, Watch};
use crate::effect::{Effect, Effects};
use crate::event::Event;
use crate::exit::Asked;
use crate::moment::Moment;
use crate::spec::{Activation, ProbeKind};
use core::time::Duration;

impl Tree {
    /// Arms what is watched from the moment a run has begun.
    pub(super) fn watch_from_started(&mut self, slot: u32) {
        let now = self.now;
        let child = self.at_mut(slot);
        if !child.spec.is_watched() {
            return;
        }
        let spec = &child.spec;
        let startup = |kind| kind == ProbeKind::Startup;
        let has_startup = spec.liveness.probes.iter().any(|probe| startup(probe.kind));
        let arm = |probe: &crate::spec::Probe| ProbeWatch {
            // Until a startup probe has succeeded the others wait.
            due: (startup(probe.kind) || !has_startup).then(|| now + probe.initial),
            ..ProbeWatch::default()
        };
        let watch = Watch {
            beat: spec
                .liveness
                .heartbeat
                .and_then(|heartbeat| heartbeat.startup)
                .map(|grace| now + grace),
            probes: spec.liveness.probes.iter().map(arm).collect(),
            // It may have asked to be recycled before it had started.
            recycle: child.watch.as_ref().and_then(|watch| watch.recycle),
            ..Watch::default()
        };
        child.watch = Some(watch.into());
    }

    /// Arms what is watched from the moment a run can serve.
    pub(super) fn watch_from_ready(&mut self, slot: u32) {
        let now = self.now;
        let child = self.at_mut(slot);
        if !child.spec.is_watched() {
            return;
        }
        let spec = &child.spec;
        let watch = child.watch.get_or_insert_default();
        if watch.beat.is_none() {
            watch.beat = watch.silence(spec).map(|silence| now + silence);
        }
        if watch.recycle.is_none() {
            watch.recycle = spec.recycle.map(|age| now + age);
        }
        if let Activation::OnDemand { idle: Some(idle) } = spec.activation {
            watch.idle = Some(now + idle);
        }
    }

    /// A suspended run goes on: what it could not send meanwhile is not held against it.
    pub(super) fn watch_again(&mut self, slot: u32) {
        let now = self.now;
        let child = self.at_mut(slot);
        let spec = &child.spec;
        if let Some(watch) = &mut child.watch {
            if let (true, Some(silence)) = (watch.beat.is_some(), watch.silence(spec)) {
                watch.beat = Some(now + silence);
            }
            if let (Some(progress), Some(limit)) = (&mut watch.progress, spec.liveness.progress) {
                *progress = now + limit;
            }
            for probe in watch.probes.iter_mut().filter(|probe| probe.asked) {
                *probe = ProbeWatch { asked: false, due: Some(now), ..*probe };
            }
        }
    }

    /// A run that has not begun is waited for by its start timeout alone, whatever it says.
    fn has_begun(&self, slot: u32) -> bool {
        let phase = self.at(slot).life().map(|life| life.phase);
        !matches!(phase, None | Some(Phase::Starting { .. }))
    }

    pub(super) fn beat(&mut self, slot: u32) {
        if !self.has_begun(slot) {
            return;
        }
        let now = self.now;
        let child = self.at_mut(slot);
        if let Some(watch) = &mut child.watch
            && let Some(silence) = watch.silence(&child.spec)
        {
            watch.beat = Some(now + silence);
        }
    }

    /// The run says itself how long its silence may be, and that counts as a sign of life.
    pub(super) fn patience(&mut self, slot: u32, within: Duration) {
        let is_ending = self.at(slot).life().is_none_or(|life| life.is_ending());
        if is_ending || !self.has_begun(slot) {
            return;
        }
        let now = self.now;
        let watch = self.at_mut(slot).watch.get_or_insert_default();
        watch.silence = Some(within);
        watch.beat = (!within.is_zero()).then(|| now + within);
    }

    /// Work is pending, or no longer: an idle child is healthy however long it is idle.
    pub(super) fn pending(&mut self, slot: u32, pending: bool) {
        if !self.has_begun(slot) {
            return;
        }
        let now = self.now;
        let child = self.at_mut(slot);
        if let (Some(watch), Some(limit)) = (&mut child.watch, child.spec.liveness.progress) {
            match (pending, watch.progress) {
                (true, None) => watch.progress = Some(now + limit),
                (true, Some(_)) => {}
                (false, _) => watch.progress = None,
            }
        }
    }

    pub(super) fn progress(&mut self, slot: u32) {
        let now = self.now;
        let child = self.at_mut(slot);
        if let (Some(watch), Some(limit)) = (&mut child.watch, child.spec.liveness.progress) {
            watch.progress = watch.progress.map(|_| now + limit);
        }
    }

    /// A probe has its answer. One that nobody waits for any more changes nothing.
    pub(super) fn probed(&mut self, slot: u32, index: u8, ok: bool, out: &mut Effects) {
        let now = self.now;
        let child = self.at_mut(slot);
        let (id, at) = (child.id, usize::from(index));
        let Some(run) = child.life().map(|life| life.run) else { return };
        let Some(spec) = child.spec.liveness.probes.get(at).copied() else { return };
        let Some(probe) = child.watch.as_mut().and_then(|watch| watch.probes.get_mut(at)) else {
            return;
        };
        if !probe.asked {
            return;
        }
        probe.asked = false;
        probe.due = Some((probe.last + spec.every).max(now));
        let differs = probe.streak == 0 || probe.ok != ok;
        probe.streak = if differs { 1 } else { probe.streak.saturating_add(1) };
        probe.ok = ok;
        let streak = probe.streak;
        let enough = if ok { streak >= spec.successes } else { streak >= spec.failures };
        let verdict = enough && probe.verdict.replace(ok) != Some(ok);
        if differs {
            out.note(Event::Probed { child: id, run, probe: index, ok, streak });
        }
        if verdict {
            self.probe_verdict(slot, at, spec.kind, ok, out);
        }
    }

    fn probe_verdict(
        &mut self,
        slot: u32,
        index: usize,
        kind: ProbeKind,
        ok: bool,
        out: &mut Effects,
    ) {
        match (kind, ok) {
            (ProbeKind::Startup, true) => self.startup_passed(slot, index),
            (ProbeKind::Startup | ProbeKind::Liveness, false) => {
                self.stop_run(slot, Asked::ProbeFailed, out);
            }
            (ProbeKind::Liveness, true) => {}
            (ProbeKind::Readiness, true) => {
                let child = self.at(slot);
                let waits = matches!(child.life().map(|life| life.phase), Some(Phase::Unready));
                if waits || child.spec.ready == crate::spec::Ready::Probe {
                    self.became_ready(slot, out);
                }
            }
            (ProbeKind::Readiness, false) => self.became_unready(slot, out),
        }
    }

    /// Its readiness probes say that a ready run cannot serve.
    pub(super) fn became_unready(&mut self, slot: u32, out: &mut Effects) {
        let child = self.at(slot);
        let (id, life) = (child.id, child.life().copied());
        if let Some(life) = life.filter(|life| matches!(life.phase, Phase::Ready { .. })) {
            self.set_phase(slot, Phase::Unready);
            out.note(Event::Unready(id, life.run));
        }
    }

    /// Returns whether no readiness probe speaks against serving; where ready waits for them, all must have passed.
    pub(super) fn may_serve(&self, slot: u32) -> bool {
        let child = self.at(slot);
        let waits = child.spec.ready == crate::spec::Ready::Probe;
        let probes = child.watch.as_ref().map_or(&[][..], |watch| &watch.probes);
        let mut readiness = probes
            .iter()
            .zip(&child.spec.liveness.probes)
            .filter(|(_, spec)| spec.kind == ProbeKind::Readiness)
            .map(|(probe, _)| probe.verdict);
        readiness.all(|verdict| if waits { verdict == Some(true) } else { verdict != Some(false) })
    }

    /// A startup probe has done its work; once every one has, the others begin.
    fn startup_passed(&mut self, slot: u32, index: usize) {
        let now = self.now;
        let child = self.at_mut(slot);
        let Some(watch) = &mut child.watch else { return };
        if let Some(probe) = watch.probes.get_mut(index) {
            probe.due = None;
        }
        let specs = &child.spec.liveness.probes;
        let is_startup =
            |at: usize| specs.get(at).is_some_and(|probe| probe.kind == ProbeKind::Startup);
        if watch
            .probes
            .iter()
            .enumerate()
            .all(|(at, probe)| !is_startup(at) || probe.verdict == Some(true))
        {
            for (probe, spec) in watch
                .probes
                .iter_mut()
                .zip(specs)
                .filter(|(_, spec)| spec.kind != ProbeKind::Startup)
            {
                probe.due = Some(now + spec.initial);
            }
        }
    }

    /// The memory guard spoke: the soft limit is a fact, the hard one ends the run.
    pub(super) fn guarded(&mut self, slot: u32, hard: bool, out: &mut Effects) {
        let child = self.at(slot);
        let (id, Some(run)) = (child.id, child.life().map(|life| life.run)) else { return };
        if hard {
            self.stop_run(slot, Asked::Guard, out);
        } else {
            out.note(Event::Guarded(id, run));
        }
    }

    /// The run asks to be replaced: it is old enough from now on.
    pub(super) fn wants_recycle(&mut self, slot: u32) {
        let now = self.now;
        let child = self.at_mut(slot);
        if child.life().is_some_and(|life| !life.is_ending()) {
            child.watch.get_or_insert_default().recycle = Some(now);
        }
    }

    /// Asks a probe, or takes the missing answer for a failure.
    pub(super) fn probe_due(&mut self, slot: u32, index: u8, out: &mut Effects) {
        let now = self.now;
        let child = self.at_mut(slot);
        let id = child.id;
        let Some(run) = child.life().map(|life| life.run) else { return };
        let Some(spec) = child.spec.liveness.probes.get(usize::from(index)).copied() else {
            return;
        };
        let Some(probe) =
            child.watch.as_mut().and_then(|watch| watch.probes.get_mut(usize::from(index)))
        else {
            return;
        };
        if probe.asked {
            // No answer is an answer.
            self.probed(slot, index, false, out);
            return;
        }
        *probe = ProbeWatch { asked: true, last: now, due: Some(now + spec.timeout), ..*probe };
        out.ask(Effect::Probe { child: id, run, probe: index, timeout: spec.timeout });
    }

    /// Returns the earliest deadline of a run's watch; a suspended run has none.
    pub(super) fn watch_deadline(&self, slot: u32) -> Option<(Moment, Why)> {
        let child = self.at(slot);
        let watch = child.watch.as_deref().filter(|_| !child.frozen)?;
        // Nobody would start the fresh run now, so the old one goes on until somebody would.
        let recycle = watch.recycle.filter(|_| !self.is_paused(slot) && !self.is_cooling(slot));
        let fixed = [
            (watch.beat, Why::Heartbeat),
            (watch.progress, Why::Progress),
            (recycle, Why::Recycle),
            (watch.idle, Why::Idle),
        ];
        let probes = watch
            .probes
            .iter()
            .enumerate()
            .map(|(index, probe)| (probe.due, Why::Probe(index as u8)));
        fixed
            .into_iter()
            .chain(probes)
            .filter_map(|(at, why)| Some((at?, why)))
            .min_by_key(|(at, _)| *at)
    }
}

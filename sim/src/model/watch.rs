//! Signs of life, by absolute deadlines that nothing else postpones.

use mainstay_core::Moment;
use mainstay_core::spec::{Activation, ChildSpec, Probe, ProbeKind};
use std::time::Duration;

/// What is watched in one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    pub(crate) beat: Option<Moment>,
    /// The longest silence, by the word of the run itself; zero: any.
    pub(crate) said: Option<Duration>,
    pub(crate) progress: Option<Moment>,
    pub(crate) recycle: Option<Moment>,
    pub(crate) idle: Option<Moment>,
    pub(crate) probes: Vec<Question>,
}

/// One probe.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Question {
    pub(crate) due: Option<Moment>,
    pub(crate) asked: bool,
    pub(crate) last: Moment,
    pub(crate) good: u32,
    pub(crate) bad: u32,
    pub(crate) passed: bool,
}

impl Watch {
    pub(crate) fn from_started(now: Moment, spec: &ChildSpec) -> Self {
        let probes = &spec.liveness.probes;
        let gated = probes.iter().any(|probe| probe.kind == ProbeKind::Startup);
        let arm = |probe: &Probe| Question {
            due: (!gated || probe.kind == ProbeKind::Startup).then(|| now + probe.initial),
            ..Question::default()
        };
        Self {
            beat: spec.liveness.heartbeat.and_then(|beat| beat.startup).map(|grace| now + grace),
            probes: probes.iter().map(arm).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn on_ready(&mut self, now: Moment, spec: &ChildSpec) {
        if self.beat.is_none() {
            self.beat(now, spec);
        }
        if self.recycle.is_none() {
            self.recycle = spec.recycle.map(|age| now + age);
        }
        if let Activation::OnDemand { idle: Some(idle) } = spec.activation {
            self.idle = Some(now + idle);
        }
    }

    pub(crate) fn beat(&mut self, now: Moment, spec: &ChildSpec) {
        let declared = spec.liveness.heartbeat.map(|beat| beat.every * beat.misses);
        if let Some(longest) = self.said.or(declared)
            && longest > Duration::ZERO
        {
            self.beat = Some(now + longest);
        }
    }

    /// The run says how long its silence may be.
    pub(crate) fn says(&mut self, now: Moment, longest: Duration) {
        self.said = Some(longest);
        self.beat = if longest == Duration::ZERO { None } else { Some(now + longest) };
    }

    pub(crate) fn pending(&mut self, now: Moment, spec: &ChildSpec, pending: bool) {
        let armed = self.progress.or_else(|| spec.liveness.progress.map(|limit| now + limit));
        self.progress = armed.filter(|_| pending);
    }

    pub(crate) fn progressed(&mut self, now: Moment, spec: &ChildSpec) {
        if let (Some(at), Some(limit)) = (&mut self.progress, spec.liveness.progress) {
            *at = now + limit;
        }
    }

    /// What a suspended run could not send is not held against it.
    pub(crate) fn thawed(&mut self, now: Moment, spec: &ChildSpec) {
        if self.beat.is_some() {
            self.beat(now, spec);
        }
        self.progressed(now, spec);
        for probe in self.probes.iter_mut().filter(|probe| probe.asked) {
            (probe.asked, probe.due) = (false, Some(now));
        }
    }

    /// A probe was asked.
    pub(crate) fn asked(&mut self, now: Moment, index: usize, spec: &ChildSpec) {
        if let (Some(probe), Some(of)) =
            (self.probes.get_mut(index), spec.liveness.probes.get(index))
        {
            *probe = Question { asked: true, last: now, due: Some(now + of.timeout), ..*probe };
        }
    }

    /// A probe was answered, or its time is over.
    pub(crate) fn answered(&mut self, now: Moment, index: usize, ok: bool, spec: &ChildSpec) {
        let Some(of) = spec.liveness.probes.get(index).copied() else { return };
        let Some(probe) = self.probes.get_mut(index).filter(|probe| probe.asked) else { return };
        probe.asked = false;
        probe.due = Some((probe.last + of.every).max(now));
        (probe.good, probe.bad) = if ok { (probe.good + 1, 0) } else { (0, probe.bad + 1) };
        if ok && probe.good >= of.successes && !probe.passed {
            probe.passed = true;
            if of.kind == ProbeKind::Startup {
                probe.due = None;
                self.open_others(now, spec);
            }
        } else if !ok && probe.bad == of.failures {
            probe.passed = false;
        }
    }

    fn open_others(&mut self, now: Moment, spec: &ChildSpec) {
        let specs = &spec.liveness.probes;
        let mut all = self.probes.iter().zip(specs);
        if !all.all(|(probe, of)| of.kind != ProbeKind::Startup || probe.passed) {
            return;
        }
        for (probe, of) in self.probes.iter_mut().zip(specs) {
            if of.kind != ProbeKind::Startup {
                probe.due = Some(now + of.initial);
            }
        }
    }

    /// The first moment at which something is due.
    ///
    /// While nobody would start a fresh run the old one does not make place.
    pub(crate) fn due(&self, held: bool) -> Option<Moment> {
        let probes = self.probes.iter().filter_map(|probe| probe.due);
        let recycle = self.recycle.filter(|_| !held);
        [self.beat, self.progress, recycle, self.idle].into_iter().flatten().chain(probes).min()
    }
}

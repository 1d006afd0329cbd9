//! The settings of a process as the payload of its spec: what its driver needs beside the policy.

use super::command::Command;
use super::signal;
use super::step::{Act, Ready, Reload, ReloadAct, StopStep};
use super::{Access, Streams};
use crate::host::Parts as HostParts;
use crate::probe::{Probe, Target};
use mainstay_core::spec::{self, Change, Grace, Payload};
use mainstay_wire::keeper::Whom;
use mainstay_wire::process::{self as wire, Readiness};
use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a driver needs to run a process. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Settings(Arc<Parts>);

/// The parts, each with what it takes to change it in a live run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parts {
    /// What the keeper is told; a part of it can be changed.
    pub(super) process: wire::Process,
    pub(super) steps: Vec<Act>,
    pub(super) reload: Option<ReloadAct>,
    pub(super) targets: Vec<Target>,
    /// Whether it lives on when this program dies without ending it.
    pub(super) lives_on: bool,
    /// Whether this program talks with its runs.
    pub(super) talks: bool,
    /// The text that they were made of.
    pub(super) form: Option<Arc<str>>,
    /// What it needs and could not be had.
    pub(super) lacks: Option<Arc<str>>,
    /// What is agreed on with a host.
    pub(super) host: Option<Arc<HostParts>>,
    /// What is wrong with the declaration.
    pub(super) wrong: Vec<String>,
}

/// What a command says about the policy of its child.
pub(crate) struct Said {
    pub(crate) ready: Option<spec::Ready>,
    pub(crate) steps: Option<Vec<Grace>>,
    pub(crate) probes: Vec<spec::Probe>,
    pub(crate) success: Option<mainstay_core::Success>,
}

impl Settings {
    /// Takes what a command says about how it is run.
    pub(super) fn of(command: Command) -> Self {
        Self::with_host(command, None)
    }

    /// The same for a host, which is asked over its connection unless the command says otherwise.
    pub(crate) fn with_host(command: Command, host: Option<HostParts>) -> Self {
        let Command {
            mut process,
            is_shell,
            stop,
            reload,
            ready,
            probes,
            lives_on,
            talks,
            form,
            lacks,
            wrong,
            ..
        } = command;
        process.ready = match ready {
            Some(Ready::Notify) => Readiness::Notify,
            Some(Ready::Fd(number)) => Readiness::Fd(number),
            Some(Ready::Line(pattern)) => Readiness::Line(pattern.into()),
            Some(Ready::Probe) | None => Readiness::Unsaid,
        };
        let mut wrong = wrong;
        let mut targets = Vec::with_capacity(probes.len());
        for Probe { target, wrong: with_it, .. } in probes {
            targets.push(target);
            wrong.extend(with_it);
        }
        let steps = if stop.is_empty() {
            let whom = if is_shell { Whom::All } else { Whom::Main };
            let by_signal = Act::Signal(signal::TERM, whom);
            vec![if host.is_some() { Act::Ask } else { by_signal }]
        } else {
            stop.into_iter().map(|StopStep { act, .. }| act).collect()
        };
        let own = host.is_some().then_some(ReloadAct::Ask);
        let reload = reload.map(|Reload { act, .. }| act).or(own);
        let host = host.map(Arc::new);
        let parts =
            Parts { process, steps, reload, targets, lives_on, talks, form, lacks, host, wrong };
        Self(Arc::new(parts))
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.0
    }

    /// Returns the settings of a child, if it is a process.
    pub(crate) fn within(payload: Option<&dyn Payload>) -> Option<&Self> {
        payload?.as_any().downcast_ref()
    }

    /// Returns what is agreed on with it, if it is a host.
    pub(super) fn host(&self) -> Option<&Arc<HostParts>> {
        self.0.host.as_ref()
    }

    /// Returns whether both are the very same.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the file that takes its output.
    pub(super) fn log(&self) -> Option<PathBuf> {
        Some(self.0.process.output.log.as_ref()?.path.as_path().to_owned())
    }

    /// Returns how a stop step is done; the last one stands for those that nobody described.
    pub(super) fn step(&self, index: u8) -> &Act {
        const TERM: Act = Act::Signal(signal::TERM, Whom::Main);
        let steps = &self.0.steps;
        steps.get(usize::from(index)).or_else(|| steps.last()).unwrap_or(&TERM)
    }

    /// Returns what the keeper is told of a run with this heartbeat, in a tree that is or is not found again.
    pub(super) fn process(&self, heartbeat: Option<Duration>, is_found: bool) -> wire::Process {
        let parts = &*self.0;
        let mut process = parts.process.clone();
        // A host beats over its connection.
        let heartbeat = heartbeat.filter(|_| parts.host.is_none());
        process.watchdog = heartbeat;
        if process.notify.is_none() && (heartbeat.is_some() || parts.waits_for_notices()) {
            process.notify = Some(Access::Main);
        }
        if process.death_signal.is_none() && !parts.lives_on && !is_found {
            process.death_signal = Some(signal::TERM);
        }
        process
    }
}

impl Parts {
    /// Returns whether something that this process is to say comes by its notify socket.
    pub(super) fn waits_for_notices(&self) -> bool {
        self.process.ready == Readiness::Notify
            || self.process.store > 0
            || matches!(self.reload, Some(ReloadAct::Notify(_)))
    }

    /// Returns whether something can be written to it.
    pub(super) fn listens(&self) -> bool {
        let has_terminal = matches!(self.process.output.streams, Streams::Terminal { .. });
        has_terminal || self.process.stdin == wire::Stdin::Pipe
    }
}

impl Command {
    /// Returns what this says about the policy of its child.
    pub(crate) fn said(&self) -> Said {
        use mainstay_core::spec::ProbeKind;
        let is_readiness = |probe: &Probe| probe.rule.kind == ProbeKind::Readiness;
        let ready = match &self.ready {
            Some(Ready::Notify) => Some(spec::Ready::Notify),
            Some(Ready::Fd(_)) => Some(spec::Ready::Fd),
            Some(Ready::Line(_)) => Some(spec::Ready::LogLine),
            Some(Ready::Probe) => Some(spec::Ready::Probe),
            // Who asks whether it can serve does not mean that it can as soon as it runs.
            None if self.probes.iter().any(is_readiness) => Some(spec::Ready::Probe),
            None => None,
        };
        let steps = self.stop.iter().map(|step| step.grace).collect::<Vec<_>>();
        let is_said = self.success != mainstay_core::Success::default();
        Said {
            ready,
            steps: (!steps.is_empty()).then_some(steps),
            probes: self.probes.iter().map(|probe| probe.rule).collect(),
            success: is_said.then(|| self.success.clone()),
        }
    }
}

impl Payload for Settings {
    /// Logs and limits are changed by the keeper; what is done with a run, and not to its process, by us.
    fn change(&self, next: &dyn Payload) -> Change {
        let Some(next) = next.as_any().downcast_ref::<Self>() else { return Change::Restart };
        // How something is written changes nothing that runs.
        let written = |parts: &Parts| Parts { form: None, ..parts.clone() };
        if self.is(next) || written(&self.0) == written(&next.0) {
            return Change::Same;
        }
        // A connection belongs to the declaration it was made for: callers of another one would never reach it.
        if self.host() != next.host() {
            return Change::Restart;
        }
        let fixed = |parts: &Parts| {
            let mut process = parts.process.clone();
            process.output.log = None;
            process.limits = wire::Limits::default();
            process.rest = wire::Rest::default();
            process.leftovers = wire::Leftovers::default();
            // It is given a notify socket when it starts, or never.
            (process, parts.waits_for_notices(), parts.lives_on, parts.talks)
        };
        if fixed(&self.0) == fixed(&next.0) { Change::Live } else { Change::Restart }
    }

    fn can_reload(&self) -> bool {
        self.0.reload.is_some()
    }

    fn form(&self) -> Option<&str> {
        self.0.form.as_deref()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Returns settings as the payload of a spec, for whoever makes specs without declaring a tree.
pub fn payload(command: Command) -> Arc<dyn Payload> {
    Arc::new(Settings::of(command))
}

//! Declarations as people write them: only what they want to say. [`TreeDraft::build`] makes a spec of them.

use super::check::{self, Problem, Warning};
use super::defaults::{self, Profile};
use super::source::{Field, Picker, Sources};
use super::{
    Activation, AutoShutdown, ChildSpec, Criticality, Declared, Dynamic, Finished, Kind, Liveness,
    Need, OnExhausted, Overlap, Payload, Preset, Ready, Stop, StormRate, Strategy, SupervisorSpec,
    TreeSpec,
};
use crate::exit::Success;
use crate::id::Path;
use crate::policy::backoff::{Backoff, Jitter, Shape};
use crate::policy::breaker::Cooldown;
use crate::policy::budget::Limit;
use crate::policy::restart::Restart;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// A tree as written: the root's name does not appear in paths.
#[derive(Clone, Debug, Default)]
pub struct TreeDraft {
    /// The root supervisor.
    pub root: SupervisorDraft,
    /// What holds for the root beside its children: its budget, its preset.
    pub root_policy: ChildDraft,
    /// The bound on a drain that was asked for; absent: 60 s.
    pub drain_timeout: Option<Duration>,
    /// The bound on a drain that a failure caused; absent: 10 s.
    pub fatal_drain_timeout: Option<Duration>,
    /// How fast starts may follow each other; absent: as they come.
    pub storm_rate: Option<StormRate>,
    /// The seed of every jitter.
    pub seed: u64,
    /// The machine's cores, from which the default start concurrency is taken; absent: 2.
    pub cores: Option<u32>,
}

/// A child as written. Every absent field takes the preset's value, else the default.
#[derive(Clone, Debug, Default)]
pub struct ChildDraft {
    /// Its name among its siblings.
    pub name: String,
    /// What kind of thing it is; absent: a problem.
    pub kind: Option<KindDraft>,
    /// A named policy that fills what is absent here.
    pub preset: Option<Preset>,
    /// See [`ChildSpec::restart`].
    pub restart: Option<Restart>,
    /// See [`ChildSpec::success`].
    pub success: Option<Success>,
    /// See [`ChildSpec::needs`].
    pub needs: Option<Vec<Need>>,
    /// See [`ChildSpec::criticality`].
    pub criticality: Option<Criticality>,
    /// See [`ChildSpec::significant`].
    pub significant: Option<bool>,
    /// See [`ChildSpec::activation`].
    pub activation: Option<Activation>,
    /// See [`ChildSpec::start_timeout`].
    pub start_timeout: Option<Duration>,
    /// See [`ChildSpec::ready`].
    pub ready: Option<Ready>,
    /// See [`ChildSpec::ready_timeout`].
    pub ready_timeout: Option<Duration>,
    /// See [`ChildSpec::rehydrate`].
    pub rehydrate: Option<Duration>,
    /// See [`ChildSpec::stop`].
    pub stop: Option<Stop>,
    /// See [`Backoff::shape`].
    pub backoff: Option<Shape>,
    /// See [`Backoff::jitter`].
    pub jitter: Option<Jitter>,
    /// See [`Backoff::holdoff`].
    pub holdoff: Option<Duration>,
    /// See [`ChildSpec::budget`].
    pub budget: Option<Vec<Limit>>,
    /// See [`ChildSpec::on_exhausted`].
    pub on_exhausted: Option<OnExhausted>,
    /// See [`ChildSpec::cooldown`].
    pub cooldown: Option<Vec<Cooldown>>,
    /// See [`ChildSpec::level_decay`].
    pub level_decay: Option<Duration>,
    /// See [`ChildSpec::stable_after`].
    pub stable_after: Option<Duration>,
    /// See [`ChildSpec::strategy`].
    pub strategy: Option<Strategy>,
    /// See [`ChildSpec::liveness`].
    pub liveness: Option<Liveness>,
    /// See [`ChildSpec::recycle`].
    pub recycle: Option<Duration>,
    /// See [`ChildSpec::overlap`].
    pub overlap: Option<Overlap>,
    /// See [`Declared::payload`].
    pub payload: Option<Arc<dyn Payload>>,
    /// Further children that are declared just like this one, right after it.
    pub twins: Vec<Twin>,
}

/// A child that is declared like another, but for its name and payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Twin {
    /// Its name among its siblings.
    pub name: Arc<str>,
    /// See [`Declared::payload`].
    pub payload: Option<Arc<dyn Payload>>,
}

/// The kind of a child as written.
#[derive(Clone, Debug)]
pub enum KindDraft {
    /// Anything but a supervisor.
    Leaf(Kind),
    /// A supervisor with its children.
    Supervisor(SupervisorDraft),
}

/// A supervisor as written.
#[derive(Clone, Debug, Default)]
pub struct SupervisorDraft {
    /// See [`SupervisorSpec::strategy`]; absent: one-for-one.
    pub strategy: Option<Strategy>,
    /// Its children in order.
    pub children: Vec<ChildDraft>,
    /// See [`SupervisorSpec::start_concurrency`].
    pub start_concurrency: Option<u32>,
    /// See [`SupervisorSpec::auto_shutdown`].
    pub auto_shutdown: Option<AutoShutdown>,
    /// See [`SupervisorSpec::dynamic`].
    pub dynamic: Option<DynamicDraft>,
    /// See [`SupervisorSpec::finished`].
    pub finished: Option<Finished>,
    /// See [`SupervisorSpec::revive`].
    pub revive: Option<bool>,
}

/// A template as written.
#[derive(Clone, Debug)]
pub struct DynamicDraft {
    /// What an added child is; its name is ignored.
    pub template: Box<ChildDraft>,
    /// See [`Dynamic::max`].
    pub max: Option<u32>,
}

impl TreeDraft {
    /// Makes a spec, with the defaults of `profile`.
    ///
    /// Returns what is worth knowing about a spec that is accepted.
    ///
    /// # Errors
    ///
    /// Every problem there is, each with the path and the rule it breaks.
    pub fn build(self, profile: Profile) -> Result<(TreeSpec, Vec<Warning>), Vec<Problem>> {
        let start_concurrency = self.cores.unwrap_or(2).saturating_mul(4).max(1);
        let mut problems = check::tree_draft(&self);
        let mut root = self.root_policy;
        root.kind = Some(KindDraft::Supervisor(self.root));
        let root = root.resolve(profile, &Path::root(), Owner::Nobody, &mut problems);
        let spec = TreeSpec {
            root,
            drain_timeout: self.drain_timeout.unwrap_or(defaults::DRAIN_TIMEOUT),
            fatal_drain_timeout: self.fatal_drain_timeout.unwrap_or(defaults::FATAL_DRAIN_TIMEOUT),
            storm_rate: self.storm_rate,
            seed: self.seed,
            start_concurrency,
        };
        problems.extend(check::tree(&spec));
        if problems.is_empty() {
            let warnings = super::meaning::warnings(&spec);
            Ok((spec, warnings))
        } else {
            Err(problems)
        }
    }
}

/// What a child draft is told about the supervisor it stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It is the root.
    Nobody,
    /// It has a supervisor.
    Supervisor,
}

impl ChildDraft {
    /// Makes the spec of a child that is added to a running tree below `above`.
    ///
    /// # Errors
    ///
    /// Every problem with the child alone; how it fits its siblings is checked when it is added.
    pub fn build(
        self,
        profile: Profile,
        above: &Path,
    ) -> Result<(Arc<str>, Declared), Vec<Problem>> {
        let path = above.join(&self.name);
        let name: Arc<str> = self.name.as_str().into();
        let mut problems = check::name(&path, &name);
        let spec = self.resolve(profile, &path, Owner::Supervisor, &mut problems);
        problems.extend(check::child(&path, &spec));
        if problems.is_empty() { Ok((name, spec)) } else { Err(problems) }
    }

    fn resolve(
        self,
        profile: Profile,
        path: &Path,
        owner: Owner,
        problems: &mut Vec<Problem>,
    ) -> Declared {
        let (fill, group) = self.preset.map_or_else(Default::default, Preset::expand);
        let mut picker = Picker { preset: self.preset, sources: Sources::default() };
        let kind = match self.kind {
            Some(KindDraft::Leaf(kind)) => kind,
            Some(KindDraft::Supervisor(draft)) => {
                // A preset speaks of children; that the root is quarantined or escalates it cannot mean.
                let end = self
                    .on_exhausted
                    .or_else(|| fill.on_exhausted.filter(|_| owner != Owner::Nobody));
                let end = end.unwrap_or_else(|| defaults::on_group_exhausted(owner));
                Kind::Supervisor(Box::new(draft.resolve(profile, path, group, end, problems)))
            }
            None => {
                problems.push(Problem::new(
                    path,
                    check::Rule::NoKind,
                    "a child needs a kind, which says what starts it",
                ));
                Kind::Task
            }
        };
        let is_supervisor = matches!(kind, Kind::Supervisor(_));
        let p = &mut picker;
        let criticality = p.pick(Field::Criticality, self.criticality, fill.criticality, || {
            defaults::criticality(profile)
        });
        let restart = p.pick(Field::Restart, self.restart, fill.restart, || {
            defaults::restart(profile, criticality)
        });
        let on_exhausted = p.pick(Field::OnExhausted, self.on_exhausted, fill.on_exhausted, || {
            defaults::on_exhausted(criticality)
        });
        let shape = p.pick(Field::Backoff, self.backoff, fill.backoff, defaults::backoff);
        let jitter = p.pick(Field::Jitter, self.jitter, fill.jitter, || Jitter::Equal);
        let holdoff = p.pick(Field::Holdoff, self.holdoff, fill.holdoff, || defaults::HOLDOFF);
        let ready = p.pick(Field::Ready, self.ready, fill.ready, || Ready::Immediate);
        // A preset or default speaks for every place; of its limits those hold that can count here.
        let fitting = |limits: Vec<Limit>| -> Vec<Limit> {
            limits
                .into_iter()
                .filter(|limit| limit.scope.fits(is_supervisor, owner == Owner::Nobody))
                .collect()
        };
        let forgives = self.preset.is_some_and(Preset::forgives);
        // What a preset says about force it says of processes.
        let stop = fill
            .stop
            .filter(|_| !is_supervisor)
            .map(|stop| Stop { kill_wait: defaults::kill_wait(&kind, stop.kill_wait), ..stop });
        let spec = ChildSpec {
            restart,
            criticality,
            on_exhausted,
            ready,
            success: p.pick(Field::Success, self.success, fill.success, Success::default),
            needs: self.needs.unwrap_or_default(),
            significant: self.significant.unwrap_or(false),
            activation: self.activation.unwrap_or(Activation::Always),
            start_timeout: p.pick(
                Field::StartTimeout,
                self.start_timeout,
                fill.start_timeout,
                || defaults::START_TIMEOUT,
            ),
            ready_timeout: p.pick(
                Field::ReadyTimeout,
                self.ready_timeout,
                fill.ready_timeout,
                || defaults::READY_TIMEOUT,
            ),
            rehydrate: self.rehydrate,
            stop: p.pick(Field::Stop, self.stop, stop, || defaults::stop(&kind)),
            backoff: Backoff { shape, jitter, holdoff, forgives },
            budget: p.pick(Field::Budget, self.budget, fill.budget.map(fitting), || {
                fitting(defaults::budget(profile, owner))
            }),
            cooldown: p.pick(Field::Cooldown, self.cooldown, fill.cooldown, defaults::cooldown),
            level_decay: p.pick(Field::LevelDecay, self.level_decay, fill.level_decay, || {
                defaults::LEVEL_DECAY
            }),
            stable_after: p.pick(Field::StableAfter, self.stable_after, fill.stable_after, || {
                defaults::STABLE_AFTER
            }),
            strategy: self.strategy,
            liveness: p.pick(
                Field::Liveness,
                self.liveness,
                fill.liveness.filter(|_| !is_supervisor),
                Liveness::default,
            ),
            recycle: self.recycle,
            overlap: self.overlap.unwrap_or(Overlap::Refuse),
            kind,
            sources: picker.sources,
        };
        Declared { spec: Arc::new(spec), payload: self.payload }
    }
}

/// What a preset says about a supervisor beside its policy as a child.
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupFill {
    /// See [`SupervisorSpec::start_concurrency`].
    pub start_concurrency: Option<u32>,
    /// See [`SupervisorSpec::finished`].
    pub finished: Option<Finished>,
    /// See [`SupervisorSpec::revive`].
    pub revive: Option<bool>,
}

impl SupervisorDraft {
    fn resolve(
        self,
        profile: Profile,
        path: &Path,
        fill: GroupFill,
        on_exhausted: OnExhausted,
        problems: &mut Vec<Problem>,
    ) -> SupervisorSpec {
        let count = self.children.iter().map(|child| 1 + child.twins.len()).sum();
        let mut children: Vec<(Arc<str>, Declared)> = Vec::with_capacity(count);
        for mut child in self.children {
            let twins = core::mem::take(&mut child.twins);
            let name: Arc<str> = child.name.as_str().into();
            for name in core::iter::once(&name).chain(twins.iter().map(|twin| &twin.name)) {
                if !check::is_name(name) {
                    problems.extend(check::name(&path.join(name), name));
                }
            }
            let declared = child.resolve(profile, &path.join(&name), Owner::Supervisor, problems);
            // Siblings that are declared alike share one spec, however they are written.
            let before = children.last().map(|(_, last)| &last.spec);
            let alike =
                before.filter(|spec| spec.supervisor().is_none() && **spec == declared.spec);
            let spec = Arc::clone(alike.unwrap_or(&declared.spec));
            let first = Twin { name, payload: declared.payload };
            for Twin { name, payload } in core::iter::once(first).chain(twins) {
                children.push((name, Declared { spec: Arc::clone(&spec), payload }));
            }
        }
        let dynamic = self.dynamic.map(|dynamic| Dynamic {
            template: dynamic.template.resolve(
                profile,
                &path.join("*"),
                Owner::Supervisor,
                problems,
            ),
            max: dynamic.max,
        });
        let keeps = if dynamic.is_some() { Finished::Forget } else { Finished::Keep };
        SupervisorSpec {
            strategy: self.strategy.unwrap_or(Strategy::OneForOne),
            children,
            start_concurrency: self.start_concurrency.or(fill.start_concurrency),
            auto_shutdown: self.auto_shutdown.unwrap_or(AutoShutdown::Never),
            finished: self.finished.or(fill.finished).unwrap_or(keeps),
            revive: self.revive.or(fill.revive).unwrap_or(false),
            on_exhausted,
            dynamic,
        }
    }
}

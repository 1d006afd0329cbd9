//! Random trees, facts and commands, the same for ever from the same seed.

use mainstay_core::child::Phase;
use mainstay_core::policy::backoff::Shape;
use mainstay_core::policy::breaker::Cooldown;
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::{DynamicDraft, KindDraft};
use mainstay_core::spec::{
    Activation, AutoShutdown, ChildDraft, Criticality, Declared, Finished, Grace, Heartbeat, Kind,
    Liveness, Need, OnExhausted, OnRestart, Overlap, Preset, Probe, ProbeKind, Ready, Stop,
    StormRate, Strategy, SupervisorDraft, TreeDraft, TreeSpec, Until,
};
use mainstay_core::{
    ChildId, Class, Command, CommandId, Exit, Input, Path, RunId, StartStep, Tree, Verb,
};
use std::sync::Arc;
use std::time::Duration;

/// A generator of its own (SplitMix64).
pub(crate) struct Chance(u64);

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    const fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    pub(crate) const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Returns zero, or anything up to `most`, in whole tenths of a second.
    pub(crate) fn span(&mut self, most: Duration) -> Duration {
        Duration::from_millis(self.below(most.as_millis() as u64 / 100 + 1) * 100)
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }

    /// Picks one, or says nothing.
    fn maybe<T: Clone>(&mut self, percent: u64, from: &[T]) -> Option<T> {
        if self.percent(percent) { Some(self.pick(from)) } else { None }
    }

    /// Draws a tree; `None` when it is not valid.
    pub(crate) fn tree(&mut self) -> Option<TreeSpec> {
        let draft = TreeDraft {
            root: self.supervisor(0),
            root_policy: ChildDraft {
                on_exhausted: self.maybe(50, &[OnExhausted::Cooldown, OnExhausted::Shutdown]),
                budget: self.percent(40).then(|| {
                    let scope = self.pick(&[Scope::Supervisor, Scope::Tree]);
                    vec![self.limit(scope)]
                }),
                ..self.policy()
            },
            drain_timeout: self.maybe(50, &[secs(3), secs(20)]),
            fatal_drain_timeout: self.maybe(50, &[secs(3), secs(20)]),
            storm_rate: self.maybe(20, &[StormRate { burst: 2, per_second: 1.0 }]),
            seed: self.roll(),
            cores: Some(1),
        };
        let profile = self.pick(&[Profile::Library, Profile::Daemon]);
        draft.build(profile).ok().map(|(spec, _)| spec)
    }

    fn supervisor(&mut self, depth: u32) -> SupervisorDraft {
        let is_dynamic = depth > 0 && self.percent(25);
        let count = if is_dynamic { 0 } else { self.below(4) + u64::from(depth == 0) };
        let mut children: Vec<ChildDraft> = (0..count).map(|at| self.child(at, depth)).collect();
        let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
        let shutdowns = [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];
        let auto_shutdown = self.maybe(30, &shutdowns);
        for child in children.iter_mut().filter(|_| auto_shutdown.is_some()) {
            // One that is always restarted never ends.
            let ends = child.preset.is_none() && child.restart != Some(Restart::Always);
            child.significant = self.maybe(40, &[true]).filter(|_| ends);
            child.restart = child.significant.and(Some(Restart::OnFailure)).or(child.restart);
        }
        SupervisorDraft {
            children,
            dynamic: is_dynamic.then(|| DynamicDraft {
                template: Box::new(ChildDraft { name: "template".into(), ..self.leaf() }),
                max: self.maybe(50, &[1, 3]),
            }),
            strategy: if is_dynamic { None } else { self.maybe(70, &strategies) },
            start_concurrency: self.maybe(50, &[1, 2]),
            auto_shutdown,
            finished: self.maybe(20, &[Finished::Forget, Finished::Keep]),
            revive: self.maybe(20, &[true, false]),
        }
    }

    fn child(&mut self, at: u64, depth: u32) -> ChildDraft {
        let name = ["a", "b", "c", "d"][at as usize];
        let mut draft = if depth < 2 && self.percent(30) {
            let kind = Some(KindDraft::Supervisor(self.supervisor(depth + 1)));
            let budget = self.percent(40).then(|| {
                let scope = self.pick(&[Scope::Supervisor, Scope::Child]);
                vec![self.limit(scope)]
            });
            ChildDraft { kind, budget, ..self.policy() }
        } else {
            self.leaf()
        };
        draft.name = name.into();
        if at > 0 && self.percent(40) {
            let child = ["a", "b", "c"][self.below(at) as usize].into();
            let until = self.pick(&[Until::Started, Until::Ready, Until::Completed]);
            let on_restart = self.pick(&[OnRestart::Ignore, OnRestart::Restart, OnRestart::Stop]);
            draft.needs = Some(vec![Need { child, until, on_restart }]);
        }
        draft
    }

    /// What a child and a supervisor have in common.
    fn policy(&mut self) -> ChildDraft {
        let ends = [
            OnExhausted::Cooldown,
            OnExhausted::Quarantine,
            OnExhausted::Escalate,
            OnExhausted::Shutdown,
        ];
        let ladder = [Shape::None, Shape::Fixed(secs(1)), Shape::Fixed(secs(10))];
        let restart = self.maybe(60, &[Restart::Always, Restart::OnFailure, Restart::Never]);
        let on_exhausted = self.maybe(50, &ends);
        // Without a breaker a cooldown is a mistake.
        let opens = on_exhausted == Some(OnExhausted::Cooldown)
            && matches!(restart, Some(Restart::Always | Restart::OnFailure));
        let cooldown = self.maybe(50, &[vec![Cooldown::For(secs(5)), Cooldown::Manual]]);
        ChildDraft {
            restart,
            on_exhausted,
            cooldown: cooldown.filter(|_| opens),
            criticality: self.maybe(
                50,
                &[
                    Criticality::Optional,
                    Criticality::Optional,
                    Criticality::Required,
                    Criticality::Critical,
                ],
            ),
            backoff: self.maybe(70, &ladder),
            holdoff: self.maybe(50, &[Duration::ZERO, secs(2)]),
            stable_after: self.maybe(70, &[Duration::ZERO, secs(5)]),
            stop: self.maybe(
                60,
                &[
                    Stop { steps: vec![], kill_wait: secs(1) },
                    Stop {
                        steps: vec![Grace::For(secs(2))],
                        kill_wait: Duration::from_millis(100),
                    },
                    Stop {
                        steps: vec![Grace::For(secs(1)), Grace::For(secs(1))],
                        kill_wait: secs(1),
                    },
                    Stop { steps: vec![Grace::Unbounded], kill_wait: secs(1) },
                ],
            ),
            preset: self.maybe(10, Preset::ALL),
            ..ChildDraft::default()
        }
    }

    fn leaf(&mut self) -> ChildDraft {
        let liveness = Liveness {
            heartbeat: self.maybe(
                50,
                &[
                    Heartbeat { every: secs(2), misses: 2, startup: None },
                    Heartbeat { every: secs(2), misses: 1, startup: Some(secs(3)) },
                ],
            ),
            probes: self
                .maybe(60, &[ProbeKind::Startup, ProbeKind::Readiness, ProbeKind::Liveness])
                .map(|kind| Probe {
                    kind,
                    initial: secs(1),
                    every: secs(2),
                    timeout: secs(1),
                    failures: 1,
                    successes: 1,
                })
                .into_iter()
                .collect(),
            progress: self.maybe(50, &[secs(3)]),
        };
        let waits = liveness.probes.iter().any(|probe| probe.kind == ProbeKind::Readiness);
        let is_watched = self.percent(40);
        let readies = [Ready::Explicit, Ready::Immediate, Ready::Notify, Ready::Probe];
        let readies = &readies[..if waits && is_watched { 4 } else { 3 }];
        let ready = self.maybe(60, readies);
        let is_awaited = ready.is_some_and(|ready| ready != Ready::Immediate);
        let wakings =
            [Activation::OnDemand { idle: None }, Activation::OnDemand { idle: Some(secs(9)) }];
        ChildDraft {
            kind: Some(KindDraft::Leaf(self.pick(&[Kind::Task, Kind::Process, Kind::Host]))),
            budget: self.percent(50).then(|| vec![self.limit(Scope::Child)]),
            activation: self.maybe(15, &wakings),
            start_timeout: self.maybe(50, &[secs(3)]),
            ready,
            ready_timeout: self.maybe(50, &[secs(4)]).filter(|_| is_awaited),
            rehydrate: self.maybe(20, &[secs(3)]),
            liveness: is_watched.then_some(liveness),
            recycle: self.maybe(15, &[secs(12)]),
            overlap: self.maybe(20, &[Overlap::Allow]),
            ..self.policy()
        }
    }

    fn limit(&mut self, scope: Scope) -> Limit {
        let count = self.pick(&[Count::Starts, Count::Restarts, Count::Failures]);
        let spans = [Within::Sliding(secs(30)), Within::Tumbling(secs(30)), Within::Consecutive];
        // Several children are not stable together, and stability forgets no starts.
        let most = if scope == Scope::Child && count != Count::Starts { 3 } else { 2 };
        let within = self.pick(&spans[..most]);
        let admit =
            if count == Count::Starts && self.percent(50) { Admit::AtStart } else { Admit::AtExit };
        Limit { count, most: self.below(4) as u32, within, scope, admit }
    }

    /// Draws what happens next.
    pub(crate) fn input(&mut self, tree: &Tree) -> Input {
        let children: Vec<ChildId> = tree.children().map(|child| child.id).collect();
        let child = self.pick(&children);
        match self.below(100) {
            0..20 => Input::Clock,
            20..82 => self.fact(tree),
            82..84 => Input::Demand(child),
            // About a run that is not there.
            84 => Input::Started(child, RunId(self.below(4))),
            85 => {
                Input::Exited { child, run: RunId(self.below(4)), exit: self.exit(), detail: None }
            }
            86 => Input::Stalled(secs(1)),
            _ => Input::Command(self.command(tree, child)),
        }
    }

    /// Draws what a live run says: mostly what it is expected to say next.
    fn fact(&mut self, tree: &Tree) -> Input {
        let live: Vec<_> = tree
            .children()
            .filter(|child| child.group.is_none() && child.life().is_some())
            .collect();
        if live.is_empty() {
            return Input::Clock;
        }
        let of = self.pick(&live);
        let (child, Some(life)) = (of.id, of.life()) else { return Input::Clock };
        let run = life.run;
        let exit = Input::Exited { child, run, exit: self.exit(), detail: None };
        let is_probed =
            of.watch.as_ref().is_some_and(|watch| watch.probes.iter().any(|it| it.asked));
        if is_probed && self.percent(60) {
            return Input::Probed { child, run, probe: 0, ok: self.percent(60) };
        }
        if self.percent(60) {
            return match life.phase {
                Phase::Starting { .. } => Input::Started(child, run),
                Phase::Started { .. } => Input::Ready(child, run),
                Phase::Rehydrating { .. } => Input::Rehydrated(child, run),
                Phase::Ready { .. } | Phase::Unready => Input::Beat(child, run),
                Phase::Stopping { .. } | Phase::Killing { .. } | Phase::Abandoned { .. } => exit,
            };
        }
        match self.below(14) {
            0 => Input::Started(child, run),
            1 => Input::Ready(child, run),
            2 => Input::Rehydrated(child, run),
            3 => Input::Pending { child, run, pending: self.percent(70) },
            4 => Input::Progress(child, run),
            5 => Input::Extend { child, run, by: self.span(secs(5)) },
            6 => Input::WantsRecycle(child, run),
            7 => Input::Guard { child, run, hard: self.percent(50) },
            8 => Input::Reloaded(child, run),
            9 => Input::Patience { child, run, within: self.span(secs(5)) },
            10 => Input::Probed { child, run, probe: 0, ok: self.percent(50) },
            _ => exit,
        }
    }

    fn exit(&mut self) -> Exit {
        let classed = |class| Exit::Failed { code: None, class, retry_after: None };
        self.pick(&[
            Exit::Completed,
            Exit::Completed,
            Exit::FAILED,
            Exit::FAILED,
            Exit::FAILED,
            Exit::Panicked,
            Exit::Skipped,
            classed(Class::Permanent),
            classed(Class::Fatal),
            Exit::StartFailed { step: StartStep::Factory, mendable: true },
            Exit::StartFailed { step: StartStep::Program, mendable: false },
        ])
    }

    fn command(&mut self, tree: &Tree, child: ChildId) -> Command {
        let verb = match self.below(60) {
            0..6 => Verb::Start { over: false },
            6..9 => Verb::Start { over: true },
            9..14 => Verb::Stop,
            14..19 => Verb::Restart,
            19..21 => Verb::Reload,
            21..25 => Verb::Recycle,
            25..30 => Verb::Pause { freeze: self.percent(50) },
            30..36 => Verb::Resume,
            36..38 => Verb::Quarantine,
            38..41 => Verb::Release,
            41..43 => Verb::Acknowledge,
            43..46 => Verb::Reset { start: self.percent(50) },
            46..50 => {
                let spec = self.percent(60).then(|| self.spec()).flatten();
                Verb::Add { name: self.pick(&["a", "b", "x", "y"]).into(), spec }
            }
            50..53 => Verb::Remove,
            53..56 => self.spec().map_or(Verb::Remove, Verb::Replace),
            56..59 => self.tree().map_or(Verb::Resume, |spec| Verb::Apply(Arc::new(spec))),
            _ => Verb::Drain,
        };
        // What only the root takes goes to the root.
        let of_tree = matches!(verb, Verb::Apply(_) | Verb::Drain);
        let target = if of_tree { ChildId::ROOT } else { child };
        Command {
            id: CommandId(0),
            who: "ops".into(),
            why: "test".into(),
            target: tree.path(target).unwrap_or_else(Path::root),
            if_run: None,
            if_revision: None,
            verb,
        }
    }

    fn spec(&mut self) -> Option<Declared> {
        let mut draft = self.child(0, 1);
        draft.needs = None;
        draft.build(Profile::Library, &Path::root()).ok().map(|(_, spec)| spec)
    }
}

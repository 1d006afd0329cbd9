//! Every kind of spec, and every state that a child, a supervisor or a tree can be in.

use crate::events::{ASKED, alerts, refusals, rests, rules};
use crate::inputs::{CHILD, RUN, command, exits};
use mainstay_core::child::{
    Alert, Ending, Finish, Last, Life, Memory, Phase, Place, Plan, ProbeWatch, State, Want, Watch,
    Work,
};
use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::breaker::{Breaker, BreakerState, Cooldown};
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Window, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::{
    Activation, AutoShutdown, Change, ChildSpec, Criticality, Declared, Dynamic, Field, Finished,
    Grace, Heartbeat, Kind, Liveness, Need, OnExhausted, OnRestart, Overlap, Payload, Preset,
    Probe, ProbeKind, Ready, Source, Sources, Stop, StormRate, Strategy, SupervisorSpec, TreeSpec,
    Until,
};
use mainstay_core::{
    Action, Cause, ChildId, Done, Drain, Moment, Outcome, Path, ReportLine, RunId, Snapshot,
    Standing, StartStep, Success, Tree, Verb,
};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

const AT: Moment = Moment::from_nanos(1_000_000_007);
const SPAN: Duration = Duration::from_millis(1_500);

/// A payload that is its text.
#[derive(Debug)]
struct Text(&'static str);

impl Payload for Text {
    fn change(&self, next: &dyn Payload) -> Change {
        if next.form() == Some(self.0) { Change::Same } else { Change::Restart }
    }

    fn form(&self) -> Option<&str> {
        Some(self.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub(crate) fn payload(text: &'static str) -> Arc<dyn Payload> {
    Arc::new(Text(text))
}

fn plain(kind: Kind) -> ChildSpec {
    ChildSpec {
        kind,
        restart: Restart::Always,
        success: Success::default(),
        needs: vec![],
        criticality: Criticality::Required,
        significant: false,
        activation: Activation::Always,
        start_timeout: SPAN,
        ready: Ready::Immediate,
        ready_timeout: SPAN,
        rehydrate: None,
        stop: Stop { steps: vec![], kill_wait: SPAN },
        backoff: mainstay_core::policy::backoff::Backoff {
            shape: Shape::None,
            jitter: Jitter::None,
            holdoff: Duration::ZERO,
            forgives: false,
        },
        budget: vec![],
        on_exhausted: OnExhausted::Cooldown,
        cooldown: vec![],
        level_decay: SPAN,
        stable_after: SPAN,
        strategy: None,
        liveness: Liveness::default(),
        recycle: None,
        overlap: Overlap::Refuse,
        sources: Sources::default(),
    }
}

fn need(child: &str, until: Until, on_restart: OnRestart) -> Need {
    Need { child: child.into(), until, on_restart }
}

fn limits() -> Vec<Limit> {
    let limit = |count, within, scope, admit| Limit { count, most: 4, within, scope, admit };
    vec![
        limit(Count::Starts, Within::Sliding(SPAN), Scope::Child, Admit::AtStart),
        limit(Count::Restarts, Within::Tumbling(SPAN), Scope::Supervisor, Admit::AtExit),
        limit(Count::Failures, Within::Consecutive, Scope::Tree, Admit::AtExit),
    ]
}

/// A child with something in every field.
fn full() -> ChildSpec {
    let probe =
        |kind| Probe { kind, initial: SPAN, every: SPAN, timeout: SPAN, failures: 3, successes: 1 };
    let needs = vec![
        need("a", Until::Started, OnRestart::Ignore),
        need("b", Until::Ready, OnRestart::Restart),
        need("c", Until::Completed, OnRestart::Stop),
    ];
    let mut spec = plain(Kind::Process);
    spec.restart = Restart::OnFailure;
    spec.success = Success { codes: vec![3, -1], signals: vec![15] };
    spec.needs = needs;
    spec.criticality = Criticality::Critical;
    spec.significant = true;
    spec.activation = Activation::OnDemand { idle: Some(SPAN) };
    spec.ready = Ready::Probe;
    spec.rehydrate = Some(SPAN);
    spec.stop.steps = vec![Grace::For(SPAN), Grace::Unbounded];
    spec.backoff.holdoff = SPAN;
    spec.backoff.forgives = true;
    spec.budget = limits();
    spec.cooldown = vec![Cooldown::For(SPAN), Cooldown::Manual];
    spec.strategy = Some(Strategy::RestForOne);
    spec.liveness = Liveness {
        heartbeat: Some(Heartbeat { every: SPAN, misses: 3, startup: Some(SPAN) }),
        probes: [ProbeKind::Startup, ProbeKind::Readiness, ProbeKind::Liveness].map(probe).into(),
        progress: Some(SPAN),
    };
    spec.recycle = Some(Duration::MAX);
    spec.overlap = Overlap::Allow;
    spec.sources = Sources::new(|field| {
        let stated =
            [(Field::Restart, Source::Explicit), (Field::Backoff, Source::Preset(Preset::Systemd))];
        let found = stated.into_iter().find(|(stated, _)| *stated == field);
        found.map_or(Source::Default, |(_, source)| source)
    });
    spec
}

/// Children that differ in what [`full`] says only once.
fn leaves() -> Vec<ChildSpec> {
    let shapes = [
        Shape::Fixed(SPAN),
        Shape::Linear { first: SPAN, step: SPAN, most: SPAN },
        Shape::Exponential { first: SPAN, factor: 1.1, most: SPAN },
        Shape::Geometric { first: SPAN, most: SPAN, steps: 5 },
        Shape::Ladder(vec![SPAN, Duration::ZERO]),
    ];
    let jitters = [Jitter::Full, Jitter::Equal, Jitter::Additive(SPAN)];
    let kinds = [Kind::Task, Kind::Blocking, Kind::Host, Kind::Stage, Kind::Process];
    let readies = [Ready::Notify, Ready::Fd, Ready::LogLine, Ready::Explicit, Ready::Probe];
    let ends = [
        OnExhausted::Quarantine,
        OnExhausted::Escalate,
        OnExhausted::Shutdown,
        OnExhausted::Cooldown,
    ];
    let mut leaves = vec![full()];
    for (index, (shape, kind)) in shapes.into_iter().zip(kinds).enumerate() {
        let mut leaf = plain(kind);
        leaf.backoff.shape = shape;
        leaf.backoff.jitter = jitters[index % jitters.len()];
        leaf.ready = readies[index];
        leaf.on_exhausted = ends[index % ends.len()];
        leaf.restart = Restart::Never;
        leaf.criticality = Criticality::Optional;
        leaf.activation = Activation::OnDemand { idle: None };
        leaves.push(leaf);
    }
    leaves
}

fn supervisor(children: Vec<(Arc<str>, Declared)>) -> SupervisorSpec {
    SupervisorSpec {
        strategy: Strategy::OneForOne,
        children,
        start_concurrency: None,
        auto_shutdown: AutoShutdown::Never,
        dynamic: None,
        finished: Finished::Keep,
        revive: false,
        on_exhausted: OnExhausted::Cooldown,
    }
}

fn above(spec: SupervisorSpec) -> Declared {
    plain(Kind::Supervisor(Box::new(spec))).into()
}

pub(crate) fn tree() -> TreeSpec {
    let named = |(index, spec): (usize, ChildSpec)| -> (Arc<str>, Declared) {
        let declared = Declared { spec: Arc::new(spec), payload: Some(payload("run \"it\"\n")) };
        (format!("c{index}").into(), declared)
    };
    let mut children: Vec<(Arc<str>, Declared)> =
        leaves().into_iter().enumerate().map(named).collect();
    let template = Declared { payload: Some(payload("run one")), ..plain(Kind::Process).into() };
    let pool = SupervisorSpec {
        strategy: Strategy::OneForAll,
        start_concurrency: Some(2),
        auto_shutdown: AutoShutdown::AnySignificant,
        dynamic: Some(Dynamic { template, max: Some(9) }),
        finished: Finished::Forget,
        revive: true,
        on_exhausted: OnExhausted::Escalate,
        ..supervisor(vec![])
    };
    let all = SupervisorSpec { auto_shutdown: AutoShutdown::AllSignificant, ..supervisor(vec![]) };
    children.extend([("pool".into(), above(pool)), ("all".into(), above(all))]);
    TreeSpec {
        root: above(supervisor(children)),
        drain_timeout: SPAN,
        fatal_drain_timeout: SPAN,
        storm_rate: Some(StormRate { burst: 3, per_second: 0.1 }),
        seed: u64::MAX,
        start_concurrency: 8,
    }
}

fn lives() -> Vec<Life> {
    let phases = [
        Phase::Starting { until: AT },
        Phase::Started { until: Some(AT) },
        Phase::Started { until: None },
        Phase::Rehydrating { until: AT },
        Phase::Ready { stable_at: Some(AT) },
        Phase::Ready { stable_at: None },
        Phase::Unready,
        Phase::Stopping { step: 1, until: Some(AT) },
        Phase::Stopping { step: 0, until: None },
        Phase::Killing { until: AT },
        Phase::Abandoned { since: AT },
    ];
    let life = |(index, phase)| {
        let asked = (index % 2 == 1).then_some((ASKED[index], AT));
        Life { run: RUN, phase, asked }
    };
    phases.into_iter().enumerate().map(life).collect()
}

fn memory(index: usize) -> Memory {
    let (alerts, rules, exits) = (alerts(), rules(), exits());
    let kind = alerts[index % alerts.len()];
    let seen = (index.is_multiple_of(2)).then(|| ("ops".into(), "seen".into(), AT));
    let states = [
        BreakerState::Closed,
        BreakerState::Open(Some(AT)),
        BreakerState::Open(None),
        BreakerState::Trial,
    ];
    Memory {
        windows: vec![
            Window::Sliding([AT, Moment::FAR].into()),
            Window::Tumbling { opened: AT, count: 2 },
            Window::Consecutive(3),
        ],
        breaker: Some(Breaker { state: states[index % states.len()], weight: 2, opened: AT }),
        alerts: vec![Alert { kind, since: AT, again: 1, over: index.is_multiple_of(3), seen }],
        last: Some(Last {
            run: RUN,
            began: AT,
            ended: AT,
            asked: Some((ASKED[index % ASKED.len()], AT)),
            forced: index.is_multiple_of(2),
            cause: Cause::Unknown { from: AT, to: AT },
            exit: Some(exits[index % exits.len()]),
            detail: Some("it says".into()),
            decision: (rules[index % rules.len()], Action::AsWanted),
        }),
        position: (index.is_multiple_of(2)).then(|| "row 17".into()),
    }
}

fn watch() -> Watch {
    let probe =
        |verdict| ProbeWatch { due: Some(AT), asked: true, last: AT, ok: true, streak: 2, verdict };
    Watch {
        beat: Some(AT),
        silence: Some(SPAN),
        probes: [None, Some(true), Some(false)].map(probe).into(),
        progress: Some(AT),
        recycle: Some(AT),
        idle: Some(AT),
    }
}

/// A snapshot whose first child is in every state in turn.
fn states() -> Vec<Snapshot> {
    let start = Tree::new(&tree()).snapshot();
    let rests = rests().into_iter().map(|why| State::Rest { why, since: AT });
    let states = rests.chain(lives().into_iter().map(State::Live));
    let plans =
        [Plan::Run, Plan::At(AT), Plan::Never(Finish::Completed), Plan::Never(Finish::AwaitsStart)];
    let mut snapshot = start;
    // One tree has them all: one child more for each state.
    let child = snapshot.children[1].clone().expect("a child");
    for (index, state) in states.enumerate() {
        let mut child = child.clone();
        let slot = snapshot.children.len();
        child.id = ChildId::from_u64(slot as u64);
        child.name = format!("s{index}").into();
        child.state = state;
        child.revision = index as u32;
        child.place = Place { rank: 1, order: 100 + index as u32 };
        child.want = if index.is_multiple_of(2) { Want::Up } else { Want::Down };
        child.paused = index.is_multiple_of(3);
        child.frozen = index.is_multiple_of(4);
        child.quarantined = index.is_multiple_of(5);
        child.leaving = index.is_multiple_of(6);
        child.demanded = index.is_multiple_of(7);
        child.by_hand = index.is_multiple_of(8);
        child.counted = index.is_multiple_of(9);
        child.plan = plans[index % plans.len()];
        child.runs = RUN.0;
        child.position = 3;
        child.began = AT;
        child.memory = (index > 0).then(|| Box::new(memory(index)));
        child.watch = matches!(state, State::Live(_)).then(|| Box::new(watch()));
        snapshot.children.push(Some(child));
        snapshot.epochs.push(0);
    }
    snapshot.children.push(None);
    snapshot.epochs.push(4);
    snapshot.free.push(snapshot.epochs.len() as u32 - 1);
    vec![snapshot]
}

fn works() -> Vec<Snapshot> {
    let from = Place { rank: 0, order: 2 };
    let works = [
        Work::Serving,
        Work::Closing { rank: 3 },
        Work::Stopping { from, rank: 3, delay: SPAN, not_before: AT },
        Work::Delay { from, until: AT },
        Work::Starting { from },
    ];
    let one = |(index, work)| {
        let tree = TreeSpec { root: above(supervisor(vec![])), ..tree() };
        let mut snapshot = Tree::new(&tree).snapshot();
        let root = snapshot.children[0].as_mut().expect("the root");
        let group = root.group.as_mut().expect("a supervisor");
        group.work = work;
        group.left = 2;
        group.breaker = Breaker { state: BreakerState::Trial, weight: 1, opened: AT };
        group.trial_until = Some(AT);
        group.frozen = SPAN;
        group.frozen_since = Some(AT);
        group.leader = Some(CHILD);
        group.ending = [None, Some(Ending::GaveUp), Some(Ending::AutoShutdown)][index % 3];
        group.remembers = index % 2 == 1;
        snapshot
    };
    works.into_iter().enumerate().map(one).collect()
}

/// A tree that drains, and remembers what was asked.
fn drained() -> Snapshot {
    let spec = Arc::new(TreeSpec { root: above(supervisor(vec![])), storm_rate: None, ..tree() });
    let mut snapshot = Tree::new(&spec).snapshot();
    let line = ReportLine {
        path: Path::from("app/web"),
        run: Some(RunId(3)),
        asked_at: Some(AT),
        ended_at: Some(AT),
        how: Some(Cause::Abandoned),
        forced: true,
        detail: Some("it says".into()),
    };
    let bare = ReportLine {
        run: None,
        asked_at: None,
        ended_at: None,
        how: None,
        forced: false,
        detail: None,
        ..line.clone()
    };
    let cause = Cause::StartFailed { step: StartStep::Exec, mendable: false };
    snapshot.drain = Some(Drain {
        since: AT,
        force_at: AT,
        until: AT,
        asked: 2,
        outcome: Outcome::Fatal { child: CHILD, cause, code: 1 },
        ended: true,
        gone: vec![line, bare],
    });
    let standings = [
        Standing::Down,
        Standing::Waiting,
        Standing::Blocked,
        Standing::Starting,
        Standing::Up,
        Standing::Ready,
        Standing::Stopping,
        Standing::Abandoned,
        Standing::Removed,
    ];
    use mainstay_core::command::{Act, Step};
    let acts = [Act::Keep, Act::Live, Act::Restart, Act::Add, Act::Remove];
    let plan = acts.map(|act| Step { path: Path::from("web"), act });
    let done = standings.into_iter().enumerate().map(|(index, standing)| {
        let mut command = command(Verb::Apply(Arc::clone(&spec)));
        command.id.0 += index as u128 + 1;
        let plan = if index == 0 { plan.clone().into() } else { vec![] };
        (command, Ok(Done { child: CHILD, changed: true, before: standing, after: standing, plan }))
    });
    let refused = refusals().into_iter().enumerate().map(|(index, refusal)| {
        let mut command = command(Verb::Stop);
        command.id.0 -= index as u128;
        (command, Err(refusal))
    });
    snapshot.remembered = done.chain(refused).collect();
    assert_eq!(snapshot.remembered.iter().count(), 25);
    snapshot.tickets = 7;
    snapshot.storm = AT;
    snapshot.now = AT;
    snapshot
}

pub(crate) fn all() -> Vec<Snapshot> {
    let mut all = states();
    all.extend(works());
    all.push(drained());
    all
}

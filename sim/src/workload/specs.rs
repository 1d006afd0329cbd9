//! Random trees: every kind of policy in every place where it may stand.

use super::wiring;
use crate::dice::Dice;
use mainstay_core::Success;
use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::breaker::Cooldown;
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::{DynamicDraft, KindDraft};
use mainstay_core::spec::{
    Activation, AutoShutdown, ChildDraft, Criticality, Finished, Grace, Heartbeat, Kind, Liveness,
    Need, OnExhausted, OnRestart, Overlap, Preset, Probe, ProbeKind, Ready, Stop, StormRate,
    Strategy, SupervisorDraft, TreeDraft, Until,
};
use std::time::Duration;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Returns a tree that the core accepts.
pub(super) fn tree(dice: &mut Dice, seed: u64, profile: Profile) -> TreeDraft {
    loop {
        let draft = wiring::tree(any_tree(dice, seed), profile);
        if draft.clone().build(profile).is_ok() {
            return draft;
        }
    }
}

fn any_tree(dice: &mut Dice, seed: u64) -> TreeDraft {
    let mut room = dice.between(1, 14) as usize;
    let root = group(dice, 0, &mut room);
    let mut root_policy = ChildDraft::default();
    if dice.percent(50) {
        root_policy.budget = Some(limits(dice, &[Scope::Supervisor, Scope::Tree]));
    }
    if dice.percent(25) {
        root_policy.on_exhausted =
            Some(*dice.pick(&[OnExhausted::Cooldown, OnExhausted::Shutdown]));
        root_policy.cooldown = Some(cooldown(dice));
    }
    if dice.percent(10) {
        root_policy.preset = Some(Preset::Otp);
    }
    TreeDraft {
        root,
        root_policy,
        drain_timeout: dice.percent(60).then(|| dice.span(secs(1), secs(90))),
        fatal_drain_timeout: dice.percent(60).then(|| dice.span(secs(1), secs(30))),
        storm_rate: dice.percent(20).then(|| StormRate {
            burst: dice.between(1, 6) as u32,
            per_second: *dice.pick(&[0.05, 0.5, 1.0, 3.0, 50.0]),
        }),
        seed,
        cores: dice.percent(50).then(|| dice.between(1, 4) as u32),
    }
}

fn group(dice: &mut Dice, depth: u64, room: &mut usize) -> SupervisorDraft {
    let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
    let mut draft = SupervisorDraft {
        strategy: dice.percent(60).then(|| *dice.pick(&strategies)),
        start_concurrency: dice.percent(30).then(|| dice.between(1, 3) as u32),
        auto_shutdown: dice
            .percent(20)
            .then(|| *dice.pick(&[AutoShutdown::AnySignificant, AutoShutdown::AllSignificant])),
        finished: dice.percent(10).then_some(Finished::Forget),
        revive: dice.percent(10).then_some(true),
        ..SupervisorDraft::default()
    };
    if depth > 0 && dice.percent(20) {
        draft.strategy = None;
        draft.dynamic = Some(DynamicDraft {
            template: Box::new(leaf(dice, "template", &[], false)),
            max: dice.percent(60).then(|| dice.between(1, 5) as u32),
        });
        return draft;
    }
    let count = dice.between(1, 5) as usize;
    let mut names: Vec<String> = Vec::new();
    for at in 0..count {
        if *room == 0 {
            break;
        }
        *room -= 1;
        let letter = char::from(b'a' + (at as u8));
        let ends = draft.auto_shutdown.is_some();
        let child = if depth < 3 && *room > 0 && dice.percent(22) {
            supervisor(dice, &format!("s{letter}"), depth + 1, room)
        } else {
            leaf(dice, &letter.to_string(), &names, ends)
        };
        names.push(child.name.clone());
        draft.children.push(child);
    }
    draft
}

fn supervisor(dice: &mut Dice, name: &str, depth: u64, room: &mut usize) -> ChildDraft {
    let kind = KindDraft::Supervisor(group(dice, depth, room));
    let mut draft = ChildDraft { name: name.into(), kind: Some(kind), ..ChildDraft::default() };
    if dice.percent(10) {
        draft.preset = Some(Preset::Otp);
    }
    if dice.percent(50) {
        draft.budget = Some(limits(dice, &[Scope::Supervisor, Scope::Child]));
    }
    if dice.percent(40) {
        draft.restart = Some(restart(dice));
    }
    if dice.percent(40) {
        draft.on_exhausted = Some(end(dice));
    }
    if dice.percent(30) {
        draft.cooldown = Some(cooldown(dice));
    }
    if dice.percent(30) {
        draft.backoff = Some(shape(dice));
    }
    if dice.percent(50) {
        draft.stable_after = Some(dice.any_span(secs(90)));
    }
    if dice.percent(40) {
        draft.stop = Some(stop(dice));
    }
    draft
}

fn restart(dice: &mut Dice) -> Restart {
    *dice.pick(&[Restart::Always, Restart::Always, Restart::OnFailure, Restart::Never])
}

fn end(dice: &mut Dice) -> OnExhausted {
    use OnExhausted::{Cooldown, Escalate, Quarantine, Shutdown};
    *dice
        .pick(&[Cooldown, Cooldown, Cooldown, Quarantine, Quarantine, Escalate, Escalate, Shutdown])
}

fn cooldown(dice: &mut Dice) -> Vec<Cooldown> {
    let rungs = dice.between(1, 3);
    let rung = |dice: &mut Dice| match dice.percent(12) {
        true => Cooldown::Manual,
        false => Cooldown::For(dice.span(ms(500), secs(120))),
    };
    (0..rungs).map(|_| rung(dice)).collect()
}

fn leaf(dice: &mut Dice, name: &str, siblings: &[String], may_signify: bool) -> ChildDraft {
    let kinds = [Kind::Task, Kind::Blocking, Kind::Process, Kind::Host, Kind::Stage];
    let kind = KindDraft::Leaf(dice.pick(&kinds).clone());
    let mut draft = ChildDraft { name: name.into(), kind: Some(kind), ..ChildDraft::default() };
    if dice.percent(15) {
        draft.preset = Some(*dice.pick(Preset::ALL));
    }
    if dice.percent(60) {
        draft.restart = Some(restart(dice));
    }
    if dice.percent(30) {
        let code = dice.between(1, 3) as i32;
        draft.success = Some(Success { codes: vec![code], signals: vec![15] });
    }
    if dice.percent(30) {
        let level =
            *dice.pick(&[Criticality::Required, Criticality::Optional, Criticality::Optional]);
        draft.criticality = Some(if dice.percent(8) { Criticality::Critical } else { level });
    }
    if may_signify && dice.percent(60) {
        draft.significant = Some(true);
        draft.restart = Some(*dice.pick(&[Restart::OnFailure, Restart::Never]));
    }
    policy(dice, &mut draft);
    if dice.percent(35) {
        draft.liveness = Some(liveness(dice));
    }
    let readies = [Ready::Notify, Ready::Fd, Ready::LogLine, Ready::Explicit, Ready::Immediate];
    if dice.percent(35) {
        draft.ready = Some(*dice.pick(&readies));
    } else if dice.percent(50)
        && draft.liveness.as_ref().is_some_and(|liveness| {
            liveness.probes.iter().any(|probe| probe.kind == ProbeKind::Readiness)
        })
    {
        draft.ready = Some(Ready::Probe);
    }
    shape_of_life(dice, &mut draft);
    needs(dice, &mut draft, siblings);
    draft
}

pub(super) fn policy(dice: &mut Dice, draft: &mut ChildDraft) {
    if dice.percent(60) {
        draft.backoff = Some(shape(dice));
    }
    if dice.percent(50) {
        let extra = dice.any_span(secs(4));
        draft.jitter =
            Some(*dice.pick(&[Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Additive(extra)]));
    }
    if dice.percent(40) {
        draft.holdoff = Some(*dice.pick(&[Duration::ZERO, ms(1), ms(500), secs(10)]));
    }
    if dice.percent(60) {
        draft.budget = Some(limits(dice, &[Scope::Child]));
    }
    if dice.percent(50) {
        draft.on_exhausted = Some(end(dice));
    }
    if dice.percent(40) {
        draft.cooldown = Some(cooldown(dice));
    }
    if dice.percent(20) {
        draft.level_decay = Some(dice.span(secs(20), secs(900)));
    }
    if dice.percent(70) {
        draft.stable_after = Some(dice.any_span(secs(90)));
    }
}

fn shape_of_life(dice: &mut Dice, draft: &mut ChildDraft) {
    if dice.percent(40) {
        draft.stop = Some(stop(dice));
    }
    if dice.percent(40) {
        draft.start_timeout = Some(dice.span(ms(200), secs(60)));
        draft.ready_timeout = Some(dice.span(ms(200), secs(60)));
    }
    if dice.percent(12) {
        let idle = dice.percent(60).then(|| dice.span(secs(1), secs(60)));
        draft.activation = Some(Activation::OnDemand { idle });
    }
    if dice.percent(12) {
        draft.rehydrate = Some(dice.span(ms(100), secs(5)));
    }
    if dice.percent(12) {
        draft.recycle = Some(dice.span(secs(2), secs(600)));
    }
    if dice.percent(10) {
        draft.overlap = Some(Overlap::Allow);
    }
    if dice.percent(6) {
        draft.strategy =
            Some(*dice.pick(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]));
    }
}

fn needs(dice: &mut Dice, draft: &mut ChildDraft, siblings: &[String]) {
    if siblings.is_empty() || !dice.percent(25) {
        return;
    }
    let mut needs: Vec<Need> = Vec::new();
    for _ in 0..dice.between(1, 2) {
        let child = dice.pick(siblings).as_str().into();
        if needs.iter().any(|need| need.child == child) {
            continue;
        }
        needs.push(Need {
            child,
            until: *dice.pick(&[Until::Started, Until::Ready, Until::Ready, Until::Completed]),
            on_restart: *dice.pick(&[OnRestart::Ignore, OnRestart::Restart, OnRestart::Stop]),
        });
    }
    draft.needs = Some(needs);
}

pub(super) fn stop(dice: &mut Dice) -> Stop {
    let steps = dice.below(4);
    let step = |dice: &mut Dice| match dice.percent(6) {
        true => Grace::Unbounded,
        false => Grace::For(dice.any_span(secs(20))),
    };
    Stop { steps: (0..steps).map(|_| step(dice)).collect(), kill_wait: dice.span(ms(1), secs(8)) }
}

fn shape(dice: &mut Dice) -> Shape {
    let first = dice.any_span(secs(5));
    let most = first + dice.any_span(secs(90));
    match dice.below(6) {
        0 => Shape::None,
        1 => Shape::Fixed(first),
        2 => Shape::Linear { first, step: dice.any_span(secs(5)), most },
        3 => Shape::Exponential { first, factor: *dice.pick(&[1.0, 1.5, 2.0, 3.7]), most },
        4 => Shape::Geometric { first, most, steps: dice.below(6) as u32 },
        _ => Shape::Ladder((0..dice.between(1, 4)).map(|_| dice.any_span(secs(60))).collect()),
    }
}

fn limits(dice: &mut Dice, scopes: &[Scope]) -> Vec<Limit> {
    (0..dice.below(4)).map(|_| limit(dice, *dice.clone().pick(scopes))).collect()
}

fn limit(dice: &mut Dice, scope: Scope) -> Limit {
    dice.roll();
    let count = *dice.pick(&[Count::Starts, Count::Restarts, Count::Failures]);
    let span = dice.span(secs(1), secs(600));
    let within = match dice.below(3) {
        0 if scope == Scope::Child && count != Count::Starts => Within::Consecutive,
        0 | 1 => Within::Sliding(span),
        _ => Within::Tumbling(span),
    };
    let at_start = count == Count::Starts && scope == Scope::Child && dice.percent(30);
    let admit = if at_start { Admit::AtStart } else { Admit::AtExit };
    let least = if dice.percent(10) { 0 } else { 1 };
    Limit { count, most: dice.between(least, 12) as u32, within, scope, admit }
}

fn liveness(dice: &mut Dice) -> Liveness {
    let kinds = [ProbeKind::Startup, ProbeKind::Readiness, ProbeKind::Liveness];
    let probe = |dice: &mut Dice| Probe {
        kind: *dice.pick(&kinds),
        initial: dice.any_span(secs(10)),
        every: dice.span(secs(2), secs(40)),
        timeout: dice.span(ms(100), secs(5)),
        failures: dice.between(1, 4) as u32,
        successes: dice.between(1, 3) as u32,
    };
    let count = dice.below(3);
    Liveness {
        heartbeat: dice.percent(40).then(|| Heartbeat {
            every: dice.span(secs(1), secs(30)),
            misses: dice.between(1, 4) as u32,
            startup: dice.percent(50).then(|| dice.span(ms(500), secs(20))),
        }),
        probes: (0..count).map(|_| probe(dice)).collect(),
        progress: dice.percent(25).then(|| dice.span(secs(2), secs(40))),
    }
}

/// Returns a leaf for a child that is added at run time.
pub(super) fn added(dice: &mut Dice, name: &str) -> ChildDraft {
    leaf(dice, name, &[], false)
}

/// Returns a small supervisor for the same.
pub(super) fn added_group(dice: &mut Dice, name: &str) -> ChildDraft {
    supervisor(dice, name, 3, &mut 3)
}

/// Returns the tree with some of its children changed, added or gone.
pub(super) fn changed(dice: &mut Dice, draft: &TreeDraft) -> TreeDraft {
    let mut draft = draft.clone();
    change_group(dice, &mut draft.root, 0);
    if dice.percent(20) {
        draft.root_policy.budget = Some(limits(dice, &[Scope::Supervisor, Scope::Tree]));
    }
    draft
}

fn change_group(dice: &mut Dice, group: &mut SupervisorDraft, depth: u64) {
    if group.dynamic.is_some() {
        return;
    }
    if dice.percent(25) && !group.children.is_empty() {
        let gone = dice.below(group.children.len() as u64) as usize;
        let gone = group.children.remove(gone).name;
        for child in &mut group.children {
            if let Some(needs) = &mut child.needs {
                needs.retain(|need| *need.child != *gone);
            }
        }
    }
    if dice.percent(25) {
        let name = format!("n{}", dice.below(3));
        if !group.children.iter().any(|child| child.name == name) {
            let at = dice.below(group.children.len() as u64 + 1) as usize;
            group.children.insert(at, leaf(dice, &name, &[], false));
        }
    }
    for child in &mut group.children {
        match &mut child.kind {
            Some(KindDraft::Supervisor(group)) if depth < 4 => change_group(dice, group, depth + 1),
            Some(KindDraft::Leaf(_)) if dice.percent(30) => policy(dice, child),
            Some(KindDraft::Leaf(_) | KindDraft::Supervisor(_)) | None => {}
        }
    }
}

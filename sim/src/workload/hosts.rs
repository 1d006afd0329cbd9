//! Trees of hosts whose programs cannot be trusted.

use super::{specs, wiring};
use crate::dice::Dice;
use crate::scenario::{Act, Lies, Line};
use mainstay_core::policy::breaker::Cooldown;
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{
    Activation, ChildDraft, Heartbeat, Kind, Liveness, Need, OnExhausted, OnRestart, Preset, Ready,
    SupervisorDraft, TreeDraft, Until,
};
use mainstay_core::{Moment, Path};
use std::time::Duration;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Of so many worlds in a hundred all children are hosts.
const SHARE: u64 = 20;

/// Returns whether the world of a seed is one of hosts.
pub(super) fn are_in(seed: u64) -> bool {
    Dice::of(seed, "hosts", 0).percent(SHARE)
}

/// Returns a tree of hosts that the core accepts.
pub(super) fn tree(dice: &mut Dice, seed: u64, profile: Profile) -> TreeDraft {
    loop {
        let draft = wiring::tree(any_tree(dice, seed), profile);
        if draft.clone().build(profile).is_ok() {
            return draft;
        }
    }
}

fn any_tree(dice: &mut Dice, seed: u64) -> TreeDraft {
    let mut root = SupervisorDraft::default();
    for at in 0..dice.between(1, 6) {
        let name = format!("h{at}");
        let mut child = host(dice, &name);
        if at > 0 && dice.percent(20) {
            // Who uses a host may be a host.
            child.needs = Some(vec![Need {
                child: "h0".into(),
                until: *dice.pick(&[Until::Started, Until::Ready]),
                on_restart: *dice.pick(&[OnRestart::Ignore, OnRestart::Restart]),
            }]);
        }
        root.children.push(child);
    }
    TreeDraft { root, seed, ..TreeDraft::default() }
}

fn host(dice: &mut Dice, name: &str) -> ChildDraft {
    let kind = Some(KindDraft::Leaf(Kind::Host));
    let mut draft = ChildDraft { name: name.into(), kind, ..ChildDraft::default() };
    draft.ready = Some(*dice.pick(&[Ready::Notify, Ready::Notify, Ready::Explicit]));
    if dice.percent(60) {
        draft.preset = Some(Preset::Focas);
    } else {
        specs::policy(dice, &mut draft);
    }
    if dice.percent(70) {
        // So that an hour is long enough for all of it.
        draft.cooldown = Some(vec![Cooldown::For(dice.span(secs(1), secs(120))), Cooldown::Manual]);
        draft.on_exhausted = Some(OnExhausted::Cooldown);
        draft.budget = Some(vec![Limit {
            count: *dice.pick(&[Count::Failures, Count::Failures, Count::Restarts, Count::Starts]),
            most: dice.between(1, 4) as u32,
            within: Within::Sliding(secs(300)),
            scope: Scope::Child,
            admit: Admit::AtExit,
        }]);
        draft.stable_after = Some(dice.span(secs(1), secs(120)));
    }
    if dice.percent(30) {
        draft.restart = Some(*dice.pick(&[Restart::Always, Restart::OnFailure, Restart::Never]));
    }
    if dice.percent(70) {
        draft.rehydrate = Some(dice.span(Duration::from_millis(100), secs(5)));
    }
    if dice.percent(70) {
        draft.liveness = Some(Liveness {
            heartbeat: Some(Heartbeat {
                every: secs(2),
                misses: 3,
                startup: dice.percent(30).then(|| dice.span(secs(1), secs(15))),
            }),
            probes: Vec::new(),
            progress: dice.percent(60).then(|| dice.span(secs(2), secs(40))),
        });
    }
    if dice.percent(60) {
        let idle = dice.percent(70).then(|| dice.span(secs(1), secs(60)));
        draft.activation = Some(Activation::OnDemand { idle });
    }
    if dice.percent(30) {
        draft.recycle = Some(dice.span(secs(2), secs(300)));
    }
    if dice.percent(50) {
        draft.start_timeout = Some(dice.span(Duration::from_millis(200), secs(20)));
        draft.ready_timeout = Some(dice.span(Duration::from_millis(200), secs(20)));
    }
    if dice.percent(40) {
        draft.stop = Some(specs::stop(dice));
    }
    draft
}

/// Returns in which ways the programs of one world lie.
pub(super) fn lies(dice: &mut Dice) -> Lies {
    let mut some = || if dice.percent(60) { 10 + dice.below(80) } else { 0 };
    Lies {
        ready: some(),
        rehydrated: some(),
        signs: some(),
        work: some(),
        recycles: some(),
        guards: some(),
        demands: some(),
        silent: some() / 4,
        early: some() / 4,
    }
}

/// Those who use the hosts, whatever state these are in.
pub(super) fn users(dice: &mut Dice, span: Duration, tree: &TreeDraft, lines: &mut Vec<Line>) {
    let names: Vec<Path> =
        tree.root.children.iter().map(|child| Path::root().join(&child.name)).collect();
    let most = *dice.pick(&[10, 60, 300]);
    for _ in 0..dice.below(most) {
        let at = Moment::ZERO + dice.span(Duration::ZERO, span);
        let target = dice.pick(&names).clone();
        // Many callers, one start.
        for _ in 0..*dice.pick(&[1, 1, 5]) {
            lines.push(Line { at, act: Act::Demand(target.clone()) });
        }
    }
    lines.sort_by_key(|line| line.at);
}

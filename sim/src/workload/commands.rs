//! Random scripts: storms of commands, demands, clock trouble, and the end.

use super::{specs, wiring};
use crate::dice::Dice;
use crate::scenario::{Act, Guess, Line, Scenario};
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{SupervisorDraft, TreeDraft};
use mainstay_core::{Moment, Path, Verb};
use std::sync::Arc;
use std::time::Duration;

/// Returns the script of a scenario, in order of time.
pub(super) fn script(dice: &mut Dice, scenario: &Scenario) -> Vec<Line> {
    let span = scenario.end.since(Moment::ZERO);
    let mut names = Names { paths: vec![Path::root()], groups: vec![Path::root()] };
    names.collect(&Path::root(), &scenario.draft.root);
    let mut lines = Vec::new();
    let busy = *dice.pick(&[0, 10, 40, 150]);
    for _ in 0..dice.below(busy + 1) {
        let at = Moment::ZERO + early(dice, span);
        // Now and then many at once.
        let storm = if dice.percent(8) { dice.between(2, 12) } else { 1 };
        for _ in 0..storm {
            lines.push(Line { at, act: command(dice, scenario, &mut names) });
        }
    }
    for _ in 0..dice.below(8) {
        let at = Moment::ZERO + early(dice, span);
        lines.push(Line { at, act: Act::Demand(dice.pick(&names.paths).clone()) });
    }
    if dice.percent(30) {
        for _ in 0..dice.between(1, 3) {
            let at = Moment::ZERO + early(dice, span);
            let act = match dice.percent(50) {
                true => Act::Jump(dice.any_span(Duration::from_secs(4_000))),
                false => Act::Back(dice.any_span(Duration::from_secs(4_000))),
            };
            lines.push(Line { at, act });
        }
    }
    if dice.percent(50) {
        mend(dice, span, &names, &mut lines);
    }
    if dice.percent(75) {
        drain(dice, span, &mut lines);
    }
    lines.sort_by_key(|line| line.at);
    lines
}

/// Most of what people do falls into the first minutes, where the tree has most to do as well.
fn early(dice: &mut Dice, span: Duration) -> Duration {
    if dice.percent(50) {
        dice.span(Duration::ZERO, span / 12)
    } else {
        dice.span(Duration::ZERO, span)
    }
}

/// Somebody looks after the tree, so that what is spent or quarantined does not stay so for good.
fn mend(dice: &mut Dice, span: Duration, names: &Names, lines: &mut Vec<Line>) {
    let mut at = Moment::ZERO;
    while at.since(Moment::ZERO) < span {
        at = at + dice.span(Duration::from_secs(20), Duration::from_secs(200));
        let target = dice.pick(&names.paths).clone();
        let verb = match dice.below(5) {
            0 => Verb::Release,
            1 => Verb::Resume,
            2 => Verb::Start { over: true },
            _ => Verb::Reset { start: true },
        };
        lines.push(Line { at, act: asked(dice, target, verb) });
    }
}

fn drain(dice: &mut Dice, span: Duration, lines: &mut Vec<Line>) {
    let start = if dice.percent(10) { early(dice, span) } else { dice.span(span * 3 / 4, span) };
    let mut at = Moment::ZERO + start;
    for _ in 0..*dice.pick(&[1, 1, 1, 2, 3, 4]) {
        lines.push(Line { at, act: asked(dice, Path::root(), Verb::Drain) });
        at = at + dice.any_span(Duration::from_secs(40));
    }
}

/// Who asks; an empty name is refused.
const WHO: [&str; 8] = ["ann", "ann", "ann", "bob", "bob", "bob", "bob", " "];

struct Names {
    paths: Vec<Path>,
    groups: Vec<Path>,
}

impl Names {
    fn collect(&mut self, above: &Path, group: &SupervisorDraft) {
        for child in &group.children {
            let path = above.join(&child.name);
            if let Some(KindDraft::Supervisor(group)) = &child.kind {
                self.groups.push(path.clone());
                self.collect(&path, group);
            }
            self.paths.push(path);
        }
    }
}

fn asked(dice: &mut Dice, target: Path, verb: Verb) -> Act {
    let guess = |dice: &mut Dice| match dice.below(20) {
        0 => Guess::Wrong,
        1 => Guess::Right,
        _ => Guess::Silent,
    };
    let drains = matches!(verb, Verb::Drain);
    Act::Command {
        // Few ids, so that some come again: zero is never remembered.
        id: if dice.percent(15) { u128::from(dice.below(4)) } else { u128::from(dice.roll()) },
        who: WHO[dice.below(WHO.len() as u64) as usize],
        target,
        verb,
        if_run: if drains { Guess::Silent } else { guess(dice) },
        if_revision: if drains { Guess::Silent } else { guess(dice) },
    }
}

fn command(dice: &mut Dice, scenario: &Scenario, names: &mut Names) -> Act {
    let mut target = match dice.below(30) {
        0 => Path::from("nobody"),
        1 => dice.pick(&names.paths).join("ghost"),
        2 => Path::root(),
        _ => dice.pick(&names.paths).clone(),
    };
    let verb = match dice.below(40) {
        0..=3 => Verb::Start { over: dice.percent(25) },
        4..=6 => Verb::Stop,
        7..=9 => Verb::Restart,
        10 => Verb::Reload,
        11 => Verb::Recycle,
        12..=15 => Verb::Pause { freeze: dice.percent(30) },
        16..=19 => Verb::Resume,
        20..=21 => Verb::Quarantine,
        22..=24 => Verb::Release,
        25 => Verb::Acknowledge,
        26..=28 => Verb::Reset { start: dice.percent(50) },
        29..=32 => {
            let (verb, above) = add(dice, scenario, names);
            target = above;
            verb
        }
        33..=34 => Verb::Remove,
        35..=36 => replace(dice, scenario, &target),
        37..=38 => apply(dice, scenario, &scenario.draft, &mut target),
        _ if dice.percent(10) => Verb::Drain,
        _ => Verb::Resume,
    };
    if matches!(verb, Verb::Stop) && target == Path::root() {
        // That is a drain; those are planned apart.
        target = dice.pick(&names.paths).clone();
    }
    asked(dice, target, verb)
}

fn add(dice: &mut Dice, scenario: &Scenario, names: &mut Names) -> (Verb, Path) {
    let above = dice.pick(&names.groups).clone();
    let label = format!("x{}", dice.below(5));
    names.paths.push(above.join(&label));
    let draft = match dice.below(10) {
        0..=1 => return (Verb::Add { name: label.as_str().into(), spec: None }, above),
        2 => specs::added_group(dice, &label),
        _ => specs::added(dice, &label),
    };
    if matches!(draft.kind, Some(KindDraft::Supervisor(_))) {
        names.groups.push(above.join(&label));
    }
    let draft = wiring::child(draft, scenario.profile);
    let spec = draft.build(scenario.profile, &above).ok().map(|(_, spec)| spec);
    (Verb::Add { name: label.as_str().into(), spec }, above)
}

fn replace(dice: &mut Dice, scenario: &Scenario, target: &Path) -> Verb {
    let name = target.split_last().map_or("x", |(_, name)| name).to_owned();
    let draft = wiring::child(specs::added(dice, &name), scenario.profile);
    match draft.build(scenario.profile, target) {
        Ok((_, spec)) => Verb::Replace(spec),
        Err(_) => Verb::Resume,
    }
}

fn apply(dice: &mut Dice, scenario: &Scenario, draft: &TreeDraft, target: &mut Path) -> Verb {
    let next = wiring::tree(specs::changed(dice, draft), scenario.profile);
    match next.build(scenario.profile) {
        Ok((spec, _)) => {
            *target = Path::root();
            Verb::Apply(Arc::new(spec))
        }
        Err(_) => Verb::Resume,
    }
}

//! What is measured: each case makes the thing to repeat, for a number of children.

use crate::by_hand::ByHand;
use crate::world::{World, beating, build, declare, each_its_own, shuffled, task, tireless};
use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::spec::{ChildDraft, Need, OnRestart, Strategy, TreeDraft, TreeSpec, Until};
use mainstay_core::{Command, CommandId, Input, Path, Tree, Verb};
use std::sync::Arc;
use std::time::Duration;

/// Something that is measured.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Makes what is measured, for so many children.
    pub(crate) make: fn(usize) -> Round,
    pub(crate) repeats: Repeats,
    /// Whether one round goes through all children.
    pub(crate) is_whole: bool,
    /// The same work done by the loop by hand, where it can do it.
    pub(crate) by_hand: Option<fn(usize) -> Round>,
}

/// Whether a round can follow a round, or needs everything made anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    Freely,
    Anew,
}

/// Does what is measured once, and returns how many inputs it took, or children where none is involved.
pub(crate) type Round = Box<dyn FnMut() -> u64>;

/// What passes between two inputs where nothing else is to become due.
const TICK: Duration = Duration::from_micros(1);
/// The span of the limits that are measured.
const SPAN: Duration = Duration::from_secs(1);

pub(crate) const CASES: [Case; 23] = [
    freely("exit, restarted at once", |count| exits(declare(count, &[], &tireless())))
        .against(exits_by_hand),
    freely("exit, restarted at once, 100 supervisors", |count| {
        exits(declare(count, &[count.min(100)], &tireless()))
    }),
    freely("exit, restarted at once, each spec its own", |count| {
        exits_every(TICK, &each_its_own(count, &tireless()))
    }),
    freely("exit, delay, clock", delayed_exits).against(delayed_exits_by_hand),
    freely("exit, the child's budget holds", |count| {
        let limit = restarts(64, Scope::Child);
        let leaf = ChildDraft { budget: Some(vec![limit]), ..tireless() };
        // Each child ends five times in the span of its limit.
        exits_every(SPAN / (5 * count as u32), &build(declare(count, &[], &leaf)))
    }),
    freely("exit, the supervisor's budget holds", |count| {
        let mut draft = declare(count, &[], &tireless());
        draft.root_policy.budget = Some(vec![restarts(65_536, Scope::Supervisor)]);
        // 50 000 exits in the span of the limit.
        exits_every(SPAN / 50_000, &build(draft))
    }),
    freely("exit, one-for-all in groups of 10", |count| {
        let leaf = ChildDraft { strategy: Some(Strategy::OneForAll), ..tireless() };
        exits(declare(count, &[count / 10], &leaf))
    }),
    freely("heartbeat", |count| heartbeats(count, &build(declare(count, &[], &beating()))))
        .against(heartbeats_by_hand),
    freely("heartbeat, each spec its own", |count| {
        heartbeats(count, &each_its_own(count, &beating()))
    }),
    freely("stop and start, by path, depth 1", |count| {
        commands(count, &[], &[Verb::Stop, Verb::Start { over: false }])
    }),
    freely("stop and start, by path, depth 4", |count| {
        commands(count, &deep(count), &[Verb::Stop, Verb::Start { over: false }])
    }),
    freely("pause and resume, by path, depth 1", |count| {
        commands(count, &[], &[Verb::Pause { freeze: false }, Verb::Resume])
    }),
    freely("pause and resume, by path, depth 4", |count| {
        commands(count, &deep(count), &[Verb::Pause { freeze: false }, Verb::Resume])
    }),
    freely("storm: all end, then all are due", |count| storm(count, &[]))
        .whole()
        .against(storm_by_hand),
    freely("storm, 100 supervisors", |count| storm(count, &[count.min(100)])).whole(),
    anew("all come up", |count| {
        let world = World::new(&build(declare(count, &[], &task())));
        rounds(world, |world| world.give(Input::Boot))
    }),
    anew("all drain", |count| {
        let world = World::up(&build(declare(count, &[], &task())));
        rounds(world, |world| world.give(Input::Command(command(Path::root(), Verb::Drain))))
    }),
    anew("spec from its declaration", |count| making(count, declare(count, &[], &task()), build)),
    anew("tree from its spec", |count| {
        making(count, build(declare(count, &[], &task())), |spec| Tree::new(&spec))
    }),
    anew("tree from its spec, each needs another", |count| {
        making(count, build(needing(count)), |spec| Tree::new(&spec))
    }),
    freely("apply, nothing has changed", |count| {
        let spec = build(declare(count, &[], &task()));
        let next = Arc::new(spec.clone());
        let mut apply = rounds(World::up(&spec), move |world| {
            let apply = command(Path::root(), Verb::Apply(Arc::clone(&next)));
            // An id that is not remembered.
            world.give(Input::Command(Command { id: CommandId(0), ..apply }));
        });
        Box::new(move || apply() * count as u64)
    })
    .whole(),
    anew("snapshot of a tree", |count| {
        let world = World::up(&build(declare(count, &[], &task())));
        making(count, world.tree, |tree| (tree.snapshot(), tree))
    }),
    anew("tree from its snapshot", |count| {
        let world = World::up(&build(declare(count, &[], &task())));
        making(count, world.tree.snapshot(), Tree::restore)
    }),
];

const fn freely(name: &'static str, make: fn(usize) -> Round) -> Case {
    Case { name, make, repeats: Repeats::Freely, is_whole: false, by_hand: None }
}

const fn anew(name: &'static str, make: fn(usize) -> Round) -> Case {
    Case { name, make, repeats: Repeats::Anew, is_whole: true, by_hand: None }
}

impl Case {
    const fn whole(self) -> Self {
        Self { is_whole: true, ..self }
    }

    const fn against(self, by_hand: fn(usize) -> Round) -> Self {
        Self { by_hand: Some(by_hand), ..self }
    }
}

fn rounds(mut world: World, mut step: impl FnMut(&mut World) + 'static) -> Round {
    Box::new(move || {
        let before = world.inputs;
        step(&mut world);
        world.inputs - before
    })
}

fn rounds_by_hand(mut hand: ByHand, mut step: impl FnMut(&mut ByHand) + 'static) -> Round {
    Box::new(move || {
        let before = hand.inputs;
        step(&mut hand);
        hand.inputs - before
    })
}

/// Makes one thing of another; both are dropped only with the round, which nobody measures.
fn making<A: 'static, B: 'static>(count: usize, from: A, make: fn(A) -> B) -> Round {
    let (mut from, mut made) = (Some(from), Vec::with_capacity(1));
    Box::new(move || {
        made.extend(from.take().map(make));
        count as u64
    })
}

fn exits(draft: TreeDraft) -> Round {
    exits_every(TICK, &build(draft))
}

fn exits_every(between: Duration, spec: &TreeSpec) -> Round {
    rounds(World::up(spec), move |world| {
        world.pass(between);
        world.fail_any();
    })
}

fn exits_by_hand(count: usize) -> Round {
    rounds_by_hand(ByHand::new(count, Duration::ZERO), |hand| {
        let child = hand.any();
        hand.fail(child);
    })
}

/// Each child fails every 10 s and waits for about 750 ms: some are always waiting, few become stable.
fn delayed_exits(count: usize) -> Round {
    let (backoff, jitter) = (Shape::Fixed(Duration::from_secs(1)), Jitter::Equal);
    let leaf = ChildDraft { backoff: Some(backoff), jitter: Some(jitter), ..tireless() };
    exits_every(Duration::from_secs(10) / count as u32, &build(declare(count, &[], &leaf)))
}

fn delayed_exits_by_hand(count: usize) -> Round {
    rounds_by_hand(ByHand::new(count, Duration::from_millis(750)), move |hand| {
        hand.pass(Duration::from_secs(10) / count as u32);
        let child = hand.any();
        hand.fail(child);
    })
}

fn restarts(most: u32, scope: Scope) -> Limit {
    let within = Within::Sliding(SPAN);
    Limit { count: Count::Restarts, most, within, scope, admit: Admit::AtExit }
}

/// Each child beats every 2 s, in an order without a pattern; it would be lost after 6 s.
fn heartbeats(count: usize, spec: &TreeSpec) -> Round {
    let mut order = shuffled(count).into_iter().cycle();
    rounds(World::up(spec), move |world| {
        world.pass(Duration::from_secs(2) / count as u32);
        let child = order.next().map(|at| world.leaves[at]);
        child.into_iter().for_each(|child| world.beat(child));
    })
}

fn heartbeats_by_hand(count: usize) -> Round {
    let mut order = shuffled(count).into_iter().cycle();
    rounds_by_hand(ByHand::new(count, Duration::from_secs(6)), move |hand| {
        hand.pass(Duration::from_secs(2) / count as u32);
        order.next().into_iter().for_each(|child| hand.beat(child));
    })
}

/// Every second child needs the one before it.
fn needing(count: usize) -> TreeDraft {
    let mut draft = declare(count, &[], &task());
    for pair in draft.root.children.chunks_exact_mut(2) {
        let (child, until) = (pair[0].name.as_str().into(), Until::Ready);
        pair[1].needs = Some(vec![Need { child, until, on_restart: OnRestart::Ignore }]);
    }
    draft
}

/// Three layers of supervisors, each child at depth 4.
fn deep(count: usize) -> [usize; 3] {
    if count < 1_000 { [2, 5, 5] } else { [10, 10, 10] }
}

/// Each round sends these commands to one child.
fn commands(count: usize, fans: &[usize], verbs: &'static [Verb]) -> Round {
    let world = World::up(&build(declare(count, fans, &tireless())));
    let paths = world.leaves.iter().filter_map(|child| world.tree.path(*child));
    let samples: Vec<Command> = paths.map(|path| command(path, Verb::Stop)).collect();
    let mut order = shuffled(samples.len()).into_iter().cycle();
    let mut last = 0;
    rounds(world, move |world| {
        world.pass(TICK);
        let Some(sample) = order.next().map(|at| &samples[at]) else { return };
        for verb in verbs {
            last += 1;
            let (id, verb) = (CommandId(last), verb.clone());
            world.give(Input::Command(Command { id, verb, ..sample.clone() }));
        }
    })
}

fn command(target: Path, verb: Verb) -> Command {
    let (who, why) = ("operator".into(), "measuring".into());
    Command { id: CommandId(1), who, why, target, if_run: None, if_revision: None, verb }
}

/// Every child ends in one moment; a second later every delay is over in one moment.
fn storm(count: usize, fans: &[usize]) -> Round {
    let backoff = Some(Shape::Fixed(Duration::from_secs(1)));
    let leaf = ChildDraft { backoff, jitter: Some(Jitter::None), ..tireless() };
    rounds(World::up(&build(declare(count, fans, &leaf))), |world| {
        for at in 0..world.leaves.len() {
            world.fail(world.leaves[at]);
        }
        world.pass(Duration::from_secs(1));
    })
}

fn storm_by_hand(count: usize) -> Round {
    rounds_by_hand(ByHand::new(count, Duration::from_secs(1)), move |hand| {
        (0..count).for_each(|child| hand.fail(child));
        hand.pass(Duration::from_secs(1));
    })
}

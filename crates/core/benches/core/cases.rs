//! What is measured: each case makes the thing to repeat, for a number of children.

use crate::by_hand::ByHand;
use crate::world::{World, build, declare, task, tireless};
use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::spec::{ChildDraft, Heartbeat, Liveness, Strategy};
use mainstay_core::{Command, CommandId, Input, Path, Tree, Verb};
use std::time::Duration;

/// Something that is measured.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What is counted: inputs, or children where no input is involved.
    pub(crate) counts: &'static str,
    pub(crate) repeats: Repeats,
    pub(crate) make: fn(usize) -> Round,
    /// The same work done by the loop by hand, where it can do it.
    pub(crate) by_hand: Option<fn(usize) -> Round>,
}

/// Whether a round can follow a round, or needs everything made anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeats {
    Freely,
    Anew,
}

/// Does what is measured once, and returns how many inputs or children that took.
pub(crate) type Round = Box<dyn FnMut() -> u64>;

/// One microsecond: time that passes between inputs where it does not matter.
const TICK: Duration = Duration::from_micros(1);

pub(crate) const CASES: [Case; 18] = [
    steady("exit, restarted at once", exit_at_once).against(|count| {
        hand(ByHand::new(count, Duration::ZERO), |hand| {
            let child = hand.any();
            hand.fail(child);
        })
    }),
    steady("exit, restarted at once, 100 supervisors", |count| {
        exits(declare(count, &[count.min(100)], &tireless()), TICK)
    }),
    steady("exit, delay, clock", exit_delay_clock).against(|count| {
        let between = Duration::from_secs(10) / count as u32;
        hand(ByHand::new(count, Duration::from_secs(1)), move |hand| {
            hand.pass(between);
            let child = hand.any();
            hand.fail(child);
        })
    }),
    steady("exit, the child's budget holds", exit_own_budget),
    steady("exit, the supervisor's budget holds", exit_shared_budget),
    steady("exit, one-for-all in groups of 10", |count| {
        let leaf = ChildDraft { strategy: Some(Strategy::OneForAll), ..tireless() };
        exits(declare(count, &[count / 10], &leaf), TICK)
    }),
    steady("heartbeat", heartbeat).against(|count| {
        let mut at = 0;
        let order = World::new(&build(shuffled(count)));
        let order: Vec<usize> = order.leaves.iter().map(|child| child.slot() - 1).collect();
        hand(ByHand::new(count, Duration::from_secs(6)), move |hand| {
            hand.pass(Duration::from_secs(2) / hand.count() as u32);
            at = (at + 1) % order.len();
            hand.beat(order[at]);
        })
    }),
    steady("stop and start by path, depth 1", |count| {
        commands(count, &[], &[Verb::Stop, Verb::Start { over: false }])
    }),
    steady("stop and start by path, depth 4", |count| {
        commands(count, fans(count), &[Verb::Stop, Verb::Start { over: false }])
    }),
    steady("pause and resume by path, depth 1", |count| {
        commands(count, &[], &[Verb::Pause { freeze: false }, Verb::Resume])
    }),
    steady("pause and resume by path, depth 4", |count| {
        commands(count, fans(count), &[Verb::Pause { freeze: false }, Verb::Resume])
    }),
    steady("storm: all end, then all are due", |count| storm(count, &[])).against(|count| {
        hand(ByHand::new(count, Duration::from_secs(1)), |hand| {
            for child in 0..hand.count() {
                hand.fail(child);
            }
            hand.pass(Duration::from_secs(1));
        })
    }),
    steady("storm, 100 supervisors", |count| storm(count, &[count.min(100)])),
    once("all come up", "inputs", |count| {
        let world = World::new(&build(declare(count, &[], &task())));
        rounds(world, |world| world.give(Input::Boot))
    }),
    once("all drain", "inputs", |count| {
        let world = World::up(&build(declare(count, &[], &task())));
        rounds(world, |world| world.give(command(&Path::root(), 1, &Verb::Drain)))
    }),
    once("spec from its declaration", "children", |count| {
        let mut draft = Some(declare(count, &[], &task()));
        let mut kept = None;
        Box::new(move || {
            kept = draft.take().map(build);
            count as u64
        })
    }),
    steady("snapshot", |count| {
        let world = World::up(&build(declare(count, &[], &task())));
        let mut kept = None;
        Box::new(move || {
            kept = Some(world.tree.snapshot());
            count as u64
        })
    })
    .counting("children"),
    once("restore", "children", |count| {
        let mut snapshot =
            Some(World::up(&build(declare(count, &[], &task()))).tree.snapshot());
        let mut kept = None;
        Box::new(move || {
            kept = snapshot.take().map(Tree::restore);
            count as u64
        })
    }),
];

const fn steady(name: &'static str, make: fn(usize) -> Round) -> Case {
    Case { name, counts: "inputs", repeats: Repeats::Freely, make, by_hand: None }
}

const fn once(name: &'static str, counts: &'static str, make: fn(usize) -> Round) -> Case {
    Case { name, counts, repeats: Repeats::Anew, make, by_hand: None }
}

impl Case {
    const fn against(self, by_hand: fn(usize) -> Round) -> Self {
        Self { by_hand: Some(by_hand), ..self }
    }

    const fn counting(self, counts: &'static str) -> Self {
        Self { counts, ..self }
    }
}

fn rounds(mut world: World, mut step: impl FnMut(&mut World) + 'static) -> Round {
    Box::new(move || {
        let before = world.inputs;
        step(&mut world);
        world.inputs - before
    })
}

fn hand(mut hand: ByHand, mut step: impl FnMut(&mut ByHand) + 'static) -> Round {
    Box::new(move || {
        let before = hand.inputs;
        step(&mut hand);
        hand.inputs - before
    })
}

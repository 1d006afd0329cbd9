//! A tree and the driver that answers it: every effect at once, as a world without faults would.

use mainstay_core::policy::backoff::Shape;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{
    ChildDraft, Heartbeat, Kind, Liveness, SupervisorDraft, TreeDraft, TreeSpec,
};
use mainstay_core::{ChildId, Effect, Effects, Exit, Input, Moment, RunId, Tree};
use std::collections::VecDeque;
use std::time::Duration;

/// A tree with its driver.
pub(crate) struct World {
    pub(crate) tree: Tree,
    pub(crate) now: Moment,
    /// The children that are no supervisors, in order of their slots.
    pub(crate) leaves: Vec<ChildId>,
    /// How many inputs the tree has been given.
    pub(crate) inputs: u64,
    /// What a driver knows of each child, by slot: its id and its live run.
    known: Vec<(ChildId, Option<RunId>)>,
    out: Effects,
    asked: VecDeque<Effect>,
    chance: Chance,
}

impl World {
    /// A tree in which nothing runs yet.
    pub(crate) fn new(spec: &TreeSpec) -> Self {
        let tree = Tree::new(spec);
        let leaves = tree.children().filter(|child| child.group.is_none());
        Self {
            leaves: leaves.map(|child| child.id).collect(),
            known: tree.children().map(|child| (child.id, None)).collect(),
            now: Moment::ZERO,
            inputs: 0,
            out: Effects::new(),
            asked: VecDeque::new(),
            chance: Chance(1),
            tree,
        }
    }

    /// A tree in which everything runs.
    pub(crate) fn up(spec: &TreeSpec) -> Self {
        let mut world = Self::new(spec);
        world.give(Input::Boot);
        let up = world.known.iter().filter(|(_, run)| run.is_some()).count();
        assert_eq!(up, world.leaves.len(), "all are up");
        world
    }

    /// Hands one input in, and every answer to what it leads to.
    pub(crate) fn give(&mut self, input: Input) {
        self.hand_in(input);
        while let Some(effect) = self.asked.pop_front() {
            match effect {
                Effect::Start { child, run, .. } => {
                    self.known[child.slot()].1 = Some(run);
                    self.hand_in(Input::Started(child, run));
                }
                Effect::Stop { child, run, .. } | Effect::Kill(child, run) => {
                    self.end(child, run, Exit::Completed);
                }
                Effect::Probe { .. }
                | Effect::Rehydrate(..)
                | Effect::Reload(..)
                | Effect::Freeze(..)
                | Effect::Thaw(..)
                | Effect::Change(..)
                | Effect::Abandon(..)
                | Effect::Forget(_)
                | Effect::End(_) => {}
            }
        }
    }

    fn hand_in(&mut self, input: Input) {
        self.out.clear();
        self.tree.handle(self.now, input, &mut self.out);
        self.inputs += 1;
        self.asked.extend(&self.out.effects);
    }

    fn end(&mut self, child: ChildId, run: RunId, exit: Exit) {
        self.known[child.slot()].1 = None;
        self.hand_in(Input::Exited { child, run, exit, detail: None });
    }

    /// Lets time go by, with a clock input at each deadline on the way.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some((due, _)) = self.tree.deadline().filter(|(due, _)| *due <= until) {
            self.now = due;
            self.give(Input::Clock);
        }
        self.now = until;
    }

    /// Ends the live run of a child with a failure.
    pub(crate) fn fail(&mut self, child: ChildId) {
        if let Some(run) = self.known[child.slot()].1.take() {
            self.give(Input::Exited { child, run, exit: Exit::FAILED, detail: None });
        }
    }

    /// Sends a sign of life of a child.
    pub(crate) fn beat(&mut self, child: ChildId) {
        if let Some(run) = self.known[child.slot()].1 {
            self.give(Input::Beat(child, run));
        }
    }

    /// Ends the live run of any child with a failure.
    pub(crate) fn fail_any(&mut self) {
        loop {
            // Supervisors have no run that a driver knows of, and some children wait for theirs.
            let slot = self.chance.below(self.known.len());
            if let (child, Some(_)) = self.known[slot] {
                return self.fail(child);
            }
        }
    }
}

/// Returns the numbers below `count` in an order without a pattern.
pub(crate) fn shuffled(count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    let mut chance = Chance(2);
    for at in (1..count).rev() {
        numbers.swap(at, chance.below(at + 1));
    }
    numbers
}

/// Numbers without a pattern, the same in every run (SplitMix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * end as u128) >> 64) as usize
    }
}

/// A task with the defaults of the daemon.
pub(crate) fn task() -> ChildDraft {
    ChildDraft { kind: Some(KindDraft::Leaf(Kind::Task)), ..ChildDraft::default() }
}

/// A task that is restarted at once and without end: no delay, no holdoff, no budget.
pub(crate) fn tireless() -> ChildDraft {
    ChildDraft {
        backoff: Some(Shape::None),
        holdoff: Some(Duration::ZERO),
        budget: Some(Vec::new()),
        ..task()
    }
}

/// The same, and it sends heartbeats.
pub(crate) fn beating() -> ChildDraft {
    let every = Duration::from_secs(2);
    let heartbeat = Some(Heartbeat { every, misses: 3, startup: None });
    ChildDraft { liveness: Some(Liveness { heartbeat, ..Liveness::default() }), ..tireless() }
}

/// Declares `count` children like `leaf` below supervisors without budgets: `fans` says how many there
/// are below each of the layer before. No `fans` make a flat tree.
pub(crate) fn declare(count: usize, fans: &[usize], leaf: &ChildDraft) -> TreeDraft {
    let root_policy = ChildDraft { budget: Some(Vec::new()), ..ChildDraft::default() };
    TreeDraft { root: group(count, fans, leaf), root_policy, ..TreeDraft::default() }
}

fn group(count: usize, fans: &[usize], leaf: &ChildDraft) -> SupervisorDraft {
    let named = |name, draft: &ChildDraft| ChildDraft { name, ..draft.clone() };
    let children = match fans {
        [] => (0..count).map(|n| named(format!("child-{n:07}"), leaf)).collect(),
        [fan, fans @ ..] => {
            let kind = Some(KindDraft::Supervisor(group(count / fan, fans, leaf)));
            let inner = ChildDraft { kind, budget: Some(Vec::new()), ..ChildDraft::default() };
            (0..*fan).map(|n| named(format!("group-{n:05}"), &inner)).collect()
        }
    };
    SupervisorDraft { children, ..SupervisorDraft::default() }
}

/// A flat tree in which each child declares something else, so that each has a spec of its own.
pub(crate) fn each_its_own(count: usize, leaf: &ChildDraft) -> TreeSpec {
    let mut draft = declare(count, &[], leaf);
    for (nanos, child) in draft.root.children.iter_mut().enumerate() {
        // It decides nothing here, and no two are alike.
        child.level_decay = Some(Duration::from_secs(3_600) + Duration::from_nanos(nanos as u64));
    }
    build(draft)
}

/// Makes the spec of a declaration that is known to be valid.
pub(crate) fn build(draft: TreeDraft) -> TreeSpec {
    draft.build(Profile::Daemon).expect("a valid declaration").0
}

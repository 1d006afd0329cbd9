//! Delays and what is told about them, drawn by the thousand: rows of the conformance list that no table can say.

use mainstay_core::child::Rest;
use mainstay_core::policy::backoff::{Backoff, Jitter, Shape};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{ChildDraft, Kind, TreeDraft};
use mainstay_core::{Action, Effect, Effects, Event, Exit, Input, Moment, Rule, Tree};
use std::time::Duration;

/// What a tree did about an exit.
fn exit(tree: &mut Tree, at: Moment, name: &str, exit: Exit) -> Effects {
    let child = tree.find(&name.into()).expect("it is in the tree");
    let run = tree.child(child).and_then(|child| child.life()).expect("it lives").run;
    let mut out = Effects::new();
    tree.handle(at, Input::Exited { child, run, exit, detail: None }, &mut out);
    out
}

/// A tree of leaves, all started and ready.
fn leaves(seed: u64, names: &[&str], policy: &ChildDraft) -> Tree {
    let mut draft = TreeDraft { seed, cores: Some(64), ..TreeDraft::default() };
    draft.root_policy.budget = Some(Vec::new());
    for name in names {
        let kind = Some(KindDraft::Leaf(Kind::Task));
        draft.root.children.push(ChildDraft { name: (*name).into(), kind, ..policy.clone() });
    }
    let (spec, _) = draft.build(Profile::Daemon).expect("a valid tree");
    let (mut tree, mut out) = (Tree::new(&spec), Effects::new());
    tree.handle(Moment::ZERO, Input::Boot, &mut out);
    start_all(&mut tree, Moment::ZERO, &out);
    tree
}

fn start_all(tree: &mut Tree, at: Moment, out: &Effects) {
    for effect in &out.effects {
        if let Effect::Start { child, run, .. } = *effect {
            tree.handle(at, Input::Started(child, run), &mut Effects::new());
        }
    }
}

/// The wait that an exit led to.
fn wait(out: &Effects, now: Moment) -> Duration {
    let waits = out.events.iter().find_map(|event| {
        let Event::Rests { why: Rest::Waiting { until }, .. } = event else { return None };
        Some(until.since(now))
    });
    waits.expect("it waits")
}

/// The first waits of a child that dies at once, each time it starts.
fn waits(tree: &mut Tree, name: &str, count: usize) -> Vec<Duration> {
    let mut now = tree.now();
    let mut waits = Vec::new();
    for _ in 0..count {
        let out = exit(tree, now, name, Exit::FAILED);
        let wait = wait(&out, now);
        waits.push(wait);
        now = now + wait;
        let mut out = Effects::new();
        tree.handle(now, Input::Clock, &mut out);
        start_all(tree, now, &out);
    }
    waits
}

fn jittered(jitter: Jitter) -> ChildDraft {
    ChildDraft {
        backoff: Some(Shape::Fixed(Duration::from_secs(1))),
        jitter: Some(jitter),
        budget: Some(Vec::new()),
        ..ChildDraft::default()
    }
}

#[test]
fn c60_a_spent_budget_tells_the_last_exit_the_count_and_the_policy_in_words() {
    use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
    let limit = Limit {
        count: Count::Restarts,
        most: 2,
        within: Within::Sliding(Duration::from_secs(10)),
        scope: Scope::Child,
        admit: Admit::AtExit,
    };
    let policy = ChildDraft {
        backoff: Some(Shape::None),
        holdoff: Some(Duration::ZERO),
        budget: Some(vec![limit]),
        ..ChildDraft::default()
    };
    let mut tree = leaves(0, &["a"], &policy);
    let at = |millis| Moment::ZERO + Duration::from_millis(millis);
    for (n, millis) in [1_000, 2_000].into_iter().enumerate() {
        let out = exit(&mut tree, at(millis), "a", Exit::FAILED);
        start_all(&mut tree, at(millis), &out);
        let child = tree.find(&"a".into()).expect("a");
        let view = tree.explain(child).expect("a").limits;
        // Before the end the limit shows how far it is, and when the oldest entry leaves.
        assert_eq!(
            (view[0].reading.count, view[0].reading.falls),
            (n as u32 + 1, Some(at(11_000)))
        );
    }
    let last =
        Exit::Failed { code: Some(7), class: mainstay_core::Class::Plain, retry_after: None };
    let out = exit(&mut tree, at(3_000), "a", last);
    let spent = out.events.iter().find_map(|event| {
        let Event::Counted { before, spent: true, limit, .. } = event else { return None };
        Some((*before, *limit))
    });
    let (before, id) = spent.expect("the limit that refuses is named");
    assert_eq!((before.count, before.most, before.falls), (2, 2, Some(at(11_000))));
    let child = tree.find(&"a".into()).expect("a");
    let explained = tree.explain(child).expect("a");
    let (_, end) = explained.chain.first().expect("its last end");
    assert_eq!((end.exit, end.ended, end.decision.0), (Some(last), at(3_000), Rule::Spent(id)));
    assert!(matches!(end.decision.1, Action::Exhaust { owner, .. } if owner == child));
    assert_eq!(explained.limits[0].limit.to_string(), "at most 2 restarts in any 10s");
}

#[test]
fn c62_the_delay_at_any_position() {
    let seconds = Duration::from_secs;
    let shape =
        Shape::Exponential { first: Duration::from_millis(500), factor: 2.0, most: seconds(30) };
    let delays = [0, 1, 2, 3, 99].map(|position| shape.at(position).as_millis());
    assert_eq!(delays, [500, 1_000, 2_000, 4_000, 30_000]);
    // Never shorter than the one before, never above the longest, however far.
    let shapes = [
        shape,
        Shape::Linear { first: seconds(1), step: seconds(7), most: seconds(30) },
        Shape::Geometric { first: seconds(1), most: seconds(30), steps: 9 },
        Shape::Ladder(vec![seconds(1), seconds(5), seconds(30)]),
        Shape::Exponential { first: Duration::from_nanos(1), factor: 1e300, most: seconds(30) },
    ];
    for shape in shapes {
        let mut before = Duration::ZERO;
        for position in (0..2_000).chain([u32::MAX - 1, u32::MAX]) {
            let delay = shape.at(position);
            assert!(delay >= before && delay <= seconds(30), "{shape:?} at {position}: {delay:?}");
            before = delay;
        }
        assert_eq!(before, seconds(30), "{shape:?}");
    }
}

#[test]
fn c64_ten_thousand_draws_of_each_jitter_stay_in_their_range() {
    let millis = Duration::from_millis;
    let most = millis(1_500);
    let cases = [
        (Jitter::None, 0, millis(100), millis(100)),
        (Jitter::Full, 0, Duration::ZERO, millis(100)),
        (Jitter::Equal, 0, millis(50), millis(100)),
        (Jitter::Additive(millis(40)), 0, millis(100), millis(140)),
        (Jitter::Full, 30, Duration::ZERO, most),
        (Jitter::Equal, 30, most / 2, most),
        (Jitter::Additive(millis(40)), 30, most, most),
        (Jitter::Additive(Duration::MAX), 0, most, most),
    ];
    for (jitter, position, least, longest) in cases {
        let shape = Shape::Exponential { first: millis(100), factor: 2.0, most };
        let backoff = Backoff { shape, jitter, holdoff: Duration::ZERO, forgives: false };
        let draws: Vec<Duration> =
            (0..10_000).map(|draw| backoff.delay(position, draw, None).wait).collect();
        let inside = draws.iter().all(|draw| (least..=longest).contains(draw));
        assert!(inside, "{jitter:?} at {position}");
        // The range is used: draws come into its first and its last tenth.
        let tenth = (longest - least) / 10;
        let low = draws.iter().filter(|draw| **draw <= least + tenth).count();
        let high = draws.iter().filter(|draw| **draw >= longest - tenth).count();
        assert!(low > 500 && high > 500, "{jitter:?} at {position}: {low} low, {high} high");
        // A wish is kept, and capped like the rest.
        let wished = backoff.delay(position, 1, Some(Duration::MAX)).wait;
        assert_eq!(wished, most, "{jitter:?}");
    }
}

#[test]
fn c65_jitter_belongs_to_the_seed_the_child_and_the_run() {
    let policy = jittered(Jitter::Full);
    let of = |seed, names: &[&str], name| waits(&mut leaves(seed, names, &policy), name, 20);
    let here = of(1, &["a", "b"], "a");
    assert_eq!(here, of(1, &["a", "b"], "a"), "the same seed twice");
    assert_ne!(here, of(1, &["a", "b"], "b"), "two children of one seed");
    assert_ne!(here, of(2, &["a", "b"], "a"), "two seeds");
    let distinct: std::collections::BTreeSet<&Duration> = here.iter().collect();
    assert_eq!(distinct.len(), here.len(), "twenty draws of one child");
    // What others do, and how many there are, changes nothing for this one.
    assert_eq!(here, of(1, &["z", "a", "y", "x"], "a"), "other siblings");
    let mut tree = leaves(1, &["a", "b"], &policy);
    waits(&mut tree, "b", 7);
    assert_eq!(here, waits(&mut tree, "a", 20), "after seven ends of a sibling");
}

#[test]
fn c66_forty_that_fail_together_do_not_return_together() {
    let names: Vec<String> = (0..40).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for seed in 0..100 {
        let mut tree = leaves(seed, &names, &jittered(Jitter::Equal));
        let waits: Vec<Duration> = names
            .iter()
            .map(|name| wait(&exit(&mut tree, Moment::ZERO, name, Exit::FAILED), Moment::ZERO))
            .collect();
        let mut out = Effects::new();
        let mut back = 0;
        while let Some((at, _)) =
            tree.deadline().filter(|(at, _)| at.since(Moment::ZERO) <= Duration::from_millis(750))
        {
            out.clear();
            tree.handle(at, Input::Clock, &mut out);
            back +=
                out.effects.iter().filter(|effect| matches!(effect, Effect::Start { .. })).count();
        }
        let due = waits.iter().filter(|wait| wait.as_millis() < 750).count();
        assert!(back > 0 && back < 40, "seed {seed}: {back} of 40 at 750 ms");
        assert!(back >= due, "seed {seed}: each is back at its moment");
        assert!(waits.iter().all(|wait| (500..=1_000).contains(&wait.as_millis())));
    }
}

#[test]
fn c67_a_thousand_restarts_without_a_delay_take_a_second() {
    let policy = ChildDraft {
        restart: Some(Restart::Always),
        backoff: Some(Shape::None),
        jitter: Some(Jitter::None),
        budget: Some(Vec::new()),
        ..ChildDraft::default()
    };
    let mut tree = leaves(0, &["a"], &policy);
    let all: Duration = waits(&mut tree, "a", 1_000).into_iter().sum();
    assert_eq!(all, Duration::from_millis(1_000));
}

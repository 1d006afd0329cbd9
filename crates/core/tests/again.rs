//! A tree that has ended, or whose machine was started anew, is begun again.

use mainstay_core::child::{AlertKind, Rest, State};
use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::breaker::{BreakerState, Cooldown};
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::{DynamicDraft, KindDraft};
use mainstay_core::spec::{ChildDraft, Criticality, Kind, OnExhausted, SupervisorDraft, TreeDraft};
use mainstay_core::{
    Cause, ChildId, Command, CommandId, Effect, Effects, Event, Exit, Input, Moment, Path, Rule,
    RunId, Tree, Verb,
};
use std::time::Duration;

/// How long the tree was down.
const DOWN: u64 = 600;

fn leaf(name: &str) -> ChildDraft {
    let kind = Some(KindDraft::Leaf(Kind::Task));
    ChildDraft { name: name.into(), kind, ..ChildDraft::default() }
}

fn above(name: &str, supervisor: SupervisorDraft) -> ChildDraft {
    let kind = Some(KindDraft::Supervisor(supervisor));
    ChildDraft { name: name.into(), kind, ..ChildDraft::default() }
}

/// A tree in a world where every start and stop comes to be at once.
struct World {
    tree: Tree,
    now: u64,
    commands: u128,
}

impl World {
    fn new(children: Vec<ChildDraft>) -> Self {
        let mut draft = TreeDraft::default();
        draft.root.children = children;
        let (spec, _) = draft.build(Profile::Library).expect("a valid tree");
        Self { tree: Tree::new(&spec), now: 0, commands: 0 }
    }

    fn booted(children: Vec<ChildDraft>) -> Self {
        let mut world = Self::new(children);
        world.take(Input::Boot);
        world
    }

    /// Hands in an input and whatever comes of its effects; returns every event.
    fn take(&mut self, input: Input) -> Vec<Event> {
        let (mut open, mut events) = (vec![input], Vec::new());
        while let Some(input) = open.pop() {
            let mut out = Effects::new();
            self.tree.handle(Moment::ZERO + Duration::from_secs(self.now), input, &mut out);
            events.extend(out.events);
            for effect in out.effects {
                match effect {
                    Effect::Start { child, run, .. } => open.push(Input::Started(child, run)),
                    Effect::Stop { child, run, .. } | Effect::Kill(child, run) => {
                        open.push(Input::Exited {
                            child,
                            run,
                            exit: Exit::Completed,
                            detail: None,
                        });
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
        events
    }

    fn ask(&mut self, path: &str, verb: Verb) -> Vec<Event> {
        self.commands += 1;
        let events = self.take(Input::Command(Command {
            id: CommandId(self.commands),
            who: "ops".into(),
            why: "test".into(),
            target: Path::from(path),
            if_run: None,
            if_revision: None,
            verb,
        }));
        assert!(!events.iter().any(|event| matches!(event, Event::Refused { .. })), "{events:?}");
        events
    }

    fn fail(&mut self, path: &str) -> Vec<Event> {
        let (child, run) = (self.id(path), self.run(path).expect("it lives"));
        self.take(Input::Exited { child, run, exit: Exit::FAILED, detail: None })
    }

    /// The machine stops, and is back after a while. Nothing has been handed in yet.
    fn lose(&mut self) {
        self.now += DOWN;
        let now = Moment::ZERO + Duration::from_secs(self.now);
        let snapshot = self.tree.snapshot().begin_again(now);
        self.tree = Tree::restore(snapshot).expect("the snapshot of a tree");
        assert_eq!(self.tree.now(), now);
        assert!(self.tree.children().all(|child| child.life().is_none()), "nothing lives");
    }

    fn id(&self, path: &str) -> ChildId {
        self.tree.find(&Path::from(path)).expect("a child")
    }

    fn run(&self, path: &str) -> Option<RunId> {
        self.tree.child(self.id(path)).and_then(|child| child.life()).map(|life| life.run)
    }

    fn why(&self, path: &str) -> Option<Rest> {
        match self.tree.child(self.id(path))?.state {
            State::Rest { why, .. } => Some(why),
            State::Live(_) => None,
        }
    }
}

/// A child whose first failure opens its breaker for `cooldown`.
fn fragile(name: &str, cooldown: u64) -> ChildDraft {
    ChildDraft {
        budget: Some(vec![limit(Count::Failures, 1, Within::Sliding(Duration::from_secs(60)))]),
        on_exhausted: Some(OnExhausted::Cooldown),
        cooldown: Some(vec![Cooldown::For(Duration::from_secs(cooldown))]),
        criticality: Some(Criticality::Optional),
        ..leaf(name)
    }
}

fn limit(count: Count, most: u32, within: Within) -> Limit {
    Limit { count, most, within, scope: Scope::Child, admit: Admit::AtExit }
}

#[test]
fn after_a_drain_all_that_is_wanted_comes_up_and_nothing_else() {
    let app =
        SupervisorDraft { children: vec![leaf("db"), leaf("copy")], ..SupervisorDraft::default() };
    let job = ChildDraft { restart: Some(Restart::Never), ..leaf("job") };
    let mut world = World::booted(vec![
        leaf("web"),
        leaf("stopped"),
        leaf("paused"),
        leaf("bad"),
        fragile("broken", 3 * DOWN),
        job,
        above("app", app),
    ]);
    world.ask("stopped", Verb::Stop);
    world.ask("paused", Verb::Pause { freeze: false });
    world.ask("bad", Verb::Quarantine);
    world.ask("app/copy", Verb::Stop);
    world.fail("broken");
    world.fail("job");
    world.ask("", Verb::Drain);
    assert!(world.tree.has_ended());
    let before = world.tree.snapshot();

    world.lose();
    assert!(!world.tree.has_ended() && world.tree.drain().is_none());
    assert_eq!(world.why("web"), Some(Rest::Above));
    world.take(Input::Boot);
    for (path, run) in [("web", 2), ("job", 2), ("app", 2), ("app/db", 2)] {
        assert_eq!(world.run(path), Some(RunId(run)), "{path}");
    }
    let until = Moment::ZERO + Duration::from_secs(3 * DOWN);
    assert_eq!(world.why("stopped"), Some(Rest::Stopped));
    assert_eq!(world.why("paused"), Some(Rest::Paused));
    assert_eq!(world.why("bad"), Some(Rest::Quarantined));
    assert_eq!(world.why("broken"), Some(Rest::Broken { until: Some(until) }));
    assert_eq!(world.why("app/copy"), Some(Rest::Stopped));
    assert_eq!(world.tree.snapshot().remembered, before.remembered);

    world.ask("paused", Verb::Resume);
    world.ask("bad", Verb::Release);
    world.ask("stopped", Verb::Start { over: false });
    for path in ["paused", "bad", "stopped"] {
        assert!(world.run(path).is_some(), "{path}");
    }
    world.now = 3 * DOWN;
    world.take(Input::Clock);
    assert_eq!(
        world.run("broken"),
        Some(RunId(2)),
        "the trial, after what was left of the cooldown"
    );
}

#[test]
fn a_run_that_nobody_saw_end_is_noted_and_charges_nothing() {
    let spec = ChildDraft {
        budget: Some(vec![limit(Count::Failures, 2, Within::Sliding(Duration::from_secs(3_600)))]),
        on_exhausted: Some(OnExhausted::Quarantine),
        ..leaf("web")
    };
    let mut world = World::booted(vec![spec]);
    world.now = 5;
    world.take(Input::Clock);
    world.lose();
    let web = world.tree.child(world.id("web")).expect("it is there");
    let last = web.memory.as_ref().and_then(|memory| memory.last.as_ref()).expect("an end");
    let (from, to) = (Moment::ZERO + Duration::from_secs(5), world.tree.now());
    assert_eq!((last.run, last.cause), (RunId::FIRST, Cause::Unknown { from, to }));
    assert_eq!((last.exit, last.ended), (Some(Exit::Unknown { from, to }), to));
    assert_eq!(last.decision.0, Rule::BegunAgain);
    assert_eq!(web.memory.as_ref().map(|memory| memory.windows.len()), Some(0));
    let story = world.tree.explain(world.id("web")).expect("a story").to_string();
    assert!(story.contains("Nobody saw it end, and the tree was begun again"), "{story}");
    // The first of two failures is still to come.
    world.take(Input::Boot);
    world.fail("web");
    assert!(!world.tree.child(world.id("web")).expect("there").quarantined);
}

#[test]
fn what_was_counted_and_the_place_on_the_backoff_outlive_it() {
    let ladder = [1, 10, 100].map(Duration::from_secs).into();
    let spec = ChildDraft {
        backoff: Some(Shape::Ladder(ladder)),
        jitter: Some(Jitter::None),
        budget: Some(vec![limit(Count::Restarts, 2, Within::Sliding(Duration::from_secs(3_600)))]),
        on_exhausted: Some(OnExhausted::Quarantine),
        ..leaf("web")
    };
    let app = SupervisorDraft { children: vec![spec], ..SupervisorDraft::default() };
    let mut world = World::booted(vec![above("app", app)]);
    world.fail("app/web");
    assert!(matches!(world.why("app/web"), Some(Rest::Waiting { .. })));
    world.lose();
    world.take(Input::Boot);
    // Beginning again does not wait for the rest of a delay, and the next delay is the next one.
    assert_eq!(world.run("app/web"), Some(RunId(2)));
    world.fail("app/web");
    let until = Moment::ZERO + Duration::from_secs(world.now + 10);
    assert_eq!(world.why("app/web"), Some(Rest::Waiting { until }));
    world.now += 10;
    world.take(Input::Clock);
    world.fail("app/web");
    let web = world.tree.child(world.id("app/web")).expect("there");
    assert!(web.quarantined, "the third restart within the hour");
    let alerts = |world: &World| {
        let web = world.tree.child(world.id("app/web")).expect("there");
        web.memory
            .as_ref()
            .expect("a memory")
            .alerts
            .iter()
            .map(|alert| alert.kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(alerts(&world), [AlertKind::Quarantined]);
    world.lose();
    world.take(Input::Boot);
    assert_eq!(
        (world.why("app/web"), alerts(&world)),
        (Some(Rest::Quarantined), vec![AlertKind::Quarantined])
    );
}

#[test]
fn a_supervisor_that_ends_later_begins_with_clean_counters_again() {
    let spec = ChildDraft {
        budget: Some(vec![limit(Count::Failures, 2, Within::Sliding(Duration::from_secs(3_600)))]),
        on_exhausted: Some(OnExhausted::Quarantine),
        ..leaf("web")
    };
    let app = SupervisorDraft { children: vec![spec], ..SupervisorDraft::default() };
    let mut world = World::booted(vec![above("app", app)]);
    world.fail("app/web");
    world.lose();
    world.take(Input::Boot);
    world.ask("app", Verb::Restart);
    world.fail("app/web");
    assert!(!world.tree.child(world.id("app/web")).expect("there").quarantined);
}

#[test]
fn beginning_again_uses_up_no_limit_on_starts() {
    let starts = Limit {
        admit: Admit::AtStart,
        ..limit(Count::Starts, 3, Within::Sliding(Duration::from_secs(1_000_000)))
    };
    let spec = ChildDraft {
        budget: Some(vec![starts]),
        on_exhausted: Some(OnExhausted::Quarantine),
        ..leaf("web")
    };
    for drains in [false, true] {
        let mut world = World::booted(vec![spec.clone()]);
        for run in 2..9 {
            if drains {
                world.ask("", Verb::Drain);
            }
            world.lose();
            world.take(Input::Boot);
            assert_eq!(world.run("web"), Some(RunId(run)), "drains: {drains}");
        }
    }
}

#[test]
fn added_children_come_back_and_those_of_dynamic_supervisors_do_not() {
    let template = Box::new(leaf(""));
    let pool = SupervisorDraft {
        dynamic: Some(DynamicDraft { template, max: None }),
        ..SupervisorDraft::default()
    };
    let mut world = World::booted(vec![leaf("web"), above("pool", pool)]);
    let spec = world.tree.child(world.id("web")).expect("there").spec.clone();
    world.ask("", Verb::Add { name: "more".into(), spec: Some(spec) });
    world.ask("pool", Verb::Add { name: "one".into(), spec: None });
    let one = world.id("pool/one");
    world.lose();
    world.take(Input::Boot);
    assert_eq!(world.run("more"), Some(RunId(2)));
    assert_eq!(world.tree.find(&Path::from("pool/one")), None);
    world.ask("pool", Verb::Add { name: "one".into(), spec: None });
    assert_ne!(world.id("pool/one"), one, "no id is given twice");
    assert_eq!(world.run("pool/one"), Some(RunId::FIRST));
}

#[test]
fn who_was_leaving_has_left() {
    let mut world = World::booted(vec![leaf("web"), leaf("old")]);
    let old = world.id("old");
    let mut out = Effects::new();
    let remove = Command {
        id: CommandId(1),
        who: "ops".into(),
        why: "test".into(),
        target: Path::from("old"),
        if_run: None,
        if_revision: None,
        verb: Verb::Remove,
    };
    // It is asked to end, and the machine stops before it has.
    world.tree.handle(Moment::ZERO, Input::Command(remove), &mut out);
    assert!(world.tree.child(old).is_some());
    world.lose();
    world.take(Input::Boot);
    assert_eq!((world.tree.child(old), world.tree.find(&Path::from("old"))), (None, None));
    assert_eq!(world.run("web"), Some(RunId(2)));
}

#[test]
fn what_came_due_meanwhile_is_met_by_the_first_input() {
    let mut world = World::booted(vec![fragile("web", DOWN / 2)]);
    world.fail("web");
    world.lose();
    let events = world.take(Input::Boot);
    let trial = |event: &Event| matches!(event, Event::Starting { trial: true, .. });
    assert!(events.iter().any(trial), "{events:?}");
    assert!(world.tree.deadline().is_none_or(|(at, _)| at > world.tree.now()));
}

#[test]
fn the_trial_of_a_group_begins_anew() {
    let app =
        SupervisorDraft { children: vec![leaf("a"), leaf("b")], ..SupervisorDraft::default() };
    let within = Within::Sliding(Duration::from_secs(60));
    let failures = Limit { scope: Scope::Supervisor, ..limit(Count::Failures, 1, within) };
    let app = ChildDraft {
        budget: Some(vec![failures]),
        on_exhausted: Some(OnExhausted::Cooldown),
        cooldown: Some(vec![Cooldown::For(Duration::from_secs(30))]),
        stable_after: Some(Duration::from_secs(60)),
        ..above("app", app)
    };
    let mut world = World::booted(vec![app]);
    let state = |world: &World| {
        let app = world.tree.child(world.id("app")).expect("there");
        app.group.as_ref().expect("a supervisor").breaker.state
    };
    world.fail("app/a");
    world.now = 30;
    world.take(Input::Clock);
    assert_eq!(state(&world), BreakerState::Trial);
    world.lose();
    world.take(Input::Boot);
    assert_eq!(state(&world), BreakerState::Trial);
    world.now += 60;
    world.take(Input::Clock);
    assert_eq!(state(&world), BreakerState::Closed);
}

#[test]
fn a_boot_begins_nothing_that_lives_or_has_ended() {
    let mut world = World::booted(vec![leaf("web")]);
    assert_eq!(world.take(Input::Boot), []);
    world.ask("", Verb::Drain);
    assert_eq!(world.take(Input::Boot), []);
    assert!(world.tree.has_ended() && world.run("web").is_none());
}

//! Whatever happens: every run is told once, and every state has a story that reads like one.

use crate::scene::{Scene, code, process, supervisor};
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::spec::{
    Activation, ChildDraft, Criticality, Need, OnExhausted, OnRestart, Preset, Ready, Strategy,
    SupervisorDraft, Until,
};
use mainstay_core::{Class, Event, Exit, Input, Path, StartStep, Verb};
use mainstay_wire::api;
use proptest::prelude::{Just, ProptestConfig, any, prop_oneof, proptest};
use proptest::strategy::Strategy as Made;
use std::collections::BTreeMap;
use std::time::Duration;

const PATHS: [&str; 9] = ["", "db", "web", "lazy", "app", "app/a", "app/b", "app/a/none", "app/c"];

/// A tree with a bit of everything.
fn tree() -> Vec<ChildDraft> {
    let need = Need { child: "db".into(), until: Until::Ready, on_restart: OnRestart::Restart };
    let budget = Limit {
        count: Count::Restarts,
        most: 3,
        within: Within::Sliding(Duration::from_secs(60)),
        scope: Scope::Supervisor,
        admit: Admit::AtExit,
    };
    let lazy = Some(Activation::OnDemand { idle: Some(Duration::from_secs(20)) });
    let below = SupervisorDraft {
        strategy: Some(Strategy::RestForOne),
        start_concurrency: Some(1),
        children: vec![
            process("a"),
            ChildDraft { ready: Some(Ready::Notify), ..process("b") },
            ChildDraft { criticality: Some(Criticality::Required), ..process("c") },
        ],
        ..SupervisorDraft::default()
    };
    vec![
        ChildDraft { ready: Some(Ready::Notify), ..process("db") },
        ChildDraft { needs: Some(vec![need]), preset: Some(Preset::Systemd), ..process("web") },
        ChildDraft { activation: lazy, ..process("lazy") },
        ChildDraft {
            budget: Some(vec![budget]),
            on_exhausted: Some(OnExhausted::Cooldown),
            ..supervisor("app", below)
        },
    ]
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Act {
    Pass(u64),
    End(usize, usize),
    Ready(usize),
    Ask(usize, usize),
    Demand,
    Slow(bool),
}

fn act() -> impl Made<Value = Act> {
    prop_oneof![
        3 => (0_u64..90_000).prop_map(Act::Pass),
        5 => (0..PATHS.len(), 0_usize..8).prop_map(|(path, how)| Act::End(path, how)),
        2 => (0..PATHS.len()).prop_map(Act::Ready),
        3 => (0..PATHS.len(), 0_usize..11).prop_map(|(path, verb)| Act::Ask(path, verb)),
        1 => Just(Act::Demand),
        1 => any::<bool>().prop_map(Act::Slow),
    ]
}

fn exit(how: usize, scene: &Scene) -> Exit {
    let now = scene.wall().now;
    match how {
        0 => Exit::Completed,
        1 => Exit::Skipped,
        2 => Exit::Signaled { signal: 9, core: false },
        3 => Exit::OutOfMemory,
        4 => Exit::StartFailed { step: StartStep::Folder, mendable: false },
        5 => Exit::Failed { code: None, class: Class::Permanent, retry_after: None },
        6 => Exit::Unknown { from: now, to: now },
        _ => code(1),
    }
}

fn verb(number: usize) -> Verb {
    match number {
        0 => Verb::Start { over: true },
        1 => Verb::Stop,
        2 => Verb::Restart,
        3 => Verb::Pause { freeze: false },
        4 => Verb::Resume,
        5 => Verb::Quarantine,
        6 => Verb::Release,
        7 => Verb::Reset { start: true },
        8 => Verb::Acknowledge,
        9 => Verb::Remove,
        _ => Verb::Start { over: false },
    }
}

fn perform(scene: &mut Scene, act: &Act) {
    let find = |scene: &Scene, path: usize| {
        let child = scene.tree.find(&Path::from(PATHS[path]))?;
        let found = scene.tree.child(child).filter(|found| found.group.is_none())?;
        Some((child, found.life()?.run))
    };
    match act {
        Act::Pass(millis) => drop(scene.millis(*millis)),
        Act::End(path, how) => {
            if let Some((child, run)) = find(scene, *path) {
                let (exit, detail) = (exit(*how, scene), Some("it said so".into()));
                scene.take(Input::Exited { child, run, exit, detail });
            }
        }
        Act::Ready(path) => {
            if let Some((child, run)) = find(scene, *path) {
                scene.take(Input::Started(child, run));
                scene.take(Input::Ready(child, run));
            }
        }
        Act::Ask(path, number) => drop(scene.asks(PATHS[*path], verb(*number), "alice", "a test")),
        Act::Demand => {
            if let Some(child) = scene.tree.find(&Path::from("lazy")) {
                scene.take(Input::Demand(child));
            }
        }
        Act::Slow(slow) => scene.starts = !slow,
    }
}

/// A sentence begins with a capital or a name, ends with a full stop, and says nothing twice.
fn check(explained: &api::Explanation) {
    assert!(!explained.story.is_empty());
    for sentence in &explained.story {
        let first = sentence.chars().next().expect("it says something");
        assert!(first.is_uppercase() || first == '`', "{sentence}");
        assert!(sentence.ends_with('.') && !sentence.ends_with(".."), "{sentence}");
        for wrong in ["  ", " ,", " .", " :", "another child", ": :", "()"] {
            assert!(!sentence.contains(wrong), "{sentence}");
        }
        assert!(sentence.matches(" because ").count() <= 1, "{sentence}");
    }
    let commands = explained.wishes.iter().filter_map(|wish| wish.command.as_ref());
    assert!(commands.into_iter().all(|command| command.starts_with("mainstay ")));
}

/// Every end is told once, with its decision, in the order of the runs.
fn check_runs(scene: &Scene) {
    let mut last: BTreeMap<(&str, u64), ()> = BTreeMap::new();
    for run in &scene.runs {
        assert!(last.insert((&run.path, run.run), ()).is_none(), "{run:?} is told twice");
        if !run.path.is_empty() && run.ended_at.is_some() {
            assert!(run.cause.is_some() && run.action.is_some(), "{run:?}");
        }
        assert!(run.trail.len() <= 64);
    }
    let is_end = |(_, event): &&(_, Event)| matches!(event, Event::Exited { .. });
    let ends = scene.events.iter().filter(is_end).count();
    let told = scene.runs.iter().filter(|run| run.action.is_some()).count();
    assert_eq!(told, ends);
    let live = scene.tree.children().filter(|child| child.life().is_some()).count();
    let open = scene.chronicle.open_runs().count();
    assert_eq!(open, if scene.tree.has_ended() { open } else { live });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_is_told(acts in proptest::collection::vec(act(), 1..60)) {
        let mut scene = Scene::new(tree());
        for act in &acts {
            perform(&mut scene, act);
            for path in PATHS {
                if scene.tree.find(&Path::from(path)).is_some() {
                    check(&scene.explain(path));
                }
            }
        }
        check_runs(&scene);
        scene.asks("", Verb::Drain, "alice", "the end").secs(300);
        check_runs(&scene);
    }
}

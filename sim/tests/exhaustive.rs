//! All orders of inputs, to a depth, in all trees of up to four children: each strategy, each restart rule.
//!
//! `MAINSTAY_DEPTH=6 cargo test -p mainstay-sim --test exhaustive` goes deeper.

use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{
    ChildDraft, Grace, Kind, Need, OnExhausted, OnRestart, Ready, Stop, Strategy, TreeDraft,
    TreeSpec, Until,
};
use mainstay_core::{ChildId, Command, CommandId, Exit, Input, Moment, RunId, Verb};
use mainstay_sim::watched::Watched;
use std::time::Duration;

const STRATEGIES: [Strategy; 3] = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
const RESTARTS: [Restart; 3] = [Restart::Always, Restart::OnFailure, Restart::Never];

fn limit(count: Count, most: u32, scope: Scope) -> Limit {
    let within = Within::Sliding(Duration::from_secs(60));
    Limit { count, most, within, scope, admit: Admit::AtExit }
}

fn spec(children: usize, strategy: Strategy, restart: Restart, needs: bool) -> TreeSpec {
    let mut draft = TreeDraft::default();
    draft.root.strategy = Some(strategy);
    draft.root_policy.budget = Some(vec![limit(Count::Restarts, 2, Scope::Supervisor)]);
    for at in 0..children {
        let need = Need {
            child: ((b'a' + at as u8).saturating_sub(1) as char).to_string().as_str().into(),
            until: Until::Ready,
            on_restart: OnRestart::Restart,
        };
        draft.root.children.push(ChildDraft {
            name: ((b'a' + at as u8) as char).to_string(),
            kind: Some(KindDraft::Leaf(Kind::Task)),
            restart: Some(restart),
            // The first has to say that it is ready.
            ready: Some(if at == 0 { Ready::Notify } else { Ready::Immediate }),
            needs: (needs && at > 0).then(|| vec![need]),
            backoff: Some(Shape::Fixed(Duration::from_secs(1))),
            jitter: Some(Jitter::None),
            holdoff: Some(Duration::ZERO),
            budget: Some(vec![limit(Count::Failures, 2, Scope::Child)]),
            on_exhausted: Some(OnExhausted::Cooldown),
            stable_after: Some(Duration::from_secs(5)),
            stop: Some(Stop {
                steps: vec![Grace::For(Duration::from_secs(3))],
                kill_wait: Duration::from_secs(2),
            }),
            ..ChildDraft::default()
        });
    }
    draft.build(Profile::Daemon).expect("a valid tree").0
}

/// Everything that can happen next.
fn inputs(watched: &Watched, step: u64) -> Vec<Input> {
    let tree = watched.tree();
    let mut inputs = Vec::new();
    if tree.deadline().is_some() {
        inputs.push(Input::Clock);
    }
    for child in tree.children_of(ChildId::ROOT) {
        let id = child.id;
        if let Some(run) = child.life().map(|life| life.run) {
            inputs.push(Input::Started(id, run));
            inputs.push(Input::Ready(id, run));
            for exit in [Exit::Completed, Exit::FAILED] {
                inputs.push(Input::Exited { child: id, run, exit, detail: None });
            }
        }
        // A fact about a run that is over.
        if child.runs > 1 {
            inputs.push(Input::Started(id, RunId(child.runs - 1)));
        }
    }
    let target = tree.children_of(ChildId::ROOT).next().and_then(|child| tree.path(child.id));
    let verbs = [
        Verb::Start { over: true },
        Verb::Stop,
        Verb::Restart,
        Verb::Pause { freeze: false },
        Verb::Resume,
        Verb::Quarantine,
        Verb::Release,
    ];
    if let Some(target) = target {
        inputs.extend(verbs.into_iter().map(|verb| {
            Input::Command(Command {
                id: CommandId(u128::from(step)),
                who: "test".into(),
                why: "every order".into(),
                target: target.clone(),
                if_run: None,
                if_revision: None,
                verb,
            })
        }));
    }
    inputs
}

/// Takes every way from here, `depth` inputs deep; returns how many steps that were.
fn every_way(watched: &Watched, now: Moment, depth: u32, trail: &mut Vec<Input>) -> u64 {
    if depth == 0 {
        return 0;
    }
    let mut steps = 0;
    for input in inputs(watched, trail.len() as u64 + 1) {
        let mut next = watched.fork().expect("a tree that can be restored");
        let due = next.tree().deadline().map(|(at, _)| at);
        let at = match (&input, due) {
            (Input::Clock, Some(due)) => due,
            _ => now,
        };
        trail.push(input.clone());
        if let Err(broken) = next.step(at, &input) {
            panic!("after {trail:#?}: {broken}");
        }
        steps += 1 + every_way(&next, at, depth - 1, trail);
        trail.pop();
    }
    steps
}

/// Brings a tree up: every child is told to have started and to be ready.
fn bring_up(watched: &mut Watched) {
    watched.step(Moment::ZERO, &Input::Boot).expect("it boots");
    for _ in 0..4 {
        let opening: Vec<_> = watched
            .tree()
            .children_of(ChildId::ROOT)
            .filter_map(|child| Some((child.id, child.life()?.run)))
            .collect();
        for (child, run) in opening {
            watched.step(Moment::ZERO, &Input::Ready(child, run)).expect("it is ready");
        }
    }
}

#[test]
fn every_order_of_inputs_keeps_every_invariant() {
    let extra = std::env::var("MAINSTAY_DEPTH").ok().and_then(|depth| depth.parse::<u32>().ok());
    let mut steps = 0;
    for children in 1..=4 {
        let depth = extra.unwrap_or(match children {
            1 => 4,
            _ => 3,
        });
        for strategy in STRATEGIES {
            for restart in RESTARTS {
                for needs in [false, true] {
                    if needs && !(2..=3).contains(&children) {
                        continue;
                    }
                    let spec = spec(children, strategy, restart, needs);
                    let mut cold = Watched::new(&spec);
                    cold.step(Moment::ZERO, &Input::Boot).expect("it boots");
                    steps += every_way(&cold, Moment::ZERO, depth, &mut Vec::new());
                    let mut warm = Watched::new(&spec);
                    bring_up(&mut warm);
                    steps += every_way(&warm, Moment::ZERO, depth, &mut Vec::new());
                }
            }
        }
    }
    assert!(steps > 100_000, "only {steps} steps: something keeps it from going on");
}

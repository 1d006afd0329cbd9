//! What policies do with children that die.

use crate::golden;
use crate::scene::{Scene, code, process};
use mainstay_core::policy::backoff::Shape;
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::{ChildDraft, OnExhausted, Preset, Ready};
use mainstay_core::{Exit, Verb};
use mainstay_daemon::simulate::{
    How, Policy, Scenario, ScenarioError, Timeline, compare, exit, pattern, recorded, simulate,
};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn secs(span: Option<Duration>) -> f64 {
    span.expect("it gave up").as_secs_f64()
}

fn dies(spans: &str, times: u32, how: &str) -> Scenario {
    Scenario::dies(pattern(spans).expect("a pattern"), times, exit(how).expect("an end"))
}

fn play(policy: &str, scenario: &Scenario, horizon: Duration) -> Timeline {
    simulate(&Policy::named(policy).expect("a policy"), scenario, horizon, 1)
}

#[test]
fn by_the_defaults_an_instantly_dying_child_is_tried_for_two_minutes_and_then_once_after_one() {
    let timeline = play("default", &dies("0s", u32::MAX, "1"), Duration::from_secs(300));
    let gave_up = secs(timeline.gave_up_at);
    assert!((60.0..150.0).contains(&gave_up), "{gave_up}");
    assert_eq!(timeline.gave_up.as_deref(), Some("its breaker opens for 1m"));
    let after = |(at, _): &&(Duration, String)| at.as_secs_f64() >= gave_up + 60.0;
    let trial = timeline.steps.iter().find(after).expect("it is tried");
    assert!(trial.1.starts_with("#12, the trial, exited with code 1"), "{}", trial.1);
    assert!((trial.0.as_secs_f64() - gave_up - 60.0).abs() < 0.001);
    assert_eq!((timeline.starts, timeline.alerts), (12, Some(1)), "11 runs, then the trial");
}

#[test]
fn presets_do_what_their_originals_do() {
    let at_once = dies("0s", u32::MAX, "1");
    let systemd = play("systemd", &at_once, HOUR);
    assert_eq!(systemd.starts, 5);
    assert!(secs(systemd.gave_up_at) <= 10.0, "{systemd}");
    assert!(systemd.ends.contains("quarantined"), "{}", systemd.ends);
    let kubernetes = play("kubernetes", &at_once, HOUR);
    assert_eq!(kubernetes.gave_up_at, None, "it never gives up");
    let begun: Vec<u64> = kubernetes.steps.iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(begun[..7], [0, 10, 30, 70, 150, 310, 610], "10 s, doubling to 5 min");
    assert_eq!(kubernetes.longest_down, HOUR, "it is never ready for longer than no time");
    let supervisord = play("supervisord", &at_once, HOUR);
    assert_eq!(supervisord.starts, 4);
    // Its limit stands on the supervisor.
    let otp = play("otp", &at_once, HOUR);
    assert_eq!((otp.starts, secs(otp.gave_up_at)), (2, 0.0));
    assert_eq!(otp.ends, "down: the tree has ended");
    let s6 = play("s6", &at_once, HOUR);
    assert_eq!((s6.starts, s6.gave_up_at), (3_601, None));
    assert_eq!(s6.steps.len(), 3, "two are told, the others are counted: {:?}", s6.steps);
}

#[test]
fn a_child_that_recovers_is_up_again() {
    let timeline = play("default", &dies("3s", 4, "KILL"), HOUR);
    assert_eq!((timeline.starts, timeline.gave_up_at), (5, None));
    assert_eq!((timeline.ends.as_str(), timeline.alerts), ("ready", Some(0)));
    assert_eq!(timeline.horizon, HOUR);
    assert_eq!(timeline.uptime + timeline.downtime, HOUR);
    let waits = timeline.downtime.as_secs_f64();
    assert!((3.75..=7.5).contains(&waits), "0.5, 1, 2, 4 s, halved at the most: {waits}");
    assert!(timeline.longest_down <= Duration::from_secs(4));
    assert!((timeline.restarts_per_hour - 4.0).abs() < 0.001);
}

#[test]
fn timelines_are_told() {
    let mut told = String::new();
    let scenario = dies("3s", 50, "1");
    let default = play("default", &scenario, scenario.horizon());
    let systemd = play("systemd", &scenario, scenario.horizon());
    let kubernetes = play("kubernetes", &dies("3s,3s,1m", 40, "oom"), 6 * HOUR);
    writeln!(told, "{}", default.text(100)).expect("a string takes it all");
    writeln!(told, "{}", kubernetes.text(60)).expect("a string takes it all");
    writeln!(told, "{}", compare(&default, &systemd, 120)).expect("a string takes it all");
    write!(told, "{}", compare(&default, &systemd, 72)).expect("a string takes it all");
    for line in told.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
    golden::compare("simulate.txt", &told);
}

#[test]
fn what_was_recorded_can_be_played_under_another_policy() {
    let mut scene = Scene::new([process("web")]);
    scene.secs(40).ends("web", code(3), "");
    scene.run_again("web").secs(20).asks("web", Verb::Restart, "alice", "new certificate");
    scene.ends("web", Exit::Completed, "");
    scene.run_again("web").secs(5).ends("web", Exit::OutOfMemory, "");
    let scenario = Scenario::from_runs(&scene.runs).expect("three runs have ended");
    assert_eq!(scenario.name, "the 3 recorded runs that have ended");
    let lives: Vec<u64> = scenario.ends.iter().map(|end| end.lives.as_secs()).collect();
    assert_eq!(lives, [40, 20, 5]);
    assert_eq!(scenario.ends[1].how, How::Restarted);
    assert_eq!(scenario.ends[2].how, How::Exit(Exit::OutOfMemory));
    let timeline = play("kubernetes", &scenario, HOUR);
    assert_eq!((timeline.starts, timeline.ends.as_str()), (4, "ready"));
    assert_eq!(timeline.downtime, Duration::from_secs(10 + 20), "a restart by hand costs nothing");
    assert_eq!(Scenario::from_runs(&[]), Err(ScenarioError::NoHistory));
}

#[test]
fn what_happened_stands_beside_what_would_have() {
    let mut scene = Scene::new([process("web")]);
    for _ in 0..14 {
        scene.run_again("web").secs(3).ends("web", code(3), "disk full");
    }
    scene.run_again("web").secs(600);
    let live = scene.chronicle.open_runs().map(|(_, run)| run).last().expect("web lives");
    let runs: Vec<_> = scene.runs.iter().cloned().chain([live]).collect();
    let happened = recorded(&runs, scene.wall().now_at).expect("runs have ended");
    assert_eq!((happened.starts, happened.ends.as_str()), (15, "ready"));
    assert_eq!(happened.uptime + happened.downtime, happened.horizon);
    assert_eq!(happened.uptime, Duration::from_secs(14 * 3 + 600));
    assert_eq!(happened.longest_down, HOUR, "the third cooldown");
    let scenario = Scenario::from_runs(&runs).expect("runs have ended");
    let played = play("default", &scenario, happened.horizon);
    assert_eq!((played.starts, played.longest_down), (15, HOUR), "the same policy does the same");
    let told = compare(&happened, &play("supervisord", &scenario, happened.horizon), 110);
    golden::compare("recorded.txt", &told);
    assert_eq!(recorded(&[], 0), Err(ScenarioError::NoHistory));
}

#[test]
fn the_policy_of_a_child_of_a_spec_file_is_played() {
    let never = ChildDraft { restart: Some(Restart::Never), ..process("import") };
    let policy = Policy::drafted(never).expect("a valid child");
    let timeline = simulate(&policy, &dies("9s", 3, "4"), HOUR, 1);
    assert_eq!((policy.name(), timeline.starts), ("import", 1));
    assert_eq!(timeline.gave_up.as_deref(), Some("gets no other run"));
    let clean = simulate(&policy, &dies("9s", 3, "clean"), HOUR, 1);
    assert_eq!((clean.starts, clean.gave_up_at), (1, None));
    let wrong = Policy::drafted(ChildDraft { name: "web".into(), ..ChildDraft::default() });
    assert!(wrong.expect_err("it has no kind").to_string().starts_with("this is no policy: "));
    assert!(Policy::named("upstart").is_none());
}

#[test]
fn a_loop_without_a_delay_is_cut_off() {
    let budget: Option<Vec<Limit>> = Some(Vec::new());
    let draft = ChildDraft { preset: Some(Preset::S6), budget, ..process("web") };
    let draft = ChildDraft { holdoff: Some(Duration::ZERO), ..draft };
    let policy = Policy::drafted(draft).expect("a valid child");
    let timeline = simulate(&policy, &dies("0s", u32::MAX, "1"), HOUR, 1);
    assert!(timeline.is_cut && timeline.starts == 100_000, "{timeline}");
}

#[test]
fn the_same_seed_gives_the_same_timeline() {
    let (policy, scenario) = (Policy::standard(), dies("1s", 20, "1"));
    let of = |seed| simulate(&policy, &scenario, HOUR, seed);
    assert_eq!(of(3), of(3));
    assert_ne!(of(3).steps, of(4).steps, "jitter follows the seed");
}

/// Any policy that a child can be declared with.
fn any_policy() -> impl Strategy<Value = ChildDraft> {
    let millis = |most: u64| (0..most).prop_map(Duration::from_millis);
    let shape = prop_oneof![
        Just(Shape::None),
        millis(100_000).prop_map(Shape::Fixed),
        (1_u64..5_000, 1_u64..100_000).prop_map(|(first, more)| Shape::Exponential {
            first: Duration::from_millis(first),
            factor: 1.5,
            most: Duration::from_millis(first + more),
        }),
    ];
    let counts = proptest::sample::select(vec![Count::Starts, Count::Restarts, Count::Failures]);
    let within = prop_oneof![
        (1_u64..100_000).prop_map(|span| Within::Sliding(Duration::from_millis(span))),
        (1_u64..100_000).prop_map(|span| Within::Tumbling(Duration::from_millis(span))),
        Just(Within::Consecutive),
    ];
    let limit = (counts, 1_u32..8, within).prop_map(|(count, most, within)| Limit {
        // Starts are never forgotten, so in a row they are not counted.
        count: if within == Within::Consecutive { Count::Failures } else { count },
        most,
        within,
        scope: Scope::Child,
        admit: Admit::AtExit,
    });
    let restart =
        proptest::sample::select(vec![Restart::Always, Restart::OnFailure, Restart::Never]);
    let end = proptest::sample::select(vec![
        OnExhausted::Cooldown,
        OnExhausted::Quarantine,
        OnExhausted::Escalate,
        OnExhausted::Shutdown,
    ]);
    let budget = proptest::collection::vec(limit, 0..3);
    (restart, shape, millis(5_000), budget, end, 1_u64..100_000, any::<bool>()).prop_map(
        |(restart, shape, holdoff, budget, end, stable, waits)| ChildDraft {
            restart: Some(restart),
            backoff: Some(shape),
            holdoff: Some(holdoff),
            budget: Some(budget),
            on_exhausted: Some(end),
            stable_after: Some(Duration::from_millis(stable)),
            ready: waits.then_some(Ready::Notify),
            ..process("web")
        },
    )
}

proptest! {
    #[test]
    fn any_policy_ends_with_any_scenario(
        policy in prop_oneof![
            proptest::sample::select(Policy::names().collect::<Vec<_>>())
                .prop_map(|name| Policy::named(name).expect("a policy")),
            any_policy().prop_map(|draft| Policy::drafted(draft).expect("a valid child")),
        ],
        spans in proptest::collection::vec(0_u64..200_000, 1..5),
        ready in proptest::option::of(0_u64..10_000),
        times in 0_u32..60,
        how in proptest::sample::select(vec![
            "0", "3", "KILL", "TERM", "oom", "panic", "transient", "permanent", "no-start", "unseen",
        ]),
        horizon in 0_u64..100_000,
        seed: u64,
    ) {
        let spans = spans.into_iter().map(Duration::from_millis).collect();
        let mut scenario = Scenario::dies(spans, times, exit(how).expect("an end"));
        if let Some(ready) = ready {
            scenario = scenario.ready_after(Duration::from_millis(ready));
        }
        let horizon = Duration::from_secs(horizon);
        let timeline = simulate(&policy, &scenario, horizon, seed);
        prop_assert_eq!(timeline.horizon, horizon);
        prop_assert_eq!(timeline.uptime + timeline.downtime, horizon);
        prop_assert!(timeline.longest_down <= timeline.downtime);
        prop_assert!(timeline.starts <= u64::from(times) + 1);
        prop_assert!(timeline.steps.is_sorted_by_key(|(at, _)| *at));
        prop_assert!(timeline.steps.iter().all(|(at, _)| *at <= horizon));
        prop_assert_eq!(timeline.gave_up_at.is_some(), timeline.gave_up.is_some());
        prop_assert!(!timeline.text(80).is_empty());
    }
}

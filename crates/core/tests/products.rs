//! Rows of the conformance list that are whole products: every combination, against a rule that is
//! written down here a second time.
//!
//! Where a table can say it, the table is generated and checked like the written ones; the rest
//! asks the public API. `docs/conformance.md` lists which row is proven where.

#[path = "conformance/check.rs"]
mod check;
#[path = "conformance/declare.rs"]
mod declare;
#[path = "conformance/values.rs"]
mod values;
#[path = "conformance/words.rs"]
mod words;
#[path = "conformance/world.rs"]
mod world;

use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::check::Rule as Broken;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{
    AutoShutdown, ChildDraft, Grace, Kind, Stop, SupervisorDraft, TreeDraft,
};
use std::fmt::Write;
use std::time::Duration;

/// Checks a generated table and returns how many scenarios it had.
fn holds(table: &str) -> usize {
    let checked = check::table(table);
    assert!(
        checked.failures.is_empty(),
        "{}\n{}",
        checked.failures.join("\n\n"),
        checked.trace.lines().take(40).collect::<Vec<_>>().join("\n")
    );
    checked.scenarios
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % most
    }
}

#[test]
fn c5_every_combination_of_significance_and_rules_gets_the_verdict_of_the_rule_table() {
    let stop = |steps| Some(Stop { steps, kill_wait: Duration::from_secs(5) });
    let stops = [
        None,
        stop(vec![Grace::For(Duration::ZERO)]),
        stop(vec![Grace::For(Duration::from_millis(1_000))]),
        stop(vec![Grace::Unbounded]),
        stop(Vec::new()),
    ];
    let ends = [AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant];
    let rules = [Restart::Always, Restart::OnFailure, Restart::Never];
    let kinds = [
        KindDraft::Leaf(Kind::Task),
        KindDraft::Leaf(Kind::Process),
        KindDraft::Supervisor(SupervisorDraft::default()),
    ];
    let mut specs = 0;
    for profile in [Profile::Library, Profile::Daemon] {
        for auto_shutdown in [None].into_iter().chain(ends.map(Some)) {
            for restart in [None].into_iter().chain(rules.map(Some)) {
                for stop in &stops {
                    for kind in &kinds {
                        for significant in [None, Some(false), Some(true)] {
                            let child = ChildDraft {
                                name: "a".into(),
                                kind: Some(kind.clone()),
                                restart,
                                stop: stop.clone(),
                                significant,
                                ..ChildDraft::default()
                            };
                            let mut draft = TreeDraft::default();
                            draft.root.auto_shutdown = auto_shutdown;
                            draft.root.children.push(child);
                            let found = draft.build(profile).err().unwrap_or_default();
                            // The rule table: a significant child must be able to end, and
                            // somebody must look at its end. Nothing else matters.
                            let always = match restart {
                                Some(rule) => rule == Restart::Always,
                                None => profile == Profile::Daemon,
                            };
                            let unseen = matches!(auto_shutdown, None | Some(AutoShutdown::Never));
                            let faults = usize::from(always) + usize::from(unseen);
                            let expected = if significant == Some(true) { faults } else { 0 };
                            let named = found.iter().all(|found| found.rule == Broken::Significant);
                            let case = format!(
                                "{profile:?} {auto_shutdown:?} {restart:?} {stop:?} {significant:?}"
                            );
                            assert_eq!(found.len(), expected, "{case}: {found:?}");
                            assert!(named, "{case}: {found:?}");
                            specs += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(specs, 2 * 720);
}

#[test]
fn c11_a_hundred_orders_of_declaration_are_a_hundred_orders_of_starts() {
    let mut dice = Dice(11);
    for _ in 0..100 {
        let mut names: Vec<String> = (1..=12).map(|n| format!("ch{n}")).collect();
        for at in (1..names.len()).rev() {
            names.swap(at, dice.below(at + 1));
        }
        let mut table = String::new();
        for (root, child) in
            [("root preset=otp", "preset=otp"), ("tree cores=9", ""), ("root rest-for-one", "")]
        {
            writeln!(table, "scenario C11 {root}\n{root}").unwrap();
            for name in &names {
                writeln!(table, "child {name} {child}").unwrap();
            }
            let starts: Vec<String> = names.iter().map(|name| format!("start {name}#1")).collect();
            writeln!(table, "0 boot | {}", starts.join(", ")).unwrap();
        }
        assert_eq!(holds(&table), 3);
    }
}

/// Ends of a run: settings it takes, the row that makes it, whether it is clean.
const ENDS: [(&str, &str, bool); 13] = [
    ("", "1 exit a completed", true),
    ("success=3", "1 exit a failed:3", true),
    ("takes=never", "1 exit a skipped", true),
    ("", "1 exit a", false),
    ("", "1 exit a failed:3", false),
    ("", "1 exit a panic", false),
    ("start_timeout=5s takes=never stops=0", "5000 .", false),
    ("heartbeat=1s*3", "3000 .", false),
    ("", "1 exit a signal:9", false),
    ("", "1 exit a oom", false),
    ("", "1 exit a overlimit", false),
    ("", "1 exit a aborted", false),
    ("", "1 exit a unknown", false),
];

#[test]
fn c26_c27_c29_every_restart_rule_against_every_end() {
    let mut table = String::new();
    for (settings, end, clean) in ENDS {
        for rule in ["always", "on-failure", "never"] {
            for preset in ["", "preset=otp"] {
                let skips = end.contains("skipped");
                let again = !skips && (rule == "always" || rule == "on-failure" && !clean);
                let plain = if preset.is_empty() { "backoff=none holdoff=0" } else { preset };
                let word = match (skips, clean) {
                    (true, _) => "skipped",
                    (false, true) => "completed",
                    (false, false) => "failed",
                };
                let asks = if end.ends_with('.') { "stop a#1, " } else { "" };
                let follows = match (again, rule, preset) {
                    (true, ..) => format!("{asks}start a#2, =count 1 1"),
                    (false, "never", "preset=otp") => format!("{asks}forget a, =count 0 0"),
                    (false, ..) => format!("{asks}a rests: {word}, =count 1 0"),
                };
                writeln!(
                    table,
                    "scenario {rule} {preset} {settings} {end}\nroot {preset} limit=none\n\
                     child a {plain} {rule} {settings}\n0 boot | start a#1\n{end} | {follows}"
                )
                .unwrap();
                if !again && !follows.contains("forget") {
                    writeln!(table, "6000 do start a | start a#2, ok").unwrap();
                }
            }
        }
    }
    assert_eq!(holds(&table), ENDS.len() * 6);
}

#[test]
fn c40_the_phase_of_the_first_start_changes_no_verdict() {
    // Moments of failures in ms, and which of them is one too many for 3 restarts in 10 s.
    let cases: [(&[u64], Option<usize>); 5] = [
        (&[0, 1, 2, 3], Some(3)),
        (&[0, 4_000, 8_000, 10_000], None),
        (&[0, 4_000, 8_000, 9_999], Some(3)),
        (&[0, 9_000, 9_500, 10_500, 10_900], Some(4)),
        (&[0, 0, 0, 10_000, 10_000, 10_000, 19_999], Some(6)),
    ];
    let limits = [
        ("restarts:3/10s:supervisor", ""),
        ("restarts:3/10s:tree", ""),
        ("none", "limit=restarts:3/10s"),
    ];
    let mut table = String::new();
    let mut scenarios = 0;
    for (failures, last) in cases {
        for phase in [0, 1, 499, 500, 900, 999] {
            for (limit, own) in limits {
                for nanos in [0, 1, 999_999] {
                    writeln!(table, "scenario {phase} {nanos} {limit} {failures:?}\nterse")
                        .unwrap();
                    writeln!(table, "root limit={limit}\nchild a {own}").unwrap();
                    writeln!(table, "{phase}ms+{nanos}ns boot | start a#1").unwrap();
                    for (at, failure) in failures.iter().enumerate() {
                        let follows = match last {
                            Some(last) if last == at => "drain, end 1 by a".into(),
                            _ => format!("start a#{}", at + 2),
                        };
                        let at = failure + phase;
                        writeln!(table, "{at}ms+{nanos}ns exit a | {follows}").unwrap();
                    }
                    scenarios += 1;
                }
            }
        }
    }
    assert_eq!(holds(&table), scenarios);
}

#[test]
fn c39_every_short_schedule_agrees_with_counting_by_hand() {
    const SPAN: u64 = 10;
    let gaps = [0, 1, 5, 9, 10, 11];
    let mut table = String::new();
    for most in 0..=3 {
        for schedule in 0..gaps.len().pow(4) {
            let mut moments = vec![0_u64];
            let mut left = schedule;
            for _ in 0..4 {
                moments.push(moments.last().unwrap() + gaps[left % gaps.len()]);
                left /= gaps.len();
            }
            writeln!(table, "scenario {most} {moments:?}\nterse").unwrap();
            writeln!(table, "child a limit=restarts:{most}/{SPAN}ns").unwrap();
            writeln!(table, "0 boot | start a#1").unwrap();
            for (n, at) in moments.iter().enumerate() {
                // Every earlier failure was followed by a restart, or we would not be here.
                let young = moments[..n].iter().filter(|entry| at - *entry < SPAN).count();
                if young >= most {
                    writeln!(table, "{at}ns exit a | drain, end 1 by a").unwrap();
                    break;
                }
                writeln!(table, "{at}ns exit a | start a#{}", n + 2).unwrap();
            }
        }
    }
    assert_eq!(holds(&table), 4 * 1_296);
}

#[test]
fn c41_a_failure_every_600_ms_never_spends_three_in_a_second() {
    let mut table = String::from(
        "scenario C41\nterse\nroot limit=restarts:3/1s:supervisor\nchild a\n0 boot | start a#1\n",
    );
    for n in 1..=100 {
        writeln!(table, "{} exit a | start a#{}", n * 600, n + 1).unwrap();
    }
    writeln!(table, "60000 . | =starts a 101").unwrap();
    // A nanosecond of each period less, and still two in any second at most.
    table.push_str("scenario C41+ at the edge\nterse\nroot limit=restarts:3/1s:supervisor\nchild a\n0 boot | start a#1\n");
    for n in 0..100_u64 {
        // Three in one moment, each second: the third restart is the last that is allowed.
        let at = n / 3 * 1_000;
        writeln!(table, "{at} exit a | start a#{}", n + 2).unwrap();
    }
    holds(&table);
}

#[test]
fn c55_a_hundred_that_wait_for_the_end_of_a_cooldown_start_over_five_seconds() {
    let mut table = String::from(
        "scenario C55\nterse\ntree storm=1/20 cores=99\nroot\n\
         child s supervisor limit=restarts:0/60s:supervisor exhausted=cooldown cooldown=15s\n",
    );
    let name = |n: usize| format!("s/c{n:02}");
    for n in 0..100 {
        writeln!(table, "child {}", name(n)).unwrap();
    }
    for n in 0..100 {
        let boot = if n == 0 { "boot" } else { "." };
        writeln!(table, "{} {boot} | start {}#1", n * 50, name(n)).unwrap();
    }
    writeln!(table, "10000 exit s/c00 | children of s opens 15s, s/c00 rests: cooling").unwrap();
    for n in 1..100 {
        let child = name(n);
        writeln!(table, "10000 exit {child} | {child} rests: cooling").unwrap();
    }
    for n in 0..100 {
        let opens = if n == 0 { "children of s on trial, " } else { "" };
        writeln!(table, "{} . | {opens}start {}#2", 25_000 + n * 50, name(n)).unwrap();
    }
    writeln!(table, "29950 . | =starts s/c99 2").unwrap();
    holds(&table);
}

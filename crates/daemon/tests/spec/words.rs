//! Words of other systems within their presets: what each becomes, and what it does in virtual time.

use crate::support::{bad, child, good, spec};
use mainstay_daemon::simulate::{Policy, Scenario, Timeline, exit, pattern, simulate};
use mainstay_wire::spec::keys::WORDS;
use std::collections::BTreeSet;
use std::time::Duration;

/// Words of a preset, the same in our keys, and the words that the row is about.
const ROWS: &[(&str, &str)] = &[
    (
        "systemd: {StartLimitBurst: 3}",
        "{preset: systemd, budget: {count: starts, most: 3, within: tumbling 10s 1ns, admit: at-start}}",
    ),
    (
        "systemd: {StartLimitIntervalSec: 60}",
        "{preset: systemd, budget: {count: starts, most: 5, within: tumbling 60s 1ns, admit: at-start}}",
    ),
    ("systemd: {StartLimitIntervalSec: 0}", "{preset: systemd, budget: none}"),
    ("systemd: {StartLimitBurst: 0}", "{preset: systemd, budget: none}"),
    (
        "systemd: {StartLimitIntervalSec: infinity}",
        "{preset: systemd, budget: {count: starts, most: 5, within: tumbling 5000w, admit: at-start}}",
    ),
    ("systemd: {RestartSec: 2}", "{preset: systemd, backoff: 2s}"),
    ("systemd: {RestartSec: 250ms}", "{preset: systemd, backoff: 250ms}"),
    ("systemd: {RestartSec: 0}", "{preset: systemd, backoff: none}"),
    ("systemd: {RestartSec: 2, RestartSteps: 4}", "{preset: systemd, backoff: 2s}"),
    ("systemd: {RestartSteps: 4}", "preset: systemd"),
    (
        "systemd: {RestartSec: 10, RestartSteps: 4, RestartMaxDelaySec: 160}",
        "{preset: systemd, backoff: {geometric: {first: 10s, most: 160s, steps: 4}}}",
    ),
    (
        "systemd: {RestartSteps: 5, RestartMaxDelaySec: 30s}",
        "{preset: systemd, backoff: {geometric: {first: 100ms, most: 30s, steps: 5}}}",
    ),
    ("supervisord: {autorestart: true}", "{preset: supervisord, restart: always}"),
    ("supervisord: {autorestart: false}", "{preset: supervisord, restart: never}"),
    ("supervisord: {autorestart: unexpected}", "{preset: supervisord, restart: on-failure}"),
    ("supervisord: {startsecs: 5}", "{preset: supervisord, stable_after: 5s}"),
    (
        "supervisord: {startsecs: 0, startretries: 9}",
        "{preset: supervisord, backoff: none, budget: none}",
    ),
    (
        "supervisord: {startretries: 5}",
        "{preset: supervisord, budget: {count: restarts, most: 5, within: consecutive}}",
    ),
    ("supervisord: {exitcodes: [0, 2]}", "{preset: supervisord, success: [2]}"),
    ("supervisord: {exitcodes: 3}", "{preset: supervisord, success: [3]}"),
    (
        "supervisord: {stopsignal: QUIT}",
        "{preset: supervisord, stop: [{signal: QUIT, within: 10s}]}",
    ),
    (
        "supervisord: {stopwaitsecs: 30}",
        "{preset: supervisord, stop: [{signal: TERM, within: 30s}]}",
    ),
    (
        "pm2: {exp_backoff_restart_delay: 4000}",
        "{preset: pm2, backoff: [4s, 6s, 9s, 13500ms, 15s]}",
    ),
    ("pm2: {exp_backoff_restart_delay: 0}", "{preset: pm2, backoff: none}"),
    ("pm2: {restart_delay: 500}", "{preset: pm2, backoff: 500ms}"),
    (
        "pm2: {max_restarts: 10}",
        "{preset: pm2, budget: {count: failures, most: 10, within: tumbling 10s}}",
    ),
    (
        "pm2: {min_uptime: 2s}",
        "{preset: pm2, budget: {count: failures, most: 16, within: tumbling 32s}}",
    ),
    ("pm2: {kill_timeout: 3000}", "{preset: pm2, stop: [{signal: INT, to: all, within: 3s}]}"),
    ("process-compose: {backoff_seconds: 2}", "{preset: process-compose, backoff: 2s}"),
    ("process-compose: {backoff_seconds: 0}", "{preset: process-compose, backoff: 1s}"),
    (
        "process-compose: {max_restarts: 3}",
        "{preset: process-compose, budget: {count: restarts, most: 3, within: tumbling 5000w}}",
    ),
    ("process-compose: {max_restarts: 0}", "{preset: process-compose, budget: none}"),
    (
        "kubernetes: {backoffLimit: 6}",
        "{preset: kubernetes, restart: on-failure, on_exhausted: quarantine, budget: {count: restarts, most: 6, \
         within: tumbling 5000w}}",
    ),
];

/// A child that says this, beside its command.
fn said(says: &str) -> String {
    let inner = says.strip_prefix('{').and_then(|says| says.strip_suffix('}')).unwrap_or(says);
    format!("children: {{web: {{command: x, {inner}}}}}\n")
}

#[test]
fn each_word_becomes_the_keys_that_it_names() {
    let mut seen = BTreeSet::new();
    for (words, keys) in ROWS {
        let by_words = child(&spec(&good(&said(&format!("preset: {{{words}}}")))), "web");
        let by_keys = child(&spec(&good(&said(keys))), "web");
        assert_eq!(format!("{by_words:?}"), format!("{by_keys:?}"), "{words}");
        seen.extend(
            WORDS
                .iter()
                .flat_map(|words| words.group.all())
                .filter_map(|key| words.contains(&format!("{}:", key.name)).then_some(key.name)),
        );
    }
    // Those of a supervisor stand in a test of their own.
    for word in WORDS.iter().flat_map(|words| words.group.all()) {
        assert!(
            seen.contains(word.name) || matches!(word.name, "intensity" | "period"),
            "`{}` has no row",
            word.name
        );
    }
}

#[test]
fn words_of_otp_are_about_the_children_of_a_supervisor_or_of_the_root() {
    let words = "preset: {otp: {intensity: 3, period: 10}}";
    let keys = "preset: otp\nbudget: {count: restarts, most: 3, within: sliding 10s}";
    let root = |says: &str| spec(&good(&format!("{says}\nchildren: {{web: x}}\n")));
    assert_eq!(format!("{:?}", root(words).root.spec), format!("{:?}", root(keys).root.spec));
    let below = |says: &str| {
        let text = format!(
            "children:\n  app:\n    {}\n    children: {{web: x}}\n",
            says.replace('\n', "\n    ")
        );
        child(&spec(&good(&text)), "app")
    };
    assert_eq!(format!("{:?}", below(words)), format!("{:?}", below(keys)));
}

/// Plays a child that dies at once by these words.
fn play(words: &str, spans: &str, horizon: u64) -> Timeline {
    let spec = child(&spec(&good(&said(&format!("preset: {{{words}}}")))), "web");
    let policy = Policy::of("web", &spec).expect("a process");
    let dies =
        Scenario::dies(pattern(spans).expect("a pattern"), u32::MAX, exit("1").expect("an end"));
    simulate(&policy, &dies, Duration::from_secs(horizon), 1)
}

/// What the originals do, as it is known of them: how many starts, and when it is given up.
#[test]
fn words_do_what_they_do_in_their_systems() {
    for (words, starts, gave_up) in [
        // Five starts in ten seconds, the sixth refused when it is due; its own end belongs to the window.
        ("systemd: {StartLimitBurst: 5}", 5, Some(500)),
        ("systemd: {RestartSec: 1}", 5, Some(5_000)),
        ("systemd: {RestartSec: 2}", 5, Some(10_000)),
        ("systemd: {RestartSec: 2100ms}", 1_715, None),
        (
            "systemd: {StartLimitBurst: 2, StartLimitIntervalSec: 1min, RestartSec: 1}",
            2,
            Some(2_000),
        ),
        ("systemd: {StartLimitIntervalSec: 0, RestartSec: 1}", 3_601, None),
        // One more spawn than retries, after 1 + 2 + 3 s.
        ("supervisord: {startretries: 3}", 4, Some(6_000)),
        ("supervisord: {startretries: 1}", 2, Some(1_000)),
        ("supervisord: {startretries: 0}", 1, Some(0)),
        ("pm2: {exp_backoff_restart_delay: 100, max_restarts: 3, min_uptime: 1000}", 3, Some(250)),
        ("pm2: {restart_delay: 100}", 16, Some(1_500)),
        ("process-compose: {max_restarts: 3}", 4, Some(3_000)),
        ("process-compose: {backoff_seconds: 5, max_restarts: 2}", 3, Some(10_000)),
        ("process-compose: {backoff_seconds: 5}", 721, None),
        // 10 + 20 + 40 s, then the Job has failed.
        ("kubernetes: {backoffLimit: 3}", 4, Some(70_000)),
    ] {
        let timeline = play(words, "0s", 3_600);
        let gave_up_at = timeline.gave_up_at.map(|at| at.as_millis());
        assert_eq!((timeline.starts, gave_up_at), (starts, gave_up), "{words}\n{timeline}");
    }
    let begun = |words: &str, spans: &str, count: usize| {
        let timeline = play(words, spans, 3_600);
        timeline.begins.iter().take(count).map(Duration::as_millis).collect::<Vec<_>>()
    };
    // 10, 20, 40, 80, 160, 160 s.
    let grows = "systemd: {StartLimitIntervalSec: 0, RestartSec: 10, RestartSteps: 4, RestartMaxDelaySec: 160}";
    assert_eq!(begun(grows, "0s", 7), [0, 10_000, 30_000, 70_000, 150_000, 310_000, 470_000]);
    // A Job counts all of its restarts, whatever lies between them.
    assert_eq!(play("kubernetes: {backoffLimit: 2}", "1h", 40_000).starts, 3);
    // A start that lasted is a success for supervisord, and the next one follows at once.
    assert_eq!(begun("supervisord: {startsecs: 5}", "6s", 3), [0, 6_000, 12_000]);
}

#[test]
fn words_stand_in_templates_and_defaults_too_and_the_nearest_holds() {
    let text = "defaults: {preset: {systemd: {RestartSec: 7}}}\ntemplates:\n  t: {preset: {supervisord: {startretries: 9}}}\n\
                children:\n  a: x\n  b: {command: x, backoff: 3s}\n  c: {command: x, template: t, preset: {systemd: \
                {RestartSec: '${N:-4}'}}}\n  d: {command: x, template: t}\n";
    let tree = spec(&good(text));
    for (name, expected) in [
        ("a", "shape: Fixed(7s)"),
        ("b", "shape: Fixed(3s)"),
        ("c", "shape: Fixed(4s)"),
        ("d", "most: 9,"),
    ] {
        let child = format!("{:?}", child(&tree, name));
        assert!(child.contains(expected), "{name}: {expected} is not in {child}");
    }
}

#[test]
fn what_is_wrong_is_told_once_where_it_stands() {
    for (text, expected) in [
        (
            "children: {web: {command: x, StartLimitBurst: 3}}",
            &["`StartLimitBurst` is no key of a process"][..],
        ),
        (
            "defaults: {preset: {systemd: {RestartSec: 1}}, backoff: 2s}\nchildren: {a: x, b: x}",
            &["`RestartSec` and `backoff` say the same thing"],
        ),
        (
            "templates: {t: {preset: {systemd: {RestartSec: soon}}}}\nchildren: {a: {command: x, template: t}, b: \
             {command: x, template: t}}",
            &["`soon` does not fit `RestartSec`"],
        ),
    ] {
        let problems = bad(text).details();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{problem}");
        }
    }
}

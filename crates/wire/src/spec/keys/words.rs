//! Words of other systems, which their presets take beside our keys.

use super::{COUNT, Group, Key, Takes, key, word};

/// The words of one preset.
#[derive(Debug)]
pub struct Words {
    /// The preset within which they mean something.
    pub preset: &'static str,
    /// The words, each with the keys that it becomes.
    pub group: Group,
}

/// All words there are, by preset. A word means one thing, and only within its own preset.
pub const WORDS: &[Words] = &[
    Words { preset: "systemd", group: of("the words of `systemd`", &[SYSTEMD]) },
    Words { preset: "supervisord", group: of("the words of `supervisord`", &[SUPERVISORD]) },
    Words { preset: "pm2", group: of("the words of `pm2`", &[PM2]) },
    Words {
        preset: "process-compose",
        group: of("the words of `process-compose`", &[PROCESS_COMPOSE]),
    },
    Words { preset: "kubernetes", group: of("the words of `kubernetes`", &[KUBERNETES]) },
    Words { preset: "otp", group: of("the words of `otp`", &[OTP]) },
];

/// Returns the words of a preset, if it has any.
pub fn words_of(preset: &str) -> Option<&'static Group> {
    WORDS.iter().find(|words| words.preset == preset).map(|words| &words.group)
}

/// Returns the presets that have a word.
pub fn presets_with(word: &str) -> impl Iterator<Item = &'static str> {
    WORDS.iter().filter(move |words| words.group.key(word).is_some()).map(|words| words.preset)
}

const fn of(what: &'static str, keys: &'static [&'static [Key]]) -> Group {
    Group { what, keys, one_of: &[] }
}

/// A number is one of seconds.
const SECONDS: Takes = Takes::Either(&[COUNT, Takes::Span]);
/// The same, or for ever.
const SECONDS_OR_EVER: Takes =
    Takes::Either(&[Takes::Word(&[word("infinity", "for ever")]), COUNT, Takes::Span]);
/// A number is one of milliseconds.
const MILLIS: Takes = Takes::Either(&[COUNT, Takes::Span]);
const MOST: Takes = Takes::Whole { least: 0, most: 65_536 };

const SYSTEMD: &[Key] = &[
    key(
        "StartLimitBurst",
        MOST,
        "`5`",
        "So many starts are allowed in one window, the first one counted; 0: no limit. With the next word it becomes \
         `budget: {count: starts, most: .., within: tumbling .., admit: at-start}`, and a start at the very end of the \
         window still belongs to it.",
        "3",
    ),
    key(
        "StartLimitIntervalSec",
        SECONDS_OR_EVER,
        "`10s`",
        "The window, which opens with the first start; a number is one of seconds, and 0: no limit.",
        "1m",
    ),
    key(
        "RestartSec",
        SECONDS,
        "`100ms`",
        "The delay before another run, as `backoff`; a number is one of seconds.",
        "2s",
    ),
    key(
        "RestartSteps",
        Takes::Whole { least: 0, most: 10_000 },
        "`0`",
        "In so many steps the delay grows to the next word: `backoff: {geometric: ..}`. Without both it does not grow.",
        "5",
    ),
    key("RestartMaxDelaySec", SECONDS_OR_EVER, "`infinity`", "The longest delay.", "1m"),
];

const SUPERVISORD: &[Key] = &[
    key(
        "autorestart",
        Takes::Either(&[
            Takes::Switch,
            Takes::Word(&[word("unexpected", "an end with another exit code, or by a signal")]),
        ]),
        "`unexpected`",
        "When another run follows, as `restart`: `true` is `always`, `false` is `never`, `unexpected` is `on-failure`.",
        "true",
    ),
    key(
        "startsecs",
        COUNT,
        "`1`",
        "So many seconds make a run a success, as `stable_after`. With 0 every run is one: `backoff: none` and \
         `budget: none`.",
        "5",
    ),
    key(
        "startretries",
        MOST,
        "`3`",
        "So many restarts in a row that were no success, as `budget: {count: restarts, most: .., within: consecutive}`.",
        "5",
    ),
    key(
        "exitcodes",
        Takes::Either(&[
            Takes::Whole { least: 0, most: 255 },
            Takes::List(&Takes::Whole { least: 0, most: 255 }),
        ]),
        "`0`",
        "Exit codes that are expected, as `success`; 0 always is.",
        "[0, 2]",
    ),
    key("stopsignal", Takes::Signal, "`TERM`", "What asks it to end, as `stop`.", "QUIT"),
    key("stopwaitsecs", COUNT, "`10`", "So many seconds it gets before force, as `stop`.", "30"),
];

const PM2: &[Key] = &[
    key(
        "exp_backoff_restart_delay",
        MILLIS,
        "`100`",
        "The first delay, half as much more each time up to 15 s, as `backoff`; a number is one of milliseconds, and 0: \
         no delay.",
        "200",
    ),
    key(
        "restart_delay",
        MILLIS,
        "",
        "The same delay each time, as `backoff`, in place of the word above; a number is one of milliseconds.",
        "500",
    ),
    key(
        "max_restarts",
        Takes::Whole { least: 1, most: 65_536 },
        "`16`",
        "So many failures within so many times the next word are too many, as `budget: {count: failures, most: .., \
         within: tumbling ..}`.",
        "10",
    ),
    key("min_uptime", MILLIS, "`1000`", "See above; a number is one of milliseconds.", "2s"),
    key(
        "kill_timeout",
        MILLIS,
        "`1600`",
        "What it gets between SIGINT and force, as `stop`; a number is one of milliseconds.",
        "3000",
    ),
];

const PROCESS_COMPOSE: &[Key] = &[
    key(
        "backoff_seconds",
        COUNT,
        "`1`",
        "The delay before another run, as `backoff`; 0 is 1, as there.",
        "2",
    ),
    key(
        "max_restarts",
        MOST,
        "`0`",
        "So many restarts in all, whatever lies between them, as `budget: {count: restarts, ..}`; 0: no limit.",
        "5",
    ),
];

const KUBERNETES: &[Key] = &[key(
    "backoffLimit",
    MOST,
    "",
    "That of a Job: `restart: on-failure`, and so many restarts in all, as `budget: {count: restarts, ..}`.",
    "6",
)];

const OTP: &[Key] = &[
    key(
        "intensity",
        MOST,
        "`1`",
        "Of a supervisor: so many restarts of its children are allowed in the span of the next word, as `budget: \
         {count: restarts, most: .., within: sliding ..}`.",
        "3",
    ),
    key("period", SECONDS, "`5`", "See above; a number is one of seconds.", "10"),
];

//! How a process begins, says that it is well, and ends.

use super::super::parts::STRATEGY;
use super::super::{COUNT, Group, Key, Takes, key, word};
use super::{ON_DEMAND, SCHEDULE, TEXTS, WATCHED};

/// When it begins, and how it ends.
pub(in super::super) const LIFE: &[Key] = &[
    key(
        "success",
        Takes::Either(&[CODE, Takes::List(&CODE)]),
        "`0`",
        "Further exit codes and signals that are a clean end.",
        "[3, TERM]",
    ),
    key(
        "stop",
        Takes::Either(&[
            Takes::Word(&[
                word("kill", "force at once"),
                word("unbounded", "it takes as long as it wants; the bound on a drain still holds"),
            ]),
            Takes::Span,
            Takes::Signal,
            Takes::Group(&STEP),
            Takes::List(&Takes::Either(&[Takes::Signal, Takes::Group(&STEP)])),
        ]),
        "`TERM` to its main process, of a shell line to all of it, and 10 s",
        "How it is asked to end before force: how long it gets, a signal, or steps that are taken in turn.",
        "[{signal: INT, within: 5s}, {signal: TERM, to: all}]",
    ),
    key(
        "kill_wait",
        Takes::Span,
        "`5s`",
        "How long force may take before the run is abandoned.",
        "2s",
    ),
    key(
        "reload",
        Takes::Either(&[
            Takes::Signal,
            Takes::Group(&Group {
                what: "reload",
                keys: &[&[
                    key(
                        "signal",
                        Takes::Signal,
                        "",
                        "Sends a signal. Nobody says when the reload is done.",
                        "HUP",
                    ),
                    key(
                        "notify",
                        Takes::Signal,
                        "",
                        "Sends a signal; `RELOADING=1` and then `READY=1` on the notify socket say when it is done.",
                        "HUP",
                    ),
                    key(
                        "command",
                        TEXTS,
                        "",
                        "Runs a command in the place of the process, with `MAINPID`.",
                        "[nginx, -s, reload]",
                    ),
                ]],
                one_of: &[&["signal", "notify", "command"]],
            }),
        ]),
        "none",
        "How it is told to read its settings again. Without it the command `reload` is refused.",
        "HUP",
    ),
    key(
        "on_demand",
        ON_DEMAND,
        "`false`",
        "Whether it starts at the first demand, or connection to one of its `sockets`, and not with the tree.",
        "{idle: 10m}",
    ),
    key(
        "schedule",
        Takes::Either(&[Takes::Text, Takes::Group(&SCHEDULE)]),
        "",
        "Starts it by the clock, and not with the tree: a cron expression, or more closely.",
        "{every: 5m, overlap: queue}",
    ),
    key(
        "restart_on_change",
        Takes::Either(&[Takes::Path, Takes::List(&Takes::Path), Takes::Group(&WATCHED)]),
        "",
        "Restarts it when one of these files changes.",
        "[/tmp/web.conf]",
    ),
    key(
        "touches",
        STRATEGY,
        "its supervisor's `strategy`",
        "Which siblings its end touches, where this differs.",
        "one-for-one",
    ),
    key(
        "recycle",
        Takes::Span,
        "never",
        "The age at which a ready run makes place for a fresh one.",
        "24h",
    ),
];

const CODE: Takes = Takes::Either(&[Takes::Whole { least: 0, most: 255 }, Takes::Signal]);

const STEP: Group = Group {
    what: "a stop step",
    keys: &[&[
        key("signal", Takes::Signal, "", "Sends a signal.", "INT"),
        key(
            "message",
            Takes::Text,
            "",
            "Writes this to its standard input or terminal.",
            "\"quit\\n\"",
        ),
        key(
            "command",
            TEXTS,
            "",
            "Runs a command in the place of the process, with `MAINPID`.",
            "[redis-cli, shutdown]",
        ),
        key(
            "to",
            Takes::Word(&[word("main", "its main process"), word("all", "every process of it")]),
            "`main`",
            "Whom the signal goes to.",
            "all",
        ),
        key(
            "within",
            Takes::Either(&[Takes::Word(&[word("unbounded", "as long as it wants")]), Takes::Span]),
            "`10s`",
            "How long it gets before the next step.",
            "30s",
        ),
    ]],
    one_of: &[&["signal", "message", "command"]],
};

/// How it says that it is well.
pub(in super::super) const SIGNS: &[Key] = &[
    key(
        "start_timeout",
        Takes::Span,
        "`60s`",
        "The longest time from start to started: its program is executed.",
        "5s",
    ),
    key(
        "ready",
        Takes::Either(&[
            Takes::Word(&[
                word("immediate", "as soon as it has started"),
                word("notify", "`READY=1` on its notify socket (sd_notify)"),
                word("probe", "its readiness probes"),
            ]),
            Takes::Group(&Group {
                what: "ready",
                keys: &[&[
                    key(
                        "fd",
                        Takes::Whole { least: 3, most: 1_023 },
                        "",
                        "A line on this descriptor (s6); also in `NOTIFY_FD`.",
                        "3",
                    ),
                    key(
                        "line",
                        Takes::Text,
                        "",
                        "A line of its output that holds this; `*` stands for any rest.",
                        "\"listening on *\"",
                    ),
                ]],
                one_of: &[&["fd", "line"]],
            }),
        ]),
        "`probe` where it has a readiness probe, else `immediate`",
        "What makes it ready.",
        "{line: \"listening on *\"}",
    ),
    key(
        "ready_timeout",
        Takes::Span,
        "`60s`",
        "The longest time from started to ready, where a ready rule stands.",
        "20s",
    ),
    key(
        "notify",
        Takes::Word(&[
            word("none", "nobody"),
            word("main", "its main process"),
            word("exec", "its main process, and the commands that are run for it"),
            word("all", "every process of it"),
        ]),
        "`main` where something is waited for there, else no socket",
        "Who may speak for it on its notify socket.",
        "all",
    ),
    key(
        "liveness",
        Takes::Group(&Group {
            what: "liveness",
            keys: &[&[
                key(
                    "heartbeat",
                    Takes::Either(&[
                        Takes::Span,
                        Takes::Group(&Group {
                            what: "a heartbeat",
                            keys: &[&[
                                key("every", Takes::Span, "`2s`", "How often it is sent.", "5s"),
                                key(
                                    "misses",
                                    Takes::Whole { least: 1, most: u32::MAX as i64 },
                                    "`3`",
                                    "How many may be missing.",
                                    "2",
                                ),
                            ]],
                            one_of: &[],
                        }),
                    ]),
                    "none",
                    "`WATCHDOG=1` on its notify socket: it is lost when silent for `every` times `misses`.",
                    "{every: 5s, misses: 3}",
                ),
                key(
                    "probes",
                    Takes::List(&Takes::Group(&PROBE)),
                    "none",
                    "Checks that are made of it.",
                    "[{kind: liveness, tcp: \"127.0.0.1:80\"}]",
                ),
            ]],
            one_of: &[],
        }),
        "nothing is watched",
        "Signs of life.",
        "{heartbeat: 5s}",
    ),
];

const PROBE: Group = Group {
    what: "a probe",
    keys: &[&[
        key(
            "kind",
            Takes::Word(&[
                word(
                    "startup",
                    "until it succeeds the others wait; when it fails the run is ended",
                ),
                word("readiness", "whether it can serve; never ends a run"),
                word("liveness", "when it fails the run is ended"),
            ]),
            "`readiness`",
            "What its verdict means.",
            "liveness",
        ),
        key(
            "exec",
            TEXTS,
            "",
            "Runs a command in the place of the process; 0 is a success.",
            "[pg_isready, -q]",
        ),
        key("tcp", Takes::Text, "", "Connects to `host:port` or `unix:/path`.", "\"127.0.0.1:80\""),
        key("http", Takes::Text, "", "Asks for a page.", "\"http://127.0.0.1:80/healthz\""),
        key(
            "grpc",
            Takes::Text,
            "",
            "Asks `grpc.health.v1.Health` at an address.",
            "\"127.0.0.1:50051\"",
        ),
        key(
            "service",
            Takes::Text,
            "the whole server",
            "The service that a grpc probe asks for.",
            "shop",
        ),
        key("headers", Takes::Map(&Takes::Text), "", "Headers of an http probe.", "{Host: shop}"),
        key(
            "status",
            Takes::Text,
            "`200-399`",
            "Which statuses of an http probe are a success.",
            "200-299",
        ),
        key(
            "through",
            Takes::Text,
            "where the URL says",
            "Connects an http probe somewhere else.",
            "\"unix:/run/web.sock\"",
        ),
        key("initial", Takes::Span, "`0s`", "The wait before the first.", "5s"),
        key("every", Takes::Span, "`10s`", "The time from one to the next.", "5s"),
        key("timeout", Takes::Span, "`1s`", "How long an answer may take.", "3s"),
        key("failures", COUNT, "`3`", "How many failures in a row are a verdict.", "5"),
        key("successes", COUNT, "`1`", "How many successes in a row are a verdict.", "2"),
    ]],
    one_of: &[&["exec", "tcp", "http", "grpc"]],
};

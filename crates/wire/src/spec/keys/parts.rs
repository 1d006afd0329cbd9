//! What stands behind keys of policy.

use super::{COUNT, Group, Key, Takes, Word, key, word};

const STRATEGIES: &[Word] = &[
    word("one-for-one", "none"),
    word("one-for-all", "all of them"),
    word("rest-for-one", "those after it"),
];
pub(super) const STRATEGY: Takes = Takes::Word(STRATEGIES);

pub(super) const ON_EXHAUSTED: Takes = Takes::Word(&[
    word("cooldown", "its breaker opens: it is tried again later"),
    word("quarantine", "it stays down until it is released"),
    word("escalate", "its supervisor gives up"),
    word("shutdown", "the whole tree ends"),
]);

pub(super) const BACKOFF: Takes = Takes::Either(&[
    Takes::Word(&[word("none", "at once")]),
    Takes::Span,
    Takes::List(&Takes::Span),
    Takes::Group(&Group {
        what: "backoff",
        keys: &[SHAPES],
        one_of: &[&["fixed", "linear", "exponential", "geometric", "ladder"]],
    }),
]);

const SHAPES: &[Key] = &[
    key("fixed", Takes::Span, "", "The same each time.", "5s"),
    key(
        "linear",
        Takes::Group(&Group {
            what: "a linear backoff",
            keys: &[&[FIRST, key("step", Takes::Span, "", "What is added each time.", "1s"), MOST]],
            one_of: &[&["first"], &["step"], &["most"]],
        }),
        "",
        "More by the same each time.",
        "{first: 1s, step: 1s, most: 10s}",
    ),
    key(
        "exponential",
        Takes::Group(&Group {
            what: "an exponential backoff",
            keys: &[&[
                FIRST,
                key("factor", Takes::Number, "`2`", "What it is multiplied by each time.", "1.5"),
                MOST,
            ]],
            one_of: &[&["first"], &["most"]],
        }),
        "",
        "A multiple each time.",
        "{first: 1s, factor: 2, most: 1m}",
    ),
    key(
        "geometric",
        Takes::Group(&Group {
            what: "a geometric backoff",
            keys: &[&[
                FIRST,
                MOST,
                key("steps", COUNT, "", "How many ends lie between the two.", "5"),
            ]],
            one_of: &[&["first"], &["most"], &["steps"]],
        }),
        "",
        "From the first to the last in equal ratios, as systemd does.",
        "{first: 1s, most: 1m, steps: 5}",
    ),
    key(
        "ladder",
        Takes::List(&Takes::Span),
        "",
        "These in turn; the last repeats.",
        "[1s, 5s, 1m]",
    ),
];
const FIRST: Key = key("first", Takes::Span, "", "The first delay.", "1s");
const MOST: Key = key("most", Takes::Span, "", "The longest delay.", "1m");

pub(super) const JITTER: Takes = Takes::Either(&[
    Takes::Word(&[
        word("none", "exactly the delay"),
        word("full", "anything from zero to the delay"),
        word("equal", "anything from a half of the delay to the whole"),
    ]),
    Takes::Group(&Group {
        what: "jitter",
        keys: &[&[key("additive", Takes::Span, "", "Adds up to this much.", "1s")]],
        one_of: &[&["additive"]],
    }),
]);

pub(super) const LIMITS_OF: Takes = Takes::Either(&[
    Takes::Word(&[word("none", "no limit")]),
    Takes::Group(&LIMIT),
    Takes::List(&Takes::Group(&LIMIT)),
]);

const LIMIT: Group = Group {
    what: "a limit",
    keys: &[&[
        key(
            "count",
            Takes::Word(&[
                word("starts", "the first start too"),
                word("restarts", "so many are allowed, the next one is refused"),
                word("failures", "the so-many-th is too many"),
            ]),
            "",
            "What is counted.",
            "restarts",
        ),
        key("most", Takes::Whole { least: 0, most: 65_536 }, "", "How many.", "5"),
        key(
            "within",
            Takes::Window,
            "",
            "The span over which it is counted: `10m` or `sliding 10m` in any such span, `tumbling 10m` from the first \
             on and then anew, `consecutive` until it is stable.",
            "10m",
        ),
        key(
            "scope",
            Takes::Word(&[
                word("child", "the one on which it stands"),
                word("supervisor", "the direct children of the supervisor on which it stands"),
                word("tree", "every child; it stands on the root"),
            ]),
            "`child` on a process, `supervisor` on a supervisor and on the root",
            "Whose ends it counts.",
            "child",
        ),
        key(
            "admit",
            Takes::Word(&[
                word("at-exit", "once, at the end of a run"),
                word("at-start", "when the delay is over and the start is due"),
            ]),
            "`at-exit`",
            "When a limit on starts is checked.",
            "at-exit",
        ),
    ]],
    one_of: &[&["count"], &["most"], &["within"]],
};

const RUNG: Takes =
    Takes::Either(&[Takes::Word(&[word("manual", "until an operator resets it")]), Takes::Span]);
pub(super) const COOLDOWN: Takes = Takes::Either(&[
    Takes::Word(&[word("manual", "until an operator resets it")]),
    Takes::Span,
    Takes::List(&RUNG),
]);

pub(super) const NEED: Group = Group {
    what: "a need",
    keys: &[&[
        key("child", Takes::Text, "", "The sibling.", "db"),
        key(
            "until",
            Takes::Word(&[
                word("started", "its run has begun"),
                word("ready", "it can serve"),
                word("completed", "it has come to a clean end"),
            ]),
            "`ready`",
            "How far it must have come.",
            "started",
        ),
        key(
            "on_restart",
            Takes::Word(&[
                word("ignore", "nothing"),
                word("restart", "it is stopped, and started again once the need is met again"),
                word("stop", "it is stopped, and stays down until somebody starts it"),
            ]),
            "`ignore`",
            "What happens to the dependent when the sibling's run ends.",
            "restart",
        ),
    ]],
    one_of: &[&["child"]],
};

//! What every child says, and which keys make which kind of child.

use super::group::GROUP;
use super::parts::{BACKOFF, COOLDOWN, JITTER, LIMITS_OF, NEED, ON_EXHAUSTED};
use super::process::{HOLD, LIFE, OUTPUT, PLACE, RUN, SIGNS};
use super::{Group, Key, Takes, key, word};

/// A child that is a process.
pub const PROCESS: Group = Group {
    what: "a process",
    keys: &[RUN, LIFE, POLICY, SIGNS, PLACE, OUTPUT, HOLD, MEMBER, TEMPLATED],
    one_of: &[&["command"]],
};

/// A child that has children.
pub const SUPERVISOR: Group =
    Group { what: "a supervisor", keys: &[GROUP, POLICY, MEMBER], one_of: &[&["children"]] };

/// What a template may say: all that a process may, and nothing must be there.
pub const TEMPLATE: Group = Group {
    what: "a template",
    keys: &[RUN, LIFE, POLICY, SIGNS, PLACE, OUTPUT, HOLD, MEMBER],
    one_of: &[],
};

/// What `defaults` may say.
pub const DEFAULTS: Group = Group {
    what: "defaults",
    keys: &[LIFE, POLICY, SIGNS, PLACE, OUTPUT, HOLD, MEMBER],
    one_of: &[],
};

const TEMPLATED: &[Key] = &[
    key(
        "template",
        Takes::Text,
        "",
        "The template that fills what is not said here. Maps of variables, secrets and labels are put together; of \
         everything else the child's own word holds.",
        "web",
    ),
    key(
        "instances",
        Takes::Whole { least: 1, most: 10_000 },
        "",
        "Makes so many children of it: `NAME@1`, `NAME@2` and so on. `${instance}` is the number. `NAME@3..5` as the \
         name of a child does the same for a span of numbers.",
        "4",
    ),
];

/// When it is run again.
const POLICY: &[Key] = &[
    key(
        "preset",
        Takes::Preset,
        "",
        "A named policy that fills what is not said here. A preset takes words of its own system too, as in \
         `preset: {systemd: {StartLimitBurst: 3}}`: they stand below.",
        "systemd",
    ),
    key(
        "restart",
        Takes::Word(&[
            word("always", "after every end"),
            word("on-failure", "after a failure; a clean end is final"),
            word("never", "never"),
            word("permanent", "always"),
            word("transient", "on-failure"),
            word("temporary", "never"),
        ]),
        "`always`; `never` where critical or scheduled",
        "When an end that nobody asked for is followed by another run.",
        "on-failure",
    ),
    key(
        "criticality",
        Takes::Word(&[
            word("critical", "the tree ends with it"),
            word("required", "its supervisor gives up when its budget is spent"),
            word("optional", "it cools down and is tried again"),
        ]),
        "`optional`",
        "What its final end means for others.",
        "required",
    ),
    key(
        "backoff",
        BACKOFF,
        "exponential from 500 ms times 2 to 30 s",
        "How long to wait before the next run. A span is the same each time; a list is a ladder whose last rung \
         repeats.",
        "{exponential: {first: 1s, factor: 2, most: 1m}}",
    ),
    key("jitter", JITTER, "`equal`", "How delays are spread.", "full"),
    key(
        "holdoff",
        Takes::Span,
        "`1ms`",
        "The least time from one start to the next. A run that lived longer restarts at once.",
        "2s",
    ),
    key(
        "budget",
        LIMITS_OF,
        "10 restarts in any 10 min; a supervisor also 30 restarts of its children in any 60 s",
        "How many starts, restarts or failures are too many: `none`, one limit, or a list of them. All must allow.",
        "[{count: failures, most: 5, within: 10m}]",
    ),
    key(
        "on_exhausted",
        ON_EXHAUSTED,
        "`shutdown` where critical, `escalate` where required, `cooldown` where optional",
        "What a spent budget leads to.",
        "quarantine",
    ),
    key(
        "cooldown",
        COOLDOWN,
        "`[1m, 10m, 1h]`",
        "How long its breaker stays open, opening by opening; the last repeats. `manual` waits for a reset.",
        "[30s, 5m, manual]",
    ),
    key(
        "level_decay",
        Takes::Span,
        "`24h`",
        "How long without an opening lets the breaker's level fall by one.",
        "12h",
    ),
    key(
        "stable_after",
        Takes::Span,
        "`60s`",
        "How long it must be ready without a break for earlier failures to be forgotten.",
        "5m",
    ),
];

/// What it is among its siblings.
const MEMBER: &[Key] = &[
    key(
        "needs",
        Takes::Either(&[
            Takes::Text,
            Takes::Group(&NEED),
            Takes::List(&Takes::Either(&[Takes::Text, Takes::Group(&NEED)])),
        ]),
        "",
        "Siblings that must have come so far before it starts; one that has instances stands for all of them.",
        "[]",
    ),
    key(
        "significant",
        Takes::Switch,
        "`false`",
        "Whether its end counts for its supervisor's `auto_shutdown`.",
        "false",
    ),
    key(
        "labels",
        Takes::Map(&Takes::Text),
        "",
        "Names of your own, by which children are found and grouped.",
        "{team: shop}",
    ),
    key("description", Takes::Text, "", "What it is, for people.", "\"The shop's web server\""),
];

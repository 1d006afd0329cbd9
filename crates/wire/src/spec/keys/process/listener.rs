//! Children that are told of events in supervisord's protocol.

use super::super::{Group, Takes, key, word};

const NAMES: Takes = Takes::Either(&[Takes::Text, Takes::List(&Takes::Text)]);

pub(super) const LISTENER: Takes = Takes::Either(&[
    Takes::Text,
    Takes::List(&Takes::Text),
    Takes::Group(&Group {
        what: "a listener",
        keys: &[&[
            key(
                "events",
                NAMES,
                "",
                "What it is told of, by the names of supervisord: `PROCESS_STATE_EXITED`, or all of `PROCESS_STATE`; \
                 `EVENT` is everything.",
                "[PROCESS_STATE, TICK_60]",
            ),
            key(
                "pool",
                Takes::Text,
                "its path without the number of an instance",
                "With whom it shares its events out: each event goes to one of those that name the same pool.",
                "mail",
            ),
            key(
                "buffer",
                Takes::Whole { least: 1, most: 1_000_000 },
                "`10`",
                "How many events may wait for its pool; beyond it the oldest is dropped, and that is told.",
                "100",
            ),
            key(
                "timeout",
                Takes::Span,
                "`60s`",
                "How long an answer may take before that is told; it is waited for nevertheless.",
                "5m",
            ),
        ]],
        one_of: &[&["events"]],
    }),
]);

const OUTPUT: Takes = Takes::Word(&[
    word("out", "its standard output, or both where they are merged"),
    word("err", "its standard error, where `output` is `apart`"),
]);
const OUTPUTS: Takes = Takes::Either(&[OUTPUT, Takes::List(&OUTPUT)]);

pub(super) const PRINTED: Takes = Takes::Group(&Group {
    what: "output events",
    keys: &[&[
        key("lines", OUTPUTS, "", "Each line is a `PROCESS_LOG` event.", "[out]"),
        key(
            "messages",
            OUTPUTS,
            "",
            "What stands between `<!--XSUPERVISOR:BEGIN-->` and `<!--XSUPERVISOR:END-->` is a `PROCESS_COMMUNICATION` \
             event.",
            "out",
        ),
    ]],
    one_of: &[],
});

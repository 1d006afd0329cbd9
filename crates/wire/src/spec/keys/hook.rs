//! What a hook says: whom it tells, of what, and how often it tries.

use super::parts::BACKOFF;
use super::process::SECRET;
use super::{Group, Key, Takes, key, word};

const TEXTS: Takes = Takes::Either(&[Takes::Text, Takes::List(&Takes::Text)]);

const FACT: Takes = Takes::Word(&[
    word("failure", "a run ended in a way that counts against its child"),
    word("given-up", "no further run before something changes"),
    word("recovered", "who had failed is stable again, or came to a clean end"),
]);

pub(super) const HOOK: Group =
    Group { what: "a hook", keys: &[WHAT, HOW, WHEN], one_of: &[&["run", "url"]] };

const WHAT: &[Key] = &[
    key(
        "on",
        Takes::Either(&[FACT, Takes::List(&FACT)]),
        "all three",
        "What it is told of.",
        "[given-up, recovered]",
    ),
    key(
        "children",
        TEXTS,
        "all",
        "About whom: paths, each with all below it; `*` and `?` stand for any letters, slashes too.",
        "[app, \"web-*\"]",
    ),
    key(
        "labels",
        Takes::Map(&Takes::Text),
        "any",
        "About whom: only children that have all of these labels.",
        "{team: payments}",
    ),
    key(
        "program",
        Takes::Switch,
        "`true` without `children` and `labels`, else `false`",
        "Whether it is told of troubles of the program itself: a journal that cannot be written, a brain that gave no \
         sign of life.",
        "true",
    ),
];

const HOW: &[Key] = &[
    key(
        "run",
        TEXTS,
        "",
        "A command that is run for each fact. It reads the fact as a CloudEvent, and has it in its environment.",
        "[./page, --team, ops]",
    ),
    key(
        "environment",
        Takes::Map(&Takes::Text),
        "",
        "Further variables for the command.",
        "{CHANNEL: ops}",
    ),
    key(
        "url",
        Takes::Either(&[Takes::Text, Takes::Group(&SECRET)]),
        "",
        "An address that each fact is posted to, as a CloudEvent in JSON; or, where it is a secret itself, where it \
         stands.",
        "\"https://ops.example.org/hooks\"",
    ),
    key(
        "headers",
        Takes::Map(&Takes::Text),
        "",
        "Further headers of the request.",
        "{X-Team: ops}",
    ),
    key(
        "authorities",
        Takes::Path,
        "those of the system",
        "Who signs the certificate of the receiver, PEM.",
        "ops-ca.pem",
    ),
    key(
        "secrets",
        Takes::Map(&Takes::Group(&SECRET)),
        "",
        "Variables of the command, or headers of the request, whose values stand elsewhere. They are read before each \
         try, and shown and stored nowhere.",
        "{Authorization: {file: secrets/pager}}",
    ),
];

const WHEN: &[Key] = &[
    key("timeout", Takes::Span, "`10s`", "How long one try may take, all of it.", "30s"),
    key(
        "fold",
        Takes::Span,
        "`2m`",
        "Of one child each fact is told once in this span; what comes again is told as one at its end. `0`: everything \
         is told as it comes.",
        "10m",
    ),
    key(
        "retry",
        Takes::Group(&Group { what: "retry", keys: &[RETRY], one_of: &[] }),
        "",
        "What follows a try that failed.",
        "{backoff: 1m, tries: 5}",
    ),
];

const RETRY: &[Key] = &[
    key(
        "backoff",
        BACKOFF,
        "`[1s, 5s, 30s, 2m, 10m]`",
        "How long the receiver is left alone after tries that failed in a row; the last repeats.",
        "[1s, 10s, 1m]",
    ),
    key(
        "tries",
        Takes::Whole { least: 1, most: 1_000 },
        "`12`",
        "How often one fact is tried before it is given up.",
        "5",
    ),
    key(
        "most",
        Takes::Whole { least: 1, most: 10_000 },
        "`60`",
        "How many tries may fail within the span `within`, of all facts together. Then the receiver is left alone until \
         one falls out of it.",
        "20",
    ),
    key("within", Takes::Span, "`1h`", "The span over which failed tries are counted.", "30m"),
];

//! What supervisors say about their children; the root is one of them.

use super::parts::STRATEGY;
use super::{DEFAULTS, Key, Takes, key, word};

pub(super) const GROUP: &[Key] = &[
    key(
        "children",
        Takes::Children,
        "",
        "Its children by name: a command as text, or the keys of a process or of a supervisor. They start in this order as \
         far as `needs` says nothing else.",
        "{web: ./serve --port 80}",
    ),
    key(
        "strategy",
        STRATEGY,
        "`one-for-one`",
        "Which siblings the end of a child touches.",
        "rest-for-one",
    ),
    key(
        "start_concurrency",
        Takes::Whole { least: 1, most: u32::MAX as i64 },
        "four times the number of processors",
        "How many children may be between start and ready at once; 1 starts and stops them in turn.",
        "4",
    ),
    key(
        "auto_shutdown",
        Takes::Word(&[
            word("never", "it does not"),
            word("any-significant", "the first does"),
            word("all-significant", "the last does"),
        ]),
        "`never`",
        "Whether the end of significant children ends it.",
        "never",
    ),
    key(
        "defaults",
        Takes::Group(&DEFAULTS),
        "",
        "What holds for every process below it that says nothing else.",
        "{stop: 5s}",
    ),
];

//! What the file says at its top.

use super::group::GROUP;
use super::hook::HOOK;
use super::parts::{LIMITS_OF, ON_EXHAUSTED};
use super::process::SECRET;
use super::{Group, Key, Takes, key, word};

/// The file.
pub const ROOT: Group =
    Group { what: "the file", keys: &[WHOLE, GROUP, SHARED, PROGRAM], one_of: &[] };

/// A file that another one includes.
pub const INCLUDED: Group =
    Group { what: "an included file", keys: &[CHILDREN_ALONE, SHARED], one_of: &[] };

const CHILDREN_ALONE: &[Key] = &[
    key(
        "children",
        Takes::Children,
        "",
        "Children beside those of the file that includes it.",
        "{}",
    ),
    key(
        "defaults",
        Takes::Group(&super::DEFAULTS),
        "",
        "What holds for every process of this file that says nothing else.",
        "{stop: 5s}",
    ),
];

const WHOLE: &[Key] = &[
    key(
        "name",
        Takes::Text,
        "the name of the folder of the file",
        "What the tree is called. One name belongs to one running tree of the machine.",
        "shop",
    ),
    key("preset", Takes::Preset, "", "A named policy for the root.", "otp"),
    key(
        "budget",
        LIMITS_OF,
        "none",
        "Limits over the root's children (`scope: supervisor`) or over every child (`scope: tree`).",
        "{count: restarts, most: 100, within: 1m, scope: tree}",
    ),
    key(
        "on_exhausted",
        ON_EXHAUSTED,
        "`shutdown`",
        "What a spent limit of the root leads to.",
        "shutdown",
    ),
    key("drain_timeout", Takes::Span, "`60s`", "The bound on a drain that was asked for.", "30s"),
    key(
        "fatal_drain_timeout",
        Takes::Span,
        "`10s`",
        "The bound on a drain that a failure caused.",
        "5s",
    ),
    key(
        "storm_rate",
        Takes::Group(&Group {
            what: "storm_rate",
            keys: &[&[
                key(
                    "burst",
                    Takes::Whole { least: 1, most: u32::MAX as i64 },
                    "",
                    "How many may come at once.",
                    "100",
                ),
                key("per_second", Takes::Number, "", "How many follow each second.", "50"),
            ]],
            one_of: &[&["burst"], &["per_second"]],
        }),
        "as they come",
        "How fast starts may follow each other in the whole tree. It delays and refuses none.",
        "{burst: 100, per_second: 50}",
    ),
];

const SHARED: &[Key] = &[
    key(
        "include",
        Takes::Either(&[Takes::Path, Takes::List(&Takes::Path)]),
        "",
        "Other files whose children and templates stand beside those of this one. `*` and `?` stand in the last part of \
         a path.",
        "[children/*.yaml]",
    ),
    key(
        "templates",
        Takes::Templates,
        "",
        "What children have in common, by name, for their `template`.",
        "{web: {stop: 5s}}",
    ),
    key(
        "env_file",
        Takes::Either(&[Takes::Path, Takes::List(&Takes::Path)]),
        "",
        "Files with `NAME=VALUE` lines: variables for every process of the file, and for `${NAME}` where the \
         environment of the program itself has none.",
        "[]",
    ),
    key(
        "environment",
        Takes::Map(&Takes::Text),
        "",
        "Variables for every process of the file.",
        "{LANG: C.UTF-8}",
    ),
];

const PROGRAM: &[Key] = &[
    key(
        "journal",
        Takes::Group(&Group {
            what: "journal",
            keys: &[&[
                key("age", Takes::Span, "`30d`", "Older records are dropped.", "90d"),
                key(
                    "size",
                    Takes::Size,
                    "`256MiB`",
                    "The oldest records beyond it are dropped.",
                    "1GiB",
                ),
            ]],
            one_of: &[],
        }),
        "",
        "How much of what happened is kept.",
        "{age: 90d, size: 1GiB}",
    ),
    key(
        "api",
        Takes::Group(&Group {
            what: "api",
            keys: &[&[
                key(
                    "socket",
                    Takes::Path,
                    "`api.sock` in the runtime folder",
                    "The Unix socket.",
                    "/run/shop.sock",
                ),
                key("mode", Takes::Rights, "`0600`", "The rights of its file.", "\"0660\""),
                key(
                    "admins",
                    Takes::List(&Takes::Text),
                    "the user of the daemon, and root",
                    "Who else may do everything over the Unix socket: names or numbers of users, `@group`.",
                    "[alice, \"@wheel\"]",
                ),
                key(
                    "operators",
                    Takes::List(&Takes::Text),
                    "nobody",
                    "Who may start, stop, restart, pause, quarantine and silence.",
                    "[\"@operators\"]",
                ),
                key("viewers", Takes::List(&Takes::Text), "nobody", "Who may look.", "[nagios]"),
                key(
                    "tcp",
                    Takes::Group(&TCP),
                    "none",
                    "A port beside it, with TLS.",
                    "{listen: \"127.0.0.1:7070\", certificate: api.pem, key: api.key, tokens: tokens}",
                ),
            ]],
            one_of: &[],
        }),
        "",
        "Where commands are taken.",
        "{mode: \"0660\"}",
    ),
    key(
        "supervisord",
        Takes::Group(&SUPERVISORD),
        "",
        "Speaks supervisord's language, so that `supervisorctl` and what else speaks it can be used.",
        "{listen: \"unix:/run/supervisor.sock\"}",
    ),
    key(
        "observe",
        Takes::Group(&OBSERVE),
        "",
        "What scrapers and kubelets see: numbers and health, on a port of their own where one is named.",
        "{listen: \"127.0.0.1:9480\"}",
    ),
    key(
        "otlp",
        Takes::Group(&OTLP),
        "none",
        "A collector that gets traces and logs over OTLP/HTTP, as JSON.",
        "{endpoint: \"http://127.0.0.1:4318\"}",
    ),
    key(
        "hooks",
        Takes::Map(&Takes::Group(&HOOK)),
        "",
        "Who is told of failures, by names of one's own: a command that is run, or a web address that is posted to.",
        "{pager: {url: \"https://ops.example.org/hooks\", on: [given-up, recovered]}}",
    ),
    key(
        "watchdog",
        Takes::Either(&[Takes::Word(&[word("never", "no sign is waited for")]), Takes::Span]),
        "`30s`",
        "How long the brain may give no sign of life before its keeper asks it for a dump, ends it and starts it again.",
        "1m",
    ),
];

const SUPERVISORD: Group = Group {
    what: "supervisord",
    keys: &[&[
        key(
            "listen",
            Takes::Either(&[Takes::Text, Takes::List(&Takes::Text)]),
            "",
            "`unix:PATH`, or an address and a port. By TCP there is no TLS, and whoever comes must say `user` and \
             `password`; on a Unix socket the kernel says who asks, and the roles are those of `api`.",
            "[\"unix:/run/supervisor.sock\", \"127.0.0.1:9001\"]",
        ),
        key("mode", Takes::Rights, "`0600`", "The rights of its Unix sockets.", "\"0660\""),
        key("user", Takes::Text, "", "Whom everybody who comes by TCP must be.", "admin"),
        key(
            "password",
            Takes::Group(&SECRET),
            "",
            "Where the password stands.",
            "{file: /run/secrets/supervisor}",
        ),
        key(
            "role",
            Takes::Word(&[
                word("viewer", "they look"),
                word("operator", "they start, stop and signal too"),
                word("admin", "they do everything"),
            ]),
            "`admin`",
            "What those may do who come by TCP.",
            "operator",
        ),
        key(
            "beyond_loopback",
            Takes::Switch,
            "`false`",
            "Whether others than this machine may connect, where `listen` is an address that they reach.",
            "true",
        ),
    ]],
    one_of: &[&["listen"]],
};

const OBSERVE: Group = Group {
    what: "observe",
    keys: &[&[
        key(
            "listen",
            Takes::Text,
            "nowhere",
            "The address and the port of `/metrics`, `/livez`, `/readyz` and `/startupz`, plain HTTP and nothing else. \
             Whoever can connect may see the numbers.",
            "\"127.0.0.1:9480\"",
        ),
        key(
            "beyond_loopback",
            Takes::Switch,
            "`false`",
            "Whether others than this machine may connect, where `listen` is an address that they reach.",
            "true",
        ),
        key(
            "names",
            Takes::Switch,
            "`false`",
            "Whether the health pages on that port name the children.",
            "true",
        ),
        key(
            "children",
            Takes::Whole { least: 0, most: 100_000 },
            "`1000`",
            "How many children have numbers of their own in `/metrics`; the others are told together.",
            "200",
        ),
    ]],
    one_of: &[],
};

const OTLP: Group = Group {
    what: "otlp",
    keys: &[&[
        key(
            "endpoint",
            Takes::Text,
            "",
            "The collector. `/v1/traces` and `/v1/logs` are put behind it.",
            "\"https://collector.example.org:4318\"",
        ),
        key(
            "headers",
            Takes::Map(&Takes::Group(&SECRET)),
            "",
            "What is sent with each request: the name of a header, and where its value is.",
            "{authorization: {file: /run/secrets/collector}}",
        ),
        key(
            "ca",
            Takes::Path,
            "those that the system trusts",
            "Who signs the certificate of the collector, PEM.",
            "collector.pem",
        ),
        key("traces", Takes::Switch, "`true`", "Whether runs and commands become traces.", "false"),
        key("events", Takes::Switch, "`true`", "Whether events become log records.", "false"),
        key(
            "output",
            Takes::Switch,
            "`false`",
            "Whether what children print becomes log records; of 64 logs at most.",
            "true",
        ),
        key("timeout", Takes::Span, "`10s`", "How long the collector may take to answer.", "3s"),
        key(
            "every",
            Takes::Span,
            "`5s`",
            "How long something waits for others to be sent with it.",
            "1s",
        ),
        key(
            "queue",
            Takes::Whole { least: 1, most: 1_000_000 },
            "`4096`",
            "How many spans, and how many records, wait at most. What is too much is dropped and counted.",
            "10000",
        ),
    ]],
    one_of: &[&["endpoint"]],
};

const TCP: Group = Group {
    what: "api.tcp",
    keys: &[&[
        key("listen", Takes::Text, "", "The address and the port.", "\"127.0.0.1:7070\""),
        key("certificate", Takes::Path, "", "The chain of certificates, PEM.", "api.pem"),
        key("key", Takes::Path, "", "The key of the certificate, PEM.", "api.key"),
        key(
            "client_ca",
            Takes::Path,
            "",
            "Who signs the certificates of clients, PEM. Without it clients need a token.",
            "clients.pem",
        ),
        key(
            "client_role",
            Takes::Word(&[
                word("viewer", "they look"),
                word("operator", "they start, stop, restart, pause, quarantine and silence"),
                word("admin", "they do everything"),
            ]),
            "`viewer`",
            "What those may do who show a certificate.",
            "operator",
        ),
        key(
            "tokens",
            Takes::Path,
            "",
            "The file with the tokens: name, role, token on each line.",
            "tokens",
        ),
        key(
            "hosts",
            Takes::List(&Takes::Text),
            "addresses and `localhost`",
            "The names by which it is reached. Requests for other names are refused.",
            "[shop.example.org]",
        ),
    ]],
    one_of: &[&["listen"], &["certificate"], &["key"]],
};

//! Sockets, logs, limits and secrets of processes.

use super::super::{COUNT, Group, Takes, key, word};

const TEXTS: Takes = Takes::Either(&[Takes::Text, Takes::List(&Takes::Text)]);

pub(in super::super) const SECRET: Group = Group {
    what: "a secret",
    keys: &[&[
        key(
            "file",
            Takes::Path,
            "",
            "A file; a line end after its text does not count.",
            "/run/secrets/token",
        ),
        key("env", Takes::Text, "", "A variable of the program's own environment.", "TOKEN"),
        key(
            "command",
            TEXTS,
            "",
            "What a command prints, in at most 10 s.",
            "[pass, show, shop/token]",
        ),
    ]],
    one_of: &[&["file", "env", "command"]],
};

const TURN: Takes = Takes::Whole { least: 0, most: 7 };

pub(super) const IO_PRIORITY: Takes = Takes::Either(&[
    Takes::Word(&[word("idle", "when nobody else wants it")]),
    Takes::Group(&Group {
        what: "io_priority",
        keys: &[&[
            key("realtime", TURN, "", "Before all others; 0 is first.", "4"),
            key("best-effort", TURN, "", "As it comes; 0 is first.", "4"),
        ]],
        one_of: &[&["realtime", "best-effort"]],
    }),
]);

const BOUND: Takes = Takes::Either(&[Takes::Word(&[word("unlimited", "no limit")]), Takes::Size]);

pub(super) const RLIMIT: Takes = Takes::Either(&[
    Takes::Word(&[word("unlimited", "no limit")]),
    Takes::Size,
    Takes::Group(&Group {
        what: "an rlimit",
        keys: &[&[
            key("soft", BOUND, "", "What it starts with.", "1024"),
            key("hard", BOUND, "", "How far it may raise that.", "unlimited"),
        ]],
        one_of: &[&["soft"], &["hard"]],
    }),
]);

pub(super) const DESCRIPTOR: Group = Group {
    what: "a descriptor",
    keys: &[&[
        key(
            "number",
            Takes::Whole { least: 3, most: 1_023 },
            "",
            "Its number in the process.",
            "5",
        ),
        key("path", Takes::Path, "", "The file.", "/dev/null"),
        key(
            "mode",
            Takes::Word(&[
                word("read", "for reading"),
                word("append", "for writing at its end"),
                word("read-write", "for both"),
            ]),
            "`read`",
            "How it is opened.",
            "append",
        ),
    ]],
    one_of: &[&["number"], &["path"]],
};

pub(super) const SOCKET: Group = Group {
    what: "a socket",
    keys: &[&[
        key("name", Takes::Text, "", "Its name in `LISTEN_FDNAMES`.", "http"),
        key("tcp", Takes::Text, "", "Listens at an address and a port.", "\"127.0.0.1:80\""),
        key("udp", Takes::Text, "", "The same for datagrams.", "\"[::]:53\""),
        key(
            "unix",
            Takes::Text,
            "",
            "Listens at a whole path; `@NAME` is an abstract one.",
            "/run/web.sock",
        ),
        key("unix_datagram", Takes::Text, "", "The same for datagrams.", "\"@web\""),
        key(
            "mode",
            Takes::Rights,
            "by the umask",
            "The rights of the file of a Unix socket.",
            "\"0660\"",
        ),
        key("backlog", COUNT, "`4096`", "How many connections may wait.", "128"),
        key(
            "shared",
            Takes::Switch,
            "`false`",
            "Whether several sockets may stand at the address (`SO_REUSEPORT`).",
            "true",
        ),
        key(
            "nonblocking",
            Takes::Switch,
            "`false`",
            "Whether it does not wait where nobody connects (`O_NONBLOCK`).",
            "true",
        ),
    ]],
    one_of: &[&["name"], &["tcp", "udp", "unix", "unix_datagram"]],
};

pub(super) const LOG: Group = Group {
    what: "a log",
    keys: &[&[
        key(
            "path",
            Takes::Path,
            "",
            "The file. Older ones stand beside it: `.1` is the newest.",
            "/var/log/web.log",
        ),
        key("size", Takes::Size, "`10MiB`", "The size at which the next file begins.", "50MiB"),
        key("age", Takes::Span, "none", "The age at which it does.", "24h"),
        key(
            "keep",
            Takes::Whole { least: 0, most: 10_000 },
            "`10`",
            "How many older files are kept.",
            "3",
        ),
        key(
            "compress",
            Takes::Switch,
            "`false`",
            "Whether older files are compressed (gzip).",
            "true",
        ),
        key(
            "stamps",
            Takes::Switch,
            "`true`",
            "Whether each line begins with the moment it was read.",
            "false",
        ),
        key(
            "format",
            Takes::Word(&[
                word("text", "as it came"),
                word("json", "an object: time, run, stream, line"),
            ]),
            "`text`",
            "How a line is written.",
            "json",
        ),
    ]],
    one_of: &[&["path"]],
};

const WEIGHT: Takes = Takes::Whole { least: 1, most: 10_000 };

pub(super) const LIMITS: Group = Group {
    what: "limits",
    keys: &[&[
        key("memory", Takes::Size, "", "Memory; over it the kernel kills.", "512MiB"),
        key("memory_high", Takes::Size, "", "Memory; over it the kernel slows it down.", "400MiB"),
        key("swap", Takes::Size, "", "Swap.", "0"),
        key("cpu", Takes::Percent, "", "Processor time; 100% is one processor.", "150%"),
        key("cpu_weight", WEIGHT, "", "Its share of processors beside others.", "200"),
        key("pids", Takes::Whole { least: 1, most: i64::MAX }, "", "Processes and threads.", "100"),
        key("io_weight", WEIGHT, "", "Its share of disks beside others.", "50"),
    ]],
    one_of: &[],
};

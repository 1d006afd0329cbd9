//! What processes say beside their policy.

mod console;
mod listener;
mod signs;
mod things;

use super::{Group, Key, Takes, key, word};
use console::CONSOLE;
use listener::{LISTENER, PRINTED};
pub(super) use signs::{LIFE, SIGNS};
pub(super) use things::SECRET;
use things::{IO_PRIORITY, LIMITS, LOG, RLIMIT, SOCKET};

const TEXTS: Takes = Takes::Either(&[Takes::Text, Takes::List(&Takes::Text)]);

pub(super) const RUN: &[Key] = &[
    key(
        "command",
        TEXTS,
        "",
        "The program and its arguments. A text is split at spaces; quotes and `\\` keep them, and nothing else is special. \
         A program without a slash is searched in the `PATH` of the process.",
        "[./serve, --port, \"80\"]",
    ),
    key(
        "shell",
        Takes::Switch,
        "`false`",
        "Whether the command is a line for `/bin/sh -c`. Every process of it is asked to end, for a shell does not pass \
         signals on.",
        "true",
    ),
];

/// Where it runs, and as whom.
pub(super) const PLACE: &[Key] = &[
    key(
        "environment",
        Takes::Map(&Takes::Text),
        "",
        "Variables of its environment, above those of `env_file` and of the top of the file.",
        "{PORT: \"80\"}",
    ),
    key(
        "inherit",
        Takes::Either(&[
            Takes::Word(&[word("all", "all of them"), word("none", "not even `PATH`")]),
            Takes::List(&Takes::Text),
        ]),
        "`PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL`, `LANG`, `LC_*`, `TZ`, `TERM` and `TMPDIR`",
        "Which variables of the program it gets: further names, where `*` at the end stands for any rest.",
        "[EDITOR, MY_*]",
    ),
    key(
        "env_file",
        Takes::Either(&[Takes::Path, Takes::List(&Takes::Path)]),
        "",
        "Files with `NAME=VALUE` lines for its environment; the last has the last word.",
        "[]",
    ),
    key(
        "secrets",
        Takes::Map(&Takes::Group(&SECRET)),
        "",
        "Variables whose values stand elsewhere. They are read when the file is, and shown and stored nowhere.",
        "{TOKEN: {command: [echo, token]}}",
    ),
    key("folder", Takes::Path, "the folder of the file", "Where it runs.", "/tmp"),
    key(
        "user",
        Takes::Text,
        "that of the program",
        "Whom it runs as, by name or number.",
        "nobody",
    ),
    key("group", Takes::Text, "the user's own", "Its group.", "nogroup"),
    key(
        "groups",
        Takes::List(&Takes::Text),
        "those that the user is in",
        "Its further groups.",
        "[audio, video]",
    ),
    key("umask", Takes::Rights, "that of the program", "Which rights new files lack.", "\"0027\""),
    key(
        "nice",
        Takes::Whole { least: -20, most: 19 },
        "that of the program",
        "Its priority: -20 is first, 19 is last.",
        "5",
    ),
    key(
        "io_priority",
        IO_PRIORITY,
        "that of the program",
        "Its turn at the disk.",
        "{best-effort: 7}",
    ),
    key(
        "oom_score",
        Takes::Whole { least: -1_000, most: 1_000 },
        "that of the program",
        "Its turn when memory runs out: -1000 is never, 1000 is first.",
        "500",
    ),
    key(
        "rlimits",
        Takes::Group(&Group { what: "rlimits", keys: &[RLIMITS], one_of: &[] }),
        "those of the program",
        "Limits of the kernel for each process of it: a number, `unlimited`, or both limits.",
        "{nofile: 65536, core: {soft: 0, hard: unlimited}}",
    ),
    key(
        "capabilities",
        Takes::List(&Takes::Text),
        "those of the program",
        "The only capabilities it can ever have.",
        "[CAP_NET_BIND_SERVICE]",
    ),
    key(
        "no_new_privileges",
        Takes::Switch,
        "`false`",
        "Whether it, and all it starts, is kept from raising its rights.",
        "true",
    ),
    key(
        "session",
        Takes::Word(&[
            word("own", "a session of its own"),
            word("group", "a process group of its own in the program's session"),
            word("shared", "the program's"),
        ]),
        "`own`",
        "Its session and process group.",
        "group",
    ),
    key(
        "death_signal",
        Takes::Signal,
        "none: it lives on and is adopted",
        "Which signal its main process gets from the kernel when the keeper dies without ending it.",
        "TERM",
    ),
    key(
        "pid_namespace",
        Takes::Switch,
        "`false`",
        "Whether it has a world of processes of its own, in which it is number 1.",
        "true",
    ),
    key(
        "descriptors",
        Takes::List(&Takes::Group(&things::DESCRIPTOR)),
        "",
        "Files that are open when it begins.",
        "[{number: 5, path: /dev/null, mode: read}]",
    ),
    key(
        "sockets",
        Takes::List(&Takes::Group(&SOCKET)),
        "",
        "Sockets that are opened before it starts, passed to each of its runs (`LISTEN_FDS`), and kept open in between.",
        "[{name: http, tcp: \"127.0.0.1:8080\"}]",
    ),
    key(
        "store",
        Takes::Whole { least: 0, most: 512 },
        "`0`",
        "How many descriptors it may leave behind for its next run (`FDSTORE=1`).",
        "4",
    ),
];

const RLIMITS: &[Key] = &[
    key("as", RLIMIT, "", "Bytes of address space.", "unlimited"),
    key("core", RLIMIT, "", "Bytes of a core file.", "0"),
    key("cpu", RLIMIT, "", "Seconds of processor time.", "60"),
    key("data", RLIMIT, "", "Bytes of data segments.", "1GiB"),
    key("fsize", RLIMIT, "", "Bytes of a file it writes.", "1GiB"),
    key("memlock", RLIMIT, "", "Bytes locked in memory.", "64KiB"),
    key("nofile", RLIMIT, "", "Open descriptors.", "65536"),
    key("nproc", RLIMIT, "", "Processes of the user.", "100"),
    key("stack", RLIMIT, "", "Bytes of stack.", "8MiB"),
];

/// What it reads and prints.
pub(super) const OUTPUT: &[Key] = &[
    key(
        "stdin",
        Takes::Either(&[
            Takes::Word(&[
                word("null", "nothing: its end at once"),
                word("pipe", "what is sent to it"),
                word("inherit", "the program's own"),
            ]),
            Takes::Group(&Group {
                what: "stdin",
                keys: &[&[key("file", Takes::Path, "", "Reads this file.", "/dev/zero")]],
                one_of: &[&["file"]],
            }),
        ]),
        "`null`",
        "Where it reads from.",
        "pipe",
    ),
    key(
        "output",
        Takes::Word(&[
            word("merged", "both outputs into one pipe: lines keep their order"),
            word("apart", "a pipe each: lines say where they came from"),
            word("inherit", "the program's own: nothing is seen of it here"),
            word("null", "nowhere"),
        ]),
        "`merged`",
        "How its outputs are connected.",
        "apart",
    ),
    key(
        "terminal",
        Takes::Either(&[
            Takes::Switch,
            Takes::Group(&Group {
                what: "terminal",
                keys: &[&[
                    key(
                        "rows",
                        Takes::Whole { least: 1, most: 65_535 },
                        "`24`",
                        "Its height.",
                        "50",
                    ),
                    key(
                        "columns",
                        Takes::Whole { least: 1, most: 65_535 },
                        "`80`",
                        "Its width.",
                        "132",
                    ),
                ]],
                one_of: &[],
            }),
        ]),
        "`false`",
        "Whether it has a terminal, for input as well.",
        "{rows: 50, columns: 132}",
    ),
    key(
        "console",
        CONSOLE,
        "none",
        "Opens its terminal on the network or a Unix socket, with the manners of procServ. It has a terminal by that.",
        "{listen: \"2000\", ignore: ^C^D}",
    ),
    key(
        "listener",
        LISTENER,
        "none",
        "Tells it of events on its standard input, in the protocol of supervisord's event listeners, and takes its \
         standard output for its answers; what it prints on its standard error goes to its log.",
        "{events: [PROCESS_STATE, TICK_60], buffer: 100}",
    ),
    key(
        "output_events",
        PRINTED,
        "none",
        "What becomes events for listeners of what it prints. It is read from its log.",
        "{lines: out, messages: [out]}",
    ),
    key(
        "log",
        Takes::Either(&[Takes::Path, Takes::Group(&LOG)]),
        "a file of the child in the folder `logs` of the state; none where `output` is `inherit` or `null`",
        "The file that takes what it prints, and how it is rotated.",
        "{path: /tmp/web.log, size: 50MiB, keep: 3}",
    ),
    key(
        "echo",
        Takes::Text,
        "",
        "Repeats each line on the output of the program, behind this.",
        "\"web | \"",
    ),
    key(
        "pressure",
        Takes::Word(&[
            word("lossless", "it waits; nothing is lost"),
            word("dropping", "lines are dropped and counted"),
        ]),
        "`lossless`",
        "What happens when it prints faster than can be written.",
        "dropping",
    ),
    key(
        "keep_last",
        Takes::Size,
        "`4KiB`",
        "How many bytes of its last lines are kept for each run; at most 1 MiB.",
        "16KiB",
    ),
];

/// How it is held together.
pub(super) const HOLD: &[Key] = &[
    key(
        "limits",
        Takes::Group(&LIMITS),
        "none",
        "What all of it together may use. Each needs a cgroup with its controller; without one it does not start.",
        "{memory: 512MiB, cpu: 150%, pids: 100}",
    ),
    key(
        "contain",
        Takes::Word(&[
            word("best", "by the best means there is"),
            word("cgroup", "by a cgroup; without one it does not start"),
            word("descent", "by its descent, session, group and environment"),
            word("main", "not at all: the main process is all there is"),
        ]),
        "`best`",
        "How all of it is held together.",
        "descent",
    ),
    key(
        "rest",
        Takes::Span,
        "`2s`",
        "How long what is left of it gets to end when its main process has ended, before force.",
        "5s",
    ),
    key(
        "leftovers",
        Takes::Word(&[
            word("adopt", "it is the present run"),
            word("kill", "it is ended, then the child starts"),
            word("refuse", "the child does not start"),
        ]),
        "`adopt`",
        "What becomes of a process that an earlier life of the program left running.",
        "kill",
    ),
    key(
        "overlap",
        Takes::Word(&[
            word("refuse", "no next run before it is gone"),
            word("allow", "the next run starts though it may still exist"),
        ]),
        "`refuse`",
        "What an abandoned run, one that force could not end, means for the next one.",
        "allow",
    ),
];

const WATCHED: Group = Group {
    what: "restart_on_change",
    keys: &[&[
        key(
            "paths",
            Takes::Either(&[Takes::Path, Takes::List(&Takes::Path)]),
            "",
            "Files, folders, or `*` and `?` in the last part of a path.",
            "[/tmp/*.conf]",
        ),
        key(
            "debounce",
            Takes::Span,
            "`500ms`",
            "How long all must be quiet before it is restarted.",
            "2s",
        ),
    ]],
    one_of: &[&["paths"]],
};

const SCHEDULE: Group = Group {
    what: "a schedule",
    keys: &[&[
        key(
            "cron",
            Takes::Text,
            "",
            "Minute, hour, day, month and weekday, with seconds in front if there are six.",
            "\"30 2 * * *\"",
        ),
        key(
            "every",
            Takes::Span,
            "",
            "A span from one start to the next, the first after the tree has started.",
            "5m",
        ),
        key(
            "time_zone",
            Takes::Text,
            "that of the machine",
            "The time zone of `cron`.",
            "Europe/Berlin",
        ),
        key(
            "overlap",
            Takes::Word(&[
                word("skip", "nothing"),
                word("queue", "it runs once more as soon as it has ended"),
                word("replace", "the run is ended, and another one begins"),
            ]),
            "`skip`",
            "What happens when its time comes while it still runs.",
            "queue",
        ),
    ]],
    one_of: &[&["cron", "every"]],
};

const ON_DEMAND: Takes = Takes::Either(&[
    Takes::Switch,
    Takes::Group(&Group {
        what: "on_demand",
        keys: &[&[key(
            "idle",
            Takes::Span,
            "it runs on",
            "Stops it again after so long without a demand.",
            "10m",
        )]],
        one_of: &[],
    }),
]);

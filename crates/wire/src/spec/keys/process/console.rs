//! The console of a process on the network.

use super::super::{Group, Takes, key, word};

const PLACES: Takes = Takes::Either(&[Takes::Text, Takes::List(&Takes::Text)]);

/// Where it listens, and how it behaves.
pub(super) const CONSOLE: Takes = Takes::Either(&[
    Takes::Text,
    Takes::List(&Takes::Text),
    Takes::Group(&Group {
        what: "console",
        keys: &[&[
            key(
                "listen",
                PLACES,
                "",
                "Where people type: `PORT`, `ADDRESS:PORT`, `unix:PATH`, `unix:USER:GROUP:PERM:PATH` or `unix:@NAME`. \
                 A port alone is one of this machine.",
                "[\"2000\", \"unix:/run/ioc.sock\"]",
            ),
            key(
                "log_listen",
                PLACES,
                "",
                "Where people only look, written in the same way.",
                "\"2001\"",
            ),
            key(
                "allow",
                Takes::Switch,
                "`false`",
                "Whether other machines may reach it. Nobody is asked who they are: whoever connects may type.",
                "true",
            ),
            key(
                "keys",
                Takes::Group(&Group {
                    what: "keys",
                    keys: &[&[
                        key(
                            "kill",
                            Takes::Text,
                            "`^X`",
                            "Ends the live run, or starts the child.",
                            "^K",
                        ),
                        key(
                            "restart",
                            Takes::Text,
                            "`^R`",
                            "Starts the child where it is down.",
                            "^B",
                        ),
                        key(
                            "toggle",
                            Takes::Text,
                            "`^T`",
                            "Goes on from ON to OFF to ONESHOT to ON.",
                            "\"\"",
                        ),
                        key(
                            "quit",
                            Takes::Text,
                            "none",
                            "Ends the whole tree where the child is down, as the end of a run does in ONESHOT.",
                            "^Q",
                        ),
                        key("logout", Takes::Text, "none", "Ends the connection.", "^D"),
                    ]],
                    one_of: &[],
                }),
                "those of procServ",
                "The keys that the console takes itself: a character, or a caret and a letter; an empty text is none.",
                "{kill: ^K, logout: ^D}",
            ),
            key(
                "ignore",
                Takes::Text,
                "",
                "Characters that never reach the child: `^C` is a control character, `^^` a caret.",
                "^C^D",
            ),
            key("title", Takes::Text, "its name", "What the child is called on it.", "\"My IOC\""),
            key(
                "info_file",
                Takes::Path,
                "",
                "A file that says which process this is and where it listens.",
                "/tmp/ioc.info",
            ),
            key(
                "transcript",
                Takes::Either(&[
                    Takes::Text,
                    Takes::Group(&Group {
                        what: "transcript",
                        keys: &[&[
                            key(
                                "path",
                                Takes::Text,
                                "",
                                "The file; `-` is the output of the program.",
                                "/tmp/ioc.log",
                            ),
                            key(
                                "stamp",
                                Takes::Text,
                                "",
                                "What stands before each line, in the signs of `strftime`.",
                                "\"[%c] \"",
                            ),
                        ]],
                        one_of: &[&["path"]],
                    }),
                ]),
                "",
                "A file that takes what is seen on it, as procServ writes its log, beside the log of the child.",
                "{path: /tmp/ioc.log, stamp: \"[%c] \"}",
            ),
            key(
                "time",
                Takes::Text,
                "`%c`",
                "How moments are written on it, in the signs of `strftime`.",
                "\"%Y-%m-%d %H:%M:%S\"",
            ),
            key(
                "mode",
                Takes::Word(&[
                    word("on", "it is restarted"),
                    word("off", "it is not: automatic starts are paused"),
                    word("oneshot", "it runs once more at most"),
                ]),
                "what `restart` says, and what the keys made of it before",
                "The mode that each life of the daemon begins in.",
                "off",
            ),
        ]],
        one_of: &[],
    }),
]);

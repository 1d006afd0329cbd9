//! The commands that can be given to a child from here.

use mainstay_wire::api::Verb;

/// One command.
#[derive(Debug)]
pub(super) struct Order {
    /// The key that gives it.
    pub(super) letter: char,
    /// What is asked.
    pub(super) verb: Verb,
    /// How it stands in menus: the verb, and what is special about it.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) about: &'static str,
}

/// Each stands in the table once: its letter says which it is.
impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        self.letter == other.letter
    }
}

impl Eq for Order {}

const fn order(letter: char, verb: Verb, name: &'static str, about: &'static str) -> Order {
    Order { letter, verb, name, about }
}

/// Every command that needs nothing but a child.
pub(super) static ORDERS: &[Order] = &[
    order('S', Verb::Start { over: false }, "start", "Start it now, whatever the delay"),
    order('X', Verb::Stop {}, "stop", "Stop it; it stays down, over reboots too, until started"),
    order('R', Verb::Restart {}, "restart", "Stop it, then start it"),
    order('L', Verb::Reload {}, "reload", "Tell the live run to read its settings again"),
    order('Y', Verb::Recycle {}, "recycle", "Replace the live run by a fresh one"),
    order('P', Verb::Pause { freeze: false }, "pause", "No automatic starts; what runs goes on"),
    order(
        'F',
        Verb::Pause { freeze: true },
        "pause and freeze",
        "The same, and suspend the live run",
    ),
    order('U', Verb::Resume {}, "resume", "End a pause"),
    order('Q', Verb::Quarantine {}, "quarantine", "Stop it, and refuse to start it until released"),
    order('E', Verb::Release {}, "release", "End a quarantine"),
    order('C', Verb::Reset { start: false }, "reset", "Close its breaker and forget its failures"),
    order('T', Verb::Reset { start: true }, "reset and start", "The same, and start it"),
    order(
        'O',
        Verb::Start { over: true },
        "start, overriding",
        "Start it even while a breaker is open or an abandoned run occupies it",
    ),
    order('A', Verb::Acknowledge {}, "acknowledge", "Silence its alerts"),
    order('D', Verb::Remove {}, "remove", "Stop it, and take it out of the tree"),
];

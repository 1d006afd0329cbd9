//! The events of supervisord by their names, and which of them a name stands for.

use super::payload::Channel;
use std::collections::BTreeSet;
use std::fmt;

/// One kind of event that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A process is down because somebody asked for it.
    Stopped,
    /// A process that had shown that it stays has ended by itself.
    Exited,
    /// A process begins.
    Starting,
    /// A process is asked to end.
    Stopping,
    /// A process ended too early, and begins again later.
    Backoff,
    /// A process is given up.
    Fatal,
    /// A process has shown that it stays.
    Running,
    /// What a process does cannot be told.
    Unknown,
    /// A process printed a message between marks, on its standard output.
    SaidOut,
    /// The same on its standard error.
    SaidErr,
    /// A process printed something on its standard output.
    LogOut,
    /// The same on its standard error.
    LogErr,
    /// Somebody sent an event.
    Remote,
    /// The tree has begun.
    Up,
    /// The tree begins to end.
    Down,
    /// Five seconds have passed.
    Tick5,
    /// A minute has passed.
    Tick60,
    /// An hour has passed.
    Tick3600,
    /// A group has come into the tree.
    GroupAdded,
    /// A group has left the tree.
    GroupRemoved,
}

/// Every kind with its name.
const NAMES: [(Kind, &str); 20] = [
    (Kind::Stopped, "PROCESS_STATE_STOPPED"),
    (Kind::Exited, "PROCESS_STATE_EXITED"),
    (Kind::Starting, "PROCESS_STATE_STARTING"),
    (Kind::Stopping, "PROCESS_STATE_STOPPING"),
    (Kind::Backoff, "PROCESS_STATE_BACKOFF"),
    (Kind::Fatal, "PROCESS_STATE_FATAL"),
    (Kind::Running, "PROCESS_STATE_RUNNING"),
    (Kind::Unknown, "PROCESS_STATE_UNKNOWN"),
    (Kind::SaidOut, "PROCESS_COMMUNICATION_STDOUT"),
    (Kind::SaidErr, "PROCESS_COMMUNICATION_STDERR"),
    (Kind::LogOut, "PROCESS_LOG_STDOUT"),
    (Kind::LogErr, "PROCESS_LOG_STDERR"),
    (Kind::Remote, "REMOTE_COMMUNICATION"),
    (Kind::Up, "SUPERVISOR_STATE_CHANGE_RUNNING"),
    (Kind::Down, "SUPERVISOR_STATE_CHANGE_STOPPING"),
    (Kind::Tick5, "TICK_5"),
    (Kind::Tick60, "TICK_60"),
    (Kind::Tick3600, "TICK_3600"),
    (Kind::GroupAdded, "PROCESS_GROUP_ADDED"),
    (Kind::GroupRemoved, "PROCESS_GROUP_REMOVED"),
];

/// Names that stand for all events whose names begin with them.
const ABSTRACT: [&str; 6] = [
    "PROCESS_STATE",
    "PROCESS_COMMUNICATION",
    "PROCESS_LOG",
    "SUPERVISOR_STATE_CHANGE",
    "TICK",
    "PROCESS_GROUP",
];
/// The name that stands for all events.
const ALL: &str = "EVENT";

impl Kind {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Returns what a line on an output is.
    pub(crate) const fn of_line(output: Channel) -> Self {
        match output {
            Channel::Out => Self::LogOut,
            Channel::Err => Self::LogErr,
        }
    }

    /// Returns what a message on an output is.
    pub(crate) const fn of_message(output: Channel) -> Self {
        match output {
            Channel::Out => Self::SaidOut,
            Channel::Err => Self::SaidErr,
        }
    }

    /// Returns whether it is of something that a process prints.
    pub(crate) const fn is_printed(self) -> bool {
        matches!(self, Self::LogOut | Self::LogErr | Self::SaidOut | Self::SaidErr)
    }

    /// Returns the kind of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns the kinds that a name stands for, in large or small letters; nothing where supervisord knows no such name.
pub(crate) fn kinds(name: &str) -> BTreeSet<Kind> {
    let name = name.to_ascii_uppercase();
    let is_below = |known: &str| {
        name == ALL
            || known == name
            || ABSTRACT.contains(&name.as_str())
                && known.strip_prefix(&name).is_some_and(|rest| rest.starts_with('_'))
    };
    NAMES.iter().filter(|(_, known)| is_below(known)).map(|(kind, _)| *kind).collect()
}

/// Returns every name that stands for something.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let concrete = NAMES.iter().map(|(_, name)| *name);
    std::iter::once(ALL).chain(ABSTRACT).chain(concrete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_itself_or_for_all_below_it() {
        use Kind::{GroupAdded, GroupRemoved, LogErr, LogOut, Tick5, Tick60, Tick3600};
        let table: [(&str, &[Kind]); 8] = [
            ("TICK_60", &[Tick60]),
            ("TICK", &[Tick5, Tick60, Tick3600]),
            ("tick_5", &[Tick5]),
            ("PROCESS_LOG", &[LogOut, LogErr]),
            ("PROCESS_GROUP", &[GroupAdded, GroupRemoved]),
            // Neither is a name there.
            ("PROCESS", &[]),
            ("TICK_", &[]),
            ("PROCESS_STATE_CHANGE", &[]),
        ];
        for (name, expected) in table {
            assert_eq!(kinds(name), expected.iter().copied().collect(), "{name}");
        }
        assert_eq!(kinds("EVENT").len(), NAMES.len());
        assert_eq!(kinds("PROCESS_STATE").len(), 8);
        for name in names() {
            assert!(!kinds(name).is_empty(), "{name}");
        }
        for (kind, name) in NAMES {
            assert_eq!((Kind::of(name), kind.name()), (Some(kind), name));
        }
    }
}

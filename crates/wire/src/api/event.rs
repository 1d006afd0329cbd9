//! What happened.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One fact, with its place in the order of all facts of its tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its number: it only grows, over restarts too.
    pub seq: u64,
    /// When it was decided.
    pub at: i64,
    /// The child it is about; empty: the tree.
    pub path: String,
    /// The run it is about.
    pub run: Option<u64>,
    /// What it is, as a word: `exited`, `decided`, `ready`.
    pub kind: String,
    /// The same in words.
    pub text: String,
}

/// A part of what happened, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventPage {
    /// The facts, the oldest first.
    pub events: Vec<Event>,
    /// The number to ask for next: `from` of the next page.
    pub next: u64,
    /// How many facts before the first one here were asked for and are forgotten.
    pub missed: u64,
}

/// Told among events and lines where some are left out: they were forgotten before they could be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lag {
    /// How many are left out; absent where that is not known.
    pub missed: Option<u64>,
    /// The child whose lines are left out; absent for events.
    pub path: Option<String>,
}

/// One line that a child printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// The child.
    pub path: String,
    /// When it was read from the child; absent where the log has no stamps.
    pub at: Option<i64>,
    /// The run that printed it, where the log says so.
    pub run: Option<u64>,
    /// Where it was printed, where the log says so: `out`, `err`.
    pub stream: Option<String>,
    /// The line, without its end. What is no UTF-8 is replaced by U+FFFD.
    pub text: String,
}

/// The last lines that children printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogPage {
    /// The lines of all children asked for, in order of time as far as the logs have stamps.
    pub lines: Vec<LogLine>,
    /// Children that were asked for and have no log.
    pub without: Vec<String>,
}

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

//! Short answers for whoever only wants to know whether all is well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the brain is doing, for whoever looks for the reason why it stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dump {
    /// Its steps, its queues and its threads.
    pub text: String,
}

/// Whether something holds, and what was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checks {
    /// Whether it holds: all checks passed.
    pub ok: bool,
    /// What was looked at; empty for whoever may not see the tree.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What: `loop`, `tree`, `journal`, or the path of a child.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// How it is, in words.
    pub text: String,
}

//! Who asks, and what they may do with a child.

use super::Verb;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whoever asks, as it stands in the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Me {
    /// The name: `alice (uid 1000)`, `token panel`.
    pub name: String,
    /// What they may do: `viewer`, `operator` or `admin`; absent: nothing.
    pub role: Option<String>,
    /// Until when the browser is signed in; absent for who needs no signing in.
    pub until_at: Option<i64>,
}

/// What a browser shows to be signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// A token, as it stands in the file with tokens.
    #[schemars(extend("maxLength" = 4096))]
    pub token: String,
}

/// Nothing of the token is shown.
impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignIn")
    }
}

/// Nothing is asked beyond the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A command that can be given to a child, and what it would do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// The verb, as a Command takes it.
    pub verb: Verb,
    /// The same as it is typed: `start --override`.
    pub command: String,
    /// The role it takes.
    pub role: String,
    /// Whether it would be carried out now, for whoever asks, and change something.
    pub possible: bool,
    /// Why not.
    pub why_not: Option<String>,
    /// What helps.
    pub hint: Option<String>,
    /// What it does, in words.
    pub effect: String,
}

//! What policies would do with what has happened, or with ends that are made up.

use super::Timeline;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most policies that are played at once.
pub const MOST_POLICIES: usize = 4;
/// The most runs that end in a scenario.
pub const MOST_ENDS: u32 = 10_000;

/// What is to be played. Nothing of it touches the tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Simulation {
    /// Whose policy and whose recorded runs.
    #[serde(default)]
    pub child: Option<String>,
    /// The policies, one timeline each; none: that of the child.
    #[serde(default)]
    #[schemars(length(max = 4))]
    pub policies: Vec<PlayedPolicy>,
    /// Lives that are made up; absent: the recorded runs of the child.
    #[serde(default)]
    pub lives: Option<Lives>,
    /// How many recorded runs are taken, the latest.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    pub runs: u32,
    /// The same number draws the same delays.
    #[serde(default = "one")]
    #[schemars(extend("maximum" = 9_007_199_254_740_991_u64))]
    pub seed: u64,
}

const fn hundred() -> u32 {
    100
}

const fn one() -> u64 {
    1
}

/// A policy to be played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlayedPolicy {
    /// That of a child of the tree.
    Child(#[schemars(extend("maxLength" = 1024))] String),
    /// A preset by its name; `default` is that of a child of which nothing is said.
    Preset(#[schemars(extend("maxLength" = 64))] String),
    /// The keys of a child in a spec file that say when it is started again: YAML.
    Spec(#[schemars(extend("maxLength" = 16384))] String),
}

/// Lives that are made up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lives {
    /// How long each lives, one after another and over again: `3s`, or `3s,3s,1m`.
    #[schemars(extend("maxLength" = 1024))]
    pub dies_after: String,
    /// How many end.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 10000))]
    pub times: u32,
    /// How each ends: an exit code, a signal as `KILL`, `oom`, `panic`, `clean`, `transient`, `permanent`, `no-start`.
    #[serde(default = "failure")]
    #[schemars(extend("maxLength" = 64))]
    pub exit: String,
    /// When each is ready, where its policy has a rule for it; absent: at once.
    #[serde(default)]
    #[schemars(extend("maxLength" = 64))]
    pub ready_after: Option<String>,
}

const fn fifty() -> u32 {
    50
}

fn failure() -> String {
    "1".into()
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Simulated {
    /// What the policy of the time did; absent where the lives are made up.
    pub happened: Option<Timeline>,
    /// What each policy would do, in the order in which they were asked for.
    pub timelines: Vec<Timeline>,
}

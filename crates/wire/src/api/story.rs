//! Why a child does what it does, and what became of its runs.

use super::{Alert, Next, Standing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a child does what it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The child.
    pub path: String,
    /// As of when.
    pub now_at: i64,
    /// What it is doing, in one word.
    pub standing: Standing,
    /// The story, sentence by sentence: what happened, what was decided by which rule, what happens next.
    pub story: Vec<String>,
    /// The ends that led here, the latest first, with what was seen of each.
    pub evidence: Vec<Evidence>,
    /// What happens next by itself.
    pub next: Option<Next>,
    /// What would change it.
    pub wishes: Vec<Wish>,
    /// Every limit that counts it, and how it stands.
    pub limits: Vec<Limit>,
    /// Its breaker: `closed`, `open`, `trial`.
    pub breaker: String,
    /// The breaker's level.
    pub level: u32,
    /// What a person must see.
    pub alerts: Vec<Alert>,
    /// Every effective setting of its policy, with where it came from.
    pub policy: Vec<Setting>,
}

/// One effective setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where it came from: `default`, `preset systemd`, `spec`.
    pub source: String,
}

/// What was seen of the end of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Whose run.
    pub path: String,
    /// Which.
    pub run: u64,
    /// In words.
    pub text: String,
    /// Its last lines of output.
    pub lines: Vec<String>,
    /// The last things that happened in it before: probes, signs of life, commands.
    #[serde(default)]
    pub trail: Vec<Fact>,
}

/// Something that would change what a child does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wish {
    /// The command, ready to be typed; absent where no command does it.
    pub command: Option<String>,
    /// What it would do.
    pub text: String,
}

/// One limit as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    /// Who declares it; empty: the root.
    pub owner: String,
    /// What it means: `at most 10 restarts in any 10 min`.
    pub text: String,
    /// How many count now.
    pub used: u32,
    /// How many are allowed.
    pub most: u32,
    /// When the oldest stops counting.
    pub frees_at: Option<i64>,
}

/// What became of one run, from the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// The child.
    pub path: String,
    /// Which run.
    pub run: u64,
    /// When it began.
    pub began_at: i64,
    /// When it could serve.
    pub ready_at: Option<i64>,
    /// When it ended; absent: it lives.
    pub ended_at: Option<i64>,
    /// How long it lived.
    pub lived_ms: Option<i64>,
    /// Its main process.
    pub pid: Option<u32>,
    /// What its end means.
    pub cause: Option<Cause>,
    /// What was decided.
    pub action: Option<Action>,
    /// Who asked it to end, or began it by hand, and why.
    pub by: Option<String>,
    /// What it used: processor time in its own code and in the kernel, and the most memory in bytes.
    pub user_ms: u64,
    /// See above.
    pub system_ms: u64,
    /// See above.
    pub memory: u64,
    /// The last lines it printed.
    pub lines: Vec<String>,
    /// Bytes of output that could not be kept.
    pub lost: u64,
    /// The revision of its spec.
    pub revision: u32,
    /// What happened in this run, in order: probes, signs of life, commands.
    pub trail: Vec<Fact>,
    /// What it did last by its own flight recorder, in order; its times are as good as what the host wrote. Of a host
    /// alone.
    #[serde(default)]
    pub operations: Vec<Fact>,
    /// The calls that it had begun and not answered when it ended, by its flight recorder: `call 17: read axis 3`.
    #[serde(default)]
    pub open_calls: Vec<String>,
}

/// What an end means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// As a word: `failed`, `signaled`, `out-of-memory`, `heartbeat-lost`.
    pub word: String,
    /// In words, with what the run said about it.
    pub text: String,
    /// Whether it counts against the child.
    pub is_failure: bool,
    /// Its exit code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// What was decided about an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// As a word: `restart`, `finish`, `cooldown`.
    pub word: String,
    /// The rule that decided, as a word: `always`, `spent`, `trial-failed`.
    #[serde(default)]
    pub rule: String,
    /// In words, with the rule and its counts.
    pub text: String,
    /// When the next run was to begin.
    pub restart_at: Option<i64>,
}

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// When.
    pub at: i64,
    /// What.
    pub text: String,
}

/// What a policy would do with a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// The policy.
    pub policy: String,
    /// Its rules in words, one each.
    pub rules: Vec<String>,
    /// The scenario.
    pub scenario: String,
    /// How long it was followed.
    pub horizon_ms: u64,
    /// What happened; long loops are folded into one step.
    pub steps: Vec<TimelineStep>,
    /// When runs began, in milliseconds from the beginning: the first 500.
    #[serde(default)]
    pub begins_ms: Vec<u64>,
    /// The spans in which the child could serve: the first 500.
    #[serde(default)]
    pub serves: Vec<Span>,
    /// What followed each end, in order: the first 500. Empty where only the record of what happened is told.
    #[serde(default)]
    pub falls: Vec<Fall>,
    /// How many runs began.
    pub starts: u64,
    /// When the policy first gave up; absent: it did not.
    pub gave_up_after_ms: Option<u64>,
    /// What that led to.
    pub gave_up: Option<String>,
    /// How long the child could serve.
    pub uptime_ms: u64,
    /// How long it could not.
    pub downtime_ms: u64,
    /// The longest time without a break in which it could not.
    pub longest_down_ms: u64,
    /// How often it was started again in an hour, over the whole time.
    pub restarts_per_hour: f64,
    /// How many runs began in the busiest hour.
    pub busiest_hour: u64,
    /// How many alerts were raised; absent where that was not recorded.
    pub alerts: Option<u64>,
    /// What the child does at the end.
    pub ends: String,
    /// Whether it started too often to be followed to the end.
    pub is_cut: bool,
}

/// From one moment of a timeline to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// Its beginning.
    pub from_ms: u64,
    /// Its end.
    pub to_ms: u64,
}

/// The end of a run in a timeline, and what followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fall {
    /// When the run ended, from the beginning.
    pub after_ms: u64,
    /// How it ended.
    pub how: String,
    /// What the policy did.
    pub then: String,
}

/// Something that happened in a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineStep {
    /// When, from the beginning.
    pub after_ms: u64,
    /// What.
    pub text: String,
}

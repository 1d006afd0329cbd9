//! The tree as it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole tree, and who keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The name of the tree: what its spec file calls it.
    pub name: String,
    /// The version of the program that answers.
    pub version: String,
    /// When this answer was made.
    pub now_at: i64,
    /// When the tree began, over restarts of the brain.
    pub began_at: i64,
    /// The process that decides.
    pub brain_pid: u32,
    /// When that process began.
    pub brain_began_at: i64,
    /// How often it has been started again by the present keeper.
    pub brain_restarts: u32,
    /// The process that holds all others; absent in a service that embeds the library.
    pub keeper_pid: Option<u32>,
    /// The spec file.
    pub spec_file: Option<String>,
    /// How the tree is.
    pub health: Health,
    /// Whether it is ending.
    pub draining: bool,
    /// How the journal is; absent where there is none.
    pub journal: Option<Journal>,
    /// What a person should know about the program itself: a spec file that cannot be read any more, a lost tail.
    pub notices: Vec<String>,
    /// Every child but the root, supervisors before their children, in the order of starts.
    pub children: Vec<Child>,
}

/// How the tree is, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// In one word.
    pub overall: Overall,
    /// Children that serve, or of which nothing more is wanted.
    pub fine: u32,
    /// Children on their way.
    pub coming: u32,
    /// Children that are not as they should be, and can be done without.
    pub degraded: u32,
    /// Children that are down and should not be.
    pub faulted: u32,
    /// Alerts that nobody has acknowledged.
    pub alerts: u32,
}

/// How the tree is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overall {
    /// All is as it should be.
    Serving,
    /// On its way there.
    Coming,
    /// Something that can be done without is not as it should be.
    Degraded,
    /// Something is down that should not be.
    Faulted,
    /// The tree ends.
    Draining,
    /// The tree has ended.
    Ended,
}

/// How the journal is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Journal {
    /// Where it is.
    pub folder: String,
    /// Whether everything is on the disk, or on its way there.
    pub durable: bool,
    /// Why it cannot be written.
    pub trouble: Option<String>,
    /// Records that could not be written so far.
    pub lost: u64,
    /// The number of the last record.
    pub last: u64,
    /// How many bytes it takes.
    pub bytes: u64,
}

/// What a child is doing, in one word.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Not running, and nothing will start it by itself.
    Down,
    /// Not running; the next run has a moment.
    Waiting,
    /// Not running; something else must happen first.
    Blocked,
    /// A start is under way.
    Starting,
    /// Started and not ready.
    Up,
    /// Can serve.
    Ready,
    /// Asked to end.
    Stopping,
    /// Could not be ended, and still occupies its child.
    Abandoned,
    /// Not in the tree any more.
    Removed,
}

/// What operators want of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// That it runs as its policy says.
    Up,
    /// That it is down until started.
    Down,
}

/// One child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Child {
    /// Its place in the tree: `app/db/writer`.
    pub path: String,
    /// What it is: `process`, `supervisor`, `task`, `blocking`, `host`, `stage`.
    pub kind: String,
    /// What it is doing, in one word.
    pub standing: Standing,
    /// The same in a few words, with the reason where it does not run: `waits 4.2s for its next run`.
    pub state: String,
    /// Since when; absent where that is not known.
    pub since_at: Option<i64>,
    /// Its live run.
    pub run: Option<u64>,
    /// How many runs it has had.
    pub runs: u64,
    /// How often it was started again after the first run.
    pub restarts: u64,
    /// The main process of its live run.
    pub pid: Option<u32>,
    /// What the tree does next about it by itself.
    pub next: Option<Next>,
    /// What operators want of it.
    pub want: Want,
    /// Whether automatic starts are suspended here.
    pub paused: bool,
    /// Whether it is down and refused until released.
    pub quarantined: bool,
    /// The number of its spec, counted from 0.
    pub revision: u32,
    /// How its last run ended.
    pub last: Option<LastRun>,
    /// What a person must see.
    pub alerts: Vec<Alert>,
    /// What it says that it does.
    pub says: Option<String>,
    /// What else its live run told on its notify socket, of which nothing comes: the last value of each name.
    #[serde(default)]
    pub said: BTreeMap<String, String>,
    /// How far its runs have come, in their own words: the next one goes on from there.
    #[serde(default)]
    pub position: Option<String>,
    /// The last thing that did not work and did not end it.
    pub trouble: Option<String>,
    /// The file that takes its output.
    pub log: Option<String>,
    /// Where its sockets listen.
    pub addresses: Vec<String>,
    /// How its processes are held together.
    pub contain: Option<String>,
    /// Lines of output that were dropped.
    pub dropped: u64,
    /// What its final end means for others: `critical`, `required`, `optional`.
    pub criticality: String,
    /// What it is for, as its spec says.
    #[serde(default)]
    pub description: Option<String>,
    /// Labels of its spec.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// What happens next by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Next {
    /// When.
    pub at: i64,
    /// How long until then, as of the answer.
    pub in_ms: i64,
    /// What: `starts again`, `counts as stable`.
    pub what: String,
}

/// How the last run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastRun {
    /// Which.
    pub run: u64,
    /// When it ended.
    pub ended_at: i64,
    /// How long it lived.
    pub lived_ms: i64,
    /// What it means: `failed`, `signaled`, `out-of-memory`.
    pub cause: String,
    /// The same in words: `exited with code 3`.
    pub text: String,
}

/// Something a person must see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// Whose.
    pub path: String,
    /// What happened, as a word: `breaker-opened`.
    pub kind: String,
    /// The same in words.
    pub text: String,
    /// When.
    pub since_at: i64,
    /// How often the same happened again.
    pub again: u32,
    /// Whether the episode is over.
    pub over: bool,
    /// Who has acknowledged it.
    pub seen_by: Option<String>,
    /// Why.
    pub seen_why: Option<String>,
    /// When.
    pub seen_at: Option<i64>,
}

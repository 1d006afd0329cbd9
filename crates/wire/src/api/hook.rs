//! What is told to hooks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a hook is told of.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FactKind {
    /// A run ended in a way that counts against its child.
    Failure,
    /// There is no further run before something changes: a breaker opened, a quarantine, a final end.
    GivenUp,
    /// Who had failed is stable again, or came to a clean end.
    Recovered,
}

impl FactKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Failure, Self::GivenUp, Self::Recovered];

    /// Returns its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::GivenUp => "given-up",
            Self::Recovered => "recovered",
        }
    }
}

impl fmt::Display for FactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One thing that a hook is told, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    /// The hook.
    pub hook: String,
    /// The id of the CloudEvent: the same in every try.
    pub event: String,
    /// What it tells.
    pub fact: FactKind,
    /// The child; empty: the program itself.
    pub path: String,
    /// Which part of the program, where it is about that.
    pub program: Option<String>,
    /// The run it is about.
    pub run: Option<u64>,
    /// What happened, in words.
    pub text: String,
    /// How many facts it tells.
    pub count: u32,
    /// When it happened; of several, the last.
    pub happened_at: i64,
    /// When it was decided that it is told.
    pub decided_at: i64,
    /// What has become of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next; absent where it is over, or under way.
    pub next_at: Option<i64>,
    /// When it was over.
    pub over_at: Option<i64>,
    /// What came of the last try, in words.
    pub last: Option<String>,
    /// Whether somebody only tried the hook.
    pub test: bool,
}

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// It is to be tried, or is being tried.
    Waiting,
    /// Its receiver has taken it.
    Delivered,
    /// It is not tried any more.
    GivenUp,
}

impl DeliveryState {
    /// Returns its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given-up",
        }
    }
}

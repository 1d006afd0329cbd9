//! What is told to hooks: facts as CloudEvents, and what is kept of each delivery.

use crate::api::{Delivery, DeliveryState, FactKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of [`Kept`].
pub const VERSION: u32 = 1;

/// A CloudEvent, version 1.0, in the structured JSON form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: String,
    /// The same each time one fact is told, however often: a receiver drops what it has had.
    pub id: String,
    /// The tree: `/mainstay/shop`.
    pub source: String,
    /// `io.mainstay.failure`, `io.mainstay.given-up`, `io.mainstay.recovered`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The path of the child; absent for the program itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened, RFC 3339.
    pub time: String,
    /// `application/json`.
    pub datacontenttype: String,
    /// The fact.
    pub data: Told,
}

/// What a CloudEvent tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The name of the tree.
    pub tree: String,
    /// The path of the child; empty for the program itself.
    pub child: String,
    /// Which part of the program, where it is about that: `journal`, `brain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The fact.
    pub fact: FactKind,
    /// The run it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    /// What happened, in words.
    pub text: String,
    /// How many facts are told in this one: 1, or more where a flapping child was folded.
    pub count: u32,
    /// When it happened, in milliseconds since 1970; of several, the last.
    pub at: i64,
    /// Of several, since when, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// The labels of the child.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether somebody only tries a hook.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

/// Everything that is kept between two lives of a program. Moments are nanoseconds by the clock of the tree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// [`VERSION`].
    pub version: u32,
    /// What tells the events of this folder from those of any other: the beginning of every id.
    pub origin: String,
    /// The number of the next event that has not been looked at.
    pub next: u64,
    /// Facts about the program itself so far: they have no event.
    pub own: u64,
    /// Who is in trouble, by path; a part of the program begins with `/`.
    pub troubled: BTreeMap<String, Trouble>,
    /// What is folded at present.
    pub windows: Vec<Window>,
    /// How the receivers are.
    pub receivers: BTreeMap<String, Receiver>,
    /// What is to be told, and what was.
    pub deliveries: Vec<KeptDelivery>,
}

/// Somebody who has failed and has not recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The last fact about it.
    pub fact: FactKind,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// How many failures.
    pub failures: u32,
}

/// Facts about one child that are gathered for one hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The hook.
    pub hook: String,
    /// About whom.
    pub about: String,
    /// When it closes.
    pub ends: u64,
    /// When it opened, in milliseconds since 1970.
    pub opened: i64,
    /// The facts that have been told since it opened.
    pub told: Vec<FactKind>,
    /// How many failures since it opened.
    pub failures: u32,
    /// The last fact that was not told; absent: all were.
    pub untold: Option<Fact>,
    /// How many were not told.
    pub again: u32,
}

/// One fact about a child, or about the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What tells it from every other.
    pub id: String,
    /// About whom: a path; a part of the program begins with `/`.
    pub about: String,
    /// Which.
    pub kind: FactKind,
    /// The run it is about.
    pub run: Option<u64>,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What happened, in words.
    pub text: String,
}

/// How a receiver takes what it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Receiver {
    /// Tries in a row that failed.
    pub failed: u32,
    /// When tries failed that its budget still counts.
    pub spent: Vec<u64>,
    /// The moment before which nothing is tried.
    pub rests: u64,
}

/// One delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDelivery {
    /// The hook.
    pub hook: String,
    /// What is told.
    pub event: CloudEvent,
    /// What has become of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u32,
    /// When it was decided, in milliseconds since 1970.
    pub decided: i64,
    /// When it was over, in milliseconds since 1970.
    pub over: Option<i64>,
    /// What came of the last try.
    pub last: Option<String>,
}

impl KeptDelivery {
    /// Returns it as the API tells it; `next_at` is when it is tried next.
    pub fn told(&self, next_at: Option<i64>) -> Delivery {
        let Told { child, program, fact, run, text, count, at, test, .. } = &self.event.data;
        Delivery {
            hook: self.hook.clone(),
            event: self.event.id.clone(),
            fact: *fact,
            path: child.clone(),
            program: program.clone(),
            run: *run,
            text: text.clone(),
            count: *count,
            happened_at: *at,
            decided_at: self.decided,
            state: self.state,
            tries: self.tries,
            next_at: next_at.filter(|_| self.state == DeliveryState::Waiting),
            over_at: self.over,
            last: self.last.clone(),
            test: *test,
        }
    }
}

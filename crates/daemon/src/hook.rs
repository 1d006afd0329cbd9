//! Hooks: commands and web addresses that are told when something fails, is given up, or recovers.
//!
//! ```text
//!  events ─▶ fact ─▶ desk: fold ─▶ queue ─▶ keeper (on disk) ─▶ carry ─▶ exec, post
//!                     ▲    pure: moments in, deliveries out              │
//!                     └──────────────── outcome ◀────────────────────────┘
//! ```
//!
//! Nothing here is in the way of supervision: facts come over a bounded lane, and what cannot be told is counted.
//! A delivery is on the disk before it is tried, so that whoever dies in between tries it again with the same id.

mod carry;
mod desk;
mod exec;
mod fact;
mod fold;
mod post;
mod queue;
mod serve;
mod store;

pub(crate) use carry::Carrier;
pub(crate) use exec::{Answer, Asides};
pub(crate) use fact::{Sign, signs};
pub(crate) use post::{wrong_address, wrong_header};
pub(crate) use serve::{Hooks, Tap};
pub(crate) use store::Store;

use crate::spec::Secret;
use crate::tend::is_like;
use mainstay::{Brief, Shape};
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_wire::api::FactKind;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One hook, as a spec file declares it.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// What it is told of.
    pub on: Vec<FactKind>,
    /// About whom: paths and patterns; empty: everybody.
    pub children: Vec<String>,
    /// Labels that a child must have.
    pub labels: BTreeMap<String, String>,
    /// Whether it is told of the program itself.
    pub program: bool,
    /// How it is told.
    pub to: Receiver,
    /// Variables or headers whose values stand elsewhere.
    pub secrets: Vec<(String, Secret)>,
    /// How long one try may take.
    pub timeout: Duration,
    /// The span in which each fact about a child is told once.
    pub fold: Duration,
    /// What follows a try that failed.
    pub retry: Retry,
}

/// How a hook is told.
#[derive(Clone, Debug)]
pub enum Receiver {
    /// A command that is run.
    Run {
        /// The program and its arguments.
        command: Vec<String>,
        /// Where it runs.
        folder: PathBuf,
        /// Further variables.
        environment: BTreeMap<String, String>,
    },
    /// An address that is posted to.
    Post {
        /// Which.
        url: Address,
        /// Further headers.
        headers: BTreeMap<String, String>,
        /// Who signs its certificate; absent: whom the system trusts.
        authorities: Option<PathBuf>,
    },
}

/// An address, or where it stands.
#[derive(Clone, Debug)]
pub enum Address {
    /// It is no secret.
    Plain(String),
    /// It is one.
    Secret(Secret),
}

/// What follows a try that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// How long the receiver is left alone after tries that failed in a row.
    pub backoff: Shape,
    /// How often one delivery is tried.
    pub tries: u32,
    /// How many tries may fail within the span, of all deliveries together.
    pub most: u32,
    /// That span.
    pub within: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        let rungs = [1, 5, 30, 120, 600].map(Duration::from_secs);
        let backoff = Shape::Ladder(rungs.to_vec());
        Self { backoff, tries: 12, most: 60, within: Duration::from_secs(3_600) }
    }
}

impl Retry {
    /// Returns the budget of failed tries.
    pub(crate) const fn limit(&self) -> Limit {
        Limit {
            count: Count::Failures,
            most: self.most,
            within: Within::Sliding(self.within),
            scope: Scope::Child,
            admit: Admit::AtExit,
        }
    }
}

impl Hook {
    /// Returns whether it is told about somebody: a path, or a part of the program, which begins with `/`.
    pub(crate) fn is_about(&self, about: &str, labels: Option<&BTreeMap<String, String>>) -> bool {
        if about.starts_with('/') {
            return self.program;
        }
        let is_within = |pattern: &String| {
            let rest = about.strip_prefix(pattern.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                || is_like(about, pattern)
        };
        let has = |(name, value): (&String, &String)| {
            labels.and_then(|labels| labels.get(name)).is_some_and(|has| has == value)
        };
        (self.children.is_empty() || self.children.iter().any(is_within))
            && self.labels.iter().all(has)
    }

    /// Says in plain words what it does.
    pub fn meaning(&self) -> String {
        let facts: Vec<&str> = self.on.iter().map(|fact| clause(*fact)).collect();
        let mut whom = match self.children.as_slice() {
            [] => "a child".to_owned(),
            some => format!("a child of {}", some.join(", ")),
        };
        let labels: Vec<String> =
            self.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !labels.is_empty() {
            whom += &format!(" with {}", labels.join(", "));
        }
        let does = match &self.to {
            Receiver::Run { command, .. } => {
                format!("Runs `{}`", command.first().map_or("", String::as_str))
            }
            Receiver::Post { url: Address::Plain(url), .. } => {
                format!("Posts to {}", post::shown(url))
            }
            Receiver::Post { url: Address::Secret(_), .. } => {
                "Posts to an address that is a secret".to_owned()
            }
        };
        let mut text = format!("{does} when {whom} {}.\n", facts.join(", "));
        if self.program {
            text += "Is told of troubles of the program itself.\n";
        }
        text += &match self.fold {
            Duration::ZERO => "Is told of everything as it comes.\n".to_owned(),
            span => format!(
                "Of one child it is told each fact once in {}; what comes again is told as one.\n",
                Brief(span)
            ),
        };
        let Retry { backoff, tries, most, within } = &self.retry;
        text += &format!(
            "One try takes at most {}, one fact at most {tries} of them; between them: {backoff}.\n\
             After {most} failed tries in {} its receiver is left alone.\n",
            Brief(self.timeout),
            Brief(*within)
        );
        text
    }
}

const fn clause(fact: FactKind) -> &'static str {
    match fact {
        FactKind::Failure => "fails",
        FactKind::GivenUp => "is given up",
        FactKind::Recovered => "recovers",
    }
}

/// Does work that may wait for a disk where it holds up nobody. Whoever asked waits for it, so it has an owner.
#[expect(clippy::disallowed_methods, reason = "whoever asks for it waits until it is done")]
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    tokio::task::spawn_blocking(work).await
}

#[cfg(test)]
mod tests;

//! Whether it lives, can take work, has come up: for whoever restarts or routes by it.
//!
//! One rule makes one word of all children: `docs/reference/health.md` has it as a table.

use super::look::{self, Wall};
use super::route::{Answer, Ask, json};
use super::{Role, Service};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use mainstay::{Health, Measure, Overall};
use mainstay_core::child::Condition;
use mainstay_wire::api::{Check, Checks};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The loop answers at once; one that takes longer than this stands still.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the program lives: its loop answers.
pub(super) async fn live(ask: Ask) -> Answer {
    let wish = Wish::of(&ask);
    let seen = Seen::of(&ask.service).await;
    let checks = vec![wish.weigh(seen.answers())];
    Ok(say(&ask, checks))
}

/// Whether work may be sent its way.
pub(super) async fn ready(ask: Ask) -> Answer {
    let wish = Wish::of(&ask);
    let seen = Seen::of(&ask.service).await;
    let mut checks = vec![wish.weigh(seen.answers()), wish.weigh(seen.tree(&wish))];
    if let Some(book) = &ask.service.inner.book {
        // A journal that cannot be written keeps nobody from serving.
        let journal = book.journal();
        let text = match journal.trouble {
            Some(why) => format!("cannot be written, and supervision goes on: {why}"),
            None => String::from("can be written"),
        };
        checks.push(wish.weigh(check("journal", true, text)));
    }
    checks.extend(seen.children(&ask.service, &wish));
    Ok(say(&ask, checks))
}

/// Whether it has come up once. It stays so, whatever happens later.
pub(super) async fn started(ask: Ask) -> Answer {
    let wish = Wish::of(&ask);
    let seen = Seen::of(&ask.service).await;
    let has_served = &ask.service.inner.has_served;
    let tree = seen.tree(&wish);
    // What is left out now may be asked for the next time: only the whole is remembered.
    if seen.health.overall.is_ready() {
        has_served.store(true, Ordering::Relaxed);
    }
    let ok = has_served.load(Ordering::Relaxed) || tree.ok;
    let text = if ok { "has come up" } else { "has not come up yet" };
    let mut checks = vec![wish.weigh(check("tree", ok, text))];
    if !ok {
        checks.extend(seen.children(&ask.service, &wish));
    }
    Ok(say(&ask, checks))
}

fn check(name: &str, ok: bool, text: impl Into<String>) -> Check {
    Check { name: name.into(), ok, text: text.into() }
}

/// What whoever asks wants to know, and does not.
struct Wish {
    /// What is as it should be is told too.
    verbose: bool,
    /// These checks, children and all below them do not count.
    excluded: Vec<String>,
}

impl Wish {
    fn of(ask: &Ask) -> Self {
        let excluded = ask.query.all("exclude").map(|name| name.trim_matches('/').to_owned());
        Self { verbose: ask.query.switch("verbose"), excluded: excluded.collect() }
    }

    /// Returns whether a check, or a child or a supervisor above it, was left out.
    fn excludes(&self, name: &str) -> bool {
        self.excluded.iter().any(|left| {
            let below = name.strip_prefix(left.as_str());
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        })
    }

    /// A check that was left out always holds.
    fn weigh(&self, check: Check) -> Check {
        if !self.excludes(&check.name) {
            return check;
        }
        Check { ok: true, text: format!("left out; {}", check.text), ..check }
    }
}

/// What is seen of the tree.
struct Seen {
    health: Health,
    /// Missing where the loop does not answer.
    measures: Result<Vec<Measure>, &'static str>,
}

impl Seen {
    async fn of(service: &Service) -> Self {
        let measures = tokio::time::timeout(PATIENCE, service.handle.measures()).await;
        let measures = match measures {
            Ok(Ok(measures)) => Ok(measures),
            Ok(Err(_)) => Err("the tree has ended"),
            Err(_) => Err("stands still"),
        };
        Self { health: service.handle.health(), measures }
    }

    fn answers(&self) -> Check {
        match &self.measures {
            Ok(_) => check("loop", true, "answers"),
            Err(why) => check("loop", false, *why),
        }
    }

    /// Makes one word of all children that count.
    fn tree(&self, wish: &Wish) -> Check {
        let overall = match &self.measures {
            Ok(measures) if !wish.excluded.is_empty() => {
                let counts = |one: &&Measure| !wish.excludes(one.view.path.as_str());
                roll_up(self.health, measures.iter().filter(counts).map(|one| one.condition))
            }
            Ok(_) | Err(_) => self.health.overall,
        };
        let text = match overall {
            Overall::Draining => "ends, or has ended",
            Overall::Faulted => "something is down that should not be",
            Overall::Starting => "is on its way",
            Overall::Degraded => "serves without something that it can do without",
            Overall::Serving => "serves",
        };
        check("tree", overall.is_ready(), text)
    }

    /// Returns the children that keep the tree from serving, and with `verbose` all of them.
    fn children(&self, service: &Service, wish: &Wish) -> Vec<Check> {
        let wall = Wall::now(&service.handle);
        let measures = self.measures.iter().flatten();
        let children = measures.filter_map(|one| {
            let (ok, word) = match one.condition {
                Condition::Fine => (true, "fine"),
                Condition::Degraded => (true, "can be done without"),
                Condition::Coming => (false, "on its way"),
                Condition::Faulted => (false, "should not be down"),
            };
            // Of what is held up below it a supervisor says nothing more.
            let is_told = wish.verbose || !ok && one.view.kind != "supervisor";
            let child = is_told.then(|| look::child(service, &one.view, wall, &|_| None))?;
            Some(wish.weigh(check(&child.path, ok, format!("{}; {word}", child.state))))
        });
        // A misspelt name must not look like one that was left out.
        let is_known = |left: &str| {
            matches!(left, "loop" | "tree" | "journal")
                || self.measures.iter().flatten().any(|one| one.view.path.as_str() == left)
        };
        let unknown = wish.excluded.iter().filter(|left| !is_known(left));
        let unknown = unknown.map(|name| check(name, true, "is left out, and there is none"));
        children.chain(unknown).collect()
    }
}

/// Makes one word of children, by the rule of the core: the first of draining, faulted, starting, degraded that holds.
fn roll_up(all: Health, conditions: impl Iterator<Item = Condition>) -> Overall {
    // The tree as a whole ends, or has not begun: that is not a matter of its children.
    let has_not_begun = all.overall == Overall::Starting && all.coming == 0;
    if all.overall == Overall::Draining || has_not_begun {
        return all.overall;
    }
    let (mut is_faulted, mut is_coming, mut is_degraded) = (false, false, false);
    for condition in conditions {
        match condition {
            Condition::Fine => {}
            Condition::Degraded => is_degraded = true,
            Condition::Coming => is_coming = true,
            Condition::Faulted => is_faulted = true,
        }
    }
    match (is_faulted, is_coming, is_degraded) {
        (true, _, _) => Overall::Faulted,
        (false, true, _) => Overall::Starting,
        (false, false, true) => Overall::Degraded,
        (false, false, false) => Overall::Serving,
    }
}

fn say(ask: &Ask, mut checks: Vec<Check>) -> axum::response::Response {
    let ok = checks.iter().all(|check| check.ok);
    // Who may not look is told no names.
    if ask.caller.require(Role::Viewer).is_err() {
        checks.clear();
    }
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, json(&Checks { ok, checks })).into_response()
}

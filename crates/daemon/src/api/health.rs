//! Whether it lives, can take work, has come up: for whoever restarts or routes by it.

use super::look::{self, Wall};
use super::route::{Answer, Ask, json};
use super::{Role, Service};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use mainstay::{Overall, Standing};
use mainstay_wire::api::{Check, Checks};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The loop answers at once; one that takes longer than this stands still.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the program lives: its loop answers.
pub(super) async fn live(ask: Ask) -> Answer {
    let checks = vec![answers(&ask.service).await];
    Ok(say(&ask, checks))
}

/// Whether work may be sent its way.
pub(super) async fn ready(ask: Ask) -> Answer {
    let health = ask.service.handle.health();
    let mut checks = vec![answers(&ask.service).await, tree(&ask.service)];
    if let Some(book) = &ask.service.inner.book {
        // A journal that cannot be written keeps nobody from serving.
        let journal = book.journal();
        let text = journal.trouble.unwrap_or_else(|| String::from("can be written"));
        checks.push(Check { name: "journal".into(), ok: true, text });
    }
    if !health.overall.is_ready() {
        checks.extend(not_ready(&ask.service).await);
    }
    Ok(say(&ask, checks))
}

/// Whether it has come up once. It stays so, whatever happens later.
pub(super) async fn started(ask: Ask) -> Answer {
    let has_served = &ask.service.inner.has_served;
    if ask.service.handle.health().overall.is_ready() {
        has_served.store(true, Ordering::Relaxed);
    }
    let ok = has_served.load(Ordering::Relaxed);
    let text = if ok { "has come up" } else { "has not come up yet" };
    let mut checks = vec![Check { name: "tree".into(), ok, text: text.into() }];
    if !ok {
        checks.extend(not_ready(&ask.service).await);
    }
    Ok(say(&ask, checks))
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

async fn answers(service: &Service) -> Check {
    let (ok, text) = match tokio::time::timeout(PATIENCE, service.handle.child("")).await {
        Ok(Ok(_)) => (true, "answers"),
        Ok(Err(_)) => (false, "the tree has ended"),
        Err(_) => (false, "stands still"),
    };
    Check { name: "loop".into(), ok, text: text.into() }
}

fn tree(service: &Service) -> Check {
    let overall = service.handle.health().overall;
    let text = match overall {
        Overall::Draining => "ends, or has ended",
        Overall::Faulted => "something is down that should not be",
        Overall::Starting => "is on its way",
        Overall::Degraded => "serves without something that it can do without",
        Overall::Serving => "serves",
    };
    Check { name: "tree".into(), ok: overall.is_ready(), text: text.into() }
}

/// Returns the children that are not ready.
async fn not_ready(service: &Service) -> Vec<Check> {
    let views = service.handle.status().await.unwrap_or_default();
    let wall = Wall::now(&service.handle);
    let is_late =
        |view: &&mainstay::View| view.standing != Standing::Ready && view.kind != "supervisor";
    let checks = views.iter().filter(is_late).map(|view| {
        let child = look::child(service, view, wall, &|_| None);
        Check { name: child.path, ok: false, text: child.state }
    });
    checks.collect()
}

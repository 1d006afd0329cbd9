//! What children print: the last lines, and what comes.

mod line;
mod reading;

use super::apart::apart;
use super::events::{ALIVE, said};
use super::look::Wall;
use super::route::{Answer, Ask, json};
use super::trouble::Trouble;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::sse::{KeepAlive, Sse};
use futures_util::stream;
use mainstay::View;
use mainstay_keeper::output::log::From;
use mainstay_wire::api::{Lag, LogPage};
pub(crate) use reading::{Following, Log, Told};
use std::convert::Infallible;
use std::io;
use std::time::Duration;

/// How many lines of each child are told where nobody says how many.
const LINES: u64 = 100;
/// The most logs that one request reads: each takes one of the 128 watches that a system gives a user by itself.
const MOST_LOGS: usize = 64;

pub(super) async fn logs(ask: Ask) -> Answer {
    let now = Wall::now(&ask.service.handle).at;
    let since = ask.query.since("since", now);
    let lines = ask.query.count("lines");
    // Who asks for all since a moment wants all of it, as far as one answer goes.
    let usual = if since.is_some() { MOST_LINES } else { LINES };
    let most = lines.unwrap_or(usual);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let from = match since {
        Some(since) => From::Since(Duration::from_millis(u64::try_from(since).unwrap_or_default())),
        None => From::Last(most),
    };
    let (logs, without) = find(&ask).await?;
    if ask.query.flag("follow") || ask.wants_stream() {
        let follows = ask.query.flag("follow");
        let told = reading::follow(logs, from, most, follows).map_err(unreadable)?;
        let told = stream::unfold(told, |mut told| async {
            let next = told.recv().await?;
            Some((Ok::<_, Infallible>(next.into_event()), told))
        });
        let alive = KeepAlive::new().interval(ALIVE);
        return Ok(Sse::new(told).keep_alive(alive).into_response());
    }
    let lines = apart(move || reading::last(&logs, &from, most)).await?;
    Ok(json(&LogPage { lines: lines.map_err(unreadable)?, without }))
}

/// Reads one log from this moment on, as its lines come.
pub(crate) fn tail(log: Log, since: Duration) -> io::Result<Following> {
    reading::follow(vec![log], From::Since(since), usize::MAX, true)
}

/// Reads what is added to one log from now on.
pub(crate) fn tail_new(log: Log) -> io::Result<Following> {
    reading::follow(vec![log], From::Last(0), usize::MAX, true)
}

/// The most lines of one child in one answer.
pub(super) const MOST_LINES: u64 = 10_000;

impl Told {
    fn into_event(self) -> axum::response::sse::Event {
        match self {
            Self::Line(line) => said("line", &line),
            Self::Missed(path) => said("lagged", &Lag { missed: None, path: Some(path) }),
        }
    }
}

fn unreadable(error: io::Error) -> Trouble {
    Trouble::inside("unreadable", format!("a log cannot be read: {error}"))
}

/// Returns the logs that are asked for, and the children that have none.
async fn find(ask: &Ask) -> Result<(Vec<Log>, Vec<String>), Trouble> {
    let handle = &ask.service.handle;
    let wanted = ask.paths();
    for path in &wanted {
        ask.view_of(path).await?;
    }
    let views = match handle.status().await {
        Ok(views) => views,
        Err(error) => return Err(Trouble::ask(handle, error).await),
    };
    let is_wanted = |path: &str| {
        wanted.is_empty() || wanted.iter().any(|above| super::read::is_at_or_below(path, above))
    };
    let (mut logs, mut without) = (Vec::new(), Vec::new());
    for view in views.iter().filter(|view| is_wanted(view.path.as_str())) {
        match file(view) {
            Some(file) => logs.push(Log { path: view.path.to_string(), file }),
            // A supervisor has no output of its own.
            None if view.kind == "supervisor" => {}
            None => without.push(view.path.to_string()),
        }
    }
    if logs.len() > MOST_LOGS {
        let text = format!("{} logs are asked for, more than {MOST_LOGS}", logs.len());
        return Err(Trouble::bad("too-many", text).hint("name the children"));
    }
    if logs.is_empty() && !wanted.is_empty() {
        let text = format!("{} has no log", wanted.join(", "));
        let hint = "a child has one once it has run as a process whose output goes to a file";
        return Err(Trouble::new(StatusCode::NOT_FOUND, "no-log", text).hint(hint));
    }
    Ok((logs, without))
}

fn file(view: &View) -> Option<std::path::PathBuf> {
    view.process.as_ref()?.log.clone()
}

//! Everything that only looks: the tree, one child, why, what became of runs, what a person must see.

use super::apart::apart;
use super::look::{self, Wall};
use super::route::{Answer, Ask, json};
use super::trouble::Trouble;
use super::{Book, near, words};
use axum::http::StatusCode;
use mainstay::{AskError, Standing, View};
use mainstay_core::Blocker;
use mainstay_wire::api;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How many runs are told where nobody says how many.
const RUNS: usize = 50;
/// How long a wait lasts where nobody says how long.
const WAIT: Duration = Duration::from_secs(30);

/// How many late runs a story is told with.
const LATE: usize = 16;

pub(super) async fn status(ask: Ask) -> Answer {
    Ok(json(&look::status(&ask.service).await))
}

pub(super) async fn child(ask: Ask) -> Answer {
    let view = ask.view().await?;
    Ok(json(&ask.child(&view).await))
}

pub(super) async fn explain(ask: Ask) -> Answer {
    let view = ask.view().await?;
    let handle = &ask.service.handle;
    let explained = match handle.explain(&view.path).await {
        Ok(explained) => explained,
        Err(error) => return Err(Trouble::ask(handle, error).await),
    };
    // What is written down adds to the story; without it the tree itself tells enough.
    let mut runs = match &ask.service.inner.book {
        Some(book) => {
            let path = view.path.as_str().to_owned();
            read(book, move |book| book.runs(Some(&path), None, LATE)).await.unwrap_or_default()
        }
        None => Vec::new(),
    };
    runs.reverse();
    let scheduled = look::scheduled(&ask.service, &view);
    Ok(json(&words::explanation(&explained, &view, &runs, scheduled, Wall::now(handle))))
}

pub(super) async fn history(ask: Ask) -> Answer {
    let path = ask.query.text("path").map(|path| path.trim_matches('/').to_owned());
    let path = path.filter(|path| !path.is_empty());
    let before = ask.query.moment("before");
    let limit =
        ask.query.count("limit").map_or(RUNS, |limit| usize::try_from(limit).unwrap_or(RUNS));
    let runs = ask.ended_runs(path.as_deref(), before, limit).await?;
    // Who has left the tree still has a history; who has neither is a mistake.
    if let Some(path) = path.filter(|_| runs.is_empty()) {
        ask.view_of(&path).await?;
    }
    Ok(json(&runs))
}

/// Returns the last run of each child, as far as the tree remembers.
async fn remembered(
    ask: &Ask,
    path: Option<&str>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<api::Run>, Trouble> {
    let handle = &ask.service.handle;
    let views = match handle.status().await {
        Ok(views) => views,
        Err(error) => return Err(Trouble::ask(handle, error).await),
    };
    let wall = Wall::now(handle);
    let views = views
        .iter()
        .filter(|view| path.is_none_or(|path| is_at_or_below(view.path.as_str(), path)));
    let mut runs: Vec<api::Run> = views.filter_map(|view| words::last(view, wall)).collect();
    runs.retain(|run| before.is_none_or(|before| run.ended_at.is_some_and(|at| at < before)));
    runs.sort_by_key(|run| std::cmp::Reverse(run.ended_at));
    runs.truncate(limit);
    Ok(runs)
}

pub(super) async fn postmortem(ask: Ask) -> Answer {
    let (path, run) = ask.rest.rsplit_once('/').unwrap_or(("", &ask.rest));
    let is_plain = run.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = run.parse::<u64>().ok().filter(|number| is_plain && *number > 0) else {
        let text = format!("`{run}` is not the number of a run");
        return Err(Trouble::bad("bad-run", text).hint("`mainstay history` shows them"));
    };
    let path = path.trim_matches('/').to_owned();
    if let Some(book) = &ask.service.inner.book {
        let wanted = path.clone();
        if let Some(run) = read(book, move |book| book.run(&wanted, number)).await? {
            return Ok(json(&run));
        }
    }
    let view = ask.view_of(&path).await?;
    let wall = Wall::now(&ask.service.handle);
    let known = [words::live(&view, wall), words::last(&view, wall)];
    match known.into_iter().flatten().find(|known| known.run == number) {
        Some(run) => Ok(json(&run)),
        None => {
            let text = format!("nothing is known of run #{number} of {}", view.path);
            let hint = format!("`mainstay history {}` shows the runs that are", view.path);
            Err(Trouble::new(StatusCode::NOT_FOUND, "unknown-run", text).hint(hint))
        }
    }
}

pub(super) async fn alerts(ask: Ask) -> Answer {
    let handle = &ask.service.handle;
    let views = match handle.status().await {
        Ok(views) => views,
        Err(error) => return Err(Trouble::ask(handle, error).await),
    };
    let root = ask.view_of("").await?;
    let wall = Wall::now(handle);
    let mut alerts: Vec<api::Alert> = std::iter::once(&root)
        .chain(&views)
        .flat_map(|view| {
            let path = view.path.as_str();
            view.alerts.iter().map(move |alert| look::alert(path, alert, wall))
        })
        .collect();
    alerts.extend(ask.service.inner.program.iter().flat_map(|program| program.alerts()));
    alerts.sort_by_key(|alert| alert.since_at);
    Ok(json(&alerts))
}

pub(super) async fn deliveries(ask: Ask) -> Answer {
    let program = ask.service.inner.program.as_ref();
    let mut all = program.map_or_else(Vec::new, |program| program.deliveries());
    if let Some(hook) = ask.query.text("hook") {
        all.retain(|delivery| delivery.hook == hook);
        let known = program.map_or_else(Vec::new, |program| program.hooks());
        if all.is_empty() && !known.iter().any(|known| known == hook) {
            let text = format!("there is no hook `{hook}`");
            let near = near::near(hook, known.iter().map(String::as_str));
            let hint = match near.first() {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "the spec file declares none".to_owned(),
                None => format!("there are {}", known.join(", ")),
            };
            return Err(Trouble::new(StatusCode::NOT_FOUND, "unknown-hook", text).hint(hint));
        }
    }
    std::future::ready(Ok(json(&all))).await
}

pub(super) async fn dump(ask: Ask) -> Answer {
    let program = ask.service.inner.program.clone();
    match apart(move || program.and_then(|program| program.dump())).await? {
        Some(text) => Ok(json(&api::Dump { text })),
        None => Err(Trouble::absent("the program that answers keeps no account of what it does")),
    }
}

/// What one may wait for; each is a word of the parameter `for`.
pub(super) const WAITS: &[&str] = &["ready", "up", "down", "ended", "removed"];

pub(super) async fn wait(ask: Ask) -> Answer {
    let wanted = ask.query.text("for").unwrap_or("ready").to_owned();
    let after = ask.query.count("after").unwrap_or(0);
    let within = ask.query.span("timeout").unwrap_or(WAIT);
    let handle = &ask.service.handle;
    let mut view = ask.view().await?;
    let mut watch = match handle.watch(&view.path).await {
        Ok(watch) => watch,
        Err(error) => return Err(Trouble::ask(handle, error).await),
    };
    let path = view.path.clone();
    let waited = async {
        loop {
            match watch.now() {
                Some(now) => {
                    view = now;
                    if view.runs > after && holds(&wanted, view.standing) {
                        return Ok(());
                    }
                }
                None if wanted == "removed" => {
                    view.standing = Standing::Removed;
                    return Ok(());
                }
                None => return Err(AskError::Unknown { path: path.clone() }),
            }
            if !watch.changed().await {
                return Err(AskError::Ended);
            }
        }
    };
    match tokio::time::timeout(within, waited).await {
        Ok(Ok(())) => Ok(json(&ask.child(&view).await)),
        Ok(Err(error)) => Err(Trouble::ask(handle, error).await),
        Err(_) => {
            let now = ask.child(&view).await;
            let text = format!("{path} is not {wanted} within {}: {}", span(within), now.state);
            let trouble = Trouble::new(StatusCode::REQUEST_TIMEOUT, "timed-out", text);
            Err(trouble.hint(format!("`mainstay explain {path}` says why")))
        }
    }
}

fn span(span: Duration) -> String {
    look::brief(look::millis(span))
}

fn holds(wanted: &str, standing: Standing) -> bool {
    match standing {
        Standing::Ready => matches!(wanted, "ready" | "up"),
        Standing::Up => wanted == "up",
        Standing::Down => matches!(wanted, "down" | "ended"),
        Standing::Waiting | Standing::Blocked => wanted == "ended",
        Standing::Starting | Standing::Stopping | Standing::Abandoned => false,
        Standing::Removed => wanted == "removed",
    }
}

/// Returns whether a path is another one or lies below it.
pub(super) fn is_at_or_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| above.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

/// Asks the book where waiting for a disk holds up nobody.
pub(super) async fn read<T: Send + 'static>(
    book: &Arc<dyn Book>,
    question: impl FnOnce(&dyn Book) -> io::Result<T> + Send + 'static,
) -> Result<T, Trouble> {
    let book = Arc::clone(book);
    apart(move || question(&*book)).await?.map_err(|error| {
        Trouble::inside("unreadable", format!("the history cannot be read: {error}"))
    })
}

impl Ask {
    /// Returns runs that have ended, of a child and all below it or of all: from the book, or as far as the tree
    /// remembers.
    pub(super) async fn ended_runs(
        &self,
        path: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<api::Run>, Trouble> {
        match &self.service.inner.book {
            Some(book) => {
                let wanted = path.map(str::to_owned);
                read(book, move |book| book.runs(wanted.as_deref(), before, limit)).await
            }
            None => remembered(self, path, before, limit).await,
        }
    }

    /// Returns the child that the address names.
    pub(super) async fn view(&self) -> Result<View, Trouble> {
        self.view_of(&self.rest).await
    }

    pub(super) async fn view_of(&self, path: &str) -> Result<View, Trouble> {
        let handle = &self.service.handle;
        match handle.child(path).await {
            Ok(view) => Ok(view),
            Err(error) => Err(Trouble::ask(handle, error).await),
        }
    }

    /// Makes one child, asking the tree for the names of others that its state speaks of.
    pub(super) async fn child(&self, view: &View) -> api::Child {
        let explained = self.service.handle.explain(&view.path).await;
        let other = explained.ok().and_then(|explained| match explained.blocker? {
            Blocker::Needed(path, _) | Blocker::Cooling(path) => Some(path.to_string()),
            Blocker::Leader(_) | Blocker::Paused(_) | Blocker::Above(..) | Blocker::Queue(_) => {
                None
            }
        });
        look::child(&self.service, view, Wall::now(&self.service.handle), &|_| other.clone())
    }
}

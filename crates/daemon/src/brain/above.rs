//! Who supervises us: what systemd, or another Mainstay, is told of the course of this program (`sd_notify`). Signs of
//! life go by way of the keeper.

use super::BrainError;
use super::clock::monotonic;
use mainstay::{Event, Handle, Item, Standing, View};
use mainstay_core::child::Want;
use mainstay_keeper::Above as Way;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tokio::time::Instant;

/// How long a start may take at most that says that it needs more time.
const LONGEST_START: Duration = Duration::from_secs(600);
/// How much more time is asked for at once, three times as often as it is needed.
const MORE: Duration = Duration::from_secs(60);
/// What the end of a tree may take beside its drain: facts are taken in, the journal is written.
const MARGIN: Duration = Duration::from_secs(30);
/// How long what happened is gathered before it is told.
const QUIET: Duration = Duration::from_millis(500);
/// How many names stand in a status.
const NAMES: usize = 3;

/// The way to tell it. Clones tell the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Above(Arc<Way>);

/// Asks for more time until it is dropped.
#[derive(Debug)]
pub(super) struct Extending {
    _end: Sender<()>,
}

impl Above {
    /// Finds it in the environment; where there is nobody, nothing is told.
    pub(super) fn find() -> Self {
        Self(Arc::new(Way::find()))
    }

    /// Returns how long it waits for a sign of life, where it does.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.0.watchdog()
    }

    /// It begins to read what lasts, which may take long.
    pub(super) fn begins(&self) -> Option<Extending> {
        if !self.0.is_there() {
            return None;
        }
        self.tell(&["STATUS=reading the journal"]);
        let (end, ended) = channel();
        let way = Arc::clone(&self.0);
        let extend = move || {
            for _ in 0..LONGEST_START.as_secs() / (MORE / 3).as_secs() {
                way.tell(&format!("EXTEND_TIMEOUT_USEC={}\n", MORE.as_micros()));
                if !matches!(ended.recv_timeout(MORE / 3), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        };
        // Without a thread it has as long as it was given.
        let made = std::thread::Builder::new().name("mainstay-start".into()).spawn(extend);
        made.ok().map(|_| Extending { _end: end })
    }

    /// It answers, and the tree has begun or goes on.
    pub(super) fn ready(&self, keeper: u32) {
        self.tell(&["READY=1", &format!("MAINPID={keeper}"), "STATUS=the tree has begun"]);
    }

    /// Another keeper holds the children.
    pub(super) fn main(&self, keeper: u32) {
        self.tell(&[&format!("MAINPID={keeper}")]);
    }

    /// It takes another declaration in, until this says that it has.
    pub(super) fn reloading(&self) {
        self.tell(&["RELOADING=1", &format!("MONOTONIC_USEC={}", monotonic().as_micros())]);
    }

    /// It is done with that, and what came of it in words.
    pub(super) fn reloaded(&self, what: &str) {
        self.tell(&["READY=1", &format!("STATUS={}", one_line(what))]);
    }

    /// It ends, which takes at most this long.
    fn stops(&self, within: Duration) {
        let more = (within + MARGIN).as_micros();
        self.tell(&["STOPPING=1", &format!("EXTEND_TIMEOUT_USEC={more}")]);
    }

    /// It has ended.
    pub(super) fn ended(&self, code: u8, how: &str) {
        let status = format!("STATUS={}", one_line(how));
        self.tell(&["STOPPING=1", &status, &format!("EXIT_STATUS={code}")]);
    }

    /// It cannot begin.
    pub(super) fn failed(&self, error: &BrainError) {
        let status = format!("STATUS=it cannot begin: {}", one_line(&super::in_full(error)));
        match errno(error) {
            Some(number) => self.tell(&[&status, &format!("ERRNO={number}")]),
            None => self.tell(&[&status]),
        }
    }

    fn tell(&self, lines: &[&str]) {
        if self.0.is_there() {
            self.0.tell(&format!("{}\n", lines.join("\n")));
        }
    }

    /// Tells what the tree is like whenever that changes, and that it ends, until it has.
    pub(super) async fn follow(self, handle: Handle) {
        if !self.0.is_there() {
            return;
        }
        let mut events = handle.events();
        let mut told = String::new();
        // What has happened before stands in the first one.
        let mut due = Some(Instant::now());
        loop {
            let status = async {
                match due {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                item = events.next() => match item {
                    None => return,
                    Some(item) => {
                        if let Item::Record(record) = &item
                            && let Event::Draining { until, .. } = record.event
                        {
                            self.stops(until.since(record.at));
                        }
                        if matters(&item) {
                            due.get_or_insert_with(|| Instant::now() + QUIET);
                        }
                    }
                },
                () = status => {
                    due = None;
                    let Ok(views) = handle.status().await else { return };
                    let text = summary(&views);
                    if text != told {
                        self.tell(&[&format!("STATUS={text}")]);
                        told = text;
                    }
                }
            }
        }
    }
}

/// Returns whether what happened can change what is told.
fn matters(item: &Item) -> bool {
    let event = match item {
        Item::Record(record) => &record.event,
        Item::Lagged(_) => return true,
    };
    matches!(
        event,
        Event::Ready { .. }
            | Event::Unready(..)
            | Event::Stopping { .. }
            | Event::Decided { .. }
            | Event::Exited { .. }
            | Event::Added { .. }
            | Event::Removed(_)
            | Event::Alert { .. }
            | Event::Acknowledged { .. }
            | Event::Breaker { .. }
            | Event::GaveUp { .. }
            | Event::Commanded { .. }
            | Event::Draining { .. }
            | Event::DrainForced { .. }
    )
}

/// Returns what an operator wants to see of a tree at one glance: how many can serve, who cannot, what needs a person.
fn summary(views: &[View]) -> String {
    // Who has done its work, or is not to run, is missed by nobody.
    let is_over = |view: &View| {
        let is_clean = view.last.as_ref().is_some_and(|last| last.cause.is_clean());
        view.want == Want::Down || view.standing == Standing::Down && is_clean
    };
    let is_child = |view: &&View| view.kind != "supervisor" && !is_over(view);
    let (ready, others): (Vec<_>, Vec<_>) =
        views.iter().filter(is_child).partition(|view| view.standing == Standing::Ready);
    let all = count(ready.len() + others.len(), "child", "children");
    let mut text = format!("{} of {all} ready", ready.len());
    if !others.is_empty() {
        let words = others.iter().take(NAMES).map(|view| {
            format!("{} is {}", view.path, format!("{:?}", view.standing).to_lowercase())
        });
        text = format!("{text}; {}", words.collect::<Vec<_>>().join(", "));
        if others.len() > NAMES {
            text = format!("{text} and {} more are not", others.len() - NAMES);
        }
    }
    let open = |view: &View| view.alerts.iter().filter(|alert| alert.seen.is_none()).count();
    match views.iter().map(open).sum::<usize>() {
        0 => text,
        alerts => format!("{text}; {}", count(alerts, "open alert", "open alerts")),
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Returns the first line of a text: a second one would be another assignment.
fn one_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Returns the system's error number behind an error, where there is one.
fn errno(error: &BrainError) -> Option<i32> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(present) = cause {
        if let Some(number) = present.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error)
        {
            return Some(number);
        }
        cause = present.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_error_is_found_behind_it() {
        let cause = || io::Error::from_raw_os_error(98);
        let address = "127.0.0.1:1".parse().expect("an address");
        assert_eq!(errno(&BrainError::Port { address, source: cause() }), Some(98));
        assert_eq!(errno(&BrainError::Keeper(cause())), Some(98));
        assert_eq!(errno(&BrainError::System(io::Error::other("it does not"))), None);
    }

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("wrong\nREADY=1"), "wrong");
        assert_eq!(one_line(""), "");
    }

    #[tokio::test]
    async fn a_status_says_how_many_can_serve_and_who_cannot() {
        let runs = |name: &str| mainstay::task(name, |_| std::future::pending::<()>());
        let tree = mainstay::tree()
            .child(runs("web"))
            .child(runs("cache").on_demand(None))
            .child(mainstay::task("migrate", |_| async {}).restart(mainstay::Restart::OnFailure))
            .child(runs("a").on_demand(None))
            .child(runs("b").on_demand(None))
            .child(runs("c").on_demand(None));
        let owner = tree.start().expect("it starts");
        let handle = owner.handle();
        let is_done = |view: &View| view.last.is_some() && view.standing == Standing::Down;
        handle.wait_until("migrate", is_done).await.expect("it is there");
        let is_ready = |view: &View| view.standing == Standing::Ready;
        handle.wait_until("web", is_ready).await.expect("it is there");
        let text = summary(&handle.status().await.expect("it answers"));
        let expected = "1 of 5 children ready; cache is blocked, a is blocked, b is blocked and 1 more are not";
        assert_eq!(text, expected);
        handle.by("me").stop("cache", "for a test").await.expect("it is stopped");
        for name in ["a", "b", "c"] {
            handle.by("me").start(name, "for a test").await.expect("it starts");
            handle.wait_until(name, is_ready).await.expect("it is there");
        }
        let text = summary(&handle.status().await.expect("it answers"));
        assert_eq!(text, "4 of 4 children ready");
    }
}

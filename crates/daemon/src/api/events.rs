//! What happened, as a page or as it happens.

use super::look::Wall;
use super::read::{is_at_or_below, read};
use super::route::{Answer, Ask, json};
use super::trouble::Trouble;
use super::{Service, words};
use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::stream;
use mainstay::{Events, Item};
use mainstay_wire::api::{Event, EventPage, Lag};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::Range;
use std::time::Duration;

/// How many events a page has where nobody says how many.
const PAGE: u64 = 100;
/// How many events are asked of the book at a time.
const OLDER: usize = 256;
/// A stream says that it lives: who has gone is noticed, and nothing in between takes it for dead.
pub(super) const ALIVE: Duration = Duration::from_secs(15);

pub(super) async fn events(ask: Ask) -> Answer {
    let paths: Vec<String> = ask.paths();
    if ask.wants_stream() {
        let from = match ask.last_event()? {
            Some(last) => Some(last.saturating_add(1)),
            None => ask.query.count("from"),
        };
        return Ok(follow(Tail::new(ask.service, from, paths)));
    }
    let limit = ask.query.count("limit").unwrap_or(PAGE);
    let present = ask.service.handle.events().position();
    let from = ask.query.count("from").unwrap_or_else(|| present.saturating_sub(limit)).max(1);
    let mut tail = Tail::new(ask.service, Some(from), paths);
    let mut page = EventPage { events: Vec::new(), next: from.min(present), missed: 0 };
    while (page.events.len() as u64) < limit {
        match tail.now().await? {
            Some(Told::Event(event)) => {
                page.next = event.seq + 1;
                page.events.push(event);
            }
            Some(Told::Missed(missed)) => page.missed += missed.unwrap_or(0),
            None => {
                page.next = page.next.max(tail.reader.position());
                break;
            }
        }
    }
    Ok(json(&page))
}

fn follow(tail: Tail) -> axum::response::Response {
    let told = stream::unfold(tail, |mut tail| async {
        let told = match tail.next().await {
            Ok(told) => told?,
            // What cannot be read any more is as good as forgotten.
            Err(_) => Told::Missed(None),
        };
        Some((Ok::<_, Infallible>(told.into_event()), tail))
    });
    Sse::new(told).keep_alive(KeepAlive::new().interval(ALIVE)).into_response()
}

/// What a reader of events is told.
enum Told {
    Event(Event),
    /// So many are left out; it may be unknown how many.
    Missed(Option<u64>),
}

impl Told {
    fn into_event(self) -> sse::Event {
        match self {
            Self::Event(event) => {
                let id = event.seq.to_string();
                said("event", &event).id(id)
            }
            Self::Missed(missed) => said("lagged", &Lag { missed, path: None }),
        }
    }
}

/// Makes an event of a stream: a name, and one line of JSON.
pub(super) fn said(name: &str, what: &impl serde::Serialize) -> sse::Event {
    // The forms of the API have neither maps with odd keys nor anything else that JSON cannot say.
    let text = serde_json::to_string(what).unwrap_or_default();
    sse::Event::default().event(name).data(text)
}

/// Reads events from a number on: from the book what the tree has forgotten, then from the tree.
struct Tail {
    service: Service,
    reader: Events,
    /// Of these children and all below them alone; empty: of all.
    paths: Vec<String>,
    /// What the tree has forgotten and is not asked of the book yet.
    behind: Option<Range<u64>>,
    older: VecDeque<Event>,
    /// Whether what was asked for has not happened yet: the numbers were another tree's.
    is_other: bool,
}

impl Tail {
    fn new(service: Service, from: Option<u64>, paths: Vec<String>) -> Self {
        let mut reader = service.handle.events();
        let present = reader.position();
        let is_other = from.is_some_and(|from| from > present);
        if let Some(from) = from.filter(|_| !is_other) {
            reader = service.handle.events_from(from);
        }
        Self { service, reader, paths, behind: None, older: VecDeque::new(), is_other }
    }

    /// Waits for what comes next; `None` once the tree has ended.
    async fn next(&mut self) -> Result<Option<Told>, Trouble> {
        loop {
            if let Some(told) = self.known().await? {
                return Ok(Some(told));
            }
            let Some(item) = self.reader.next().await else { return Ok(None) };
            if let Some(event) = self.take(item) {
                return Ok(Some(Told::Event(event)));
            }
        }
    }

    /// The same, without waiting; `None` where there is nothing at present.
    async fn now(&mut self) -> Result<Option<Told>, Trouble> {
        loop {
            if let Some(told) = self.known().await? {
                return Ok(Some(told));
            }
            let Some(item) = self.reader.try_next() else { return Ok(None) };
            if let Some(event) = self.take(item) {
                return Ok(Some(Told::Event(event)));
            }
        }
    }

    fn take(&mut self, item: Item) -> Option<Event> {
        match item {
            Item::Record(record) => {
                let is_wanted = self.wants(record.path.as_str());
                is_wanted.then(|| words::event(&record, Wall::now(&self.service.handle)))
            }
            Item::Lagged(missed) => {
                let next = self.reader.position();
                self.behind = Some(next.saturating_sub(missed)..next);
                None
            }
        }
    }

    /// Returns what comes before anything the tree still knows.
    async fn known(&mut self) -> Result<Option<Told>, Trouble> {
        if std::mem::take(&mut self.is_other) {
            return Ok(Some(Told::Missed(None)));
        }
        loop {
            while let Some(event) = self.older.pop_front() {
                if self.wants(&event.path) {
                    return Ok(Some(Told::Event(event)));
                }
            }
            let Some(behind) = self.behind.take() else { return Ok(None) };
            let count = behind.end - behind.start;
            let mut found = match &self.service.inner.book {
                Some(book) => {
                    let from = behind.start;
                    let most = usize::try_from(count).map_or(OLDER, |count| count.min(OLDER));
                    read(book, move |book| book.events(from, most)).await?
                }
                None => Vec::new(),
            };
            found.retain(|event| behind.contains(&event.seq));
            let (Some(first), Some(last)) = (found.first(), found.last()) else {
                return Ok(Some(Told::Missed(Some(count))));
            };
            let missed = first.seq - behind.start;
            if last.seq + 1 < behind.end {
                self.behind = Some(last.seq + 1..behind.end);
            }
            self.older = found.into();
            if missed > 0 {
                return Ok(Some(Told::Missed(Some(missed))));
            }
        }
    }

    fn wants(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|above| is_at_or_below(path, above))
    }
}

//! The main log of supervisord: what has happened, in words, one line each.
//!
//! It is not a file. It goes back as far as the tree remembers, which is to the beginning of the present brain at most;
//! `mainstay events` goes back as far as the journal does.

use crate::api::Wall;
use crate::brain::{Weight, sentence};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mainstay::{Events, Handle, Item};

/// Returns all of it.
pub(crate) fn all(handle: &Handle) -> String {
    let mut events = handle.events_from(1);
    let wall = Wall::now(handle);
    let mut text = String::new();
    while let Some(item) = events.try_next() {
        text.extend(line(&item, wall));
    }
    text
}

/// Follows it from now on.
pub(crate) struct Diary {
    handle: Handle,
    events: Events,
}

impl Diary {
    pub(crate) fn new(handle: &Handle) -> Self {
        Self { handle: handle.clone(), events: handle.events() }
    }

    /// Waits for the next line. There are none once the tree has ended.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            let item = self.events.next().await?;
            if let Some(line) = line(&item, Wall::now(&self.handle)) {
                return Some(line);
            }
        }
    }
}

/// Returns a line as supervisord writes them: `2026-11-22 02:03:04,125 INFO web#1 is ready, after 3ms`.
fn line(item: &Item, wall: Wall) -> Option<String> {
    let record = match item {
        Item::Record(record) => record,
        Item::Lagged(_) => return None,
    };
    let (weight, text) = sentence(record)?;
    let level = match weight {
        Weight::Usual => "INFO",
        Weight::Wrong => "WARN",
        Weight::Bad => "CRIT",
    };
    let millis = wall.of(record.at);
    let at = Timestamp::from_millisecond(millis).unwrap_or_default().to_zoned(TimeZone::system());
    let moment = at.strftime("%Y-%m-%d %H:%M:%S");
    Some(format!("{moment},{:03} {level} {text}\n", millis.rem_euclid(1_000)))
}

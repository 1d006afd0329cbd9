//! What happens, told in the foreground as it happens: what a person who looks on wants to see, and no more.

use crate::story::{self, Nobody};
use mainstay::{Action, Asked, Brief, Event, Events, Handle, Item, OnExhausted, Record, Rule};
use mainstay_wire::api;

/// One line of what is told.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) weight: Weight,
    /// What it tells of, where that is one event.
    pub(super) event: Option<api::Event>,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Nobody has to do anything.
    Usual,
    /// Something went otherwise than it should.
    Wrong,
    /// A person must see it.
    Bad,
}

impl Said {
    const fn plain(text: String) -> Self {
        Self { text, weight: Weight::Usual, event: None }
    }
}

/// Reads the events of a tree.
pub(super) struct Telling {
    events: Events,
    /// Whether only what goes wrong is told.
    is_quiet: bool,
}

impl Telling {
    /// Begins with this event: the first that this brain has seen, so that nothing is missed which ended at once.
    pub(super) fn new(handle: &Handle, from: u64, is_quiet: bool) -> Self {
        Self { events: handle.events_from(from), is_quiet }
    }

    /// Returns the next line; without a telling there never is one.
    pub(super) async fn next(telling: &mut Option<Self>) -> Said {
        let Some(telling) = telling else { return std::future::pending().await };
        loop {
            match telling.events.next().await {
                Some(item) => {
                    if let Some(line) = telling.line(item) {
                        return line;
                    }
                }
                None => return std::future::pending().await,
            }
        }
    }

    fn line(&self, item: Item) -> Option<Said> {
        let record = match item {
            Item::Record(record) => record,
            Item::Lagged(missed) => {
                return Some(Said::plain(format!("{missed} events were not told here")));
            }
        };
        if self.is_quiet && !is_wrong(&record.event) {
            return None;
        }
        said(&record)
    }
}

/// Returns a fact in words, and how much it matters; nothing of what nobody who looks on wants to see.
pub(crate) fn sentence(record: &Record) -> Option<(Weight, String)> {
    said(record).map(|said| (said.weight, said.text))
}

fn said(record: &Record) -> Option<Said> {
    if !is_worth(&record.event) {
        return None;
    }
    if let (Event::Ready { took, .. }, "") = (&record.event, record.path.as_str()) {
        return Some(Said::plain(format!("everything is ready, after {}", Brief(*took))));
    }
    let event = story::event(record, 0, &Nobody);
    let run = event.run.map_or_else(String::new, |run| format!("#{run}"));
    let path = event.path.as_str();
    let text = match path {
        "" => event.text.clone(),
        path => format!("{path}{run} {}", event.text),
    };
    let weight = if is_bad(&record.event) {
        Weight::Bad
    } else if is_wrong(&record.event) {
        Weight::Wrong
    } else {
        Weight::Usual
    };
    Some(Said { text, weight, event: Some(event) })
}

impl Telling {
    /// Returns what has happened and is not told yet.
    pub(super) fn rest(telling: &mut Option<Self>) -> Vec<Said> {
        let mut lines = Vec::new();
        if let Some(telling) = telling {
            while let Some(item) = telling.events.try_next() {
                lines.extend(telling.line(item));
            }
        }
        lines
    }
}

/// Returns whether a person must see it.
const fn is_bad(event: &Event) -> bool {
    matches!(event, Event::Alert { .. } | Event::GaveUp { .. } | Event::Abandoned(..))
}

/// Returns whether something went otherwise than it should.
fn is_wrong(event: &Event) -> bool {
    if let Event::Exited { cause, .. } = event {
        return !cause.is_clean() && !cause.is_asked();
    }
    if let Event::Decided { action, .. } = event {
        let is_open = matches!(action, Action::Exhaust { end: OnExhausted::Cooldown, .. });
        return is_open || matches!(action, Action::Restart { .. });
    }
    matches!(
        event,
        Event::Unready(..)
            | Event::Forced(..)
            | Event::Abandoned(..)
            | Event::Breaker { .. }
            | Event::GaveUp { .. }
            | Event::Alert { .. }
            | Event::Stalled { .. }
    )
}

/// Returns whether a person who looks on wants to see it.
fn is_worth(event: &Event) -> bool {
    match event {
        // That all of it ends is told once.
        Event::Stopping { asked: Asked::Close, .. } => false,
        Event::Decided { rule: Rule::Draining | Rule::Closing, .. } => false,
        Event::Ready { .. }
        | Event::Unready(..)
        | Event::Stopping { .. }
        | Event::Forced(..)
        | Event::Abandoned(..)
        | Event::Exited { .. }
        | Event::Decided { .. }
        | Event::Breaker { .. }
        | Event::Regrouping { .. }
        | Event::GaveUp { .. }
        | Event::AutoShutdown { .. }
        | Event::Alert { .. }
        | Event::Refused { .. }
        | Event::Draining { .. }
        | Event::DrainForced { .. }
        | Event::Stalled { .. } => true,
        Event::Added { .. }
        | Event::Removed(_)
        | Event::Replaced { .. }
        | Event::Starting { .. }
        | Event::Started { .. }
        | Event::Rehydrating(..)
        | Event::Stable { .. }
        | Event::Probed { .. }
        | Event::Guarded(..)
        | Event::Reloaded { .. }
        | Event::Frozen { .. }
        | Event::Counted { .. }
        | Event::Rests { .. }
        | Event::Regrouped(_)
        | Event::Acknowledged { .. }
        | Event::Commanded { .. }
        | Event::Drained(_)
        | Event::Blocked { .. }
        | Event::Told { .. }
        | Event::Stale { .. }
        | Event::Backwards { .. } => false,
    }
}

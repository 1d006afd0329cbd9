//! Prints what happens in a tree while it happens: a line for each fact an operator would want to see.

use mainstay::{Action, Brief, Event, Item, Owner, Record, Refusal, RunId, Strategy};
use tokio::task::JoinHandle;

/// Begins to tell the story of a tree, with so much room for paths. Await its end before the program
/// ends, or the last lines are missing.
#[expect(clippy::disallowed_methods, reason = "it outlives the tree it reads, and is awaited")]
pub(crate) fn tell(owner: &Owner, room: usize) -> JoinHandle<()> {
    let mut events = owner.handle().events_from(1);
    tokio::spawn(async move {
        while let Some(item) = events.next().await {
            match item {
                Item::Record(record) => line(&record, room),
                Item::Lagged(missed) => println!("({missed} events came too fast to be told)"),
            }
        }
    })
}

/// Prints one fact: `    12.400s  web           #3  failed after 2s: connection refused`.
fn line(record: &Record, room: usize) {
    let Some((run, text)) = text(&record.event) else { return };
    let (at, path) = (record.at.to_string(), record.path.to_string());
    // That the root starts and stops with its tree is no news.
    if path == "/" && run.is_some() {
        return;
    }
    let run = run.map(|run| run.to_string()).unwrap_or_default();
    println!("{at:>11}  {path:<room$}  {run:>3}  {text}");
}

/// Returns the run that a fact is about, if one, and the fact in words.
#[expect(clippy::wildcard_enum_match_arm, reason = "a story tells a few of many events")]
fn text(event: &Event) -> Option<(Option<RunId>, String)> {
    Some(match event {
        Event::Starting { run, .. } => (Some(*run), "starts".into()),
        Event::Ready { run, took, .. } if !took.is_zero() => {
            (Some(*run), format!("is ready after {}", Brief(*took)))
        }
        Event::Stopping { run, asked, .. } => (Some(*run), format!("is asked to end: {asked}")),
        Event::Forced(_, run) => (Some(*run), "is ended by force".into()),
        Event::Exited { run, cause, detail, lived, .. } => {
            let after = match lived.is_zero() {
                true => String::from("at once"),
                false => format!("after {}", Brief(*lived)),
            };
            let detail = detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
            (Some(*run), format!("{cause} {after}{detail}"))
        }
        Event::Told { run, news, .. } => (Some(*run), news.to_string()),
        Event::Counted { before, spent: true, .. } => {
            (None, format!("its limit is spent, {} of {}", before.count, before.most))
        }
        // The next line shows it.
        Event::Decided { action: Action::AsWanted | Action::Regroup { .. }, .. } => return None,
        Event::Decided { rule, action, .. } => (None, format!("{rule}: {action}")),
        Event::Regrouping { strategy: Strategy::OneForAll, .. } => {
            (None, "one for all: restarts every child".into())
        }
        Event::Regrouping { .. } => (None, "rest for one: restarts those after it too".into()),
        Event::Regrouped(_) => (None, "has restarted them".into()),
        Event::GaveUp { .. } => (None, "gives up".into()),
        Event::Added { .. } => (None, "is added".into()),
        Event::Removed(_) => (None, "is removed".into()),
        Event::Refused { verb, refusal, .. } if matches!(**refusal, Refusal::Anonymous) => {
            (None, format!("{verb}; refused: {refusal}"))
        }
        Event::Commanded { who, why, verb, .. } => (None, format!("{verb}, by {who}: {why}")),
        Event::Refused { who, why, verb, refusal, .. } => {
            (None, format!("{verb}, by {who}: {why}; refused: {refusal}"))
        }
        Event::Draining { until, .. } => (None, format!("the tree drains, until {until} at most")),
        Event::DrainForced { .. } => (None, "what is left is ended by force".into()),
        Event::Drained(_) => (None, "the tree has ended".into()),
        _ => return None,
    })
}

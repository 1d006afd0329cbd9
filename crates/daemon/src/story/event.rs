//! One fact for those who follow the events.

use super::{Known, words};
use mainstay::{BreakerState, Brief, Cause, Event, Fact, Moment, Outcome, Record, Rest};
use mainstay_wire::api;

/// Returns a fact as the API tells it. `at` is when it was decided, by the wall clock.
pub fn event(record: &Record, at: i64, known: &dyn Known) -> api::Event {
    api::Event {
        seq: record.seq,
        at,
        path: record.path.as_str().into(),
        run: record.event.run().map(|run| run.0),
        kind: kind(&record.event).into(),
        text: text(&record.event, record.at, known),
    }
}

/// Returns what an event is, as a word.
pub const fn kind(event: &Event) -> &'static str {
    match event {
        Event::Added { .. } => "added",
        Event::Removed(_) => "removed",
        Event::Replaced { .. } => "replaced",
        Event::Starting { .. } => "starting",
        Event::Started { .. } => "started",
        Event::Rehydrating(..) => "rehydrating",
        Event::Ready { .. } => "ready",
        Event::Unready(..) => "unready",
        Event::Stable { .. } => "stable",
        Event::Probed { .. } => "probed",
        Event::Guarded(..) => "guarded",
        Event::Reloaded { .. } => "reloaded",
        Event::Frozen { .. } => "frozen",
        Event::Stopping { .. } => "stopping",
        Event::Forced(..) => "forced",
        Event::Abandoned(..) => "abandoned",
        Event::Exited { .. } => "exited",
        Event::Counted { .. } => "counted",
        Event::Decided { .. } => "decided",
        Event::Rests { .. } => "rests",
        Event::Breaker { .. } => "breaker",
        Event::Regrouping { .. } => "regrouping",
        Event::Regrouped(_) => "regrouped",
        Event::GaveUp { .. } => "gave-up",
        Event::AutoShutdown { .. } => "auto-shutdown",
        Event::Alert { .. } => "alert",
        Event::Acknowledged { .. } => "acknowledged",
        Event::Commanded { .. } => "commanded",
        Event::Refused { .. } => "refused",
        Event::Draining { .. } => "draining",
        Event::DrainForced { .. } => "drain-forced",
        Event::Drained(_) => "drained",
        Event::Blocked { .. } => "blocked",
        Event::Told { .. } => "told",
        Event::Stalled { .. } => "stalled",
        Event::Stale { .. } => "stale",
        Event::Backwards { .. } => "backwards",
    }
}

/// Returns a fact in words. Moments of the tree mean nothing to people, so they are told as spans from `now`.
pub(super) fn text(event: &Event, now: Moment, known: &dyn Known) -> String {
    match event {
        Event::Exited { cause, exit, detail, lived, .. } => {
            let said = words::said(detail.as_deref());
            let ended = words::cause(cause, exit.as_ref());
            // How long it lived is as unknown as when it ended.
            if matches!(cause, Cause::Unknown { .. }) {
                format!("{ended}{said}")
            } else {
                format!("{ended} after {}{said}", Brief(*lived))
            }
        }
        Event::Decided { child, rule, action, .. } => {
            words::decision(*child, (*rule, *action), now, &[], known)
        }
        Event::Counted { limit, before, stamped, spent, .. } => {
            let count = before.count.saturating_add(u32::from(*stamped));
            match known.limit(*limit) {
                Some(limit) if *spent => {
                    format!("{}: spent", words::spent(&limit, Some(before.count)))
                }
                Some(limit) => words::used(&limit, count),
                None => format!(
                    "{count} of {} counted{}",
                    before.most,
                    if *spent { ": spent" } else { "" }
                ),
            }
        }
        Event::Rests { why, .. } => rests(why, now, known),
        Event::Stopping { asked, .. } => format!("asked to end: {}", words::asked(*asked)),
        Event::Breaker { over_children, state, level, .. } => {
            let whose =
                if *over_children { "the breaker over its children" } else { "its breaker" };
            match state {
                BreakerState::Closed => format!("{whose} is closed, level {level}"),
                BreakerState::Open(Some(until)) => {
                    format!("{whose} is open for {}, level {level}", Brief(until.since(now)))
                }
                BreakerState::Open(None) => {
                    format!("{whose} is open until it is reset, level {level}")
                }
                BreakerState::Trial => {
                    format!("{whose} lets one run through on trial, level {level}")
                }
            }
        }
        Event::Draining { until, outcome } => {
            let why = match outcome {
                Outcome::Asked => "as asked".into(),
                Outcome::Fatal { child, cause, .. } => {
                    let who = known
                        .path(*child)
                        .map_or_else(|| "a child".into(), |path| words::name(&path));
                    format!("because {who} {}", words::cause(cause, None))
                }
            };
            format!("the tree ends, {why}, within {}", Brief(until.since(now)))
        }
        Event::Added { .. }
        | Event::Removed(_)
        | Event::Replaced { .. }
        | Event::Starting { .. }
        | Event::Started { .. }
        | Event::Rehydrating(..)
        | Event::Ready { .. }
        | Event::Unready(..)
        | Event::Stable { .. }
        | Event::Probed { .. }
        | Event::Guarded(..)
        | Event::Reloaded { .. }
        | Event::Frozen { .. }
        | Event::Forced(..)
        | Event::Abandoned(..)
        | Event::Regrouping { .. }
        | Event::Regrouped(_)
        | Event::GaveUp { .. }
        | Event::AutoShutdown { .. }
        | Event::Alert { .. }
        | Event::Acknowledged { .. }
        | Event::Commanded { .. }
        | Event::Refused { .. }
        | Event::DrainForced { .. }
        | Event::Drained(_)
        | Event::Blocked { .. }
        | Event::Told { .. }
        | Event::Stalled { .. }
        | Event::Stale { .. }
        | Event::Backwards { .. } => {
            let path = |child| known.path(child);
            let limit = |limit| known.limit(limit);
            Fact { event, path: &path, limit: &limit }.to_string()
        }
    }
}

/// Returns why a child does not run, in a few words: `waits 4.2s for its next run`.
pub fn rests(why: &Rest, now: Moment, known: &dyn Known) -> String {
    let name =
        |child| known.path(child).map_or_else(|| "another child".into(), |path| words::name(&path));
    let left = |until: Moment| Brief(until.since(now));
    match why {
        Rest::Draining => "down: the tree ends".into(),
        Rest::Above => "down: its supervisor is not up".into(),
        Rest::Group => "waits: its siblings are restarted with it".into(),
        Rest::Quarantined => "down: quarantined until it is released".into(),
        Rest::Paused => "down: automatic starts are paused".into(),
        Rest::Broken { until: Some(until) } => {
            format!("cools down for {}: its breaker is open", left(*until))
        }
        Rest::Broken { until: None } => "down: its breaker is open until it is reset".into(),
        Rest::Stopped => "down: stopped by an operator".into(),
        Rest::Finished(finish) => format!("down: {finish}"),
        Rest::Waiting { until } => format!("waits {} for its next run", left(*until)),
        Rest::Demand => "waits until somebody wants to use it".into(),
        Rest::Need { child } => format!("waits for {}, which it needs", name(*child)),
        Rest::Cooldown { supervisor, until: Some(until) } => {
            format!("cools down for {} with all of {}", left(*until), name(*supervisor))
        }
        Rest::Cooldown { supervisor, until: None } => {
            format!("down: {} cools down until it is reset", name(*supervisor))
        }
        Rest::Slot { .. } => "waits for a turn: enough siblings are starting already".into(),
        Rest::Storm { .. } => "waits for a turn: the storm rate of the tree delays starts".into(),
    }
}

//! From the events of a tree to spans and records.

use super::form::{self, Line, Nanos, Severity, Span};
use super::{Exporter, Settings, Signal, ids};
use crate::story::{self, Nobody};
use mainstay::{ChildId, Event, Handle, Item, Moment, Record, RunId, cause_name};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// So many things that happen in a run are told with it.
const MOST_EVENTS: usize = 128;

/// The parts of a run that have spans of their own; 0 is the run.
const START: u64 = 1;
const STOP: u64 = 2;

/// Reads events until the tree ends.
pub(super) async fn follow(exporter: &Exporter, handle: &Handle, settings: &Settings) {
    let mut events = handle.events_from(exporter.next.load(Ordering::Relaxed));
    let mut follower =
        Follower { exporter, settings, clock: Clock::now(handle), open: BTreeMap::new() };
    while let Some(item) = events.next().await {
        match item {
            Item::Record(record) => {
                // The wall's clock may have been set.
                follower.clock = Clock::now(handle);
                follower.see(&record);
            }
            Item::Lagged(missed) => exporter.logs.missed(missed),
        }
        exporter.next.store(events.position(), Ordering::Relaxed);
    }
}

/// Both clocks at one moment.
#[derive(Clone, Copy)]
struct Clock {
    now: Moment,
    at: Nanos,
}

impl Clock {
    fn now(handle: &Handle) -> Self {
        Self { now: handle.now(), at: form::now() }
    }

    fn of(self, moment: Moment) -> Nanos {
        self.at.saturating_sub(self.now.since(moment).as_nanos())
    }
}

/// A run that has not ended.
#[derive(Default)]
struct Open {
    run: Option<RunId>,
    began: Option<Nanos>,
    is_ready: bool,
    stopping: Option<Nanos>,
    by_hand: bool,
    trial: bool,
    events: Vec<Value>,
    lost: u32,
    /// How it ended, until it is decided what follows.
    ended: Option<Ended>,
}

struct Ended {
    from: Nanos,
    to: Nanos,
    cause: &'static str,
    words: String,
    is_wrong: bool,
}

struct Follower<'a> {
    exporter: &'a Exporter,
    settings: &'a Settings,
    clock: Clock,
    open: BTreeMap<ChildId, Open>,
}

impl Follower<'_> {
    fn see(&mut self, record: &Record) {
        let words = story::event(record, 0, &Nobody);
        if self.settings.events {
            self.tell(record, &words.kind, &words.text);
        }
        if self.settings.traces {
            self.trace(record, &words.kind, &words.text);
        }
    }

    fn tell(&self, record: &Record, kind: &str, words: &str) {
        let path = record.path.as_str();
        let mut attributes = vec![
            form::text("mainstay.event", kind),
            form::text("mainstay.child", path),
            form::whole("mainstay.seq", i64::try_from(record.seq).unwrap_or(i64::MAX)),
        ];
        let run = record.event.run();
        if let Some(run) = run {
            attributes.push(form::whole("mainstay.run", run.0.try_into().unwrap_or(i64::MAX)));
        }
        let line = Line {
            at: self.clock.of(record.at),
            severity: severity(&record.event),
            body: words,
            attributes,
            belongs: run.filter(|_| self.settings.traces).map(|run| self.numbers(path, run)),
        };
        self.exporter.put(Signal::Logs, self.settings.queue, line.form());
    }

    /// Returns the trace and the span of a run.
    fn numbers(&self, path: &str, run: RunId) -> (String, String) {
        let salt = self.exporter.salt;
        (ids::trace(salt, path, run.0), ids::span(salt, path, run.0, 0))
    }

    fn trace(&mut self, record: &Record, kind: &str, words: &str) {
        let Some(child) = record.event.child() else { return };
        let at = self.clock.of(record.at);
        if matches!(record.event, Event::Removed(_)) {
            self.open.remove(&child);
            return;
        }
        let Some(run) = record.event.run() else { return };
        if let Event::Starting { by_hand, trial, .. } = record.event {
            let open = Open { run: Some(run), began: Some(at), by_hand, trial, ..Open::default() };
            self.open.insert(child, open);
            return;
        }
        // Of a run that began before this program did, the rest is told.
        let open = self.open.entry(child).or_default();
        if open.run.is_some_and(|known| known != run) {
            return; // It is past, and was told of.
        }
        open.run = Some(run);
        match &record.event {
            Event::Ready { took, .. } if !open.is_ready => {
                open.is_ready = true;
                let from = open.began.unwrap_or_else(|| at.saturating_sub(took.as_nanos()));
                self.part(record, (START, "start"), (from, at), None);
            }
            Event::Exited { cause, lived, .. } => {
                let from = open.began.unwrap_or_else(|| at.saturating_sub(lived.as_nanos()));
                let is_wrong = !cause.is_clean() && !cause.is_asked();
                let (was_ready, stopping) = (open.is_ready, open.stopping);
                let ended =
                    Ended { from, to: at, cause: cause_name(cause), words: words.into(), is_wrong };
                open.ended = Some(ended);
                if let Some(from) = stopping {
                    self.part(record, (STOP, "stop"), (from, at), None);
                }
                if !was_ready {
                    let error = is_wrong.then(|| words.to_owned());
                    self.part(record, (START, "start"), (from, at), error);
                }
            }
            Event::Decided { .. } => {
                if let Some(open) = self.open.remove(&child) {
                    self.end(record, run, open, words);
                }
            }
            Event::Stopping { .. } => {
                open.stopping = open.stopping.or(Some(at));
                open.note(kind, at, words);
            }
            Event::Ready { .. }
            | Event::Started { .. }
            | Event::Rehydrating(..)
            | Event::Unready(..)
            | Event::Stable { .. }
            | Event::Probed { .. }
            | Event::Guarded(..)
            | Event::Reloaded { .. }
            | Event::Frozen { .. }
            | Event::Forced(..)
            | Event::Abandoned(..)
            | Event::Blocked { .. }
            | Event::Told { .. } => open.note(kind, at, words),
            // These are about no run, or about one that is past.
            Event::Starting { .. }
            | Event::Added { .. }
            | Event::Removed(_)
            | Event::Replaced { .. }
            | Event::Counted { .. }
            | Event::Rests { .. }
            | Event::Breaker { .. }
            | Event::Regrouping { .. }
            | Event::Regrouped(_)
            | Event::GaveUp { .. }
            | Event::AutoShutdown { .. }
            | Event::Alert { .. }
            | Event::Acknowledged { .. }
            | Event::Commanded { .. }
            | Event::Refused { .. }
            | Event::Draining { .. }
            | Event::DrainForced { .. }
            | Event::Drained(_)
            | Event::Stalled { .. }
            | Event::Stale { .. }
            | Event::Backwards { .. } => {}
        }
    }

    /// Tells of a part of a run.
    fn part(
        &self,
        record: &Record,
        (number, name): (u64, &str),
        (from, to): (Nanos, Nanos),
        error: Option<String>,
    ) {
        let (path, Some(run)) = (record.path.as_str(), record.event.run()) else { return };
        let (trace, parent) = self.numbers(path, run);
        let span = Span {
            trace,
            span: ids::span(self.exporter.salt, path, run.0, number),
            parent: Some(parent),
            name,
            from,
            to,
            attributes: vec![form::text("mainstay.child", path)],
            events: Vec::new(),
            lost: 0,
            follows: None,
            error,
            serves: false,
        };
        self.exporter.put(Signal::Traces, self.settings.queue, span.form());
    }

    /// Tells of a whole run.
    fn end(&self, record: &Record, run: RunId, open: Open, decision: &str) {
        let path = record.path.as_str();
        let Some(ended) = open.ended else { return };
        let (trace, span) = self.numbers(path, run);
        let number = run.0.try_into().unwrap_or(i64::MAX);
        let lived = std::time::Duration::from_nanos(
            u64::try_from(ended.to.saturating_sub(ended.from)).unwrap_or(u64::MAX),
        );
        let span = Span {
            trace,
            span,
            parent: None,
            name: &format!("run {path}"),
            from: ended.from,
            to: ended.to,
            attributes: vec![
                form::text("mainstay.child", path),
                form::whole("mainstay.run", number),
                form::text("mainstay.cause", ended.cause),
                form::text("mainstay.exit", &ended.words),
                form::text("mainstay.decision", decision),
                form::switch("mainstay.by_hand", open.by_hand),
                form::switch("mainstay.trial", open.trial),
                form::seconds("mainstay.lived", lived),
            ],
            events: open.events,
            lost: open.lost,
            follows: run
                .0
                .checked_sub(1)
                .filter(|before| *before > 0)
                .map(|before| self.numbers(path, RunId(before))),
            error: ended.is_wrong.then_some(ended.words),
            serves: false,
        };
        self.exporter.put(Signal::Traces, self.settings.queue, span.form());
    }
}

impl Open {
    fn note(&mut self, kind: &str, at: Nanos, words: &str) {
        if self.events.len() < MOST_EVENTS {
            self.events.push(form::event(kind, at, words));
        } else {
            self.lost += 1;
        }
    }
}

/// Returns how much an event matters to whoever reads logs.
fn severity(event: &Event) -> Severity {
    match event {
        Event::Alert { .. } | Event::GaveUp { .. } | Event::Abandoned(..) => Severity::Error,
        Event::Exited { cause, .. } if cause.is_clean() || cause.is_asked() => Severity::Info,
        Event::Exited { .. }
        | Event::Unready(..)
        | Event::Forced(..)
        | Event::Guarded(..)
        | Event::Breaker { .. }
        | Event::Refused { .. }
        | Event::DrainForced { .. }
        | Event::Blocked { .. }
        | Event::Stalled { .. }
        | Event::Backwards { .. } => Severity::Warn,
        Event::Counted { .. } | Event::Rests { .. } | Event::Stale { .. } => Severity::Debug,
        Event::Added { .. }
        | Event::Removed(_)
        | Event::Replaced { .. }
        | Event::Starting { .. }
        | Event::Started { .. }
        | Event::Rehydrating(..)
        | Event::Ready { .. }
        | Event::Stable { .. }
        | Event::Probed { .. }
        | Event::Reloaded { .. }
        | Event::Frozen { .. }
        | Event::Stopping { .. }
        | Event::Decided { .. }
        | Event::Regrouping { .. }
        | Event::Regrouped(_)
        | Event::AutoShutdown { .. }
        | Event::Acknowledged { .. }
        | Event::Commanded { .. }
        | Event::Draining { .. }
        | Event::Drained(_)
        | Event::Told { .. } => Severity::Info,
    }
}

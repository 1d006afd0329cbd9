//! The table of all log lines: which event is said at which level, with which fields.
//!
//! `error` is broken, `warn` may wake somebody, `info` is a change an operator cares about, `debug` a
//! decision, `trace` the rest.

use crate::events::Record;
use crate::slot::Slot;
use crate::watchdog::Blocked;
use mainstay_core::spec::check::Warning;
use mainstay_core::{Brief, Cause, Event, Outcome, RunId};
use tracing::level_filters::LevelFilter;
use tracing::{debug, error, info, trace, warn};

/// Returns whether nobody listens at any level.
pub(crate) fn is_off() -> bool {
    LevelFilter::current() == LevelFilter::OFF
}

pub(crate) fn warning(warning: &Warning) {
    warn!(target: "mainstay", child = %warning.path, rule = warning.rule.name(), "{}", warning.text);
}

pub(crate) fn lagged(missed: u64) {
    warn!(target: "mainstay", missed, "events were not logged: they came faster than they could be written");
}

/// Said by the watchdog's own thread: the runtime cannot.
pub(crate) fn blocked(blocked: &Blocked) {
    error!(target: "mainstay", stalled = blocked.is_stalled, "{blocked}");
}

/// Returns the span of a run.
pub(crate) fn span(slot: &Slot, run: RunId) -> tracing::Span {
    tracing::info_span!(
        target: "mainstay",
        "run",
        child = %slot.shared.log.path(slot.child),
        run = run.0
    )
}

/// Logs one event.
pub(crate) fn line(record: &Record) {
    let (child, at) = (&record.path, record.at);
    macro_rules! say {
        ($level:ident, $($field:tt)+) => {
            $level!(target: "mainstay", %child, %at, $($field)+)
        };
    }
    match &record.event {
        Event::Exited { run, cause, detail, lived, .. } => {
            let (run, lived, detail) = (run.0, Brief(*lived), detail.as_deref().unwrap_or(""));
            if cause.is_clean() || cause.is_asked() {
                say!(info, run, %cause, %lived, detail, "exited");
            } else {
                say!(warn, run, %cause, %lived, detail, "failed");
            }
        }
        Event::Decided { run, rule, action, .. } => {
            say!(debug, run = run.0, ?rule, ?action, "decided");
        }
        Event::Ready { run, took, .. } => say!(info, run = run.0, took = %Brief(*took), "ready"),
        Event::Starting { run, by_hand, trial, .. } => {
            say!(debug, run = run.0, by_hand, trial, "starting");
        }
        Event::Stopping { run, asked, .. } => say!(info, run = run.0, ?asked, "stopping"),
        Event::Forced(_, run) => say!(warn, run = run.0, "ended by force"),
        Event::Abandoned(_, run) => say!(error, run = run.0, "abandoned"),
        Event::Breaker { over_children, state, level, .. } => {
            say!(warn, over_children, ?state, level, "breaker");
        }
        Event::Alert { kind, .. } => say!(error, ?kind, "alert"),
        Event::Acknowledged { who, why, .. } => say!(info, %who, %why, "acknowledged"),
        Event::GaveUp { .. } => say!(error, "gave up"),
        Event::Commanded { who, why, verb, changed, .. } => {
            say!(info, verb, changed, %who, %why, "command");
        }
        Event::Refused { who, why, verb, refusal, .. } => {
            say!(warn, verb, %refusal, %who, %why, "command refused");
        }
        Event::Draining { until, outcome } => match outcome {
            Outcome::Asked => say!(info, %until, "draining"),
            Outcome::Fatal { cause, .. } => say!(error, %until, %cause, "draining after a failure"),
        },
        Event::Drained(outcome) => match outcome {
            Outcome::Asked => say!(info, "drained"),
            Outcome::Fatal { cause, .. } => say!(error, %cause, "drained after a failure"),
        },
        Event::DrainForced { abandoning } => say!(warn, abandoning, "the drain goes to force"),
        Event::Regrouping { strategy, delay, .. } => {
            say!(info, ?strategy, delay = %Brief(*delay), "restarting siblings");
        }
        Event::Regrouped(_) => say!(info, "siblings are restarted"),
        Event::AutoShutdown { .. } => say!(info, "its significant children have ended"),
        Event::Blocked { run, lasted, .. } => {
            say!(error, run = run.0, lasted = %Brief(*lasted), "blocks its thread");
        }
        Event::Told { run, news, .. } => say!(debug, run = run.0, %news, "told"),
        Event::Stalled { lasted } => {
            say!(error, lasted = %Brief(*lasted), "the runtime stood still");
        }
        Event::Backwards { by } => say!(warn, by = %Brief(*by), "the clock went back"),
        Event::Unready(_, run) => say!(warn, run = run.0, "not ready any more"),
        Event::Guarded(_, run) => say!(warn, run = run.0, "over its soft memory limit"),
        Event::Stable { run, forgotten, .. } => say!(debug, run = run.0, forgotten, "stable"),
        Event::Added { .. } => say!(debug, "added"),
        Event::Removed(_) => say!(info, "removed"),
        Event::Replaced { revision, .. } => say!(info, revision, "has another spec"),
        Event::Reloaded { run, done, .. } => say!(info, run = run.0, done, "reload"),
        Event::Rests { why, .. } => say!(debug, ?why, "rests"),
        Event::Started { run, took, .. } => {
            say!(debug, run = run.0, took = %Brief(*took), "started");
        }
        Event::Rehydrating(_, run) => say!(debug, run = run.0, "rehydrating"),
        Event::Probed { run, probe, ok, streak, .. } => {
            say!(debug, run = run.0, probe, ok, streak, "probed");
        }
        Event::Frozen { run, frozen, .. } => say!(info, run = run.0, frozen, "frozen"),
        Event::Counted { limit, before, stamped, spent, .. } => {
            say!(trace, ?limit, ?before, stamped, spent, "counted");
        }
        Event::Stale { run, .. } => say!(trace, run = run.0, "a fact about another run"),
    }
}

/// Says that panics cannot be contained in this build.
pub(crate) fn aborts() {
    warn!(
        target: "mainstay",
        cause = %Cause::Panicked,
        "this program is built with `panic = \"abort\"`: a panic in any child ends the whole process"
    );
}

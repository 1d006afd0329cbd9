//! The arithmetic of policies, from their definitions.

use super::{Model, Pack};
use mainstay_core::policy::backoff::{Backoff, Jitter, Shape};
use mainstay_core::policy::breaker::Cooldown;
use mainstay_core::policy::budget::{Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::{Asked, Cause, ChildId, Exit, Moment, Success};
use std::time::Duration;

/// How much of the time from `from` to `to` counts for a supervisor's windows on restarts.
fn age(pack: Option<&Pack>, from: Moment, to: Moment) -> Duration {
    let mut age = to.since(from);
    for (since, until) in pack.map_or(&[][..], |pack| &pack.freezes) {
        let (since, until) = ((*since).max(from), until.unwrap_or(to).min(to));
        age = age.saturating_sub(until.since(since));
    }
    age
}

/// Counts the entries of a limit at `now`, out of all there ever were.
pub(crate) fn count(limit: &Limit, entries: &[Moment], pack: Option<&Pack>, now: Moment) -> u32 {
    let pack = pack.filter(|_| limit.scope == Scope::Supervisor && limit.count == Count::Restarts);
    match limit.within {
        Within::Consecutive => entries.len() as u32,
        Within::Sliding(span) => {
            let young = entries.iter().rev().take_while(|entry| age(pack, **entry, now) < span);
            young.count().min(limit.most as usize + 1) as u32
        }
        Within::Tumbling(span) => {
            let (mut opened, mut count) = (None, 0);
            for entry in entries {
                match opened {
                    Some(first) if age(pack, first, *entry) < span => count += 1,
                    Some(_) | None => (opened, count) = (Some(*entry), 1),
                }
            }
            if opened.is_some_and(|first| age(pack, first, now) < span) { count } else { 0 }
        }
    }
}

/// What an exit means: first what was asked of the run, then what it reported.
pub(crate) fn cause(asked: Option<Asked>, exit: Exit, success: &Success) -> Cause {
    if let Some(asked) = asked {
        return match asked {
            Asked::Recycle | Asked::Guard => Cause::Recycled,
            Asked::Dependency => Cause::DependencyLost,
            Asked::StartTimeout => Cause::StartTimeout,
            Asked::ReadyTimeout => Cause::ReadyTimeout,
            Asked::HeartbeatLost => Cause::HeartbeatLost,
            Asked::ProbeFailed => Cause::ProbeFailed,
            Asked::NoProgress => Cause::NoProgress,
            Asked::Stop
            | Asked::Restart
            | Asked::Group
            | Asked::Close
            | Asked::Quarantine
            | Asked::Remove
            | Asked::Replace
            | Asked::Idle => Cause::Stopped,
        };
    }
    match exit {
        Exit::Failed { code: Some(0), .. } | Exit::Completed => Cause::Completed,
        Exit::Failed { code: Some(code), .. } if success.codes.contains(&code) => Cause::Completed,
        Exit::Failed { code, class, .. } => Cause::Failed { code, class },
        Exit::Signaled { signal, core: false } if success.signals.contains(&signal) => {
            Cause::Completed
        }
        Exit::Signaled { signal, core } => Cause::Signaled { signal, core },
        Exit::Skipped => Cause::Skipped,
        Exit::Panicked => Cause::Panicked,
        Exit::StartFailed { step, mendable } => Cause::StartFailed { step, mendable },
        Exit::OutOfMemory => Cause::OutOfMemory,
        Exit::OverLimit => Cause::OverLimit,
        Exit::Aborted => Cause::Aborted,
        Exit::Unknown { from, to } => Cause::Unknown { from, to },
    }
}

/// Whether we asked for the end, which charges nothing.
pub(crate) const fn was_asked(cause: &Cause) -> bool {
    matches!(cause, Cause::Stopped | Cause::Recycled | Cause::DependencyLost)
}

/// Whether the rule wants another run after that end.
pub(crate) const fn wants_another(rule: Restart, cause: &Cause) -> bool {
    match (rule, cause) {
        (Restart::Never, _) | (_, Cause::Skipped) => false,
        (Restart::OnFailure, cause) => !matches!(cause, Cause::Completed),
        (Restart::Always, _) => true,
    }
}

/// Whether that end is a failure: every unasked end where the child is always to be up.
pub(crate) const fn is_failure(rule: Restart, cause: &Cause) -> bool {
    match (rule, cause) {
        (_, Cause::Stopped | Cause::Recycled | Cause::DependencyLost | Cause::Skipped) => false,
        (Restart::Always, _) => true,
        (Restart::OnFailure | Restart::Never, cause) => !matches!(cause, Cause::Completed),
    }
}

/// The delay a shape states at a position, from its definition.
pub(crate) fn base(shape: &Shape, position: u32) -> f64 {
    let at = f64::from(position);
    let secs = |span: &Duration| span.as_secs_f64();
    match shape {
        Shape::None => 0.0,
        Shape::Fixed(span) => secs(span),
        Shape::Linear { first, step, most } => (secs(first) + secs(step) * at).min(secs(most)),
        Shape::Exponential { first, factor, most } => {
            (secs(first) * factor.powf(at)).min(secs(most))
        }
        Shape::Geometric { first, steps, .. }
            if position == 0 || *steps == 0 || first.is_zero() =>
        {
            secs(first)
        }
        Shape::Geometric { first, most, steps } => {
            let ratio = secs(most) / secs(first);
            (secs(first) * ratio.powf(at / f64::from(*steps))).min(secs(most))
        }
        Shape::Ladder(rungs) => {
            let rung = rungs.get(position as usize).or_else(|| rungs.last());
            rung.map_or(0.0, secs)
        }
    }
}

/// The least and the longest wait that a backoff may come to.
pub(crate) fn wait_bounds(backoff: &Backoff, position: u32, wish: Option<Duration>) -> (f64, f64) {
    let base = base(&backoff.shape, position);
    let most = match &backoff.shape {
        Shape::None | Shape::Fixed(_) => f64::INFINITY,
        Shape::Linear { most, .. }
        | Shape::Exponential { most, .. }
        | Shape::Geometric { most, .. } => most.as_secs_f64(),
        Shape::Ladder(rungs) => rungs.iter().max().map_or(0.0, Duration::as_secs_f64),
    };
    let (least, longest) = match backoff.jitter {
        Jitter::None => (base, base),
        Jitter::Full => (0.0, base),
        Jitter::Equal => (base / 2.0, base),
        Jitter::Additive(extra) => (base, (base + extra.as_secs_f64()).min(most.max(base))),
    };
    let wish = wish.map_or(0.0, |wish| wish.as_secs_f64()).min(most);
    (least.max(wish), longest.max(wish))
}

/// Until when a breaker opens whose level is `level` before.
pub(crate) fn cooldown(ladder: &[Cooldown], level: u32, now: Moment) -> Option<Moment> {
    match ladder.get(level as usize).or_else(|| ladder.last()) {
        Some(Cooldown::For(span)) => Some(now + *span),
        Some(Cooldown::Manual) | None => None,
    }
}

impl Model {
    /// How many entries of a limit count now.
    pub(crate) fn count(&self, owner: ChildId, index: usize, limit: &Limit) -> u32 {
        let Some(book) = self.books.get(&owner) else { return 0 };
        let entries = book.entries.get(index).map_or(&[][..], Vec::as_slice);
        count(limit, entries, book.pack.as_ref(), self.now)
    }

    pub(crate) fn stamp(&mut self, owner: ChildId, index: usize) {
        let now = self.now;
        if let Some(entries) = self.books.get_mut(&owner).and_then(|b| b.entries.get_mut(index)) {
            entries.push(now);
        }
    }
}

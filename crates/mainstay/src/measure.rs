//! How children stand, in numbers: for metrics.

use crate::view::{Beside, View};
use mainstay_core::child::{Child, Condition};
use mainstay_core::policy::budget::{Reading, Window};
use mainstay_core::{Moment, Tree};
use std::time::Duration;

/// How one child stands. Made by [`Handle::measures`](crate::Handle::measures).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Measure {
    /// What anybody sees of it.
    pub view: View,
    /// How well it is.
    pub condition: Condition,
    /// How many openings weigh on its breaker.
    pub level: u32,
    /// Each limit of its budget, in order.
    pub limits: Vec<Reading>,
    /// How long its live run has not given a sign of life, where one is expected at intervals.
    pub beat_age: Option<Duration>,
}

impl Measure {
    pub(crate) fn of(tree: &Tree, child: &Child, beside: &Beside) -> Self {
        let (now, breaker) = (tree.now(), child.breaker());
        let windows = child.memory.as_ref().map_or(&[][..], |memory| &memory.windows);
        let read = |(index, limit)| match windows.get(index) {
            Some(window) => Window::read(window, limit, now),
            None => Window::new(limit).read(limit, now),
        };
        Self {
            view: View::of(tree, child, beside),
            condition: child.condition(),
            level: breaker.level(now, child.spec.level_decay),
            limits: child.spec.budget.iter().enumerate().map(read).collect(),
            beat_age: beat_age(child, now),
        }
    }
}

/// Returns how long ago the last beat was, by the moment at which the next one is missed.
fn beat_age(child: &Child, now: Moment) -> Option<Duration> {
    let lost = child.watch.as_ref()?.beat?;
    let heartbeat = child.spec.liveness.heartbeat?;
    child.life()?;
    let silence = heartbeat.every.saturating_mul(heartbeat.misses);
    if lost <= now {
        return Some(silence.saturating_add(now.since(lost)));
    }
    // The first beat, and one that asked for more time, may take longer than any other.
    Some(silence.saturating_sub(lost.since(now)))
}

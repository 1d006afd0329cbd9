//! How many starts, restarts or failures are too many, and the span over which they are counted.

use crate::moment::{Brief, Moment};
use alloc::collections::VecDeque;
use core::fmt;
use core::time::Duration;

/// One limit of a budget: at most this many of these within that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is counted.
    pub count: Count,
    /// How many. What the next one means depends on [`Count`].
    pub most: u32,
    /// The span over which it is counted.
    pub within: Within,
    /// Whose it is: it stands on the child, on the supervisor, or on the root.
    pub scope: Scope,
    /// When a limit on starts is checked.
    pub admit: Admit,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Starts, the first included (EPICS): a start is refused when `most` already count. Zero still runs once.
    Starts,
    /// Restarts (OTP): `most` are allowed, the next one is refused.
    Restarts,
    /// Failures (FOCAS, breakers): the `most`-th that counts exhausts the limit.
    Failures,
}

/// The span over which a limit counts. An entry counts while its age is below the span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    /// Each entry for this long.
    Sliding(Duration),
    /// From the first entry on for this long, then anew from the next (systemd, dinit, nomad).
    Tumbling(Duration),
    /// Until the child is stable (oxios, supervisord).
    Consecutive,
}

/// Who declares a limit, over whom it counts, and whose `on_exhausted` applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It stands on a child and counts that child.
    Child,
    /// It stands on a supervisor and counts its direct children.
    Supervisor,
    /// It stands on the root and counts all descendants.
    Tree,
}

impl Scope {
    /// Returns whether a limit with this scope can count on a child of that kind and place.
    pub const fn fits(self, is_supervisor: bool, is_root: bool) -> bool {
        match self {
            Self::Child => !is_root,
            Self::Supervisor => is_supervisor,
            Self::Tree => is_root,
        }
    }
}

/// When a limit on starts is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// Once, at the exit, as of that moment (EPICS).
    AtExit,
    /// When the delay is over and the start is due (systemd).
    AtStart,
}

/// What has been counted towards one [`Limit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// The moments that may still count, oldest first.
    Sliding(VecDeque<Moment>),
    /// When the window opened and what fell into it.
    Tumbling {
        /// The first entry of the window.
        opened: Moment,
        /// The entries since.
        count: u32,
    },
    /// The number in a row.
    Consecutive(u32),
}

/// A limit as it stands at a moment: what people and events are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// How many entries count.
    pub count: u32,
    /// How many are allowed.
    pub most: u32,
    /// When the count falls next by itself.
    pub falls: Option<Moment>,
}

impl Window {
    /// Returns the empty window of a limit.
    pub fn new(limit: &Limit) -> Self {
        match limit.within {
            Within::Sliding(_) => Self::Sliding(VecDeque::new()),
            Within::Tumbling(_) => Self::Tumbling { opened: Moment::ZERO, count: 0 },
            Within::Consecutive => Self::Consecutive(0),
        }
    }

    /// Returns how many entries count at `now`. Asking changes nothing.
    pub fn count(&self, limit: &Limit, now: Moment) -> u32 {
        match (self, limit.within) {
            (Self::Sliding(entries), Within::Sliding(span)) => {
                let expired = entries.partition_point(|entry| now.since(*entry) >= span);
                (entries.len() - expired) as u32
            }
            (Self::Tumbling { opened, count }, Within::Tumbling(span))
                if now.since(*opened) < span =>
            {
                *count
            }
            (Self::Consecutive(count), _) => *count,
            (Self::Tumbling { .. } | Self::Sliding(_), _) => 0,
        }
    }

    /// Adds an entry at `now`.
    pub fn stamp(&mut self, limit: &Limit, now: Moment) {
        let before = self.count(limit, now);
        match self {
            Self::Sliding(entries) => {
                // What expired is dropped here, so the window never holds more than it may count.
                let expired = entries.len() - before as usize;
                entries.drain(..expired);
                if entries.len() > limit.most as usize {
                    entries.pop_front();
                }
                entries.push_back(now);
            }
            Self::Tumbling { opened, count } => {
                if before == 0 {
                    *opened = now;
                }
                *count = before.saturating_add(1);
            }
            Self::Consecutive(count) => *count = count.saturating_add(1),
        }
    }

    /// Takes the latest entry back.
    pub fn take_back(&mut self) {
        match self {
            Self::Sliding(entries) => _ = entries.pop_back(),
            Self::Tumbling { count, .. } | Self::Consecutive(count) => {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Returns whether nothing was ever counted, or all of it was forgotten.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Sliding(entries) => entries.is_empty(),
            Self::Tumbling { count, .. } | Self::Consecutive(count) => *count == 0,
        }
    }

    /// Forgets every entry.
    pub fn clear(&mut self) {
        match self {
            Self::Sliding(entries) => entries.clear(),
            Self::Tumbling { count, .. } | Self::Consecutive(count) => *count = 0,
        }
    }

    /// Returns how the limit stands at `now`.
    pub fn read(&self, limit: &Limit, now: Moment) -> Reading {
        let count = self.count(limit, now);
        let falls = match (self, limit.within) {
            (Self::Sliding(entries), Within::Sliding(span)) => {
                entries.get(entries.len() - count as usize).map(|oldest| *oldest + span)
            }
            (Self::Tumbling { opened, .. }, Within::Tumbling(span)) if count > 0 => {
                Some(*opened + span)
            }
            (Self::Sliding(_) | Self::Tumbling { .. } | Self::Consecutive(_), _) => None,
        };
        Reading { count, most: limit.most, falls }
    }
}

impl Limit {
    /// Returns whether one more start or restart fits, or the failures counted so far are few enough.
    pub const fn allows(&self, count: u32) -> bool {
        count < self.most
    }
}

/// The plain meaning: `at most 4 starts in any 60s`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = match (self.count, self.most) {
            (Count::Starts, 1) => "start",
            (Count::Starts, _) => "starts",
            (Count::Restarts, 1) => "restart",
            (Count::Restarts, _) => "restarts",
            (Count::Failures, 1) => "failure",
            (Count::Failures, _) => "failures",
        };
        let most = self.most;
        match self.count {
            Count::Starts | Count::Restarts => write!(f, "at most {most} {noun}")?,
            Count::Failures => write!(f, "fewer than {most} {noun}")?,
        }
        match self.within {
            Within::Sliding(span) => write!(f, " in any {}", Closed(span)),
            Within::Tumbling(span) => {
                write!(f, " in a window of {} that opens with the first", Closed(span))
            }
            Within::Consecutive => f.write_str(" in a row without being stable"),
        }?;
        match self.scope {
            Scope::Child => Ok(()),
            Scope::Supervisor => f.write_str(", all direct children together"),
            Scope::Tree => f.write_str(", the whole tree together"),
        }
    }
}

/// A span; a nanosecond beyond a whole microsecond means that the far edge still belongs to it.
struct Closed(Duration);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edge = Duration::from_nanos(1);
        match self.0.checked_sub(edge) {
            Some(span) if span.subsec_nanos() % 1_000 == 0 && !span.is_zero() => {
                write!(f, "{}, its end included,", Brief(span))
            }
            _ => write!(f, "{}", Brief(self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn limit(most: u32, within: Within) -> Limit {
        Limit { count: Count::Restarts, most, within, scope: Scope::Child, admit: Admit::AtExit }
    }

    fn at(nanos: u64) -> Moment {
        Moment::from_nanos(nanos)
    }

    #[test]
    fn an_entry_counts_while_its_age_is_below_the_span() {
        let limit = limit(3, Within::Sliding(Duration::from_nanos(10)));
        let mut window = Window::new(&limit);
        window.stamp(&limit, at(5));
        assert_eq!([5, 14, 15].map(|t| window.count(&limit, at(t))), [1, 1, 0]);
        assert_eq!(window.read(&limit, at(7)).falls, Some(at(15)));
    }

    #[test]
    fn a_tumbling_window_opens_with_its_first_entry() {
        let limit = limit(3, Within::Tumbling(Duration::from_nanos(10)));
        let mut window = Window::new(&limit);
        let counts: Vec<u32> = [0, 4, 9, 10, 19, 20]
            .map(|t| {
                window.stamp(&limit, at(t));
                window.count(&limit, at(t))
            })
            .into();
        assert_eq!(counts, [1, 2, 3, 1, 2, 1]);
    }

    #[test]
    fn a_window_never_holds_more_than_it_may_count() {
        let limit = limit(2, Within::Sliding(Duration::from_secs(1)));
        let mut window = Window::new(&limit);
        for t in 0..1_000 {
            window.stamp(&limit, at(t));
        }
        assert_eq!(window.count(&limit, at(1_000)), 3);
    }
}

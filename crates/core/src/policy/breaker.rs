//! What an exhausted budget opens: no start until a cooldown is over, then one run on trial.
//!
//! ```text
//!            exhausted                  cooldown over
//!  Closed ──────────────▶ Open(until) ────────────────▶ Trial
//!    ▲                        ▲                         │   │
//!    │                        └──────── failed ─────────┘   │
//!    └───────────────────────────────── stable ─────────────┘
//! ```

use crate::moment::Moment;
use core::time::Duration;

/// One rung of the cooldown ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cooldown {
    /// Open for this long.
    For(Duration),
    /// Open until an operator resets it.
    Manual,
}

/// The breaker of a child, or of a supervisor over its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Whether starts pass.
    pub state: BreakerState,
    /// How many openings weigh on it, as of the last one. [`level`](Self::level) lets them fade.
    pub weight: u32,
    /// The last opening.
    pub opened: Moment,
}

/// Whether starts pass a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// They pass.
    Closed,
    /// None passes before this moment; `None`: not before an operator resets it.
    Open(Option<Moment>),
    /// One run may show that the fault is gone.
    Trial,
}

impl Breaker {
    /// A breaker that never opened.
    pub const CLOSED: Self = Self { state: BreakerState::Closed, weight: 0, opened: Moment::ZERO };

    /// Returns whether no start passes it at `now`. A cooldown that is over stands in nobody's way.
    pub fn is_open(&self, now: Moment) -> bool {
        matches!(self.state, BreakerState::Open(until) if until.is_none_or(|until| until > now))
    }

    /// Returns how many openings weigh on it at `now`: one less for each `decay` without another.
    pub fn level(&self, now: Moment, decay: Duration) -> u32 {
        let nanos = decay.as_nanos().max(1);
        let faded = now.since(self.opened).as_nanos() / nanos;
        self.weight.saturating_sub(u32::try_from(faded).unwrap_or(u32::MAX))
    }

    /// Opens it: on the first rung the first time, on the next one each later time; the last repeats.
    ///
    /// Returns until when it is open.
    pub fn open(&mut self, now: Moment, ladder: &[Cooldown], decay: Duration) -> Option<Moment> {
        let level = self.level(now, decay);
        let rung = ladder.get(level as usize).or_else(|| ladder.last());
        let until = match rung {
            Some(Cooldown::For(span)) => Some(now + *span),
            Some(Cooldown::Manual) | None => None,
        };
        *self =
            Self { state: BreakerState::Open(until), weight: level.saturating_add(1), opened: now };
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(24 * 3_600);

    #[test]
    fn each_opening_takes_the_next_rung_and_the_last_repeats() {
        let ladder = [Cooldown::For(HOUR), Cooldown::For(4 * HOUR), Cooldown::Manual];
        let mut breaker = Breaker::CLOSED;
        let now = Moment::ZERO;
        assert_eq!(breaker.open(now, &ladder, DAY), Some(now + HOUR));
        assert_eq!(breaker.open(now, &ladder, DAY), Some(now + 4 * HOUR));
        assert_eq!(breaker.open(now, &ladder, DAY), None);
        assert_eq!(breaker.open(now, &ladder, DAY), None);
    }

    #[test]
    fn the_level_falls_by_one_for_each_decay_without_an_opening() {
        let ladder = [Cooldown::For(HOUR), Cooldown::For(4 * HOUR)];
        let mut breaker = Breaker::CLOSED;
        breaker.open(Moment::ZERO, &ladder, DAY);
        breaker.open(Moment::ZERO + HOUR, &ladder, DAY);
        let at = |span| breaker.level(Moment::ZERO + HOUR + span, DAY);
        assert_eq!(
            [at(Duration::ZERO), at(DAY - HOUR), at(DAY), at(2 * DAY), at(9 * DAY)],
            [2, 2, 1, 0, 0]
        );
    }
}

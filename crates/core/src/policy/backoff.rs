//! How long to wait before the next run: delay shapes, jitter, holdoff.

use crate::chance;
use crate::moment::{Moment, nanos};
use alloc::vec::Vec;
use core::time::Duration;

/// The delays between runs of a child that keeps ending, and how they are spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    /// The delay as a function of how often the child ended since it was last stable.
    pub shape: Shape,
    /// How the delay is varied so that many children do not return in step.
    pub jitter: Jitter,
    /// The least time from one start to the next. A run that lived longer restarts without a wait.
    ///
    /// Zero means that a child which dies at once, with a zero delay, is restarted without touching
    /// a timer at all.
    pub holdoff: Duration,
    /// Whether a run that had been stable is followed by the next one without a delay (supervisord).
    pub forgives: bool,
}

/// A delay as a function of the position: 0 for the first end since the child was stable.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// No delay.
    None,
    /// Always the same.
    Fixed(Duration),
    /// `first`, then `step` more each time, up to `most`.
    Linear {
        /// The first delay.
        first: Duration,
        /// What is added each time.
        step: Duration,
        /// The longest delay.
        most: Duration,
    },
    /// `first`, then `factor` times the last, up to `most`.
    Exponential {
        /// The first delay.
        first: Duration,
        /// What the delay is multiplied by each time; at least 1.
        factor: f64,
        /// The longest delay.
        most: Duration,
    },
    /// From `first` to `most` in `steps` equal ratios (systemd).
    Geometric {
        /// The first delay.
        first: Duration,
        /// The longest delay, reached after `steps` further ends.
        most: Duration,
        /// How many ratios lie between the two.
        steps: u32,
    },
    /// These delays in turn; the last repeats.
    Ladder(Vec<Duration>),
}

/// How a delay `d` is varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// Exactly `d`.
    None,
    /// Anything from 0 to `d`.
    Full,
    /// Anything from `d / 2` to `d`.
    Equal,
    /// Anything from `d` to `d` plus this, never above the shape's `most`.
    Additive(Duration),
}

/// A delay and what it is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay {
    /// How often the child had ended since it was last stable, before this end.
    pub position: u32,
    /// What the shape says at that position.
    pub base: Duration,
    /// The delay after jitter, or what the error asked for, whichever is longer.
    pub wait: Duration,
    /// The part of the way from now to the next start that only the holdoff asks for.
    pub holdoff: Duration,
}

impl Backoff {
    /// Returns the delay at `position`, varied by `draw`, and no shorter than a wished `retry_after`.
    ///
    /// A wish is capped by the shape's `most`; shapes without one take it as it is.
    pub fn delay(&self, position: u32, draw: u64, retry_after: Option<Duration>) -> Delay {
        let most = self.shape.most().unwrap_or(Duration::MAX);
        let base = self.shape.at(position);
        let varied = match self.jitter {
            Jitter::None => base,
            Jitter::Full => Duration::from_nanos(chance::up_to(draw, nanos(base))),
            Jitter::Equal => {
                let half = base / 2;
                half + Duration::from_nanos(chance::up_to(draw, nanos(base - half)))
            }
            Jitter::Additive(extra) => {
                let extra = Duration::from_nanos(chance::up_to(draw, nanos(extra)));
                base.saturating_add(extra).min(most.max(base))
            }
        };
        let wished = retry_after.unwrap_or_default().min(most);
        Delay { position, base, wait: varied.max(wished), holdoff: Duration::ZERO }
    }

    /// Returns whether [`delay`](Self::delay) looks at its draw at all.
    pub const fn varies(&self) -> bool {
        !matches!((&self.shape, self.jitter), (Shape::None, _) | (_, Jitter::None))
    }

    /// Returns when the next run may begin: after `delay`, and no sooner than the holdoff allows.
    pub fn due(&self, now: Moment, began: Moment, delay: &mut Delay) -> Moment {
        let waited = now + delay.wait;
        let due = waited.max(began + self.holdoff);
        delay.holdoff = due.since(waited);
        due
    }
}

impl Shape {
    /// Returns the delay at `position`, before jitter.
    pub fn at(&self, position: u32) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Fixed(delay) => *delay,
            Self::Linear { first, step, most } => {
                first.saturating_add(step.saturating_mul(position)).min(*most)
            }
            Self::Exponential { first, factor, most } => {
                scale(*first, power(*factor, position)).min(*most)
            }
            Self::Geometric { first, most, steps } => geometric(*first, *most, *steps, position),
            Self::Ladder(rungs) => {
                let last = rungs.len().saturating_sub(1);
                rungs.get(last.min(position as usize)).copied().unwrap_or_default()
            }
        }
    }

    /// Returns the longest delay of this shape, where it states one.
    pub fn most(&self) -> Option<Duration> {
        match self {
            Self::None | Self::Fixed(_) => None,
            Self::Linear { most, .. }
            | Self::Exponential { most, .. }
            | Self::Geometric { most, .. } => Some(*most),
            Self::Ladder(rungs) => rungs.iter().copied().max(),
        }
    }
}

/// systemd: RestartSec for the first restart, then `first * (most / first)^((n - 1) / steps)`.
fn geometric(first: Duration, most: Duration, steps: u32, position: u32) -> Duration {
    if position == 0 || steps == 0 || first.is_zero() {
        return first;
    }
    if position >= steps {
        return most;
    }
    let ratio = most.as_secs_f64() / first.as_secs_f64();
    scale(first, power(root(ratio, steps), position)).min(most)
}

fn scale(span: Duration, factor: f64) -> Duration {
    let scaled = span.as_secs_f64() * factor;
    Duration::try_from_secs_f64(scaled).unwrap_or(Duration::MAX)
}

/// `base^exponent` by repeated squaring: `core` has no powers, and this gives the same bits everywhere.
fn power(base: f64, exponent: u32) -> f64 {
    let (mut result, mut square, mut left) = (1.0, base, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result *= square;
        }
        square *= square;
        left >>= 1;
    }
    result
}

/// The `degree`-th root of a number of at least 1, by bisection.
fn root(value: f64, degree: u32) -> f64 {
    let (mut low, mut high) = (1.0, value.max(1.0));
    // 200 halvings exhaust the 52 bits of any starting interval.
    for _ in 0..200 {
        let middle = low + (high - low) / 2.0;
        if power(middle, degree) < value {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn millis(shape: &Shape, count: u32) -> Vec<u128> {
        (0..count).map(|n| (shape.at(n).as_nanos() + 500_000) / 1_000_000).collect()
    }

    #[test]
    fn shapes_give_the_published_vectors() {
        let systemd = Shape::Geometric { first: ms(10_000), most: ms(160_000), steps: 4 };
        assert_eq!(millis(&systemd, 6), [10_000, 20_000, 40_000, 80_000, 160_000, 160_000]);
        let systemd = Shape::Geometric { first: ms(100), most: ms(30_000), steps: 5 };
        assert_eq!(millis(&systemd, 7), [100, 313, 979, 3_064, 9_587, 30_000, 30_000]);
        let oxios = Shape::Exponential { first: ms(500), factor: 2.0, most: ms(30_000) };
        assert_eq!(millis(&oxios, 4), [500, 1_000, 2_000, 4_000]);
        assert_eq!(oxios.at(100), ms(30_000));
        let supervisord = Shape::Linear { first: ms(1_000), step: ms(1_000), most: ms(60_000) };
        assert_eq!(millis(&supervisord, 3), [1_000, 2_000, 3_000]);
        let focas = Shape::Ladder(alloc::vec![ms(5_000), ms(15_000), ms(60_000)]);
        assert_eq!(millis(&focas, 4), [5_000, 15_000, 60_000, 60_000]);
    }

    #[test]
    fn no_position_overflows() {
        let most = Duration::from_secs(30);
        let huge = Shape::Exponential { first: ms(1), factor: 1e300, most };
        assert_eq!(huge.at(u32::MAX), most);
        assert_eq!(Shape::Linear { first: most, step: Duration::MAX, most }.at(u32::MAX), most);
        assert_eq!(Shape::Ladder(Vec::new()).at(3), Duration::ZERO);
    }

    #[test]
    fn jitter_stays_in_its_range() {
        let shape = Shape::Exponential { first: ms(100), factor: 2.0, most: ms(250) };
        let with = |jitter| Backoff {
            shape: shape.clone(),
            jitter,
            holdoff: Duration::ZERO,
            forgives: false,
        };
        for draw in 0..10_000 {
            let at = |jitter| with(jitter).delay(1, draw, None).wait;
            assert!(at(Jitter::Full) <= ms(200));
            assert!((ms(100)..=ms(200)).contains(&at(Jitter::Equal)));
            assert!((ms(200)..=ms(250)).contains(&at(Jitter::Additive(ms(500)))));
        }
    }

    #[test]
    fn a_wish_is_capped_and_never_shortens_the_delay() {
        let shape = Shape::Exponential { first: ms(100), factor: 2.0, most: ms(60_000) };
        let backoff =
            Backoff { shape, jitter: Jitter::None, holdoff: Duration::ZERO, forgives: false };
        assert_eq!(backoff.delay(0, 0, Some(ms(7_000))).wait, ms(7_000));
        assert_eq!(backoff.delay(0, 0, Some(ms(600_000))).wait, ms(60_000));
        assert_eq!(backoff.delay(4, 0, Some(ms(7))).wait, ms(1_600));
    }

    #[test]
    fn holdoff_counts_from_start_to_start() {
        let backoff =
            Backoff { shape: Shape::None, jitter: Jitter::None, holdoff: ms(15), forgives: false };
        let due = |lived| {
            let mut delay = backoff.delay(0, 0, None);
            backoff.due(Moment::ZERO + ms(lived), Moment::ZERO, &mut delay).as_nanos() / 1_000_000
        };
        assert_eq!([due(0), due(10), due(15), due(400)], [15, 15, 15, 400]);
    }
}

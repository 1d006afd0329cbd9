//! Seeded chance: everything a world does is a function of its seed and of a name.

use std::time::Duration;

/// A generator (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Returns the generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the generator of one thing in the world of a seed; another thing has another one.
    ///
    /// What one child does therefore never depends on what others did before.
    pub fn of(seed: u64, what: &str, number: u64) -> Self {
        let basis = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bytes = what.bytes().chain(number.to_le_bytes());
        let hash =
            bytes.fold(basis, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut dice = Self(hash);
        dice.roll();
        dice
    }

    /// Returns the next number.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`; zero when there is none.
    pub const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.roll() % end }
    }

    /// Returns a number from `first` to `last`.
    pub const fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// Returns whether something of this many percent happens.
    pub const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Picks one; there must be one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Returns a span between two, in whole microseconds.
    pub fn span(&mut self, least: Duration, most: Duration) -> Duration {
        let (least, most) = (least.as_micros() as u64, most.as_micros() as u64);
        Duration::from_micros(self.between(least, most.max(least)))
    }

    /// Returns a span whose order of magnitude is as random as its digits.
    pub fn any_span(&mut self, most: Duration) -> Duration {
        let most = most.as_micros() as u64;
        let digits = self.below(u64::from(most.max(1).ilog2()) + 1);
        Duration::from_micros(self.below(1 << digits).min(most))
    }
}

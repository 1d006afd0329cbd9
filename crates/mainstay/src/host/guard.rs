//! Watching the memory of a host against what it needed when it was fresh.

use std::time::Duration;

/// When the memory of a host is too much.
///
/// What it needs is learned from each run: the median of the first few looks after it became ready. From then on
/// more than `factor` times that, and more than `margin` above it, is noted once, by an event; more than `ceiling`
/// has it replaced by a fresh run, which charges no budget.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct MemoryGuard {
    pub(super) factor: f64,
    pub(super) margin: u64,
    pub(super) ceiling: u64,
    pub(super) every: Duration,
}

/// How many looks make what is usual.
const LEARNED_FROM: usize = 5;

impl Default for MemoryGuard {
    fn default() -> Self {
        Self { factor: 1.5, margin: 200 << 20, ceiling: 1_536 << 20, every: Duration::from_secs(5) }
    }
}

impl MemoryGuard {
    /// Sets how many times what is usual is noted; otherwise 1.5. Both this and the margin must be passed.
    pub const fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Sets how many bytes above what is usual are noted; otherwise 200 MiB.
    pub const fn margin(mut self, bytes: u64) -> Self {
        self.margin = bytes;
        self
    }

    /// Sets how many bytes have it replaced; otherwise 1.5 GiB.
    pub const fn ceiling(mut self, bytes: u64) -> Self {
        self.ceiling = bytes;
        self
    }

    /// Sets how often is looked; otherwise every 5 s.
    pub const fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Returns what is wrong with it.
    pub(super) fn wrong(&self) -> Option<String> {
        if !self.factor.is_finite() || self.factor < 1.0 {
            return Some(format!(
                "a memory guard needs a factor of at least 1, not {}",
                self.factor
            ));
        }
        if self.every.is_zero() {
            return Some("a memory guard cannot look all the time: `every` is zero".into());
        }
        None
    }
}

/// What one run has needed so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    first: Vec<u64>,
    usual: Option<u64>,
    is_noted: bool,
    is_replaced: bool,
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing new.
    Usual,
    /// More than is usual, for the first time since it was usual.
    Soft,
    /// More than it may have, for the first time.
    Hard,
}

impl Watch {
    pub(super) fn look(&mut self, guard: &MemoryGuard, bytes: u64) -> Found {
        if bytes > guard.ceiling {
            let is_new = !std::mem::replace(&mut self.is_replaced, true);
            return if is_new { Found::Hard } else { Found::Usual };
        }
        let Some(usual) = self.usual else {
            self.first.push(bytes);
            if self.first.len() == LEARNED_FROM {
                self.first.sort_unstable();
                self.usual = self.first.get(LEARNED_FROM / 2).copied();
            }
            return Found::Usual;
        };
        let is_much = bytes as f64 > usual as f64 * guard.factor
            && bytes > usual.saturating_add(guard.margin);
        let was_noted = std::mem::replace(&mut self.is_noted, is_much);
        if is_much && !was_noted { Found::Soft } else { Found::Usual }
    }
}

/// Returns how many bytes of memory a process has in use; absent: it is gone.
pub(super) fn memory(pid: u32) -> Option<u64> {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let resident: u64 = pages.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(resident * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn found(guard: &MemoryGuard, looks: &[u64]) -> Vec<Found> {
        let mut watch = Watch::default();
        looks.iter().map(|mib| watch.look(guard, mib * MIB)).collect()
    }

    #[test]
    fn what_is_usual_is_learned_before_anything_is_noted() {
        use Found::{Soft, Usual};
        let guard = MemoryGuard::default();
        // One look that is off does not make what is usual: the median is 110.
        let looks = [100, 110, 900, 105, 120, 300, 311, 320, 200, 320];
        let expected = [Usual, Usual, Usual, Usual, Usual, Usual, Soft, Usual, Usual, Soft];
        assert_eq!(found(&guard, &looks), expected);
        // Of much memory the factor is what counts.
        let looks = [1_000, 1_000, 1_000, 1_000, 1_000, 1_300, 1_501];
        assert_eq!(found(&guard, &looks)[5..], [Usual, Soft]);
    }

    #[test]
    fn the_ceiling_holds_from_the_first_look_and_is_told_once() {
        use Found::{Hard, Usual};
        let guard = MemoryGuard::default().ceiling(500 * MIB);
        assert_eq!(found(&guard, &[501, 502, 100]), [Hard, Usual, Usual]);
    }

    #[test]
    fn our_own_memory_can_be_read() {
        let own = memory(std::process::id()).expect("we are here");
        assert!(own > MIB / 4 && own < 1 << 40, "{own}");
        assert_eq!(memory(u32::MAX), None);
    }
}

//! Seeded chance for jitter. The algorithm is fixed for ever: replaying a journal depends on it.
//!
//! A draw is a pure function of the tree's seed, the child's path and the run it follows, so the
//! delays of one child never depend on what other children do, and no generator needs saving.

/// Starting point of [`mix`]-ing bytes: the FNV-1a offset basis.
pub(crate) const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// Folds bytes into a running 64-bit FNV-1a hash.
pub(crate) fn fold(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Scrambles a number so that neighbours end up far apart (the finalizer of SplitMix64).
pub(crate) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Returns a number from 0 to `most` inclusive, the same for the same `draw`.
///
/// Multiply-shift maps the scrambled draw onto the range; its bias is below `most / 2^64`.
pub(crate) const fn up_to(draw: u64, most: u64) -> u64 {
    ((mix(draw) as u128 * (most as u128 + 1)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_fixed_for_ever() {
        // These values are part of the journal format. If this test fails, the code is wrong.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(fold(BASIS, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(up_to(7, 1_000_000), up_to(7, 1_000_000));
    }

    #[test]
    fn the_whole_range_is_reached_and_never_left() {
        let seen: alloc::collections::BTreeSet<u64> = (0..1_000).map(|n| up_to(n, 9)).collect();
        assert_eq!(
            seen.into_iter().collect::<alloc::vec::Vec<_>>(),
            (0..=9).collect::<alloc::vec::Vec<_>>()
        );
        assert_eq!(up_to(123, 0), 0);
        assert_eq!(up_to(123, u64::MAX), mix(123));
    }
}

//! Numbers of traces and spans. They follow from the child and the run, so a brain that goes on after another gives a
//! run the same trace, and the one before can be linked to without remembering it.

/// Folds bytes into a running 64-bit FNV-1a hash.
fn fold(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Scrambles a number so that neighbours end up far apart (the finalizer of SplitMix64).
const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn draw(salt: u64, child: &str, run: u64, part: u64) -> u64 {
    let hash = fold(mix(salt ^ 0xcbf2_9ce4_8422_2325), child.as_bytes());
    // All zeros is no number.
    mix(mix(hash ^ mix(run)).wrapping_add(part)).max(1)
}

/// Returns the number of the trace of a run: 32 hexadecimal digits.
pub(super) fn trace(salt: u64, child: &str, run: u64) -> String {
    format!("{:016x}{:016x}", draw(salt, child, run, 1 << 32), draw(salt, child, run, 1 << 33))
}

/// Returns the number of a span of a run: 0 is the run itself. 16 hexadecimal digits.
pub(super) fn span(salt: u64, child: &str, run: u64, part: u64) -> String {
    format!("{:016x}", draw(salt, child, run, part))
}

/// Returns the salt of a tree: what was drawn for it once, and where its state is.
pub(crate) fn salt(seed: u64, identity: &str) -> u64 {
    fold(mix(seed), identity.as_bytes())
}

/// Returns a number that nobody has had, for what is no run.
pub(super) fn fresh() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Each of these draws keys of its own.
    RandomState::new().hash_one(std::time::Instant::now()).max(1)
}

/// Takes a `traceparent` apart: the trace, and the span in it. What is not made like one is none.
pub(super) fn parent(text: &str) -> Option<(String, String)> {
    let mut parts = text.trim().split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && text.bytes().any(|byte| byte != b'0')
    };
    let has_flags = parts.next().is_some_and(|flags| flags.len() == 2);
    // Zero is the version there is; later ones begin alike.
    let is_known = version.len() == 2 && version != "ff";
    let fits = is_known && has_flags && is_hex(trace, 32) && is_hex(span, 16);
    fits.then(|| (trace.to_owned(), span.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_run_has_numbers_of_its_own_and_always_the_same() {
        let mut seen = BTreeSet::new();
        for salt in 0..3 {
            for child in ["web", "app/web", "app/we"] {
                for run in 1..50 {
                    assert!(seen.insert(trace(salt, child, run)));
                    for part in 0..3 {
                        assert!(seen.insert(span(salt, child, run, part)));
                    }
                }
            }
        }
        assert_eq!(trace(7, "web", 2), trace(7, "web", 2));
        assert_eq!((trace(7, "web", 2).len(), span(7, "web", 2, 0).len()), (32, 16));
        assert_ne!(salt(1, "mainstay shop"), salt(1, "mainstay other"));
    }

    #[test]
    fn what_is_no_parent_is_none() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{trace}-00f067aa0ba902b7-01");
        assert_eq!(parent(&good), Some((trace.into(), "00f067aa0ba902b7".into())));
        for bad in [
            "",
            "00",
            "00-4bf9-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert_eq!(parent(bad), None, "{bad}");
        }
    }
}

//! The last lines of a run, for its post-mortem.

use mainstay_wire::Text;
use memchr::memchr;

/// How many bytes of last lines are kept where nothing else is said.
pub(super) const DEFAULT_BOUND: u32 = 4096;

/// The last bytes that a run printed, up to a bound. It takes no memory before something is printed.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    bound: usize,
    /// Whether the first line has lost its beginning.
    is_cut: bool,
    /// Bytes that were read and could not be kept.
    pub(super) lost: u64,
}

impl Tail {
    pub(super) fn new(bound: u32) -> Self {
        Self { bound: bound as usize, ..Self::default() }
    }

    /// Goes on where another one was.
    pub(super) fn resume(bound: u32, bytes: Vec<u8>, is_cut: bool, lost: u64) -> Self {
        Self { bytes, bound: bound as usize, is_cut, lost }
    }

    /// Returns what is kept, and whether its first line has lost its beginning.
    pub(super) fn parts(&self) -> (&[u8], bool) {
        (&self.bytes, self.is_cut)
    }

    /// Keeps no more than this from now on.
    pub(super) fn rebound(&mut self, bound: u32) {
        self.bound = bound as usize;
        self.push(&[]);
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let surplus = (self.bytes.len() + bytes.len()).saturating_sub(self.bound);
        let old = surplus.min(self.bytes.len());
        let new = surplus - old;
        if surplus > 0 {
            let last_gone = if new > 0 { bytes[new - 1] } else { self.bytes[old - 1] };
            self.is_cut = last_gone != b'\n';
            self.bytes.drain(..old);
        }
        let kept = &bytes[new..];
        if self.bytes.capacity() < self.bytes.len() + kept.len() {
            // Doubling, but never past the bound.
            let wish = (self.bytes.capacity() * 2).max(self.bytes.len() + kept.len());
            self.bytes.reserve_exact(wish.min(self.bound) - self.bytes.len());
        }
        self.bytes.extend_from_slice(kept);
    }

    /// Returns the lines. A line that has lost its beginning is left out, unless it is the only one.
    pub(super) fn lines(&self) -> Vec<Text> {
        let mut bytes = &self.bytes[..];
        if self.is_cut
            && let Some(end) = memchr(b'\n', bytes)
            && end + 1 < bytes.len()
        {
            bytes = &bytes[end + 1..];
        }
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if bytes.is_empty() && self.bytes.is_empty() {
            return Vec::new();
        }
        bytes.split(|byte| *byte == b'\n').map(|line| Text::from(line.to_vec())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bound: u32, chunks: &[&str]) -> Vec<String> {
        let mut tail = Tail::new(bound);
        for chunk in chunks {
            tail.push(chunk.as_bytes());
            assert!(tail.bytes.capacity() <= bound as usize);
        }
        tail.lines().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_last_whole_lines_are_kept() {
        let none: [&str; 0] = [];
        assert_eq!(lines(10, &[]), none);
        assert_eq!(lines(0, &["abc\n"]), none);
        assert_eq!(lines(100, &["a\nb", "c\n", "\n"]), ["a", "bc", ""]);
        assert_eq!(lines(8, &["first\n", "second\n"]), ["second"]);
        assert_eq!(lines(7, &["first\n", "second\n"]), ["second"]);
        assert_eq!(lines(6, &["first\nsecond\n"]), ["econd"], "the only line loses its beginning");
        assert_eq!(lines(4, &["abcdefgh"]), ["efgh"]);
        assert_eq!(lines(8, &["aaaaaa\nb\ncc\ndd"]), ["b", "cc", "dd"]);
    }
}

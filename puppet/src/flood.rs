//! What `flood` prints: long, cheap to make, and every byte of it can be told.

use std::io::{self, Read};

/// How long a line of a flood is, with its newline, unless the step says otherwise.
pub const FLOOD_LINE: usize = 80;

/// As many letters as lines take their text from. A prime: a shifted line starts elsewhere each time.
const LETTERS: usize = 4093;

/// The bytes of a flood, to read and compare.
///
/// A line is its number in ten digits, a blank, letters chosen by the seed, and a newline. The flood ends after the
/// given number of bytes wherever that is. With lines of no length it is random bytes of every value.
#[derive(Debug)]
pub struct Flood {
    seed: u64,
    left: u64,
    line_length: usize,
    /// The number of the next line, or of the next word of random bytes.
    next: u64,
    /// Letters by the seed, twice over, so that each slice of them is in one piece.
    letters: Vec<u8>,
    /// What was made and not read.
    made: Vec<u8>,
    taken: usize,
}

impl Flood {
    /// Returns the flood of this many bytes.
    #[must_use]
    pub fn new(seed: u64, bytes: u64, line_length: usize) -> Self {
        let once = (0..LETTERS as u64).map(|at| b'a' + (mix(seed ^ at) % 26) as u8);
        let mut letters: Vec<u8> = once.collect();
        letters.extend_from_within(..);
        Self { seed, left: bytes, line_length, next: 0, letters, made: Vec::new(), taken: 0 }
    }

    /// Makes some more: at least one line.
    fn make(&mut self) {
        self.made.clear();
        self.taken = 0;
        while self.made.len() < 1 << 14 {
            if self.line_length == 0 {
                self.made.extend(mix(self.seed.wrapping_add(self.next)).to_le_bytes());
            } else {
                self.make_line();
            }
            self.next += 1;
        }
    }

    fn make_line(&mut self) {
        let length = self.line_length - 1;
        let number = format!("{:010} ", self.next);
        self.made.extend(number.bytes().take(length));
        let mut missing = length.saturating_sub(number.len());
        let from = (self.next % LETTERS as u64) as usize;
        while missing > 0 {
            let part = missing.min(LETTERS);
            self.made.extend_from_slice(&self.letters[from..from + part]);
            missing -= part;
        }
        self.made.push(b'\n');
    }
}

impl Read for Flood {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let mut done = 0;
        while done < wanted {
            if self.taken == self.made.len() {
                self.make();
            }
            let part = (wanted - done).min(self.made.len() - self.taken);
            buffer[done..done + part].copy_from_slice(&self.made[self.taken..self.taken + part]);
            self.taken += part;
            done += part;
        }
        self.left -= done as u64;
        Ok(done)
    }
}

/// Returns a number that looks random and depends on nothing but its argument (SplitMix64).
fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(seed: u64, bytes: u64, line_length: usize) -> Vec<u8> {
        let mut all = Vec::new();
        Flood::new(seed, bytes, line_length).read_to_end(&mut all).expect("a flood reads");
        all
    }

    #[test]
    fn lines_are_counted_and_of_one_length() {
        let flood = String::from_utf8(whole(7, 8_000, 80)).expect("letters");
        assert_eq!(flood.len(), 8_000);
        for (number, line) in flood.lines().enumerate() {
            assert_eq!(line.len(), 79);
            assert!(line.starts_with(&format!("{number:010} ")), "{line}");
        }
        assert!(flood.ends_with('\n'));
    }

    #[test]
    fn it_ends_after_its_bytes_and_depends_on_its_seed() {
        assert_eq!(whole(1, 100, 64).len(), 100);
        assert_eq!(whole(1, 100, 64), whole(1, 100, 64));
        assert_ne!(whole(1, 100, 64), whole(2, 100, 64));
        assert_eq!(whole(1, 6, 1), b"\n\n\n\n\n\n");
        assert_eq!(whole(1, 8, 4), b"000\n000\n");
        assert_eq!(whole(1, 100_000, 50_000).len(), 100_000);
    }

    #[test]
    fn without_lines_every_byte_occurs() {
        let mut bytes = whole(3, 65_536, 0);
        bytes.sort_unstable();
        bytes.dedup();
        assert_eq!(bytes.len(), 256);
    }

    #[test]
    fn how_it_is_read_does_not_matter() {
        let mut flood = Flood::new(5, 1_000, 33);
        let mut all = Vec::new();
        let mut buffer = [0; 7];
        loop {
            let count = flood.read(&mut buffer).expect("a flood reads");
            if count == 0 {
                break;
            }
            all.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(all, whole(5, 1_000, 33));
    }
}

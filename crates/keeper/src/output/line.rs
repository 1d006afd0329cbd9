//! Splits what comes in from a stream into lines, for those who need whole ones.

use memchr::{memchr, memrchr};

/// The longest piece of a line that is held. A longer line is given in several pieces, cut at multiples
/// of this, however the bytes came in.
pub(super) const LONGEST: usize = 64 * 1024;

/// A line, or a part of one that is too long to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Its bytes, without the newline.
    pub(super) bytes: &'a [u8],
    /// Whether the line begins here.
    pub(super) is_first: bool,
    /// Whether a newline follows.
    pub(super) has_newline: bool,
}

/// What of a stream is not a whole line yet.
#[derive(Default, Debug)]
pub(super) struct Splitter {
    held: Vec<u8>,
    /// Whether a piece of the present line has been given.
    is_inside: bool,
}

impl Splitter {
    /// Goes on where another one was.
    pub(super) fn resume(held: Vec<u8>, is_inside: bool) -> Self {
        Self { held, is_inside }
    }

    /// Returns the beginning of a line that has not been given yet.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Returns whether a piece of the present line has been given.
    pub(super) fn is_inside(&self) -> bool {
        self.is_inside
    }

    /// Takes in bytes and gives every line that is complete.
    pub(super) fn split(&mut self, mut bytes: &[u8], mut each: impl FnMut(Piece<'_>)) {
        if !self.held.is_empty() {
            let end = memchr(b'\n', bytes);
            let (rest, next) = match end {
                Some(end) => (&bytes[..end], &bytes[end + 1..]),
                None => (bytes, &bytes[bytes.len()..]),
            };
            bytes = next;
            self.held.extend_from_slice(rest);
            let mut held = std::mem::take(&mut self.held);
            let mut line = &held[..];
            if end.is_some() {
                self.give(&mut line, true, &mut each);
            } else {
                self.give(&mut line, false, &mut each);
                let given = held.len() - line.len();
                held.drain(..given);
                self.held = held;
            }
        }
        // All that is left but its last, unfinished line.
        let whole = memrchr(b'\n', bytes).map_or(0, |end| end + 1);
        let (mut lines, mut rest) = bytes.split_at(whole);
        while let Some(end) = memchr(b'\n', lines) {
            let mut line = &lines[..end];
            lines = &lines[end + 1..];
            self.give(&mut line, true, &mut each);
        }
        if !rest.is_empty() {
            self.give(&mut rest, false, &mut each);
            self.held.extend_from_slice(rest);
        }
    }

    /// Gives what is left when the stream has ended.
    pub(super) fn finish(&mut self, mut each: impl FnMut(Piece<'_>)) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            each(Piece { bytes: &held, is_first: !self.is_inside, has_newline: false });
        }
        self.is_inside = false;
    }

    /// Gives of the present line what is too long to be held, and all of it where it is complete.
    fn give(&mut self, line: &mut &[u8], has_newline: bool, each: &mut impl FnMut(Piece<'_>)) {
        while line.len() > LONGEST {
            let (bytes, rest) = line.split_at(LONGEST);
            each(Piece { bytes, is_first: !self.is_inside, has_newline: false });
            self.is_inside = true;
            *line = rest;
        }
        if has_newline {
            each(Piece { bytes: line, is_first: !self.is_inside, has_newline });
            self.is_inside = false;
            *line = &[];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Owned = (Vec<u8>, bool, bool);

    fn split(chunks: &[&[u8]]) -> Vec<Owned> {
        let mut pieces = Vec::new();
        let mut splitter = Splitter::default();
        let mut each = |p: Piece<'_>| pieces.push((p.bytes.to_vec(), p.is_first, p.has_newline));
        for chunk in chunks {
            splitter.split(chunk, &mut each);
        }
        splitter.finish(&mut each);
        pieces
    }

    #[test]
    fn lines_are_the_same_however_they_came_in() {
        let text = b"one\n\ntwo\r\n\0\xff three".repeat(3);
        let all = split(&[&text]);
        let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
        assert_eq!(all.iter().map(|piece| &piece.0[..]).collect::<Vec<_>>(), lines);
        for size in 1..text.len() {
            assert_eq!(split(&text.chunks(size).collect::<Vec<_>>()), all, "chunks of {size}");
        }
    }

    #[test]
    fn a_long_line_is_cut_at_fixed_places() {
        for (length, pieces) in
            [(LONGEST, 1), (LONGEST + 1, 2), (2 * LONGEST, 2), (2 * LONGEST + 7, 3)]
        {
            let mut text = vec![b'x'; length];
            text.extend_from_slice(b"\nnext");
            let all = split(&[&text]);
            assert_eq!(all.len(), pieces + 1, "{length}");
            for (at, (bytes, is_first, has_newline)) in all[..pieces].iter().enumerate() {
                assert_eq!((*is_first, *has_newline), (at == 0, at + 1 == pieces));
                assert!(bytes.len() <= LONGEST);
            }
            for size in [1, 1000, LONGEST - 1, LONGEST, LONGEST + 1] {
                assert!(split(&text.chunks(size).collect::<Vec<_>>()) == all, "{length} by {size}");
            }
        }
    }
}

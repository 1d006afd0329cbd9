//! Leaves out the lines before a moment.

use crate::output::stamp::{LENGTH, Stamp};
use memchr::memchr;

/// What stands before the stamp of a line of JSON.
const JSON: &[u8] = b"{\"time\":\"";

/// Waits for the first line of a moment.
#[derive(Debug)]
pub(super) struct Since {
    from: [u8; LENGTH],
    /// The beginning of a line whose stamp has not all come yet.
    held: Vec<u8>,
    /// The rest of a line that is left out.
    is_inside: bool,
    is_first: bool,
}

impl Since {
    pub(super) fn new(seconds: i64, micros: u32) -> Self {
        let from = *Stamp::at(seconds, micros).as_bytes();
        Self { from, held: Vec::new(), is_inside: false, is_first: true }
    }

    /// Takes out of what has come, from `start` on, the lines before the moment. Returns whether the moment
    /// has been reached. `is_over`: nothing more comes at present.
    pub(super) fn filter(&mut self, bytes: &mut Vec<u8>, start: usize, is_over: bool) -> bool {
        let mut new = std::mem::take(&mut self.held);
        new.extend_from_slice(&bytes[start..]);
        bytes.truncate(start);
        let mut rest = &new[..];
        while !rest.is_empty() {
            if self.is_inside {
                let Some(end) = memchr(b'\n', rest) else { return false };
                self.is_inside = false;
                rest = &rest[end + 1..];
                continue;
            }
            if rest.len() < JSON.len() + LENGTH && !rest.contains(&b'\n') && !is_over {
                self.held = rest.to_vec();
                return false;
            }
            let stamp = stamp(rest);
            // A log whose first line has no stamp has none at all.
            if stamp.map_or(self.is_first, |stamp| stamp >= &self.from[..]) {
                bytes.extend_from_slice(rest);
                return true;
            }
            self.is_first = false;
            self.is_inside = true;
        }
        false
    }
}

/// Returns the stamp of a line.
fn stamp(line: &[u8]) -> Option<&[u8]> {
    let stamp = line.strip_prefix(JSON).unwrap_or(line).get(..LENGTH)?;
    let form = b"0000-00-00T00:00:00.000000Z";
    let fits = stamp.iter().zip(form).all(|(byte, wanted)| match wanted {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    });
    fits.then_some(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_before_the_moment_are_left_out() {
        let line = |seconds: i64, text: &str| {
            [&Stamp::at(seconds, 0).as_bytes()[..], b" ", text.as_bytes(), b"\n"].concat()
        };
        let log = [line(10, "a"), b"goes on\n".to_vec(), line(20, "b"), line(15, "late")].concat();
        let plain = b"no stamps\nat all\n".to_vec();
        let json: Vec<u8> =
            [10, 20].map(|at| [JSON, Stamp::at(at, 0).as_bytes(), b"\"}\n"].concat()).concat();
        let table = [
            (&log, 5, 0),
            (&log, 20, 28 + 2 + 8),
            (&log, 21, log.len()),
            (&plain, 20, 0),
            (&json, 20, json.len() / 2),
        ];
        for (log, from, expected) in table {
            for size in 1..=log.len() {
                let mut since = Some(Since::new(from, 0));
                let mut found = Vec::new();
                for chunk in log.chunks(size) {
                    let start = found.len();
                    found.extend_from_slice(chunk);
                    if let Some(waiting) = &mut since
                        && waiting.filter(&mut found, start, false)
                    {
                        since = None;
                    }
                }
                assert_eq!(&found, &log[expected..], "since {from} in chunks of {size}");
            }
        }
    }
}

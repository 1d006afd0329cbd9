//! How far logs have been read, over ends of the stream that brings them.

use mainstay_wire::api::LogLine;
use std::collections::BTreeMap;

/// How far each log has been shown, so that a stream that is opened again goes on without a gap or a repetition.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The stamp of the last line of each child, and how many lines had it.
    last: BTreeMap<String, (i64, u64)>,
    /// How many lines with that stamp come again after the present opening.
    again: BTreeMap<String, (i64, u64)>,
    openings: u64,
}

impl Seen {
    /// Notes a line. False: it was shown before the stream was opened again.
    pub(crate) fn is_new(&mut self, line: &LogLine, openings: u64) -> bool {
        if openings != self.openings {
            self.openings = openings;
            self.again.clone_from(&self.last);
        }
        let Some(at) = line.at else { return true };
        if let Some((known, left)) = self.again.get_mut(&line.path) {
            if at < *known {
                return false;
            }
            if at == *known && *left > 0 {
                *left -= 1;
                return false;
            }
        }
        let (last, count) = self.last.entry(line.path.clone()).or_insert((at, 0));
        if *last == at {
            *count += 1;
        } else {
            (*last, *count) = (at, 1);
        }
        true
    }

    /// Returns the moment from which lines may be missing after an end of the stream.
    pub(crate) fn since(&self) -> Option<i64> {
        self.last.values().map(|(at, _)| *at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_is_opened_again_shows_each_line_once() {
        let mut seen = Seen::default();
        let mut show = |path: &str, at: i64, openings| {
            let line = LogLine {
                path: path.into(),
                at: Some(at),
                run: None,
                stream: None,
                text: String::new(),
            };
            seen.is_new(&line, openings)
        };
        assert!(show("a", 1, 1) && show("a", 5, 1) && show("a", 5, 1) && show("b", 3, 1));
        // The second stream begins with the moment 3: what was shown comes again.
        assert!(!show("a", 5, 2) && !show("b", 3, 2) && !show("a", 5, 2));
        assert!(show("a", 5, 2), "a third line with the same stamp is new");
        assert!(show("b", 3, 2) && show("b", 4, 2));
        assert_eq!(seen.since(), Some(4));
    }
}

//! The line of output that says that a child is ready.

use mainstay_wire::Text;
use memchr::memmem::Finder;

/// What a line must hold; `*` stands for any rest.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: Text,
    pieces: Vec<Finder<'static>>,
}

impl Pattern {
    pub(super) fn new(text: &Text) -> Self {
        let pieces = text.as_bytes().split(|byte| *byte == b'*');
        let pieces = pieces.filter(|piece| !piece.is_empty());
        let pieces = pieces.map(|piece| Finder::new(piece).into_owned()).collect();
        Self { text: text.clone(), pieces }
    }

    /// Returns whether the line holds the pieces, one behind the other.
    pub(super) fn fits(&self, mut line: &[u8]) -> bool {
        self.pieces.iter().all(|piece| match piece.find(line) {
            Some(at) => {
                line = &line[at + piece.needle().len()..];
                true
            }
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_where_it_holds_all_pieces_in_order() {
        let table = [
            ("ready", "server is ready.", true),
            ("ready", "Ready", false),
            ("listening on *:80", "listening on 0.0.0.0:8080", true),
            ("a*b*c", "xaxbxc", true),
            ("a*b*c", "acb", false),
            ("ab*b", "ab", false),
            ("*", "", true),
            ("", "anything", true),
            ("x", "", false),
        ];
        for (pattern, line, fits) in table {
            let found = Pattern::new(&Text::from(pattern)).fits(line.as_bytes());
            assert_eq!(found, fits, "`{pattern}` in `{line}`");
        }
    }
}

//! What the journal writes about itself: which numbers were given and never written, and why.

use serde_json::{Value, json};

/// Records that were appended and could not be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) why: String,
}

impl Lost {
    pub(super) fn holds(&self, seq: u64) -> bool {
        (self.first..=self.last).contains(&seq)
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        let Self { first, last, why } = self;
        json!({ "lost": { "first": first, "last": last, "why": why } }).to_string().into_bytes()
    }

    /// Reads a note; none comes of one that says something else, from a later version perhaps.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let note: Value = serde_json::from_slice(payload).ok()?;
        let lost = note.get("lost")?;
        Some(Self {
            first: lost.get("first")?.as_u64()?,
            last: lost.get("last")?.as_u64()?,
            why: lost.get("why")?.as_str()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_as_it_was_written() {
        let lost = Lost { first: 3, last: 9, why: "a \"full\" disk".to_owned() };
        assert_eq!(Lost::read(&lost.payload()), Some(lost));
        assert_eq!(Lost::read(b"{\"later\":1}"), None);
    }
}

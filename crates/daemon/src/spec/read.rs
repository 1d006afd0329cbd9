//! Values of a map that has been checked. What does not fit was told then, and reads as if it were not there.

use super::scalar;
use super::syntax::{Name, Node};
use mainstay::process::signal_number;
use std::str::FromStr;
use std::time::Duration;

impl Node {
    pub(super) fn word(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    pub(super) fn span(&self, key: &str) -> Option<Duration> {
        scalar::span(self.word(key)?)
    }

    pub(super) fn size(&self, key: &str) -> Option<u64> {
        scalar::size(self.word(key)?)
    }

    pub(super) fn number<T: FromStr>(&self, key: &str) -> Option<T> {
        self.word(key)?.parse().ok()
    }

    pub(super) fn switch(&self, key: &str) -> bool {
        self.word(key) == Some("true")
    }

    /// Returns the texts of a list, or the one that stands in its place.
    pub(super) fn texts(&self, key: &str) -> Vec<&str> {
        self.get(key)
            .map_or_else(Vec::new, |node| node.each().iter().filter_map(Self::text).collect())
    }

    /// Returns the entries of a map in order of their names: as they were written is no difference.
    pub(super) fn sorted(&self, key: &str) -> Vec<&(Name, Self)> {
        let mut entries: Vec<_> = self.get(key).map_or(&[][..], Self::entries).iter().collect();
        entries.sort_by(|(one, _), (other, _)| one.text.cmp(&other.text));
        entries
    }

    /// Returns the texts of a map in order of their names.
    pub(super) fn pairs(&self, key: &str) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.sorted(key).into_iter();
        entries.filter_map(|(name, node)| Some((name.text.as_str(), node.text()?)))
    }

    /// Returns a command: a list as it stands, a text split.
    pub(super) fn command(&self, key: &str) -> Result<Vec<String>, &'static str> {
        match self.get(key).map(|node| (node.text(), node)) {
            None => Ok(Vec::new()),
            Some((Some(line), _)) => scalar::split(line),
            Some((None, node)) => {
                Ok(node.each().iter().filter_map(Self::text).map(str::to_owned).collect())
            }
        }
    }

    /// Returns the name of a signal as it is written everywhere, `TERM`, where one stands.
    pub(super) fn signal(&self) -> Option<&str> {
        self.text().filter(|text| signal_number(text).is_some())
    }
}

//! Names for things: children, their runs, places in the tree, commands.

use alloc::sync::Arc;
use core::fmt;

/// Identifies one child for as long as it is in the tree.
///
/// An id is never given twice, not even to a child that is removed and added again under the same
/// name, so a late fact about a removed child cannot reach its namesake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId {
    pub(crate) slot: u32,
    pub(crate) epoch: u32,
}

impl ChildId {
    /// The root supervisor of every tree.
    pub const ROOT: Self = Self { slot: 0, epoch: 0 };

    /// Returns the id as one number, for a journal or a table indexed by id.
    pub const fn as_u64(self) -> u64 {
        (self.epoch as u64) << 32 | self.slot as u64
    }

    /// Returns the id that [`as_u64`](Self::as_u64) made this number of.
    pub const fn from_u64(raw: u64) -> Self {
        Self { slot: raw as u32, epoch: (raw >> 32) as u32 }
    }

    /// Returns a small number that is unique among the children present, for dense tables.
    pub const fn slot(self) -> usize {
        self.slot as usize
    }
}

/// One life of a child. It only grows; `#1` is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

impl RunId {
    /// The first run of a child.
    pub const FIRST: Self = Self(1);

    /// Returns the run after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Names one command of one author, so that sending it twice has one effect.
///
/// Two authors never collide: the memory of commands is kept by author and id together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u128);

/// The place of a child: the names from below the root down to it, joined by `/`.
///
/// The root itself is the empty path and prints as `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Arc<str>);

impl Path {
    /// Returns the path of the root.
    pub fn root() -> Self {
        Self("".into())
    }

    /// Returns the path as written, without a leading slash; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the names from the top down.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Returns the path of the child called `name` below this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self(name.into())
        } else {
            Self([&self.0, "/", name].concat().into())
        }
    }

    /// Returns the path of the supervisor above, and the last name; `None` for the root.
    pub fn split_last(&self) -> Option<(Self, &str)> {
        match self.0.rsplit_once('/') {
            Some((above, name)) => Some((Self(above.into()), name)),
            None if self.0.is_empty() => None,
            None => Some((Self::root(), &self.0)),
        }
    }
}

impl From<&str> for Path {
    fn from(text: &str) -> Self {
        Self(text.trim_matches('/').into())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

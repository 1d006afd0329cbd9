//! What is kept of a declaration to reach the child in the running tree.

use crate::handle::Target;
use mainstay_core::Path;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A child of a declaration, wherever it is put: its path is known once the tree is started.
///
/// It saves spelling a path, which goes wrong when a subtree moves.
#[derive(Clone)]
pub struct Reference {
    name: Arc<str>,
    place: Arc<OnceLock<Path>>,
}

impl Reference {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), place: Arc::new(OnceLock::new()) }
    }

    /// Returns the child's path; `None` before it is in a running tree.
    pub fn path(&self) -> Option<&Path> {
        self.place.get()
    }

    /// The first place stays: one declaration is put into one tree.
    pub(crate) fn put(&self, path: &Path) {
        self.place.get_or_init(|| path.clone());
    }
}

impl From<&Reference> for Target {
    fn from(reference: &Reference) -> Self {
        Self(reference.path().cloned().ok_or_else(|| Arc::clone(&reference.name)))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => write!(f, "Reference({path})"),
            None => write!(f, "Reference({}, in no tree)", self.name),
        }
    }
}

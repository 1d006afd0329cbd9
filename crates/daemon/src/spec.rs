//! From a spec file to a declared tree, or a list of everything wrong with it.
//!
//! ```text
//!  text ─▶ syntax ─▶ gather ─▶ merge ─▶ variable ─▶ check ─▶ make ─▶ Tree ─▶ the core's own checks
//!          places    files     templates  ${NAME}   keys    library
//! ```
//!
//! No step stops at the first problem: each leaves out what it cannot take, and the next goes on with the rest. What the
//! core finds is told with the place in the file of what it is about.

mod alone;
mod check;
mod child;
mod env_file;
mod form;
mod gather;
mod load;
mod make;
mod meaning;
mod merge;
mod near;
mod place;
mod read;
mod scalar;
mod secret;
mod syntax;
mod variable;
mod words;
mod worth;

pub use form::{payload_lacking, payload_of, payload_without_secrets};
pub use mainstay::process::signal_number;
pub use meaning::meanings;
pub use place::SpecProblems;
pub(crate) use scalar::{rights, size};
pub use secret::Secret;

use crate::console;
use crate::hook::Hook;
use crate::journal;
use crate::listener::{Listener, Printed};
use crate::otlp;
use crate::supervisord;
use crate::tend::Tending;
use mainstay::{Node, Tree};
use mainstay_core::spec::ChildSpec;
use mainstay_wire::spec::{Api, Journal, Observe};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a spec file says.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The tree, with the defaults of the daemon. It has been checked.
    pub tree: Tree,
    /// What it is called.
    pub name: String,
    /// Every file that was read: when one of them changes, the tree may be another one.
    pub sources: Vec<PathBuf>,
    /// The labels of children, by path.
    pub labels: BTreeMap<String, BTreeMap<String, String>>,
    /// What children are, for people, by path.
    pub descriptions: BTreeMap<String, String>,
    /// What is done by the clock and at a change of files.
    pub tending: Tending,
    /// What is open on the network, by the paths of children.
    pub consoles: BTreeMap<String, console::Declared>,
    /// Who is told of events in supervisord's protocol, by path.
    pub listeners: BTreeMap<String, Listener>,
    /// What becomes events for them of what others print, by path.
    pub printed: BTreeMap<String, Printed>,
    /// What is worth knowing about what was accepted.
    pub warnings: Vec<Warning>,
    /// Where the API listens.
    pub api: Api,
    /// How much the journal keeps.
    pub journal: Journal,
    /// What scrapers and kubelets see.
    pub observe: Observe,
    /// Where telemetry goes, if anywhere.
    pub otlp: Option<otlp::Settings>,
    /// Where supervisord's language is spoken, if anywhere.
    pub supervisord: Option<supervisord::Settings>,
    /// Who is told of failures.
    pub hooks: Vec<Hook>,
    /// How long the brain may give no sign of life; zero: for ever.
    pub watchdog: Duration,
    /// What the policy of each child means, by path; the root's path is empty.
    pub meanings: BTreeMap<String, String>,
}

impl Loaded {
    /// Returns the paths of its processes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.meanings.keys().map(String::as_str).filter(|path| !path.is_empty())
    }

    /// Returns how much the journal keeps.
    pub fn bounds(&self) -> journal::Settings {
        let mut bounds = journal::Settings::default();
        bounds.age = self.journal.age;
        bounds.most_bytes = self.journal.size;
        bounds.segment_bytes = bounds.segment_bytes.min((self.journal.size / 8).max(1 << 16));
        bounds
    }
}

/// Children to add to a running tree.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The children by name, to be added in this order.
    pub children: Vec<(String, Node)>,
    /// Every file that was read.
    pub sources: Vec<PathBuf>,
    /// The labels of children, by path below the supervisor to which they are added.
    pub labels: BTreeMap<String, BTreeMap<String, String>>,
    /// What children are, for people.
    pub descriptions: BTreeMap<String, String>,
    /// What is done by the clock and at a change of files.
    pub tending: Tending,
    /// What is open on the network, by the paths of children.
    pub consoles: BTreeMap<String, console::Declared>,
    /// Who is told of events in supervisord's protocol, by path.
    pub listeners: BTreeMap<String, Listener>,
    /// What becomes events for them of what others print, by path.
    pub printed: BTreeMap<String, Printed>,
    /// What is worth knowing about what was accepted.
    pub warnings: Vec<Warning>,
}

/// Something worth knowing about a spec file that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// `mainstay.yaml:4:5`, where the file says what it is about.
    pub place: Option<String>,
    /// The path of the child; empty for the root.
    pub path: String,
    /// What it means in practice.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        match self.path.as_str() {
            "" => f.write_str(&self.text),
            path => write!(f, "{path}: {}", self.text),
        }
    }
}

/// Reads a spec file. Variables are taken from `environment`. What children print is kept in the folder `logs`, unless
/// the file says where; without that folder only their last lines are.
///
/// # Errors
///
/// Everything that is wrong with it, and with the files that it names.
pub fn load(
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    logs: Option<&Path>,
) -> Result<Loaded, SpecProblems> {
    load::file(path, environment, logs)
}

/// Reads the text of a spec file as if it stood in the file `as_if`.
///
/// # Errors
///
/// As [`load`](load()).
pub fn load_text(
    text: &str,
    as_if: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    logs: Option<&Path>,
) -> Result<Loaded, SpecProblems> {
    load::text(text, as_if, environment, logs)
}

/// Reads children that are to be added to a running tree: a text with `children`, as in an included file, or the map of
/// children alone. They may need siblings that only the tree has.
///
/// # Errors
///
/// As [`load`](load()).
pub fn fragment(
    text: &str,
    as_if: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    logs: Option<&Path>,
) -> Result<Fragment, SpecProblems> {
    load::fragment(text, as_if, environment, logs)
}

/// Reads the keys of a child that say when there is another run, and nothing else: no file is read for it, no variable,
/// no secret.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn policy(text: &str) -> Result<ChildSpec, SpecProblems> {
    alone::policy(text)
}

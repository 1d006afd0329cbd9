//! What a brain begins with: where its declaration comes from, and why it cannot begin.

use crate::api;
use crate::journal::OpenError;
use crate::spec::{self, Loaded, SpecProblems};
use mainstay::StartError;
use std::io;
use std::path::{Path, PathBuf};

/// Where a declaration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A spec file.
    File(PathBuf),
    /// The text of one, as if it stood in this folder.
    Text(String, PathBuf),
}

impl Source {
    /// Loads what is declared there. Children whose spec names no log get one in `logs`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn load(&self, logs: &Path) -> Result<Loaded, SpecProblems> {
        let environment = |name: &str| std::env::var(name).ok();
        match self {
            Self::File(path) => spec::load(path, &environment, Some(logs)),
            Self::Text(text, folder) => {
                spec::load_text(text, &folder.join("mainstay.yaml"), &environment, Some(logs))
            }
        }
    }
}

/// Why a brain cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrainError {
    /// There is no keeper.
    #[error("the keeper cannot be reached: {0}")]
    Keeper(#[source] io::Error),
    /// The spec file is wrong, and there is no tree to go on with.
    #[error("{0}")]
    Spec(SpecProblems),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The socket cannot be opened.
    #[error(transparent)]
    Socket(#[from] api::BindError),
    /// The port cannot be served.
    #[error(transparent)]
    Tls(#[from] api::TlsError),
    /// The port cannot be opened.
    #[error("cannot listen on {address} for the API: {source}")]
    Port {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A socket that was passed to this program cannot be taken.
    #[error("the sockets that were passed to this program cannot be taken: {0}")]
    Passed(#[source] io::Error),
    /// The tree does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system does not let it run.
    #[error("the program cannot run: {0}")]
    System(#[source] io::Error),
}

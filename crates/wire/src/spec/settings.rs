//! What a spec file says to the program around the tree.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Where the API listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Api {
    /// The Unix socket; absent: where the program puts it.
    pub socket: Option<PathBuf>,
    /// The rights of its file; absent: 0600.
    pub mode: Option<u32>,
    /// Who may do everything, beside the user of the daemon and root.
    pub admins: Vec<String>,
    /// Who may start and stop.
    pub operators: Vec<String>,
    /// Who may look.
    pub viewers: Vec<String>,
    /// A port beside it; absent: none.
    pub tcp: Option<Tcp>,
}

/// A port of the API. It speaks TLS, and asks for a token or a certificate of the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tcp {
    /// `127.0.0.1:7070`.
    pub listen: std::net::SocketAddr,
    /// The chain of certificates, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Who signs the certificates of clients, PEM; absent: clients need a token.
    pub client_ca: Option<PathBuf>,
    /// The file with the tokens; absent: clients need a certificate.
    pub tokens: Option<PathBuf>,
    /// What those may do who show a certificate: `viewer`, `operator`, `admin`.
    pub client_role: String,
    /// The names by which it is reached.
    pub hosts: Vec<String>,
}

/// What scrapers and kubelets see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observe {
    /// Where numbers and health are served in plain HTTP; absent: nowhere.
    pub listen: Option<std::net::SocketAddr>,
    /// Whether the health pages there name the children.
    pub names: bool,
    /// How many children have numbers of their own.
    pub children: usize,
}

impl Default for Observe {
    fn default() -> Self {
        Self { listen: None, names: false, children: 1_000 }
    }
}

/// How much the journal keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Journal {
    /// Older records are dropped.
    pub age: Duration,
    /// The oldest records beyond so many bytes are dropped.
    pub size: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self { age: Duration::from_secs(30 * 24 * 3_600), size: 256 << 20 }
    }
}

/// When a child is started by the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The moments.
    pub every: Every,
    /// What happens when one comes while the child still runs.
    pub overlap: Overlap,
}

/// The moments of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Every {
    /// This long after each other, the first after the tree has started.
    Span(Duration),
    /// Those of a cron expression.
    Cron {
        /// Five fields, or six with seconds in front.
        expression: String,
        /// The name of a time zone, `Europe/Berlin`; absent: that of the machine.
        time_zone: Option<String>,
    },
}

/// What happens when a moment comes while the child still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// Nothing.
    #[default]
    Skip,
    /// It runs once more as soon as it has ended.
    Queue,
    /// The run is ended, and another one begins.
    Replace,
}

/// Files that restart a child when they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Files, folders, or `*` and `?` in the last part of a path.
    pub paths: Vec<PathBuf>,
    /// How long all must be quiet first.
    pub debounce: Duration,
}

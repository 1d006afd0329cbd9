//! What is known of a process beside what the tree knows of its child.

use mainstay_host::ring::Operation;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The process of a child, as its keeper tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// The main process of the live run.
    pub pid: Option<u32>,
    /// How its processes are held together: "cgroup", "session".
    pub contain: Option<Arc<str>>,
    /// What it last said that it does (`STATUS=`).
    pub status: Option<Arc<str>>,
    /// What else its live run said on its notify socket, of which nothing comes here: the last value of each name.
    pub said: BTreeMap<Arc<str>, Arc<str>>,
    /// The file that takes its output.
    pub log: Option<PathBuf>,
    /// Where its sockets listen, in the order of their declaration, with the ports that were chosen.
    pub addresses: Vec<Arc<str>>,
    /// How many descriptors it has left behind for its next run.
    pub stored: u32,
    /// How many lines were dropped because it prints faster than they can be written.
    pub dropped: u64,
    /// The last thing that did not work and did not end it: a log that cannot be written, a probe that failed.
    pub trouble: Option<Arc<str>>,
    /// The last lines of the last run that has ended.
    pub last: Vec<Arc<str>>,
    /// What the last run that has ended did last, by its flight recorder, oldest first: of a host.
    pub operations: Vec<Operation>,
    /// What the last run that has ended used.
    pub used: Used,
    /// How many bytes of the output of the last run that has ended were read and could not be kept.
    pub lost: u64,
}

/// What a run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Used {
    /// Time in its own code.
    pub user: Duration,
    /// Time in the kernel.
    pub system: Duration,
    /// Bytes of memory at the highest, of the main process or, with a cgroup, of all.
    pub memory: u64,
}

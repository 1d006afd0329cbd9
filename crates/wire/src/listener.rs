//! What is kept of events that listeners have not dealt with.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of [`Kept`].
pub const VERSION: u32 = 1;

/// What a daemon keeps from life to life, so that no listener misses an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The version of this form.
    pub version: u32,
    /// The first event of the tree that listeners have not been told.
    pub next: u64,
    /// The number of the next event among all.
    pub serial: u64,
    /// The pools, by their names.
    pub pools: BTreeMap<String, KeptPool>,
}

/// What is kept of one pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPool {
    /// The number of its next event.
    pub next: u64,
    /// What is not dealt with, the oldest first.
    pub waiting: Vec<KeptEvent>,
}

/// One event that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEvent {
    /// Its number among all.
    pub serial: u64,
    /// Its number in the pool.
    pub pool_serial: u64,
    /// Its name: `PROCESS_STATE_EXITED`.
    pub name: String,
    /// What it says.
    pub payload: String,
}

//! The signs of life that are watched in one run, as absolute deadlines.

use crate::moment::Moment;
use alloc::vec::Vec;

/// The signs of life that are watched in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    /// When the heartbeat is lost.
    pub beat: Option<Moment>,
    /// The probes, by index.
    pub probes: Vec<ProbeWatch>,
    /// When pending work counts as stuck.
    pub progress: Option<Moment>,
    /// When the run makes place for a fresh one.
    pub recycle: Option<Moment>,
    /// When an on-demand run was idle for too long.
    pub idle: Option<Moment>,
}

/// One probe of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeWatch {
    /// When it is asked next, or when the present question counts as failed.
    pub due: Option<Moment>,
    /// Whether an answer is awaited.
    pub asked: bool,
    /// When it was last asked.
    pub last: Moment,
    /// What the last answers were.
    pub ok: bool,
    /// How many of them in a row.
    pub streak: u32,
    /// Its verdict: enough successes in a row, or enough failures; `None` before either.
    pub verdict: Option<bool>,
}

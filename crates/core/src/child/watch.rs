//! The signs of life that are watched in one run, as absolute deadlines.

use crate::moment::Moment;
use crate::spec::ChildSpec;
use alloc::vec::Vec;
use core::time::Duration;

/// The signs of life that are watched in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    /// When the heartbeat is lost.
    pub beat: Option<Moment>,
    /// How long a silence may be by the run's own word, where it gave one; zero: for ever.
    pub silence: Option<Duration>,
    /// The probes, by index.
    pub probes: Vec<ProbeWatch>,
    /// When pending work counts as stuck.
    pub progress: Option<Moment>,
    /// When the run makes place for a fresh one.
    pub recycle: Option<Moment>,
    /// When an on-demand run was idle for too long.
    pub idle: Option<Moment>,
}

impl Watch {
    /// Returns the longest silence that is not yet a loss; `None` where no sign of life is awaited.
    pub fn silence(&self, spec: &ChildSpec) -> Option<Duration> {
        match (self.silence, spec.liveness.heartbeat) {
            (Some(said), _) => Some(said).filter(|said| !said.is_zero()),
            (None, Some(declared)) => Some(declared.every.saturating_mul(declared.misses)),
            (None, None) => None,
        }
    }
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

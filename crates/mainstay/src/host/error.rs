//! Why a host cannot be called, or did not answer.

use mainstay_core::child::{Child, Finish, Last, Rest, State};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::Activation;
use mainstay_core::{Cause, Moment, Path, RunId, Standing, Tree, Why};
use mainstay_host::Failure;
use mainstay_host::protocol::code;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// No run of the host can be called just now: what it does instead, why, and when it will be tried again.
///
/// It is cheap to clone; what it says stands in [`Absence`].
#[derive(Clone, Debug)]
pub struct Unavailable(Arc<Absence>);

/// What a host does while no run of it serves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Absence {
    /// The host.
    pub path: Path,
    /// What it is doing. A host that is `Starting` or `Up` will most likely serve soon.
    pub standing: Standing,
    /// Its live run, where there is one.
    pub run: Option<RunId>,
    /// How its last run ended.
    pub last: Option<Last>,
    /// When something happens by itself, and what. Absent: nothing will, until somebody acts.
    pub next: Option<(Instant, Why)>,
    /// Whether it starts when somebody wants it.
    pub on_demand: bool,
    /// Whether that is all it waits for.
    pub(super) rests: bool,
}

impl Deref for Unavailable {
    type Target = Absence;

    fn deref(&self) -> &Absence {
        &self.0
    }
}

impl From<Absence> for Unavailable {
    fn from(absence: Absence) -> Self {
        Self(Arc::new(absence))
    }
}

impl Absence {
    /// Before the host is in a tree, and after it has left it.
    pub(super) fn nowhere(path: Path, standing: Standing) -> Self {
        Self { path, standing, run: None, last: None, next: None, on_demand: false, rests: false }
    }

    pub(super) fn of(
        tree: &Tree,
        child: &Child,
        instant: impl Fn(Moment) -> Option<Instant>,
    ) -> Self {
        let next = tree.explain(child.id).and_then(|explained| explained.next);
        let on_demand = matches!(child.spec.activation, Activation::OnDemand { .. });
        Self {
            path: tree.path(child.id).unwrap_or_else(Path::root),
            standing: child.standing(),
            run: child.life().map(|life| life.run),
            last: child.memory.as_ref().and_then(|memory| memory.last.clone()),
            next: next.and_then(|(at, why)| Some((instant(at)?, why))),
            on_demand,
            rests: on_demand && waits_for_demand(child),
        }
    }

    /// Returns whether it cannot serve before `until`, whatever is waited for.
    pub(super) fn is_hopeless(&self, until: Instant) -> bool {
        match self.standing {
            Standing::Waiting | Standing::Blocked => self.next.is_some_and(|(at, _)| at > until),
            Standing::Down | Standing::Removed | Standing::Abandoned => true,
            Standing::Starting | Standing::Up | Standing::Ready | Standing::Stopping => false,
        }
    }

    /// Returns how long it is until something happens by itself; absent: nothing will.
    pub fn retry_in(&self) -> Option<Duration> {
        Some(self.next?.0.saturating_duration_since(Instant::now()))
    }
}

/// Returns whether all that an on-demand child waits for is somebody who wants it. An open breaker, an operator who
/// stopped it or a policy that plans no other run are more than that.
fn waits_for_demand(child: &Child) -> bool {
    let State::Rest { why, .. } = &child.state else { return false };
    // Who comes after a clean end is served by another run.
    let has_served = matches!(why, Rest::Finished(Finish::Completed | Finish::Skipped));
    matches!(why, Rest::Demand) || has_served && child.spec.restart != Restart::Never
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, standing, .. } = self;
        write!(f, "the host `{path}` cannot be called: it {standing}")?;
        if let Some(run) = self.run {
            write!(f, " (run {})", run.0)?;
        }
        if let Some(Last { run, cause, detail, .. }) = &self.last {
            write!(f, "; its run {} {}", run.0, Ended(cause, detail.as_deref()))?;
        }
        match self.next {
            Some((at, why)) => {
                let wait = at.saturating_duration_since(Instant::now());
                write!(f, "; {why} in {:.1} s", wait.as_secs_f64())
            }
            None if self.rests => f.write_str("; it starts when somebody wants it"),
            None if *standing == Standing::Down => f.write_str("; nothing starts it by itself"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Unavailable {}

/// How a run ended, with what it said about it.
struct Ended<'a>(&'a Cause, Option<&'a str>);

impl fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(cause, detail) = self;
        match detail {
            Some(detail) => write!(f, "{cause}: {detail}"),
            None => write!(f, "{cause}"),
        }
    }
}

/// Returns what those are told whose calls were under way when a run ended.
pub(super) fn why_gone(last: &Last) -> Arc<str> {
    format!("it {}", Ended(&last.cause, last.detail.as_deref())).into()
}

impl CallError {
    /// Returns whether the run refused the call, unbegun, because it was ending.
    pub(super) fn is_refused_at_the_end(&self) -> bool {
        matches!(self, Self::Failed { failure, .. } if failure.code == code::STOPPING)
    }
}

/// A call was not answered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no run to be called.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The run ended, or its connection did, before it answered. What the call did there is not known.
    #[error("the host `{path}` is gone (run {}): {why}", .run.0)]
    Gone {
        /// The host.
        path: Path,
        /// The run that was called.
        run: RunId,
        /// What happened to it.
        why: Arc<str>,
    },
    /// The host says that the call failed. It lives on.
    #[error("the host `{path}` says: {failure}")]
    Failed {
        /// The host.
        path: Path,
        /// What it says.
        failure: Failure,
    },
    /// Nobody answered in time. The host was told that nobody waits any more.
    #[error("the host `{path}` did not answer within {after:?}")]
    TimedOut {
        /// The host.
        path: Path,
        /// For how long the call was waited for.
        after: Duration,
    },
    /// The request is larger than a message may be. It was not sent.
    #[error(
        "a request of {size} bytes to the host `{path}`, where {most} are allowed: see `Host::message_limit`"
    )]
    TooLarge {
        /// The host.
        path: Path,
        /// How large it is.
        size: usize,
        /// How large it may be.
        most: u32,
    },
    /// More calls wait than may.
    #[error("the host `{path}` is busy: {most} calls wait for it already")]
    Busy {
        /// The host or the pool.
        path: Path,
        /// How many may wait.
        most: usize,
    },
    /// It reads nothing, and what waits to be sent to it is as much as may wait.
    #[error("the host `{path}` does not read: {bytes} bytes wait to be sent to it")]
    Full {
        /// The host.
        path: Path,
        /// How much waits.
        bytes: usize,
    },
    /// A message has no form in bytes, or its bytes no meaning: the two sides do not share one contract.
    #[error("the {what} of a call to the host `{path}` cannot be understood: {why}")]
    Contract {
        /// The host.
        path: Path,
        /// `request`, `reply` or `item`.
        what: &'static str,
        /// What the codec says.
        why: Arc<str>,
    },
}

//! What becomes of runs, in words.

use mainstay_core::{Class, Exit, StartStep};
use std::sync::Arc;
use std::time::Duration;

/// What becomes of the runs of a child, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    runs: Vec<Run>,
}

impl Script {
    /// Every run lives until it is asked to end, and then ends at once. A child without a script does so.
    pub fn runs() -> Self {
        Self::each([])
    }

    /// Every run fails so long after it has started.
    pub fn dies_after(lived: Duration) -> Self {
        Run::fails_after(lived).into()
    }

    /// The first run does this, the next one that; the last one repeats.
    pub fn each(runs: impl IntoIterator<Item = Run>) -> Self {
        Self { runs: runs.into_iter().collect() }
    }

    /// Returns what the run does that follows `earlier` others.
    pub(super) fn run(&self, earlier: usize) -> Run {
        self.runs.get(earlier).or_else(|| self.runs.last()).cloned().unwrap_or_default()
    }
}

/// Every run does the same.
impl From<Run> for Script {
    fn from(run: Run) -> Self {
        Self { runs: vec![run] }
    }
}

/// What one run does. Each word says one thing and leaves the rest as it is; [`and`](Self::and) joins them.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a run is part of a script"]
pub struct Run {
    pub(super) starts: Option<When>,
    pub(super) ready: Option<When>,
    pub(super) ends: Option<(Duration, Exit)>,
    pub(super) detail: Option<Arc<str>>,
    pub(super) silent: Option<Duration>,
    pub(super) stuck: Option<Duration>,
    pub(super) stops: Option<When>,
    pub(super) outlives_force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    After(Duration),
    Never,
}

/// How it comes up.
impl Run {
    /// Has no peculiarities: starts at once, is ready at once, lives until it is asked to end.
    pub fn lives() -> Self {
        Self::default()
    }

    /// Takes so long to start.
    pub fn starts_after(took: Duration) -> Self {
        Self { starts: Some(When::After(took)), ..Self::default() }
    }

    /// Never gets through its start, as where a factory blocks.
    ///
    /// Nothing in there hears a stop or can be ended by force, so it is abandoned, unless joined with
    /// [`stops_after`](Self::stops_after).
    pub fn hangs_at_start() -> Self {
        Self { starts: Some(When::Never), ..Self::default() }
    }

    /// Fails to start: its factory panics.
    pub fn fails_to_start() -> Self {
        let step = StartStep::Factory;
        Self::ends_after(Duration::ZERO, Exit::StartFailed { step, mendable: true })
    }

    /// Says that it is ready so long after it has started. For a child with `ready_within`.
    pub fn ready_after(took: Duration) -> Self {
        Self { ready: Some(When::After(took)), ..Self::default() }
    }

    /// Never says that it is ready. For a child with `ready_within`.
    pub fn never_ready() -> Self {
        Self { ready: Some(When::Never), ..Self::default() }
    }
}

/// How it ends by itself, and when, counted from the moment it has started.
impl Run {
    /// Ends so, by itself.
    pub fn ends_after(lived: Duration, exit: Exit) -> Self {
        Self { ends: Some((lived, exit)), ..Self::default() }
    }

    /// Comes to its end without an error.
    pub fn completes_after(lived: Duration) -> Self {
        Self::ends_after(lived, Exit::Completed)
    }

    /// Ends with an error.
    pub fn fails_after(lived: Duration) -> Self {
        Self::ends_after(lived, Exit::FAILED)
    }

    /// Panics.
    pub fn panics_after(lived: Duration) -> Self {
        Self::ends_after(lived, Exit::Panicked)
    }

    /// Ends with an error that says it will pass: [`Fault::transient`](crate::Fault::transient).
    pub fn transient_after(lived: Duration) -> Self {
        Self::classed(lived, Class::Transient)
    }

    /// Ends with an error that says another try is useless: [`Fault::permanent`](crate::Fault::permanent).
    pub fn permanent_after(lived: Duration) -> Self {
        Self::classed(lived, Class::Permanent)
    }

    /// Ends with an error that puts the supervisor in doubt: [`Fault::fatal`](crate::Fault::fatal).
    pub fn fatal_after(lived: Duration) -> Self {
        Self::classed(lived, Class::Fatal)
    }

    /// Says at once that there is nothing to do: [`Skipped`](crate::Skipped).
    pub fn skips() -> Self {
        Self::ends_after(Duration::ZERO, Exit::Skipped)
    }

    /// Its error asks that the next try comes no sooner; a run that ends otherwise asks for nothing.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        if let Some((_, Exit::Failed { retry_after, .. })) = &mut self.ends {
            *retry_after = Some(wait);
        }
        self
    }

    /// What it says about its end: the text of its error, the message of its panic.
    pub fn saying(mut self, detail: &str) -> Self {
        self.detail = Some(detail.into());
        self
    }

    fn classed(lived: Duration, class: Class) -> Self {
        Self::ends_after(lived, Exit::Failed { code: None, class, retry_after: None })
    }
}

/// How it goes wrong while it lives.
impl Run {
    /// Sends its last heartbeat so long after it has started. For a child with `heartbeat`.
    pub fn silent_after(lived: Duration) -> Self {
        Self { silent: Some(lived), ..Self::default() }
    }

    /// Has work pending from then on, and makes no progress. For a child with `progress_within`.
    pub fn stuck_after(lived: Duration) -> Self {
        Self { stuck: Some(lived), ..Self::default() }
    }
}

/// How it ends when it is asked to.
impl Run {
    /// Takes so long to end once it is asked to.
    pub fn stops_after(took: Duration) -> Self {
        Self { stops: Some(When::After(took)), ..Self::default() }
    }

    /// Does not end when it is asked to. A task is then ended by force; a blocking child cannot be.
    pub fn ignores_stop() -> Self {
        Self { stops: Some(When::Never), ..Self::default() }
    }

    /// Ends neither when it is asked to nor by force: a task that blocks its thread. It is abandoned.
    pub fn outlives_force() -> Self {
        Self { stops: Some(When::Never), outlives_force: true, ..Self::default() }
    }
}

impl Run {
    /// Does this too. Where both say something about the same thing, the later word holds.
    pub fn and(self, also: Self) -> Self {
        Self {
            starts: also.starts.or(self.starts),
            ready: also.ready.or(self.ready),
            ends: also.ends.or(self.ends),
            detail: also.detail.or(self.detail),
            silent: also.silent.or(self.silent),
            stuck: also.stuck.or(self.stuck),
            stops: also.stops.or(self.stops),
            // Whoever says how it stops takes back that it does not.
            outlives_force: also.outlives_force || also.stops.is_none() && self.outlives_force,
        }
    }
}

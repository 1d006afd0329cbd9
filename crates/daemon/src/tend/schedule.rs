//! Children that are started by the clock.

use super::wall::Wall;
use super::{Nexts, when};
use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mainstay::{AskError, Handle, View, Want};
use mainstay_wire::spec::{Every, Overlap, Schedule};
use std::str::FromStr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Starts one child whenever its time comes, until the tree ends.
pub(super) async fn keep(
    handle: Handle,
    path: String,
    schedule: Schedule,
    mut times: Times,
    note: Note,
) {
    let child = Child { handle, path, why: when(&schedule.every), overlap: schedule.overlap };
    // Whether a time came while it ran.
    let mut is_queued = false;
    loop {
        let ended =
            async { if is_queued { child.ended().await } else { std::future::pending().await } };
        let came = tokio::select! {
            biased;
            ended = ended => ended.map(|()| Came::End),
            () = times.next() => Ok(Came::Time),
        };
        note.next(&times);
        let done = match came {
            Ok(Came::End) => {
                is_queued = false;
                child.start().await
            }
            Ok(Came::Time) => child.time(&mut is_queued).await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            // It has left the tree, or the tree has ended.
            return;
        }
    }
}

enum Came {
    Time,
    End,
}

/// A time that is to come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// By the clock of the runtime.
    Span(Instant),
    /// By the clock on the wall.
    Wall(Timestamp),
}

/// Where the next time of one child is noted for those who look, as long as this is kept.
pub(super) struct Note {
    path: String,
    nexts: Nexts,
}

impl Note {
    pub(super) fn new(path: &str, nexts: &Nexts, times: &Times) -> Self {
        let note = Self { path: path.to_owned(), nexts: Arc::clone(nexts) };
        note.next(times);
        note
    }

    fn next(&self, times: &Times) {
        let mut nexts = self.nexts.lock().unwrap_or_else(PoisonError::into_inner);
        match times.coming() {
            Some(next) => nexts.insert(self.path.clone(), next),
            None => nexts.remove(&self.path),
        };
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.nexts.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}

struct Child {
    handle: Handle,
    path: String,
    why: String,
    overlap: Overlap,
}

impl Child {
    async fn view(&self) -> Result<View, AskError> {
        self.handle.child(self.path.as_str()).await
    }

    async fn ended(&self) -> Result<(), AskError> {
        self.handle.wait_until(self.path.as_str(), |view| view.run.is_none()).await.map(drop)
    }

    /// Its time has come.
    async fn time(&self, is_queued: &mut bool) -> Result<(), AskError> {
        let view = self.view().await?;
        if view.run.is_none() {
            return self.start().await;
        }
        match self.overlap {
            Overlap::Skip => {
                tracing::info!(child = self.path, "it still runs: this start is left out");
                Ok(())
            }
            Overlap::Queue => {
                *is_queued = true;
                Ok(())
            }
            Overlap::Replace if is_held(&view) => Ok(()),
            Overlap::Replace => {
                let by = self.handle.by("schedule");
                if let Err(error) = by.restart(self.path.as_str(), self.why.as_str()).await {
                    tracing::warn!(child = self.path, %error, "it is not started anew");
                }
                Ok(())
            }
        }
    }

    async fn start(&self) -> Result<(), AskError> {
        let view = self.view().await?;
        if is_held(&view) {
            tracing::info!(child = self.path, "its time has come, and an operator holds it");
            return Ok(());
        }
        let by = self.handle.by("schedule");
        if let Err(error) = by.start(self.path.as_str(), self.why.as_str()).await {
            tracing::warn!(child = self.path, %error, "it is not started");
        }
        Ok(())
    }
}

/// Returns whether an operator does not want it to be started.
pub(crate) fn is_held(view: &View) -> bool {
    view.paused || view.quarantined || view.want == Want::Down
}

/// The times of a schedule, one after the other.
pub(super) enum Times {
    Span { every: Duration, next: Instant },
    Cron { cron: Box<Cron>, zone: TimeZone, wall: Wall, last: Timestamp },
}

impl Times {
    pub(super) fn of(every: &Every, wall: Wall) -> Option<Self> {
        match every {
            Every::Span(every) => Some(Self::Span { every: *every, next: Instant::now() + *every }),
            Every::Cron { expression, time_zone } => {
                let cron = Box::new(Cron::from_str(expression).ok()?);
                let zone = match time_zone {
                    Some(name) => TimeZone::get(name).ok()?,
                    None => TimeZone::system(),
                };
                let last = wall.now();
                Some(Self::Cron { cron, zone, wall, last })
            }
        }
    }

    /// Returns the next time, if there is another one.
    fn coming(&self) -> Option<Next> {
        match self {
            Self::Span { next, .. } => Some(Next::Span(*next)),
            Self::Cron { cron, zone, last, .. } => occurrence(cron, zone, *last).map(Next::Wall),
        }
    }

    /// Waits for the next time. Dropped before that, it loses none.
    async fn next(&mut self) {
        match self {
            Self::Span { every, next } => {
                sleep_until(*next).await;
                // Times that passed meanwhile are one.
                let late = Instant::now().saturating_duration_since(*next);
                let passed = late.as_nanos() / every.as_nanos().max(1) + 1;
                *next += every.saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX));
            }
            Self::Cron { cron, zone, wall, last } => loop {
                let now = wall.now();
                // A clock that was set back does not bring a time twice within that span, unless by more than an hour.
                if *last > now && last.duration_since(now).as_secs() > 3_600 {
                    *last = now;
                }
                let Some(next) = occurrence(cron, zone, *last) else {
                    std::future::pending::<()>().await;
                    return;
                };
                if next > now {
                    wall.until(next).await;
                }
                let now = wall.now();
                if now >= next {
                    // Times that passed while the machine slept are one.
                    *last = now;
                    return;
                }
            },
        }
    }
}

/// Returns the first time after another one.
fn occurrence(cron: &Cron, zone: &TimeZone, last: Timestamp) -> Option<Timestamp> {
    let next = cron.find_next_occurrence(&last.to_zoned(zone.clone()), false);
    next.ok().map(|next| next.timestamp())
}

//! What a run tells of its steps, how far it has come, and what of it is not to be interrupted.

use super::Context;
use crate::slot::{STOP, Slot, UNDISTURBED, told};
use mainstay_core::{Moment, News, Overall, RunId};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How often what a run says of its position is taken down at most.
const POSITIONS_EVERY: Duration = Duration::from_millis(100);
/// How long a position may be.
const POSITION_MOST: usize = 4 << 10;

impl Context {
    /// Returns how far the runs before this one have come, as the last of them said by
    /// [`positioned`](Self::positioned). It is part of the tree's snapshot.
    pub fn position(&self) -> Option<Arc<str>> {
        let life = self.slot.lock();
        if life.run != self.run {
            return None;
        }
        life.extra.as_ref()?.goes_on_at.clone()
    }

    /// Says how far the work has come, in words of its own, for the next run to go on from.
    ///
    /// It is taken down at most ten times a second, and again when the run ends: say it as often as you like. The last
    /// one is taken down though nothing follows, by a [stage](crate::stage) that waits; by others when they next tell
    /// anything. Where the whole program dies, the last one that was taken down counts, so work since then may be done
    /// again.
    ///
    /// # Panics
    ///
    /// It is longer than 4 KiB: it is a place in the work, not the work, and stands in each snapshot.
    pub fn positioned(&self, position: &str) {
        let length = position.len();
        assert!(length <= POSITION_MOST, "a position of {length} bytes, where 4 KiB are the most");
        let now = self.slot.shared.clock.now();
        let position = Arc::<str>::from(position);
        let is_due = self.with_extra(|extra| {
            let telling = &mut extra.telling;
            telling.position = Some(position);
            let is_due = telling.positioned_at.is_none_or(|at| now.since(at) >= POSITIONS_EVERY);
            if is_due {
                telling.positioned_at = Some(now);
            }
            is_due
        });
        if is_due == Some(true) {
            self.slot.tell(self.run, told::NEWS);
        }
    }

    /// Returns when a position that came too soon after another may be taken down.
    pub(crate) fn position_due(&self) -> Option<Moment> {
        let life = self.slot.lock();
        let telling =
            life.extra.as_ref().filter(|_| life.run == self.run).map(|extra| &extra.telling)?;
        telling.position.as_ref().and(telling.positioned_at).map(|at| at + POSITIONS_EVERY)
    }

    /// Has the position taken down that was said last.
    pub(crate) fn take_position_down(&self) {
        let now = self.slot.shared.clock.now();
        if self.with_extra(|extra| extra.telling.positioned_at = Some(now)).is_some() {
            self.slot.tell(self.run, told::NEWS);
        }
    }

    /// Keeps the dispatch of a [stage](crate::stage) from being interrupted until the returned guard is dropped. What
    /// comes meanwhile is heard afterwards; the grace of a stop still bounds it. Other runs are never interrupted.
    pub fn undisturbed(&self) -> Undisturbed {
        let before = self.slot.asked.fetch_or(UNDISTURBED, Ordering::AcqRel);
        let is_outer = before & UNDISTURBED == 0;
        Undisturbed { slot: Arc::clone(&self.slot), run: self.run, is_outer }
    }

    pub(crate) fn is_undisturbed(&self) -> bool {
        self.slot.is_asked(UNDISTURBED)
    }

    /// Looks without a lock: for the run itself, which cannot outlive itself.
    pub(crate) fn is_asked_to_stop(&self) -> bool {
        self.slot.is_asked(STOP)
    }

    /// Returns whether the whole tree ends: no run follows this one.
    pub(crate) fn is_draining(&self) -> bool {
        self.slot.shared.log.health().overall == Overall::Draining
    }

    pub(crate) fn now(&self) -> Moment {
        self.slot.shared.clock.now()
    }

    pub(crate) fn instant(&self, at: Moment) -> Option<Instant> {
        self.slot.shared.clock.instant(at)
    }

    /// From now on the run owes a word about its end.
    pub(crate) fn begin_news(&self) {
        let _ = self.with_extra(|extra| extra.telling.owes_end = true);
    }

    pub(crate) fn tell_news(&self, news: News) {
        self.slot.tell_news(self.run, news);
    }
}

/// See [`Context::undisturbed`].
#[must_use = "it ends when it is dropped"]
pub struct Undisturbed {
    slot: Arc<Slot>,
    run: RunId,
    /// Whether no other one was held already.
    is_outer: bool,
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        if self.is_outer && self.slot.lock().run == self.run {
            self.slot.asked.fetch_and(!UNDISTURBED, Ordering::AcqRel);
        }
    }
}

impl fmt::Debug for Undisturbed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Undisturbed")
    }
}

//! What whoever supervises this program hears of its health: `WATCHDOG=1`, as systemd wants it.
//!
//! A sign of life of the brain comes from its loop, and is passed on as it comes. A brain that gives none is not
//! spoken for, but for the time in which this keeper is about to replace it: what systemd would do instead ends every
//! child.

use super::{Due, Hold, now};
use crate::above::Above;
use std::time::Duration;

/// How long a brain that was ended, or has died, may take until its successor gives a sign of life.
const MEND: Duration = Duration::from_secs(120);

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    above: Above,
    /// When the last sign of life of a brain came.
    heard: Duration,
    /// How long it is spoken for after that.
    patience: Duration,
    /// Whether there is a deadline for the next word.
    is_due: bool,
}

impl Feed {
    pub(super) fn new(above: Above) -> Self {
        Self { above, heard: now(), ..Self::default() }
    }

    /// Returns whether the brain is spoken for at this moment.
    fn is_good(&self, at: Duration) -> bool {
        at.saturating_sub(self.heard) <= self.patience
    }
}

impl Hold {
    /// The brain has given a sign of life. `within` is how long this keeper waits for the next one; zero: for ever.
    pub(super) fn feed(&mut self, within: Duration) {
        self.feed.heard = now();
        // Where nobody here replaces a brain that hangs, it is for those above to do.
        let replaces = !within.is_zero();
        self.feed.patience = if replaces { within * 2 + MEND } else { Duration::ZERO };
        self.feed_again();
    }

    /// The brain is gone, and another one begins.
    pub(super) fn feed_meanwhile(&mut self) {
        self.feed.patience = self.feed.patience.max(MEND);
        if !self.feed.is_due {
            self.feed_again();
        }
    }

    /// It is time for the next word.
    pub(super) fn feed_is_due(&mut self) {
        self.feed.is_due = false;
        if self.feed.is_good(now()) {
            self.feed_again();
        }
    }

    fn feed_again(&mut self) {
        let Some(watchdog) = self.feed.above.watchdog() else { return };
        self.feed.above.mention("WATCHDOG=1");
        if !self.feed.patience.is_zero() && !std::mem::replace(&mut self.feed.is_due, true) {
            self.waiting.at(now() + watchdog / 2, Due::Feed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brain_is_spoken_for_as_long_as_it_is_being_replaced() {
        let mut feed = Feed { heard: Duration::from_secs(100), ..Feed::default() };
        // Nobody replaces it.
        assert!(feed.is_good(Duration::from_secs(100)) && !feed.is_good(Duration::from_secs(101)));
        feed.patience = Duration::from_secs(60);
        assert!(feed.is_good(Duration::from_secs(160)) && !feed.is_good(Duration::from_secs(161)));
    }
}

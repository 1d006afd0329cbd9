//! How a run tells of its steps: bounded, and never without a word about its end.

use super::course::{Course, Trouble, Voice};
use super::table::Machine;
use crate::context::Context;
use crate::end::Ended;
use mainstay_core::{Exit, Moment, News, Settled};
use std::sync::Arc;
use std::time::Duration;

/// How many moves and actions a run may tell of in a row: whole life stories of machines that work as they should.
const BURST: u32 = 64;
/// After that one for every such span: ten a second are more than anybody reads, and fill no journal.
const REFILL: Duration = Duration::from_millis(100);

/// Tells the tree of one run's steps.
pub(super) struct Teller {
    cx: Context,
    steps: Room,
    failures: Room,
    omitted: u64,
    is_settled: bool,
}

/// So much may be told; it fills up again with time.
struct Room {
    left: u32,
    at: Moment,
}

impl Room {
    fn take(&mut self, now: Moment) -> bool {
        if self.left == BURST {
            self.at = now;
        } else if self.left == 0 {
            let spans = now.since(self.at).as_millis() / REFILL.as_millis();
            if spans > 0 {
                self.left = u32::try_from(spans).unwrap_or(BURST).min(BURST);
                self.at = now;
            }
        }
        let has = self.left > 0;
        self.left -= u32::from(has);
        has
    }
}

impl Teller {
    pub(super) fn new(cx: &Context) -> Self {
        cx.begin_news();
        let room = || Room { left: BURST, at: cx.now() };
        let (steps, failures) = (room(), room());
        Self { cx: cx.clone(), steps, failures, omitted: 0, is_settled: false }
    }

    /// The machine could not even be made.
    pub(super) fn not_made(mut self, trouble: Trouble) -> Ended {
        let how = if trouble.panic.is_some() { Settled::Panicked } else { Settled::Failed };
        let text = format!("it could not be made: {}", trouble.text);
        let detail = Some(News::brief(&text));
        self.tell(self.cx.now(), News::Settled { how, state: None, detail });
        let Trouble { exit, panic, .. } = trouble;
        Ended { exit, detail: Some(text.into()), panic }
    }

    /// Something was sent and never taken.
    pub(super) fn unheard(&mut self, what: &str) {
        let now = self.cx.now();
        if self.has_room(now) {
            let state = Arc::from("a machine that is over");
            self.push(News::Unhandled { state, event: News::brief(what) });
        }
    }

    /// Returns what the run reports.
    pub(super) fn ended<M: Machine>(self, course: &Course<M>) -> Ended {
        let (exit, panic) = course.exit();
        let detail = course.over().and_then(|over| over.detail.clone());
        // A clean end has nothing to complain of: what it got over is in its news.
        let detail = detail.filter(|_| exit != Exit::Completed);
        Ended { exit, detail, panic }
    }

    fn push(&mut self, news: News) {
        let omitted = std::mem::take(&mut self.omitted);
        if omitted > 0 {
            self.cx.tell_news(News::Omitted(omitted));
        }
        self.cx.tell_news(news);
    }
}

impl Voice for Teller {
    fn has_room(&mut self, now: Moment) -> bool {
        let has = self.steps.take(now);
        self.omitted += u64::from(!has);
        has
    }

    fn tell(&mut self, now: Moment, news: News) {
        self.is_settled |= news.is_end();
        if matches!(news, News::Failed { .. }) && !self.failures.take(now) {
            self.omitted += 1;
            return;
        }
        self.push(news);
    }
}

/// The run is dropped in the middle of what it does: it is over all the same, and says so.
impl Drop for Teller {
    fn drop(&mut self) {
        if !self.is_settled {
            let how = if std::thread::panicking() { Settled::Panicked } else { Settled::Forced };
            self.push(News::Settled { how, state: None, detail: None });
        }
    }
}

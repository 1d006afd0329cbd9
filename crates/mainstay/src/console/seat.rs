//! What waits for one viewer, bounded whatever comes.

use super::{Console, ConsoleMode, Shown, Viewer};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// How many beginnings and ends of runs wait for one viewer; of more the oldest go, for the latest tell how it stands.
const MOST_RUNS: usize = 64;

/// Whether the keeper shows the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// It was asked to.
    Asked,
    /// It was asked again, for this run, after it had nothing to show.
    Again,
    /// It has nothing to show before the child runs.
    Apart,
}

/// One viewer.
pub(super) struct Seat {
    pub(super) viewer: Viewer,
    pub(super) room: Arc<str>,
    pub(super) joined: Joined,
    /// Rows and columns.
    pub(super) size: Option<(u16, u16)>,
    pub(super) news: Arc<Notify>,
    /// What the terminal printed and what happened to it, in order.
    screen: VecDeque<Shown>,
    /// How many of those are no bytes.
    runs: usize,
    typed: u64,
    refused: u64,
    unanswered: u64,
    viewers: Option<Arc<[Viewer]>>,
    left: Option<String>,
    is_over: bool,
}

impl Seat {
    pub(super) fn new(viewer: Viewer, room: Arc<str>) -> Self {
        Self {
            viewer,
            room,
            joined: Joined::Asked,
            size: None,
            news: Arc::new(Notify::new()),
            screen: VecDeque::new(),
            runs: 0,
            typed: 0,
            refused: 0,
            unanswered: 0,
            viewers: None,
            left: None,
            is_over: false,
        }
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.viewer.mode == ConsoleMode::ReadOnly
    }

    /// Takes what is told next; `None`: nothing will be.
    pub(super) fn take(&mut self) -> Option<Option<Shown>> {
        if self.is_over {
            return None;
        }
        if let Some(viewers) = self.viewers.take() {
            return Some(Some(Shown::Viewers(viewers)));
        }
        if self.refused > 0 {
            return Some(Some(Shown::Refused(std::mem::take(&mut self.refused))));
        }
        if self.typed > 0 {
            return Some(Some(Shown::Typed(std::mem::take(&mut self.typed))));
        }
        if let Some(shown) = self.screen.pop_front() {
            let is_run = !matches!(shown, Shown::Bytes(_) | Shown::Lost(_));
            self.runs -= usize::from(is_run);
            return Some(Some(shown));
        }
        let left = self.left.take().map(Shown::Left);
        self.is_over = left.is_some();
        Some(left)
    }

    pub(super) fn show(&mut self, bytes: Vec<u8>, lost: u64) {
        if lost > 0 {
            self.screen.push_back(Shown::Lost(lost));
        }
        // How much there is of it the keeper bounds: it waits to hear what was taken.
        match self.screen.back_mut() {
            Some(Shown::Bytes(last)) => last.extend(bytes),
            _ => self.screen.push_back(Shown::Bytes(bytes)),
        }
        self.news.notify_one();
    }

    /// Something happened to what is seen.
    pub(super) fn happened(&mut self, shown: Shown) {
        if self.runs == MOST_RUNS {
            let is_run = |shown: &Shown| !matches!(shown, Shown::Bytes(_) | Shown::Lost(_));
            if let Some(at) = self.screen.iter().position(is_run) {
                self.screen.remove(at);
                self.runs -= 1;
            }
        }
        self.runs += 1;
        self.screen.push_back(shown);
        self.news.notify_one();
    }

    pub(super) fn meets(&mut self, viewers: &Arc<[Viewer]>) {
        self.viewers = Some(Arc::clone(viewers));
        self.news.notify_one();
    }

    /// Returns how much of this may be on its way; the rest is refused.
    pub(super) fn types(&mut self, bytes: usize) -> usize {
        let room = Console::WINDOW.saturating_sub(self.unanswered);
        let may_type = !self.is_read_only() && !self.has_left();
        let room = if may_type { usize::try_from(room).unwrap_or(usize::MAX) } else { 0 };
        let taken = bytes.min(room);
        self.unanswered += taken as u64;
        self.refused += (bytes - taken) as u64;
        if taken < bytes {
            self.news.notify_one();
        }
        taken
    }

    pub(super) fn answered(&mut self, taken: u64, refused: u64) {
        self.unanswered = self.unanswered.saturating_sub(taken + refused);
        self.typed += taken;
        self.refused += refused;
        self.news.notify_one();
    }

    /// Nobody answers any more for what was typed.
    pub(super) fn gap(&mut self) {
        self.unanswered = 0;
        self.happened(Shown::Gap);
    }

    pub(super) fn ends(&mut self, why: &str) {
        self.left.get_or_insert_with(|| why.to_owned());
        self.news.notify_one();
    }

    pub(super) const fn has_left(&self) -> bool {
        self.left.is_some() || self.is_over
    }
}

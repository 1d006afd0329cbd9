//! The panel: what is known of the chosen child.

use super::list::Place;
use super::logs::Logs;
use mainstay_wire::api::{Explanation, Run};

/// How long a story is good for where nothing has happened: it names spans that grow.
const STORY_OLD_MS: i64 = 10_000;

/// What came of a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::top) enum Answer<T> {
    /// Nothing yet.
    #[default]
    Awaited,
    Known(T),
    /// Why there is no answer.
    Failed(String),
}

/// What the panel shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::top) enum Tab {
    #[default]
    Why,
    Logs,
    Runs,
    Facts,
}

/// The tabs in their order, with their names.
pub(in crate::top) const TABS: [(Tab, &str); 4] =
    [(Tab::Why, "why"), (Tab::Logs, "logs"), (Tab::Runs, "runs"), (Tab::Facts, "facts")];

/// A run that is shown in full.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::top) struct Opened {
    pub(in crate::top) path: String,
    pub(in crate::top) run: u64,
    pub(in crate::top) answer: Answer<Box<Run>>,
}

/// What is known of the chosen child.
#[derive(Debug, Default)]
pub(in crate::top) struct Panel {
    /// Whose panel it is; empty: nobody's.
    pub(in crate::top) path: String,
    pub(in crate::top) tab: Tab,
    pub(in crate::top) why: Answer<Box<Explanation>>,
    /// When the story was told.
    pub(super) why_at: i64,
    pub(in crate::top) runs: Answer<Vec<Run>>,
    pub(in crate::top) runs_at: Place,
    pub(in crate::top) opened: Option<Opened>,
    pub(in crate::top) logs: Logs,
    /// The first line in sight of a text.
    pub(in crate::top) scroll: usize,
}

impl Panel {
    /// Turns to another child; the tab stays.
    pub(super) fn turn_to(&mut self, path: String) {
        let has_stamps = self.logs.has_stamps;
        *self = Self { path, tab: self.tab, ..Self::default() };
        self.logs.has_stamps = has_stamps;
    }

    /// Takes all that is known of a run.
    pub(super) fn opened(&mut self, path: &str, run: u64, answer: Answer<Box<Run>>) {
        if let Some(opened) = &mut self.opened
            && (opened.path.as_str(), opened.run) == (path, run)
        {
            opened.answer = answer;
        }
    }

    /// Returns the runs that are known.
    pub(in crate::top) fn known_runs(&self) -> &[Run] {
        match &self.runs {
            Answer::Known(runs) => runs,
            Answer::Awaited | Answer::Failed(_) => &[],
        }
    }

    /// Returns whether the story has grown old: what it says of time is not right any more, or a limit has become free.
    pub(super) fn is_old(&self, now: i64) -> bool {
        let Answer::Known(why) = &self.why else { return false };
        let mut frees = why.limits.iter().filter_map(|limit| limit.frees_at);
        now - self.why_at >= STORY_OLD_MS || frees.any(|at| self.why_at < at && at <= now)
    }
}

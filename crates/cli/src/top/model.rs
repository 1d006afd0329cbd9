//! What is shown: changed by what happens, one thing after another, and by nothing else. Pure.
//!
//! What it lacks it asks for; the answers are what happens next.

mod act;
mod edit;
mod list;
mod logs;
mod over;
mod panel;
mod tree;

pub(super) use list::Place;
pub(super) use logs::Logs;
pub(super) use over::{Menu, Over, Reason};
pub(super) use panel::{Answer, Panel, TABS, Tab};
pub(super) use tree::{Filter, Sort, Tree, is_below};

use super::areas::Areas;
use super::keys::Typed;
use super::view;
use crate::screen::Tint;
use mainstay_wire::api::{Alert, Choice, Explanation, LogLine, Run, Status, Verb};

/// Something that happened.
#[derive(Debug)]
pub(super) enum Happening {
    /// Somebody typed.
    Typed(Typed),
    /// The tree was read.
    Status(Box<Status>),
    /// It could not be read.
    NoStatus(String),
    /// Events come again.
    Connected,
    /// The daemon does not answer any more, or not yet again.
    Lost(String),
    /// Why a child does what it does.
    Explained(String, Answer<Box<Explanation>>),
    /// The runs of a child.
    Runs(String, Answer<Vec<Run>>),
    /// All that is known of one run.
    Postmortem(String, u64, Answer<Box<Run>>),
    /// What a person must see.
    Alerts(Answer<Vec<Alert>>),
    /// What each command to a child would do now.
    Choices(String, Answer<Vec<Choice>>),
    /// Lines that a child, or those below it, have printed.
    Lines(String, Vec<LogLine>),
    /// Something about a log: lines are left out, or it cannot be read.
    LogNote(String, String),
    /// What came of a command, in words.
    Replied(Result<String, String>),
    /// Time has passed.
    Tick,
}

/// Something that is needed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    Status,
    Explain(String),
    Runs(String),
    Postmortem(String, u64),
    Alerts,
    Choices(String),
    /// What this child, and those below it, print.
    Follow(String),
    /// No log any more.
    Unfollow,
    /// Give a command.
    Command {
        path: String,
        verb: Verb,
        why: String,
    },
    /// Hear the mouse, or not.
    Mouse(bool),
    Redraw,
    Suspend,
    Quit,
}

/// What stands on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Tree,
    Alerts,
}

/// What the arrows move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    List,
    Panel,
}

/// Which parts of the page are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    Both,
    List,
    Panel,
}

/// Whether the daemon answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Live,
    /// It does not, since this moment.
    Lost {
        since: i64,
        why: String,
    },
}

/// A sentence in the last line, until the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) tint: Tint,
    pub(super) text: String,
}

/// What is shown.
#[derive(Debug)]
pub(super) struct Model {
    /// Columns and rows of the screen.
    pub(super) size: (u16, u16),
    /// The present moment by the daemon's clock.
    pub(super) now: i64,
    /// How far the daemon's clock is ahead of ours.
    ahead: i64,
    pub(super) tree: Tree,
    pub(super) panel: Panel,
    pub(super) alerts: Answer<Vec<Alert>>,
    pub(super) alerts_at: Place,
    /// What each command would do now, and to whom.
    pub(super) choices: (String, Answer<Vec<Choice>>),
    pub(super) page: Page,
    pub(super) focus: Focus,
    pub(super) spread: Spread,
    pub(super) over: Over,
    pub(super) said: Option<Said>,
    pub(super) link: Link,
    pub(super) has_mouse: bool,
    asks: Vec<Ask>,
}

impl Model {
    /// Begins with a tree as it was read at `now`. What `update` asks for first is in [`Model::begin`].
    pub(super) fn new(status: Status, size: (u16, u16), now: i64) -> Self {
        Self {
            size,
            now: status.now_at,
            ahead: status.now_at - now,
            tree: Tree::new(status),
            panel: Panel::default(),
            alerts: Answer::Awaited,
            alerts_at: Place::default(),
            choices: (String::new(), Answer::Awaited),
            page: Page::Tree,
            focus: Focus::List,
            spread: Spread::Both,
            over: Over::None,
            said: None,
            link: Link::Live,
            has_mouse: false,
            asks: Vec::new(),
        }
    }

    /// Returns what is needed at first.
    pub(super) fn begin(&mut self, has_mouse: bool) -> Vec<Ask> {
        self.has_mouse = has_mouse;
        self.look();
        std::mem::take(&mut self.asks)
    }

    /// Goes on to `now`, takes what has happened, and returns what is needed because of it.
    pub(super) fn update(&mut self, now: i64, happening: Happening) -> Vec<Ask> {
        self.now = now + self.ahead;
        match happening {
            Happening::Typed(typed) => self.typed(typed),
            Happening::Status(status) => self.read(now, *status),
            Happening::Connected => self.ask(Ask::Status),
            Happening::NoStatus(why) | Happening::Lost(why) => self.lost(why),
            Happening::Explained(path, answer) => {
                if path == self.panel.path {
                    self.panel.why = answer;
                    self.panel.why_at = self.now;
                }
            }
            Happening::Runs(path, answer) => {
                if path == self.panel.path {
                    self.panel.runs = answer;
                    self.clamp();
                }
            }
            Happening::Postmortem(path, run, answer) => self.panel.opened(&path, run, answer),
            Happening::Alerts(answer) => {
                self.alerts = answer;
                self.clamp();
            }
            Happening::Choices(path, answer) => {
                if path == self.choices.0 {
                    self.choices.1 = answer;
                }
            }
            Happening::Lines(path, lines) => {
                if path == self.panel.path {
                    self.panel.logs.take(lines);
                }
            }
            Happening::LogNote(path, note) => {
                if path == self.panel.path {
                    self.panel.logs.note(note);
                }
            }
            Happening::Replied(Ok(text)) => {
                self.said = Some(Said { tint: Tint::Plain, text });
                self.ask(Ask::Status);
            }
            Happening::Replied(Err(text)) => self.said = Some(Said { tint: Tint::Bad, text }),
            Happening::Tick => {
                if self.panel.is_old(self.now) && self.shows(Tab::Why) {
                    self.ask(Ask::Explain(self.panel.path.clone()));
                }
            }
        }
        std::mem::take(&mut self.asks)
    }

    /// Returns the moment of ours from which on something that is shown is not right any more without anything having
    /// happened: a span that grows, a countdown. None: nothing of that kind is in sight.
    pub(super) fn changes_at(&self, now: i64) -> Option<i64> {
        view::changes_after(self).map(|span| now.saturating_add(span))
    }

    /// Returns where things stand.
    pub(super) fn areas(&self) -> Areas {
        Areas::of(self, view::head_lines(self))
    }

    fn ask(&mut self, ask: Ask) {
        self.asks.push(ask);
    }

    /// Takes the tree as it was read.
    fn read(&mut self, now: i64, status: Status) {
        self.ahead = status.now_at - now;
        self.now = status.now_at;
        self.link = Link::Live;
        let before = self.tree.chosen().map(essence);
        self.tree.read(status);
        let is_same = self.tree.chosen().map(essence) == before;
        self.look();
        if !is_same || self.panel.is_old(self.now) {
            self.look_again();
        }
        if self.page == Page::Alerts {
            self.ask(Ask::Alerts);
        }
        if matches!(self.over, Over::Menu(_) | Over::Reason(_)) {
            self.ask(Ask::Choices(self.choices.0.clone()));
        }
        self.clamp();
    }

    fn lost(&mut self, why: String) {
        let since = match &self.link {
            Link::Live => self.now,
            Link::Lost { since, .. } => *since,
        };
        self.link = Link::Lost { since, why };
    }

    /// Returns whether the panel shows this.
    pub(super) fn shows(&self, tab: Tab) -> bool {
        self.page == Page::Tree && self.spread != Spread::List && self.panel.tab == tab
    }

    /// Sees to it that the panel shows the child that is chosen.
    fn look(&mut self) {
        let path = self.tree.selected.clone();
        if path != self.panel.path {
            if self.panel.logs.is_followed {
                self.ask(Ask::Unfollow);
            }
            self.panel.turn_to(path);
        }
        if self.panel.path.is_empty() {
            return;
        }
        let path = self.panel.path.clone();
        if self.shows(Tab::Why) && matches!(self.panel.why, Answer::Awaited) {
            self.ask(Ask::Explain(path));
        } else if self.shows(Tab::Runs) && matches!(self.panel.runs, Answer::Awaited) {
            self.ask(Ask::Runs(path));
        } else if self.shows(Tab::Logs) && !self.panel.logs.is_followed {
            self.panel.logs.is_followed = true;
            self.ask(Ask::Follow(path));
        }
        if !self.shows(Tab::Logs) && self.panel.logs.is_followed {
            // Nobody looks: what is printed meanwhile is read again when somebody does.
            self.panel.logs = Logs::default();
            self.ask(Ask::Unfollow);
        }
    }

    /// Asks again for what the panel shows of a child that has changed.
    fn look_again(&mut self) {
        let path = self.panel.path.clone();
        if path.is_empty() {
            return;
        }
        if self.shows(Tab::Why) {
            self.ask(Ask::Explain(path));
        } else if self.shows(Tab::Runs) {
            self.ask(Ask::Runs(path));
        } else {
            // It is read when somebody looks.
            self.panel.why = Answer::Awaited;
            self.panel.runs = Answer::Awaited;
        }
    }
}

/// What of a child makes its story another one.
fn essence(child: &mainstay_wire::api::Child) -> impl PartialEq + use<> {
    let next = child.next.as_ref().map(|next| (next.at, next.what.clone()));
    let flags = (child.paused, child.quarantined, child.want, child.revision);
    (
        child.path.clone(),
        child.standing,
        child.run,
        child.runs,
        child.since_at,
        next,
        flags,
        child.alerts.clone(),
    )
}

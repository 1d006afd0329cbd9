//! What keys and the mouse do.

use super::list::Move;
use super::panel::{Answer, Opened};
use super::{Ask, Focus, Model, Over, Page, Said, Spread, TABS, Tab};
use crate::screen::Tint;
use crate::top::keys::{Act, Scope, Typed, Way, act};
use crate::top::view;
use mainstay_wire::api::Alert;
use ratatui::layout::{Position, Rect};

/// How many lines a turn of the wheel moves.
const WHEEL: usize = 3;
/// How many columns a long line moves.
const SIDEWAYS: usize = 16;

impl Model {
    /// Takes what was typed.
    pub(super) fn typed(&mut self, typed: Typed) {
        if let Typed::Resize(columns, rows) = typed {
            self.size = (columns, rows);
        }
        if !matches!(self.over, Over::Reason(_)) && !matches!(typed, Typed::Resize(..)) {
            self.said = None;
        }
        if let Some(typed) = self.typed_over(typed) {
            match typed {
                Typed::Key(key) => {
                    if let Some(act) = act(key, &self.scopes()) {
                        self.act(act);
                    }
                }
                Typed::Click { column, row } => self.click(Position::new(column, row)),
                Typed::Wheel { column, row, way } => self.wheel(Position::new(column, row), way),
                Typed::Paste(_) | Typed::Resize(..) => {}
            }
        }
        self.clamp();
        self.look();
    }

    /// Returns the scopes that hold, the first before the others.
    pub(in crate::top) fn scopes(&self) -> Vec<Scope> {
        let own: &[Scope] = match (self.page, self.focus) {
            (Page::Alerts, _) => &[Scope::Alerts],
            (Page::Tree, Focus::List) => &[Scope::Tree],
            (Page::Tree, Focus::Panel) => match self.panel.tab {
                Tab::Logs => &[Scope::Logs, Scope::Panel],
                Tab::Runs if self.panel.opened.is_none() => &[Scope::Runs, Scope::Panel],
                Tab::Why | Tab::Runs | Tab::Facts => &[Scope::Panel],
            },
        };
        [own, &[Scope::Everywhere]].concat()
    }

    /// Returns whether keys are meant for a log.
    pub(super) fn is_in_logs(&self) -> bool {
        self.shows(Tab::Logs) && self.focus == Focus::Panel
    }

    /// Returns the child that commands are for: the chosen one, or that of the chosen alert.
    pub(super) fn target(&self) -> Option<String> {
        match self.page {
            Page::Alerts => self.chosen_alert().map(|alert| alert.path.clone()),
            Page::Tree => Some(self.tree.selected.clone()).filter(|path| !path.is_empty()),
        }
    }

    fn chosen_alert(&self) -> Option<&Alert> {
        match &self.alerts {
            Answer::Known(alerts) => alerts.get(self.alerts_at.at),
            Answer::Awaited | Answer::Failed(_) => None,
        }
    }

    /// Returns how many lines a page is.
    pub(super) fn page_rows(&self) -> usize {
        usize::from(self.size.1).saturating_sub(4).max(1)
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Up => self.go(Move::Up(1)),
            Act::Down => self.go(Move::Down(1)),
            Act::PageUp => self.go(Move::Up(self.visible())),
            Act::PageDown => self.go(Move::Down(self.visible())),
            Act::First => self.go(Move::First),
            Act::Last => self.go(Move::Last),
            Act::Fold => self.tree.fold(),
            Act::Unfold => self.tree.unfold(),
            Act::FoldAll => self.tree.fold_all(),
            Act::Left => self.sideways(Way::Up),
            Act::Right => self.sideways(Way::Down),
            Act::Open => self.open(),
            Act::Back => self.back(),
            Act::Switch => self.switch(),
            Act::Tab(at) => self.turn(TABS[at].0),
            Act::Spread => self.spread(),
            Act::Search => self.open_search(),
            Act::Again => self.find_again(Move::Up(1)),
            Act::Before => self.find_again(Move::Down(1)),
            Act::Filter => {
                self.page = Page::Tree;
                self.tree.filter = self.tree.filter.next();
                self.tree.arrange();
            }
            Act::Sort => {
                self.page = Page::Tree;
                self.tree.sort = self.tree.sort.next();
                self.tree.arrange();
            }
            Act::Alerts => match self.page {
                Page::Alerts => self.page = Page::Tree,
                Page::Tree => {
                    self.page = Page::Alerts;
                    self.ask(Ask::Alerts);
                }
            },
            Act::Pause => self.panel.logs.pause(),
            Act::Stamps => self.panel.logs.has_stamps = !self.panel.logs.has_stamps,
            Act::Menu => self.open_menu(),
            Act::Command(order) => {
                if let Some(path) = self.target() {
                    self.order(path, order);
                }
            }
            Act::Mouse => {
                self.has_mouse = !self.has_mouse;
                self.ask(Ask::Mouse(self.has_mouse));
                let text = match self.has_mouse {
                    true => "the mouse is heard; with Shift the terminal selects text as always",
                    false => "the mouse is left alone",
                };
                self.said = Some(Said { tint: Tint::Dim, text: text.into() });
            }
            Act::Redraw => self.ask(Ask::Redraw),
            Act::Suspend => self.ask(Ask::Suspend),
            Act::Help => self.over = Over::Help(0),
            Act::Quit => self.ask(Ask::Quit),
        }
    }

    /// Returns how many lines of what has the focus are in sight.
    fn visible(&self) -> usize {
        let areas = self.areas();
        let is_list = self.page == Page::Alerts || self.focus == Focus::List;
        let rows = if is_list { areas.list_rows() } else { areas.body_rows() };
        rows.max(1)
    }

    fn go(&mut self, step: Move) {
        match (self.page, self.focus) {
            (Page::Alerts, _) => {
                let count = self.alert_count();
                self.alerts_at.go(step, count);
            }
            (Page::Tree, Focus::List) => self.tree.go(step),
            (Page::Tree, Focus::Panel) => self.scroll(step),
        }
    }

    fn alert_count(&self) -> usize {
        match &self.alerts {
            Answer::Known(alerts) => alerts.len(),
            Answer::Awaited | Answer::Failed(_) => 0,
        }
    }

    /// Moves what the panel shows.
    fn scroll(&mut self, step: Move) {
        let room = self.areas().body_rows();
        match self.panel.tab {
            Tab::Logs => self.panel.logs.go(step, room),
            Tab::Runs if self.panel.opened.is_none() => {
                let count = self.panel.known_runs().len();
                self.panel.runs_at.go(step, count);
            }
            Tab::Why | Tab::Runs | Tab::Facts => {
                let lines = view::panel_lines(self);
                self.panel.scroll =
                    step.from(self.panel.scroll, (lines + 1).saturating_sub(room).max(1));
            }
        }
    }

    fn sideways(&mut self, way: Way) {
        if self.panel.tab == Tab::Logs && self.focus == Focus::Panel {
            let left = &mut self.panel.logs.left;
            *left = match way {
                Way::Up => left.saturating_sub(SIDEWAYS),
                Way::Down => (*left + SIDEWAYS).min(4_096),
            };
            return;
        }
        let at = TABS.iter().position(|(tab, _)| *tab == self.panel.tab).unwrap_or(0);
        let at = match way {
            Way::Up => at + TABS.len() - 1,
            Way::Down => at + 1,
        };
        self.turn(TABS[at % TABS.len()].0);
    }

    /// Shows another tab, in the panel that may have been hidden.
    fn turn(&mut self, tab: Tab) {
        self.page = Page::Tree;
        if self.spread == Spread::List {
            self.spread = Spread::Both;
        }
        (self.panel.tab, self.panel.scroll) = (tab, 0);
    }

    fn open(&mut self) {
        match (self.page, self.focus) {
            (Page::Alerts, _) => {
                let path = self.chosen_alert().map(|alert| alert.path.clone());
                if path.is_some_and(|path| self.tree.choose(&path)) {
                    self.page = Page::Tree;
                }
            }
            (Page::Tree, Focus::List) => {
                if !self.tree.selected.is_empty() {
                    (self.spread, self.focus) = (Spread::Panel, Focus::Panel);
                }
            }
            (Page::Tree, Focus::Panel) => {
                if self.panel.tab != Tab::Runs || self.panel.opened.is_some() {
                    return;
                }
                let run = self.panel.known_runs().get(self.panel.runs_at.at);
                let Some((path, run)) = run.map(|run| (run.path.clone(), run.run)) else { return };
                self.ask(Ask::Postmortem(path.clone(), run));
                self.panel.scroll = 0;
                self.panel.opened = Some(Opened { path, run, answer: Answer::Awaited });
            }
        }
    }

    /// Goes back by one step: what was opened last is closed first.
    fn back(&mut self) {
        if self.page == Page::Alerts {
            self.page = Page::Tree;
        } else if self.focus == Focus::Panel && self.panel.opened.is_some() {
            (self.panel.opened, self.panel.scroll) = (None, 0);
        } else if self.is_in_logs() && !self.panel.logs.find.is_empty() {
            self.panel.logs.find(String::new());
        } else if self.focus == Focus::Panel || self.spread == Spread::Panel {
            (self.spread, self.focus) = (Spread::Both, Focus::List);
        } else if !self.tree.search.is_empty() {
            self.tree.search.clear();
            self.tree.arrange();
        } else if self.tree.filter != super::Filter::All {
            self.tree.filter = super::Filter::All;
            self.tree.arrange();
        }
    }

    fn switch(&mut self) {
        self.page = Page::Tree;
        match self.focus {
            Focus::Panel => {
                self.focus = Focus::List;
                if self.spread == Spread::Panel {
                    self.spread = Spread::Both;
                }
            }
            Focus::List => {
                self.focus = Focus::Panel;
                if self.spread == Spread::List {
                    self.spread = Spread::Both;
                }
            }
        }
    }

    fn spread(&mut self) {
        (self.spread, self.focus) = match self.spread {
            Spread::Both => (Spread::List, Focus::List),
            Spread::List => (Spread::Panel, Focus::Panel),
            Spread::Panel => (Spread::Both, Focus::List),
        };
    }

    fn find_again(&mut self, step: Move) {
        let room = self.areas().body_rows();
        if !self.panel.logs.search(step, room) {
            let text = match (self.panel.logs.find.as_str(), step) {
                ("", _) => "nothing is searched for: / begins".into(),
                (find, Move::Up(_) | Move::First) => format!("no line further up holds `{find}`"),
                (find, Move::Down(_) | Move::Last) => {
                    format!("no line further down holds `{find}`")
                }
            };
            self.said = Some(Said { tint: Tint::Warn, text });
        }
    }

    fn click(&mut self, at: Position) {
        let areas = self.areas();
        if areas.list.contains(at) {
            let row = usize::from(at.y - areas.list.y);
            let place = match self.page {
                Page::Alerts => &mut self.alerts_at,
                Page::Tree => &mut self.tree.place,
            };
            let was = place.at;
            place.at = place.top + row;
            let is_again = was == place.at;
            self.focus = Focus::List;
            self.go(Move::Down(0));
            if is_again {
                // A second press opens it.
                self.open();
            }
        } else if areas.tabs.contains(at) {
            if let Some(tab) = view::tab_at(areas.tabs, at.x) {
                self.turn(tab);
                self.focus = Focus::Panel;
            }
        } else if areas.body.contains(at) {
            self.focus = Focus::Panel;
            if self.panel.tab == Tab::Runs && self.panel.opened.is_none() && at.y > areas.body.y {
                self.panel.runs_at.at =
                    self.panel.runs_at.top + usize::from(at.y - areas.body.y - 1);
            }
        }
    }

    fn wheel(&mut self, at: Position, way: Way) {
        let areas = self.areas();
        let step = match way {
            Way::Up => Move::Up(WHEEL),
            Way::Down => Move::Down(WHEEL),
        };
        let is_over = |area: Rect| area.contains(at);
        if is_over(areas.body) {
            self.scroll(step);
        } else if is_over(areas.list) {
            let focus = std::mem::replace(&mut self.focus, Focus::List);
            self.go(step);
            self.focus = focus;
        }
    }

    /// Keeps every place within what there is, and what is chosen in sight.
    pub(super) fn clamp(&mut self) {
        let areas = self.areas();
        let rows = areas.list_rows();
        self.tree.place.clamp(self.tree.rows.len(), rows);
        let alerts = self.alert_count();
        self.alerts_at.clamp(alerts, rows);
        // The titles of the columns take one line.
        let runs = self.panel.known_runs().len();
        self.panel.runs_at.clamp(runs, areas.body_rows().saturating_sub(1));
    }
}

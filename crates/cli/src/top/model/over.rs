//! What stands over everything else: help, the menu of commands, a line that is being typed.

use super::super::keys::{Key, Typed, Way};
use super::super::order::{ORDERS, Order};
use super::edit::{Edit, Edited};
use super::list::{Move, Place};
use super::{Answer, Ask, Model, Page, Said, Tab};
use crate::screen::Tint;
use mainstay_wire::api::Choice;

/// The longest reason that the API takes, and the longest text that is searched for.
const REASON_MOST: usize = 4_096;
const SEARCH_MOST: usize = 200;

/// What stands over everything else.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::top) enum Over {
    #[default]
    None,
    /// The keys, from this line on.
    Help(usize),
    Menu(Menu),
    Reason(Reason),
    Search(Search),
}

/// What can be asked of a child.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::top) struct Menu {
    pub(in crate::top) path: String,
    pub(in crate::top) place: Place,
}

/// Why a command is given: it is asked for before every one.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::top) struct Reason {
    pub(in crate::top) path: String,
    pub(in crate::top) order: &'static Order,
    pub(in crate::top) edit: Edit,
    /// Whether the command was to be sent without one.
    pub(in crate::top) is_missing: bool,
}

/// What is searched for, in the tree or in the logs.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::top) struct Search {
    pub(in crate::top) edit: Edit,
    pub(in crate::top) tab: Option<Tab>,
    /// What was searched for before.
    before: String,
}

impl Model {
    /// Takes what was typed where something stands over all else. It is handed back where nothing does.
    pub(super) fn typed_over(&mut self, typed: Typed) -> Option<Typed> {
        match std::mem::take(&mut self.over) {
            Over::None => return Some(typed),
            Over::Help(top) => self.help(top, &typed),
            Over::Menu(menu) => self.menu(menu, &typed),
            Over::Reason(reason) => self.reason(reason, &typed),
            Over::Search(search) => self.search(search, &typed),
        }
        None
    }

    fn help(&mut self, top: usize, typed: &Typed) {
        let page = self.page_rows();
        let step = match typed {
            Typed::Key(Key::Up | Key::Char('k')) | Typed::Wheel { way: Way::Up, .. } => Move::Up(1),
            Typed::Key(Key::Down | Key::Char('j')) | Typed::Wheel { way: Way::Down, .. } => {
                Move::Down(1)
            }
            Typed::Key(Key::PageUp | Key::Char('b')) => Move::Up(page),
            Typed::Key(Key::PageDown | Key::Char(' ')) => Move::Down(page),
            Typed::Key(Key::Home | Key::Char('g')) => Move::First,
            Typed::Key(Key::End | Key::Char('G')) => Move::Last,
            Typed::Key(_) | Typed::Click { .. } => return,
            Typed::Paste(_) | Typed::Resize(..) => Move::Up(0),
        };
        let last = super::view::help_lines(self).saturating_sub(page);
        self.over = Over::Help(step.from(top, last + 1));
    }

    /// Opens the menu of what can be asked of the child that is meant.
    pub(super) fn open_menu(&mut self) {
        if let Some(path) = self.target() {
            self.foretell(&path);
            self.over = Over::Menu(Menu { path, place: Place::default() });
        }
    }

    /// Asks what each command would do to this child now.
    fn foretell(&mut self, path: &str) {
        if self.choices.0 != path {
            self.choices = (path.into(), Answer::Awaited);
        }
        self.ask(Ask::Choices(path.into()));
    }

    /// Returns what a command would do now, once that is known.
    pub(in crate::top) fn choice(&self, order: &Order) -> Option<&Choice> {
        match &self.choices.1 {
            Answer::Known(known) => known.iter().find(|choice| choice.verb == order.verb),
            Answer::Awaited | Answer::Failed(_) => None,
        }
    }

    /// Returns whether a command is known to do nothing now.
    fn is_in_vain(&self, order: &Order) -> bool {
        self.choice(order).is_some_and(|choice| !choice.possible)
    }

    fn menu(&mut self, mut menu: Menu, typed: &Typed) {
        // As many rows as the box of the menu has.
        let room = usize::from(self.size.1).saturating_sub(3);
        match typed {
            Typed::Key(Key::Escape | Key::Control('c') | Key::Char('q' | 'c')) => return,
            Typed::Key(Key::Enter) if !self.is_in_vain(&ORDERS[menu.place.at]) => {
                return self.order(menu.path, &ORDERS[menu.place.at]);
            }
            Typed::Key(Key::Up | Key::Char('k')) | Typed::Wheel { way: Way::Up, .. } => {
                menu.place.go(Move::Up(1), ORDERS.len());
            }
            Typed::Key(Key::Down | Key::Char('j')) | Typed::Wheel { way: Way::Down, .. } => {
                menu.place.go(Move::Down(1), ORDERS.len());
            }
            Typed::Key(Key::Char(letter)) => {
                let chosen = ORDERS.iter().position(|order| order.letter == *letter);
                if let Some(at) = chosen {
                    if !self.is_in_vain(&ORDERS[at]) {
                        return self.order(menu.path, &ORDERS[at]);
                    }
                    // Why not stands beside it.
                    menu.place.at = at;
                }
            }
            Typed::Key(_) | Typed::Paste(_) | Typed::Click { .. } | Typed::Resize(..) => {}
        }
        menu.place.clamp(ORDERS.len(), room);
        self.over = Over::Menu(menu);
    }

    /// Asks why this command is given.
    pub(super) fn order(&mut self, path: String, order: &'static Order) {
        self.foretell(&path);
        let edit = Edit::default();
        self.over = Over::Reason(Reason { path, order, edit, is_missing: false });
    }

    fn reason(&mut self, mut reason: Reason, typed: &Typed) {
        match typed {
            Typed::Paste(text) => reason.edit.paste(text, REASON_MOST),
            Typed::Key(key) => match reason.edit.take(*key, REASON_MOST) {
                Edited::Kept => reason.is_missing = false,
                Edited::Left => {
                    let text = format!("{} was not sent", reason.order.name);
                    self.said = Some(Said { tint: Tint::Dim, text });
                    return;
                }
                // Why not stands above the line.
                Edited::Entered if self.is_in_vain(reason.order) => {}
                Edited::Entered if reason.edit.text.trim().is_empty() => reason.is_missing = true,
                Edited::Entered => {
                    let why = reason.edit.text.trim().to_owned();
                    let text = format!("{}: asked …", reason.order.name);
                    self.said = Some(Said { tint: Tint::Dim, text });
                    let verb = reason.order.verb.clone();
                    self.ask(Ask::Command { path: reason.path, verb, why });
                    return;
                }
            },
            Typed::Click { .. } | Typed::Wheel { .. } | Typed::Resize(..) => {}
        }
        self.over = Over::Reason(reason);
    }

    /// Begins to search where one is: in the log, or in the tree.
    pub(super) fn open_search(&mut self) {
        let tab = self.is_in_logs().then_some(Tab::Logs);
        if tab.is_none() {
            self.page = Page::Tree;
        }
        let before = match tab {
            Some(_) => self.panel.logs.find.clone(),
            None => self.tree.search.clone(),
        };
        self.over = Over::Search(Search { edit: Edit::new(&before), tab, before });
    }

    fn search(&mut self, mut search: Search, typed: &Typed) {
        match typed {
            Typed::Paste(text) => search.edit.paste(text, SEARCH_MOST),
            Typed::Key(Key::Up | Key::Down | Key::PageUp | Key::PageDown) => {
                // What has been typed holds, and the key is meant for the list.
                self.typed(typed.clone());
                return;
            }
            Typed::Key(key) => match search.edit.take(*key, SEARCH_MOST) {
                Edited::Kept => {}
                Edited::Entered => {
                    if search.tab.is_some() {
                        self.find(search.edit.text);
                    }
                    return;
                }
                Edited::Left => {
                    if search.tab.is_none() {
                        // What was chosen meanwhile stays chosen.
                        self.tree.search = if search.before == search.edit.text {
                            String::new()
                        } else {
                            search.before
                        };
                        self.tree.arrange();
                        self.look();
                    }
                    return;
                }
            },
            Typed::Click { .. } | Typed::Wheel { .. } | Typed::Resize(..) => {}
        }
        if search.tab.is_none() && self.tree.search != search.edit.text {
            self.tree.search.clone_from(&search.edit.text);
            self.tree.arrange();
            self.look();
            self.clamp();
        }
        self.over = Over::Search(search);
    }

    fn find(&mut self, text: String) {
        let room = self.areas().body_rows();
        let is_any = !text.is_empty();
        self.panel.logs.find(text);
        if is_any && !self.panel.logs.search(Move::Up(1), room) {
            let text = format!("no line holds `{}`", self.panel.logs.find);
            self.said = Some(Said { tint: Tint::Warn, text });
        }
    }
}

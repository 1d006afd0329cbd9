//! The tree: which children are shown, in which order, and which one is chosen.

use super::list::{Move, Place};
use crate::show::{self, Natural};
use mainstay_wire::api::{Child, Standing, Status};
use std::collections::BTreeSet;

/// Which children are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::top) enum Filter {
    #[default]
    All,
    /// Not as they should be.
    Trouble,
    Down,
    Coming,
    Ready,
}

impl Filter {
    /// Returns the next one.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::All => Self::Trouble,
            Self::Trouble => Self::Down,
            Self::Down => Self::Coming,
            Self::Coming => Self::Ready,
            Self::Ready => Self::All,
        }
    }

    /// Returns what is shown, in words.
    pub(in crate::top) const fn words(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Trouble => "not as they should be",
            Self::Down => "down",
            Self::Coming => "on the way",
            Self::Ready => "ready",
        }
    }

    fn shows(self, child: &Child) -> bool {
        match self {
            Self::All => true,
            Self::Trouble => !show::is_fine(child),
            Self::Down => {
                matches!(child.standing, Standing::Down | Standing::Abandoned | Standing::Removed)
            }
            Self::Coming => match child.standing {
                Standing::Waiting
                | Standing::Blocked
                | Standing::Starting
                | Standing::Up
                | Standing::Stopping => true,
                Standing::Down | Standing::Ready | Standing::Abandoned | Standing::Removed => false,
            },
            Self::Ready => child.standing == Standing::Ready,
        }
    }
}

/// In which order children are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::top) enum Sort {
    #[default]
    Tree,
    Worst,
    Name,
    Latest,
    Restarts,
}

impl Sort {
    /// Returns the next one.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Tree => Self::Worst,
            Self::Worst => Self::Name,
            Self::Name => Self::Latest,
            Self::Latest => Self::Restarts,
            Self::Restarts => Self::Tree,
        }
    }

    /// Returns the order in words.
    pub(in crate::top) const fn words(self) -> &'static str {
        match self {
            Self::Tree => "as the tree",
            Self::Worst => "worst first",
            Self::Name => "by name",
            Self::Latest => "latest change first",
            Self::Restarts => "most restarts first",
        }
    }
}

/// One row: a child, and what stands before its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::top) struct Row {
    /// Which of the children.
    pub(in crate::top) child: usize,
    /// The lines of the tree, and whether the part below is folded.
    pub(in crate::top) lead: String,
}

/// The tree as it was read, and what of it is shown.
#[derive(Debug)]
pub(in crate::top) struct Tree {
    pub(in crate::top) status: Status,
    pub(in crate::top) rows: Vec<Row>,
    /// The widths that the rows would like to have.
    pub(in crate::top) natural: Natural,
    /// The path of the chosen child; empty: there is none.
    pub(in crate::top) selected: String,
    pub(in crate::top) place: Place,
    pub(in crate::top) folded: BTreeSet<String>,
    pub(in crate::top) filter: Filter,
    pub(in crate::top) sort: Sort,
    /// What names must hold; empty: nothing.
    pub(in crate::top) search: String,
}

impl Tree {
    pub(super) fn new(status: Status) -> Self {
        let mut tree = Self {
            status,
            rows: Vec::new(),
            natural: Natural::new(show::COLUMNS),
            selected: String::new(),
            place: Place::default(),
            folded: BTreeSet::new(),
            filter: Filter::All,
            sort: Sort::Tree,
            search: String::new(),
        };
        tree.arrange();
        tree
    }

    /// Takes the tree as it was read again.
    pub(super) fn read(&mut self, status: Status) {
        self.status = status;
        self.arrange();
    }

    /// Returns the chosen child.
    pub(in crate::top) fn chosen(&self) -> Option<&Child> {
        let row = self.rows.get(self.place.at)?;
        self.status.children.get(row.child)
    }

    /// Returns the child of a row.
    pub(in crate::top) fn child(&self, row: &Row) -> Option<&Child> {
        self.status.children.get(row.child)
    }

    /// Returns whether children are shown in their places in the tree.
    pub(in crate::top) const fn is_tree(&self) -> bool {
        matches!(self.sort, Sort::Tree)
    }

    /// Chooses another row.
    pub(super) fn go(&mut self, step: Move) {
        self.place.go(step, self.rows.len());
        self.selected = self.chosen().map(|child| child.path.clone()).unwrap_or_default();
    }

    /// Chooses a child by its path, and unfolds what hides it. False: there is none.
    pub(in crate::top) fn choose(&mut self, path: &str) -> bool {
        if !self.status.children.iter().any(|child| child.path == path) {
            return false;
        }
        self.folded.retain(|folded| !is_below(path, folded));
        self.selected = path.into();
        self.arrange();
        if self.selected != path {
            (self.filter, self.search) = (Filter::All, String::new());
            self.selected = path.into();
            self.arrange();
        }
        true
    }

    /// Folds the chosen part, or goes to what is above where nothing is to be folded.
    pub(super) fn fold(&mut self) {
        let path = self.selected.clone();
        if self.is_tree() && self.has_below(&path) && !self.folded.contains(&path) {
            self.folded.insert(path);
            self.arrange();
        } else if let Some((above, _)) = path.rsplit_once('/') {
            let above = above.to_owned();
            self.choose(&above);
        }
    }

    /// Unfolds the chosen part.
    pub(super) fn unfold(&mut self) {
        if self.folded.remove(&self.selected) {
            self.arrange();
        }
    }

    /// Folds every part, or unfolds all where something is folded.
    pub(super) fn fold_all(&mut self) {
        if !self.folded.is_empty() {
            self.folded.clear();
        } else {
            let children = &self.status.children;
            let above = children.iter().filter_map(|child| child.path.rsplit_once('/'));
            self.folded = above.map(|(above, _)| above.to_owned()).collect();
            // What is chosen may be hidden now: what hides it is chosen instead.
            let path = self.selected.clone();
            let top = path.split('/').next().unwrap_or_default();
            if self.folded.contains(top) {
                self.selected = top.into();
            }
        }
        self.arrange();
    }

    fn has_below(&self, path: &str) -> bool {
        let children = &self.status.children;
        let at = children.iter().position(|child| child.path == path);
        at.and_then(|at| children.get(at + 1)).is_some_and(|next| is_below(&next.path, path))
    }

    /// Makes the rows: what is shown, in which order. Keeps the chosen child, or else the place.
    pub(super) fn arrange(&mut self) {
        let children = &self.status.children;
        let is_all = self.filter == Filter::All && self.search.is_empty();
        let needle = self.search.to_lowercase();
        let is_wanted = |child: &Child| self.filter.shows(child) && holds(child, &needle);
        let mut shown: Vec<usize> = if is_all {
            (0..children.len()).collect()
        } else {
            let wanted = children.iter().filter(|child| is_wanted(child));
            let wanted: BTreeSet<String> = wanted.map(|child| child.path.clone()).collect();
            let is_shown = |child: &Child| {
                if self.is_tree() { show::is_over(child, &wanted) } else { is_wanted(child) }
            };
            (0..children.len()).filter(|at| is_shown(&children[*at])).collect()
        };
        self.rows = if self.is_tree() {
            // What is searched for is not hidden.
            if is_all {
                let folded = &self.folded;
                let mut hidden: Option<&str> = None;
                shown.retain(|at| {
                    let path = children[*at].path.as_str();
                    if hidden.is_some_and(|above| is_below(path, above)) {
                        return false;
                    }
                    hidden = folded.contains(path).then_some(path);
                    true
                });
            }
            let refs: Vec<&Child> = shown.iter().map(|at| &children[*at]).collect();
            let leads = show::stems(&refs).into_iter().map(|stem| stem.lead);
            let row = |(child, lead): (usize, String)| {
                let path = &children[child].path;
                let next = children.get(child + 1);
                let mark = match next.is_some_and(|next| is_below(&next.path, path)) {
                    false => "",
                    true if is_all && self.folded.contains(path) => "▸ ",
                    true => "▾ ",
                };
                Row { child, lead: lead + mark }
            };
            shown.iter().copied().zip(leads).map(row).collect()
        } else {
            sort(&mut shown, self.sort, children);
            shown.into_iter().map(|child| Row { child, lead: String::new() }).collect()
        };
        self.natural = Natural::new(show::COLUMNS);
        for row in &self.rows {
            self.natural.add(&self.cells(row, self.status.now_at));
        }
        let kept = self.rows.iter().position(|row| children[row.child].path == self.selected);
        match kept {
            Some(at) => self.place.at = at,
            None => {
                self.place.at = self.place.at.min(self.rows.len().saturating_sub(1));
                let chosen =
                    self.rows.get(self.place.at).map(|row| children[row.child].path.clone());
                self.selected = chosen.unwrap_or_default();
            }
        }
    }

    /// Returns the fields of a row, as of `now`.
    pub(in crate::top) fn cells(&self, row: &Row, now: i64) -> show::Row {
        let child = &self.status.children[row.child];
        let mut cells = show::row(child, &row.lead, now);
        // Whole seconds: what is drawn once a second shows no parts of one.
        if let Some(age) = child.since_at.map(|since| now - since).filter(|age| *age < 60_000) {
            cells[2].text = format!("{}s", age.max(0) / 1_000);
        }
        cells[1].text = passing(&cells[1].text, child, now);
        if let Some(next) = child.next.as_ref().filter(|_| !cells[6].text.is_empty()) {
            let left = show::countdown(next.at - now);
            cells[6].text = format!("in {left}: {}", show::tame(&next.what, false));
        }
        if !self.is_tree() {
            cells[0].text = show::tame(&child.path, false);
        }
        cells
    }
}

/// Returns what a child does in words, with the time that is left as of now: `waits 4s for its next run`.
fn passing(state: &str, child: &Child, now: i64) -> String {
    let Some(next) = child.next.as_ref().filter(|_| child.standing == Standing::Waiting) else {
        return state.into();
    };
    let is_span = |word: &str| {
        let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        unit.len() < word.len() && matches!(unit, "ns" | "us" | "µs" | "ms" | "s" | "m" | "h" | "d")
    };
    let words: Vec<&str> = state.split(' ').collect();
    let bare = |word: &str| is_span(word.trim_end_matches([':', ',', '.']));
    let Some(from) = words.iter().position(|word| bare(word)) else { return state.into() };
    let length = words[from..].iter().take_while(|word| bare(word)).count();
    let last = words[from + length - 1];
    let end = &last[last.trim_end_matches([':', ',', '.']).len()..];
    let left = format!("{}{end}", show::countdown(next.at - now));
    let all = [&words[..from], &[left.as_str()], &words[from + length..]].concat();
    all.join(" ")
}

/// Returns whether a child holds the text that is searched for, in small letters.
fn holds(child: &Child, needle: &str) -> bool {
    let labels = child.labels.iter().map(|(name, value)| format!("{name}={value}"));
    let texts = [child.path.clone(), child.state.clone(), child.kind.clone()];
    needle.is_empty()
        || texts.into_iter().chain(labels).any(|text| text.to_lowercase().contains(needle))
}

/// Sorts children; those that are alike stay in the order of the tree.
fn sort(shown: &mut [usize], order: Sort, children: &[Child]) {
    match order {
        Sort::Tree => {}
        Sort::Worst => shown.sort_by_key(|at| rank(&children[*at])),
        Sort::Name => shown.sort_by(|a, b| children[*a].path.cmp(&children[*b].path)),
        Sort::Latest => shown.sort_by_key(|at| std::cmp::Reverse(children[*at].since_at)),
        Sort::Restarts => shown.sort_by_key(|at| std::cmp::Reverse(children[*at].restarts)),
    }
}

/// Returns how urgent a child is: the smaller, the worse.
fn rank(child: &Child) -> u8 {
    let has_open = child.alerts.iter().any(|alert| alert.seen_by.is_none() && !alert.over);
    if has_open || child.quarantined {
        return 1;
    }
    match child.standing {
        Standing::Abandoned => 0,
        Standing::Waiting => 2,
        Standing::Blocked => 3,
        Standing::Up | Standing::Starting | Standing::Stopping => 4,
        Standing::Down if !show::is_fine(child) => 1,
        Standing::Ready if !show::is_fine(child) => 5,
        Standing::Ready => 6,
        Standing::Down => 7,
        Standing::Removed => 8,
    }
}

/// Returns whether a path lies below another.
pub(in crate::top) fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

//! Where things stand on the screen, by its size and by what is shown.

use super::model::{Model, Page, Spread};
use ratatui::layout::Rect;

/// The fewest columns and rows that anything can be made out on.
pub(super) const LEAST: (u16, u16) = (48, 12);
/// From this width on tree and panel stand side by side.
const BESIDE: u16 = 112;
/// From this height on the particulars of the program are shown, and not only what is wrong.
const TALL: u16 = 20;
/// The columns before a row: which one is chosen, and whether something is to be seen.
pub(super) const MARKS: u16 = 2;
/// The most lines that the head may take.
const HEAD_MOST: u16 = 5;

/// Where things stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Areas {
    /// How the tree is.
    pub(super) head: Rect,
    /// The titles of the list's columns.
    pub(super) titles: Rect,
    /// The children, or the alerts.
    pub(super) list: Rect,
    /// What the panel shows, and of whom.
    pub(super) tabs: Rect,
    /// What it shows.
    pub(super) body: Rect,
    /// The last line.
    pub(super) foot: Rect,
    /// Whether list and panel stand side by side.
    pub(super) is_beside: bool,
}

impl Areas {
    /// Returns where things stand, when the head needs so many lines.
    pub(super) fn of(model: &Model, head_lines: usize) -> Self {
        let (width, height) = model.size;
        let most = if height >= TALL { HEAD_MOST } else { 2 };
        let head_height = u16::try_from(head_lines).unwrap_or(most).clamp(1, most);
        let foot_top = height.saturating_sub(1);
        let middle = Rect::new(0, head_height, width, foot_top.saturating_sub(head_height));
        let mut areas = Self {
            head: Rect::new(0, 0, width, head_height),
            foot: Rect::new(0, foot_top, width, 1),
            ..Self::default()
        };
        let spread = if model.page == Page::Alerts { Spread::List } else { model.spread };
        match spread {
            Spread::List => areas.put_list(middle),
            Spread::Panel => areas.put_panel(middle),
            Spread::Both if width >= BESIDE => {
                areas.is_beside = true;
                // The list takes what it needs, up to a bit more than half, and leaves the rest.
                let needed = u16::try_from(model.tree.natural.total()).unwrap_or(width);
                let list = needed.saturating_add(MARKS).clamp(width * 2 / 5, width * 11 / 20);
                areas.put_list(Rect { width: list, ..middle });
                // Three columns between them, for a line.
                let rest = width.saturating_sub(list + 3);
                areas.put_panel(Rect { x: list + 3, width: rest, ..middle });
            }
            Spread::Both => {
                // The list takes what it needs, up to a bit less than half.
                let rows = u16::try_from(model.tree.rows.len()).unwrap_or(u16::MAX);
                let list = rows.saturating_add(1).clamp(4, (middle.height * 9 / 20).max(4));
                areas.put_list(Rect { height: list, ..middle });
                let y = middle.y + list;
                areas.put_panel(Rect { y, height: middle.height.saturating_sub(list), ..middle });
            }
        }
        areas
    }

    fn put_list(&mut self, area: Rect) {
        self.titles = Rect { height: area.height.min(1), ..area };
        self.list = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    }

    fn put_panel(&mut self, area: Rect) {
        self.tabs = Rect { height: area.height.min(1), ..area };
        self.body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    }

    /// Returns how many rows of the list are in sight.
    pub(super) fn list_rows(&self) -> usize {
        usize::from(self.list.height)
    }

    /// Returns how many lines of the panel are in sight.
    pub(super) fn body_rows(&self) -> usize {
        usize::from(self.body.height)
    }
}

/// Returns whether anything can be made out on a screen of this size.
pub(super) fn is_enough((columns, rows): (u16, u16)) -> bool {
    columns >= LEAST.0 && rows >= LEAST.1
}

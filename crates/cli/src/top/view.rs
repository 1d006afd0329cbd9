//! Draws what the model says, and nothing else. Pure: the same model always makes the same screen.

mod head;
mod list;
mod logs;
mod over;
mod panel;
mod why;

use super::areas::{self, LEAST};
use super::model::{Link, Model, Page, Spread, Tab};
use super::paint::Paint;
use crate::screen::Tint;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

pub(super) use over::help_lines;
pub(super) use panel::{panel_lines, tab_at};

/// Draws the whole screen.
pub(super) fn draw(model: &Model, paint: Paint, frame: &mut Frame<'_>) {
    if !areas::is_enough(model.size) {
        return too_small(model, frame);
    }
    let areas = model.areas();
    let buffer = frame.buffer_mut();
    head::draw(model, paint, areas.head, buffer);
    match (model.page, model.spread) {
        (Page::Alerts, _) => list::draw_alerts(model, paint, &areas, buffer),
        (Page::Tree, Spread::List) => list::draw_tree(model, paint, &areas, buffer),
        (Page::Tree, Spread::Panel) => panel::draw(model, paint, &areas, buffer),
        (Page::Tree, Spread::Both) => {
            list::draw_tree(model, paint, &areas, buffer);
            panel::draw(model, paint, &areas, buffer);
            if areas.is_beside {
                let line = paint.span(Tint::Dim, "│").into();
                for y in areas.titles.y..areas.foot.y {
                    put(buffer, Rect::new(areas.list.right() + 1, y, 1, 1), &line);
                }
            }
        }
    }
    let cursor = over::draw(model, paint, &areas, frame.buffer_mut());
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Says that nothing can be made out.
fn too_small(model: &Model, frame: &mut Frame<'_>) {
    let (columns, rows) = model.size;
    let text = format!(
        "This terminal is too small: {columns} columns and {rows} rows. At least {} and {} are \
         needed. q leaves.",
        LEAST.0, LEAST.1
    );
    let area = frame.area();
    let text = crate::show::wrap(&text, columns.into(), "");
    for (row, line) in text.lines().enumerate().take(rows.into()) {
        let y = u16::try_from(row).unwrap_or(rows);
        put(frame.buffer_mut(), Rect { y, height: 1, ..area }, &Line::raw(line));
    }
}

/// Returns how many lines stand above everything else.
pub(super) fn head_lines(model: &Model) -> usize {
    head::lines(model, Paint { has_colour: false }).len()
}

/// Puts one line at the beginning of an area. What does not fit is cut, and shown to be.
fn put(buffer: &mut Buffer, area: Rect, line: &Line<'_>) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    buffer.set_line(area.x, area.y, line, area.width);
    if line.width() > usize::from(area.width) {
        let last = area.right() - 1;
        // A letter of two columns that is cut in its middle leaves nothing behind.
        buffer.set_string(last, area.y, "…", ratatui::style::Style::new());
    }
}

/// Puts lines one below the other, from this one on.
fn put_lines(buffer: &mut Buffer, area: Rect, lines: &[Line<'_>], from: usize) {
    for (line, y) in lines.iter().skip(from).zip(area.y..area.bottom()) {
        put(buffer, Rect { y, height: 1, ..area }, line);
    }
}

/// Returns the row of an area, counted from its top.
fn row_of(area: Rect, row: usize) -> Rect {
    let y = area.y.saturating_add(u16::try_from(row).unwrap_or(u16::MAX));
    Rect { y, height: u16::from(y < area.bottom()), ..area }
}

/// Returns how long from now on, in milliseconds, everything in sight stays right where nothing happens. None: for
/// ever.
pub(super) fn changes_after(model: &Model) -> Option<i64> {
    const SECOND: i64 = 1_000;
    const MINUTE: i64 = 60 * SECOND;
    let mut after: Option<i64> = None;
    let mut soon = |span: i64| after = Some(after.map_or(span, |known: i64| known.min(span)));
    // Everything that counts seconds changes at once.
    let second = SECOND - model.now.rem_euclid(SECOND);
    if matches!(model.link, Link::Lost { .. }) {
        soon(second);
    }
    let areas = model.areas();
    if model.page == Page::Tree && model.spread != Spread::Panel {
        let visible = model.tree.rows.iter().skip(model.tree.place.top).take(areas.list_rows());
        for child in visible.filter_map(|row| model.tree.child(row)) {
            if child.next.is_some() {
                soon(second);
            }
            match child.since_at.map(|since| model.now - since) {
                Some(age) if age < MINUTE => soon(second),
                Some(age) if age < 60 * MINUTE => soon(MINUTE - age % MINUTE),
                Some(age) => soon(60 * MINUTE - age % (60 * MINUTE)),
                None => {}
            }
        }
    }
    if model.shows(Tab::Why) {
        // The story is told again when it has grown old.
        soon(if why::counts_down(model) { second } else { 10 * SECOND });
    }
    if model.shows(Tab::Facts) || model.shows(Tab::Runs) {
        soon(second);
    }
    after
}

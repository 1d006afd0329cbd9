//! How the tree is: the first lines.

use super::super::model::{Link, Model};
use super::super::paint::Paint;
use super::put_lines;
use crate::screen::Tint;
use crate::show;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Line;

/// Returns the first lines: how the tree is, and what a person should know about the program itself.
pub(super) fn lines(model: &Model, paint: Paint) -> Vec<Line<'static>> {
    let status = &model.tree.status;
    let screen = paint.screen(model.size.0);
    let mut lines = paint.lines(&show::headline(status, &screen));
    if let Link::Lost { since, why } = &model.link {
        let text = format!(
            " ! this is as of {}; asking again for {}: {} ",
            show::moment(status.now_at, model.now),
            show::countdown(model.now - since),
            show::tame(why, false),
        );
        let style = paint.style(Tint::Warn).add_modifier(Modifier::REVERSED);
        lines.push(Line::styled(show::cut_end(&text, model.size.0.into()), style));
        return lines;
    }
    let particulars = show::particulars(status, model.now, &screen);
    lines.extend(particulars.iter().flat_map(|line| paint.lines(line)));
    lines
}

/// Draws them.
pub(super) fn draw(model: &Model, paint: Paint, area: Rect, buffer: &mut Buffer) {
    put_lines(buffer, area, &lines(model, paint), 0);
}

//! The list: the tree, or the alerts. Only what is in sight is made.

use super::super::areas::{Areas, MARKS};
use super::super::model::{Answer, Filter, Focus, Model, Sort};
use super::super::paint::Paint;
use super::{put, row_of};
use crate::screen::Tint;
use crate::show::{self, Layout, Natural};
use mainstay_wire::api::Child;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// Which columns of the tree give way where there is no room: pids go first, the panel has them.
const GIVES: &[(usize, usize)] =
    &[(5, 0), (6, 22), (1, 26), (6, 14), (4, 0), (0, 24), (6, 0), (1, 14), (3, 0), (0, 12), (2, 0)];

/// Draws the children in sight.
pub(super) fn draw_tree(model: &Model, paint: Paint, areas: &Areas, buffer: &mut Buffer) {
    let tree = &model.tree;
    let width = areas.list.width.saturating_sub(MARKS);
    let layout = Layout::fit(&tree.natural, Some(width.into()), GIVES);
    titles(&layout, paint, areas, buffer);
    if tree.rows.is_empty() {
        let text = match (tree.filter, tree.search.as_str()) {
            (Filter::All, "") => {
                "the tree has no children: `mainstay add NAME -- COMMAND` adds one"
            }
            (Filter::Trouble, "") => "nothing is as it should not be",
            _ => "nothing is like this: Esc shows all",
        };
        put(buffer, areas.list, &Line::from(vec!["  ".into(), paint.span(Tint::Dim, text)]));
    }
    let visible = tree.rows.iter().enumerate().skip(tree.place.top).take(areas.list_rows());
    for (at, row) in visible {
        let Some(child) = tree.child(row) else { continue };
        let pieces = layout.pieces(&tree.cells(row, model.now));
        let area = row_of(areas.list, at - tree.place.top);
        let is_chosen = at == tree.place.at;
        let mark = mark(child).map_or_else(|| " ".into(), |tint| paint.span(tint, "!"));
        let mut spans = vec![Span::raw(if is_chosen { "▌" } else { " " }), mark];
        spans.extend(paint.pieces(pieces).spans);
        put(buffer, area, &Line::from(spans));
        if is_chosen {
            choose(buffer, area, model.focus == Focus::List);
        }
    }
    let state = state(model, areas);
    if !state.is_empty() {
        // Behind the first title, over the others: these speak for themselves.
        let title = MARKS + 5;
        let area = Rect { x: areas.titles.x + title, ..areas.titles };
        let room = usize::from(areas.titles.width.saturating_sub(title));
        let text = format!("{}  ", show::cut_end(&state, room));
        let (end, _) = buffer.set_stringn(area.x, area.y, text, room, paint.style(Tint::Coming));
        blank_word(buffer, end, areas.titles);
    }
}

/// Takes away what is left of a word from this column on.
fn blank_word(buffer: &mut Buffer, from: u16, area: Rect) {
    for x in from..area.right() {
        let cell = &mut buffer[(x, area.y)];
        if cell.symbol() == " " {
            return;
        }
        cell.reset();
    }
}

/// Returns the colour of what is to be seen of a child, if anything is.
fn mark(child: &Child) -> Option<Tint> {
    show::remarks(child, 0).into_iter().map(|(tint, _)| tint).find(|tint| *tint != Tint::Dim)
}

/// Returns what is shown, where that is not simply all of the tree.
fn state(model: &Model, areas: &Areas) -> String {
    let tree = &model.tree;
    let mut parts = Vec::new();
    let (count, room) = (tree.rows.len(), areas.list_rows());
    if count > room {
        let last = (tree.place.top + room).min(count);
        parts.push(format!("{}–{last} of {count}", tree.place.top + 1));
    }
    if tree.sort != Sort::Tree {
        parts.push(tree.sort.words().into());
    }
    if tree.filter != Filter::All {
        parts.push(format!("only {}", tree.filter.words()));
    }
    if !tree.search.is_empty() {
        parts.push(format!("with `{}`", tree.search));
    }
    if !tree.folded.is_empty() && tree.is_tree() {
        parts.push("partly folded".into());
    }
    parts.join(" · ")
}

/// Draws the alerts in sight.
pub(super) fn draw_alerts(model: &Model, paint: Paint, areas: &Areas, buffer: &mut Buffer) {
    let alerts = match &model.alerts {
        Answer::Known(alerts) if alerts.is_empty() => {
            let text = paint.span(Tint::Good, "  no alerts");
            return put(buffer, areas.list, &text.into());
        }
        Answer::Known(alerts) => alerts,
        Answer::Awaited => {
            return put(buffer, areas.list, &paint.span(Tint::Dim, "  asking …").into());
        }
        Answer::Failed(why) => {
            return put(buffer, areas.list, &paint.span(Tint::Bad, format!("  {why}")).into());
        }
    };
    let mut natural = Natural::new(show::ALERT_COLUMNS);
    let rows: Vec<show::Row> =
        alerts.iter().map(|alert| show::alert_row(alert, model.now)).collect();
    for row in &rows {
        natural.add(row);
    }
    let width = areas.list.width.saturating_sub(MARKS);
    let layout = Layout::fit(&natural, Some(width.into()), show::ALERT_GIVES);
    titles(&layout, paint, areas, buffer);
    let top = model.alerts_at.top;
    for (at, row) in rows.iter().enumerate().skip(top).take(areas.list_rows()) {
        let is_chosen = at == model.alerts_at.at;
        let area = row_of(areas.list, at - top);
        let mut spans = vec![Span::raw(if is_chosen { "▌ " } else { "  " })];
        spans.extend(paint.pieces(layout.pieces(row)).spans);
        put(buffer, area, &Line::from(spans));
        if is_chosen {
            choose(buffer, area, true);
        }
    }
    let open = alerts.iter().filter(|alert| alert.seen_by.is_none()).count();
    remark(buffer, areas, paint, &format!("{open} of {} to be seen", alerts.len()));
}

fn titles(layout: &Layout, paint: Paint, areas: &Areas, buffer: &mut Buffer) {
    let mut spans = vec![Span::raw("  ")];
    spans.extend(paint.pieces(layout.pieces(&layout.titles())).spans);
    put(buffer, areas.titles, &Line::from(spans));
}

/// Puts a remark at the right end of the line of titles.
fn remark(buffer: &mut Buffer, areas: &Areas, paint: Paint, text: &str) {
    if text.is_empty() {
        return;
    }
    let text = show::cut_end(text, usize::from(areas.titles.width).saturating_sub(14));
    let text = format!("  {text} ");
    let width = u16::try_from(show::width(&text)).unwrap_or(areas.titles.width);
    let x = areas.titles.right().saturating_sub(width);
    let style = paint.style(Tint::Coming);
    buffer.set_stringn(x, areas.titles.y, text, width.into(), style);
}

/// Has a row stand out: strongly where keys move it.
pub(super) fn choose(buffer: &mut Buffer, area: Rect, has_focus: bool) {
    if has_focus {
        let style = Style::new()
            .fg(Color::Reset)
            .bg(Color::Reset)
            .remove_modifier(Modifier::DIM | Modifier::BOLD)
            .add_modifier(Modifier::REVERSED);
        buffer.set_style(Rect { height: 1, ..area }, style);
    } else {
        buffer.set_style(Rect { height: 1, ..area }, Style::new().add_modifier(Modifier::BOLD));
    }
}

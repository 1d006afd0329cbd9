//! The panel: what is known of the chosen child, under four tabs.

use super::super::areas::Areas;
use super::super::model::{Answer, Focus, Model, TABS, Tab};
use super::super::paint::Paint;
use super::list::choose;
use super::{logs, put, put_lines, row_of, why};
use crate::screen::Tint;
use crate::show::{self, Layout, Natural};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// How many earlier runs a post-mortem is compared with.
const BEFORE: usize = 5;

/// Draws the tabs, and what the chosen one shows.
pub(super) fn draw(model: &Model, paint: Paint, areas: &Areas, buffer: &mut Buffer) {
    tabs(model, paint, areas.tabs, buffer);
    match model.panel.tab {
        Tab::Logs => logs::draw(model, paint, areas.body, buffer),
        Tab::Runs if model.panel.opened.is_none() => runs(model, paint, areas.body, buffer),
        Tab::Why | Tab::Runs | Tab::Facts => {
            let lines = page(model, paint, areas.body.width);
            let last = lines.len().saturating_sub(usize::from(areas.body.height));
            let from = model.panel.scroll.min(last);
            put_lines(buffer, areas.body, &lines, from);
            if from < last {
                more(buffer, areas.body, paint, last - from);
            }
        }
    }
}

/// Says how many lines there are below.
fn more(buffer: &mut Buffer, area: Rect, paint: Paint, lines: usize) {
    let text = format!(" {lines} more ↓");
    let width = u16::try_from(show::width(&text)).unwrap_or(area.width).min(area.width);
    let (x, y) = (area.right() - width, area.bottom().saturating_sub(1));
    buffer.set_stringn(x, y, text, width.into(), paint.style(Tint::Coming));
}

/// Returns how many lines the text in the panel has.
pub(in crate::top) fn panel_lines(model: &Model) -> usize {
    page(model, Paint { has_colour: false }, model.areas().body.width).len()
}

/// Returns the text of a tab that is one.
fn page(model: &Model, paint: Paint, width: u16) -> Vec<Line<'static>> {
    let Some(child) = model.tree.chosen() else {
        return vec![paint.span(Tint::Dim, "  no child is chosen").into()];
    };
    let screen = paint.screen(width);
    match model.panel.tab {
        Tab::Why => match &model.panel.why {
            Answer::Known(answer) => why::lines(answer, child, model.now, paint, width),
            Answer::Awaited => vec![paint.span(Tint::Dim, "  asking …").into()],
            Answer::Failed(why) => failed(why, paint, width),
        },
        Tab::Facts => {
            let text = show::child(child, model.now, &screen);
            let mut lines = paint.lines(&text);
            // The last line says where to read why: here that is a tab.
            lines.pop();
            lines
        }
        Tab::Logs | Tab::Runs => match model.panel.opened.as_ref().map(|opened| &opened.answer) {
            Some(Answer::Known(run)) => {
                let before = model.panel.known_runs().iter();
                let before = before.filter(|other| other.path == run.path && other.run < run.run);
                let before: Vec<_> = before.take(BEFORE).cloned().collect();
                paint.lines(&show::postmortem(run, &before, model.now, &screen))
            }
            Some(Answer::Failed(why)) => failed(why, paint, width),
            Some(Answer::Awaited) | None => vec![paint.span(Tint::Dim, "  asking …").into()],
        },
    }
}

fn failed(why: &str, paint: Paint, width: u16) -> Vec<Line<'static>> {
    let text = show::wrap(&show::tame(why, false), width.into(), "  ");
    text.lines().map(|line| paint.span(Tint::Bad, line.to_owned()).into()).collect()
}

/// Draws the runs in sight as a table.
fn runs(model: &Model, paint: Paint, area: Rect, buffer: &mut Buffer) {
    let runs = match &model.panel.runs {
        Answer::Known(runs) if !runs.is_empty() => runs,
        Answer::Known(_) => {
            return put(buffer, area, &paint.span(Tint::Dim, "  no run has ended yet").into());
        }
        Answer::Awaited => return put(buffer, area, &paint.span(Tint::Dim, "  asking …").into()),
        Answer::Failed(why) => {
            return put_lines(buffer, area, &failed(why, paint, area.width), 0);
        }
    };
    let mut natural = Natural::new(show::RUN_COLUMNS);
    let rows: Vec<show::Row> = runs
        .iter()
        .map(|run| {
            let mut row = show::run_row(run, model.now);
            // Whose runs these are stands above them.
            if run.path == model.panel.path {
                row[0].text = format!("#{}", run.run);
            }
            natural.add(&row);
            row
        })
        .collect();
    let layout = Layout::fit(&natural, Some(area.width.saturating_sub(2).into()), show::RUN_GIVES);
    let line = |mark: &'static str, row: &show::Row| {
        let mut spans = vec![Span::raw(mark)];
        spans.extend(paint.pieces(layout.pieces(row)).spans);
        Line::from(spans)
    };
    put(buffer, area, &line("  ", &layout.titles()));
    let place = model.panel.runs_at;
    let room = usize::from(area.height).saturating_sub(1);
    for (at, row) in rows.iter().enumerate().skip(place.top).take(room) {
        let own = row_of(area, at - place.top + 1);
        let is_chosen = at == place.at && model.focus == Focus::Panel;
        put(buffer, own, &line(if is_chosen { "▌ " } else { "  " }, row));
        if is_chosen {
            choose(buffer, own, true);
        }
    }
    let last = place.top + room;
    if last < rows.len() {
        more(buffer, area, paint, rows.len() - last);
    }
}

/// Returns how wide a tab is: its number, its name, and what is around them.
fn tab_width(name: &str) -> u16 {
    u16::try_from(name.len() + 4).unwrap_or(u16::MAX)
}

/// Returns the column where the tabs begin.
fn tabs_from(area: Rect) -> u16 {
    let all: u16 = TABS.iter().map(|(_, name)| tab_width(name)).sum();
    area.right().saturating_sub(all + 1).max(area.x)
}

/// Returns the tab at a column.
pub(in crate::top) fn tab_at(area: Rect, column: u16) -> Option<Tab> {
    let mut from = tabs_from(area);
    TABS.into_iter().find_map(|(tab, name)| {
        let to = from + tab_width(name);
        let is_there = (from..to).contains(&column);
        from = to;
        is_there.then_some(tab)
    })
}

/// Draws the line between list and panel: whose panel it is, and its tabs.
fn tabs(model: &Model, paint: Paint, area: Rect, buffer: &mut Buffer) {
    let has_focus = model.focus == Focus::Panel;
    let (line, tint) = if has_focus { ("━", Tint::Bold) } else { ("─", Tint::Dim) };
    for x in area.x..area.right() {
        buffer.set_string(x, area.y, line, paint.style(tint));
    }
    let from = tabs_from(area);
    let mut name = show::tame(&model.panel.path, false);
    if let Some(opened) = model.panel.opened.as_ref().filter(|_| model.panel.tab == Tab::Runs) {
        name = format!("{}#{}", show::tame(&opened.path, false), opened.run);
    }
    let room = usize::from(from.saturating_sub(area.x)).saturating_sub(4);
    if !name.is_empty() && room > 3 {
        let name = format!(" {} ", show::cut_middle(&name, room));
        buffer.set_string(area.x + 1, area.y, name, paint.style(Tint::Bold));
    }
    let mut x = from;
    for (at, (tab, name)) in TABS.into_iter().enumerate() {
        let number = at + 1;
        let (text, tint) = match tab == model.panel.tab {
            true => (format!("[{number} {name}]"), Tint::Bold),
            false => (format!(" {number} {name} "), Tint::Dim),
        };
        buffer.set_stringn(
            x,
            area.y,
            text,
            area.right().saturating_sub(x).into(),
            paint.style(tint),
        );
        x += tab_width(name);
    }
}

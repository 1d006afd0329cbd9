//! What stands over everything else, and the last line.

use super::super::areas::Areas;
use super::super::keys::{self, Act, Binding, SECTIONS};
use super::super::model::{Menu, Model, Over, Page, Reason, Tab};
use super::super::order::ORDERS;
use super::super::paint::Paint;
use super::{put, put_lines, row_of};
use crate::screen::Tint;
use crate::show;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Draws it, and returns where the cursor is where something is typed.
pub(super) fn draw(
    model: &Model,
    paint: Paint,
    areas: &Areas,
    buffer: &mut Buffer,
) -> Option<Position> {
    match &model.over {
        Over::None => foot(model, paint, areas.foot, buffer),
        Over::Help(top) => {
            let area = whole(model);
            clear(buffer, area);
            let lines = help(paint, area.width);
            put_lines(buffer, Rect { height: area.height - 1, ..area }, &lines, *top);
            hint(buffer, areas.foot, paint, "any other key goes back; arrows and pages move");
        }
        Over::Menu(menu) => {
            draw_menu(model, menu, paint, buffer);
            hint(buffer, areas.foot, paint, "Enter or its letter chooses; Esc goes back");
        }
        Over::Reason(reason) => return Some(draw_reason(model, reason, paint, buffer)),
        Over::Search(search) => {
            clear(buffer, areas.foot);
            let of = match search.tab {
                Some(Tab::Logs) => "search the log: ",
                Some(Tab::Why | Tab::Runs | Tab::Facts) | None => "show only: ",
            };
            return Some(typed(
                buffer,
                areas.foot,
                paint,
                of,
                &search.edit.text,
                search.edit.cursor,
            ));
        }
    }
    None
}

fn whole(model: &Model) -> Rect {
    Rect::new(0, 0, model.size.0, model.size.1)
}

fn clear(buffer: &mut Buffer, area: Rect) {
    for y in area.y..area.bottom() {
        for x in area.x..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
}

/// Draws the last line: what was said last, or else the keys that are used most.
fn foot(model: &Model, paint: Paint, area: Rect, buffer: &mut Buffer) {
    if let Some(said) = &model.said {
        let text = paint.line(&said.text, paint.style(said.tint));
        return put(buffer, area, &text);
    }
    let scopes = model.scopes();
    let bindings = scopes.iter().flat_map(|scope| {
        let section = SECTIONS.iter().find(|section| section.scope == *scope);
        section.map_or(&[][..], |section| section.bindings)
    });
    let mut hints: Vec<&Binding> = Vec::new();
    for binding in bindings.filter(|binding| !binding.hint.is_empty()) {
        let is_of_tree = matches!(binding.act, Act::Search | Act::Filter | Act::Sort);
        let is_strange = is_of_tree && model.page == Page::Alerts;
        // The first place that uses a key hides the others.
        let is_hidden = hints.iter().any(|known| known.keys[0] == binding.keys[0]);
        if !is_hidden && !is_strange {
            hints.push(binding);
        }
    }
    let width = |binding: &Binding| show::width(key(binding)) + show::width(binding.hint) + 3;
    let all = |hints: &[&Binding]| hints.iter().map(|hint| width(hint)).sum::<usize>();
    // How to learn more and how to leave is always said.
    while hints.len() > 2 && all(&hints) > usize::from(area.width) + 2 {
        hints.remove(hints.len() - 3);
    }
    let spans = hints.into_iter().flat_map(|hint| {
        [paint.span(Tint::Bold, key(hint)), paint.span(Tint::Dim, format!(" {}  ", hint.hint))]
    });
    put(buffer, area, &trimmed(spans.collect()));
}

/// Returns the first key of a binding, as it is written.
fn key(binding: &Binding) -> &'static str {
    binding.shown.split(' ').next().unwrap_or_default()
}

/// Returns a line without the gap at its end.
fn trimmed(mut spans: Vec<Span<'static>>) -> Line<'static> {
    if let Some(last) = spans.last_mut() {
        last.content = last.content.trim_end().to_owned().into();
    }
    Line::from(spans)
}

fn hint(buffer: &mut Buffer, area: Rect, paint: Paint, text: &'static str) {
    clear(buffer, area);
    put(buffer, area, &paint.span(Tint::Dim, text).into());
}

/// Returns how many lines the help has on this screen.
pub(in crate::top) fn help_lines(model: &Model) -> usize {
    help(Paint { has_colour: false }, model.size.0).len()
}

/// Returns the keys and what they mean.
fn help(paint: Paint, width: u16) -> Vec<Line<'static>> {
    const KEYS: usize = 12;
    let mut lines = Vec::new();
    for (title, bindings) in keys::help() {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(paint.span(Tint::Bold, title).into());
        for (shown, about) in bindings {
            let text = show::wrap(about, width.into(), &" ".repeat(KEYS + 2));
            for (at, line) in text.lines().enumerate() {
                let line = line.trim_start().to_owned();
                let keys = if at == 0 { shown.as_str() } else { "" };
                let fill = " ".repeat(KEYS.saturating_sub(show::width(keys)));
                lines.push(Line::from(vec![
                    paint.span(Tint::Coming, format!("  {keys}{fill}")),
                    Span::raw(line),
                ]));
            }
        }
    }
    lines
}

/// Makes room for a box of so many lines above the last line, and draws its upper edge.
fn open(model: &Model, paint: Paint, title: &str, lines: usize, buffer: &mut Buffer) -> Rect {
    let (width, height) = model.size;
    let lines = u16::try_from(lines).unwrap_or(height).min(height.saturating_sub(3));
    let top = height.saturating_sub(lines + 2);
    let area = Rect::new(0, top, width, lines + 1);
    clear(buffer, area);
    for x in 0..width {
        buffer.set_string(x, top, "━", paint.style(Tint::Coming));
    }
    let title = format!(" {} ", show::cut_end(title, usize::from(width).saturating_sub(6)));
    buffer.set_string(2, top, title, paint.style(Tint::Bold));
    Rect { y: top + 1, height: lines, ..area }
}

fn draw_menu(model: &Model, menu: &Menu, paint: Paint, buffer: &mut Buffer) {
    let name = if menu.path.is_empty() { "the whole tree" } else { &menu.path };
    let title = format!("commands to {}", show::tame(name, false));
    let area = open(model, paint, &title, ORDERS.len(), buffer);
    let room = usize::from(area.height);
    let place = menu.place;
    for (at, order) in ORDERS.iter().enumerate().skip(place.top).take(room) {
        let own = row_of(area, at - place.top);
        let is_chosen = at == place.at;
        let choice = model.choice(order);
        let why_not = choice.and_then(|choice| choice.why_not.as_deref());
        let (key, name) = match why_not {
            Some(_) => (Tint::Dim, Tint::Dim),
            None => (Tint::Coming, Tint::Bold),
        };
        let about = match (why_not, choice) {
            (Some(why), _) => format!("– {}", show::tame(why, false)),
            (None, Some(choice)) => show::tame(&choice.effect, false),
            (None, None) => order.about.into(),
        };
        let line = Line::from(vec![
            Span::raw(if is_chosen { "▌ " } else { "  " }),
            paint.span(key, format!("{}  ", order.letter)),
            paint.span(name, format!("{:<19}", order.name)),
            paint.span(if why_not.is_some() { Tint::Dim } else { Tint::Plain }, about),
        ]);
        put(buffer, own, &line);
        if is_chosen {
            super::list::choose(buffer, own, true);
        }
    }
}

/// Draws the question for a reason, with what the command will do.
fn draw_reason(model: &Model, reason: &Reason, paint: Paint, buffer: &mut Buffer) -> Position {
    let name = if reason.path.is_empty() { "the whole tree" } else { &reason.path };
    let title = format!("{} {}", reason.order.name, show::tame(name, false));
    let child = model.tree.status.children.iter().find(|child| child.path == reason.path);
    let area = open(model, paint, &title, 4, buffer);
    let now = child.map_or_else(String::new, |child| {
        let run = child.run.map_or_else(String::new, |run| format!(", run #{run}"));
        format!("now: {}{run}", show::tame(&child.state, false))
    });
    put(buffer, row_of(area, 0), &paint.span(Tint::Dim, now).into());
    let choice = model.choice(reason.order);
    let about = match choice {
        Some(choice) => show::tame(&choice.effect, false),
        None => reason.order.about.into(),
    };
    put(buffer, row_of(area, 1), &paint.span(Tint::Plain, format!("does: {about}")).into());
    let why_not = choice.and_then(|choice| choice.why_not.as_ref().map(|why| (why, &choice.hint)));
    let (tint, text) = match (why_not, reason.is_missing) {
        (Some((why, hint)), _) => {
            let hint = hint.as_ref().map_or_else(String::new, |hint| format!(": {hint}"));
            (
                Tint::Warn,
                format!("not possible now: {}", show::tame(&format!("{why}{hint}"), false)),
            )
        }
        (None, true) => {
            (Tint::Warn, "a reason is needed: explain shows it, and the journal keeps it".into())
        }
        (None, false) => (
            Tint::Dim,
            "Enter sends it, Esc does not; explain and the journal keep the reason".into(),
        ),
    };
    put(buffer, row_of(area, 2), &paint.span(tint, text).into());
    typed(buffer, row_of(area, 3), paint, "why: ", &reason.edit.text, reason.edit.cursor)
}

/// Draws a line that is being typed, so that the cursor is in sight, and returns where that is.
fn typed(
    buffer: &mut Buffer,
    area: Rect,
    paint: Paint,
    of: &'static str,
    text: &str,
    cursor: usize,
) -> Position {
    buffer.set_string(area.x, area.y, of, paint.style(Tint::Coming));
    let from = area.x + u16::try_from(of.len()).unwrap_or(0);
    let room = usize::from(area.right().saturating_sub(from)).saturating_sub(1);
    let (before, after) = text.split_at(cursor);
    // The beginning goes out of sight where the line is longer than the screen.
    let mut shown = before;
    while show::width(shown) > room {
        let mut letters = shown.chars();
        letters.next();
        shown = letters.as_str();
    }
    let column = from + u16::try_from(show::width(shown)).unwrap_or(0);
    let line = format!("{shown}{after}");
    buffer.set_stringn(from, area.y, line, room + 1, Style::new());
    Position::new(column, area.y)
}

//! What children print. Only the lines in sight are made.

use super::super::model::{Model, is_below};
use super::super::paint::Paint;
use super::{put, row_of};
use crate::screen::Tint;
use crate::show;
use mainstay_wire::api::LogLine;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

/// The widest name before a line.
const NAME_MOST: usize = 24;

/// Draws the lines in sight.
pub(super) fn draw(model: &Model, paint: Paint, area: Rect, buffer: &mut Buffer) {
    let logs = &model.panel.logs;
    let room = usize::from(area.height);
    if logs.lines.is_empty() {
        let text = empty(model);
        let text = show::wrap(&text, area.width.into(), "  ");
        for (row, line) in text.lines().enumerate().take(room) {
            put(buffer, row_of(area, row), &paint.span(Tint::Dim, line.to_owned()).into());
        }
        return;
    }
    let end = logs.end(room);
    let from = end.saturating_sub(room);
    let visible = || logs.lines.iter().enumerate().skip(from).take(end - from);
    let is_of_several = logs.lines.iter().any(|line| line.path != model.panel.path);
    let widest = visible().map(|(_, line)| show::width(&line.path)).max().unwrap_or(0);
    let names = if is_of_several { widest.min(NAME_MOST) } else { 0 };
    for (row, (at, line)) in visible().enumerate() {
        let own = row_of(area, row);
        let mut x = own.x;
        let mut before = Vec::new();
        if logs.has_stamps {
            let at = line.at.map_or_else(|| "-".into(), |at| show::moment(at, model.now));
            before.push(paint.span(Tint::Dim, format!("{at} ")));
        }
        if names > 0 {
            let name = show::cut_middle(&show::tame(&line.path, false), names);
            let fill = " ".repeat(names.saturating_sub(show::width(&name)));
            let tint = Tint::Name(number(model, line));
            before.push(paint.span(tint, format!("{name}{fill} │ ")));
        }
        let before = Line::from(before);
        let width = u16::try_from(before.width()).unwrap_or(own.width).min(own.width);
        put(buffer, own, &before);
        x += width;
        let rest = Rect { x, width: own.width - width, ..own };
        let mut text = paint.line(&line.text, Style::new());
        if logs.left > 0 {
            text = without(&text, logs.left);
        }
        if !logs.find.is_empty() {
            text = marked(&text, &logs.find);
        }
        put(buffer, rest, &text);
        if logs.found() == Some(at) {
            buffer
                .set_style(Rect { width: 1, ..own }, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
    let mut remarks: Vec<String> = logs.note.iter().cloned().collect();
    remarks.extend(logs.below(room).map(|below| match below {
        0 => "stopped: Space goes on".into(),
        below => {
            format!("stopped, {} below: Space goes on", show::count(below as u64, "line", "lines"))
        }
    }));
    if logs.left > 0 {
        remarks.push(format!("from column {}", logs.left + 1));
    }
    if !remarks.is_empty() {
        let text = format!(" {} ", remarks.join(" · "));
        let text = show::cut_end(&text, area.width.into());
        let width = u16::try_from(show::width(&text)).unwrap_or(area.width);
        let style = paint.style(Tint::Coming).add_modifier(Modifier::REVERSED);
        buffer.set_string(area.right() - width, area.bottom() - 1, text, style);
    }
}

/// Returns why no lines are shown.
fn empty(model: &Model) -> String {
    if let Some(note) = &model.panel.logs.note {
        return note.clone();
    }
    let path = &model.panel.path;
    let mut own = model.tree.status.children.iter();
    let has_log = own
        .any(|child| child.log.is_some() && (child.path == *path || is_below(&child.path, path)));
    match (path.as_str(), has_log) {
        ("", _) => "no child is chosen".into(),
        (_, true) => "nothing has been printed yet".into(),
        (path, false) => format!("{path} has no log"),
    }
}

/// Returns the number of a child, which tells its name apart by a colour.
fn number(model: &Model, line: &LogLine) -> usize {
    model.tree.status.children.iter().position(|child| child.path == line.path).unwrap_or(0)
}

/// Returns a line without its first columns.
fn without(line: &Line<'static>, columns: usize) -> Line<'static> {
    let mut left = columns;
    let mut spans = Vec::new();
    for span in &line.spans {
        let cut = show::head(&span.content, left);
        left -= show::width(cut);
        let rest = &span.content[cut.len()..];
        if !rest.is_empty() {
            // A wide letter that is cut in its middle goes as a whole.
            left = 0;
            spans.push(Span::styled(rest.to_owned(), span.style));
        }
    }
    Line::from(spans)
}

/// Returns a line in which every place that holds the text stands out.
fn marked(line: &Line<'static>, find: &str) -> Line<'static> {
    let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
    let places = places(&text, find);
    let mut spans = Vec::new();
    let mut from = 0;
    for span in &line.spans {
        let to = from + span.content.len();
        let mut at = from;
        while at < to {
            let place = places.iter().find(|place| place.1 > at);
            let (next, is_marked) = match place {
                Some((begin, end)) if *begin <= at => ((*end).min(to), true),
                Some((begin, _)) => ((*begin).min(to), false),
                None => (to, false),
            };
            let style = match is_marked {
                true => span.style.add_modifier(Modifier::REVERSED),
                false => span.style,
            };
            spans.push(Span::styled(text[at..next].to_owned(), style));
            at = next;
        }
        from = to;
    }
    Line::from(spans)
}

/// Returns where a text holds another, whatever the case of letters: begin and end in bytes.
fn places(text: &str, find: &str) -> Vec<(usize, usize)> {
    let wanted: Vec<char> = find.chars().flat_map(char::to_lowercase).collect();
    let mut places = Vec::new();
    let mut past = 0;
    for (at, _) in text.char_indices() {
        if at < past || wanted.is_empty() {
            continue;
        }
        let mut left = wanted.iter();
        let mut end = at;
        for letter in text[at..].chars() {
            let is_like = letter
                .to_lowercase()
                .all(|small| left.as_slice().first() == Some(&small) && left.next().is_some());
            if !is_like {
                break;
            }
            end += letter.len_utf8();
            if left.as_slice().is_empty() {
                places.push((at, end));
                past = end;
                break;
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_whatever_the_case() {
        assert_eq!(places("Error: ERRoR", "error"), [(0, 5), (7, 12)]);
        assert_eq!(places("Äpfel äPFEL", "äpfel"), [(0, 6), (7, 13)]);
        assert_eq!(places("aaa", "aa"), [(0, 2)]);
        assert_eq!(places("abc", ""), []);
        assert_eq!(places("ab", "abc"), []);
    }

    #[test]
    fn what_is_found_stands_out_over_colours() {
        let paint = Paint { has_colour: true };
        let line = paint.line("an er\x1b[31mror here", Style::new());
        let marked = marked(&line, "error");
        let parts: Vec<(&str, bool)> = marked
            .spans
            .iter()
            .map(|span| {
                (span.content.as_ref(), span.style.add_modifier.contains(Modifier::REVERSED))
            })
            .collect();
        assert_eq!(parts, [("an ", false), ("er", true), ("ror", true), (" here", false)]);
    }

    #[test]
    fn long_lines_can_begin_further_right() {
        let paint = Paint { has_colour: true };
        let cut = |text: &str, columns| -> String {
            let line = without(&paint.line(text, Style::new()), columns);
            line.spans.iter().map(|span| span.content.as_ref()).collect()
        };
        assert_eq!(cut("ab\x1b[31mcdef", 3), "def");
        assert_eq!(cut("日本語", 3), "本語");
        assert_eq!(cut("ab", 3), "");
    }
}

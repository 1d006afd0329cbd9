//! Colours and styles: what `mainstay status` says in escape sequences, as styles of a screen.

use crate::screen::{Screen, Tint};
use crate::show;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// How far a tab goes.
const TAB: usize = 8;

/// Makes styles, in colour or without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    pub(super) has_colour: bool,
}

impl Paint {
    /// Returns a screen that makes text of this width in the same colours.
    pub(super) fn screen(self, width: u16) -> Screen {
        Screen { has_colour: self.has_colour, width: Some(width.into()), is_terminal: true }
    }

    /// Returns the style of what a colour says.
    pub(super) fn style(self, tint: Tint) -> Style {
        self.line(&self.screen(1).paint(tint, "x"), Style::new())
            .spans
            .first()
            .map_or_else(Style::new, |span| span.style)
    }

    /// Returns text in the colour of what it says.
    pub(super) fn span(self, tint: Tint, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.style(tint))
    }

    /// Returns pieces as a line.
    pub(super) fn pieces(self, pieces: Vec<(Tint, String)>) -> Line<'static> {
        pieces.into_iter().map(|(tint, text)| self.span(tint, text)).collect()
    }

    /// Returns text for people as lines, with the colours in it.
    pub(super) fn lines(self, text: &str) -> Vec<Line<'static>> {
        let mut style = Style::new();
        let mut lines = Vec::new();
        for text in text.lines() {
            let line = self.line(text, style);
            // A colour may go on over the end of a line.
            style = end_style(text, style);
            lines.push(line);
        }
        lines
    }

    /// Returns one line with the colours in it, as far as colours are used; tabs are made spaces, and whatever else
    /// would move the cursor goes.
    pub(super) fn line(self, text: &str, before: Style) -> Line<'static> {
        let tame = show::tame(text, self.has_colour);
        let mut spans: Vec<Span<'static>> = Vec::new();
        let (mut style, mut column) = (before, 0);
        for (piece, codes) in pieces(&tame) {
            let mut plain = String::with_capacity(piece.len());
            for (at, part) in piece.split('\t').enumerate() {
                if at > 0 {
                    let gap = TAB - column % TAB;
                    plain.extend(std::iter::repeat_n(' ', gap));
                    column += gap;
                }
                plain.push_str(part);
                column += show::width(part);
            }
            if !plain.is_empty() {
                spans.push(Span::styled(plain, style));
            }
            style = codes.map_or(style, |codes| apply(codes, style));
        }
        Line::from(spans)
    }
}

/// Cuts text at its colour sequences: each piece, and the numbers of the sequence behind it.
fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some((before, after)) = text.split_once("\x1b[") else {
            rest = None;
            return Some((text, None));
        };
        match after.split_once('m') {
            Some((codes, after)) => {
                rest = Some(after);
                Some((before, Some(codes)))
            }
            None => {
                rest = None;
                Some((before, None))
            }
        }
    })
}

fn end_style(text: &str, before: Style) -> Style {
    pieces(text).filter_map(|(_, codes)| codes).fold(before, |style, codes| apply(codes, style))
}

/// Applies the numbers of a colour sequence.
fn apply(codes: &str, mut style: Style) -> Style {
    let mut numbers = codes.split([';', ':']).map(|code| code.parse::<u8>().unwrap_or(0));
    while let Some(code) = numbers.next() {
        style = match code {
            0 => Style::new(),
            1 => style.add_modifier(Modifier::BOLD),
            2 => style.add_modifier(Modifier::DIM),
            3 => style.add_modifier(Modifier::ITALIC),
            4 => style.add_modifier(Modifier::UNDERLINED),
            7 => style.add_modifier(Modifier::REVERSED),
            22 => style.remove_modifier(Modifier::BOLD | Modifier::DIM),
            23 => style.remove_modifier(Modifier::ITALIC),
            24 => style.remove_modifier(Modifier::UNDERLINED),
            27 => style.remove_modifier(Modifier::REVERSED),
            30..=37 => style.fg(plain(code - 30)),
            90..=97 => style.fg(Color::Indexed(code - 90 + 8)),
            40..=47 => style.bg(plain(code - 40)),
            100..=107 => style.bg(Color::Indexed(code - 100 + 8)),
            39 => style.fg(Color::Reset),
            49 => style.bg(Color::Reset),
            38 => extended(&mut numbers).map_or(style, |colour| style.fg(colour)),
            48 => extended(&mut numbers).map_or(style, |colour| style.bg(colour)),
            _ => style,
        };
    }
    style
}

/// Returns one of the eight colours that every terminal has.
fn plain(number: u8) -> Color {
    const COLOURS: [Color; 8] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
    ];
    COLOURS[usize::from(number % 8)]
}

/// Returns a colour of the 256, or of all.
fn extended(numbers: &mut impl Iterator<Item = u8>) -> Option<Color> {
    match numbers.next()? {
        5 => numbers.next().map(Color::Indexed),
        2 => {
            let mut next = || numbers.next();
            Some(Color::Rgb(next()?, next()?, next()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOUR: Paint = Paint { has_colour: true };

    #[test]
    fn colours_of_output_are_kept_and_nothing_else() {
        let line = COLOUR.line("a\x1b[31mb\x1b[2J\tc\x1b[38;5;208md\x1b[0me\x07", Style::new());
        let parts: Vec<(&str, Style)> =
            line.spans.iter().map(|span| (span.content.as_ref(), span.style)).collect();
        let red = Style::new().fg(Color::Red);
        let orange = Style::new().fg(Color::Indexed(208));
        assert_eq!(
            parts,
            [("a", Style::new()), ("b      c", red), ("d", orange), ("e", Style::new())]
        );
        let plain = Paint { has_colour: false }.line("a\x1b[31mb", Style::new());
        assert_eq!(plain.spans, [Span::raw("ab")]);
    }

    #[test]
    fn sequences_without_an_end_and_wild_numbers_do_no_harm() {
        for text in ["\x1b[", "\x1b[38;5m", "\x1b[38;2;1mx", "\x1b[999;;m", "\x1b[1", "\x1b[48;9mx"]
        {
            assert!(COLOUR.line(text, Style::new()).width() <= 1, "{text:?}");
        }
    }

    #[test]
    fn what_the_colours_say_is_what_status_says() {
        assert_eq!(COLOUR.style(Tint::Good), Style::new().fg(Color::Green));
        let bad = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        assert_eq!(COLOUR.style(Tint::Bad), bad);
        assert_eq!(COLOUR.style(Tint::Plain), Style::new());
        assert_eq!(Paint { has_colour: false }.style(Tint::Bad), Style::new());
    }
}

//! Who did what at consoles.

use super::story::table;
use super::table::{Cell, Column};
use super::text::tame;
use super::time::moment;
use crate::screen::{Screen, Tint};
use mainstay_wire::api::{ConsoleAct, ConsoleNote};

/// Returns notes, the latest first, as a table.
pub(crate) fn consoles(notes: &[ConsoleNote], now: i64, screen: &Screen) -> String {
    if notes.is_empty() {
        return screen.paint(Tint::Dim, "nobody has been at a console");
    }
    const COLUMNS: &[Column] =
        &[Column::text("WHEN"), Column::names("CHILD"), Column::text("WHO"), Column::text("DID")];
    let row = |note: &ConsoleNote| {
        let did = match note.act {
            ConsoleAct::Joined => Cell::new(Tint::Dim, "joined"),
            ConsoleAct::Looked => Cell::new(Tint::Dim, "joined to look"),
            ConsoleAct::Left => Cell::new(Tint::Dim, "left"),
            ConsoleAct::Typed => Cell::new(Tint::Plain, typed(note)),
            ConsoleAct::Signaled => Cell::new(Tint::Plain, done("sent", note)),
            ConsoleAct::Cleared => Cell::new(Tint::Plain, done("removed", note)),
        };
        vec![
            Cell::new(Tint::Dim, moment(note.at, now)),
            Cell::new(Tint::Bold, tame(&note.path, false)),
            Cell::new(Tint::Plain, tame(&note.who, false)),
            did,
        ]
    };
    let gives = [(3, 24), (2, 12), (1, 12), (3, 12), (0, 14), (3, 0), (1, 0), (2, 0)];
    table(COLUMNS, notes.iter().map(row).collect(), &gives, screen)
}

/// Returns what was done to what.
fn done(what: &str, note: &ConsoleNote) -> String {
    format!("{what} {}", tame(note.text.as_deref().unwrap_or_default(), false))
}

/// Returns what was typed, with its control characters as they are written: `^C`.
fn typed(note: &ConsoleNote) -> String {
    let text = note.text.as_deref().unwrap_or_default();
    let mut shown = String::with_capacity(text.len());
    for letter in text.trim_end_matches(['\r', '\n']).chars() {
        match letter {
            '\u{0}'..='\u{1f}' => {
                shown.push('^');
                shown.push(char::from(letter as u8 | 0x40));
            }
            '\u{7f}' => shown.push_str("^?"),
            letter => shown.push(letter),
        }
    }
    let rest = note.bytes.saturating_sub(text.len() as u64);
    let more = if rest > 0 { format!(" and {rest} bytes more") } else { String::new() };
    format!("typed `{}`{more}", tame(&shown, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_shown_as_it_is_written() {
        let note = |text: &str, bytes| ConsoleNote {
            at: 0,
            path: "x".into(),
            who: "alice".into(),
            act: ConsoleAct::Typed,
            text: Some(text.into()),
            bytes,
        };
        assert_eq!(typed(&note("ls -l\r", 6)), "typed `ls -l`");
        assert_eq!(typed(&note("\u{3}", 1)), "typed `^C`");
        assert_eq!(typed(&note("abc", 5000)), "typed `abc` and 4997 bytes more");
    }
}

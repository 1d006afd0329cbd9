//! Text made to fit: cut, wrapped, and rid of what would change the terminal.
//!
//! Widths are columns of a terminal: most letters take one, some two, and marks that join others none.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns how many columns `text` takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Returns as much of the beginning of `text` as stands in `room` columns.
pub(crate) fn head(text: &str, room: usize) -> &str {
    let mut used = 0;
    let over = text.char_indices().find(|(_, letter)| {
        used += letter.width().unwrap_or(0);
        used > room
    });
    over.map_or(text, |(at, _)| &text[..at])
}

/// Returns as much of the end of `text` as stands in `room` columns. No mark stands there without its letter.
fn tail(text: &str, room: usize) -> &str {
    let mut used = 0;
    let mut from = text.len();
    for (at, letter) in text.char_indices().rev() {
        let own = letter.width().unwrap_or(0);
        used += own;
        if used > room {
            break;
        }
        if own > 0 {
            from = at;
        }
    }
    &text[from..]
}

/// Returns `text` in at most `room` columns, with its end left out.
pub(crate) fn cut_end(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.into();
    }
    let cut = head(text, room.saturating_sub(1)).trim_end();
    if room > 0 { format!("{cut}…") } else { String::new() }
}

/// Returns `text` in at most `room` columns, with its middle left out: both ends tell names apart.
pub(crate) fn cut_middle(text: &str, room: usize) -> String {
    if width(text) <= room || room < 3 {
        return cut_end(text, room);
    }
    let behind = (room - 1) / 2;
    format!("{}…{}", head(text, room - 1 - behind), tail(text, behind))
}

/// Returns `text` in lines of at most `columns` columns, each after `indent`; a longer word stands alone.
pub(crate) fn wrap(text: &str, columns: usize, indent: &str) -> String {
    let room = columns.saturating_sub(width(indent)).max(10);
    let mut out = String::new();
    for paragraph in text.lines() {
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let length = width(word);
            if used > 0 && used + 1 + length <= room {
                out.push(' ');
                used += 1 + length;
            } else {
                if used > 0 {
                    out.push('\n');
                }
                out.push_str(indent);
                used = length;
            }
            out.push_str(word);
        }
        out.push('\n');
    }
    out
}

/// Returns `text` without what would move the cursor or change the terminal. Colours stay where `keeps_colour`.
pub(crate) fn tame(text: &str, keeps_colour: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut is_coloured = false;
    while let Some(c) = rest.next() {
        match c {
            '\x1b' if rest.peek() == Some(&'[') => {
                let mut sequence = String::from("\x1b");
                for c in rest.by_ref() {
                    sequence.push(c);
                    if c != '[' && ('\x40'..='\x7e').contains(&c) {
                        break;
                    }
                }
                if keeps_colour && sequence.ends_with('m') {
                    out.push_str(&sequence);
                    is_coloured = true;
                }
            }
            '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    if is_coloured {
        out.push_str("\x1b[0m");
    }
    out
}

/// Returns a number with its noun: `1 child`, `2 children`.
pub(crate) fn count(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// Returns how often the same happened again: `once more`, `again 2 times`.
pub(crate) fn again(number: u32) -> String {
    if number == 1 { "once more".into() } else { format!("again {number} times") }
}

/// Returns an amount of memory: `512 B`, `12.3 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if number < 1_024 {
        return format!("{number} B");
    }
    let mut tenths = u128::from(number) * 10 / 1_024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1_024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_fit() {
        assert_eq!(cut_end("abcdef", 6), "abcdef");
        assert_eq!(cut_end("abcdef", 4), "abc…");
        assert_eq!(cut_end("ab cdef", 4), "ab…");
        assert_eq!(cut_end("abc", 0), "");
        assert_eq!(cut_middle("worker-for-mail@12", 9), "work…l@12");
        assert_eq!(cut_middle("äöüß", 3), "ä…ß");
        // Wide letters take two columns, marks that join a letter none.
        assert_eq!(cut_end("日本語の名前", 7), "日本語…");
        assert_eq!(cut_middle("日本語の名前", 7), "日…前");
        assert_eq!(cut_end("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(cut_middle("abe\u{301}cde\u{301}", 4), "ab…e\u{301}");
    }

    #[test]
    fn paragraphs_are_wrapped() {
        assert_eq!(wrap("one two three", 12, "  "), "  one two\n  three\n");
        assert_eq!(wrap("a verylongwordindeed b", 12, ""), "a\nverylongwordindeed\nb\n");
        assert_eq!(wrap("a\n\nb", 12, ""), "a\n\nb\n");
    }

    #[test]
    fn what_a_child_prints_cannot_change_the_terminal() {
        let wild = "a\x1b[2Jb\x1b]0;title\x07c\x1b[31md\re\tf\x1b[";
        assert_eq!(tame(wild, false), "ab]0;titlecde\tf");
        assert_eq!(tame("a\x1b[31mb", true), "a\x1b[31mb\x1b[0m");
        assert_eq!(tame("\x1b[1;1Hx", true), "x");
    }

    #[test]
    fn repetitions_are_counted() {
        assert_eq!((again(1), again(2)), ("once more".into(), "again 2 times".into()));
    }

    #[test]
    fn amounts_are_short() {
        let table = [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (13_002_342, "12.3 MiB")];
        for (number, text) in table {
            assert_eq!(bytes(number), text);
        }
        assert!(bytes(u64::MAX).ends_with(" TiB"));
    }
}

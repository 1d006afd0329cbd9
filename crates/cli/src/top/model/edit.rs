//! One line that is being typed.

use super::super::keys::Key;

/// A line, and where the next letter comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::top) struct Edit {
    pub(in crate::top) text: String,
    /// A place between two letters, in bytes.
    pub(in crate::top) cursor: usize,
}

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edited {
    /// It changed the line, or the place in it, or means nothing.
    Kept,
    /// The line is complete.
    Entered,
    /// It is given up.
    Left,
}

impl Edit {
    /// Begins with a text, behind its end.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.into(), cursor: text.len() }
    }

    /// Takes a key. The line never gets longer than `most` letters.
    pub(super) fn take(&mut self, key: Key, most: usize) -> Edited {
        match key {
            Key::Enter => return Edited::Entered,
            Key::Escape | Key::Control('c') => return Edited::Left,
            Key::Char(letter) => self.insert(letter, most),
            Key::Backspace | Key::Control('h') => {
                let to = self.before();
                self.text.replace_range(to..self.cursor, "");
                self.cursor = to;
            }
            Key::Delete | Key::Control('d') => {
                self.text.replace_range(self.cursor..self.after(), "");
            }
            Key::Left | Key::Control('b') => self.cursor = self.before(),
            Key::Right | Key::Control('f') => self.cursor = self.after(),
            Key::Home | Key::Control('a') => self.cursor = 0,
            Key::End | Key::Control('e') => self.cursor = self.text.len(),
            Key::Control('u') => {
                self.text.replace_range(..self.cursor, "");
                self.cursor = 0;
            }
            Key::Control('k') => self.text.truncate(self.cursor),
            Key::Control('w') => {
                let kept = self.text[..self.cursor].trim_end();
                let to = kept.rfind(char::is_whitespace).map_or(0, |at| at + 1);
                self.text.replace_range(to..self.cursor, "");
                self.cursor = to;
            }
            Key::Control(_)
            | Key::Tab
            | Key::BackTab
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown => {}
        }
        Edited::Kept
    }

    /// Takes what was pasted: one line, without what would change a terminal.
    pub(super) fn paste(&mut self, text: &str, most: usize) {
        for letter in text.trim().chars() {
            self.insert(if letter.is_whitespace() { ' ' } else { letter }, most);
        }
    }

    fn insert(&mut self, letter: char, most: usize) {
        if !letter.is_control() && self.text.chars().count() < most {
            self.text.insert(self.cursor, letter);
            self.cursor += letter.len_utf8();
        }
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.cursor + self.text[self.cursor..].chars().next().map_or(0, char::len_utf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_edited_as_in_a_shell() {
        let mut edit = Edit::default();
        let mut take = |keys: &[Key]| {
            for key in keys {
                assert_eq!(edit.take(*key, 12), Edited::Kept);
            }
            let (before, after) = edit.text.split_at(edit.cursor);
            format!("{before}|{after}")
        };
        let typed: Vec<Key> = "new käse".chars().map(Key::Char).collect();
        assert_eq!(take(&typed), "new käse|");
        assert_eq!(take(&[Key::Left, Key::Left, Key::Backspace]), "new k|se");
        assert_eq!(take(&[Key::Char('ä'), Key::Delete]), "new kä|e");
        assert_eq!(take(&[Key::Control('w')]), "new |e");
        assert_eq!(take(&[Key::Home, Key::Char('a'), Key::Char(' ')]), "a |new e");
        assert_eq!(take(&[Key::Control('k')]), "a |");
        assert_eq!(take(&[Key::Backspace, Key::Backspace, Key::Backspace]), "|");
        assert_eq!(take(&[Key::Delete, Key::Right, Key::Control('w')]), "|");
        edit.paste("  two\nlines\x1b[31m, and more than fits", 12);
        assert_eq!(edit.text, "two lines[31");
        assert_eq!(edit.take(Key::Escape, 12), Edited::Left);
        assert_eq!(edit.take(Key::Enter, 12), Edited::Entered);
    }
}

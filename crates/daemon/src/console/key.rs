//! Keys as people write them: a caret before a letter is a control character, `^^` is a caret.

use std::fmt;

/// Returns the bytes that a text in caret notation stands for.
///
/// `^@` to `^_` and `^?` are control characters, small letters count as large ones, `^^` is a caret, and a caret
/// before anything else, or at the end, is itself.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes().peekable();
    while let Some(byte) = rest.next() {
        let control = match rest.peek() {
            Some(next) if byte == b'^' => control(*next),
            Some(_) | None => None,
        };
        match control {
            Some(control) => {
                bytes.push(control);
                rest.next();
            }
            None => bytes.push(byte),
        }
    }
    bytes
}

const fn control(next: u8) -> Option<u8> {
    match next {
        b'^' => Some(b'^'),
        b'?' => Some(0x7f),
        b'@'..=b'_' => Some(next - b'@'),
        b'a'..=b'z' => Some(next - b'`'),
        _ => None,
    }
}

/// Reads one key; the empty text is none.
///
/// # Errors
///
/// When the text stands for more than one byte.
pub fn key(text: &str) -> Result<Option<u8>, NoKey> {
    match bytes(text)[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(NoKey(text.into())),
    }
}

/// A text that stands for more than one key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is more than one key: write one character, or a caret and a letter as in `^X`")]
pub struct NoKey(pub String);

/// A key as people read it: `^X`.
#[derive(Clone, Copy, Debug)]
pub struct Shown(pub u8);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            control @ 0..0x20 => write!(f, "^{}", char::from(control + b'@')),
            0x7f => f.write_str("^?"),
            other => write!(f, "{}", char::from(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_for_control_characters() {
        let table: [(&str, &[u8]); 10] = [
            ("^D^C", &[4, 3]),
            ("^^", b"^"),
            ("^^A", b"^A"),
            ("^]", &[0x1d]),
            ("^?", &[0x7f]),
            ("^x", &[0x18]),
            ("a^", b"a^"),
            ("^1", b"^1"),
            ("", b""),
            ("^@", &[0]),
        ];
        for (text, expected) in table {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn a_key_is_one_byte_or_none() {
        assert_eq!(key(""), Ok(None));
        assert_eq!(key("^X"), Ok(Some(0x18)));
        assert_eq!(key("^^"), Ok(Some(b'^')));
        assert_eq!(key("q"), Ok(Some(b'q')));
        assert!(key("^X^Y").is_err_and(|error| error.to_string().contains("more than one key")));
    }

    #[test]
    fn what_is_shown_reads_the_same_again() {
        // A caret stands for itself twice, so the one control character of that form cannot be written.
        for byte in (0..=0x7f).filter(|byte| !matches!(byte, b'^' | 0x1e)) {
            assert_eq!(bytes(&Shown(byte).to_string()), [byte], "{byte:#x}");
        }
    }
}

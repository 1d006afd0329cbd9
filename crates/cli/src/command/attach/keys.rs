//! The keys that leave a console.

use std::fmt;
use std::str::FromStr;

/// Keys that are typed one after the other to leave. Nobody else gets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DetachKeys {
    bytes: Vec<u8>,
    text: String,
}

impl FromStr for DetachKeys {
    type Err = String;

    /// Reads `ctrl-]`, `ctrl-p,ctrl-q`, `ctrl-],.`, `none`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self { bytes: Vec::new(), text: text.into() });
        }
        let bytes = text.split(',').map(key).collect::<Result<_, _>>()?;
        Ok(Self { bytes, text: text.into() })
    }
}

impl fmt::Display for DetachKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn key(text: &str) -> Result<u8, String> {
    let wrong = || {
        format!(
            "`{text}` is no key: write `ctrl-` and a letter or one of @[\\]^_, or one character; \
             with commas between several, or `none`"
        )
    };
    let (with, is_control) = match text.strip_prefix("ctrl-") {
        Some(with) => (with, true),
        None => (text, false),
    };
    let [byte] = with.as_bytes() else { return Err(wrong()) };
    match byte.to_ascii_uppercase() {
        upper @ b'@'..=b'_' if is_control => Ok(upper & 0x1f),
        _ if is_control || !byte.is_ascii_graphic() => Err(wrong()),
        _ => Ok(*byte),
    }
}

/// Looks for the keys in what is typed.
pub(crate) struct Matcher<'a> {
    keys: &'a [u8],
    matched: usize,
}

impl<'a> Matcher<'a> {
    pub(crate) const fn new(keys: &'a DetachKeys) -> Self {
        Self { keys: keys.bytes.as_slice(), matched: 0 }
    }

    /// Puts into `on` what is to be passed on. Returns whether all the keys have been typed: what follows is dropped.
    pub(crate) fn take(&mut self, typed: &[u8], on: &mut impl Extend<u8>) -> bool {
        for byte in typed {
            while self.keys.get(self.matched) != Some(byte) && self.matched > 0 {
                // The first of them was typed for somebody else; what follows may begin anew.
                on.extend([self.keys[0]]);
                self.matched = self.shorter();
            }
            if self.keys.get(self.matched) != Some(byte) {
                on.extend([*byte]);
                continue;
            }
            self.matched += 1;
            if self.matched == self.keys.len() {
                self.matched = 0;
                return true;
            }
        }
        false
    }

    /// Returns how many keys are matched without the first of those that are.
    fn shorter(&self) -> usize {
        // With the first one gone, what is left is tried again from its beginning.
        let left = &self.keys[1..self.matched];
        (0..=left.len()).rev().find(|n| self.keys[..*n] == left[left.len() - n..]).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        let table: [(&str, &[u8]); 6] = [
            ("ctrl-]", &[0x1d]),
            ("ctrl-p,ctrl-q", &[0x10, 0x11]),
            ("ctrl-],.", &[0x1d, b'.']),
            ("ctrl-\\", &[0x1c]),
            ("~,.", b"~."),
            ("none", b""),
        ];
        for (text, bytes) in table {
            assert_eq!(text.parse::<DetachKeys>().expect("keys").bytes, bytes, "{text}");
        }
        for wrong in ["", "ctrl-", "ctrl-1", "abc", "ctrl-a,,b", "ä"] {
            let error = wrong.parse::<DetachKeys>().expect_err(wrong);
            assert!(error.contains("write `ctrl-`"), "{error}");
        }
    }

    #[test]
    fn what_only_begins_like_the_keys_is_passed_on() {
        let table: [(&str, &[&str], &str, bool); 6] = [
            ("a,b", &["xaby"], "x", true),
            ("a,b", &["xa", "b"], "x", true),
            ("a,b", &["xa", "c"], "xac", false),
            ("a,b", &["aab"], "a", true),
            ("a,a,b", &["aaab"], "a", true),
            ("none", &["abc"], "abc", false),
        ];
        for (keys, typed, passed, left) in table {
            let keys: DetachKeys = keys.parse().expect("keys");
            let (mut matcher, mut on) = (Matcher::new(&keys), Vec::new());
            let has_left = typed.iter().any(|typed| matcher.take(typed.as_bytes(), &mut on));
            assert_eq!((String::from_utf8_lossy(&on).as_ref(), has_left), (passed, left), "{keys}");
        }
    }
}

//! What only one run of a host knows.

use std::fmt;

/// Thirty-two bytes that a parent makes for one run, hands over in the environment, and hears back in the hello.
///
/// Comparing two of them takes the same time wherever they differ, and nothing prints them by accident.
#[derive(Clone)]
pub struct Secret([u8; Self::LENGTH]);

impl Secret {
    /// How many bytes it has.
    pub const LENGTH: usize = 32;

    /// Takes bytes that nobody can guess.
    pub const fn new(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Reads the text of a variable; absent: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 2 * Self::LENGTH {
            return None;
        }
        let mut bytes = [0; Self::LENGTH];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// Returns it as the text of a variable.
    pub fn to_text(&self) -> String {
        self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex).collect()
    }

    /// Returns its bytes, for the one message that holds them.
    pub const fn bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let differs = self.0.iter().zip(&other.0).fold(0, |differs, (a, b)| differs | (a ^ b));
        std::hint::black_box(differs) == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_text_and_back_and_is_never_printed() {
        let secret = Secret::new(std::array::from_fn(|index| u8::try_from(index * 7).unwrap_or(0)));
        let text = secret.to_text();
        assert!(text.starts_with("00070e151c23"), "{text}");
        assert_eq!(Secret::parse(&text), Some(secret.clone()));
        assert_eq!(Secret::parse(&text.to_uppercase()), Some(secret.clone()));
        assert_ne!(Secret::parse(&text.replace("07", "08")), Some(secret.clone()));
        for wrong in ["", "00", &text[1..], &text.replace('0', "g"), &format!("{text}00")] {
            assert_eq!(Secret::parse(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}

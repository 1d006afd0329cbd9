//! Journals that follow from themselves, and journals that do not.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

mod edited;
mod life;
mod whole;

//! The program as it is typed, against a server that gives canned answers.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

mod fake;
mod files;
mod golden;
mod migrate;
mod reach;
mod streams;
mod typed;

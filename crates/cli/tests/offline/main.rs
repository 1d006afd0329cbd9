//! What needs no daemon: policies in virtual time, and journals on disk.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

mod desk;
#[path = "../cli/fake.rs"]
#[expect(dead_code, reason = "what other tests need of it is not needed here")]
mod fake;
mod journal;
mod simulate;

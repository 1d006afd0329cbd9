//! Finds the puppet, a child for tests that does what it is told, and knows what it floods with.
//!
//! `puppet help` lists the steps it takes.
#![forbid(unsafe_code)]

mod flood;
mod program;

/// The contract that it serves as a host.
pub const CONTRACT: &str = "puppet";

pub use flood::{FLOOD_LINE, Flood};
pub use program::program;

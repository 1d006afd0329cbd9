//! Holds OS processes: starts, watches, contains and records them. It decides nothing.

pub mod contain;
pub mod listen;
pub mod notify;
pub mod output;
mod store;
pub mod sys;

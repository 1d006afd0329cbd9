//! Holds OS processes: starts, watches, contains and records them. It decides nothing.

mod contain;
mod fault;
mod hold;
mod keeper;
mod link;
mod listen;
mod notify;
mod output;
mod start;
mod store;
mod sys;

pub use keeper::{Keeper, Settings};

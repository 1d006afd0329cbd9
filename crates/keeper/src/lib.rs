//! Holds OS processes: starts, watches, contains and records them. It decides nothing.

mod above;
mod client;
pub mod contain;
mod fault;
mod hold;
mod init;
mod keeper;
mod link;
mod listen;
#[doc(hidden)]
pub mod notify;
pub mod output;
mod passed;
mod process;
mod relay;
mod start;
mod store;
mod sys;

pub use above::Above;
pub use client::{Client, Gone};
pub use init::{Init, InitError, init};
pub use keeper::{Keeper, Settings};
pub use notify::errno_name;
pub use passed::{PassedKind, PassedSocket, passed_sockets};
pub use process::keep;
pub use relay::Relay;
pub use sys::signals::Quit;

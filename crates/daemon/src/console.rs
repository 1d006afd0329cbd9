//! Consoles on the network: the terminal of a child as telnet or a Unix socket, with the manners of procServ.
//!
//! ```text
//!  door ─ accepts ─▶ viewer ─ keys ─▶ hub ─ commands, by whom and why ─▶ tree
//!                      │  ▲            │ ◀─ events ───────────────────────┘
//!                typed │  │ feed ◀─────┘ says
//!                      ▼  │
//!                library's console ─▶ keeper ─▶ terminal
//! ```
//!
//! Nothing is decided here that an operator could not ask for: each key becomes commands of whoever pressed it. What
//! the keys mean is in `mode`, pure; what is said, in `text`.
//!
//! A console belongs to a child, not to a run. When the spec changes, only what differs is opened or closed; when the
//! brain dies, connections end with it, and the next brain listens at the same places.

mod door;
mod endpoint;
mod feed;
mod hub;
mod key;
mod mode;
mod open;
mod telnet;
mod text;
mod transcript;
mod viewer;

pub use door::DoorError;
pub use endpoint::{EndpointError, Written, alone, endpoint, is_local};
pub use key::{NoKey, Shown, bytes, key};
pub(crate) use open::Consoles;
pub use open::try_open;

use crate::api::{Book, apart};
use mainstay::Child;
use mainstay_wire::spec::Console;
use std::sync::Arc;

/// How much of what somebody types waits for a child that takes it slowly; beyond it, it is dropped, and told.
const MOST_TYPED: usize = 256 * 1024;

/// A console with what its toggle key makes of the child.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The console.
    pub console: Console,
    /// The child as it is in the mode ON.
    pub always: Child,
    /// The child as it is in the mode ONESHOT.
    pub once: Child,
    /// Whether the child is only started by a key.
    pub waits: bool,
}

/// What consoles know of the program around them.
pub(crate) struct Surroundings {
    /// Says which process the keeper is.
    pub(crate) keeper: Box<dyn Fn() -> u32 + Send + Sync>,
    /// The folder the program was started in.
    pub(crate) folder: String,
    /// Where the processes of short runs are found.
    pub(crate) book: Arc<dyn Book>,
}

impl Surroundings {
    fn pid(&self) -> u32 {
        (self.keeper)()
    }

    async fn pid_of(&self, path: &str, run: u64) -> Option<u32> {
        let (book, path) = (Arc::clone(&self.book), path.to_owned());
        let found = apart(move || book.run(&path, run)).await;
        found.ok()?.ok()??.pid
    }
}

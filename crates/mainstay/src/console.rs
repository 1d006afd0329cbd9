//! Joining the terminal of a child: seeing what it prints, typing, and who else is there.
//!
//! ```no_run
//! use mainstay::console::{ConsoleMode, Shown};
//!
//! # async fn example(handle: mainstay::Handle) -> Result<(), Box<dyn std::error::Error>> {
//! let mut console = handle.console("calc", "alice", ConsoleMode::Type).await?;
//! console.type_in(b"2+2\n");
//! while let Some(shown) = console.next().await {
//!     match shown {
//!         Shown::Bytes(bytes) => print!("{}", String::from_utf8_lossy(&bytes)),
//!         Shown::Left(why) => println!("left: {why}"),
//!         _ => {}
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! A console belongs to the child and not to a run: it stays while the child restarts. Each has a bounded store of its
//! own at the keeper, which goes on only as [`Console::next`] takes what it has: one that nobody reads loses its oldest
//! bytes, which are counted, and holds up neither the child nor the other viewers.
//!
//! Nothing that is typed passes through the decisions of the tree, and nothing of it is written down here: who has to
//! know who typed what listens where he calls [`Console::type_in`].

mod hall;
mod seat;

use crate::handle::AskError;
use crate::shared::Shared;
pub(crate) use hall::Hall;
use mainstay_core::{Moment, Path};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

/// What a viewer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleMode {
    /// See and type; the window of the terminal has the size of the viewer who typed last.
    Type,
    /// See alone.
    ReadOnly,
}

/// Somebody who is at the terminal of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// Tells viewers of one name apart: [`Console::number`].
    pub number: u64,
    /// Who.
    pub name: Arc<str>,
    /// What it may do.
    pub mode: ConsoleMode,
    /// Since when, by the clock of the tree.
    pub since: Moment,
}

/// What a viewer is shown or told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shown {
    /// The terminal printed this. The first of it is the last 16 KiB from before this viewer came.
    Bytes(Vec<u8>),
    /// So many bytes are missing here: this viewer was slow.
    Lost(u64),
    /// So many bytes that this viewer typed have reached the terminal.
    Typed(u64),
    /// So many bytes that this viewer typed were refused: the child does not read, does not run, or has closed its
    /// terminal.
    Refused(u64),
    /// Who is here now, this viewer too; told at first and whenever it changes.
    Viewers(Arc<[Viewer]>),
    /// This run of the child has begun.
    Began(u64),
    /// This run is over.
    Ended(u64),
    /// Another keeper holds the terminal now. What was printed or typed at that moment may be missing, and nothing more
    /// is told of what was typed before.
    Gap,
    /// There is nothing more to see, and why. The last that is told.
    Left(String),
}

/// Why somebody cannot join the terminal of a child.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsoleError {
    /// There is no such child, or the tree has ended.
    #[error(transparent)]
    Target(#[from] AskError),
    /// The child is a process that has no terminal.
    #[error(
        "{path} has no terminal: `terminal: true` in its spec gives it one (in Rust `Streams::Terminal`)"
    )]
    NoTerminal {
        /// The child.
        path: Path,
    },
    /// The child is no process.
    #[error("{path} is no process, and only processes have terminals")]
    NotAProcess {
        /// The child.
        path: Path,
    },
    /// There are as many viewers in the tree as there may be.
    #[error("{most} consoles are open in this tree, and no more may be: close one")]
    TooMany {
        /// How many.
        most: usize,
    },
    /// Nobody holds the terminal.
    #[error("{why}")]
    NoKeeper {
        /// Why not.
        why: String,
    },
}

/// Somebody who wants to join.
pub(crate) struct Join {
    pub(crate) path: Path,
    pub(crate) who: Arc<str>,
    pub(crate) mode: ConsoleMode,
    pub(crate) answer: oneshot::Sender<Result<Console, ConsoleError>>,
}

/// A place at the terminal of a child. Dropping it leaves.
pub struct Console {
    shared: Arc<Shared>,
    number: u64,
    mode: ConsoleMode,
    news: Arc<Notify>,
}

impl Console {
    /// How many bytes may have been typed and not been answered for.
    pub const WINDOW: u64 = 64 * 1024;

    /// Returns the number of this viewer among those of [`Shown::Viewers`].
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Returns what this viewer may do.
    pub const fn mode(&self) -> ConsoleMode {
        self.mode
    }

    /// Waits for what comes next; nothing follows [`Shown::Left`]. It can be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> Option<Shown> {
        loop {
            match self.shared.hall.take(self.number) {
                Some(Some(shown)) => return Some(shown),
                Some(None) => {}
                None => return None,
            }
            self.news.notified().await;
        }
    }

    /// Types. It never waits: [`Shown::Typed`] and [`Shown::Refused`] tell what becomes of each byte. At most
    /// [`WINDOW`](Self::WINDOW) bytes are on their way, and what is beyond that is refused; so is all that is typed
    /// where the mode does not allow it. To lose nothing, let no more than that be unanswered.
    pub fn type_in(&self, bytes: &[u8]) {
        self.shared.hall.type_in(self.number, bytes);
    }

    /// Says how large this viewer's window is. The terminal takes the size of whoever typed last, and tells the child.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.shared.hall.resize(self.number, rows, columns);
    }

    /// Returns who is here now, this viewer too.
    pub fn viewers(&self) -> Arc<[Viewer]> {
        self.shared.hall.viewers(self.number)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.shared.hall.leave(self.number);
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("number", &self.number).finish_non_exhaustive()
    }
}

//! What one viewer gets, in order: what the child prints, and what the console says in between.
//!
//! The two come by different ways. What is said about the end of a run waits until the viewer has seen all that the
//! run printed, for one that is slow sees it later than others.

use mainstay::console::{Console, Shown};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

/// Something that a console says to everybody.
#[derive(Clone, Debug)]
pub(super) struct Note {
    /// The text, with its line ends.
    pub(super) text: Arc<str>,
    /// The run whose output stands before it.
    pub(super) after: Option<u64>,
}

/// How long a note waits for the output before it, while none comes.
const PATIENCE: Duration = Duration::from_secs(2);

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The child printed this.
    Bytes(Vec<u8>),
    /// The console says this.
    Said(Arc<str>),
    /// So many bytes, or things said, are missing here.
    Lost(u64),
    /// Another keeper holds the terminal.
    Gap,
    /// So many bytes that were typed have reached the child.
    Typed(u64),
    /// So many bytes that were typed were refused.
    Refused(u64),
}

/// The two ways, brought together.
pub(super) struct Feed {
    console: Console,
    notes: broadcast::Receiver<Note>,
    held: VecDeque<Note>,
    /// The latest run of which all has been seen.
    seen: u64,
    /// When the last of the output came.
    at: Instant,
    is_over: bool,
    is_quiet: bool,
}

/// What a feed found.
enum Found {
    Shown(Option<Shown>),
    Note(Result<Note, RecvError>),
    Late,
}

impl Feed {
    pub(super) fn new(console: Console, notes: broadcast::Receiver<Note>) -> Self {
        Self {
            console,
            notes,
            held: VecDeque::new(),
            seen: 0,
            at: Instant::now(),
            is_over: false,
            is_quiet: false,
        }
    }

    /// Returns the console itself, to type.
    pub(super) const fn console(&self) -> &Console {
        &self.console
    }

    /// Waits for what comes next; nothing follows once the terminal is gone and the console says nothing more. It can be
    /// dropped and called again: nothing is lost.
    pub(super) async fn next(&mut self) -> Option<Piece> {
        loop {
            if let Some(note) = self.held.front()
                && (self.is_over || note.after.is_none_or(|run| run <= self.seen))
            {
                return self.held.pop_front().map(|note| Piece::Said(note.text));
            }
            if self.is_over && self.is_quiet {
                return None;
            }
            let late = self.at + PATIENCE;
            let found = tokio::select! {
                // What was printed comes first: it was there before what is said about it.
                biased;
                shown = self.console.next(), if !self.is_over => Found::Shown(shown),
                note = self.notes.recv(), if !self.is_quiet => Found::Note(note),
                () = sleep_until(late), if !self.held.is_empty() => Found::Late,
            };
            match found {
                Found::Shown(shown) => {
                    if let Some(piece) = self.shown(shown) {
                        return Some(piece);
                    }
                }
                Found::Note(Ok(note)) => {
                    if self.held.is_empty() {
                        self.at = Instant::now();
                    }
                    self.held.push_back(note);
                }
                Found::Note(Err(RecvError::Lagged(missed))) => return Some(Piece::Lost(missed)),
                Found::Note(Err(RecvError::Closed)) => self.is_quiet = true,
                Found::Late => {
                    return self.held.pop_front().map(|note| Piece::Said(note.text));
                }
            }
        }
    }

    fn shown(&mut self, shown: Option<Shown>) -> Option<Piece> {
        let Some(shown) = shown else {
            self.is_over = true;
            return None;
        };
        self.at = Instant::now();
        match shown {
            Shown::Bytes(bytes) => Some(Piece::Bytes(bytes)),
            Shown::Lost(bytes) => Some(Piece::Lost(bytes)),
            Shown::Typed(bytes) => Some(Piece::Typed(bytes)),
            Shown::Refused(bytes) => Some(Piece::Refused(bytes)),
            Shown::Gap => Some(Piece::Gap),
            Shown::Ended(run) => {
                self.seen = self.seen.max(run);
                None
            }
            Shown::Began(run) => {
                // Whatever came before it is over.
                self.seen = self.seen.max(run.saturating_sub(1));
                None
            }
            Shown::Left(_) => {
                self.is_over = true;
                None
            }
            // Who else is here is told by numbers, when somebody joins; what may come to be told is not procServ's.
            Shown::Viewers(_) | _ => None,
        }
    }
}

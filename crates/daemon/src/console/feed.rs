//! What one viewer gets, in order: what the child prints, and what the console says in between.
//!
//! The two come by different ways. What is said about the end of a run waits until the viewer has seen all that the
//! run printed, for one that is slow sees it later than others.

use crate::attend::Attendance;
use mainstay::console::Shown;
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
    /// Where it stands in what is printed.
    pub(super) place: Place,
}

/// Where a note stands in what the child prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Wherever it comes.
    Anywhere,
    /// Before the output of this run.
    Before(u64),
    /// Behind the output of this run.
    Behind(u64),
}

/// How long a note waits for the output before it, while none comes, and output for the note before it.
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
    attendance: Attendance,
    notes: broadcast::Receiver<Note>,
    held: VecDeque<Note>,
    /// The latest run of which all has been seen.
    seen: u64,
    /// The latest run whose beginning has been told.
    told: u64,
    /// A run that has begun and whose beginning is to be told before its output.
    begun: Option<u64>,
    /// When the last of the output came.
    at: Instant,
    /// Whether anything of the terminal has been seen.
    has_begun: bool,
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
    /// Begins where a run lives whose beginning has been told: the last one is `told`.
    pub(super) fn new(attendance: Attendance, notes: broadcast::Receiver<Note>, told: u64) -> Self {
        Self {
            attendance,
            notes,
            held: VecDeque::new(),
            seen: 0,
            told,
            begun: None,
            at: Instant::now(),
            has_begun: false,
            is_over: false,
            is_quiet: false,
        }
    }

    /// Returns the place at the terminal itself, to type.
    pub(super) const fn attendance(&mut self) -> &mut Attendance {
        &mut self.attendance
    }

    /// Waits for what comes next; nothing follows once the terminal is gone and the console says nothing more. It can be
    /// dropped and called again: nothing is lost.
    pub(super) async fn next(&mut self) -> Option<Piece> {
        loop {
            if self.held.front().is_some_and(|note| self.is_due(note.place)) {
                return self.say();
            }
            if self.is_over && self.is_quiet {
                return None;
            }
            let late = self.at + PATIENCE;
            let waits = self.begun.is_some() && !self.is_quiet;
            let found = tokio::select! {
                // What was printed comes first: it was there before what is said about it.
                biased;
                shown = self.attendance.next(), if !self.is_over && !waits => Found::Shown(shown),
                note = self.notes.recv(), if !self.is_quiet => Found::Note(note),
                () = sleep_until(late), if waits || !self.held.is_empty() => Found::Late,
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
                    self.begun = None;
                    self.at = Instant::now();
                    if !self.held.is_empty() {
                        return self.say();
                    }
                }
            }
        }
    }

    const fn is_due(&self, place: Place) -> bool {
        match place {
            Place::Anywhere | Place::Before(_) => true,
            Place::Behind(run) => self.is_over || run <= self.seen,
        }
    }

    /// Says the note that comes next.
    fn say(&mut self) -> Option<Piece> {
        let note = self.held.pop_front()?;
        if let Place::Before(run) = note.place {
            self.told = self.told.max(run);
            self.begun = self.begun.filter(|begun| *begun > run);
        }
        Some(Piece::Said(note.text))
    }

    fn shown(&mut self, shown: Option<Shown>) -> Option<Piece> {
        let Some(shown) = shown else {
            self.is_over = true;
            return None;
        };
        self.at = Instant::now();
        self.has_begun |= matches!(shown, Shown::Bytes(_) | Shown::Began(_) | Shown::Ended(_));
        match shown {
            Shown::Bytes(bytes) => Some(Piece::Bytes(bytes)),
            Shown::Lost(bytes) => Some(Piece::Lost(bytes)),
            Shown::Typed(bytes) => Some(Piece::Typed(bytes)),
            Shown::Refused(bytes) => Some(Piece::Refused(bytes)),
            // Before anything was seen the first keeper has only been met.
            Shown::Gap => self.has_begun.then_some(Piece::Gap),
            Shown::Ended(run) => {
                self.seen = self.seen.max(run);
                None
            }
            Shown::Began(run) => {
                // Whatever came before it is over.
                self.seen = self.seen.max(run.saturating_sub(1));
                self.begun = Some(run).filter(|run| *run > self.told);
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

//! What the code of a run tells about itself: the steps of a state machine, and how it came to its end.
//!
//! The tree states it and judges nothing: what follows from the end of a run is decided at its exit.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

/// One thing that a run tells. Its texts are the author's own words, each at most [`News::LONGEST`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The machine went from one state to another, or stayed and acted.
    Moved {
        /// From which state.
        from: Arc<str>,
        /// At which event.
        event: Arc<str>,
        /// Into which state.
        to: Arc<str>,
        /// Why, where the machine says more than the event does: the guard that let it through, the error.
        reason: Option<Arc<str>>,
    },
    /// An action was carried out.
    Acted {
        /// Which.
        action: Arc<str>,
    },
    /// Something failed, and the machine was told.
    Failed {
        /// What: the dispatch of a state, an action, a guard.
        what: Arc<str>,
        /// The error.
        error: Arc<str>,
        /// The actions that were to follow and are left out, in order; absent where there were none.
        left_out: Option<Arc<str>>,
    },
    /// The machine has no transition for an event in its present state.
    Unhandled {
        /// The state.
        state: Arc<str>,
        /// The event.
        event: Arc<str>,
    },
    /// So many moves and actions were not told one by one, for they came too fast.
    Omitted(u64),
    /// The machine is over. Told once in every run that began.
    Settled {
        /// How.
        how: Settled,
        /// Its last state; absent where none was entered.
        state: Option<Arc<str>>,
        /// The first failure, and the one that came while it was handled.
        detail: Option<Arc<str>>,
    },
}

/// How a machine came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settled {
    /// It came to its end by itself.
    Done,
    /// It failed.
    Failed,
    /// Its code panicked.
    Panicked,
    /// It was asked to end, and did.
    Stopped,
    /// It was ended by force in the middle of what it did.
    Forced,
    /// It outlived force, and nobody waits for it any more.
    Abandoned,
}

impl News {
    /// How long a text may be, in bytes: enough for a sentence, too little to fill a journal.
    pub const LONGEST: usize = 256;

    /// Returns a text that is no longer than [`LONGEST`](Self::LONGEST), cut at a letter.
    pub fn brief(text: &str) -> Arc<str> {
        if text.len() <= Self::LONGEST {
            return text.into();
        }
        let room = Self::LONGEST - '…'.len_utf8();
        let end = (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let mut cut = alloc::string::String::with_capacity(Self::LONGEST);
        cut.push_str(&text[..end]);
        cut.push('…');
        cut.into()
    }

    /// Returns whether it tells of the end.
    pub const fn is_end(&self) -> bool {
        match self {
            Self::Settled { .. } => true,
            Self::Moved { .. }
            | Self::Acted { .. }
            | Self::Failed { .. }
            | Self::Unhandled { .. }
            | Self::Omitted(_) => false,
        }
    }
}

/// In an input and an event it stands behind a pointer: it is larger than all else that happens often.
pub type Told = Box<News>;

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved { from, event, to, reason } => {
                write!(f, "{event}: {from} to {to}")?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ", {reason}"))
            }
            Self::Acted { action } => write!(f, "did {action}"),
            Self::Failed { what, error, left_out } => {
                write!(f, "{what} failed: {error}")?;
                left_out.as_ref().map_or(Ok(()), |left| write!(f, "; left out: {left}"))
            }
            Self::Unhandled { state, event } => write!(f, "{event} is not handled in {state}"),
            Self::Omitted(count) => write!(f, "{count} more moves and actions, not told"),
            Self::Settled { how, state, detail } => {
                write!(f, "its machine {how}")?;
                state.as_ref().map_or(Ok(()), |state| write!(f, " in {state}"))?;
                detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
            }
        }
    }
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "is done",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Stopped => "was stopped",
            Self::Forced => "was ended by force",
            Self::Abandoned => "was abandoned",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    #[test]
    fn a_long_text_is_cut_at_a_letter() {
        assert_eq!(&*News::brief("short"), "short");
        let long: String = "é".repeat(News::LONGEST);
        let cut = News::brief(&long);
        assert!(cut.len() <= News::LONGEST && cut.ends_with("é…"), "{cut}");
    }

    #[test]
    fn news_read_as_sentences() {
        let text = |text: &str| Arc::<str>::from(text);
        let failed = News::Failed {
            what: text("action Open"),
            error: text("no such port"),
            left_out: Some(text("Listen, Announce")),
        };
        let says = "action Open failed: no such port; left out: Listen, Announce";
        assert_eq!(failed.to_string(), says);
        let settled =
            News::Settled { how: Settled::Stopped, state: Some(text("Done")), detail: None };
        assert_eq!(settled.to_string(), "its machine was stopped in Done");
    }
}

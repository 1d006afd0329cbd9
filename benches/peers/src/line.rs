//! The one line in which a process tells the runner what its case came to.
//!
//! ```text
//! done UNITS NANOSECONDS BYTES
//! cut-short UNITS NANOSECONDS BYTES
//! cannot WHY
//! ```

use crate::cases::Figure;
use std::fmt;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) enum Line {
    Done(Figure),
    /// Its time was up; the figure tells how far it had come.
    CutShort(Figure),
    Cannot(String),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, Figure { done, elapsed, bytes }) = match self {
            Self::Done(figure) => ("done", figure),
            Self::CutShort(figure) => ("cut-short", figure),
            Self::Cannot(why) => return write!(f, "cannot {why}"),
        };
        write!(f, "{word} {done} {} {bytes}", elapsed.as_nanos())
    }
}

impl Line {
    /// Reads the line back; None if it is not one.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ')?;
        if word == "cannot" {
            return Some(Self::Cannot(rest.into()));
        }
        let mut numbers = rest.split(' ').map(str::parse);
        let mut next = || numbers.next()?.ok();
        let (done, nanos, bytes) = (next()?, next()?, next()?);
        let figure = Figure { done, elapsed: Duration::from_nanos(nanos), bytes };
        match word {
            "done" => Some(Self::Done(figure)),
            "cut-short" => Some(Self::CutShort(figure)),
            _ => None,
        }
    }
}

//! Being at the terminal of a child, with who did what taken down: the one way to a console for whoever serves one.
//!
//! What is typed is taken down by lines: when a line ends, when a key asks for something by itself (as Ctrl-C does), when
//! it gets long, and when the viewer leaves. A line that nobody has ended when the brain dies is not.

use crate::api::Book;
use jiff::Timestamp;
use mainstay::console::{Console, ConsoleError, ConsoleMode, Shown};
use mainstay::{Handle, Path};
use mainstay_wire::api::{ConsoleAct, ConsoleNote};
use std::sync::Arc;

/// How much of what is typed at once is taken down.
const MOST: usize = 1024;

/// A place at the terminal of a child. Dropping it leaves, which is taken down too.
pub(crate) struct Attendance {
    console: Console,
    notes: Notes,
    typed: Typed,
}

/// Where it is taken down, and under which names.
struct Notes {
    book: Option<Arc<dyn Book>>,
    path: String,
    who: String,
}

/// What was typed since the last note.
#[derive(Default)]
struct Typed {
    text: Vec<u8>,
    bytes: u64,
}

impl Attendance {
    /// Joins the terminal of a child. Without a book it is only logged who did.
    pub(crate) async fn join(
        handle: &Handle,
        book: Option<Arc<dyn Book>>,
        path: &str,
        who: &str,
        mode: ConsoleMode,
    ) -> Result<Self, ConsoleError> {
        let console = handle.console(path, who, mode).await?;
        let notes = Notes { book, path: Path::from(path).to_string(), who: who.to_owned() };
        notes.take(
            match mode {
                ConsoleMode::Type => ConsoleAct::Joined,
                ConsoleMode::ReadOnly => ConsoleAct::Looked,
            },
            None,
            0,
        );
        Ok(Self { console, notes, typed: Typed::default() })
    }

    /// Returns its number among those who are here.
    pub(crate) const fn number(&self) -> u64 {
        self.console.number()
    }

    /// Waits for what is shown next; nothing follows [`Shown::Left`].
    pub(crate) async fn next(&mut self) -> Option<Shown> {
        self.console.next().await
    }

    /// Types. It never waits.
    pub(crate) fn type_in(&mut self, bytes: &[u8]) {
        self.console.type_in(bytes);
        if self.console.mode() == ConsoleMode::Type && self.typed.take(bytes) {
            self.flush();
        }
    }

    /// Says how large the viewer's window is.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        self.console.resize(rows, columns);
    }

    fn flush(&mut self) {
        let Typed { text, bytes } = std::mem::take(&mut self.typed);
        if bytes > 0 {
            let text = String::from_utf8_lossy(&text).into_owned();
            self.notes.take(ConsoleAct::Typed, Some(text), bytes);
        }
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.flush();
        self.notes.take(ConsoleAct::Left, None, 0);
    }
}

impl Typed {
    /// Takes what is typed. Returns whether it is time to take it down.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let room = MOST.saturating_sub(self.text.len()).min(bytes.len());
        self.text.extend(&bytes[..room]);
        self.bytes += bytes.len() as u64;
        // The end of a line; what interrupts, ends, quits or stops a program.
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0x03 | 0x04 | 0x1c | 0x1a);
        self.text.len() >= MOST || bytes.iter().any(is_end)
    }
}

impl Notes {
    fn take(&self, act: ConsoleAct, text: Option<String>, bytes: u64) {
        let Self { book, path, who } = self;
        let Some(book) = book else {
            tracing::info!(child = %path, %who, ?act, bytes, "at a console");
            return;
        };
        let at = Timestamp::now().as_millisecond();
        book.note(&ConsoleNote { at, path: path.clone(), who: who.clone(), act, text, bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_taken_down_by_lines_and_bounded() {
        let mut typed = Typed::default();
        assert!(!typed.take(b"ls"));
        assert!(!typed.take(b" -l"));
        assert!(typed.take(b"\r"));
        assert_eq!((typed.text.as_slice(), typed.bytes), (&b"ls -l\r"[..], 6));
        let mut typed = Typed::default();
        assert!(typed.take(b"\x03"), "Ctrl-C asks for something by itself");
        let mut typed = Typed::default();
        assert!(typed.take(&[b'x'; 5000]));
        assert_eq!((typed.text.len(), typed.bytes), (MOST, 5000));
    }
}

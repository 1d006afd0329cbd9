//! Our own end of a console: keys that come as they are, and a terminal that is left as it was found.

use crate::fault::Fault;
use rustix::termios::{self, OptionalActions, Termios};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;

/// How much is read at a time.
const PIECE: usize = 16 * 1024;

/// How the terminal was, for as long as it is raw.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal while keys come as they are.
pub(super) struct Raw;

impl Raw {
    /// Has every key come as it is; nothing where the input is no terminal.
    pub(super) fn enter() -> Result<Option<Self>, Fault> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let was = termios::tcgetattr(&stdin).map_err(|error| Fault::Runtime(error.into()))?;
        let mut raw = was.clone();
        raw.make_raw();
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(was);
        // A panic ends the program before anything is dropped.
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            told(panic);
        }));
        let set = termios::tcsetattr(&stdin, OptionalActions::Now, &raw);
        set.map_err(|error| Fault::Runtime(error.into()))?;
        Ok(Some(Self))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // Where the terminal has gone there is nothing to bring back. What was typed ahead is not for the shell.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Flush, &before);
    }
}

/// Reads what is typed; closed at its end. The thread ends with the program: nothing wakes it from its read.
pub(super) fn input() -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (told, typed) = mpsc::channel(1);
    let read = move || {
        let mut bytes = vec![0; PIECE];
        loop {
            match rustix::io::read(rustix::stdio::stdin(), &mut bytes) {
                Ok(0) => return,
                Ok(length) if told.blocking_send(bytes[..length].to_vec()).is_ok() => {}
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) | Err(_) => return,
            }
        }
    };
    std::thread::Builder::new().name("keys".into()).spawn(read).map(|_| typed)
}

/// Returns the rows and columns of the window.
pub(super) fn window() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

//! The terminal while it is the screen: another page, keys that come at once. It is left as it was found, however the
//! program ends.

use super::keys::{Typed, typed};
use super::model::Model;
use super::paint::Paint;
use super::view;
use crate::fault::Fault;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use ratatui::crossterm::style::force_color_output;
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute, queue};
use std::io::{self, Stdout};
use std::sync::Once;
use tokio::sync::mpsc;

/// How many keys may wait to be heard: more than anybody types while one question is answered.
const KEYS: usize = 256;

/// The terminal as a screen.
pub(super) struct Stage {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    keys: mpsc::Receiver<Typed>,
    paint: Paint,
    has_mouse: bool,
}

impl Stage {
    /// Takes the terminal.
    pub(super) fn enter(paint: Paint, has_mouse: bool) -> Result<Self, Fault> {
        restore_on_panic();
        // Whether there is colour has been decided: by the command line too.
        force_color_output(paint.has_colour);
        take(has_mouse).map_err(Fault::Output)?;
        let ready = || {
            let terminal =
                Terminal::new(CrosstermBackend::new(io::stdout())).map_err(Fault::Output)?;
            Ok(Self { terminal, keys: keys().map_err(Fault::Runtime)?, paint, has_mouse })
        };
        ready().inspect_err(|_| give_back())
    }

    /// Returns the columns and rows there are.
    pub(super) fn size(&self) -> (u16, u16) {
        let size = self.terminal.size().unwrap_or_default();
        (size.width, size.height)
    }

    /// Returns what is typed next; none: the keyboard has gone.
    pub(super) async fn typed(&mut self) -> Option<Typed> {
        self.keys.recv().await
    }

    /// Draws the model in one piece: only what has changed is written.
    pub(super) fn draw(&mut self, model: &Model) -> Result<(), Fault> {
        let paint = self.paint;
        let mut draw = || {
            queue!(io::stdout(), BeginSynchronizedUpdate)?;
            self.terminal.draw(|frame| view::draw(model, paint, frame))?;
            execute!(io::stdout(), EndSynchronizedUpdate)
        };
        draw().map_err(Fault::Output)
    }

    /// Has everything drawn again.
    pub(super) fn clear(&mut self) -> Result<(), Fault> {
        self.terminal.clear().map_err(Fault::Output)
    }

    /// Hears the mouse, or leaves it alone.
    pub(super) fn hear_mouse(&mut self, is_heard: bool) -> Result<(), Fault> {
        self.has_mouse = is_heard;
        let mut out = io::stdout();
        let done = if is_heard {
            execute!(out, EnableMouseCapture)
        } else {
            execute!(out, DisableMouseCapture)
        };
        done.map_err(Fault::Output)
    }

    /// Gives the terminal back to the shell until it lets us go on.
    pub(super) fn suspend(&mut self) -> Result<(), Fault> {
        give_back();
        let own = rustix::process::getpid();
        // It returns when somebody continues us.
        rustix::process::kill_process(own, rustix::process::Signal::STOP)
            .map_err(|error| Fault::Runtime(error.into()))?;
        self.resume()
    }

    /// Takes the terminal again: whoever had it meanwhile may have changed what it shows and how it hears.
    pub(super) fn resume(&mut self) -> Result<(), Fault> {
        disable_raw_mode().and_then(|()| take(self.has_mouse)).map_err(Fault::Output)?;
        self.clear()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        give_back();
    }
}

fn take(has_mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if has_mouse {
        execute!(io::stdout(), EnableMouseCapture)?;
    }
    Ok(())
}

/// Leaves the terminal as it was found. Where it has gone there is nothing to bring back.
fn give_back() {
    let _ = execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = disable_raw_mode();
}

/// Sees to it that what a panic says is read: it would be lost with the page that goes away.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}

/// Reads keys as they are typed. The thread ends with the program: nothing wakes it from its read.
fn keys() -> io::Result<mpsc::Receiver<Typed>> {
    let (tell, keys) = mpsc::channel(KEYS);
    let read = move || {
        while let Ok(event) = event::read() {
            if let Some(typed) = typed(event)
                && tell.blocking_send(typed).is_err()
            {
                return;
            }
        }
    };
    std::thread::Builder::new().name("keys".into()).spawn(read).map(|_| keys)
}

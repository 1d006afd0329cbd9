//! What the program says on its own standard output and error while it runs in the foreground, and what its children
//! print there.

use mainstay_wire::Text;
use mainstay_wire::process::{Process, Streams};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The colours of prefixes, one after the other.
const COLOURS: [&str; 6] = ["36", "33", "32", "35", "34", "31"];
/// Prefixes are made this wide at least.
const WIDTH: usize = 8;

/// Says things on standard error, and puts a prefix before the lines of children.
#[derive(Debug)]
pub(super) struct Voice {
    /// Whether the lines of children are repeated on standard output.
    echoes: bool,
    /// Whether that is without their names.
    is_bare: bool,
    /// Whether there are colours.
    colour: bool,
    /// How wide the names of children are.
    width: AtomicUsize,
}

impl Voice {
    pub(super) const fn new(echoes: bool, is_bare: bool, colour: bool) -> Self {
        Self { echoes, is_bare, colour, width: AtomicUsize::new(WIDTH) }
    }

    /// Says one line.
    pub(super) fn say(&self, line: &str) {
        let line = match self.colour {
            true => format!("\u{1b}[2mmainstay:\u{1b}[0m {line}\n"),
            false => format!("mainstay: {line}\n"),
        };
        // Who has closed our standard error does not want to hear it.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    /// Makes room for these names before the lines of children.
    pub(super) fn fit<'a>(&self, names: impl Iterator<Item = &'a str>) {
        let widest = names.map(|name| name.chars().count()).max().unwrap_or_default();
        self.width.fetch_max(widest.min(24), Ordering::Relaxed);
    }

    /// Has the lines of a child repeated behind its name, unless its spec says how.
    pub(super) fn lend(&self, child: &str, process: &mut Arc<Process>) {
        let output = &process.output;
        let is_seen = matches!(output.streams, Streams::Merged | Streams::Apart);
        if !self.echoes || output.echo.is_some() || !is_seen {
            return;
        }
        let width = self.width.load(Ordering::Relaxed);
        let prefix = match self.colour {
            _ if self.is_bare => String::new(),
            true => format!("\u{1b}[{}m{child:width$} │\u{1b}[0m ", colour_of(child)),
            false => format!("{child:width$} | "),
        };
        Arc::make_mut(process).output.echo = Some(Text::from(prefix));
    }
}

/// Returns the colour of a child: the same in every run.
fn colour_of(child: &str) -> &'static str {
    let sum = child.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    COLOURS[sum % COLOURS.len()]
}

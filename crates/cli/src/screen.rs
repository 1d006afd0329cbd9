//! What the output goes to: colour or not, how wide, and who reads it.

use crate::args::{ColorChoice, Global};
use crate::fault::{Exit, Fault};
use anstyle::{AnsiColor, Style};
use std::io::{self, IsTerminal, Write};

/// What a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tint {
    /// As it should be.
    Good,
    /// On its way.
    Coming,
    /// Look at this.
    Warn,
    /// Wrong.
    Bad,
    /// Beside the point.
    Dim,
    /// The point.
    Bold,
    /// Nothing.
    Plain,
    /// One of several names, told apart by its number.
    Name(usize),
}

/// The colours that tell names apart: none of them means good or bad.
const NAMES: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightBlue,
];

/// What the output goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Whether colour is used.
    pub(crate) has_colour: bool,
    /// How many columns there are; absent where nobody counts them.
    pub(crate) width: Option<usize>,
    /// Whether a person reads it as it comes.
    pub(crate) is_terminal: bool,
}

impl Screen {
    /// Returns that of this process.
    pub(crate) fn of(global: &Global) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let has_colour = match global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => colour_by_environment(is_terminal),
        };
        Self { has_colour, width: width(is_terminal), is_terminal }
    }

    /// Returns the text in the colour of what it says.
    pub(crate) fn paint(&self, tint: Tint, text: &str) -> String {
        let style = match tint {
            Tint::Plain => return text.into(),
            _ if !self.has_colour || text.is_empty() => return text.into(),
            Tint::Good => AnsiColor::Green.on_default(),
            Tint::Coming => AnsiColor::Cyan.on_default(),
            Tint::Warn => AnsiColor::Yellow.on_default(),
            Tint::Bad => AnsiColor::Red.on_default().bold(),
            Tint::Dim => Style::new().dimmed(),
            Tint::Bold => Style::new().bold(),
            Tint::Name(number) => NAMES[number % NAMES.len()].on_default(),
        };
        format!("{style}{text}{style:#}")
    }

    /// Returns how wide a paragraph may be: long lines are hard to read.
    pub(crate) fn paragraph(&self) -> usize {
        self.width.unwrap_or(100).clamp(30, 100)
    }
}

/// Returns whether colour is wanted where nothing was said on the command line.
fn colour_by_environment(is_terminal: bool) -> bool {
    let says = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if says("NO_COLOR").is_some() {
        return false;
    }
    if says("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    is_terminal && says("TERM").is_none_or(|term| term != "dumb")
}

/// Returns how many columns there are: COLUMNS, else those of the terminal.
fn width(is_terminal: bool) -> Option<usize> {
    let given = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let given = given.filter(|width| *width >= 20);
    given.or_else(|| if is_terminal { size().map(|(columns, _)| columns) } else { None })
}

/// Returns the columns and rows of the terminal.
pub(crate) fn size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// Writes text and a line's end, at once.
pub(crate) fn say(text: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    let text = text.strip_suffix('\n').unwrap_or(text);
    out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush()).map_err(Fault::Output)
}

/// Says on the error output why something was not done: as a sentence, or as the API says it.
pub(crate) fn complain(fault: &Fault, global: &Global) {
    if fault.exit() == Exit::Done {
        return;
    }
    let mut text = String::new();
    if global.json {
        // A problem is plain text: it can always be written.
        text = serde_json::to_string(&fault.problem()).unwrap_or_default();
    } else {
        let mut screen = Screen::of(global);
        if global.color == ColorChoice::Auto {
            screen.has_colour = colour_by_environment(io::stderr().is_terminal());
        }
        text.push_str(&screen.paint(Tint::Bad, "error"));
        text.push_str(": ");
        text.push_str(&fault.story());
        let problem = fault.problem();
        for detail in &problem.details {
            text.push('\n');
            text.push_str(detail);
        }
        if let Some(hint) = problem.hint {
            text.push('\n');
            text.push_str(&screen.paint(Tint::Coming, "hint"));
            text.push_str(": ");
            text.push_str(&hint);
        }
    }
    // Where errors cannot be written there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

//! What the program says on its own standard output and error while it runs in the foreground, and what its children
//! print there.

use super::telling::{Said, Weight};
use crate::journald::{Entry, Journald, Priority};
use mainstay_wire::Text;
use mainstay_wire::api::Event;
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
    /// The journal of systemd, where standard error goes there.
    journald: Option<Journald>,
}

impl Voice {
    pub(super) const fn new(
        echoes: bool,
        is_bare: bool,
        colour: bool,
        journald: Option<Journald>,
    ) -> Self {
        Self { echoes, is_bare, colour, width: AtomicUsize::new(WIDTH), journald }
    }

    /// Says one line of the program itself.
    pub(super) fn say(&self, line: &str) {
        self.put(line, Priority::Info, None);
    }

    /// Says what has happened.
    pub(super) fn tell(&self, said: &Said) {
        let priority = match said.weight {
            Weight::Usual => Priority::Info,
            Weight::Wrong => Priority::Warning,
            Weight::Bad => Priority::Error,
        };
        self.put(&said.text, priority, said.event.as_ref());
    }

    fn put(&self, line: &str, priority: Priority, event: Option<&Event>) {
        let entry = Entry {
            priority,
            text: line,
            kind: event.map(|event| event.kind.as_str()),
            child: event.map(|event| event.path.as_str()).filter(|path| !path.is_empty()),
            run: event.and_then(|event| event.run),
            restarts: event.and_then(|event| event.run?.checked_sub(1)),
        };
        if self.journald.as_ref().is_some_and(|journald| journald.send(&entry).is_ok()) {
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn what_happens_goes_to_the_journal_with_what_it_is_about() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("socket");
        let listener = UnixDatagram::bind(&place).expect("a free path");
        let journald = Journald::at(&place, Some("0123".into())).expect("a socket");
        let voice = Voice::new(false, false, false, Some(journald));
        let heard = || {
            let mut bytes = [0; 4096];
            let length = listener.recv(&mut bytes).expect("it comes");
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        };
        voice.say("the brain is back after 3 ms");
        assert_eq!(
            heard(),
            "MESSAGE=the brain is back after 3 ms\nPRIORITY=6\nSYSLOG_IDENTIFIER=mainstay\n\
             INVOCATION_ID=0123\n"
        );
        let event = Event {
            seq: 9,
            at: 0,
            path: "app/web".into(),
            run: Some(4),
            kind: "exited".into(),
            text: "exited with code 3".into(),
        };
        let text = "app/web#4 exited with code 3".to_owned();
        voice.tell(&Said { text, weight: Weight::Wrong, event: Some(event) });
        let told = heard();
        for field in [
            "MESSAGE=app/web#4 exited with code 3\n",
            "PRIORITY=4\n",
            "MAINSTAY_EVENT=exited\n",
            "MAINSTAY_CHILD=app/web\n",
            "MAINSTAY_RUN=4\n",
            "N_RESTARTS=3\n",
        ] {
            assert!(told.contains(field), "{field} is missing: {told}");
        }
    }
}

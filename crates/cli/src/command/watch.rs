//! `mainstay status --watch`: the tree, drawn again whenever it changes.

use super::Desk;
use crate::args::StatusArgs;
use crate::client::Client;
use crate::fault::{Exit, Fault};
use crate::screen::{self, Screen, say};
use crate::show;
use mainstay_wire::api::Status;
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::pin::Pin;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// The least time between two drawings: a storm of events is one change.
const LEAST: Duration = Duration::from_millis(100);
/// The most time between two drawings: spans of time go on.
const MOST: Duration = Duration::from_secs(1);

impl Desk {
    /// Shows the tree again and again, until q or Ctrl-C.
    pub(super) async fn watch(&self, args: &StatusArgs) -> Result<Exit, Fault> {
        if !self.screen.is_terminal || self.is_json {
            return self.watch_plainly(args).await;
        }
        let mut stage = Stage::enter()?;
        let mut events = Changes::of(&self.client);
        let mut resized = signals(SignalKind::window_change())?;
        let mut ended = signals(SignalKind::terminate())?;
        let mut top = 0_usize;
        let mut shown: Option<show::Shown> = None;
        let mut trouble = None;
        let mut due = Instant::now();
        // A look may take long while the brain is away: keys are heard meanwhile.
        let mut looking: Option<Looking<'_>> = None;
        loop {
            let mut pressed = None;
            tokio::select! {
                biased;
                key = stage.key() => pressed = Some(key),
                _ = ended.recv() => return Ok(Exit::Done),
                _ = resized.recv() => due = Instant::now(),
                seen = seen(&mut looking) => {
                    looking = None;
                    match seen {
                        Ok(seen) => (shown, trouble) = (Some(seen), None),
                        Err(fault) if shown.is_none() => return Err(fault),
                        Err(fault) => trouble = Some(fault.story()),
                    }
                }
                () = events.next() => {
                    due = due.min(Instant::now() + LEAST);
                    continue;
                }
                () = sleep_until(due), if looking.is_none() => {
                    due = Instant::now() + MOST;
                    looking = Some(Box::pin(self.look(args)));
                    continue;
                }
            }
            let (columns, rows) = screen::size().unwrap_or((80, 24));
            let lines = shown.as_ref().map_or(0, |shown| shown.body.len());
            let head = shown.as_ref().map_or(0, |shown| shown.head.len());
            let room = rows.saturating_sub(head + 1).max(1);
            let last = lines.saturating_sub(room);
            top = match pressed {
                Some(Key::Quit) => return Ok(Exit::Done),
                Some(Key::Down) => top + 1,
                Some(Key::Up) => top.saturating_sub(1),
                Some(Key::PageDown) => top + room,
                Some(Key::PageUp) => top.saturating_sub(room),
                Some(Key::First) => 0,
                Some(Key::Last) => last,
                Some(Key::Other) | None => top,
            }
            .min(last);
            if let Some(shown) = &shown {
                stage.draw(shown, top, room, columns, trouble.as_deref())?;
            }
        }
    }

    /// Reads the tree and makes lines of it, as wide as the terminal is now.
    async fn look(&self, args: &StatusArgs) -> Result<show::Shown, Fault> {
        let tree = self.tree().await?;
        let chosen = self.chosen(args, &tree).await?;
        let width = screen::size().map(|(columns, _)| columns);
        Ok(show::status(&tree, chosen.as_ref(), &Screen { width, ..self.screen }))
    }

    /// Prints the tree whenever it has changed, one after another.
    async fn watch_plainly(&self, args: &StatusArgs) -> Result<Exit, Fault> {
        let mut events = self.client.follow("/events".into());
        loop {
            let body = self.client.read("/status").await?;
            if !self.print_json(&body)? {
                let tree: Status = self.client.parse(&body)?;
                let chosen = self.chosen(args, &tree).await?;
                say(&format!("{}\n\n", show::status(&tree, chosen.as_ref(), &self.screen).text()))?;
            }
            if events.next().await?.is_none() {
                return Err(Fault::Absent { socket: self.client.socket().into() });
            }
            // What happens together is one change.
            let settled = Instant::now() + LEAST;
            while let Ok(next) = tokio::time::timeout_at(settled, events.next()).await {
                if next?.is_none() {
                    return Err(Fault::Absent { socket: self.client.socket().into() });
                }
            }
        }
    }
}

/// A look at the tree that is under way.
type Looking<'a> = Pin<Box<dyn Future<Output = Result<show::Shown, Fault>> + 'a>>;

/// Returns what a look has shown; without one nothing comes.
async fn seen(looking: &mut Option<Looking<'_>>) -> Result<show::Shown, Fault> {
    match looking {
        Some(looking) => looking.await,
        None => std::future::pending().await,
    }
}

fn signals(kind: SignalKind) -> Result<Signal, Fault> {
    signal(kind).map_err(Fault::Runtime)
}

/// That something has happened, as long as the daemon can say so.
struct Changes {
    stream: Option<crate::client::Stream>,
    client: Client,
}

impl Changes {
    fn of(client: &Client) -> Self {
        Self { stream: Some(client.follow("/events".into())), client: client.clone() }
    }

    /// Returns when something has happened. The tree is looked at every second anyway.
    async fn next(&mut self) {
        match &mut self.stream {
            Some(stream) => {
                if !matches!(stream.next().await, Ok(Some(_))) {
                    self.stream = None;
                }
            }
            None => {
                tokio::time::sleep(MOST).await;
                self.stream = Some(self.client.follow("/events".into()));
            }
        }
    }
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Quit,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Other,
}

/// Returns what was typed. Arrows come as several bytes.
fn key(bytes: &[u8]) -> Key {
    match bytes {
        [] | [b'q' | 3 | 4, ..] | b"\x1b" => Key::Quit,
        [b'k', ..] | b"\x1b[A" | b"\x1bOA" => Key::Up,
        [b'j', ..] | b"\x1b[B" | b"\x1bOB" => Key::Down,
        b"\x1b[5~" | [b'b', ..] => Key::PageUp,
        b"\x1b[6~" | [b' ', ..] => Key::PageDown,
        [b'g', ..] | b"\x1b[H" => Key::First,
        [b'G', ..] | b"\x1b[F" => Key::Last,
        [_, ..] => Key::Other,
    }
}

/// Reads keys as they are typed. The thread ends with the program: nothing wakes it from its read.
fn keys() -> io::Result<mpsc::Receiver<Key>> {
    let (told, keys) = mpsc::channel(16);
    let read = move || {
        let mut bytes = [0; 32];
        while let Ok(length) = rustix::io::read(rustix::stdio::stdin(), &mut bytes) {
            if told.blocking_send(key(&bytes[..length])).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("keys".into()).spawn(read).map(|_| keys)
}

/// The terminal while it shows the tree: another page, keys that come at once. It is left as it was found.
struct Stage {
    keys: Option<mpsc::Receiver<Key>>,
    before: Option<Termios>,
}

impl Stage {
    fn enter() -> Result<Self, Fault> {
        let stdin = io::stdin();
        let mut before = None;
        if stdin.is_terminal()
            && let Ok(was) = termios::tcgetattr(&stdin)
        {
            let mut now = was.clone();
            now.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
            now.special_codes[SpecialCodeIndex::VMIN] = 1;
            now.special_codes[SpecialCodeIndex::VTIME] = 0;
            let set = termios::tcsetattr(&stdin, OptionalActions::Now, &now);
            set.map_err(|error| Fault::Runtime(error.into()))?;
            before = Some(was);
        }
        let stage = Self {
            keys: match &before {
                Some(_) => Some(keys().map_err(Fault::Runtime)?),
                None => None,
            },
            before,
        };
        write("\x1b[?1049h\x1b[?25l")?;
        Ok(stage)
    }

    /// Returns the next key. Without a keyboard none comes.
    async fn key(&mut self) -> Key {
        let Some(keys) = &mut self.keys else { return std::future::pending().await };
        // A keyboard that has gone will not come back.
        keys.recv().await.unwrap_or(Key::Quit)
    }

    /// Draws what is in sight, in one piece and without clearing first: nothing flickers.
    fn draw(
        &self,
        shown: &show::Shown,
        top: usize,
        room: usize,
        columns: usize,
        trouble: Option<&str>,
    ) -> Result<(), Fault> {
        let mut out = String::from("\x1b[?2026h\x1b[H");
        for line in shown.head.iter().chain(shown.body.iter().skip(top).take(room)) {
            // Writing to a string cannot fail.
            let _ = write!(out, "{line}\x1b[K\r\n");
        }
        let below = shown.body.len().saturating_sub(top + room);
        let foot = match trouble {
            Some(trouble) => format!("{trouble}: asking again"),
            None if below > 0 || top > 0 => format!("{below} more lines below; arrows, space, q"),
            None => "q ends".into(),
        };
        let foot = show::cut_end(&foot, columns.saturating_sub(1));
        let _ = write!(out, "\x1b[J\x1b[2m{foot}\x1b[0m\x1b[?2026l");
        write(&out)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Where the terminal has gone there is nothing to bring back.
        let _ = write("\x1b[?25h\x1b[?1049l");
        if let Some(before) = &self.before {
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

fn write(text: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Fault::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read() {
        let table: [(&[u8], Key); 8] = [
            (b"q", Key::Quit),
            (b"\x03", Key::Quit),
            (b"", Key::Quit),
            (b"\x1b[A", Key::Up),
            (b"j", Key::Down),
            (b" ", Key::PageDown),
            (b"G", Key::Last),
            (b"x", Key::Other),
        ];
        for (bytes, expected) in table {
            assert_eq!(key(bytes), expected, "{bytes:?}");
        }
    }
}

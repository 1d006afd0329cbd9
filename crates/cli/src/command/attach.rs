//! `attach`: our terminal at that of a child; and `consoles`, who did what at one.

mod keys;
mod terminal;

pub(crate) use keys::DetachKeys;

use super::Desk;
use crate::args::{AttachArgs, ConsolesArgs};
use crate::client::{Console, Heard, address};
use crate::fault::{Exit, Fault};
use crate::screen::{Screen, Tint, say};
use crate::show;
use keys::Matcher;
use mainstay_wire::api::{ConsoleNote, ConsoleSays, ConsoleViewer};
use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use terminal::Raw;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How much may have been typed and not been answered for: what the daemon takes.
const WINDOW: u64 = 64 * 1024;
/// How much is sent at a time.
const PIECE: usize = 16 * 1024;
/// How much that was typed at a terminal waits for a child that does not read; keys that leave are heard beyond it.
const AHEAD: usize = 1 << 20;
/// After what time a child that takes nothing is mentioned.
const DEAF: Duration = Duration::from_secs(2);
/// How long a daemon may be away.
const AWAY: Duration = Duration::from_secs(10);
/// The pause before joining again.
const AGAIN: Duration = Duration::from_millis(50);
/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a console is over.
enum Over {
    /// Its keys were typed, a signal came, or the input has ended.
    Left,
    /// The daemon has ended it.
    Ended(String),
    /// The connection is gone.
    Gone,
}

impl Desk {
    /// Joins our terminal to that of a child.
    pub(super) async fn attach(&self, args: &AttachArgs) -> Result<Exit, Fault> {
        if self.is_json {
            let text = "a console is what a terminal prints: there is no JSON of it".to_owned();
            let hint = Some("`mainstay consoles --json` lists who did what at one".to_owned());
            return Err(Fault::Usage { text, hint });
        }
        let path = args.child.trim_matches('/');
        let mut console = self.client.console(path, args.read_only).await?;
        let raw = Raw::enter()?;
        let mut seat = Seat::new(args, path, raw.is_some(), self)?;
        let over = loop {
            match seat.sit(&mut console).await? {
                Over::Gone => {}
                over @ (Over::Left | Over::Ended(_)) => break over,
            }
            seat.lost();
            match seat.join_again(self, path).await? {
                Some(again) => console = again,
                None => break Over::Left,
            }
        };
        let _ = timeout(FAREWELL, console.leave()).await;
        drop(raw);
        let is_script = !std::mem::replace(&mut seat.is_raw, false);
        match over {
            Over::Ended(text) => {
                seat.remark(&format!("the console of {path} has ended: {text}"));
                Ok(Exit::Failed)
            }
            // Who types sees what is missing; a script has nothing but the exit code.
            Over::Left | Over::Gone if is_script && seat.missed > 0 => {
                let missed = seat.missed;
                seat.remark(&format!("left {path}: {missed} bytes of the input may be missing"));
                Ok(Exit::Failed)
            }
            Over::Left | Over::Gone => {
                seat.remark(&format!("left {path}, which goes on"));
                Ok(Exit::Done)
            }
        }
    }

    /// Lists who did what at consoles.
    pub(super) async fn consoles(&self, args: &ConsolesArgs) -> Result<Exit, Fault> {
        let queries = match self.expand(&args.children).await? {
            paths if paths.is_empty() => vec![format!("/consoles?limit={}", args.lines)],
            paths => {
                let query = |path: &String| {
                    format!("/consoles?path={}&limit={}", address(path), args.lines)
                };
                paths.iter().map(query).collect()
            }
        };
        let mut notes: Vec<ConsoleNote> = Vec::new();
        for query in queries {
            let body = self.client.read(&query).await?;
            if !self.print_json(&body)? {
                notes.extend(self.client.parse::<Vec<ConsoleNote>>(&body)?);
            }
        }
        if self.is_json {
            return Ok(Exit::Done);
        }
        // Several children were asked about one after the other, each with the latest first.
        notes.sort_by_key(|note| std::cmp::Reverse(note.at));
        notes.truncate(usize::try_from(args.lines).unwrap_or(usize::MAX));
        say(&show::consoles(&notes, self.client.now(), &self.screen))?;
        Ok(Exit::Done)
    }
}

/// Whoever sits at a console, over the lives of brains.
struct Seat<'a> {
    path: &'a str,
    is_read_only: bool,
    is_raw: bool,
    is_quiet: bool,
    screen: Screen,
    keys: &'a DetachKeys,
    matcher: Matcher<'a>,
    input: mpsc::Receiver<Vec<u8>>,
    has_input: bool,
    resized: Signal,
    ends: [Signal; 3],
    /// What was typed and is not sent yet.
    queue: VecDeque<u8>,
    /// How much was sent and is not answered for.
    unanswered: u64,
    /// How much was typed and refused, or never answered for.
    missed: u64,
    /// When something was last taken, and whether it has been mentioned that nothing is.
    taken_at: Instant,
    is_deaf: bool,
    /// How long the output may be silent once the input has ended.
    linger: Duration,
    /// When something last came or went.
    active_at: Instant,
    has_joined: bool,
    /// Whether what is said next begins a line of its own.
    is_at_start: bool,
}

impl<'a> Seat<'a> {
    fn new(args: &'a AttachArgs, path: &'a str, is_raw: bool, desk: &Desk) -> Result<Self, Fault> {
        let on = |kind| signal(kind).map_err(Fault::Runtime);
        let has_colour = desk.screen.has_colour && io::stderr().is_terminal();
        Ok(Self {
            path,
            is_read_only: args.read_only,
            is_raw,
            is_quiet: desk.is_quiet,
            screen: Screen { has_colour, ..desk.screen },
            keys: &args.detach_keys,
            matcher: Matcher::new(&args.detach_keys),
            input: terminal::input().map_err(Fault::Runtime)?,
            has_input: true,
            resized: on(SignalKind::window_change())?,
            ends: [
                on(SignalKind::terminate())?,
                on(SignalKind::hangup())?,
                on(SignalKind::interrupt())?,
            ],
            queue: VecDeque::new(),
            unanswered: 0,
            missed: 0,
            taken_at: Instant::now(),
            is_deaf: false,
            linger: args.linger,
            active_at: Instant::now(),
            has_joined: false,
            is_at_start: true,
        })
    }

    /// Passes on what comes and goes.
    async fn sit(&mut self, console: &mut Console) -> Result<Over, Fault> {
        self.tell_window(console).await;
        loop {
            self.send(console).await;
            let room = self.is_raw || self.queue.len() < WINDOW as usize;
            let (deaf_at, quiet_at) = (self.deaf_at(), self.quiet_at());
            let [terminate, hangup, interrupt] = &mut self.ends;
            tokio::select! {
                heard = console.next() => match heard {
                    Heard::Bytes(bytes) => self.print(&bytes)?,
                    Heard::Says(ConsoleSays::Left { text }) => return Ok(Over::Ended(text)),
                    Heard::Says(says) => self.hear(says),
                    Heard::Gone => return Ok(Over::Gone),
                },
                typed = self.input.recv(), if self.has_input && room => {
                    if self.takes(typed) {
                        return Ok(Over::Left);
                    }
                }
                _ = self.resized.recv() => self.tell_window(console).await,
                _ = terminate.recv() => return Ok(Over::Left),
                _ = hangup.recv() => return Ok(Over::Left),
                _ = interrupt.recv() => return Ok(Over::Left),
                () = until(deaf_at) => self.mention_deaf(),
                () = until(quiet_at) => return Ok(Over::Left),
            }
        }
    }

    async fn tell_window(&self, console: &mut Console) {
        if self.is_raw
            && let Some((rows, columns)) = terminal::window()
        {
            console.resize(rows, columns).await;
        }
    }

    /// Sends as much as the daemon takes.
    async fn send(&mut self, console: &mut Console) {
        while !self.queue.is_empty() && self.unanswered < WINDOW {
            let room = usize::try_from(WINDOW - self.unanswered).unwrap_or(PIECE);
            let length = self.queue.len().min(room).min(PIECE);
            if self.unanswered == 0 {
                self.taken_at = Instant::now();
            }
            self.unanswered += length as u64;
            console.type_in(self.queue.drain(..length).collect()).await;
            self.active_at = Instant::now();
        }
    }

    /// Takes what was typed. Returns whether that leaves.
    fn takes(&mut self, typed: Option<Vec<u8>>) -> bool {
        let Some(typed) = typed else {
            self.has_input = false;
            self.active_at = Instant::now();
            return self.is_raw;
        };
        let mut on = Vec::new();
        let leaves = if self.is_raw {
            self.matcher.take(&typed, &mut on)
        } else {
            on = typed;
            false
        };
        if self.is_read_only {
            return leaves;
        }
        let room = AHEAD.saturating_sub(self.queue.len());
        if on.len() > room {
            let dropped = on.len() - room;
            on.truncate(room);
            self.missed += dropped as u64;
            self.remark(&format!("{} does not read: {dropped} typed bytes are dropped", self.path));
        }
        self.queue.extend(on);
        leaves
    }

    fn hear(&mut self, says: ConsoleSays) {
        match says {
            ConsoleSays::Viewers { you, viewers } => self.greet(you, &viewers),
            ConsoleSays::Lost { bytes } => {
                self.remark(&format!("{bytes} bytes are missing here: they came too fast"));
            }
            ConsoleSays::Typed { bytes } => self.answered(bytes),
            ConsoleSays::Refused { bytes } => {
                self.answered(bytes);
                self.missed += bytes;
                self.remark(&format!(
                    "{bytes} typed bytes were refused: {} does not read, or does not run",
                    self.path
                ));
            }
            ConsoleSays::Began { run } => self.remark(&format!("run {run} has begun")),
            ConsoleSays::Ended { run } => self.remark(&format!("run {run} is over")),
            ConsoleSays::Gap => {
                self.missed += std::mem::take(&mut self.unanswered);
                self.remark("another keeper has taken over: something may be missing here");
            }
            ConsoleSays::Left { .. } => {}
        }
    }

    fn greet(&mut self, you: u64, viewers: &[ConsoleViewer]) {
        let others = viewers.iter().filter(|viewer| viewer.number != you).map(|viewer| {
            let looks = if viewer.read_only { ", who only looks" } else { "" };
            format!("{}{looks}", show::tame(&viewer.name, false))
        });
        let others: Vec<_> = others.collect();
        let others = match others.as_slice() {
            [] => String::from("nobody else is here"),
            others => format!("here too: {}", others.join("; ")),
        };
        if std::mem::replace(&mut self.has_joined, true) {
            return self.remark(&others);
        }
        let looks = if self.is_read_only { ", to look" } else { "" };
        let leave = if self.is_raw { format!("; {} leaves", self.keys) } else { String::new() };
        self.remark(&format!("at {}{looks}; {others}{leave}", self.path));
    }

    fn answered(&mut self, bytes: u64) {
        self.unanswered = self.unanswered.saturating_sub(bytes);
        self.taken_at = Instant::now();
        self.active_at = Instant::now();
        self.is_deaf = false;
    }

    /// Returns when a child that takes nothing is to be mentioned.
    fn deaf_at(&self) -> Option<Instant> {
        (self.unanswered > 0 && !self.is_deaf).then(|| self.taken_at + DEAF)
    }

    fn mention_deaf(&mut self) {
        self.is_deaf = true;
        let waiting = self.queue.len() as u64 + self.unanswered;
        self.remark(&format!("{} does not read: {waiting} typed bytes wait", self.path));
    }

    /// Returns when the end of the input is the end of the console: when nothing has come for a while.
    fn quiet_at(&self) -> Option<Instant> {
        let is_done = !self.has_input && self.queue.is_empty() && self.unanswered == 0;
        (is_done && !self.is_raw).then(|| self.active_at + self.linger)
    }

    fn print(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.active_at = Instant::now();
        self.is_at_start = bytes.last().is_none_or(|last| *last == b'\n');
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(Fault::Output)
    }

    /// Says something beside what the child prints.
    fn remark(&mut self, text: &str) {
        if self.is_quiet {
            return;
        }
        let text = self.screen.paint(Tint::Dim, &format!("-- {text} --"));
        let end = if self.is_raw { "\r\n" } else { "\n" };
        let is_apart = std::mem::replace(&mut self.is_at_start, true);
        let before = if is_apart { "" } else { end };
        let after = end;
        // Where errors cannot be written there is nobody to tell.
        let _ = write!(io::stderr(), "{before}{text}{after}");
    }

    /// The connection is gone.
    fn lost(&mut self) {
        let lost = std::mem::take(&mut self.unanswered);
        self.missed += lost;
        let lost = if lost > 0 {
            format!(", and whether the last {lost} typed bytes arrived is not known")
        } else {
            String::new()
        };
        self.remark(&format!("the connection has broken{lost}: joining again"));
        self.has_joined = false;
    }

    /// Joins again, for as long as the daemon may come back. Nothing: somebody has left meanwhile.
    async fn join_again(&mut self, desk: &Desk, path: &str) -> Result<Option<Console>, Fault> {
        let lost_at = Instant::now();
        let mut joining = Box::pin(again(desk, path, self.is_read_only, lost_at));
        loop {
            let [terminate, hangup, interrupt] = &mut self.ends;
            tokio::select! {
                joined = &mut joining => return joined.map(Some),
                typed = self.input.recv(), if self.has_input && self.is_raw => {
                    if self.takes(typed) {
                        return Ok(None);
                    }
                }
                _ = terminate.recv() => return Ok(None),
                _ = hangup.recv() => return Ok(None),
                _ = interrupt.recv() => return Ok(None),
            }
        }
    }
}

async fn again(
    desk: &Desk,
    path: &str,
    is_read_only: bool,
    lost_at: Instant,
) -> Result<Console, Fault> {
    loop {
        // One that closes at once is not asked without a pause.
        sleep(AGAIN).await;
        match desk.client.console(path, is_read_only).await {
            Ok(console) => return Ok(console),
            // A brain that has just begun may not know yet what it will know in a moment.
            Err(fault) if lost_at.elapsed() >= AWAY => return Err(fault),
            Err(_) => {}
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

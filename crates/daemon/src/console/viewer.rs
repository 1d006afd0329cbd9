//! One connection: keys are taken out of what is typed, the rest goes to the child, and what is seen goes back.
//!
//! Nothing here waits for anything else: a socket that takes nothing holds up only what is shown on it, a child that
//! reads nothing only what was typed for it, and a key acts all the same.

use super::door::Line;
use super::feed::{Feed, Piece};
use super::hub::Ask;
use super::mode::Press;
use super::telnet::{GREETING, Telnet, escape};
use super::text::Around;
use super::{Declared, MOST_TYPED};
use crate::api::Book;
use crate::attend::Attendance;
use mainstay::Handle;
use mainstay::console::{Console, ConsoleError, ConsoleMode};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// How much waits for the socket before no more is taken from the keeper, which bounds the rest.
const SHOWN: usize = 64 * 1024;
/// How long the child may take nothing of what was typed before it counts as deaf.
const DEAF: Duration = Duration::from_millis(500);
/// How often somebody is told that the child takes nothing.
const TELLING: Duration = Duration::from_secs(1);
/// How many bytes are read at a time.
const READ: usize = 4096;

/// What a viewer needs to know of its console.
#[derive(Clone)]
pub(super) struct Room {
    pub(super) path: Arc<str>,
    pub(super) handle: Handle,
    pub(super) declared: watch::Receiver<Arc<Declared>>,
    pub(super) book: Arc<dyn Book>,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) is_up: Arc<AtomicBool>,
}

/// Tells the middle that somebody has gone, however that comes.
struct Presence {
    asks: mpsc::Sender<Ask>,
    is_logger: bool,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let (asks, is_logger) = (self.asks.clone(), self.is_logger);
        if asks.try_send(Ask::Leave { is_logger }).is_err()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { drop(asks.send(Ask::Leave { is_logger }).await) });
        }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(mut line: Line, who: Arc<str>, is_logger: bool, room: Room) {
    match join(&who, is_logger, &room).await {
        Ok(Some((hello, feed, presence))) => {
            let (aside, asides) = mpsc::channel(8);
            let mut viewer = Viewer {
                room,
                who,
                is_logger,
                feed,
                telnet: Telnet::new(),
                shown: VecDeque::new(),
                typed: VecDeque::new(),
                unanswered: 0,
                taken_at: Instant::now(),
                refused: 0,
                told_at: None,
                aside,
            };
            viewer.show(hello.as_bytes());
            viewer.shown.extend(GREETING);
            viewer.go_on(line, asides).await;
            drop(presence);
        }
        // The tree ends.
        Ok(None) => {}
        Err(error) => {
            // Who has gone already need not know.
            let _ = line.write_all(Around::aside(&error.to_string()).as_bytes()).await;
        }
    }
}

async fn join(
    who: &Arc<str>,
    is_logger: bool,
    room: &Room,
) -> Result<Option<(String, Feed, Presence)>, ConsoleError> {
    let mode = if is_logger { ConsoleMode::ReadOnly } else { ConsoleMode::Type };
    let (answer, answered) = oneshot::channel();
    if room.asks.send(Ask::Join { is_logger, answer }).await.is_err() {
        return Ok(None);
    }
    let Ok((hello, ear)) = answered.await else { return Ok(None) };
    let presence = Presence { asks: room.asks.clone(), is_logger };
    let book = Some(Arc::clone(&room.book));
    let attendance = Attendance::join(&room.handle, book, &room.path, who, mode).await?;
    Ok(Some((hello, Feed::new(attendance, ear.notes, ear.told), presence)))
}

struct Viewer {
    room: Room,
    who: Arc<str>,
    is_logger: bool,
    feed: Feed,
    telnet: Telnet,
    /// What waits for the socket, as it goes over the wire.
    shown: VecDeque<u8>,
    /// What waits for the child.
    typed: VecDeque<u8>,
    /// How much is on its way to the child.
    unanswered: u64,
    /// When the child last took something, or there was nothing to take.
    taken_at: Instant,
    /// How much the child did not take and whoever typed it does not know yet.
    refused: u64,
    told_at: Option<Instant>,
    aside: mpsc::Sender<String>,
}

impl Viewer {
    async fn go_on(&mut self, line: Line, mut asides: mpsc::Receiver<String>) {
        let (mut reader, mut writer) = tokio::io::split(line);
        let mut buffer = vec![0; READ];
        let mut is_over = false;
        while !(is_over && self.shown.is_empty()) {
            let deaf_at = self.taken_at + DEAF;
            let is_full = self.typed.len() >= MOST_TYPED;
            // As long as the child takes something, whoever types faster waits; one that takes nothing is told of.
            let waits = is_full && Instant::now() < deaf_at;
            let tells_at = self.told_at.map_or_else(Instant::now, |at| at + TELLING);
            tokio::select! {
                read = reader.read(&mut buffer), if !is_over && !waits => match read {
                    Ok(0) | Err(_) => return,
                    Ok(length) => is_over = self.hear(&buffer[..length]),
                },
                written = writer.write(self.shown.as_slices().0), if !self.shown.is_empty() => {
                    match written {
                        Ok(length) if length > 0 => drop(self.shown.drain(..length)),
                        Ok(_) | Err(_) => return,
                    }
                },
                piece = self.feed.next(), if !is_over && self.shown.len() < SHOWN => match piece {
                    Some(piece) => self.take(piece),
                    None => is_over = true,
                },
                Some(text) = asides.recv(), if self.shown.len() < SHOWN => self.show(text.as_bytes()),
                () = sleep_until(deaf_at), if waits => {}
                () = sleep_until(tells_at), if self.refused > 0 => self.tell_refused(),
            }
        }
        // The other side sees the end once it has read all.
        let _ = writer.shutdown().await;
    }

    fn show(&mut self, bytes: &[u8]) {
        let mut wire = Vec::new();
        escape(bytes, &mut wire);
        self.shown.extend(wire);
    }

    fn take(&mut self, piece: Piece) {
        match piece {
            Piece::Bytes(bytes) => self.show(&bytes),
            Piece::Said(text) => self.show(text.as_bytes()),
            Piece::Lost(missing) => {
                self.show(Around::aside(&format!("{missing} bytes are missing here")).as_bytes());
            }
            Piece::Gap => {
                self.unanswered = 0;
                self.show(Around::aside("Something may be missing here").as_bytes());
            }
            Piece::Typed(bytes) => {
                self.unanswered = self.unanswered.saturating_sub(bytes);
                self.taken_at = Instant::now();
                self.type_on();
            }
            Piece::Refused(bytes) => {
                self.unanswered = self.unanswered.saturating_sub(bytes);
                // A child that is down hears nothing, and nobody expects it to.
                if self.room.is_up.load(Ordering::Relaxed) {
                    self.refused += bytes;
                }
                self.type_on();
            }
        }
    }

    /// Takes in what has come over the wire. Returns whether the connection is to end.
    fn hear(&mut self, bytes: &[u8]) -> bool {
        let heard = self.telnet.take(bytes);
        self.shown.extend(heard.answer);
        if self.is_logger {
            return false;
        }
        if let Some((rows, columns)) = heard.window {
            self.feed.attendance().resize(rows, columns);
        }
        let declared = Arc::clone(&self.room.declared.borrow());
        let console = &declared.console;
        if self.typed.is_empty() {
            self.taken_at = Instant::now();
        }
        let mut leaves = false;
        for byte in heard.typed {
            let press = Press::of(byte, &console.keys);
            let is_up = self.room.is_up.load(Ordering::Relaxed);
            match press {
                Some(Press::Logout) => leaves = true,
                Some(press) if !(press.passes() && is_up) => {
                    self.press(press);
                    continue;
                }
                Some(_) | None => {}
            }
            if press != Some(Press::Logout) && is_up && !console.ignore.contains(&byte) {
                if self.typed.len() < MOST_TYPED {
                    self.typed.push_back(byte);
                } else {
                    self.refused += 1;
                }
            }
        }
        self.type_on();
        leaves
    }

    fn press(&mut self, press: Press) {
        let (who, aside) = (Arc::clone(&self.who), self.aside.clone());
        if self.room.asks.try_send(Ask::Press { press, who, aside }).is_err() {
            self.show(Around::aside("Too many keys at once: this one was not taken").as_bytes());
        }
    }

    /// Types as much as may be on its way.
    fn type_on(&mut self) {
        if !self.room.is_up.load(Ordering::Relaxed) {
            self.typed.clear();
            return;
        }
        let room = usize::try_from(Console::WINDOW.saturating_sub(self.unanswered));
        let length = self.typed.len().min(room.unwrap_or(usize::MAX));
        if length > 0 {
            let bytes: Vec<u8> = self.typed.drain(..length).collect();
            self.unanswered += length as u64;
            self.feed.attendance().type_in(&bytes);
        }
    }

    fn tell_refused(&mut self) {
        let refused = std::mem::take(&mut self.refused);
        self.told_at = Some(Instant::now());
        let text = format!("{refused} bytes that you typed were dropped: the child does not read");
        self.show(Around::aside(&text).as_bytes());
    }
}

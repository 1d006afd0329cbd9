//! Consoles: the terminals of children over WebSockets, and what was done at them.

use super::Service;
use super::caller::Role;
use super::look::Wall;
use super::read::read;
use super::route::{Answer, Ask, json};
use super::trouble::Trouble;
use crate::attend::Attendance;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use axum::http::StatusCode;
use mainstay::console::{Console, ConsoleError, ConsoleMode, Shown};
use mainstay_wire::api::{ConsoleAsks, ConsoleNote, ConsoleSays, ConsoleViewer};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// The longest message of a viewer.
const MOST: usize = Console::WINDOW as usize;
/// How often a viewer that says nothing is asked whether it is there; one that has not answered by the next time is not.
const ALIVE: Duration = Duration::from_secs(30);
/// How many notes are told where nobody says how many.
const NOTES: u64 = 50;

/// Somebody joins the terminal of a child.
pub(super) async fn console(mut ask: Ask) -> Answer {
    let mode = if ask.query.flag("read_only") { ConsoleMode::ReadOnly } else { ConsoleMode::Type };
    if mode == ConsoleMode::Type {
        let refused = ask.caller.require(Role::Operator);
        refused.map_err(|trouble| {
            trouble.hint("viewers join with `read_only=true`: `mainstay attach --read-only`")
        })?;
    }
    let path = ask.rest.trim_matches('/').to_owned();
    let path = path.as_str();
    let Some(upgrade) = ask.upgrade.take() else {
        // A browser does not tell its page why a WebSocket was refused. The page asks once more without one.
        let seen = ask.service.handle.console(path, ask.caller.name(), ConsoleMode::ReadOnly).await;
        if let Err(error) = seen {
            return Err(refusal(&ask.service, error).await);
        }
        let text = "a console is a WebSocket, and the request does not ask for one";
        let trouble = Trouble::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", text);
        return Err(trouble.hint("`mainstay attach` speaks it"));
    };
    let (handle, book) = (&ask.service.handle, ask.service.inner.book.clone());
    let attendance = match Attendance::join(handle, book, path, ask.caller.name(), mode).await {
        Ok(attendance) => attendance,
        Err(error) => return Err(refusal(&ask.service, error).await),
    };
    let service = ask.service.clone();
    let upgrade = upgrade.max_message_size(MOST).max_frame_size(MOST);
    Ok(upgrade.on_upgrade(async move |socket| {
        // Who has gone needs no farewell.
        let _ = serve(socket, attendance, &service).await;
    }))
}

async fn refusal(service: &Service, error: ConsoleError) -> Trouble {
    let text = error.to_string();
    match error {
        ConsoleError::Target(error) => Trouble::ask(&service.handle, error).await,
        ConsoleError::NoTerminal { .. } => {
            let trouble = Trouble::new(StatusCode::CONFLICT, "no-terminal", text);
            trouble.hint("`mainstay logs` shows what it prints")
        }
        ConsoleError::NotAProcess { .. } => Trouble::new(StatusCode::CONFLICT, "no-terminal", text),
        ConsoleError::TooMany { .. } => {
            Trouble::new(StatusCode::SERVICE_UNAVAILABLE, "too-many", text)
        }
        ConsoleError::NoKeeper { .. } => {
            Trouble::new(StatusCode::SERVICE_UNAVAILABLE, "no-keeper", text)
        }
        _ => Trouble::inside("console", text),
    }
}

/// Passes on what is shown and typed, until either side has gone.
async fn serve(
    mut socket: WebSocket,
    mut attendance: Attendance,
    service: &Service,
) -> Result<(), axum::Error> {
    let mut asks = interval_at(Instant::now() + ALIVE, ALIVE);
    asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_there = true;
    loop {
        tokio::select! {
            said = socket.recv() => {
                is_there = true;
                match said.transpose()? {
                    Some(Message::Binary(bytes)) => attendance.type_in(&bytes),
                    Some(Message::Text(text)) => match serde_json::from_str(&text) {
                        Ok(ConsoleAsks::Resize { rows, columns }) if rows > 0 && columns > 0 => {
                            attendance.resize(rows, columns);
                        }
                        Ok(ConsoleAsks::Resize { .. }) => {
                            return refuse(socket, "a window has a row and a column at least").await;
                        }
                        Err(error) => return refuse(socket, &format!("not understood: {error}")).await,
                    },
                    Some(Message::Ping(_) | Message::Pong(_)) => {}
                    Some(Message::Close(_)) | None => return Ok(()),
                }
            }
            shown = attendance.next() => {
                let Some(shown) = shown else { return Ok(()) };
                let is_last = matches!(shown, Shown::Left(_));
                socket.send(message(shown, attendance.number(), service)).await?;
                if is_last {
                    return close(socket, close_code::NORMAL, "").await;
                }
            }
            _ = asks.tick() => {
                if !std::mem::take(&mut is_there) {
                    return Ok(());
                }
                socket.send(Message::Ping(Vec::new().into())).await?;
            }
        }
    }
}

async fn refuse(socket: WebSocket, why: &str) -> Result<(), axum::Error> {
    // A farewell has room for 123 bytes.
    let mut end = why.len().min(120);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    close(socket, close_code::POLICY, &why[..end]).await
}

async fn close(mut socket: WebSocket, code: u16, why: &str) -> Result<(), axum::Error> {
    socket.send(Message::Close(Some(CloseFrame { code, reason: why.into() }))).await
}

fn message(shown: Shown, you: u64, service: &Service) -> Message {
    let says = match shown {
        Shown::Bytes(bytes) => return Message::Binary(bytes.into()),
        Shown::Lost(bytes) => ConsoleSays::Lost { bytes },
        Shown::Typed(bytes) => ConsoleSays::Typed { bytes },
        Shown::Refused(bytes) => ConsoleSays::Refused { bytes },
        Shown::Viewers(viewers) => {
            let wall = Wall::now(&service.handle);
            let viewer = |viewer: &mainstay::console::Viewer| ConsoleViewer {
                number: viewer.number,
                name: viewer.name.to_string(),
                read_only: viewer.mode == ConsoleMode::ReadOnly,
                since_at: wall.of(viewer.since),
            };
            ConsoleSays::Viewers { you, viewers: viewers.iter().map(viewer).collect() }
        }
        Shown::Began(run) => ConsoleSays::Began { run },
        Shown::Ended(run) => ConsoleSays::Ended { run },
        Shown::Gap => ConsoleSays::Gap,
        Shown::Left(text) => ConsoleSays::Left { text },
        // What a later library shows is not told before it has a form.
        _ => return Message::Ping(Vec::new().into()),
    };
    // Its fields are numbers and text, which JSON has.
    Message::Text(serde_json::to_string(&says).unwrap_or_default().into())
}

/// What was done at consoles, the latest first.
pub(super) async fn notes(ask: Ask) -> Answer {
    let path = ask.paths().pop().filter(|path| !path.is_empty());
    let limit = usize::try_from(ask.query.count("limit").unwrap_or(NOTES)).unwrap_or(usize::MAX);
    let before = ask.query.moment("before");
    let notes: Vec<ConsoleNote> = match &ask.service.inner.book {
        Some(book) => {
            let wanted = path.clone();
            read(book, move |book| book.notes(wanted.as_deref(), before, limit)).await?
        }
        None => return Err(Trouble::absent("nothing is taken down of consoles here")),
    };
    // Who has left the tree still has notes; who has neither is a mistake.
    if let Some(path) = path.filter(|_| notes.is_empty()) {
        ask.view_of(&path).await?;
    }
    Ok(json(&notes))
}

//! A keeper whose brain only relays: orders come in as JSON lines over a Unix socket, reports go out so.
//!
//! ```sh
//! cargo run -p mainstay-keeper --example relay -- /tmp/relay.sock
//! ```
//!
//! ```sh
//! echo '{"start":{"key":{"child":"a","run":1},"process":{"command":["sleep","9"]}}}' | nc -U /tmp/relay.sock
//! ```
//!
//! With `--dial` it connects to the socket, each brain anew, instead of listening there. Without a listener facts
//! wait. A fact is acknowledged once it has been written to whoever listens. A line that begins with `!` goes to
//! the keeper byte by byte as it is, which is how a broken brain talks.
//!
//! The same program is keeper and brain; the brain is the one that finds `MAINSTAY_KEEPER` in its environment.
//! Should the keeper die, the brain makes another one.

use mainstay_keeper::{Client, Settings, keep};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Order, Report};
use rustix::event::{PollFd, PollFlags, poll};
use std::collections::VecDeque;
use std::error::Error;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;
use std::time::Duration;

const IDENTITY: &str = "RELAY_IDENTITY";

fn main() -> ExitCode {
    let arguments: Vec<Text> = std::env::args_os().map(Text::from).collect();
    let (path, dials) = match &arguments[..] {
        [_, path] => (path, false),
        [_, option, path] if option.as_bytes() == b"--dial" => (path, true),
        _ => {
            eprintln!("usage: relay [--dial] SOCKET");
            return ExitCode::from(64);
        }
    };
    // Where nothing else is said, a relay is told from others by its socket.
    let identity = std::env::var(IDENTITY).unwrap_or_else(|_| path.to_string());
    // A keeper that was made to go on where another one died has both variables; its state tells it apart.
    let is_brain = std::env::var_os("MAINSTAY_KEEPER").is_some()
        && std::env::var_os("MAINSTAY_KEEPER_STATE").is_none();
    let result = if is_brain {
        relay(&identity, path, dials, &arguments).map(|()| 0).map_err(|error| error.to_string())
    } else {
        keep(&Settings { identity, ..Settings::default() }, arguments.clone())
            .map_err(|error| error.to_string())
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("relay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Relays until the keeper may leave.
fn relay(identity: &str, path: &Text, dials: bool, command: &[Text]) -> Result<(), Box<dyn Error>> {
    let mut keeper = Client::connect(identity)?;
    let mut outside = if dials { Outside::dial(path)? } else { Outside::listen(path)? };
    let mut waiting = VecDeque::new();
    loop {
        loop {
            match keeper.next(Some(Duration::ZERO)) {
                Ok(Some(report)) => waiting.push_back(report),
                Ok(None) => break,
                Err(gone) => {
                    eprintln!("relay: {gone}, makes another one");
                    keeper.rescue(command, command.to_vec())?;
                }
            }
        }
        if let Some(last) = outside.tell(&mut waiting)? {
            drop(keeper.order(&last));
        }
        outside.wait(&keeper)?;
        for line in outside.hear() {
            if let Some(raw) = line.strip_prefix('!') {
                rustix::io::write(keeper.fd(), raw.as_bytes())?;
                continue;
            }
            let order = match serde_json::from_str(&line) {
                Ok(order) => order,
                Err(error) => {
                    eprintln!("relay: no order: {error}: {line}");
                    continue;
                }
            };
            let is_told = keeper.order(&order).is_ok();
            // Where the keeper is gone, the next one tells what it holds, and is asked again.
            if is_told && matches!(order, Order::Leave { .. }) {
                return Ok(());
            }
        }
    }
}

/// Whoever gives the orders.
struct Outside {
    listener: Option<UnixListener>,
    stream: Option<UnixStream>,
    /// The beginning of a line whose end has not come.
    unread: Vec<u8>,
}

impl Outside {
    fn listen(path: &Text) -> Result<Self, std::io::Error> {
        // The brain before this one may have left its socket.
        drop(std::fs::remove_file(path.as_path()));
        let listener = UnixListener::bind(path.as_path())?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: Some(listener), stream: None, unread: Vec::new() })
    }

    fn dial(path: &Text) -> Result<Self, std::io::Error> {
        let stream = Some(UnixStream::connect(path.as_path())?);
        Ok(Self { listener: None, stream, unread: Vec::new() })
    }

    /// Writes reports, and returns the order that acknowledges them.
    fn tell(&mut self, waiting: &mut VecDeque<Report>) -> Result<Option<Order>, Box<dyn Error>> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let mut last = None;
        while let Some(report) = waiting.front() {
            let line = serde_json::to_string(report)? + "\n";
            if stream.write_all(line.as_bytes()).is_err() {
                self.stream = None;
                break;
            }
            if let Report::Fact { seq, .. } = report {
                last = Some(Order::Acknowledge(*seq));
            }
            waiting.pop_front();
        }
        Ok(last)
    }

    /// Waits for anything to come from either side.
    fn wait(&self, keeper: &Client) -> Result<(), Box<dyn Error>> {
        let fd = keeper.fd();
        let room = if keeper.is_full() { PollFlags::OUT } else { PollFlags::empty() };
        let mut fds = vec![PollFd::from_borrowed_fd(fd, PollFlags::IN | room)];
        let stream = self.stream.as_ref().map(|stream| stream.as_fd());
        let listener = self.listener.as_ref().map(|listener| listener.as_fd());
        let others = stream.into_iter().chain(listener);
        fds.extend(others.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the lines that have come, and takes in who connects: the last who does is told.
    fn hear(&mut self) -> Vec<String> {
        if let Some(listener) = &self.listener
            && let Ok((stream, _)) = listener.accept()
        {
            self.unread.clear();
            self.stream = Some(stream);
        }
        let Some(stream) = &mut self.stream else { return Vec::new() };
        let mut bytes = [0; 16 * 1024];
        let is_there = {
            let mut fds = [PollFd::new(stream, PollFlags::IN)];
            poll(&mut fds, Some(&rustix::time::Timespec::default())).is_ok_and(|found| found > 0)
        };
        if !is_there {
            return Vec::new();
        }
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => self.stream = None,
            Ok(read) => {
                self.unread.extend_from_slice(&bytes[..read]);
                // A long line is not looked through again for each part of it that comes.
                if !bytes[..read].contains(&b'\n') {
                    return Vec::new();
                }
            }
        }
        let Some(end) = self.unread.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let whole: Vec<u8> = self.unread.drain(..=end).collect();
        String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect()
    }
}

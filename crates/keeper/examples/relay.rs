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
//! Without a listener facts wait. A fact is acknowledged once it has been written to whoever listens. The same
//! program is keeper and brain; the brain is the one that finds `MAINSTAY_KEEPER` in its environment. Should the
//! keeper die, the brain makes another one.

use mainstay_keeper::{Client, Settings, keep};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Order, Report};
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const IDENTITY: &str = "RELAY_IDENTITY";

fn main() -> ExitCode {
    let arguments: Vec<Text> = std::env::args_os().map(Text::from).collect();
    let [_, path] = &arguments[..] else {
        eprintln!("usage: relay SOCKET");
        return ExitCode::from(64);
    };
    let identity = std::env::var(IDENTITY).unwrap_or_default();
    // A keeper that was made to go on where another one died has both variables; its state tells it apart.
    let is_brain = std::env::var_os("MAINSTAY_KEEPER").is_some()
        && std::env::var_os("MAINSTAY_KEEPER_STATE").is_none();
    let result = if is_brain {
        relay(&identity, path, &arguments).map(|()| 0).map_err(|error| error.to_string())
    } else {
        keep(&Settings { identity }, arguments.clone()).map_err(|error| error.to_string())
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
fn relay(identity: &str, path: &Text, command: &[Text]) -> Result<(), Box<dyn Error>> {
    let mut keeper = Client::connect(identity)?;
    // The brain before this one may have left its socket.
    drop(std::fs::remove_file(path.as_path()));
    let listener = UnixListener::bind(path.as_path())?;
    let (tell, heard) = channel();
    std::thread::spawn(move || listen(&listener, &tell));
    let mut listening: Option<UnixStream> = None;
    let mut waiting: Vec<Report> = Vec::new();
    loop {
        match keeper.next(Some(Duration::from_millis(5))) {
            Ok(report) => waiting.extend(report),
            Err(gone) => {
                eprintln!("relay: {gone}, makes another one");
                keeper.rescue(command, command.to_vec())?;
            }
        }
        for heard in take(&heard) {
            match heard {
                Heard::Joined(stream) => listening = Some(stream),
                Heard::Order(order) => {
                    let leaves = matches!(order, Order::Leave { .. });
                    drop(keeper.order(&order));
                    if leaves {
                        return Ok(());
                    }
                }
            }
        }
        let Some(stream) = &mut listening else { continue };
        let mut is_gone = false;
        let mut told = 0;
        for report in &waiting {
            let line = serde_json::to_string(report)? + "\n";
            is_gone = stream.write_all(line.as_bytes()).is_err();
            if is_gone {
                break;
            }
            told += 1;
            if let Report::Fact { seq, .. } = report {
                drop(keeper.order(&Order::Acknowledge(*seq)));
            }
        }
        waiting.drain(..told);
        if is_gone {
            listening = None;
        }
    }
}

enum Heard {
    Joined(UnixStream),
    Order(Order),
}

fn take(heard: &Receiver<Heard>) -> impl Iterator<Item = Heard> + '_ {
    std::iter::from_fn(|| heard.try_recv().ok())
}

fn listen(listener: &UnixListener, tell: &Sender<Heard>) {
    for stream in listener.incoming().flatten() {
        let Ok(write) = stream.try_clone() else { continue };
        if tell.send(Heard::Joined(write)).is_err() {
            return;
        }
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(order) => drop(tell.send(Heard::Order(order))),
                Err(error) => eprintln!("relay: no order: {error}: {line}"),
            }
        }
    }
}

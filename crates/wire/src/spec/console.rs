//! The console of a child on the network, as a spec file says it.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A child's terminal on sockets, with the manners of procServ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Console {
    /// Where people type.
    pub listen: Vec<Endpoint>,
    /// Where people only look.
    pub log_listen: Vec<Endpoint>,
    /// What the child is called in what is told.
    pub title: String,
    /// What it was started as.
    pub command: String,
    /// Where it runs.
    pub folder: String,
    /// What is done at which key.
    pub keys: Keys,
    /// Bytes that are never passed on to the child.
    pub ignore: Vec<u8>,
    /// The file that lists where it listens.
    pub info_file: Option<PathBuf>,
    /// The file that takes what is seen on the console.
    pub transcript: Option<Transcript>,
    /// How moments are written, in the signs of `strftime`.
    pub time: String,
    /// The mode that each life of the program begins in; absent: that of the child's own restart rule.
    pub mode: Option<Mode>,
}

/// A place to listen at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// A port.
    Tcp(SocketAddr),
    /// The file of a Unix socket.
    Unix {
        /// Where it stands.
        path: PathBuf,
        /// Whose it is; absent: that of the program.
        user: Option<String>,
        /// Its group; absent: that of the program.
        group: Option<String>,
        /// Its rights; absent: 0666, as procServ's.
        mode: Option<u32>,
    },
    /// The name of a Unix socket without a file.
    Abstract(String),
}

/// The keys that the console takes itself; one that is absent is passed on like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Ends the live run, or starts the child where it is down.
    pub kill: Option<u8>,
    /// Starts the child where it is down.
    pub restart: Option<u8>,
    /// Goes on to the next [`Mode`].
    pub toggle: Option<u8>,
    /// Ends the whole tree where the child is down.
    pub quit: Option<u8>,
    /// Ends the viewer's own connection.
    pub logout: Option<u8>,
}

/// What is seen on a console, in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// The file; `-` is the program's own output.
    pub path: PathBuf,
    /// What stands before each line, in the signs of `strftime`; absent: nothing.
    pub stamp: Option<String>,
}

/// Whether a child is started again when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It is.
    On,
    /// It is not: automatic starts are paused.
    Off,
    /// It runs once more at most. Where the console may quit, its end is that of the whole tree.
    Oneshot,
}

impl Mode {
    /// Returns the mode that the toggle key goes on to.
    pub const fn next(self) -> Self {
        match self {
            Self::On => Self::Off,
            Self::Off => Self::Oneshot,
            Self::Oneshot => Self::On,
        }
    }

    /// Returns its name as procServ writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::On => "ON",
            Self::Off => "OFF",
            Self::Oneshot => "ONESHOT",
        }
    }
}

//! Everything a keeper holds, as it goes to the program that is the keeper next: by re-execution, or from a
//! brain whose keeper died. Descriptors are named by their numbers; they stay open.

use super::{Fact, Key, Sequence};
use crate::Text;
use crate::handover::Outputs;
use crate::process::{Access, Process, Socket};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A descriptor by its number.
pub type Number = i32;

/// Everything that is held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct State {
    /// [`VERSION`](super::VERSION) of who wrote it.
    pub version: u32,
    /// What tells this keeper's processes from those of others.
    pub identity: String,
    /// The number of the last fact.
    pub seq: Sequence,
    /// Facts that no brain has acknowledged.
    pub facts: Vec<(Sequence, Duration, Fact)>,
    /// The brain.
    pub brain: Brain,
    /// Whether the processes are children of the program that reads this.
    pub owned: bool,
    /// When all of this was so, by the monotonic clock: whoever lived then was seen alive.
    pub seen: Duration,
    /// Sockets that were passed to the first of these programs, by name.
    pub passed: Vec<(Text, Number)>,
    /// Every child.
    pub children: Vec<Child>,
    /// What children print, as the program before has left it.
    pub outputs: Option<Outputs>,
}

/// The brain of a keeper.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Brain {
    /// How it is started again.
    pub command: Vec<Text>,
    /// Its process.
    pub pid: Option<u32>,
    /// How often it has been started.
    pub starts: u32,
    /// The keeper's end of the link.
    pub link: Option<Number>,
}

/// One child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Child {
    /// Its path.
    pub name: Arc<str>,
    /// The present run, or the last one.
    pub last_run: u64,
    /// A run that was ordered of a keeper that died before it said what became of it.
    #[serde(default)]
    pub ordered: Option<u64>,
    /// Whether connections are watched for while it does not run.
    #[serde(default)]
    pub demand: bool,
    /// Its sockets.
    #[serde(default)]
    pub sockets: Vec<(Socket, Number)>,
    /// What it has left.
    #[serde(default)]
    pub stored: Vec<Stored>,
    /// Its run.
    pub run: Option<Run>,
}

/// A descriptor that a child has left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stored {
    /// Its name.
    pub name: Text,
    /// The descriptor.
    pub number: Number,
    /// Whether it is let go when its other end closes.
    #[serde(default)]
    pub watched: bool,
}

/// A run that lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Run {
    /// Which.
    pub key: Key,
    /// What it was started as.
    pub process: Arc<Process>,
    /// Its main process.
    pub pid: u32,
    /// When that began, in the kernel's ticks since boot.
    pub began: u64,
    /// Whether it has said that it is ready.
    #[serde(default)]
    pub ready: bool,
    /// Who may speak for it now.
    pub access: Option<Access>,
    /// The process itself.
    pub pidfd: Option<Number>,
    /// Its notify socket.
    pub notify: Option<Number>,
    /// Its notification descriptor.
    pub ready_fd: Option<Number>,
    /// Where its output is read, or its standard output alone.
    pub out: Option<Number>,
    /// Where its standard error is read.
    pub err: Option<Number>,
    /// The keeper's end of its terminal.
    pub terminal: Option<Number>,
    /// Where its input is written.
    pub input: Option<Number>,
    /// Bytes of its output that a keeper which died had read and not written.
    #[serde(default)]
    pub lost: u64,
}

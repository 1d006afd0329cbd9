//! What a keeper hands to the program it becomes. Descriptors are named by their numbers: they stay open.

use crate::Text;
use crate::process::{Log, Output};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is known of the outputs of all children.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outputs {
    /// All children that have printed or may print.
    pub children: Vec<OutputOf>,
    /// The counters of what has been read and not written.
    pub tally: i32,
    /// Lines that the keeper's own output has not taken yet.
    #[serde(default)]
    pub echo: Text,
}

/// What is known of the output of one child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutputOf {
    /// The child.
    pub child: Arc<str>,
    /// Its settings.
    pub output: Output,
    /// Its log, where it has one.
    pub log: Option<OpenLog>,
    /// Its run, while there is one.
    pub run: Option<OutputRun>,
    /// Who looks at its terminal, where it has one.
    pub audience: Option<Audience>,
}

/// A log that is being written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OpenLog {
    /// Its settings.
    pub settings: Log,
    /// The file; absent: it is opened by its path.
    pub file: Option<i32>,
    /// The length at which the next file begins.
    pub ceiling: u64,
    /// When the file began, in seconds of the wall clock.
    pub began: i64,
    /// Where the next byte stands.
    pub place: Place,
    /// Where in the file its unfinished line begins.
    pub line: Option<u64>,
    /// What could not be written yet.
    #[serde(default)]
    pub backlog: Text,
    /// The error of the last write.
    pub error: Option<i32>,
}

/// Where the next byte of a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// At the beginning of a line.
    Start,
    /// In a line of this run's standard output, or of its only one.
    Out(u64),
    /// In a line of this run's standard error.
    Err(u64),
    /// In a line whose rest will not come.
    Broken,
}

/// The outputs of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutputRun {
    /// The number of the run.
    pub run: u64,
    /// Its counter.
    pub slot: u32,
    /// What is read from: the only output or standard output first.
    pub streams: Vec<OutputStream>,
    /// What a line of it has to hold for the run to be ready, where that has not been seen yet.
    pub line: Option<Text>,
    /// Whether it is over and read to its end.
    pub draining: bool,
    /// The last bytes it printed.
    #[serde(default)]
    pub last: Text,
    /// Whether the first line of these has lost its beginning.
    pub is_cut: bool,
    /// Bytes that were read and could not be kept.
    pub lost: u64,
    /// Lines that were dropped and have not been told.
    pub dropped_lines: u64,
    /// Bytes of them.
    pub dropped_bytes: u64,
    /// Whether the last of them has not ended yet.
    pub dropped_inside: bool,
    /// Where it reads from.
    pub input: Option<OutputInput>,
}

/// One output of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutputStream {
    /// The end that is read from.
    pub descriptor: i32,
    /// Whether its end of file has come.
    pub ended: bool,
    /// The beginning of a line whose rest has not come.
    #[serde(default)]
    pub held: Text,
    /// Whether an earlier part of that line has been given on.
    pub inside: bool,
}

/// What is sent to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutputInput {
    /// The end that is written to.
    pub descriptor: i32,
    /// What the child has not taken yet.
    #[serde(default)]
    pub queue: Text,
    /// Whether it is closed behind that.
    pub closing: bool,
}

/// Who looks at a terminal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Audience {
    /// What a new viewer sees first.
    #[serde(default)]
    pub replay: Text,
    /// All viewers.
    pub viewers: Vec<Viewer>,
    /// Those who may type; the last one was active last.
    pub active: Vec<u64>,
}

/// One viewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Viewer {
    /// The brain's number for it.
    pub viewer: u64,
    /// Whether it may only look.
    pub read_only: bool,
    /// What it has not been sent yet.
    #[serde(default)]
    pub waiting: Text,
    /// How many bytes were left out before that.
    pub lost: u64,
    /// How many bytes may be sent to it at once.
    pub credit: u64,
    /// Rows and columns of its window.
    pub size: Option<(u16, u16)>,
}

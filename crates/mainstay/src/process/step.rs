//! How a process is asked for something: to end, to read its settings again, to say that it is ready.

use super::command::argv;
use super::signal;
use mainstay_core::spec::Grace;
use mainstay_wire::Text;
use mainstay_wire::keeper::Whom;
use std::ffi::OsStr;
use std::time::Duration;

/// How long a step takes where nothing is said.
const GRACE: Duration = Duration::from_secs(10);

/// One way to ask a process to end, and how long it gets. Steps are taken in turn, then comes force.
///
/// ```
/// use mainstay::process::{Command, StopStep};
/// use std::time::Duration;
///
/// let server = Command::new("game-server")
///     .stdin(mainstay::process::Stdin::Pipe)
///     .stop(StopStep::message("save-and-quit\n").within(Duration::from_secs(30)))
///     .stop(StopStep::signal("TERM").to_all());
/// # let _ = server;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct StopStep {
    pub(super) act: Act,
    pub(super) grace: Grace,
    pub(super) wrong: Vec<String>,
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// A signal is sent.
    Signal(u8, Whom),
    /// Something is written to its standard input or terminal.
    Message(Vec<u8>),
    /// A command is run.
    Execute(Vec<Text>),
    /// A host is asked over its connection.
    Ask,
}

impl StopStep {
    /// Sends a signal to the main process: `TERM`, `SIGINT`, `RTMIN+3`.
    pub fn signal(name: &str) -> Self {
        let mut wrong = Vec::new();
        let signal = signal::number_into(name, &mut wrong);
        Self::new(Act::Signal(signal, Whom::Main), wrong)
    }

    /// Writes this to the standard input, which must be a pipe, or to the terminal of the process.
    pub fn message(text: impl AsRef<[u8]>) -> Self {
        Self::new(Act::Message(text.as_ref().to_vec()), Vec::new())
    }

    /// Runs a command in the place of the process, with `MAINPID` in its environment.
    pub fn command<A: AsRef<OsStr>>(command: impl IntoIterator<Item = A>) -> Self {
        let mut wrong = Vec::new();
        let command = argv(command, "a stop step", &mut wrong);
        Self::new(Act::Execute(command), wrong)
    }

    const fn new(act: Act, wrong: Vec<String>) -> Self {
        Self { act, grace: Grace::For(GRACE), wrong }
    }

    /// Sends the signal to every process of the child, and not to the main one alone.
    pub fn to_all(mut self) -> Self {
        match &mut self.act {
            Act::Signal(_, whom) => *whom = Whom::All,
            Act::Message(_) | Act::Execute(_) | Act::Ask => {
                self.wrong.push("only a signal can go to all processes of a child".into());
            }
        }
        self
    }

    /// Sets how long the process gets before the next step; otherwise 10 s.
    pub const fn within(mut self, grace: Duration) -> Self {
        self.grace = Grace::For(grace);
        self
    }

    /// Lets it take as long as it wants. The bound on a drain still holds.
    pub const fn unbounded(mut self) -> Self {
        self.grace = Grace::Unbounded;
        self
    }
}

/// How a process is told to read its settings again.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Reload {
    pub(super) act: ReloadAct,
    pub(super) wrong: Vec<String>,
}

/// What is done, and what is taken for its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ReloadAct {
    /// A signal is sent. Nobody says when the reload is done.
    Signal(u8),
    /// The same; `RELOADING=1` and then `READY=1` say so.
    Notify(u8),
    /// A command is run. Its clean end says so.
    Execute(Vec<Text>),
    /// A host is asked over its connection, and answers there.
    Ask,
}

impl Reload {
    /// Sends a signal to the main process, most often `HUP`. Nobody says when the reload is done.
    pub fn signal(name: &str) -> Self {
        let mut wrong = Vec::new();
        let signal = signal::number_into(name, &mut wrong);
        Self { act: ReloadAct::Signal(signal), wrong }
    }

    /// Sends a signal, and takes `RELOADING=1` followed by `READY=1` on the notify socket for the end of the
    /// reload (systemd's `notify-reload`, where the signal is `HUP`).
    pub fn notify(name: &str) -> Self {
        let mut wrong = Vec::new();
        let signal = signal::number_into(name, &mut wrong);
        Self { act: ReloadAct::Notify(signal), wrong }
    }

    /// Runs a command in the place of the process, with `MAINPID`; the reload is done when it ends with 0.
    pub fn command<A: AsRef<OsStr>>(command: impl IntoIterator<Item = A>) -> Self {
        let mut wrong = Vec::new();
        let command = argv(command, "a reload", &mut wrong);
        Self { act: ReloadAct::Execute(command), wrong }
    }
}

/// What makes a process ready.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ready {
    /// `READY=1` on its notify socket (`sd_notify`).
    Notify,
    /// A line on this descriptor, from 3 on, as with s6. Its number is also in `NOTIFY_FD`.
    Fd(u32),
    /// A line of its output that holds this; `*` stands for any rest.
    Line(String),
    /// Its readiness probes.
    Probe,
}

impl Ready {
    /// Returns the rule for a line of output.
    pub fn line(pattern: impl Into<String>) -> Self {
        Self::Line(pattern.into())
    }
}

//! Why a command did not do what was asked, and the exit code that says so.

use crate::place::PlaceError;
use mainstay_wire::api::Problem;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// How a command ends. `docs/reference/exit-codes.md` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// What was asked is done, or was already so; all is as it should be.
    Done = 0,
    /// It was refused or failed; not all is as it should be.
    Failed = 1,
    /// What was typed is wrong.
    Usage = 2,
    /// Nothing answers; the child is down.
    Absent = 3,
    /// There is no such child, or no such run.
    Unknown = 4,
    /// Not permitted.
    Denied = 5,
    /// It took too long.
    TimedOut = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what was asked. What to do about it is in [`Fault::hint`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("nothing answers at {}", .socket.display())]
    Absent { socket: PathBuf },
    #[error("{} is not a socket", .socket.display())]
    NoSocket { socket: PathBuf },
    #[error("user {uid} may not use the socket {}", .socket.display())]
    Shut { socket: PathBuf, uid: u32, owner: Option<u32> },
    #[error("cannot connect to {}", .socket.display())]
    Connect { socket: PathBuf, source: io::Error },
    #[error("what answers at {} does not speak as mainstay does: {what}", .socket.display())]
    Foreign { socket: PathBuf, what: String },
    #[error("the connection to {} broke while {step}", .socket.display())]
    Broken { socket: PathBuf, step: &'static str },
    #[error("{} has not answered within {seconds} s", .socket.display())]
    Silent { socket: PathBuf, seconds: u64 },
    #[error("{}", .problem.text)]
    Refused { status: u16, problem: Problem },
    #[error("no child matches `{pattern}`")]
    NoMatch { pattern: String, near: Option<String> },
    #[error("{text}")]
    Unknown { text: String, hint: Option<String> },
    #[error("{text}")]
    Usage { text: String, hint: Option<String> },
    #[error("{text}")]
    Failed { text: String, hint: Option<String> },
    #[error("{text}")]
    TimedOut { text: String, hint: Option<String> },
    #[error("cannot {step} port {port} of 127.0.0.1")]
    Dashboard { port: u16, step: &'static str, source: io::Error },
    #[error("cannot {step} `{}`", .path.display())]
    File { path: PathBuf, step: &'static str, source: io::Error },
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    #[error("cannot prepare to wait for answers")]
    Runtime(#[source] io::Error),
}

impl Fault {
    /// Returns the exit code that says so.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Place(PlaceError::None) | Self::Absent { .. } => Exit::Absent,
            Self::Place(PlaceError::Foreign { .. }) | Self::Shut { .. } => Exit::Denied,
            Self::Place(_) | Self::Usage { .. } => Exit::Usage,
            Self::NoMatch { .. } | Self::Unknown { .. } => Exit::Unknown,
            Self::Silent { .. } | Self::TimedOut { .. } => Exit::TimedOut,
            Self::Refused { status: 401 | 403, .. } => Exit::Denied,
            Self::Refused { status: 404, .. } => Exit::Unknown,
            Self::Refused { status: 408 | 504, .. } => Exit::TimedOut,
            // Whoever reads the output has gone: nothing is wrong.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::NoSocket { .. }
            | Self::Connect { .. }
            | Self::Foreign { .. }
            | Self::Broken { .. }
            | Self::Refused { .. }
            | Self::Failed { .. }
            | Self::File { .. }
            | Self::Dashboard { .. }
            | Self::Output(_)
            | Self::Runtime(_) => Exit::Failed,
        }
    }

    /// Returns what to do about it, where something can be said.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Absent { .. } => Some("start it with `mainstay up`".into()),
            Self::NoSocket { .. } => {
                Some("the socket of a daemon is `api.sock` in its runtime folder".into())
            }
            Self::Shut { owner, .. } => Some(owner.map_or_else(
                || "ask whoever runs the daemon for a role in its spec file, under `api:`".into(),
                |owner| {
                    format!(
                        "it belongs to user {owner}: act as that user, or ask for a role in the \
                         spec file, under `api:`"
                    )
                },
            )),
            Self::Foreign { .. } => {
                Some("look at the path, and at the versions: `mainstay doctor`".into())
            }
            Self::Silent { .. } => Some(
                "its brain may be stopped or very busy: its keeper and the children go on".into(),
            ),
            Self::Refused { problem, .. } => problem.hint.clone(),
            Self::NoMatch { near, .. } => {
                near.as_ref().map(|near| format!("did you mean `{near}`?"))
            }
            Self::Unknown { hint, .. }
            | Self::Usage { hint, .. }
            | Self::Failed { hint, .. }
            | Self::TimedOut { hint, .. } => hint.clone(),
            Self::Dashboard { .. } => Some("another one is chosen with `--port`".into()),
            Self::Place(PlaceError::Folder { source, .. }) | Self::File { source, .. }
                if is_read_only(source) =>
            {
                Some(WRITABLE.into())
            }
            Self::File { path, .. } if path.starts_with("/proc") => {
                Some("mount it: `mount -t proc proc /proc`".into())
            }
            Self::Place(_)
            | Self::Connect { .. }
            | Self::Broken { .. }
            | Self::File { .. }
            | Self::Output(_)
            | Self::Runtime(_) => None,
        }
    }

    /// Returns it as the API says problems, for `--json`.
    pub(crate) fn problem(&self) -> Problem {
        if let Self::Refused { problem, .. } = self {
            return problem.clone();
        }
        let code = match self.exit() {
            Exit::Done => "done",
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::Absent => "nothing-answers",
            Exit::Unknown => "unknown-child",
            Exit::Denied => "forbidden",
            Exit::TimedOut => "timed-out",
        };
        Problem { code: code.into(), text: self.story(), hint: self.hint(), details: Vec::new() }
    }

    /// Returns it with its causes, in one sentence.
    pub(crate) fn story(&self) -> String {
        let mut text = self.to_string();
        // What is wrong with a spec file says so itself; whoever shows this says it too.
        if let Some(rest) = text.strip_prefix("error: ") {
            text = rest.trim_end().to_owned();
        }
        for cause in causes(self) {
            text.push_str(": ");
            text.push_str(&cause.to_string());
        }
        text
    }

    /// Returns that the daemon itself failed, for these reasons.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut hint = None;
        for cause in causes(error) {
            let said = cause.to_string();
            // Some say their cause themselves.
            if !text.ends_with(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            let fault = cause.downcast_ref::<io::Error>();
            hint =
                hint.or_else(|| fault.filter(|fault| is_read_only(fault)).map(|_| WRITABLE.into()));
        }
        Self::Failed { text, hint }
    }
}

/// What to do where nothing can be written.
pub(crate) const WRITABLE: &str = "name folders that can be written to with MAINSTAY_RUNTIME and MAINSTAY_STATE, on a tmpfs or a \
                        volume";

fn is_read_only(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ReadOnlyFilesystem
}

/// Returns what an error came from, the nearest first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

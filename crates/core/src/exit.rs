//! How a run ended: what its driver reported, and what that means after what was asked of the run.

use crate::moment::Moment;
use core::fmt;
use core::time::Duration;

/// What a driver reports when a run is over: every task, thread and process of it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It came to its end without an error.
    Completed,
    /// The start said that there is nothing to do.
    Skipped,
    /// It ended with an error, or a process with an exit code other than 0.
    Failed {
        /// The exit code of a process.
        code: Option<i32>,
        /// What the error said about another try.
        class: Class,
        /// The earliest next try the error asked for, counted from the exit; capped by the backoff's `most`.
        retry_after: Option<Duration>,
    },
    /// A signal ended the process.
    Signaled {
        /// The number of the signal.
        signal: u8,
        /// Whether a core was dumped.
        core: bool,
    },
    /// User code panicked.
    Panicked,
    /// The run never began.
    StartFailed {
        /// The step that failed.
        step: StartStep,
        /// Whether trying again may help; a missing program is not mended by retrying.
        mendable: bool,
    },
    /// The kernel killed it for its memory.
    OutOfMemory,
    /// A limit of its own ended it (CPU time, file size, a cgroup's ceiling).
    OverLimit,
    /// Something outside the tree cut it off: an abort, a cancellation nobody here asked for.
    Aborted,
    /// Nobody saw it end; it happened between these moments.
    Unknown {
        /// The last moment it was seen alive.
        from: Moment,
        /// The moment it was found gone.
        to: Moment,
    },
}

impl Exit {
    /// An error without code, class or wish.
    pub const FAILED: Self = Self::Failed { code: None, class: Class::Plain, retry_after: None };
}

/// What an error says about another try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Nothing; the policy decides.
    #[default]
    Plain,
    /// It will pass; treated like `Plain`, shown to people.
    Transient,
    /// Another try is useless: straight to `on_exhausted`.
    Permanent,
    /// The supervisor itself is in doubt: it gives up.
    Fatal,
}

/// The step at which a start failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartStep {
    /// Running the user's factory.
    Factory,
    /// Finding the program.
    Program,
    /// Changing to the user or its groups.
    User,
    /// Changing to the working folder.
    Folder,
    /// Preparing the environment and its secrets.
    Environment,
    /// Opening logs, pipes, ptys.
    Output,
    /// Opening or passing listening sockets.
    Listen,
    /// Entering the cgroup or applying limits.
    Limits,
    /// Executing the program.
    Exec,
    /// Connecting to the new process.
    Connect,
}

impl StartStep {
    /// Returns what a person can do about a start that failed here for good.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Factory => "mend the code that makes it",
            Self::Program => "install the program, or mend its path",
            Self::User => {
                "create the user or group, mend its name, or run this program as root: only root changes users"
            }
            Self::Folder => "create the folder, or mend its path",
            Self::Environment => "provide the missing variable or secret",
            Self::Output => "make room, or mend the path and rights of its outputs",
            Self::Listen => "free the address, or name another",
            Self::Limits => {
                "lower the limits to what this machine allows, or run this program in a cgroup that passes their controllers on"
            }
            Self::Exec => "make the file executable for this machine and user",
            Self::Connect => {
                "mend what the reason names: the process and this program could not be brought together"
            }
        }
    }
}

impl fmt::Display for StartStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Factory => "running the factory",
            Self::Program => "finding the program",
            Self::User => "changing the user",
            Self::Folder => "changing to the working folder",
            Self::Environment => "preparing the environment",
            Self::Output => "opening its outputs",
            Self::Listen => "passing its sockets",
            Self::Limits => "applying its limits",
            Self::Exec => "executing the program",
            Self::Connect => "connecting to it",
        })
    }
}

/// Why this run was asked to end. The first asking stays; later ones only hurry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `stop`, or what an operator wants became down.
    Stop,
    /// `restart`.
    Restart,
    /// `recycle`, its own request, or the recycle age was reached.
    Recycle,
    /// The hard memory guard.
    Guard,
    /// A sibling's exit and the strategy.
    Group,
    /// Its supervisor is closing, or the tree drains.
    Close,
    /// A child it needs went away.
    Dependency,
    /// `quarantine`, or a budget whose end is quarantine.
    Quarantine,
    /// `remove`.
    Remove,
    /// `replace` or `apply` with a change that needs a new run.
    Replace,
    /// An on-demand child was idle.
    Idle,
    /// It did not report started in time.
    StartTimeout,
    /// It did not become ready in time.
    ReadyTimeout,
    /// Its heartbeat stopped.
    HeartbeatLost,
    /// A startup or liveness probe failed too often.
    ProbeFailed,
    /// Work was pending and did not move.
    NoProgress,
}

/// How a run ended, judged by what was asked of it and then by what it reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A clean end, by itself.
    Completed,
    /// The start said that there is nothing to do.
    Skipped,
    /// An error, or an exit code that is not a success.
    Failed {
        /// The exit code of a process.
        code: Option<i32>,
        /// What the error said about another try.
        class: Class,
    },
    /// A signal nobody here sent.
    Signaled {
        /// The number of the signal.
        signal: u8,
        /// Whether a core was dumped.
        core: bool,
    },
    /// User code panicked.
    Panicked,
    /// The run never began.
    StartFailed {
        /// The step that failed.
        step: StartStep,
        /// Whether trying again may help.
        mendable: bool,
    },
    /// It did not report started in time.
    StartTimeout,
    /// It did not become ready in time.
    ReadyTimeout,
    /// Its heartbeat stopped.
    HeartbeatLost,
    /// A startup or liveness probe failed too often.
    ProbeFailed,
    /// Work was pending and did not move.
    NoProgress,
    /// The kernel killed it for its memory.
    OutOfMemory,
    /// A limit of its own ended it.
    OverLimit,
    /// We asked this run to end.
    Stopped,
    /// We asked this run to make place for a fresh one.
    Recycled,
    /// A supervisor gave up.
    GaveUp,
    /// We ended it because a child it needs went away.
    DependencyLost,
    /// Something outside the tree cut it off.
    Aborted,
    /// It could not be ended; nobody waits for it any more.
    Abandoned,
    /// Nobody saw it end.
    Unknown {
        /// The last moment it was seen alive.
        from: Moment,
        /// The moment it was found gone.
        to: Moment,
    },
}

/// Exit codes and signals that are not failures, beside code 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Success {
    /// Further exit codes that count as a clean end.
    pub codes: alloc::vec::Vec<i32>,
    /// Signals that count as a clean end.
    pub signals: alloc::vec::Vec<u8>,
}

impl Success {
    fn covers(&self, exit: &Exit) -> bool {
        match exit {
            Exit::Failed { code: Some(code), .. } => *code == 0 || self.codes.contains(code),
            Exit::Signaled { signal, core } => !core && self.signals.contains(signal),
            Exit::Completed
            | Exit::Skipped
            | Exit::Failed { code: None, .. }
            | Exit::Panicked
            | Exit::StartFailed { .. }
            | Exit::OutOfMemory
            | Exit::OverLimit
            | Exit::Aborted
            | Exit::Unknown { .. } => false,
        }
    }
}

impl Cause {
    /// Judges an exit: first by what was asked of this run, then by what it reported.
    ///
    /// An `Ok` or a panic after our stop is `Stopped`; the report itself is kept in the event. A
    /// run that was ended for lost liveness keeps that cause, whatever it reports on the way out.
    pub fn judge(asked: Option<Asked>, exit: &Exit, success: &Success) -> Self {
        match asked {
            Some(
                Asked::Stop
                | Asked::Restart
                | Asked::Group
                | Asked::Close
                | Asked::Quarantine
                | Asked::Remove
                | Asked::Replace
                | Asked::Idle,
            ) => Self::Stopped,
            Some(Asked::Recycle | Asked::Guard) => Self::Recycled,
            Some(Asked::Dependency) => Self::DependencyLost,
            Some(Asked::StartTimeout) => Self::StartTimeout,
            Some(Asked::ReadyTimeout) => Self::ReadyTimeout,
            Some(Asked::HeartbeatLost) => Self::HeartbeatLost,
            Some(Asked::ProbeFailed) => Self::ProbeFailed,
            Some(Asked::NoProgress) => Self::NoProgress,
            None if success.covers(exit) => Self::Completed,
            None => match *exit {
                Exit::Completed => Self::Completed,
                Exit::Skipped => Self::Skipped,
                Exit::Failed { code, class, .. } => Self::Failed { code, class },
                Exit::Signaled { signal, core } => Self::Signaled { signal, core },
                Exit::Panicked => Self::Panicked,
                Exit::StartFailed { step, mendable } => Self::StartFailed { step, mendable },
                Exit::OutOfMemory => Self::OutOfMemory,
                Exit::OverLimit => Self::OverLimit,
                Exit::Aborted => Self::Aborted,
                Exit::Unknown { from, to } => Self::Unknown { from, to },
            },
        }
    }

    /// Returns whether the run ended because we asked it to, which never charges a budget.
    pub const fn is_asked(&self) -> bool {
        matches!(self, Self::Stopped | Self::Recycled | Self::DependencyLost)
    }

    /// Returns whether the run came to an end that no one could call an error.
    pub const fn is_clean(&self) -> bool {
        matches!(self, Self::Completed | Self::Skipped)
    }

    /// Returns the exit code a program ends with when this cause ended it: 128 + n for a signal.
    pub fn code(&self) -> u8 {
        match self {
            Self::Completed | Self::Skipped | Self::Stopped | Self::Recycled => 0,
            Self::Failed { code: Some(code), .. } => u8::try_from(*code).unwrap_or(1).max(1),
            Self::Signaled { signal, .. } => 128_u8.saturating_add(*signal),
            Self::OutOfMemory => 137,
            Self::Failed { code: None, .. }
            | Self::Panicked
            | Self::StartFailed { .. }
            | Self::StartTimeout
            | Self::ReadyTimeout
            | Self::HeartbeatLost
            | Self::ProbeFailed
            | Self::NoProgress
            | Self::OverLimit
            | Self::GaveUp
            | Self::DependencyLost
            | Self::Aborted
            | Self::Abandoned
            | Self::Unknown { .. } => 1,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Skipped => f.write_str("had nothing to do"),
            Self::Failed { code, class } => {
                match code {
                    Some(code) => write!(f, "failed with exit code {code}")?,
                    None => f.write_str("failed")?,
                }
                match class {
                    Class::Plain => Ok(()),
                    Class::Transient => f.write_str(" (transient)"),
                    Class::Permanent => f.write_str(" (permanent)"),
                    Class::Fatal => f.write_str(" (fatal)"),
                }
            }
            Self::Signaled { signal, core: false } => write!(f, "was ended by signal {signal}"),
            Self::Signaled { signal, core: true } => {
                write!(f, "was ended by signal {signal}, core dumped")
            }
            Self::Panicked => f.write_str("panicked"),
            Self::StartFailed { step, mendable: true } => write!(f, "failed to start while {step}"),
            Self::StartFailed { step, mendable: false } => {
                write!(f, "failed to start while {step}, which retrying cannot mend")
            }
            Self::StartTimeout => f.write_str("did not start in time"),
            Self::ReadyTimeout => f.write_str("did not become ready in time"),
            Self::HeartbeatLost => f.write_str("lost its heartbeat"),
            Self::ProbeFailed => f.write_str("failed its probe"),
            Self::NoProgress => f.write_str("made no progress on pending work"),
            Self::OutOfMemory => f.write_str("was killed for its memory"),
            Self::OverLimit => f.write_str("went over a limit"),
            Self::Stopped => f.write_str("was stopped"),
            Self::Recycled => f.write_str("was recycled"),
            Self::GaveUp => f.write_str("gave up"),
            Self::DependencyLost => f.write_str("lost a child it needs"),
            Self::Aborted => f.write_str("was cut off from outside"),
            Self::Abandoned => f.write_str("was abandoned"),
            Self::Unknown { from, to } => write!(f, "ended unseen between {from} and {to}"),
        }
    }
}

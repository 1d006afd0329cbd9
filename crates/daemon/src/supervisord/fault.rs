//! Why a call has no answer, in supervisord's numbers.

use super::value::Value;
use crate::api::Trouble;

/// A fault: its number there, and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) about: Option<String>,
}

/// The faults that supervisord knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    UnknownMethod,
    IncorrectParameters,
    BadArguments,
    SignatureUnsupported,
    ShutdownState,
    BadName,
    BadSignal,
    NoFile,
    NotExecutable,
    Failed,
    AbnormalTermination,
    SpawnError,
    AlreadyStarted,
    NotRunning,
    AlreadyAdded,
    StillRunning,
    CantReread,
}

impl FaultKind {
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::UnknownMethod => 1,
            Self::IncorrectParameters => 2,
            Self::BadArguments => 3,
            Self::SignatureUnsupported => 4,
            Self::ShutdownState => 6,
            Self::BadName => 10,
            Self::BadSignal => 11,
            Self::NoFile => 20,
            Self::NotExecutable => 21,
            Self::Failed => 30,
            Self::AbnormalTermination => 40,
            Self::SpawnError => 50,
            Self::AlreadyStarted => 60,
            Self::NotRunning => 70,
            Self::AlreadyAdded => 90,
            Self::StillRunning => 91,
            Self::CantReread => 92,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::UnknownMethod => "UNKNOWN_METHOD",
            Self::IncorrectParameters => "INCORRECT_PARAMETERS",
            Self::BadArguments => "BAD_ARGUMENTS",
            Self::SignatureUnsupported => "SIGNATURE_UNSUPPORTED",
            Self::ShutdownState => "SHUTDOWN_STATE",
            Self::BadName => "BAD_NAME",
            Self::BadSignal => "BAD_SIGNAL",
            Self::NoFile => "NO_FILE",
            Self::NotExecutable => "NOT_EXECUTABLE",
            Self::Failed => "FAILED",
            Self::AbnormalTermination => "ABNORMAL_TERMINATION",
            Self::SpawnError => "SPAWN_ERROR",
            Self::AlreadyStarted => "ALREADY_STARTED",
            Self::NotRunning => "NOT_RUNNING",
            Self::AlreadyAdded => "ALREADY_ADDED",
            Self::StillRunning => "STILL_RUNNING",
            Self::CantReread => "CANT_REREAD",
        }
    }

    /// Makes a fault that says no more.
    pub(crate) const fn alone(self) -> Fault {
        Fault { kind: self, about: None }
    }

    /// Makes a fault about something.
    pub(crate) fn about(self, about: impl Into<String>) -> Fault {
        Fault { kind: self, about: Some(about.into()) }
    }
}

impl Fault {
    /// Returns what is told with the number, as supervisord writes it: `BAD_NAME: web`.
    pub(crate) fn text(&self) -> String {
        match &self.about {
            Some(about) => format!("{}: {about}", self.kind.name()),
            None => self.kind.name().to_owned(),
        }
    }

    /// Returns it as one of the results of several calls.
    pub(crate) fn value(&self) -> Value {
        let code = Value::Int(i64::from(self.kind.code()));
        Value::of([("faultCode", code), ("faultString", self.text().into())])
    }

    /// Makes a fault of why the API would have refused it.
    pub(crate) fn of(trouble: &Trouble) -> Self {
        let kind = match trouble.problem.code.as_str() {
            "draining" | "ended" => FaultKind::ShutdownState,
            "unknown-child" => FaultKind::BadName,
            "spec" => FaultKind::CantReread,
            _ => FaultKind::Failed,
        };
        let problem = &trouble.problem;
        let mut text = problem.text.clone();
        for detail in &problem.details {
            text.push_str("; ");
            text.push_str(detail);
        }
        if let Some(hint) = &problem.hint {
            text = format!("{text} ({hint})");
        }
        kind.about(text)
    }
}

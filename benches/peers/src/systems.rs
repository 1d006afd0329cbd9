//! The systems that are measured, and what each must be able to do.

mod bare;
mod kameo;
#[cfg(feature = "mainstay")]
mod mainstay;
pub(crate) mod otp;
mod ractor_supervisor;
mod task_supervisor;
mod taskvisor;

use crate::cases::{self, Figure, Kind};
use crate::work::Work;
use std::future::Future;
use std::pin::Pin;

/// Why a system does not do what a case asks for; the table says it in the system's row.
pub(crate) type Cannot = &'static str;

/// In which order the children have to be stopped later.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Any,
    /// Each child is gone before the stop of the next older one begins.
    YoungestFirst,
}

/// A supervisor with its children.
///
/// Each part is written as the system's own documentation would have it, with the fastest of its
/// ways where there are several. All limits on restarts are off and all delays are zero.
pub(crate) trait System: Sized + Send + 'static {
    /// Starts children 0 to `children` - 1, each of which does `W::run(child)`.
    ///
    /// A run that fails is followed by another without delay, as often as it happens; a run that
    /// ends well is not. It may return before the children run: the case waits for that by itself.
    fn start<W: Work>(
        children: u32,
        order: Order,
    ) -> impl Future<Output = Result<Self, Cannot>> + Send;

    /// Stops all children in the order that [`Self::start`] was told, and returns when they are gone.
    fn stop(self) -> impl Future<Output = Result<(), Cannot>> + Send;

    /// Starts so many tasks under one supervisor, and returns when all have ended.
    fn run_all<W: Work>(tasks: u32) -> impl Future<Output = Result<(), Cannot>> + Send;

    /// Starts so many tasks under one supervisor, each when the end of the one before is known.
    fn run_one_by_one<W: Work>(tasks: u32) -> impl Future<Output = Result<(), Cannot>> + Send;
}

/// The names on the command line and in the table; the first is what the others are compared with.
pub(crate) const NAMES: [&str; 7] =
    [BARE, "mainstay", "task-supervisor", "taskvisor", "ractor-supervisor", "kameo", otp::NAME];

pub(crate) const BARE: &str = "bare";

/// A case of one system, ready to run.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<Figure, Cannot>> + Send>>;

/// Returns the case of the system with this name.
pub(crate) fn run(name: &str, kind: Kind, count: u32) -> Running {
    match name {
        BARE => Box::pin(cases::run::<bare::Bare>(kind, count)),
        #[cfg(feature = "mainstay")]
        "mainstay" => Box::pin(cases::run::<mainstay::Mainstay>(kind, count)),
        "task-supervisor" => Box::pin(cases::run::<task_supervisor::Supervised>(kind, count)),
        "taskvisor" => Box::pin(cases::run::<taskvisor::Supervised>(kind, count)),
        "ractor-supervisor" => Box::pin(cases::run::<ractor_supervisor::Supervised>(kind, count)),
        "kameo" => Box::pin(cases::run::<kameo::Supervised>(kind, count)),
        _ => Box::pin(async { Err("not built in: `--features mainstay`") }),
    }
}

const WALKS: &str =
    "simple_one_for_one; some limit must be set, and each restart walks those of the last second";

/// Returns what has to be known about a figure before it is compared with another.
pub(crate) fn note(name: &str, kind: Kind) -> Option<&'static str> {
    match (name, kind) {
        (BARE, Kind::Stop) => Some("abort_all, then join_next until none is left"),
        (BARE, Kind::StopInOrder) => Some("abort and join_next for one after the other"),
        ("task-supervisor" | "taskvisor", Kind::StopInOrder) => {
            Some("no order of its own: a loop outside stops one after the other")
        }
        ("task-supervisor", Kind::Churn | Kind::OneByOne) => {
            Some("it does not tell of ends: timed to the task's last instruction; keeps every task")
        }
        ("task-supervisor", Kind::RestartOne) => Some("a zero delay waits for a 1 ms timer"),
        ("taskvisor", Kind::RestartOne | Kind::RestartMany | Kind::Storm) => {
            Some("restarts inside the child's own task")
        }
        ("ractor-supervisor", Kind::Start | Kind::Stop) => Some("TaskSupervisor"),
        ("ractor-supervisor", Kind::StopInOrder) => {
            Some("no order of its own, and no wait: a loop outside, timed to the task's last word")
        }
        ("ractor-supervisor", Kind::RestartOne | Kind::RestartMany | Kind::Storm) => {
            Some("the static Supervisor: the dynamic one sleeps 10 ms at each restart")
        }
        ("ractor-supervisor", Kind::Churn | Kind::OneByOne) => {
            Some("TaskSupervisor; it does not tell of ends: timed to the task's last instruction")
        }
        ("kameo", Kind::StopInOrder) => {
            Some("no order of its own: a loop outside stops one actor after the other")
        }
        ("kameo", Kind::Churn) => {
            Some("timed to the actor's last instruction; the supervisor keeps every actor")
        }
        (otp::NAME, Kind::Start | Kind::Stop) => Some("simple_one_for_one"),
        (otp::NAME, Kind::RestartOne | Kind::RestartMany | Kind::Storm) => Some(WALKS),
        (otp::NAME, Kind::OneByOne) => Some("the end is a monitor's message"),
        _ => None,
    }
}

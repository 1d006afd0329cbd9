//! One task kept running by a policy, without a tree to declare.

use crate::build::StartError;
use crate::context::Context;
use crate::declare::{Policy, child, tree};
use crate::end::{BoxError, Ended};
use crate::report::{Ending, Report};
use mainstay_core::Exit;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Runs a task until it returns `Ok`, as often as the policy allows, and returns that value.
///
/// When the budget is spent, or the error is [permanent](crate::Fault::permanent), it returns the last
/// error. Signals are not heard here. Dropping the future ends the task.
///
/// ```
/// use mainstay::{Policy, Preset, supervise};
///
/// # async fn serve() -> Result<(), std::io::Error> { Ok(()) }
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// if let Err(error) = supervise("gateway", Policy::from(Preset::Epics), |_cx| serve()).await {
///     eprintln!("{error}"); // gateway gave up after 10 runs: connection refused
/// }
/// # }
/// ```
///
/// # Errors
///
/// The last error of the task, with the report of its end; or why it could not be started at all.
pub async fn supervise<T, E, F, Fut>(
    name: &str,
    policy: impl Into<Policy>,
    make: F,
) -> Result<T, SuperviseError>
where
    T: Send + 'static,
    E: Into<BoxError>,
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, E>> + Send + 'static,
{
    let last = Arc::new(Last { result: Mutex::new(None) });
    let kept = Arc::clone(&last);
    let task = child(name).task(move |cx: Context| {
        kept.lock().take();
        let (run, kept) = (make(cx), Arc::clone(&kept));
        async move { kept.keep(run.await) }
    });
    // Whatever ends this child for good ends the tree, which is nothing but this child.
    let policy = policy.into().restart(crate::Restart::OnFailure).critical();
    let tree = tree().unlimited_children().child(task.policy(&policy));
    let owner = tree.start().map_err(SuperviseError::Start)?;
    let report = owner.handle().ended().await;
    let result = last.lock().take();
    match result {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(SuperviseError::Ended { error: Some(error), report }),
        None => Err(SuperviseError::Ended { error: None, report }),
    }
}

/// What the last run returned, if it returned.
struct Last<T> {
    result: Mutex<Option<Result<T, BoxError>>>,
}

impl<T> Last<T> {
    fn lock(&self) -> MutexGuard<'_, Option<Result<T, BoxError>>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep<E: Into<BoxError>>(&self, result: Result<T, E>) -> Ended {
        let result = result.map_err(Into::into);
        let ended = match &result {
            Ok(_) => Ended::plain(Exit::Completed),
            Err(error) => Ended::of(&**error),
        };
        *self.lock() = Some(result);
        ended
    }
}

/// Why a supervised task has no value.
#[derive(Debug)]
#[non_exhaustive]
pub enum SuperviseError {
    /// It has never begun.
    Start(StartError),
    /// It got no further run.
    Ended {
        /// What the last run returned; `None` when it panicked or was ended.
        error: Option<BoxError>,
        /// How it ended, and after how many runs.
        report: Arc<Report>,
    },
}

impl fmt::Display for SuperviseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = match self {
            Self::Start(_) => return f.write_str("the task was not started"),
            Self::Ended { report, .. } => report,
        };
        let line = report.lines.first();
        let name = line.map_or("the task", |line| line.path.as_str());
        match &report.ending {
            Ending::Asked => write!(f, "{name} was asked to end"),
            Ending::Cut => write!(f, "{name} was cut off: the runtime ended first"),
            Ending::Fatal { cause, detail, .. } => {
                match line.and_then(|line| line.run).map_or(0, |run| run.0) {
                    1 => write!(f, "{name} gave up after 1 run")?,
                    runs => write!(f, "{name} gave up after {runs} runs")?,
                }
                match detail {
                    Some(detail) => write!(f, ": {detail}"),
                    None => write!(f, ": it {cause}"),
                }
            }
        }
    }
}

impl Error for SuperviseError {
    /// The start's error. What a task said last is part of the text already.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Start(error) => Some(error),
            Self::Ended { .. } => None,
        }
    }
}

//! Children that are OS processes.

use super::child::Child;
use super::policy::Words;
use crate::host::Parts;
use crate::process::{Command, Said, Settings};
use mainstay_core::spec::Kind;
use std::sync::Arc;

/// Declares an OS process. What only processes have stands in its [`Command`], what every child has is said here.
///
/// ```
/// use mainstay::process;
/// use mainstay::process::{Command, Ready};
/// use std::time::Duration;
///
/// let redis = process("redis", Command::new("redis-server").args(["--port", "6400"]));
/// let web = process("web", Command::new("./web").ready(Ready::line("listening on *")))
///     .needs("redis")
///     .ready_within(Duration::from_secs(20))
///     .optional();
/// # let _ = (redis, web);
/// ```
pub fn process(name: &str, command: Command) -> Child {
    of_command(name, Kind::Process, command, None)
}

/// Declares a child of this kind that runs a command.
pub(super) fn of_command(name: &str, kind: Kind, command: Command, host: Option<Parts>) -> Child {
    let Said { ready, steps, probes, success } = command.said();
    let mut words = Words::named(name);
    words.kind = Some(kind);
    if ready.is_some() {
        words.say().ready = ready;
    }
    if steps.is_some() {
        words.say_all().steps = steps;
    }
    if !probes.is_empty() {
        words.say().liveness.get_or_insert_default().probes = probes;
    }
    if success.is_some() {
        words.say().success = success;
    }
    words.code = Some(Arc::new(Settings::with_host(command, host)));
    Child { words, reference: None }
}

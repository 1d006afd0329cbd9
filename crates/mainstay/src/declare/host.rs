//! Children that are hosts.

use super::child::Child;
use super::process::of_command;
use crate::host::{Contract, Host};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::{Kind, Ready};

/// Declares a host: a process that serves a contract. What only hosts have stands in its [`Host`], what every child
/// has is said here.
///
/// It is ready when it says so, within 60 s unless [`ready_within`](Child::ready_within) says otherwise.
pub fn host<C: Contract>(name: &str, host: Host<C>) -> Child {
    let (command, parts) = host.into_parts();
    let restores = parts.rehydrate.as_ref().map(|(within, _)| *within);
    parts.desk.named(name);
    let one_shot = parts.one_shot;
    let mut child = of_command(name, Kind::Host, command, Some(parts));
    child.words.say().ready = Some(Ready::Explicit);
    child.words.say().rehydrate = restores;
    match one_shot {
        Some(within) => child.on_demand(None).restart(Restart::OnFailure).progress_within(within),
        None => child,
    }
}

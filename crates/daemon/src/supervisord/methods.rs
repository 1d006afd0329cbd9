//! The methods: one table that calls, `system.listMethods` and `system.methodHelp` are made of.

mod config;
mod control;
mod groups;
mod logs;
mod system;
mod table;
mod whole;

use super::Interface;
use super::fault::{Fault, FaultKind};
use super::value::{Call, Value};
use crate::api::{Caller, Role, Trouble};
use mainstay::Overall;
pub(crate) use table::METHODS;

/// One method.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// The least role it takes.
    pub(crate) role: Role,
    /// What it returns, and what it is called with, in words of XML-RPC.
    pub(crate) signature: &'static [&'static str],
    /// How many of its parameters may be left out.
    pub(crate) optional: usize,
    pub(crate) help: &'static str,
}

/// Why there is no answer.
pub(crate) enum Failure {
    /// A fault, as an answer.
    Fault(Fault),
    /// Whoever asks may not.
    Forbidden(Trouble),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A call that may be made, and in whose name.
pub(super) struct Asked<'a> {
    pub(super) interface: &'a Interface,
    pub(super) caller: &'a Caller,
    pub(super) method: &'static str,
    params: &'a [Value],
}

/// Calls a method.
pub(crate) async fn call(
    interface: &Interface,
    caller: &Caller,
    call: &Call,
) -> Result<Value, Failure> {
    let known = METHODS.iter().find(|method| method.name == call.method);
    let Some(method) = known else { return Err(FaultKind::UnknownMethod.alone().into()) };
    caller.require(method.role).map_err(Failure::Forbidden)?;
    let most = method.signature.len() - 1;
    if call.params.len() > most || call.params.len() + method.optional < most {
        return Err(FaultKind::IncorrectParameters.alone().into());
    }
    let handle = &interface.service.handle;
    let is_ending = handle.health().overall == Overall::Draining || !handle.is_alive();
    if method.name.starts_with("supervisor.") && is_ending {
        return Err(FaultKind::ShutdownState.alone().into());
    }
    let asked = Asked { interface, caller, method: method.name, params: &call.params };
    asked.answer().await.map_err(Failure::Fault)
}

impl Asked<'_> {
    async fn answer(&self) -> Result<Value, Fault> {
        match self.method.split_once('.').map_or(self.method, |(_, name)| name) {
            "getAPIVersion" | "getVersion" => Ok(whole::API_VERSION.into()),
            "getSupervisorVersion" => Ok(whole::version().into()),
            "getIdentification" => Ok(self.interface.service.name_of().into()),
            "getState" => Ok(whole::state()),
            "getPID" => Ok(whole::pid(self)),
            "readLog" | "readMainLog" => whole::read_log(self),
            "clearLog" => whole::clear_log(),
            "shutdown" => whole::shutdown(self).await,
            "restart" => whole::restart(self).await,
            "sendRemoteCommEvent" => whole::remote_event(self),
            "reloadConfig" => groups::reload(self).await,
            "addProcessGroup" => groups::add(self).await,
            "removeProcessGroup" => groups::remove(self).await,
            "getAllConfigInfo" => config::all(self).await,
            "getProcessInfo" => Ok(self.roster().await?.one(self.text(0)?)?.info()),
            "getAllProcessInfo" => {
                let roster = self.roster().await?;
                Ok(Value::Array(roster.by_name().iter().map(|entry| entry.info()).collect()))
            }
            "startProcess" => control::start(self).await,
            "startProcessGroup" => control::start_group(self).await,
            "startAllProcesses" => control::start_all(self).await,
            "stopProcess" => control::stop(self).await,
            "stopProcessGroup" => control::stop_group(self).await,
            "stopAllProcesses" => control::stop_all(self).await,
            "signalProcess" => control::signal(self).await,
            "signalProcessGroup" => control::signal_group(self).await,
            "signalAllProcesses" => control::signal_all(self).await,
            "sendProcessStdin" => control::stdin(self).await,
            "readProcessStdoutLog" | "readProcessLog" => logs::read(self, logs::OUT).await,
            "readProcessStderrLog" => logs::read(self, logs::ERR).await,
            "tailProcessStdoutLog" | "tailProcessLog" => logs::tail(self, logs::OUT).await,
            "tailProcessStderrLog" => logs::tail(self, logs::ERR).await,
            "clearProcessLogs" | "clearProcessLog" => logs::clear(self).await,
            "clearAllProcessLogs" => logs::clear_all(self).await,
            "listMethods" => Ok(system::list()),
            "methodHelp" => system::help(self),
            "methodSignature" => system::signature(self),
            "multicall" => system::multicall(self).await,
            _ => Err(FaultKind::UnknownMethod.alone()),
        }
    }

    /// Returns a parameter that is a text.
    pub(super) fn text(&self, at: usize) -> Result<&str, Fault> {
        match self.params.get(at) {
            Some(Value::Text(text)) => Ok(text),
            Some(_) | None => Err(FaultKind::IncorrectParameters.alone()),
        }
    }

    /// Returns a parameter that is a number; a text that is one does too.
    pub(super) fn number(&self, at: usize) -> Result<i64, Fault> {
        match self.params.get(at) {
            Some(Value::Int(number)) => Some(*number),
            Some(Value::Text(text)) => text.trim().parse().ok(),
            Some(Value::Bool(_) | Value::Double(_) | Value::Moment(_)) => None,
            Some(Value::Bytes(_) | Value::Array(_) | Value::Struct(_)) | None => None,
        }
        .ok_or_else(|| FaultKind::IncorrectParameters.alone())
    }

    /// Returns a switch that may be left out, and then is on.
    pub(super) fn switch(&self, at: usize) -> Result<bool, Fault> {
        match self.params.get(at) {
            None => Ok(true),
            Some(Value::Bool(switch)) => Ok(*switch),
            Some(Value::Int(number)) => Ok(*number != 0),
            Some(_) => Err(FaultKind::IncorrectParameters.alone()),
        }
    }

    pub(super) async fn roster(&self) -> Result<super::roster::Roster, Fault> {
        super::roster::Roster::look(&self.interface.service.handle).await
    }

    /// Gives a command of the API.
    pub(super) async fn command(
        &self,
        target: &str,
        verb: mainstay_wire::api::Verb,
    ) -> Result<mainstay_wire::api::Reply, Trouble> {
        let command = mainstay_wire::api::Command {
            verb,
            target: target.to_owned(),
            why: self.method.to_owned(),
            who: None,
            id: None,
            if_run: None,
            if_revision: None,
        };
        crate::api::carry_out(&self.interface.service, self.caller, command, None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_that_of_supervisord() {
        let names: BTreeSet<&str> = METHODS.iter().map(|method| method.name).collect();
        assert_eq!(names.len(), METHODS.len(), "no name stands twice");
        assert_eq!(METHODS.len(), 41, "as many as supervisord 4.2.5 lists");
        for method in METHODS {
            assert!(!method.help.is_empty(), "{}", method.name);
            assert!(method.optional < method.signature.len(), "{}", method.name);
        }
    }
}

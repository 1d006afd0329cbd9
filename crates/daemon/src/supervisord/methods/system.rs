//! `system.*`: what there is, and several calls at once.

use super::{Asked, Failure, METHODS, Method, call};
use crate::supervisord::fault::{Fault, FaultKind};
use crate::supervisord::value::{Call, Value};

/// The most calls of one `system.multicall`.
const MOST_CALLS: usize = 1_000;

pub(super) fn list() -> Value {
    let mut names: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
    names.sort_unstable();
    Value::Array(names.into_iter().map(Value::from).collect())
}

fn find(asked: &Asked<'_>) -> Result<&'static Method, Fault> {
    let name = asked.text(0)?;
    let found = METHODS.iter().find(|method| method.name == name);
    found.ok_or_else(|| FaultKind::SignatureUnsupported.alone())
}

pub(super) fn help(asked: &Asked<'_>) -> Result<Value, Fault> {
    find(asked).map(|method| method.help.into())
}

pub(super) fn signature(asked: &Asked<'_>) -> Result<Value, Fault> {
    let method = find(asked)?;
    Ok(Value::Array(method.signature.iter().copied().map(Value::from).collect()))
}

/// Makes calls one after the other. Each has its own result: a value, or a fault.
pub(super) async fn multicall(asked: &Asked<'_>) -> Result<Value, Fault> {
    let Some(Value::Array(calls)) = asked.params.first() else {
        return Err(FaultKind::IncorrectParameters.alone());
    };
    if calls.len() > MOST_CALLS {
        return Err(FaultKind::BadArguments.about(format!("more than {MOST_CALLS} calls")));
    }
    let mut results = Vec::with_capacity(calls.len());
    for one in calls {
        results.push(match parse(one) {
            Ok(one) => match Box::pin(call(asked.interface, asked.caller, &one)).await {
                Ok(value) => value,
                Err(Failure::Fault(fault)) => fault.value(),
                Err(Failure::Forbidden(trouble)) => Fault::of(&trouble).value(),
            },
            Err(fault) => fault.value(),
        });
    }
    Ok(Value::Array(results))
}

fn parse(value: &Value) -> Result<Call, Fault> {
    let wrong = |about: &str| FaultKind::IncorrectParameters.about(about);
    let Value::Struct(members) = value else { return Err(wrong("No methodName")) };
    let Some(Value::Text(method)) = members.get("methodName") else {
        return Err(wrong("No methodName"));
    };
    if method == "system.multicall" {
        return Err(wrong("Recursive system.multicall forbidden"));
    }
    let params = match members.get("params") {
        Some(Value::Array(params)) => params.clone(),
        None => Vec::new(),
        Some(_) => return Err(wrong("`params` is no array")),
    };
    Ok(Call { method: method.clone(), params })
}

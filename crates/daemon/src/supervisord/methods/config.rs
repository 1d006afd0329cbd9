//! What the spec file declares, in the words of supervisord's configuration.

use super::Asked;
use super::groups::{self, Plan, Process};
use crate::spec;
use crate::supervisord::fault::Fault;
use crate::supervisord::log::Style;
use crate::supervisord::state;
use crate::supervisord::value::Value;
use mainstay::process::signal_number;
use mainstay_core::policy::budget::Within;
use mainstay_core::spec::{Activation, ChildSpec, Grace};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What a signal of the stop is where nothing is said.
const TERM: u8 = 15;

pub(super) async fn all(asked: &Asked<'_>) -> Result<Value, Fault> {
    let tree = groups::load(asked).await?;
    let plan = Plan::of(&tree)?;
    let roster = asked.roster().await?;
    let mut orders: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut found: Vec<(&str, Value)> = Vec::new();
    for process in &plan.processes {
        let name = plan.name(&process.path);
        let groups = i64::try_from(orders.len()).unwrap_or(i64::MAX);
        let (group_prio, last) = orders.entry(name.group).or_insert((groups + 1, 0));
        *last += 1;
        let order = (*group_prio, *last);
        let in_use = !roster.group(name.group).is_empty();
        found.push((name.name, one(process, (name.group, name.name), order, in_use)));
    }
    found.sort_by_key(|(name, _)| *name);
    Ok(Value::Array(found.into_iter().map(|(_, value)| value).collect()))
}

/// Returns one process. What supervisord has and we have not is as if it were off.
fn one(
    process: &Process,
    (group, name): (&str, &str),
    (group_prio, process_prio): (i64, i64),
    in_use: bool,
) -> Value {
    let child = &process.declared.spec;
    let form = process.declared.payload.as_ref().and_then(|payload| payload.form());
    let form: Json = form.and_then(|form| serde_json::from_str(form).ok()).unwrap_or(Json::Null);
    let said = |key: &str| form.get(key).map(words);
    let or_none = |text: Option<String>| Value::Text(text.unwrap_or_else(|| "none".into()));
    let log = form.get("log");
    let part = |key: &str| log.and_then(|log| log.get(key)).map(words);
    let path = part("path").or_else(|| log.and_then(Json::as_str).map(str::to_owned));
    let size = part("size").and_then(|size| spec::size(&size)).unwrap_or(10 << 20);
    let keep = part("keep").and_then(|keep| keep.parse().ok()).unwrap_or(10);
    let style = Style::of(&form);
    let errors = || if style.tells_errors() { path.clone() } else { None };
    let number = |value: u64| Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
    let codes = [0].into_iter().chain(child.success.codes.iter().map(|code| i64::from(*code)));
    let pairs = [
        ("autostart", (child.activation == Activation::Always).into()),
        ("directory", or_none(said("folder"))),
        ("uid", or_none(said("user"))),
        ("command", said("command").unwrap_or_default().into()),
        ("exitcodes", Value::Array(codes.map(Value::Int).collect())),
        ("group", group.into()),
        ("group_prio", group_prio.into()),
        ("inuse", in_use.into()),
        ("killasgroup", true.into()),
        ("name", name.into()),
        ("process_prio", process_prio.into()),
        ("redirect_stderr", (!style.tells_errors()).into()),
        ("startretries", number(retries(child))),
        ("startsecs", number(startsecs(child))),
        ("stdout_capture_maxbytes", 0.into()),
        ("stdout_events_enabled", false.into()),
        ("stdout_logfile", or_none(path.clone())),
        ("stdout_logfile_backups", number(keep)),
        ("stdout_logfile_maxbytes", number(size)),
        ("stdout_syslog", false.into()),
        ("stopsignal", i64::from(stop_signal(&form)).into()),
        ("stopwaitsecs", number(grace(child))),
        ("stderr_capture_maxbytes", 0.into()),
        ("stderr_events_enabled", false.into()),
        ("stderr_logfile", or_none(errors())),
        ("stderr_logfile_backups", number(keep)),
        ("stderr_logfile_maxbytes", number(size)),
        ("stderr_syslog", false.into()),
        ("serverurl", "auto".into()),
    ];
    Value::of(pairs)
}

/// Returns a text, or the words of a list with spaces between them.
fn words(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(" "),
        Json::Null => String::new(),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => json.to_string(),
    }
}

/// Returns how many restarts in a row are too many; 0 where that is not what is counted.
fn retries(child: &ChildSpec) -> u64 {
    let in_row = child.budget.iter().find(|limit| limit.within == Within::Consecutive);
    in_row.map_or(0, |limit| u64::from(limit.most))
}

fn startsecs(child: &ChildSpec) -> u64 {
    if state::proves_itself(child) { child.stable_after.as_secs() } else { 0 }
}

fn grace(child: &ChildSpec) -> u64 {
    match child.stop.steps.first() {
        Some(Grace::For(span)) => span.as_secs(),
        Some(Grace::Unbounded) => u64::from(u32::MAX),
        None => 0,
    }
}

fn stop_signal(form: &Json) -> u8 {
    let step = match form.get("stop") {
        Some(Json::Array(steps)) => steps.first(),
        other => other,
    };
    let name = step.and_then(|step| step.get("signal")).map(words);
    name.and_then(|name| signal_number(&name)).unwrap_or(TERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_told_in_their_words() {
        let json = |text: &str| serde_json::from_str::<Json>(text).expect("JSON");
        assert_eq!(words(&json(r#"["a", "b c", 3]"#)), "a b c 3");
        assert_eq!(stop_signal(&json("{}")), TERM);
        assert_eq!(stop_signal(&json(r#"{"stop": "5s"}"#)), TERM);
        assert_eq!(stop_signal(&json(r#"{"stop": [{"signal": "INT"}]}"#)), 2);
        assert_eq!(stop_signal(&json(r#"{"stop": {"signal": 3}}"#)), 3);
    }
}

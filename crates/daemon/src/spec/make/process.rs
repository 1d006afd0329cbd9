//! Processes: what is run, and how.

mod command;
mod things;

use super::Findings;
use super::policy::strategy;
use crate::spec::syntax::{Node, Value};
pub(in super::super) use command::command;
use mainstay::process::Command;
use mainstay::{Child, OnRestart, Policy};
use std::time::Duration;

/// Makes the child of a command, with all that is said about it and not about how it is run.
pub(in super::super) fn process(
    name: &str,
    command: Command,
    policy: &Policy,
    node: &Node,
) -> Child {
    let mut child = mainstay::process(name, command).policy(policy);
    if node.switch("significant") {
        child = child.significant();
    }
    if let Some(limit) = node.span("start_timeout") {
        child = child.start_within(limit);
    }
    if let Some(limit) = node.span("ready_timeout") {
        child = ready_within(child, node, limit);
    }
    if let Some(beat) = node.get("liveness").and_then(|liveness| liveness.get("heartbeat")) {
        let (every, misses) = heartbeat(beat);
        child = child.heartbeat(every, misses);
    }
    if let Some(age) = node.span("recycle") {
        child = child.recycle_after(age);
    }
    if node.word("overlap") == Some("allow") {
        child = child.overlap();
    }
    if let Some(strategy) = node.word("touches").and_then(strategy) {
        child = child.strategy(strategy);
    }
    if node.get("schedule").is_some() {
        child = child.on_demand(None);
    } else if let Some(demand) = node.get("on_demand")
        && (matches!(demand.value, Value::Map(_)) || demand.text() == Some("true"))
    {
        child = child.on_demand(demand.span("idle"));
    }
    child
}

/// Bounds the time to being ready. Without a ready rule nothing is waited for, so nothing is said.
fn ready_within(child: Child, node: &Node, limit: Duration) -> Child {
    let is_probe = |probe: &Node| matches!(probe.word("kind"), Some("readiness") | None);
    let probes = node.get("liveness").and_then(|liveness| liveness.get("probes"));
    let has_probe = probes.is_some_and(|probes| probes.each().iter().any(is_probe));
    match node.get("ready") {
        Some(ready) if ready.text() != Some("immediate") => child.ready_within(limit),
        None if has_probe => child.ready_within(limit),
        Some(_) | None => child,
    }
}

fn heartbeat(node: &Node) -> (Duration, u32) {
    let every = node.text().map_or_else(|| node.span("every"), crate::spec::scalar::span);
    (every.unwrap_or(Duration::from_secs(2)), node.number("misses").unwrap_or(3))
}

/// Returns a need on a sibling as far as its entry says.
pub(in super::super) fn need(sibling: &str, node: &Node) -> mainstay::Need {
    let mut need = mainstay::need(sibling);
    match node.word("until") {
        Some("started") => need = need.started(),
        Some("completed") => need = need.completed(),
        Some(_) | None => {}
    }
    match node.word("on_restart") {
        Some("restart") => need.on_restart(OnRestart::Restart),
        Some("stop") => need.on_restart(OnRestart::Stop),
        Some(_) | None => need,
    }
}

/// Adds what is wrong with keys that only mean something together.
pub(super) fn together(node: &Node, found: &mut Findings<'_>) {
    let both = [
        ("schedule", "on_demand", "a scheduled child starts by the clock"),
        ("terminal", "output", "a terminal takes both outputs"),
        ("console", "output", "a console is a terminal, which takes both outputs"),
        ("listener", "terminal", "a listener is told of events by pipes"),
        ("listener", "console", "a listener is told of events by pipes"),
    ];
    for (one, other, why) in both {
        let is_off = |key: &str| node.word(key) == Some("false");
        if let (Some(_), Some((name, _))) = (node.get(one), node.entry(other))
            && !is_off(one)
            && !is_off(other)
        {
            let at = Node::new(name.at, Value::Empty);
            found.wrong(
                &at,
                format!("`{other}` has no effect beside `{one}`: {why}"),
                "leave it out",
            );
        }
    }
    if let Some(terminal) = node.get("terminal").filter(|_| node.get("console").is_some())
        && terminal.text() == Some("false")
    {
        let text = "a console is the terminal of its child, and this one has none";
        found.wrong(terminal, text, "leave out `terminal`, or `console`");
    }
    // What holds for all children may stand in `defaults`, and means nothing to a listener.
    for (key, idle, why) in [
        ("stdin", ["pipe", "null"], "a listener reads its events there"),
        (
            "output",
            ["merged", "apart"],
            "a listener answers there, and its log has its standard error",
        ),
    ] {
        if let (Some(_), Some((name, value))) = (node.get("listener"), node.entry(key))
            && !value.text().is_some_and(|word| idle.contains(&word))
        {
            let at = Node::new(name.at, Value::Empty);
            let text = format!("`{key}` has no effect beside `listener`: {why}");
            found.wrong(&at, text, "leave it out");
        }
    }
    let waits = matches!(node.get("ready"), Some(ready) if ready.text() != Some("immediate"))
        || node.get("liveness").is_some_and(|liveness| liveness.get("probes").is_some());
    if let (Some((name, _)), false) = (node.entry("ready_timeout"), waits) {
        let at = Node::new(name.at, Value::Empty);
        let text = "`ready_timeout` has no effect: nothing says what makes this child ready";
        found.wrong(&at, text, "say `ready`, or leave it out");
    }
}

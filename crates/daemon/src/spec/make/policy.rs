//! Policies, and what supervisors say about their children.

use super::Findings;
use crate::spec::scalar;
use crate::spec::syntax::{Node, Value};
use mainstay::{
    AutoShutdown, Cooldown, Criticality, Jitter, Limit, OnExhausted, Policy, Preset, Restart,
    Shape, Strategy, Supervisor, Tree,
};
use mainstay_core::policy::budget::{Admit, Count, Scope};
use std::time::Duration;

/// Makes the policy of a child.
pub(in super::super) fn policy(
    node: &Node,
    is_supervisor: bool,
    found: &mut Findings<'_>,
) -> Policy {
    let mut policy = Policy::new();
    if let Some(preset) = node.word("preset").and_then(Preset::named) {
        policy = policy.preset(preset);
    }
    if let Some(restart) = node.word("restart").and_then(restart) {
        policy = policy.restart(restart);
    }
    if let Some(criticality) = node.word("criticality").and_then(criticality) {
        policy = policy.criticality(criticality);
    }
    if let Some(shape) = node.get("backoff").and_then(shape) {
        policy = policy.backoff(shape);
    }
    if let Some(jitter) = node.get("jitter").and_then(jitter) {
        policy = policy.jitter(jitter);
    }
    if let Some(holdoff) = node.span("holdoff") {
        policy = policy.holdoff(holdoff);
    }
    if let Some(end) = node.word("on_exhausted").and_then(on_exhausted) {
        policy = policy.on_exhausted(end);
    }
    if let Some(ladder) = node.get("cooldown") {
        policy = policy.cooldown(ladder.each().iter().filter_map(cooldown));
    }
    if let Some(decay) = node.span("level_decay") {
        policy = policy.level_decay(decay);
    }
    if let Some(span) = node.span("stable_after") {
        policy = policy.stable_after(span);
    }
    if let Some(wait) = node.span("kill_wait") {
        policy = policy.kill_wait(wait);
    }
    match node.word("stop") {
        Some("kill") => policy = policy.abort_at_once(),
        Some("unbounded") => policy = policy.stop_unbounded(),
        Some(text) => {
            if let Some(grace) = scalar::span(text) {
                policy = policy.stop_within(grace);
            }
        }
        None => {}
    }
    if node.word("budget") == Some("none") {
        return policy.unlimited();
    }
    for (limit, at) in limits(node, if is_supervisor { Scope::Supervisor } else { Scope::Child }) {
        match limit.scope {
            Scope::Child => policy = policy.limit(limit),
            Scope::Supervisor if is_supervisor => {}
            Scope::Supervisor => {
                found.wrong(at, "a limit on a process counts that process", "leave out `scope`");
            }
            Scope::Tree => found.wrong(
                at,
                "a limit over the whole tree stands at the top of the file",
                "put it into the `budget` at the top",
            ),
        }
    }
    policy
}

/// Adds what a supervisor says about its children.
pub(in super::super) fn supervisor(mut supervisor: Supervisor, node: &Node) -> Supervisor {
    if let Some(strategy) = node.word("strategy").and_then(strategy) {
        supervisor = supervisor.strategy(strategy);
    }
    if let Some(most) = node.number("start_concurrency") {
        supervisor = supervisor.start_concurrency(most);
    }
    if let Some(when) = node.word("auto_shutdown").and_then(auto_shutdown) {
        supervisor = supervisor.auto_shutdown(when);
    }
    if node.word("budget") == Some("none") {
        supervisor = supervisor.unlimited_children();
    }
    for (limit, _) in limits(node, Scope::Supervisor) {
        if limit.scope == Scope::Supervisor {
            supervisor = supervisor.limit_children(limit);
        }
    }
    supervisor
}

/// Adds what the top of the file says about the tree.
pub(in super::super) fn root(mut tree: Tree, node: &Node, found: &mut Findings<'_>) -> Tree {
    if let Some(preset) = node.word("preset").and_then(Preset::named) {
        tree = tree.preset(preset);
    }
    if let Some(strategy) = node.word("strategy").and_then(strategy) {
        tree = tree.strategy(strategy);
    }
    if let Some(most) = node.number("start_concurrency") {
        tree = tree.start_concurrency(most);
    }
    if let Some(when) = node.word("auto_shutdown").and_then(auto_shutdown) {
        tree = tree.auto_shutdown(when);
    }
    if let Some(end) = node.word("on_exhausted").and_then(on_exhausted) {
        tree = tree.on_exhausted(end);
    }
    if let Some(limit) = node.span("drain_timeout") {
        tree = tree.drain_within(limit);
    }
    if let Some(limit) = node.span("fatal_drain_timeout") {
        tree = tree.fatal_drain_within(limit);
    }
    if let Some(rate) = node.get("storm_rate")
        && let (Some(burst), Some(per_second)) = (rate.number("burst"), rate.number("per_second"))
    {
        tree = tree.storm_rate(burst, per_second);
    }
    if node.word("budget") == Some("none") {
        tree = tree.unlimited_children();
    }
    for (limit, at) in limits(node, Scope::Supervisor) {
        match limit.scope {
            Scope::Supervisor => tree = tree.limit_children(limit),
            Scope::Tree => tree = tree.limit_tree(limit),
            Scope::Child => found.wrong(
                at,
                "a limit at the top counts the root's children or the whole tree",
                "say `scope: supervisor` or `scope: tree`; a limit for each child stands in `defaults`",
            ),
        }
    }
    tree
}

/// Returns the limits of a budget, each with where it stands.
fn limits(node: &Node, scope: Scope) -> Vec<(Limit, &Node)> {
    let all = node.get("budget").map_or(&[][..], Node::each);
    all.iter().filter_map(|one| Some((limit(one, scope)?, one))).collect()
}

fn limit(node: &Node, scope: Scope) -> Option<Limit> {
    let count = match node.word("count")? {
        "starts" => Count::Starts,
        "restarts" => Count::Restarts,
        "failures" => Count::Failures,
        _ => return None,
    };
    let scope = match node.word("scope") {
        Some("child") => Scope::Child,
        Some("supervisor") => Scope::Supervisor,
        Some("tree") => Scope::Tree,
        Some(_) | None => scope,
    };
    let admit = if node.word("admit") == Some("at-start") { Admit::AtStart } else { Admit::AtExit };
    let within = scalar::window(node.word("within")?)?;
    Some(Limit { count, most: node.number("most")?, within, scope, admit })
}

fn restart(word: &str) -> Option<Restart> {
    match word {
        "always" | "permanent" => Some(Restart::Always),
        "on-failure" | "transient" => Some(Restart::OnFailure),
        "never" | "temporary" => Some(Restart::Never),
        _ => None,
    }
}

fn criticality(word: &str) -> Option<Criticality> {
    match word {
        "critical" => Some(Criticality::Critical),
        "required" => Some(Criticality::Required),
        "optional" => Some(Criticality::Optional),
        _ => None,
    }
}

fn on_exhausted(word: &str) -> Option<OnExhausted> {
    match word {
        "cooldown" => Some(OnExhausted::Cooldown),
        "quarantine" => Some(OnExhausted::Quarantine),
        "escalate" => Some(OnExhausted::Escalate),
        "shutdown" => Some(OnExhausted::Shutdown),
        _ => None,
    }
}

pub(super) fn strategy(word: &str) -> Option<Strategy> {
    match word {
        "one-for-one" => Some(Strategy::OneForOne),
        "one-for-all" => Some(Strategy::OneForAll),
        "rest-for-one" => Some(Strategy::RestForOne),
        _ => None,
    }
}

fn auto_shutdown(word: &str) -> Option<AutoShutdown> {
    match word {
        "never" => Some(AutoShutdown::Never),
        "any-significant" => Some(AutoShutdown::AnySignificant),
        "all-significant" => Some(AutoShutdown::AllSignificant),
        _ => None,
    }
}

fn cooldown(node: &Node) -> Option<Cooldown> {
    match node.text()? {
        "manual" => Some(Cooldown::Manual),
        text => scalar::span(text).map(Cooldown::For),
    }
}

fn ladder(node: &Node) -> Vec<Duration> {
    node.each().iter().filter_map(|rung| scalar::span(rung.text()?)).collect()
}

pub(super) fn shape(node: &Node) -> Option<Shape> {
    match &node.value {
        Value::Empty | Value::Lost => None,
        Value::Scalar(text) if text == "none" => Some(Shape::None),
        Value::Scalar(text) => scalar::span(text).map(Shape::Fixed),
        Value::List(_) => Some(Shape::Ladder(ladder(node))),
        Value::Map(entries) => {
            let (name, of) = entries.first()?;
            match name.text.as_str() {
                "fixed" => scalar::span(of.text()?).map(Shape::Fixed),
                "ladder" => Some(Shape::Ladder(ladder(of))),
                "linear" => Some(Shape::Linear {
                    first: of.span("first")?,
                    step: of.span("step")?,
                    most: of.span("most")?,
                }),
                "exponential" => Some(Shape::Exponential {
                    first: of.span("first")?,
                    factor: of.number("factor").unwrap_or(2.0),
                    most: of.span("most")?,
                }),
                "geometric" => Some(Shape::Geometric {
                    first: of.span("first")?,
                    most: of.span("most")?,
                    steps: of.number("steps")?,
                }),
                _ => None,
            }
        }
    }
}

fn jitter(node: &Node) -> Option<Jitter> {
    match node.text() {
        Some("none") => Some(Jitter::None),
        Some("full") => Some(Jitter::Full),
        Some("equal") => Some(Jitter::Equal),
        Some(_) => None,
        None => node.span("additive").map(Jitter::Additive),
    }
}

//! How a unit ends, what it waits for, and what bounds it.

use super::super::{Process, command};
use super::policy::stock;
use super::{Unit, exec, name, span};
use crate::given::Given;
use crate::yaml::{Node, Yaml};
use mainstay_core::spec::{Grace, Preset};
use std::collections::BTreeSet;

pub(super) fn stop(process: &Process, made: &mut Unit, given: &mut Given) {
    let contain = process.word("contain");
    let mut to_all = false;
    if let Some(node) = process.keys.at("stop") {
        let steps: Vec<&Node> = match &node.value {
            Yaml::List(all) => all.iter().collect(),
            Yaml::Map(_) | Yaml::Text(_) | Yaml::Empty => vec![node],
        };
        let mut is_exact = true;
        let mut last = None;
        for step in &steps {
            let signal = step.text().filter(|text| crate::units::signal(text).is_some());
            let signal = signal.or_else(|| step.at("signal").and_then(Node::text));
            let words = command(step.at("command"), false);
            let within = step
                .at("within")
                .and_then(Node::text)
                .or_else(|| step.text().filter(|text| span(text).is_some()));
            to_all |= step.at("to").and_then(Node::text) == Some("all");
            if !words.is_empty() {
                made.service.push(("ExecStop", exec(&words)));
            } else if let Some(signal) = signal {
                is_exact &= !made.service.iter().any(|(key, _)| *key == "KillSignal");
                if is_exact {
                    made.service
                        .push(("KillSignal", format!("SIG{}", signal.trim_start_matches("SIG"))));
                }
            } else if step.text() == Some("kill") {
                made.service.push(("KillSignal", "SIGKILL".into()));
            } else if within.is_none() {
                is_exact &= step.text() == Some("unbounded");
            }
            last = within.map(String::from).or(last);
        }
        let is_unbounded =
            last.as_deref() == Some("unbounded") || process.word("stop") == Some("unbounded");
        let last =
            if is_unbounded { "infinity".into() } else { last.unwrap_or_else(|| "10s".into()) };
        made.service.push(("TimeoutStopSec", last));
        match (is_exact, steps.len()) {
            (true, 1) => node.kept(given, "KillSignal=, ExecStop= and TimeoutStopSec="),
            (true, _) => node.changed(
                given,
                "ExecStop=, then KillSignal=; one TimeoutStopSec= \
                for each of them",
            ),
            (false, _) => node.lost(
                given,
                "systemd has one signal before force, and no \
                messages: see KillSignal= and ExecStop=",
            ),
        }
    } else {
        let stock = stock(process.word("preset").and_then(Preset::named));
        let grace = match stock.stop.steps.first() {
            Some(Grace::For(span)) => crate::units::span(*span),
            Some(Grace::Unbounded) => "infinity".into(),
            None => "0".into(),
        };
        made.service.push(("TimeoutStopSec", grace));
    }
    let is_shell = process.word("shell") == Some("true");
    let mode = match (contain, to_all || is_shell) {
        (Some("main"), _) => "process",
        (_, true) => "control-group",
        (_, false) => "mixed",
    };
    made.service.push(("KillMode", mode.into()));
    process.kept("contain", given, "KillMode=");
}

pub(super) fn needs(process: &Process, all: &BTreeSet<&str>, made: &mut Unit, given: &mut Given) {
    let above = process.path.rsplit_once('/').map_or("", |(above, _)| above);
    let path =
        |name: &str| if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
    if let Some(node) = process.keys.at("needs") {
        let each: Vec<&Node> = match &node.value {
            Yaml::List(all) => all.iter().collect(),
            Yaml::Map(_) | Yaml::Text(_) | Yaml::Empty => vec![node],
        };
        for need in each {
            let Some(other) = need.text().or_else(|| need.at("child").and_then(Node::text)) else {
                continue;
            };
            let others: Vec<&&str> = all
                .iter()
                .filter(|known| {
                    **known == path(other) || known.starts_with(&format!("{}@", path(other)))
                })
                .collect();
            if others.is_empty() {
                node.lost(
                    given,
                    &format!(
                        "`{other}` is a supervisor: name its processes in After= and Requires="
                    ),
                );
            }
            for one in others {
                let key = match need.at("on_restart").and_then(Node::text) {
                    Some("stop") => "BindsTo",
                    Some("restart") => "PartOf",
                    Some(_) | None => "Requires",
                };
                made.unit.push((key, name(one)));
                made.unit.push(("After", name(one)));
            }
            match need.at("until").and_then(Node::text) {
                Some("completed") => node.changed(
                    given,
                    "After= waits for an end where the other is Type=oneshot alone",
                ),
                Some(_) | None => node.kept(given, "Requires= and After="),
            }
        }
    }
    if let Some(node) = process.keys.at("on_demand").filter(|node| node.text() != Some("false")) {
        made.starts = false;
        node.changed(
            given,
            "not enabled: `systemctl start` starts it; a socket needs a unit of its own",
        );
    }
    if let Some(node) = process.keys.at("sockets") {
        node.lost(given, "write a `.socket` unit of the same name, with ListenStream=");
    }
    if let Some(node) = process.keys.at("schedule") {
        made.starts = false;
        node.lost(
            given,
            "write a `.timer` unit of the same name, with OnCalendar= or OnUnitActiveSec=",
        );
    }
}

pub(super) fn limits(process: &Process, made: &mut Unit, given: &mut Given) {
    const RLIMITS: [(&str, &str); 9] = [
        ("as", "LimitAS"),
        ("core", "LimitCORE"),
        ("cpu", "LimitCPU"),
        ("data", "LimitDATA"),
        ("fsize", "LimitFSIZE"),
        ("memlock", "LimitMEMLOCK"),
        ("nofile", "LimitNOFILE"),
        ("nproc", "LimitNPROC"),
        ("stack", "LimitSTACK"),
    ];
    let amount = |text: &str| match text {
        "unlimited" => "infinity".to_owned(),
        text => crate::units::size(text).map_or_else(|| text.to_owned(), |bytes| bytes.to_string()),
    };
    for (ours, theirs) in RLIMITS {
        let Some(node) = process.keys.at("rlimits").and_then(|all| all.at(ours)) else { continue };
        let bound = |key: &str| node.at(key).and_then(Node::text).map(amount);
        let value = node
            .text()
            .map(amount)
            .or_else(|| Some(format!("{}:{}", bound("soft")?, bound("hard")?)));
        match value {
            Some(value) => {
                made.service.push((theirs, value));
                node.kept(given, &format!("{theirs}="));
            }
            None => node.lost(given, "a unit says both limits, soft and hard"),
        }
    }
    const LIMITS: [(&str, &str); 7] = [
        ("memory", "MemoryMax"),
        ("memory_high", "MemoryHigh"),
        ("swap", "MemorySwapMax"),
        ("cpu", "CPUQuota"),
        ("cpu_weight", "CPUWeight"),
        ("pids", "TasksMax"),
        ("io_weight", "IOWeight"),
    ];
    for (ours, theirs) in LIMITS {
        let Some(node) = process.keys.at("limits").and_then(|all| all.at(ours)) else { continue };
        let text = node.text().unwrap_or("");
        let value =
            if ours == "cpu" { format!("{}%", text.trim_end_matches('%')) } else { amount(text) };
        made.service.push((theirs, value));
        node.kept(given, &format!("{theirs}="));
    }
}

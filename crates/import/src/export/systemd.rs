//! A service unit for each process.

mod rest;

use super::{Process, command};
use crate::given::Given;
use crate::yaml::{Node, Yaml};
use rest::{limits, needs, stop};
use std::collections::BTreeSet;

pub(super) fn units(processes: &[Process], given: &mut Given) -> Vec<(String, String)> {
    let all: BTreeSet<&str> = processes.iter().map(|process| process.path.as_str()).collect();
    processes.iter().filter_map(|process| unit(process, &all, given)).collect()
}

/// The sections of one unit.
#[derive(Default)]
struct Unit {
    unit: Vec<(&'static str, String)>,
    service: Vec<(&'static str, String)>,
    starts: bool,
}

/// Returns the name of the unit of a child.
fn name(path: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.@:-".contains(c);
    let plain: String = path.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    format!("{plain}.service")
}

fn unit(process: &Process, all: &BTreeSet<&str>, given: &mut Given) -> Option<(String, String)> {
    let words = process.words();
    if words.is_empty() {
        return None;
    }
    let mut made = Unit { starts: true, ..Unit::default() };
    let own = process.word("description").unwrap_or(&process.path).replace('\n', " ");
    made.unit.push(("Description", escaped(&own)));
    process.kept("description", given, "Description=");
    kind(process, &mut made, given);
    made.service.push(("ExecStart", exec(&words)));
    process.kept("command", given, "ExecStart=");
    process.kept("shell", given, "ExecStart=, with /bin/sh");
    place(process, &mut made, given);
    restart(process, &mut made, given);
    stop(process, &mut made, given);
    needs(process, all, &mut made, given);
    limits(process, &mut made, given);
    let mut text = String::new();
    for (heading, lines) in [("Unit", &made.unit), ("Service", &made.service)] {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("[{heading}]\n"));
        for (key, value) in lines {
            text.push_str(&format!("{key}={value}\n"));
        }
    }
    if made.starts {
        text.push_str("\n[Install]\nWantedBy=multi-user.target\n");
    }
    Some((name(&process.path), text))
}

/// Returns a text in which nothing is special to systemd.
fn escaped(text: &str) -> String {
    text.replace('%', "%%")
}

fn exec(words: &[String]) -> String {
    let word = |word: &String| {
        let text = escaped(word).replace('$', "$$");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@,%$".contains(c);
        if !text.is_empty() && text.chars().all(is_plain) {
            text
        } else {
            format!(
                "\"{}\"",
                text.replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n")
                    .replace('\t', "\\t")
            )
        }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn kind(process: &Process, made: &mut Unit, given: &mut Given) {
    let ready = process.keys.at("ready");
    let notifies = ready.and_then(Node::text) == Some("notify");
    let reload = process.keys.at("reload");
    let by_notify = reload.and_then(|node| node.at("notify")).and_then(Node::text);
    let is_oneshot =
        process.word("restart") == Some("never") && process.word("on_demand").is_none();
    let kind = match (by_notify, notifies) {
        (Some(_), _) => "notify-reload",
        (None, true) => "notify",
        (None, false) => "exec",
    };
    made.service.push(("Type", kind.into()));
    if let Some(node) = ready {
        match (node.text(), notifies) {
            (_, true) => node.kept(given, "Type="),
            (Some("immediate"), _) => node.kept(given, "Type=exec"),
            _ => node.lost(
                given,
                "systemd has no such sign of being ready: the unit is started \
                once its program runs",
            ),
        }
    }
    if is_oneshot && let Some(node) = process.keys.at("restart") {
        node.changed(given, "Restart=no; where others wait for its end, say Type=oneshot");
    }
    if let Some(node) = reload {
        let signal = node.text().or_else(|| node.at("signal").and_then(Node::text));
        let words = command(node.at("command"), false);
        if let Some(signal) = by_notify {
            made.service.push(("ReloadSignal", format!("SIG{}", signal.trim_start_matches("SIG"))));
        } else if let Some(signal) = signal {
            made.service.push((
                "ExecReload",
                format!("/bin/kill -s {} $MAINPID", signal.trim_start_matches("SIG")),
            ));
        } else if !words.is_empty() {
            made.service.push(("ExecReload", exec(&words)));
        }
        node.kept(given, "ExecReload=, or Type=notify-reload");
    }
    if let Some(access) = process.word("notify") {
        made.service.push(("NotifyAccess", access.to_owned()));
        process.kept("notify", given, "NotifyAccess=");
    }
    for (ours, theirs) in
        [("ready_timeout", "TimeoutStartSec"), ("start_timeout", "TimeoutStartSec")]
    {
        if let Some(span) = process.word(ours) {
            if !made.service.iter().any(|(key, _)| *key == theirs) {
                made.service.push((theirs, span.to_owned()));
            }
            process.kept(ours, given, "TimeoutStartSec=");
        }
    }
    heartbeat(process, made, given);
}

fn heartbeat(process: &Process, made: &mut Unit, given: &mut Given) {
    let Some(node) = process.keys.at("liveness").and_then(|node| node.at("heartbeat")) else {
        return;
    };
    let every = node.text().or_else(|| node.at("every").and_then(Node::text)).unwrap_or("2s");
    let misses = node
        .at("misses")
        .and_then(Node::text)
        .and_then(|text| text.parse::<u32>().ok())
        .unwrap_or(3);
    match span(every) {
        Some(every) => {
            made.service.push(("WatchdogSec", crate::units::span(every * misses)));
            node.kept(given, "WatchdogSec=");
        }
        None => node.lost(given, "this is no span of time"),
    }
}

/// Reads a span of the spec file: each part has a unit.
fn span(text: &str) -> Option<std::time::Duration> {
    let parts: Option<Vec<_>> = text.split_whitespace().map(crate::units::go).collect();
    parts.map(|parts| parts.into_iter().sum())
}

fn place(process: &Process, made: &mut Unit, given: &mut Given) {
    const PLAIN: [(&str, &str); 9] = [
        ("folder", "WorkingDirectory"),
        ("user", "User"),
        ("group", "Group"),
        ("umask", "UMask"),
        ("nice", "Nice"),
        ("oom_score", "OOMScoreAdjust"),
        ("no_new_privileges", "NoNewPrivileges"),
        ("store", "FileDescriptorStoreMax"),
        ("recycle", "RuntimeMaxSec"),
    ];
    for (ours, theirs) in PLAIN {
        if let Some(value) = process.word(ours) {
            made.service.push((theirs, escaped(value)));
            process.kept(ours, given, &format!("{theirs}="));
        }
    }
    for (ours, theirs) in
        [("groups", "SupplementaryGroups"), ("capabilities", "CapabilityBoundingSet")]
    {
        if let Some(node) = process.keys.at(ours) {
            made.service.push((theirs, node.texts().join(" ")));
            node.kept(given, &format!("{theirs}="));
        }
    }
    if let Some(all) = process.keys.at("environment") {
        for (name, value) in all.entries() {
            let text = value.text().unwrap_or("");
            let text =
                escaped(text).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            made.service.push(("Environment", format!("\"{name}={text}\"")));
            value.kept(given, "Environment=");
        }
    }
    if let Some(node) = process.keys.at("inherit") {
        match node.texts().as_slice() {
            [one] if one == "none" => node.kept(given, "systemd passes nothing of its own on"),
            [one] if one == "all" => node
                .lost(given, "systemd passes nothing of its own on: say PassEnvironment= for each"),
            names if names.iter().all(|name| !name.contains('*')) => {
                made.service.push(("PassEnvironment", names.join(" ")));
                node.kept(given, "PassEnvironment=");
            }
            _ => node.lost(given, "PassEnvironment= takes whole names alone"),
        }
    }
    if let Some(node) = process.keys.at("secrets") {
        node.lost(given, "say LoadCredential=, and read the file that it makes");
    }
    if let Some(node) = process.keys.at("log") {
        node.lost(given, "what it prints is in the system's journal: `journalctl -u`");
    }
    if process.word("output") == Some("null") {
        made.service.push(("StandardOutput", "null".into()));
        made.service.push(("StandardError", "null".into()));
        process.kept("output", given, "StandardOutput=null");
    } else {
        process.kept("output", given, "the system's journal takes both");
    }
}

fn restart(process: &Process, made: &mut Unit, given: &mut Given) {
    let is_systemd = process.word("preset") == Some("systemd");
    let rule = process.word("restart").unwrap_or(if is_systemd { "on-failure" } else { "always" });
    let rule = match rule {
        "never" | "temporary" => "no",
        "on-failure" | "transient" => "on-failure",
        _ => "always",
    };
    made.service.push(("Restart", rule.into()));
    process.kept("restart", given, "Restart=");
    match (process.keys.at("preset"), is_systemd) {
        (Some(node), true) => node.kept(given, "what the unit does not say"),
        (Some(node), false) => node.lost(
            given,
            "another system's delays and limits: say RestartSec= and StartLimitBurst=",
        ),
        (None, _) => {}
    }
    match process.keys.at("backoff").map(|node| (node, &node.value)) {
        Some((node, Yaml::Text(text))) => {
            made.service
                .push(("RestartSec", if text == "none" { "0".into() } else { text.clone() }));
            node.kept(given, "RestartSec=");
        }
        Some((node, Yaml::Map(_))) => match node.at("geometric") {
            Some(geometric) => {
                for (ours, theirs) in [
                    ("first", "RestartSec"),
                    ("most", "RestartMaxDelaySec"),
                    ("steps", "RestartSteps"),
                ] {
                    if let Some(text) = geometric.at(ours).and_then(Node::text) {
                        made.service.push((theirs, text.to_owned()));
                    }
                }
                node.kept(given, "RestartSec=, RestartSteps= and RestartMaxDelaySec=");
            }
            None => growing(node, made, given),
        },
        Some((node, Yaml::List(_) | Yaml::Empty)) => {
            node.lost(given, "say RestartSec=, RestartSteps= and RestartMaxDelaySec=");
        }
        None => {}
    }
    limit(process, made, given);
    if let Some(node) = process.keys.at("success") {
        let words: Vec<String> = node
            .texts()
            .into_iter()
            .map(|word| {
                if word.parse::<u8>().is_ok() {
                    word
                } else {
                    format!("SIG{}", word.trim_start_matches("SIG"))
                }
            })
            .collect();
        made.service.push(("SuccessExitStatus", words.join(" ")));
        node.kept(given, "SuccessExitStatus=");
    }
}

/// A delay that grows to a most has the same ends in systemd, and other steps.
fn growing(node: &Node, made: &mut Unit, given: &mut Given) {
    let inner = node.at("exponential").or_else(|| node.at("linear"));
    let said = |key: &str| inner.and_then(|inner| inner.at(key)).and_then(Node::text);
    match (said("first"), said("most")) {
        (Some(first), Some(most)) => {
            made.service.push(("RestartSec", first.to_owned()));
            made.service.push(("RestartSteps", "5".into()));
            made.service.push(("RestartMaxDelaySec", most.to_owned()));
            node.changed(given, "RestartSec= to RestartMaxDelaySec= in 5 steps");
        }
        _ => node.lost(given, "say RestartSec=, RestartSteps= and RestartMaxDelaySec="),
    }
}

fn limit(process: &Process, made: &mut Unit, given: &mut Given) {
    let Some(node) = process.keys.at("budget") else { return };
    if node.text() == Some("none") {
        made.unit.push(("StartLimitIntervalSec", "0".into()));
        return node.kept(given, "StartLimitIntervalSec=0");
    }
    let one = node.each().first().unwrap_or(node);
    let said = |key: &str| one.at(key).and_then(Node::text);
    let (count, most, within) =
        (said("count"), said("most"), said("within").unwrap_or("consecutive"));
    let span = within.trim_start_matches("tumbling ").trim_start_matches("sliding ");
    let most = most.and_then(|most| most.parse::<u64>().ok());
    let burst = match (count, most) {
        (Some("starts"), Some(most)) => Some(most),
        // The first start counts there too.
        (Some("restarts"), Some(most)) => Some(most + 1),
        (Some("failures"), Some(most)) => Some(most),
        _ => None,
    };
    match burst.filter(|_| within != "consecutive" && node.each().len() < 2) {
        Some(burst) => {
            made.unit.push(("StartLimitIntervalSec", span.to_owned()));
            made.unit.push(("StartLimitBurst", burst.to_string()));
            match (count, within.starts_with("tumbling")) {
                (Some("starts"), true) => node.kept(
                    given,
                    "StartLimitBurst= and \
                    StartLimitIntervalSec=",
                ),
                _ => node.changed(
                    given,
                    "StartLimitBurst= starts in a window that opens with \
                    the first",
                ),
            }
        }
        None => node.lost(
            given,
            "systemd counts starts in a window alone: say StartLimitBurst= \
            and StartLimitIntervalSec=",
        ),
    }
}

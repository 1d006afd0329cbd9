//! A service unit for each process.

mod policy;
mod rest;

use super::{Process, command};
use crate::given::Given;
use crate::yaml::Node;
use policy::restart;
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
    // Left open, it is another span there than here.
    if notifies
        && process.word("ready_timeout").is_none()
        && process.word("preset") != Some("systemd")
    {
        let span = crate::units::span(mainstay_core::spec::defaults::READY_TIMEOUT);
        made.service.push(("TimeoutStartSec", span));
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

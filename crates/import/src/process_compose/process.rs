//! One process of `process-compose.yaml`.

use super::{NAME, probe::probes};
use crate::compose::{self, seconds, unknown};
use crate::given::Given;
use crate::model::{Child, INSTANCE, Model, Need, Value};
use crate::yaml::{Node, Yaml};
use crate::{Files, units};
use std::path::Path;

/// Where the process stands.
pub(super) struct Here<'a> {
    pub(super) folder: &'a Path,
    pub(super) files: &'a dyn Files,
    pub(super) shell: &'a [String],
    /// Whether the process that is read says `command`.
    pub(super) has_command: bool,
}

pub(super) fn read(
    name: &str,
    node: &Node,
    here: &Here<'_>,
    model: &mut Model,
    given: &mut Given,
) -> Option<Child> {
    let replicas =
        node.at("replicas").and_then(Node::text).and_then(|text| text.parse::<u64>().ok());
    let base = crate::model::name(name);
    let called = match replicas {
        Some(count @ 2..=10_000) => format!("{base}@0..{}", count - 1),
        Some(_) | None => base,
    };
    let mut child = Child::new(called.clone());
    given.about(node.ids(), &called);
    child.set("restart", "never");
    let varies = replicas.is_some_and(|count| count > 1);
    if varies {
        child.settings.put("environment", "PC_REPLICA_NUM", INSTANCE.to_string());
    }
    let has_command =
        node.at("command").and_then(Node::text).is_some_and(|text| !text.trim().is_empty());
    let here = &Here { has_command, ..*here };
    for (key, value) in node.entries() {
        one(&mut child, key, value, here, given);
    }
    if let Some(all) = node.at("availability") {
        availability(&mut child, all, model, given);
    }
    if let Some(all) = node.at("shutdown") {
        shutdown(&mut child, all, here, given);
    }
    probes(&mut child, node, here, given);
    unknown(node, FORMED, NAME, given);
    if child.settings.value("command").is_none() {
        node.lost(given, "a process without a command is left out");
        return None;
    }
    Some(child)
}

/// Keys that are a map or a list.
const FORMED: &[&str] = &[
    "availability",
    "depends_on",
    "entrypoint",
    "environment",
    "liveness_probe",
    "log_configuration",
    "readiness_probe",
    "shutdown",
];

fn one(child: &mut Child, key: &str, node: &Node, here: &Here<'_>, given: &mut Given) {
    const TEXTS: [&str; 10] = [
        "command",
        "description",
        "disabled",
        "is_daemon",
        "is_tty",
        "log_location",
        "namespace",
        "ready_log_line",
        "replicas",
        "working_dir",
    ];
    if TEXTS.contains(&key) && matches!(node.value, Yaml::List(_) | Yaml::Map(_)) {
        return node.lost(given, "it takes a text");
    }
    let text = node.text().unwrap_or("").to_owned();
    let is_on = units::switch(&text) == Some(true);
    match key {
        "command" if text.trim().is_empty() => {}
        "command" => {
            child.set("command", compose::line(&text, here.shell));
            node.kept(given, "`command`");
        }
        "entrypoint" if here.has_command => {
            node.kept(given, "without effect there, beside `command`");
        }
        "entrypoint" if !node.texts().is_empty() => {
            child.set("command", Value::list(node.texts()));
            node.kept(given, "`command`");
        }
        "description" => {
            child.set("description", text);
            node.kept(given, "`description`");
        }
        "working_dir" | "log_location" if text.is_empty() => node.kept(given, "the default"),
        "working_dir" => {
            child.set("folder", text);
            node.kept(given, "`folder`");
        }
        "environment" => {
            for (name, value) in compose::environment(node, given) {
                child.settings.put("environment", &name, value);
            }
        }
        "env_file" => compose::env_files(child, node, here.folder, here.files, given),
        "depends_on" => depends(child, node, given),
        "ready_log_line" if text.is_empty() => node.kept(given, "no line, as there"),
        "ready_log_line" => {
            child.set("ready", Value::map([("line", text)]));
            node.kept(given, "`ready: {line: ..}`");
        }
        "log_location" => {
            let path = text.replace("{PC_REPLICA_NUM}", &INSTANCE.to_string());
            child.settings.put("log", "path", path);
            node.kept(given, "`log`");
        }
        "log_configuration" => log(child, node, given),
        "namespace" => {
            child.settings.put("labels", "namespace", text);
            node.changed(given, "a label: `mainstay status` shows it, and commands take paths");
        }
        "replicas" => match text.parse::<u64>() {
            Ok(1..=10_000) => node.kept(given, "instances, numbered from 0 as there"),
            Ok(_) | Err(_) => {
                node.lost(given, "there is one instance: say how many, from 1 to 10000");
            }
        },
        "disabled" => {
            if is_on {
                child.set("on_demand", "true");
            }
            node.kept(given, "`on_demand`: it waits for `mainstay start`");
        }
        "is_tty" => {
            if is_on {
                child.set("terminal", "true");
            }
            node.kept(given, "`terminal`");
        }
        "success_exit_codes" => {
            let codes: Option<Vec<u8>> =
                node.texts().iter().map(|code| code.parse().ok()).collect();
            match codes {
                Some(codes) => {
                    child.set("success", Value::list(codes.into_iter().map(u64::from)));
                    node.kept(given, "`success`; 0 is a clean end in any case");
                }
                None => node.lost(given, "these are no exit codes"),
            }
        }
        "schedule" => schedule(child, node, given),
        "is_daemon" if is_on => {
            child.set("on_demand", "true");
            node.lost(
                given,
                "a program that puts itself into the background is lost to a supervisor, so it \
                    does not start by itself \
                 (`on_demand`): run it in the foreground, then take that out",
            );
        }
        "is_daemon"
        | "is_foreground"
        | "is_interactive"
        | "is_elevated"
        | "disable_ansi_colors"
        | "disable_dotenv"
        | "is_dotenv_disabled"
            if !is_on =>
        {
            node.kept(given, "off, as here");
        }
        "is_foreground" | "is_interactive" => node.lost(
            given,
            "a child runs beside others: `terminal: true` gives it a terminal of its own",
        ),
        "is_elevated" => node.lost(given, "run the daemon as root, and say `user` of the others"),
        "disable_ansi_colors" => node.lost(given, "set NO_COLOR in `environment`"),
        "disable_dotenv" | "is_dotenv_disabled" => {
            node.lost(given, "`env_file` at the top is for all: say it of the others alone");
        }
        "launch_timeout_seconds" => node
            .lost(given, "it was for daemons: `start_timeout` and `ready_timeout` bound a start"),
        "watch" => node.lost(given, "say `restart_on_change: [PATH]`"),
        "vars" => node.kept(given, "put in where `{{.NAME}}` stands"),
        "disable_env_expansion" | "is_template_disabled" => {
            node.kept(given, "its texts are taken as they stand, or filled in, as there");
        }
        "mcp" => node.lost(given, "no tool of an assistant is made of it: the HTTP API runs it"),
        _ if key.starts_with("x-") => node.kept(given, "for its anchors alone, as there"),
        "extends" => node.lost(given, "say what children have in common as a `template`"),
        _ => {}
    }
}

fn depends(child: &mut Child, node: &Node, given: &mut Given) {
    for (other, how) in node.entries() {
        let condition = how.at("condition");
        let word = condition.and_then(Node::text).unwrap_or("process_started");
        let id = condition.or(Some(how)).and_then(|node| node.ids().first().copied());
        let until = match word {
            "process_started" => "started",
            "process_healthy" | "process_log_ready" => "ready",
            "process_completed" | "process_completed_successfully" => "completed",
            _ => {
                how.lost(given, "there is no such condition");
                continue;
            }
        };
        child.needs.push(Need {
            child: crate::model::name(other),
            until,
            on_restart: None,
            from: id,
        });
        let node = condition.unwrap_or(how);
        match word {
            "process_completed" => {
                node.changed(given, "`until: completed`: after a clean end alone");
            }
            _ => node.kept(given, "`needs`"),
        }
    }
    for other in node.each().iter().filter_map(Node::text) {
        let id = node.ids().first().copied();
        child.needs.push(Need {
            child: crate::model::name(other),
            until: "started",
            on_restart: None,
            from: id,
        });
        node.kept(given, "`needs`");
    }
}

fn availability(child: &mut Child, node: &Node, model: &mut Model, given: &mut Given) {
    let said = |name: &str| node.at(name).and_then(Node::text).map(str::to_owned);
    let rule = said("restart").unwrap_or_else(|| "no".into());
    let restarts = matches!(rule.as_str(), "always" | "on_failure");
    if let Some(at) = node.at("restart") {
        match rule.as_str() {
            "always" => child.set("restart", "always"),
            "on_failure" => child.set("restart", "on-failure"),
            "exit_on_failure" => {
                child.set("restart", "on-failure");
                let none = [("count", "restarts"), ("most", "0"), ("within", "consecutive")];
                child.set("budget", Value::map(none));
                child.set("on_exhausted", "shutdown");
            }
            _ => {}
        }
        match rule.as_str() {
            "no" | "false" | "always" | "on_failure" => at.kept(given, "`restart`"),
            "exit_on_failure" => {
                at.kept(given, "`budget` of no restart, and `on_exhausted: shutdown`");
            }
            _ => at.lost(given, "there is no such rule: it is not restarted"),
        }
    }
    if restarts {
        child.set(
            "backoff",
            said("backoff_seconds")
                .and_then(|text| units::seconds(&text))
                .map_or_else(|| "1s".into(), units::span),
        );
        let most = said("max_restarts").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        if most == 0 {
            child.set("budget", "none");
        } else {
            // In its own word: restarts in all, which nothing is forgotten of.
            let words = Value::map([("max_restarts", most.min(65_536).to_string())]);
            child.set("preset", Value::map([("process-compose", words)]));
        }
    }
    for (key, value) in node.entries() {
        match key.as_str() {
            "backoff_seconds" if seconds(value).is_none() => value.lost(given, "this is no number"),
            "backoff_seconds" if restarts => value.kept(given, "`backoff`"),
            "max_restarts" if restarts => match value.text().map(str::parse::<u64>) {
                Some(Ok(0)) => value.kept(given, "`budget: none`"),
                Some(Ok(_)) => value.kept(given, "the same word, within `preset`"),
                Some(Err(_)) | None => value.lost(given, "this is no number"),
            },
            "backoff_seconds" | "max_restarts" => value.kept(
                given,
                "without effect there, \
                without a restart",
            ),
            "exit_on_end" if value.text().and_then(units::switch) == Some(true) => {
                child.set("significant", "true");
                model.top.set("auto_shutdown", "any-significant");
                value.kept(
                    given,
                    "`significant`, with `auto_shutdown: any-significant` at the \
                    top",
                );
            }
            "exit_on_end" => value.kept(given, "off, as here"),
            "exit_on_skipped" => value.lost(
                given,
                "nothing is skipped: it waits for what it \
                needs",
            ),
            _ => {}
        }
    }
}

fn shutdown(child: &mut Child, node: &Node, here: &Here<'_>, given: &mut Given) {
    let mut step: Vec<(String, Value)> = Vec::new();
    let only_main =
        node.at("parent_only").and_then(Node::text).and_then(units::switch) == Some(true);
    let within = node.at("timeout_seconds").and_then(seconds).unwrap_or_else(|| "10s".into());
    let command = node.at("command").and_then(Node::text).filter(|text| !text.is_empty());
    if let Some(line) = command {
        step.push(("command".into(), compose::line(line, here.shell)));
    } else {
        let name = node.at("signal").and_then(Node::text).and_then(units::signal);
        step.push(("signal".into(), Value::Text(name.unwrap_or_else(|| "TERM".into()))));
        if !only_main {
            step.push(("to".into(), Value::from("all")));
        }
    }
    step.push(("within".into(), Value::Text(within)));
    child.set("stop", Value::List(vec![Value::Map(step)]));
    for (key, value) in node.entries() {
        let text = value.text().unwrap_or("");
        match key.as_str() {
            "command" => value.kept(given, "`stop`; then force"),
            "signal" if units::signal(text).is_none() => {
                value.lost(given, "there is no such signal");
            }
            "signal" | "parent_only" if command.is_some() => {
                value.kept(given, "without effect there, beside a command");
            }
            "timeout_seconds" if seconds(value).is_none() => value.lost(given, "this is no number"),
            "signal" | "timeout_seconds" | "parent_only" => value.kept(given, "`stop`"),
            "send_keys" => value
                .lost(given, "say `stop: [{message: ..}]` with `terminal: true` or `stdin: pipe`"),
            _ => {}
        }
    }
}

fn log(child: &mut Child, node: &Node, given: &mut Given) {
    let has_path = child.settings.value("log").is_some();
    for (key, value) in node.at("rotation").map_or(&[][..], Node::entries) {
        let number = value.text().and_then(|text| text.parse::<u64>().ok());
        let ours = match (key.as_str(), number) {
            ("max_size_mb", Some(size @ 1..)) => Some(("size", format!("{size}MiB"))),
            ("max_backups", Some(count)) => Some(("keep", count.min(10_000).to_string())),
            ("max_age_days", Some(days @ 1..=30_000)) => Some(("age", format!("{days}d"))),
            ("compress", _) => {
                value.text().and_then(units::switch).map(|is_on| ("compress", is_on.to_string()))
            }
            _ => None,
        };
        match ours {
            Some((ours, text)) if has_path => {
                child.settings.put("log", ours, text);
                value.kept(given, "`log`");
            }
            Some(_) | None => value.lost(given, "`log` has path, size, age, keep and compress"),
        }
    }
    for id in node.ids() {
        if !given.is_judged(id) {
            given.lost(
                id,
                "lines are written as they come, with or without stamps, or as JSON: \
                `log: {format: ..}`",
            );
        }
    }
}

fn schedule(child: &mut Child, node: &Node, given: &mut Given) {
    let said = |name: &str| node.at(name).and_then(Node::text).map(str::to_owned);
    let mut made: Vec<(String, Value)> = Vec::new();
    if let Some(cron) = said("cron") {
        made.push(("cron".into(), Value::Text(cron)));
    } else if let Some(span) = said("interval").as_deref().and_then(units::go)
        && span.as_secs() > 0
    {
        made.push(("every".into(), Value::Text(units::span(span))));
    }
    if made.is_empty() {
        node.lost(given, "a schedule is `cron`, or a span of at least a second");
        return;
    }
    let is_cron = said("cron").is_some();
    if let Some(zone) = said("timezone").filter(|_| is_cron) {
        made.push(("time_zone".into(), Value::Text(zone)));
    }
    child.set("schedule", Value::Map(made));
    for (key, value) in node.entries() {
        match (key.as_str(), value.text().unwrap_or("")) {
            ("cron", _) => value.kept(given, "`schedule`"),
            ("interval", _) if !is_cron => value.kept(given, "`schedule`"),
            ("timezone", _) if is_cron => value.kept(given, "`schedule`"),
            ("run_on_start", "false") | ("max_concurrent", "1") => value.kept(given, "as here"),
            ("run_on_start", _) => value.lost(
                given,
                "its first start is when the schedule says so: `mainstay start` runs it at once",
            ),
            ("max_concurrent", _) => value.lost(
                given,
                "there is never a second run of one child: `overlap: queue` runs it once more",
            ),
            _ => value.lost(given, "there is no such setting beside it"),
        }
    }
}

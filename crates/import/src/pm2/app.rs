//! One app of an ecosystem file.

use super::NAME;
use super::log::log;
use crate::compose::unknown;
use crate::given::Given;
use crate::model::{Child, INSTANCE, Names, Value};
use crate::yaml::{Node, Yaml};
use crate::{shell, units};
use std::time::Duration;

pub(super) fn read(app: &Node, names: &mut Names, given: &mut Given) -> Option<Child> {
    let said = |names: &[&str]| {
        names.iter().find_map(|name| app.at(name)).and_then(Node::text).map(str::to_owned)
    };
    let Some(script) = said(&["script", "exec"]) else {
        app.lost(given, "an app without `script` runs nothing, and is left out");
        return None;
    };
    let stem =
        script.rsplit('/').next().unwrap_or(&script).split('.').next().unwrap_or("app").to_owned();
    let count = said(&["instances"])
        .and_then(|text| text.parse::<u64>().ok())
        .filter(|count| (2..=10_000).contains(count));
    let prefix = said(&["name_prefix"]).map_or_else(String::new, |prefix| format!("{prefix}-"));
    let base = names.fresh(&format!("{prefix}{}", said(&["name"]).unwrap_or(stem)));
    let called = count.map_or_else(|| base.clone(), |count| format!("{base}@0..{}", count - 1));
    let mut child = Child::new(called.clone());
    given.about(app.ids(), &called);
    child.set("preset", "pm2");
    command(&mut child, app, &script, given);
    for (key, node) in app.entries() {
        one(&mut child, key, node, count, given);
    }
    if count.is_some() {
        let variable = said(&["instance_var"]).filter(|name| shell::is_variable(name));
        child.settings.put(
            "environment",
            &variable.unwrap_or_else(|| "NODE_APP_INSTANCE".into()),
            INSTANCE.to_string(),
        );
    }
    restarts(&mut child, app, given);
    stop(&mut child, app, given);
    log(&mut child, app, given);
    unknown(app, FORMED, NAME, given);
    Some(child)
}

fn command(child: &mut Child, app: &Node, script: &str, given: &mut Given) {
    let mut words = Vec::new();
    let interpreter = app.at("interpreter").or_else(|| app.at("exec_interpreter"));
    let named = interpreter.and_then(Node::text);
    // Words with spaces between them are a line for a shell.
    let is_line = script.contains(' ') && named.is_none();
    let by_end = match script.rsplit_once('.').map(|(_, end)| end) {
        _ if is_line => None,
        Some("js" | "cjs" | "mjs") => Some("node"),
        Some("py") => Some("python3"),
        Some("sh") => Some("bash"),
        Some("rb") => Some("ruby"),
        Some("pl") => Some("perl"),
        Some("php") => Some("php"),
        Some("ts") => Some("bun"),
        Some(_) | None => None,
    };
    match named {
        Some("none") => {}
        Some(named) => words.push(named.to_owned()),
        None => words.extend(by_end.map(String::from)),
    }
    if let Some(node) = interpreter {
        node.kept(given, "the first word of `command`");
    }
    for key in ["interpreter_args", "node_args", "interpreterArgs", "interpreter_arguments"] {
        let Some(node) = app.at(key) else { continue };
        match arguments(node) {
            Some(all) => {
                words.extend(all);
                node.kept(given, "`command`");
            }
            None => node.lost(given, "it cannot be split: write `command` by hand"),
        }
    }
    // A script is found in the folder of the app; a program in the search path.
    let is_file = !is_line && (script.contains('/') || by_end.is_some());
    let is_bare = is_file && !script.starts_with(['/', '.']);
    let script_word =
        if is_bare && words.is_empty() { format!("./{script}") } else { script.to_owned() };
    words.push(script_word);
    for key in ["args", "arguments"] {
        let Some(node) = app.at(key) else { continue };
        match arguments(node) {
            Some(all) => {
                words.extend(all);
                node.kept(given, "`command`");
            }
            None => node.lost(given, "it cannot be split: write `command` by hand"),
        }
    }
    if is_line {
        child.set("shell", "true");
        child.set("command", words.join(" "));
    } else {
        child.set("command", shell::words(&words));
    }
    for key in ["script", "exec"] {
        if let Some(node) = app.at(key) {
            node.kept(given, "`command`");
        }
    }
}

fn arguments(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Yaml::Text(text) => shell::split(text).ok(),
        Yaml::List(_) => Some(node.texts()),
        Yaml::Empty => Some(Vec::new()),
        Yaml::Map(_) => None,
    }
}

/// Keys that are a map.
const FORMED: &[&str] = &["env"];

fn one(child: &mut Child, key: &str, node: &Node, count: Option<u64>, given: &mut Given) {
    const TEXTS: [&str; 9] = [
        "cwd",
        "exec_mode",
        "gid",
        "instance_var",
        "instances",
        "name",
        "namespace",
        "uid",
        "user",
    ];
    if TEXTS.contains(&key) && matches!(node.value, Yaml::List(_) | Yaml::Map(_)) {
        return node.lost(given, "it takes a text");
    }
    let text = node.text().unwrap_or("").to_owned();
    let is_off = match &node.value {
        Yaml::Empty => true,
        Yaml::Text(text) => matches!(text.as_str(), "false" | "" | "0"),
        Yaml::List(all) => all.is_empty(),
        Yaml::Map(_) => false,
    };
    match key {
        "name" | "name_prefix" => node.kept(given, "the name of the child"),
        "port" if text.parse::<u16>().is_ok() => {
            child.settings.put("environment", "PORT", text);
            node.kept(given, "PORT in `environment`");
        }
        "port" => node.lost(given, "this is no port"),
        "env" if node.text().is_some() => {
            node.lost(given, "variables are said one by one: as a map of names and texts");
        }
        "cwd" => {
            child.set("folder", text);
            node.kept(given, "`folder`");
        }
        "env" => {
            for (name, value) in node.entries() {
                match value.text() {
                    Some(text) if shell::is_variable(name) => {
                        child.settings.put("environment", name, text);
                        value.kept(given, "`environment`");
                    }
                    Some(_) | None => value.lost(given, "a variable has a name and a text"),
                }
            }
        }
        _ if key.starts_with("env_") => node.lost(
            given,
            "there is one environment: `include` \
            another file, or set variables with `${NAME:-default}`",
        ),
        "instances" => match (count, text.as_str()) {
            (Some(_), _) => node.kept(given, "instances, numbered from 0 as there"),
            (None, "1") => node.kept(given, "one child"),
            (None, "0" | "max" | "-1") => node.lost(
                given,
                "how many processors there are is not \
                asked: say the number, as in `NAME@0..3`",
            ),
            (None, _) => node.lost(given, "this is no number"),
        },
        "exec_mode" => match text.as_str() {
            "fork" | "fork_mode" => node.kept(given, "a process of its own"),
            _ => node.lost(
                given,
                "no cluster: let instances share a port by `sockets` \
                (LISTEN_FDS), or give each its own with `${instance}`",
            ),
        },
        "instance_var" => node.kept(given, "`environment`"),
        "user" | "uid" => {
            child.set("user", text);
            node.kept(given, "`user`");
        }
        "gid" => {
            child.set("group", text);
            node.kept(given, "`group`");
        }
        "namespace" => {
            child.settings.put("labels", "namespace", text);
            node.changed(given, "a label");
        }
        "cron_restart" | "cron" if is_off => node.kept(given, "off, as here"),
        "cron_restart" | "cron" => node.lost(
            given,
            "a schedule starts a child, and does not restart one that runs: say `recycle: 24h`, \
                or `schedule: {cron: .., overlap: replace}` \
             with `restart: never`",
        ),
        "watch" => match &node.value {
            Yaml::List(_) => {
                child.set("restart_on_change", Value::list(node.texts()));
                node.changed(
                    given,
                    "`restart_on_change`: these files and folders, and not what \
                    is below the folders",
                );
            }
            Yaml::Text(_) if is_off => node.kept(given, "off, as here"),
            Yaml::Text(_) | Yaml::Empty | Yaml::Map(_) => node.lost(
                given,
                "say which files: \
                `restart_on_change: [PATH]`",
            ),
        },
        "ignore_watch" | "watch_delay" | "watch_options" => node.lost(
            given,
            "`restart_on_change` \
            has the paths that count, and `debounce`",
        ),
        "max_memory_restart" => match units::size(&text) {
            Some(size) if size > 0 => {
                child.settings.put("limits", "memory", units::bytes(size));
                node.changed(
                    given,
                    "`limits: {memory: ..}`: the kernel ends it at once, for which the daemon \
                        needs a cgroup of its own with that controller; \
                     without one the child does not start",
                );
            }
            Some(_) | None => node.lost(given, "this is no size"),
        },
        "wait_ready" if is_off => node.kept(given, "off, as here"),
        "wait_ready" => node.lost(
            given,
            "`process.send('ready')` reaches nobody: let it say \
            `READY=1` (`ready: notify`), or print a line (`ready: {line: ..}`)",
        ),
        "listen_timeout" => node.lost(
            given,
            "it bounds `wait_ready`: `ready_timeout` beside \
            `ready`",
        ),
        "shutdown_with_message" if is_off => node.kept(given, "off, as here"),
        "shutdown_with_message" => node.lost(
            given,
            "no message reaches `process.on('message')`: \
            it gets the signal; or `stop: [{message: ..}]` on its standard input",
        ),
        "autorestart"
        | "max_restarts"
        | "min_uptime"
        | "restart_delay"
        | "exp_backoff_restart_delay"
        | "stop_exit_codes"
        | "kill_timeout"
        | "treekill"
        | "kill_signal"
        | "kill_retry_time"
        | "script"
        | "args"
        | "interpreter" => {}
        "autostart" if text == "true" => node.kept(given, "it starts with the tree"),
        "autostart" => {
            child.set("on_demand", "true");
            node.kept(given, "`on_demand`: it waits for `mainstay start`");
        }
        "pid_file"
        | "pid"
        | "source_map_support"
        | "disable_source_map_support"
        | "vizion"
        | "force"
        | "pmx"
        | "automation"
        | "disable_trace"
        | "trace"
        | "v8"
        | "event_loop_inspector"
        | "deep_monitoring"
        | "increment_var"
        | "filter_env"
        | "append_env_to_name"
        | "post_update"
        | "disable_logs"
        | "uploader"
        | "install_url"
        | "execute_command"
        | "username"
        | "windowsHide"
        | "write"
        | "io"
        | "exec_interpreter" => {
            if !(is_off || key == "exec_interpreter") {
                node.lost(given, "there is no such setting");
            } else {
                node.kept(given, "off, as here");
            }
        }
        _ => {}
    }
}

fn span(node: &Node) -> Option<Duration> {
    let text = node.text()?;
    units::millis(text).or_else(|| units::go(text))
}

fn restarts(child: &mut Child, app: &Node, given: &mut Given) {
    let off = app.at("autorestart").and_then(Node::text) == Some("false");
    if off {
        child.set("restart", "never");
    }
    if let Some(node) = app.at("autorestart") {
        node.kept(given, "`restart`");
    }
    let exponential = app.at("exp_backoff_restart_delay").filter(|node| node.text() != Some("0"));
    let fixed = app.at("restart_delay").filter(|node| node.text() != Some("0"));
    match (exponential.map(|node| (node, span(node))), fixed.map(|node| (node, span(node)))) {
        (Some((node, Some(first))), other) => {
            let most = Duration::from_secs(15);
            if first >= most {
                child.set("backoff", "15s");
                node.changed(
                    given,
                    "`backoff`: a delay that grows ends at 15 s, there from the second on",
                );
            } else if first != Duration::from_millis(100) {
                let delays = [
                    ("first", units::span(first)),
                    ("factor", "1.5".to_owned()),
                    ("most", "15s".to_owned()),
                ];
                child.set("backoff", Value::map([("exponential", Value::map(delays))]));
            }
            node.kept(given, "`backoff`, as the preset has it");
            if let Some((node, _)) = other {
                node.lost(given, "the exponential delay holds");
            }
        }
        (Some((node, None)), _) | (None, Some((node, None))) => {
            node.lost(given, "this is no span of time");
        }
        (None, Some((node, Some(fixed)))) => {
            child.set("backoff", units::span(fixed));
            node.kept(given, "`backoff`");
        }
        // PM2's stock setting.
        (None, None) => child.set("backoff", "none"),
    }
    for key in ["exp_backoff_restart_delay", "restart_delay"] {
        if let Some(node) = app.at(key).filter(|node| node.text() == Some("0")) {
            node.kept(given, "no delay");
        }
    }
    let (most, uptime) = (app.at("max_restarts"), app.at("min_uptime"));
    let count = most.and_then(Node::text).map_or(Some(16), |text| text.parse::<u32>().ok());
    let least = uptime.map_or(Some(Duration::from_secs(1)), span);
    match (count, least) {
        (Some(count @ 1..=65_536), Some(least)) if !least.is_zero() => {
            if most.is_some() || uptime.is_some() {
                let within = format!("tumbling {}", units::span(least * count));
                let limit = [
                    ("count", "failures".to_owned()),
                    ("most", count.to_string()),
                    ("within", within),
                ];
                child.set("budget", Value::map(limit));
            }
            for node in [most, uptime].into_iter().flatten() {
                node.changed(
                    given,
                    "`budget`: so many failures in the span of both together; \
                    every failure in it counts, also of a longer run",
                );
            }
        }
        _ => [most, uptime]
            .into_iter()
            .flatten()
            .for_each(|node| node.lost(given, "this is no number above 0 and no span")),
    }
    if let Some(node) = app.at("stop_exit_codes") {
        let codes: Option<Vec<u8>> = node.texts().iter().map(|code| code.parse().ok()).collect();
        match codes {
            Some(codes) => {
                child.set("success", Value::list(codes.into_iter().map(u64::from)));
                if !off {
                    child.set("restart", "on-failure");
                }
                node.changed(
                    given,
                    "`success` with `restart: on-failure`: an exit code of 0 is final too",
                );
            }
            None => node.lost(given, "these are no exit codes"),
        }
    }
}

fn stop(child: &mut Child, app: &Node, given: &mut Given) {
    let mut within = Duration::from_millis(1600);
    if let Some(node) = app.at("kill_timeout") {
        match span(node) {
            Some(said) => {
                within = said;
                node.kept(given, "`stop`");
            }
            None => node.lost(given, "this is no span of time"),
        }
    }
    let mut signal = "INT".to_owned();
    if let Some(node) = app.at("kill_signal") {
        match node.text().and_then(units::signal) {
            Some(name) => {
                signal = name;
                node.kept(given, "`stop`");
            }
            None => node.lost(given, "there is no such signal"),
        }
    }
    let only_main = app.at("treekill").and_then(Node::text) == Some("false");
    let mut step = vec![("signal", signal), ("within", units::span(within))];
    if !only_main {
        step.push(("to", "all".into()));
    }
    child.set("stop", Value::List(vec![Value::map(step)]));
    if let Some(node) = app.at("treekill") {
        node.kept(given, "`to` of `stop`");
    }
    if let Some(node) = app.at("kill_retry_time") {
        node.lost(given, "nothing is polled: its end is seen when it happens");
    }
}

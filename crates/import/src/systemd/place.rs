//! Where a service runs: user, folders, environment, limits, outputs.

use super::service::Service;
use super::{bounds, values};
use crate::lines;
use crate::model::{Child, Need, Value};
use crate::shell::quote;
use crate::units;
use std::path::Path;

pub(super) fn read(service: &mut Service<'_>) {
    user(service);
    environment(service);
    outputs(service);
    bounds::read(service);
    folders(service);
}

fn user(service: &mut Service<'_>) {
    for (key, ours) in [("User", "user"), ("Group", "group")] {
        if let Some((id, name)) = service.one(key) {
            service.child.set(ours, name);
            service.given.kept(id, format!("`{ours}`"));
        }
    }
    let mut groups: Vec<String> = Vec::new();
    for (id, value) in service.each("SupplementaryGroups") {
        groups.extend(value.split_whitespace().map(String::from));
        service
            .given
            .changed(id, "`groups` are all further groups; systemd adds them to those of the user");
    }
    if !groups.is_empty() {
        service.child.set("groups", Value::list(groups));
    }
    service.child.set("folder", "/");
    if let Some((id, folder)) = service.one("WorkingDirectory") {
        let path = folder.trim_start_matches('-');
        if path == "~" || !path.starts_with('/') {
            service.given.lost(id, "the home of a user is not looked up: say the `folder` in full");
        } else {
            service.child.set("folder", path);
            if folder.starts_with('-') {
                service.given.changed(id, "`folder`, without which the child does not start");
            } else {
                service.given.kept(id, "`folder`");
            }
        }
    }
    if let Some((id, mask)) = service.one("UMask") {
        match units::rights(&mask) {
            Some(mask) => {
                service.child.set("umask", mask);
                service.given.kept(id, "`umask`");
            }
            None => service.given.lost(id, "these are no rights in octal"),
        }
    }
    for (key, ours, least, most) in
        [("Nice", "nice", -20, 19), ("OOMScoreAdjust", "oom_score", -1000, 1000)]
    {
        if let Some((id, value)) = service.one(key) {
            match value.parse::<i64>() {
                Ok(number) if (least..=most).contains(&number) => {
                    service.child.set(ours, number.to_string());
                    service.given.kept(id, format!("`{ours}`"));
                }
                Ok(_) | Err(_) => {
                    service.given.lost(id, format!("this is no number from {least} to {most}"));
                }
            }
        }
    }
    io_priority(service);
    if let Some((id, is_on)) = service.switch("NoNewPrivileges") {
        if is_on {
            service.child.set("no_new_privileges", "true");
        }
        service.given.kept(id, "`no_new_privileges`");
    }
    capabilities(service);
}

fn io_priority(service: &mut Service<'_>) {
    let class = service.one("IOSchedulingClass");
    let priority = service.one("IOSchedulingPriority");
    let turn =
        priority.as_ref().and_then(|(_, turn)| turn.parse::<u64>().ok()).filter(|turn| *turn <= 7);
    let name = class.as_ref().map_or("best-effort", |(_, class)| class.as_str());
    let ids: Vec<_> =
        [class.as_ref(), priority.as_ref()].into_iter().flatten().map(|(id, _)| *id).collect();
    let value = match name {
        _ if ids.is_empty() => return,
        "idle" | "3" => Some(Value::from("idle")),
        "best-effort" | "2" => Some(Value::map([("best-effort", turn.unwrap_or(4))])),
        "realtime" | "1" => Some(Value::map([("realtime", turn.unwrap_or(4))])),
        _ => None,
    };
    match value {
        Some(value) => {
            service.child.set("io_priority", value);
            ids.into_iter().for_each(|id| service.given.kept(id, "`io_priority`"));
        }
        None => ids.into_iter().for_each(|id| service.given.lost(id, "there is no such class")),
    }
}

/// Those of Linux, without their `CAP_`.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

fn capabilities(service: &mut Service<'_>) {
    let key = "CapabilityBoundingSet";
    let lines: Vec<_> =
        service.unit.lines().filter(|(_, known, _)| *known == key).map(|(.., id)| id).collect();
    let mut kept: Option<Vec<String>> = None;
    for id in &lines {
        let value = service.given.value(*id).to_owned();
        if value.starts_with('~') {
            let why = "what is taken away is not said here: list what it keeps as `capabilities`";
            lines.iter().for_each(|id| service.given.lost(*id, why));
            return;
        }
        let unknown = value
            .split_whitespace()
            .find(|name| !CAPABILITIES.contains(&name.trim_start_matches("CAP_")));
        if let Some(name) = unknown {
            service.given.lost(*id, format!("`{name}` is no capability that is known here"));
            continue;
        }
        // An empty line takes all of them away; others add up.
        let kept = kept.get_or_insert_default();
        if value.is_empty() {
            kept.clear();
        }
        kept.extend(value.split_whitespace().map(String::from));
        service.given.kept(*id, "`capabilities`");
    }
    if let Some(mut kept) = kept {
        kept.dedup();
        service.child.set("capabilities", Value::list(kept));
    }
}

fn environment(service: &mut Service<'_>) {
    for id in service.unit.all("Environment", service.given) {
        let words = values::unquoted(service.given.value(id));
        let words = words.and_then(|words| {
            let filled = words.into_iter().map(|(word, _)| service.specifiers.fill(&word));
            filled
                .collect::<Result<Vec<_>, _>>()
                .map_err(|c| format!("`%{c}` stands for nothing here"))
        });
        let pairs = words.and_then(|words| {
            lines::assignments(&words).map_err(|word| format!("`{word}` is no `NAME=value`"))
        });
        match pairs {
            Ok(pairs) => {
                for (name, value) in pairs {
                    service.child.settings.put("environment", &name, value);
                }
                service.given.kept(id, "`environment`");
            }
            Err(why) => service.given.lost(id, why),
        }
    }
    for (id, value) in service.each("EnvironmentFile") {
        let path = value.trim_start_matches('-');
        match lines::trouble(service.files, Path::new(path)) {
            Some(why) => service.given.lost(id, why),
            None => {
                service.child.settings.push("env_file", path);
                if value.starts_with('-') {
                    service.given.changed(
                        id,
                        "`env_file`, which must be there whenever the spec file is read",
                    );
                } else {
                    service.given.changed(
                        id,
                        "`env_file`, read when the spec file is, and not at each start; \
                                               `environment` is above it, which is below it there",
                    );
                }
            }
        }
    }
    let mut passed = Vec::new();
    for (id, value) in service.each("PassEnvironment") {
        passed.extend(value.split_whitespace().map(String::from));
        service.given.kept(id, "`inherit`");
    }
    if !passed.is_empty() {
        service.child.set("inherit", Value::list(passed));
    }
    for (id, _) in service.each("UnsetEnvironment") {
        service.given.lost(
            id,
            "a variable that is not said is not there, but for those of \
            `inherit`: say `inherit: none`",
        );
    }
}

fn outputs(service: &mut Service<'_>) {
    if let Some((id, input)) = service.one("StandardInput") {
        let file = input.strip_prefix("file:").map(String::from);
        match (input.as_str(), file) {
            ("null", _) => service.given.kept(id, "the default"),
            (_, Some(file)) => {
                service.child.set("stdin", Value::map([("file", file)]));
                service.given.kept(id, "`stdin`");
            }
            ("tty" | "tty-force" | "tty-fail", _) => {
                service.child.set("terminal", "true");
                service
                    .given
                    .changed(id, "`terminal`: one of its own, and not one of the machine's");
            }
            ("socket", _) => service.given.lost(
                id,
                "a connection is not passed as its input: let it take the socket (LISTEN_FDS)",
            ),
            _ => service.given.lost(id, "its input is empty: say `stdin`"),
        }
    }
    for key in ["StandardInputText", "StandardInputData"] {
        for (id, _) in service.each(key) {
            service.given.lost(id, "put it into a file, and say `stdin: {file: ..}`");
        }
    }
    let out = service.one("StandardOutput");
    let err = service.one("StandardError");
    let is_null =
        |one: &Option<(crate::given::Id, String)>| one.as_ref().is_some_and(|(_, to)| to == "null");
    let both_null = is_null(&out)
        && (is_null(&err) || err.is_none() || err.as_ref().is_some_and(|(_, to)| to == "inherit"));
    if both_null {
        service.child.set("output", "null");
    }
    let mut file: Option<String> = None;
    for (id, to) in [out, err].into_iter().flatten() {
        let path = ["file:", "append:", "truncate:"].iter().find_map(|lead| to.strip_prefix(lead));
        match (to.as_str(), path) {
            ("null", _) if both_null => service.given.kept(id, "`output: null`"),
            ("null", _) => service.given.changed(id, "both outputs are in one log"),
            ("inherit", _) => service.given.kept(id, "as the other output"),
            (_, Some(path)) if file.as_deref().is_none_or(|known| known == path) => {
                file = Some(path.to_owned());
                service.child.set("log", Value::map([("path", path), ("stamps", "false")]));
                service
                    .given
                    .changed(id, "`log`: both outputs go there, and it is rotated at 10 MiB");
            }
            (_, Some(_)) => service.given.changed(id, "both outputs are in the one log"),
            (
                "journal" | "syslog" | "kmsg" | "journal+console" | "syslog+console"
                | "kmsg+console",
                _,
            ) => {
                service.given.changed(
                    id,
                    "what it prints is in the log of the child (`mainstay \
                    logs`), not in syslog or the system's journal",
                );
            }
            _ => {
                service
                    .given
                    .lost(id, "what it prints is in the log of the child: `mainstay logs`");
            }
        }
    }
}

/// Folders that systemd makes are made by a child that comes before.
fn folders(service: &mut Service<'_>) {
    const KINDS: [(&str, &str, &str); 5] = [
        ("RuntimeDirectory", "/run", "RUNTIME_DIRECTORY"),
        ("StateDirectory", "/var/lib", "STATE_DIRECTORY"),
        ("CacheDirectory", "/var/cache", "CACHE_DIRECTORY"),
        ("LogsDirectory", "/var/log", "LOGS_DIRECTORY"),
        ("ConfigurationDirectory", "/etc", "CONFIGURATION_DIRECTORY"),
    ];
    let name = format!("{}-folders", service.child.name);
    let owner = service.child.settings.word("user").map(quote);
    let group = service.child.settings.word("group").map(quote);
    let group = group.or_else(|| owner.as_ref().map(|user| format!("\"$(id -gn {user})\"")));
    let mut steps = Vec::new();
    for (key, above, variable) in KINDS {
        let mut paths = Vec::new();
        let mut ids = Vec::new();
        for (id, value) in service.each(key) {
            ids.push(id);
            for one in value.split_whitespace() {
                let (one, has_link) =
                    one.split_once(':').map_or((one, false), |(one, _)| (one, true));
                if has_link {
                    service.given.lost(id, "no link to the folder is made");
                }
                paths.push(format!("{above}/{one}"));
            }
        }
        let mode_key = format!("{key}Mode");
        let mode = service.one(&mode_key);
        let rights = mode.as_ref().map_or("0755", |(_, mode)| mode.as_str()).to_owned();
        let is_octal = !rights.is_empty()
            && rights.len() <= 5
            && rights.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        if let Some((id, _)) = mode {
            match is_octal {
                true => service.given.kept(id, format!("the rights that `{name}` gives")),
                false => service.given.lost(id, "these are no rights in octal"),
            }
        }
        if paths.is_empty() {
            continue;
        }
        let is_owned = key != "ConfigurationDirectory";
        let owner = owner.as_ref().filter(|_| is_owned).map(|user| format!(" -o {user}"));
        let group = group.as_ref().filter(|_| is_owned).map(|group| format!(" -g {group}"));
        let all: Vec<String> = paths.iter().map(|path| quote(path)).collect();
        let rights = if is_octal { rights } else { "0755".into() };
        steps.push(format!(
            "install -d -m {rights}{}{} {}",
            owner.unwrap_or_default(),
            group.unwrap_or_default(),
            all.join(" ")
        ));
        service.child.settings.put("environment", variable, paths.join(":"));
        for id in ids {
            service.given.changed(
                id,
                format!(
                    "`{name}` makes it before the first start, as the \
                user of the daemon; it is not removed"
                ),
            );
        }
    }
    if steps.is_empty() {
        return;
    }
    let mut before = Child::new(name.clone());
    before.set("description", format!("The folders of {}", service.child.name));
    before.set("restart", "never");
    if let Some(count) = service.child.settings.word("instances") {
        before.set("instances", count);
    }
    before.set("command", Value::list(["/bin/sh".to_owned(), "-c".into(), steps.join(" && ")]));
    service.before.push(before);
    service.child.needs.push(Need {
        child: name,
        until: "completed",
        on_restart: None,
        from: None,
    });
}

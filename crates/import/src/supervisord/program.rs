//! One `[program:x]`, `[fcgi-program:x]` or `[eventlistener:x]`.

use super::PRESET;
use super::expand::Words;
use super::listener;
use crate::given::{Given, Id};
use crate::ini::Section;
use crate::model::{Child, Value};
use crate::shell;
use crate::units;
use std::time::Duration;

/// Makes the children of a section: one, one that has instances, or one for each padded number.
pub(super) fn read(
    section: &Section,
    kind: &str,
    words: &Words,
    given: &mut Given,
) -> (i64, Vec<Child>) {
    let name = section.name.split_once(':').map_or("", |(_, name)| name).trim();
    let number = |key: &str| section.value(given, key).and_then(|text| text.trim().parse().ok());
    let (count, first) =
        (number("numprocs").unwrap_or(1u64), number("numprocs_start").unwrap_or(0u64));
    let count = count.clamp(1, 10_000);
    let pads = section.ids().any(|id| Words::pads(given.value(id)));
    let mut children = Vec::new();
    let base = crate::model::name(name);
    if count > 1 && pads {
        for number in first..first + count {
            let words = words.numbered(number);
            let own =
                section.value(given, "process_name").unwrap_or("%(program_name)s_%(process_num)d");
            let own = words.fill(own).unwrap_or_else(|_| format!("{base}-{number}"));
            let mut child = Child::new(crate::model::name(&own));
            fill(&mut child, section, kind, &words, given);
            children.push(child);
        }
        given.about(
            section.ids(),
            &children.first().map_or(String::new(), |child| child.name.clone()),
        );
    } else {
        let (name, words) = if count > 1 {
            (format!("{base}@{first}..{}", first + count - 1), words.clone())
        } else {
            (base, words.numbered(first))
        };
        let mut child = Child::new(name);
        fill(&mut child, section, kind, &words, given);
        given.about(section.ids(), &child.name);
        children.push(child);
    }
    if kind == "eventlistener" && children.len() > 1 {
        // Instances share their events by themselves; these have names of their own.
        for child in children.iter_mut().filter(|child| child.settings.value("listener").is_some())
        {
            child.settings.put("listener", "pool", crate::model::name(name));
        }
    }
    if let Some(id) = section.id("numprocs") {
        match (count, pads) {
            (1, _) => given.kept(id, "one child"),
            (_, true) => given.kept(id, "a child for each, for their numbers are padded"),
            (_, false) => given.kept(id, "instances"),
        }
    }
    if let Some(id) = section.id("numprocs_start") {
        given.kept(id, "the number of the first instance");
    }
    if let Some(id) = section.id("process_name") {
        let is_plain = given.value(id) == "%(program_name)s";
        match (count, pads) {
            (1, _) if is_plain => given.kept(id, "the name of the child"),
            (_, true) if count > 1 => given.kept(id, "the names of the children"),
            _ => given.changed(id, "the child is called as the section, an instance `NAME@NUMBER`"),
        }
    }
    if children.iter().any(|child| child.settings.value("command").is_none()) {
        let id = section.id("command");
        let id = id.unwrap_or_else(|| {
            given.add(section.place.clone(), section.name.as_str(), "command", "")
        });
        given.lost(id, "a program without a command that can be read is left out");
        children.clear();
    }
    let priority = number_of(section, given, "priority").unwrap_or(if kind == "eventlistener" {
        -1
    } else {
        999
    });
    (priority, children)
}

fn number_of(section: &Section, given: &Given, key: &str) -> Option<i64> {
    section.value(given, key)?.trim().parse().ok()
}

fn fill(child: &mut Child, section: &Section, kind: &str, words: &Words, given: &mut Given) {
    child.set("preset", PRESET);
    for (key, id) in &section.keys {
        one(child, key, *id, words, given);
    }
    retries(child, section, given);
    stop(child, section, given);
    if kind == "eventlistener" {
        listener::log(child, section, words, given);
    } else {
        output(child, section, words, given);
    }
    match kind {
        "fcgi-program" => {
            child.set("on_demand", "true");
            let why = "a FastCGI socket on descriptor 0 is not passed: listen by itself or take \
                       `sockets` (LISTEN_FDS); until then it does not start by itself (`on_demand`)";
            for key in ["socket", "socket_backlog", "socket_owner", "socket_mode"] {
                if let Some(id) = section.id(key) {
                    given.lost(id, why);
                }
            }
        }
        "eventlistener" => return listener::read(child, section, given),
        _ => {}
    }
    // It leaves the input of a program open: some end at once where there is none.
    child.set("stdin", "pipe");
    listener::printed(child, section, given);
}

/// Keys that stand by themselves.
fn one(child: &mut Child, key: &str, id: Id, words: &Words, given: &mut Given) {
    let value = match words.fill(given.value(id)) {
        Ok(value) => value,
        // Values of these two are filled in part by part.
        Err(_) if key == "environment" => String::new(),
        Err(why) => return given.lost(id, why),
    };
    match key {
        "command" => match shell::split(&value) {
            Ok(all) if shell::names_program(&all) => {
                child.set("command", shell::words(&all));
                given.kept(id, "`command`");
            }
            Ok(_) => given.lost(id, "it names no program"),
            Err(why) => given.lost(id, format!("the command cannot be split: {why}")),
        },
        "directory" => {
            child.set("folder", value);
            given.kept(id, "`folder`");
        }
        "user" => {
            child.set("user", value);
            given.kept(id, "`user`");
        }
        "umask" => match units::rights(&value) {
            Some(rights) => {
                child.set("umask", rights);
                given.kept(id, "`umask`");
            }
            None => given.lost(id, "these are no rights in octal"),
        },
        "environment" => match words.environment(given.value(id)) {
            Ok(pairs) => {
                for (name, value) in pairs {
                    child.settings.put("environment", &name, value);
                }
                given.kept(id, "`environment`");
            }
            Err(why) => given.lost(id, why),
        },
        "priority" => match value.parse::<i64>() {
            Ok(_) => given.kept(id, "the order in the file, in which children start"),
            Err(_) => given.lost(id, "this is no number"),
        },
        "autostart" => match units::switch(&value) {
            Some(true) => given.kept(id, "children start with the tree"),
            Some(false) => {
                child.set("on_demand", "true");
                given.kept(id, "`on_demand`: it waits for `mainstay start`");
            }
            None => given.lost(id, "this is no switch"),
        },
        "autorestart" => restart(child, &value, id, given),
        "exitcodes" => codes(child, &value, id, given),
        "killasgroup" => given.kept(id, "force is for every process of it in any case"),
        "serverurl" => given
            .lost(id, "`supervisord: {listen: ..}` sets SUPERVISOR_SERVER_URL for every process"),
        "stdout_syslog" | "stderr_syslog" => match units::switch(&value) {
            Some(false) => given.kept(id, "nothing goes to syslog"),
            Some(true) | None => {
                given.lost(id, "nothing goes to syslog: read the log, or `mainstay logs -f`");
            }
        },
        _ => {}
    }
}

fn restart(child: &mut Child, value: &str, id: Id, given: &mut Given) {
    match (value.to_ascii_lowercase().as_str(), units::switch(value)) {
        ("unexpected", _) => given.kept(id, "`restart: on-failure`, as the preset has it"),
        (_, Some(true)) => {
            child.set("restart", "always");
            given.kept(id, "`restart: always`");
        }
        (_, Some(false)) => {
            child.set("restart", "never");
            given.changed(
                id,
                "`restart: never`: supervisord would retry an end within `startsecs` even so",
            );
        }
        (_, None) => given.lost(id, "it is none of true, false, unexpected"),
    }
}

fn codes(child: &mut Child, value: &str, id: Id, given: &mut Given) {
    let codes: Option<Vec<u8>> = value.split(',').map(|code| code.trim().parse().ok()).collect();
    match codes {
        Some(codes) => {
            let others: Vec<u64> =
                codes.iter().filter(|code| **code != 0).map(|code| u64::from(*code)).collect();
            if !others.is_empty() {
                child.set("success", Value::list(others));
            }
            if codes.contains(&0) {
                given.kept(id, "`success`; 0 is a clean end in any case");
            } else {
                given.changed(id, "`success`; 0 is a clean end too");
            }
        }
        None => given.lost(id, "these are no exit codes"),
    }
}

/// `startsecs` and `startretries`: how long a run is a success, and how many may fail in a row.
fn retries(child: &mut Child, section: &Section, given: &mut Given) {
    let is_zero = section.value(given, "startsecs").is_some_and(|text| text.trim() == "0");
    if let Some(id) = section.id("startsecs") {
        match units::seconds(given.value(id)) {
            Some(span) if span.is_zero() => {
                child.set("backoff", "none");
                child.set("budget", "none");
                given.kept(
                    id,
                    "`backoff: none` and `budget: none`: with 0 nothing is retried \
                    slower, or given up",
                );
            }
            Some(span) => {
                child.set("stable_after", units::span(span));
                given.kept(id, "`stable_after`");
            }
            None => given.lost(id, "this is no number of seconds"),
        }
    }
    if let Some(id) = section.id("startretries") {
        match given.value(id).trim().parse::<u64>() {
            Ok(_) if is_zero => given.kept(id, "without effect there, with `startsecs=0`"),
            Ok(most) if most <= 65_536 => {
                let limit = [("count", "restarts".to_owned()), ("most", most.to_string())];
                let limit = limit.into_iter().chain([("within", "consecutive".to_owned())]);
                child.set("budget", Value::map(limit));
                given.kept(id, "`budget`");
            }
            Ok(_) | Err(_) => given.lost(id, "this is no number up to 65536"),
        }
    }
}

fn stop(child: &mut Child, section: &Section, given: &mut Given) {
    let mut step = Vec::new();
    let signal = section.id("stopsignal");
    let name = signal.map(|id| units::signal(given.value(id)));
    match (signal, name) {
        (Some(id), Some(Some(name))) => {
            step.push(("signal", name));
            given.kept(id, "`stop`");
        }
        (Some(id), _) => given.lost(id, "there is no such signal"),
        (None, _) => {}
    }
    let mut within = Duration::from_secs(10);
    if let Some(id) = section.id("stopwaitsecs") {
        match units::seconds(given.value(id)) {
            Some(span) => {
                within = span;
                step.push(("within", units::span(span)));
                given.kept(id, "`stop`");
            }
            None => given.lost(id, "this is no number of seconds"),
        }
    }
    if let Some(id) = section.id("stopasgroup") {
        match units::switch(given.value(id)) {
            Some(true) => {
                step.push(("to", "all".into()));
                given.kept(id, "`stop`, with `to: all`");
            }
            Some(false) => given.kept(id, "`stop` asks the main process"),
            None => given.lost(id, "this is no switch"),
        }
    }
    if step.is_empty() {
        return;
    }
    if !step.iter().any(|(key, _)| *key == "signal") {
        step.insert(0, ("signal", "TERM".into()));
    }
    if !step.iter().any(|(key, _)| *key == "within") {
        step.push(("within", units::span(within)));
    }
    child.set("stop", Value::List(vec![Value::map(step)]));
}

/// Both outputs go into one log here.
fn output(child: &mut Child, section: &Section, words: &Words, given: &mut Given) {
    let is_on = |key: &str| section.value(given, key).and_then(units::switch) == Some(true);
    let merged = is_on("redirect_stderr");
    let file = |key: &str| section.value(given, key).and_then(|text| words.fill(text).ok());
    let (out, err) = (file("stdout_logfile"), file("stderr_logfile"));
    let is_none = |file: &Option<String>| {
        file.as_deref()
            .is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "none" | "off"))
    };
    let is_file = |file: &str| {
        !matches!(file.to_ascii_lowercase().as_str(), "auto" | "none" | "off" | "syslog")
            && !file.starts_with("/dev/")
    };
    if let Some(id) = section.id("redirect_stderr") {
        given.kept(id, if merged { "`output: merged`, the default" } else { "`output: apart`" });
    }
    if is_none(&out) && (is_none(&err) || merged) {
        child.set("output", "null");
    } else if !merged {
        child.set("output", "apart");
    }
    let path = out.clone().filter(|file| is_file(file));
    let taken = path.is_some() || err.as_ref().is_none_or(|file| !is_file(file)) || merged;
    let path = path.or_else(|| err.clone().filter(|file| is_file(file) && !merged));
    for (key, file) in [("stdout_logfile", &out), ("stderr_logfile", &err)] {
        let Some(id) = section.id(key) else { continue };
        let Some(file) = file else {
            given.lost(id, "the path cannot be filled in");
            continue;
        };
        let is_err = key == "stderr_logfile";
        match file.to_ascii_lowercase().as_str() {
            _ if is_err && merged => given.kept(id, "without effect there, with `redirect_stderr`"),
            "auto" => given.kept(id, "a log in the folder `logs` of the state"),
            "none" | "off" if is_none(&out) && (is_none(&err) || merged) => {
                given.kept(id, "`output: null`");
            }
            "none" | "off" => {
                given.changed(id, "both outputs are in one log; lines say where they came from");
            }
            "syslog" => {
                given.lost(id, "nothing goes to syslog: read the log, or `mainstay logs -f`");
            }
            file if file.starts_with("/dev/") => {
                given.changed(
                    id,
                    "it goes to a log; `mainstay up` shows it on its own output as well",
                );
            }
            _ if is_err && taken => {
                given.lost(
                    id,
                    "this file is not written: both outputs are in the log of `stdout_logfile`, \
                        and lines say where they came from",
                );
            }
            _ => given.kept(id, "`log`"),
        }
    }
    let side = if taken { "stdout" } else { "stderr" };
    let size = format!("{side}_logfile_maxbytes");
    let keep = format!("{side}_logfile_backups");
    let mut log = Vec::new();
    if let Some(path) = path {
        log.push(("path".to_owned(), path));
        let most = section.value(given, &size).map_or(Some(50 << 20), units::size);
        let size = match most {
            Some(0) | None => "1TiB".to_owned(),
            Some(most) => units::bytes(most.max(4096)),
        };
        log.push(("size".into(), size));
        let files = section.value(given, &keep).and_then(|text| text.trim().parse::<u64>().ok());
        log.push(("keep".into(), files.unwrap_or(10).min(10_000).to_string()));
        log.push(("stamps".into(), "false".into()));
        child.set("log", Value::map(log));
    }
    let has_log = child.settings.value("log").is_some();
    for key in [
        "stdout_logfile_maxbytes",
        "stdout_logfile_backups",
        "stderr_logfile_maxbytes",
        "stderr_logfile_backups",
    ] {
        let Some(id) = section.id(key) else { continue };
        let is_size = key.ends_with("maxbytes");
        let value = given.value(id).trim().to_owned();
        let is_right =
            if is_size { units::size(&value).is_some() } else { value.parse::<u64>().is_ok() };
        if !is_right {
            given.lost(id, "this is no number");
        } else if !has_log || !key.starts_with(side) {
            given.changed(
                id,
                "the log of the child is rotated by its `log`, and without one at \
                10 MiB, with 10 older files",
            );
        } else if is_size && units::size(&value).is_some_and(|size| (1..4096).contains(&size)) {
            given.changed(id, "a log has at least 4096 bytes");
        } else if is_size && units::size(&value) == Some(0) {
            given.changed(id, "there is always a bound: it is 1 TiB");
        } else {
            given.kept(id, "`log`");
        }
    }
}

//! One `[eventlistener:x]`: beside what every program says, what it is told of.

use super::expand::Words;
use crate::given::Given;
use crate::ini::Section;
use crate::model::{Child, Value};
use crate::units;

/// What supervisord calls if nobody names something else.
const HANDLER: &str = "supervisor.dispatchers:default_handler";

/// What makes events of what a program prints: the part of `output_events`, the key, and the output.
const PRINTED: [(&str, &str, &str); 4] = [
    ("lines", "stdout_events_enabled", "out"),
    ("lines", "stderr_events_enabled", "err"),
    ("messages", "stdout_capture_maxbytes", "out"),
    ("messages", "stderr_capture_maxbytes", "err"),
];

/// Takes what only listeners say.
pub(super) fn read(child: &mut Child, section: &Section, given: &mut Given) {
    let words = |text: &str| -> Vec<String> {
        let all = text.split([',', ' ', '\n', '\t']).map(str::trim);
        all.filter(|word| !word.is_empty()).map(str::to_ascii_uppercase).collect()
    };
    let mut listener: Vec<(&str, Value)> = Vec::new();
    match section.id("events") {
        Some(id) => {
            let events = words(given.value(id));
            let (known, others): (Vec<String>, Vec<String>) =
                events.into_iter().partition(|name| is_known(name));
            if others.is_empty() {
                given.kept(id, "`listener`");
            } else {
                let others = others.join(", ");
                given.lost(id, format!("supervisord has no event {others}: it is left out"));
            }
            if !known.is_empty() {
                listener.push(("events", Value::list(known)));
            }
        }
        None => {
            let id = given.add(section.place.clone(), section.name.as_str(), "events", "");
            given.lost(id, "it hears of nothing: supervisord would refuse the section");
        }
    }
    if let Some(id) = section.id("buffer_size") {
        match given.value(id).trim().parse::<u64>() {
            Ok(size @ 1..=1_000_000) => {
                listener.push(("buffer", size.into()));
                given.kept(id, "`listener`");
            }
            Ok(_) | Err(_) => given.lost(id, "this is no number from 1 to 1000000"),
        }
    }
    if let Some(id) = section.id("result_handler") {
        if given.value(id).trim() == HANDLER {
            given.kept(id, "`OK` is taken, and everything else is sent again");
        } else {
            given.lost(
                id,
                "no code of Python is called: `OK` is taken, and everything else is sent again",
            );
        }
    }
    for (_, key, _) in PRINTED {
        if let Some(id) = section.id(key) {
            given.lost(id, "what a listener prints makes no events");
        }
    }
    // Without events it is a process like any other, and its settings are those of one.
    if listener.first().is_some_and(|(key, _)| *key == "events") {
        child.set("listener", Value::map(listener));
    }
}

/// Its standard output is the protocol's, and is not written down: its log has its standard error.
pub(super) fn log(child: &mut Child, section: &Section, words: &Words, given: &mut Given) {
    const SPEECH: &str =
        "what it says to supervisord is not written down: its log has its standard error";
    if let Some(id) = section.id("redirect_stderr") {
        if units::switch(given.value(id)) == Some(true) {
            given.lost(id, "supervisord refuses it here, for it would break the protocol");
        } else {
            given.kept(id, "its log has its standard error alone");
        }
    }
    for key in ["stdout_logfile", "stdout_logfile_maxbytes", "stdout_logfile_backups"] {
        let Some(id) = section.id(key) else { continue };
        match given.value(id).trim().to_ascii_lowercase().as_str() {
            "auto" | "none" | "off" => given.kept(id, SPEECH),
            _ if key != "stdout_logfile" => given.kept(id, SPEECH),
            _ => given.lost(id, SPEECH),
        }
    }
    let mut path = None;
    if let Some(id) = section.id("stderr_logfile") {
        match words.fill(given.value(id)) {
            Err(why) => given.lost(id, why),
            Ok(file) => match file.to_ascii_lowercase().as_str() {
                "auto" => given.kept(id, "a log in the folder `logs` of the state"),
                "none" | "off" => given.changed(id, "a log in the folder `logs` of the state"),
                "syslog" => given.lost(id, "nothing goes to syslog: read the log"),
                dev if dev.starts_with("/dev/") => {
                    given.changed(id, "it goes to a log; `mainstay up` shows it as well");
                }
                _ => {
                    given.kept(id, "`log`");
                    path = Some(file);
                }
            },
        }
    }
    let (mut size, mut keep) = (50 << 20, 10);
    for key in ["stderr_logfile_maxbytes", "stderr_logfile_backups"] {
        let Some(id) = section.id(key) else { continue };
        let value = given.value(id).trim();
        let (bytes, count) = (units::size(value), value.parse::<u64>().ok());
        match (key.ends_with("maxbytes"), bytes, count) {
            _ if path.is_none() => {
                given.changed(id, "the log of the child is rotated by its `log`");
            }
            (true, Some(bytes), _) => {
                // There is always a bound here.
                size = if bytes == 0 { 1 << 40 } else { bytes.max(4096) };
                given.kept(id, "`log`");
            }
            (false, _, Some(count)) => {
                keep = count.min(10_000);
                given.kept(id, "`log`");
            }
            (true, None, _) | (false, _, None) => given.lost(id, "this is no number"),
        }
    }
    if let Some(path) = path {
        let log = [("path", path), ("size", units::bytes(size)), ("keep", keep.to_string())];
        let log = log.into_iter().chain([("stamps", "false".into())]);
        child.set("log", Value::map(log));
    }
}

fn is_known(name: &str) -> bool {
    const NAMES: [&str; 27] = [
        "EVENT",
        "PROCESS_STATE",
        "PROCESS_STATE_STARTING",
        "PROCESS_STATE_RUNNING",
        "PROCESS_STATE_BACKOFF",
        "PROCESS_STATE_STOPPING",
        "PROCESS_STATE_EXITED",
        "PROCESS_STATE_STOPPED",
        "PROCESS_STATE_FATAL",
        "PROCESS_STATE_UNKNOWN",
        "REMOTE_COMMUNICATION",
        "PROCESS_LOG",
        "PROCESS_LOG_STDOUT",
        "PROCESS_LOG_STDERR",
        "PROCESS_COMMUNICATION",
        "PROCESS_COMMUNICATION_STDOUT",
        "PROCESS_COMMUNICATION_STDERR",
        "SUPERVISOR_STATE_CHANGE",
        "SUPERVISOR_STATE_CHANGE_RUNNING",
        "SUPERVISOR_STATE_CHANGE_STOPPING",
        "TICK",
        "TICK_5",
        "TICK_60",
        "TICK_3600",
        "PROCESS_GROUP",
        "PROCESS_GROUP_ADDED",
        "PROCESS_GROUP_REMOVED",
    ];
    NAMES.contains(&name)
}

/// What becomes events of what a program prints.
pub(super) fn printed(child: &mut Child, section: &Section, given: &mut Given) {
    let mut found: Vec<(&str, Vec<&str>)> = vec![("lines", Vec::new()), ("messages", Vec::new())];
    let is_apart = child.settings.word("output") == Some("apart");
    let has_log = child.settings.word("output") != Some("null");
    for (part, key, output) in PRINTED {
        let Some(id) = section.id(key) else { continue };
        let value = given.value(id).trim().to_ascii_lowercase();
        let is_on = match part {
            "lines" => units::switch(&value),
            _ => units::size(&value).map(|size| size > 0),
        };
        match is_on {
            Some(false) => given.kept(id, "nothing of it becomes events"),
            Some(true) if !has_log => given.lost(id, "there is no log that it could be read from"),
            Some(true) if output == "err" && !is_apart => {
                given.lost(id, "both outputs are one here, and are told as standard output");
            }
            Some(true) if part == "messages" => {
                given.changed(
                    id,
                    "`output_events`; a message has at most 1 MiB, and stays in the log too",
                );
            }
            Some(true) => {
                given.changed(id, "`output_events`: an event for each line, not for each read");
            }
            None => given.lost(id, "this is no switch, or no size"),
        }
        let is_taken = is_on == Some(true) && has_log && (output == "out" || is_apart);
        if let Some((_, outputs)) = found.iter_mut().find(|(known, _)| *known == part)
            && is_taken
        {
            outputs.push(output);
        }
    }
    found.retain(|(_, outputs)| !outputs.is_empty());
    if !found.is_empty() {
        let map = found.into_iter().map(|(part, outputs)| (part, Value::list(outputs)));
        child.set("output_events", Value::map(map));
    }
}

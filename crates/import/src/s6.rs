//! Service folders of s6, source folders of s6-rc, and those of runit.

use crate::given::{Given, Id};
use crate::model::{Child, Draft, Model, Names, Need, Value};
use crate::report::Place;
use crate::{Files, ImportError, text, units};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Reads service folders, and the service folders within a folder that is none itself.
pub(crate) fn read(paths: &[PathBuf], files: &dyn Files) -> Result<Draft, ImportError> {
    let mut given = Given::default();
    let mut model = Model::default();
    let mut names = Names::default();
    let mut folders = Vec::new();
    for path in paths {
        let here =
            files.names(path).map_err(|source| ImportError::Read { path: path.clone(), source })?;
        if here.iter().any(|name| matches!(name.as_str(), "run" | "type")) {
            folders.push(path.clone());
        } else {
            let below =
                here.iter().filter(|name| !name.starts_with('.')).map(|name| path.join(name));
            folders.extend(below.filter(|path| files.is_folder(path)));
        }
    }
    let mut bundles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in &folders {
        let child = service(folder, files, &mut names, &mut bundles, &mut given)?;
        model.children.extend(child);
    }
    // To need a bundle is to need all of it.
    for child in &mut model.children {
        let needs = std::mem::take(&mut child.needs);
        for need in needs {
            match bundles.get(&need.child) {
                Some(members) => {
                    let each =
                        members.iter().map(|member| Need { child: member.clone(), ..need.clone() });
                    child.needs.extend(each);
                }
                None => child.needs.push(need),
            }
        }
    }
    let oneshots: Vec<String> = model
        .children
        .iter()
        .filter(|child| child.settings.word("restart") == Some("never"))
        .map(|child| child.name.clone())
        .collect();
    for need in model.children.iter_mut().flat_map(|child| &mut child.needs) {
        if oneshots.contains(&need.child) {
            need.until = "completed";
        }
    }
    model.top.put("defaults", "inherit", "all");
    model.settle_needs(&mut given);
    Ok((model, given))
}

fn service(
    folder: &Path,
    files: &dyn Files,
    names: &mut Names,
    bundles: &mut BTreeMap<String, Vec<String>>,
    given: &mut Given,
) -> Result<Option<Child>, ImportError> {
    let called = folder
        .file_name()
        .map_or_else(|| "child".into(), |name| name.to_string_lossy().into_owned());
    let mut child = Child::new(names.fresh(&called));
    child.set("preset", "s6");
    child.set("folder", folder.display().to_string());
    let here =
        files.names(folder).map_err(|source| ImportError::Read { path: folder.into(), source })?;
    let kind = match here.iter().any(|name| name == "type") {
        true => text(files, &folder.join("type"))?.trim().to_owned(),
        false => "longrun".into(),
    };
    let mut ids = Vec::new();
    let mut stop: (Option<String>, Option<String>) = (None, None);
    for name in &here {
        let path = folder.join(name);
        let place = Place { file: path.display().to_string(), line: 0 };
        let is_folder = files.is_folder(&path);
        // What is long is a program: its first line says which one reads it.
        let value = if is_folder { String::new() } else { text(files, &path).unwrap_or_default() };
        let first = value.lines().next().unwrap_or("").trim().to_owned();
        let id = given.add(place, called.as_str(), name.as_str(), first.as_str());
        ids.push(id);
        match (name.as_str(), kind.as_str()) {
            ("type", _) => {}
            ("run", "longrun") => {
                child.set("command", "./run");
                given.kept(id, "`command`, in the folder of the service");
            }
            ("up", "oneshot") => {
                child.set("command", Value::list(["execlineb", "-P", "./up"]));
                child.set("restart", "never");
                given.kept(id, "`command`, read by `execlineb` as there");
            }
            ("down-signal", _) => stop.0 = signal(&first, id, given),
            ("timeout-kill", _) => stop.1 = grace(&first, id, given),
            ("dependencies.d" | "contents.d", _) if is_folder => {
                let all = files.names(&path).unwrap_or_default();
                depend(name, &all, &called, &mut child, bundles, id, given);
            }
            ("dependencies" | "contents", _) => {
                let all: Vec<String> = value
                    .lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty())
                    .map(String::from)
                    .collect();
                depend(name, &all, &called, &mut child, bundles, id, given);
            }
            _ => file(&mut child, name, &first, &kind, id, given),
        }
    }
    given.about(ids.iter().copied(), &child.name);
    let type_id = here.iter().position(|name| name == "type").and_then(|at| ids.get(at).copied());
    if let Some(id) = type_id {
        match kind.as_str() {
            "longrun" => given.kept(id, "a child that is run again"),
            "oneshot" => given.changed(
                id,
                "`restart: never`; its failure is that of a child, and not of a transition",
            ),
            "bundle" => given.changed(id, "no child: who needs it needs all of it"),
            _ => given.lost(id, "there is no such type"),
        }
    }
    if child.settings.value("command").is_none() {
        return Ok(None);
    }
    if stop != (None, None) {
        let signal = stop.0.unwrap_or_else(|| "TERM".into());
        let within = stop.1.unwrap_or_else(|| "10s".into());
        child.set("stop", Value::List(vec![Value::map([("signal", signal), ("within", within)])]));
    }
    Ok(Some(child))
}

fn signal(text: &str, id: Id, given: &mut Given) -> Option<String> {
    let name = units::signal(text);
    match name {
        Some(_) => given.kept(id, "`stop`"),
        None => given.lost(id, "there is no such signal"),
    }
    name
}

fn grace(text: &str, id: Id, given: &mut Given) -> Option<String> {
    match units::millis(text) {
        Some(span) if span.is_zero() => {
            given.kept(id, "`stop`, without force");
            Some("unbounded".into())
        }
        Some(span) => {
            given.kept(id, "`stop`");
            Some(units::span(span))
        }
        None => {
            given.lost(id, "this is no number of milliseconds");
            None
        }
    }
}

fn depend(
    name: &str,
    all: &[String],
    called: &str,
    child: &mut Child,
    bundles: &mut BTreeMap<String, Vec<String>>,
    id: Id,
    given: &mut Given,
) {
    if name.starts_with("contents") {
        bundles.insert(called.to_owned(), all.to_vec());
        return given.changed(id, "no child: who needs it needs all of it");
    }
    for other in all {
        child.need(&crate::model::name(other), "ready", Some(id));
    }
    given.kept(id, "`needs`");
}

fn file(child: &mut Child, name: &str, first: &str, kind: &str, id: Id, given: &mut Given) {
    match name {
        "notification-fd" => match first.parse::<u64>() {
            Ok(number @ 3..=1023) => {
                child.set("ready", Value::map([("fd", number)]));
                child.set("ready_timeout", units::FOR_EVER);
                given.kept(id, "`ready: {fd: ..}`");
            }
            Ok(_) | Err(_) => given.lost(id, "a descriptor is from 3 to 1023"),
        },
        "down" if kind == "oneshot" => given.lost(
            id,
            "nothing undoes a oneshot: say a child of \
            its own, and `start` it",
        ),
        "down" => {
            child.set("on_demand", "true");
            given.kept(id, "`on_demand`: it waits for `mainstay start`");
        }
        "timeout-up" if kind == "longrun" => match units::millis(first) {
            Some(span) if !span.is_zero() && child.settings.value("ready").is_some() => {
                child.set("ready_timeout", units::span(span));
                given.kept(id, "`ready_timeout`");
            }
            Some(span) if span.is_zero() => given.kept(id, "no bound"),
            Some(_) | None => given.lost(id, "say `ready`, and then `ready_timeout`"),
        },
        "timeout-up" | "timeout-down" => match first {
            "0" | "" => given.kept(id, "no bound"),
            _ => given.lost(
                id,
                "no bound is set on a whole run: let the command end itself \
                (`timeout`)",
            ),
        },
        "flag-newpidns" => {
            child.set("pid_namespace", "true");
            given.kept(id, "`pid_namespace`");
        }
        "finish" => given.lost(
            id,
            "nothing is run after the end of a run, and its exit code 125 means nothing: let \
                `run` do it, or a sibling with \
             `needs: {child: .., on_restart: restart}`",
        ),
        "timeout-finish" => given.lost(id, "there is no `finish`"),
        "max-death-tally" => given.lost(id, "the journal keeps every end: `mainstay history`"),
        "lock-fd" => given.lost(id, "the keeper never starts a second copy: no lock is held"),
        "log" | "producer-for" | "consumer-for" | "pipeline-name" => {
            given.lost(
                id,
                "what it prints is in the log of the child, rotated by `log`, and \
                goes to no other child",
            );
        }
        "conf" => given.lost(id, "runit's `run` reads it by itself, if it does"),
        "check" => given.lost(
            id,
            "say it as a probe: `liveness: {probes: [{kind: readiness, \
            exec: ./check}]}`",
        ),
        "control" => given.lost(
            id,
            "signals are sent by `stop` and `reload`: no program comes \
            in between",
        ),
        "flag-essential" => {
            given.lost(id, "`mainstay stop` and `quarantine` stop it like any other");
        }
        "flag-recommended" | "essential" => given.lost(id, "there is no such mark"),
        "nosetsid" => given.lost(id, "say `session: shared`"),
        "data" | "env" | "event" | "supervise" | "root" | "scripts" => {
            given.kept(id, "a file of the service, and no setting");
        }
        "instance" | "instances" | "template" => {
            given.lost(id, "there are no such instances: say `instances`");
        }
        _ => {}
    }
}

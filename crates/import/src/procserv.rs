//! procServ: sections of `procServ.conf`, or command lines of procServ.

mod options;

use crate::given::{Given, Id};
use crate::ini::{self, Comments, Section};
use crate::model::{Child, Draft, Model, Names, Value};
use crate::{Files, ImportError, shell, text};
use std::path::PathBuf;

pub(crate) fn read(paths: &[PathBuf], files: &dyn Files) -> Result<Draft, ImportError> {
    let mut given = Given::default();
    let mut model = Model::default();
    let mut names = Names::default();
    for path in paths {
        let shown = path.display().to_string();
        let content = text(files, path)?;
        let first = content
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
        if first.is_some_and(|line| line.starts_with('[')) {
            let mut sections = Vec::new();
            ini::read(&content, &shown, Comments::Lines, &mut given, &mut sections)?;
            let defaults = sections.iter().position(|section| section.name == "DEFAULT");
            let defaults = defaults.map(|at| sections.remove(at));
            for section in &sections {
                let child = section_of(section, defaults.as_ref(), &mut names, &mut given);
                model.children.extend(child);
            }
            for id in defaults.iter().flat_map(Section::ids) {
                if !given.is_judged(id) {
                    given.kept(id, "what sections do not say themselves");
                }
            }
        } else {
            options::lines(&content, &shown, &mut model, &mut names, &mut given);
        }
    }
    Ok((model, given))
}

/// What every child of procServ has.
fn child(name: String) -> Child {
    let mut child = Child::new(name);
    child.set("preset", "procserv");
    child.set("terminal", "true");
    child
}

/// One section, as `procServ-launcher` of procServUtils runs it.
fn section_of(
    section: &Section,
    defaults: Option<&Section>,
    names: &mut Names,
    given: &mut Given,
) -> Option<Child> {
    let mut child = child(names.fresh(&section.name));
    given.about(section.ids(), &child.name);
    let known =
        |key: &str| section.id(key).or_else(|| defaults.and_then(|defaults| defaults.id(key)));
    let is_instance =
        known("instance").is_none_or(|id| crate::units::switch(given.value(id)) != Some(false));
    if !is_instance {
        for id in section.ids() {
            given.kept(id, "`instance = 0`: it is run there neither");
        }
        return None;
    }
    child.set("folder", "/");
    child.set("user", "nobody");
    child.settings.put("environment", "PROCSERV_NAME", section.name.clone());
    child.settings.put("environment", "IOCNAME", section.name.clone());
    // What `procServ-launcher` says to procServ.
    child.settings.put("console", "ignore", "^D^C^]");
    let mut keys: Vec<(String, Id)> =
        section.keys.iter().map(|(key, id)| (key.clone(), *id)).collect();
    for (key, id) in defaults.iter().flat_map(|defaults| &defaults.keys) {
        if section.id(key).is_none() {
            keys.push((key.clone(), *id));
        }
    }
    for (key, id) in keys {
        let value = given.value(id).replace("%%", "%");
        match key.as_str() {
            "command" => match shell::split(&value) {
                Ok(words) if shell::names_program(&words) => {
                    child.set("command", shell::words(&words));
                    given.kept(id, "`command`, on a terminal of its own");
                }
                Ok(_) => given.lost(id, "it names no program"),
                Err(why) => given.lost(id, format!("the command cannot be split: {why}")),
            },
            "chdir" => {
                child.set("folder", value);
                given.kept(id, "`folder`");
            }
            "user" => {
                child.set("user", value);
                given.kept(id, "`user`");
            }
            "group" if value.is_empty() => given.kept(id, "the group of the user"),
            "group" => {
                child.set("group", value);
                given.kept(id, "`group`");
            }
            "instance" => given.kept(id, "a child"),
            "environ" | "environment" => {
                match shell::split(&value).map(|words| crate::lines::assignments(&words)) {
                    Ok(Ok(pairs)) => {
                        for (name, value) in pairs {
                            child.settings.put("environment", &name, value);
                        }
                        given.kept(id, "`environment`");
                    }
                    Ok(Err(_)) | Err(_) => given.lost(id, "these are no words `NAME=VALUE`"),
                }
            }
            "env_file" => given.lost(id, "say `env_file`, where the file holds lines `NAME=VALUE`"),
            "port" if value == "-1" || value.is_empty() => given.kept(id, "no port"),
            "port" => endpoint(&mut child, "listen", &value, id, given),
            "host" => {
                given.lost(id, "every section is run here: leave out those of other machines");
            }
            _ => {}
        }
    }
    settle(&mut child);
    if child.settings.value("command").is_none() {
        for id in section.ids().collect::<Vec<_>>() {
            given.lost(id, "a section without a command is left out");
        }
        return None;
    }
    Some(child)
}

/// Opens a console where procServ did.
fn endpoint(child: &mut Child, key: &str, value: &str, id: Id, given: &mut Given) {
    let port = value.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let is_path = value.strip_prefix("unix:").is_some_and(|path| !path.is_empty());
    let host = value.rsplit_once(':').map(|(host, _)| host);
    let is_net = port.is_some_and(|port| port > 0)
        && host.is_none_or(|host| host.parse::<std::net::Ipv4Addr>().is_ok());
    if is_path || is_net {
        let mut all = match child.settings.value("console") {
            Some(Value::Map(all)) => {
                all.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
            }
            Some(Value::Text(_) | Value::List(_)) | None => None,
        };
        match &mut all {
            Some(Value::List(all)) => all.push(Value::from(value)),
            Some(Value::Text(_) | Value::Map(_)) | None => all = Some(Value::list([value])),
        }
        if let Some(all) = all {
            child.settings.put("console", key, all);
        }
        given.kept(id, format!("`console: {{{key}: ..}}`"));
    } else {
        given.lost(id, "no endpoint that `console` takes: `PORT`, `ADDRESS:PORT` or `unix:PATH`");
    }
}

/// Leaves out a console that listens nowhere, which says nothing.
fn settle(child: &mut Child) {
    let listens = match child.settings.value("console") {
        Some(Value::Map(all)) => {
            all.iter().any(|(key, _)| matches!(key.as_str(), "listen" | "log_listen"))
        }
        Some(Value::Text(_) | Value::List(_)) | None => true,
    };
    let all = match child.settings.value("console") {
        Some(Value::Map(all)) if listens => all.clone(),
        Some(Value::Map(_)) => return child.settings.remove("console"),
        Some(Value::Text(_) | Value::List(_)) | None => return,
    };
    // Keys were noted one by one, and stand together.
    let (keys, mut rest): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(key, _)| key.starts_with("keys."));
    if !keys.is_empty() {
        let named = keys.into_iter().map(|(key, value)| (key.replace("keys.", ""), value));
        rest.push(("keys".into(), Value::map(named)));
    }
    child.settings.set("console", Value::Map(rest));
}

/// Returns a stop that sends one signal.
fn killed_by(signal: &str) -> Value {
    Value::List(vec![Value::map([("signal", signal)])])
}

//! `supervisord.conf`: programs, groups, and what of the rest has a counterpart.

mod expand;
mod listener;
mod program;

use crate::files::matching;
use crate::given::Given;
use crate::ini::{self, Comments, Section};
use crate::model::{Child, Draft, Model, Names, Value};
use crate::report::Place;
use crate::{Files, ImportError, text};
use expand::Words;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The preset that restarts as supervisord does.
const PRESET: &str = "supervisord";

/// Reads a file and what it includes.
pub(crate) fn read(paths: &[PathBuf], files: &dyn Files) -> Result<Draft, ImportError> {
    let mut given = Given::default();
    let mut model = Model::default();
    let mut sections = Vec::new();
    for path in paths {
        let shown = path.display().to_string();
        let content = text(files, path)?;
        ini::read(&content, &shown, Comments::Inline, &mut given, &mut sections)?;
        included(path, files, &mut given, &mut sections)?;
    }
    let here = |section: &Section| {
        let folder = Path::new(&section.place.file).parent().map(Path::to_path_buf);
        folder.unwrap_or_default().display().to_string()
    };
    let mut members: BTreeMap<String, String> = BTreeMap::new();
    let mut groups: Vec<(i64, Child)> = Vec::new();
    let mut programs: Vec<(i64, String, Vec<Child>)> = Vec::new();
    let mut names = Names::default();
    for section in sections.iter().filter(|section| section.name.starts_with("group:")) {
        let (priority, child) = group(section, &mut given, &mut members, &mut names);
        groups.push((priority, child));
    }
    for section in &sections {
        let (kind, name) = section.name.split_once(':').unwrap_or((&section.name, ""));
        match kind.trim() {
            "program" | "fcgi-program" | "eventlistener" => {
                let name = name.trim();
                let group = members.get(name).cloned();
                let words = Words::new(name, group.as_deref().unwrap_or(name), &here(section));
                let (priority, children) = program::read(section, kind.trim(), &words, &mut given);
                programs.push((priority, name.to_owned(), children));
            }
            "supervisord" => daemon(section, &here(section), &mut model, &mut given),
            "group" | "include" => {}
            kind => elsewhere(section, kind, &mut given),
        }
    }
    programs.sort_by_key(|(priority, ..)| *priority);
    let mut tops: Vec<(i64, Child)> = Vec::new();
    for (priority, program, children) in programs {
        let group = members.get(&program);
        let above = groups.iter_mut().find(|(_, child)| Some(&child.name) == group);
        match above {
            Some((_, above)) => above.children.extend(children),
            None => tops.extend(children.into_iter().map(|child| (priority, child))),
        }
    }
    for section in sections.iter().filter(|section| section.name.starts_with("group:")) {
        let Some(id) = section.id("programs") else { continue };
        let programs = given.value(id).to_owned();
        for program in programs.split(',').map(str::trim) {
            let has = |section: &Section| {
                section
                    .name
                    .split_once(':')
                    .is_some_and(|(kind, name)| kind != "group" && name.trim() == program)
            };
            if !sections.iter().any(has) {
                given.lost(id, format!("there is no program `{program}`"));
            }
        }
    }
    tops.extend(groups.into_iter().filter(|(_, group)| !group.children.is_empty()));
    tops.sort_by_key(|(priority, _)| *priority);
    model.children = tops.into_iter().map(|(_, child)| child).collect();
    // Each program has limits of its own there, and there is none over all of them.
    for child in model.children.iter_mut().filter(|child| !child.children.is_empty()) {
        child.set("budget", "none");
    }
    model.top.put("defaults", "inherit", "all");
    Ok((model, given))
}

fn included(
    path: &Path,
    files: &dyn Files,
    given: &mut Given,
    sections: &mut Vec<Section>,
) -> Result<(), ImportError> {
    let Some(at) = sections.iter().position(|section| section.name == "include") else {
        return Ok(());
    };
    let Some(id) = sections.get(at).and_then(|section| section.id("files")) else { return Ok(()) };
    if given.is_judged(id) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
    let here = folder.display().to_string();
    let mut found = Vec::new();
    for pattern in given.value(id).to_owned().split_whitespace() {
        let pattern = pattern.replace("%(here)s", &here);
        found.extend(matching(files, &folder.join(pattern)));
    }
    for file in &found {
        let content = text(files, file)?;
        let shown = file.display().to_string();
        ini::read(&content, &shown, Comments::Inline, given, sections)?;
    }
    match found.len() {
        0 => given.lost(id, "no file of such a name is there: import them together"),
        count => given.kept(id, format!("{count} files were read")),
    }
    Ok(())
}

/// A group becomes a supervisor.
fn group(
    section: &Section,
    given: &mut Given,
    members: &mut BTreeMap<String, String>,
    names: &mut Names,
) -> (i64, Child) {
    let name = names.fresh(section.name.trim_start_matches("group:").trim());
    let mut priority = 999;
    for (key, id) in &section.keys {
        match key.as_str() {
            "programs" => {
                for program in given.value(*id).split(',') {
                    members.insert(program.trim().to_owned(), name.clone());
                }
                given.kept(*id, "the children of a supervisor");
            }
            "priority" => match given.value(*id).parse() {
                Ok(number) => {
                    priority = number;
                    given.kept(*id, "the order in the file, in which children start");
                }
                Err(_) => given.lost(*id, "this is no number"),
            },
            _ => {}
        }
    }
    given.about(section.ids(), &name);
    let mut child = Child::new(name);
    child.set("preset", PRESET);
    (priority, child)
}

/// What is said of supervisord itself.
fn daemon(section: &Section, here: &str, model: &mut Model, given: &mut Given) {
    let words = Words::new("", "", here);
    for (key, id) in section.keys.clone() {
        let value = given.value(id).to_owned();
        match key.as_str() {
            "environment" => match words.environment(&value) {
                Ok(pairs) => {
                    for (name, value) in pairs {
                        model.top.put("environment", &name, value);
                    }
                    given.kept(id, "`environment` at the top of the file");
                }
                Err(why) => given.lost(id, why),
            },
            "identifier" => {
                model.top.set("name", crate::model::name(&value));
                given.kept(id, "`name` at the top of the file");
            }
            "umask" | "directory" => {
                let (key, value) = match key.as_str() {
                    "umask" => ("umask", crate::units::rights(&value)),
                    _ => ("folder", words.fill(&value).ok()),
                };
                match value {
                    Some(value) => {
                        model.top.put("defaults", key, value);
                        given.kept(id, format!("`{key}` in `defaults`"));
                    }
                    None => given.lost(id, "it has no such value: set it in `defaults`"),
                }
            }
            "nodaemon" => {
                given.kept(id, "`mainstay up` stays in the foreground, `up --detach` does not");
            }
            "minfds" | "minprocs" => {
                let limit = if key == "minfds" { "nofile" } else { "nproc" };
                match value.parse::<u64>() {
                    Ok(number) => {
                        let map = Value::map([(limit, Value::from(number))]);
                        match model.top.value("defaults") {
                            Some(Value::Map(all))
                                if all.iter().any(|(key, _)| key == "rlimits") =>
                            {
                                given.lost(id, format!("say `rlimits: {{{limit}: {number}}}` too"));
                            }
                            Some(_) | None => {
                                model.top.put("defaults", "rlimits", map);
                                let text = format!(
                                    "`rlimits: {{{limit}: ..}}` in `defaults`: for the \
                                        processes; the program itself raises its own"
                                );
                                given.changed(id, text);
                            }
                        }
                    }
                    Err(_) => given.lost(id, "this is no number"),
                }
            }
            "user" => given.lost(
                id,
                "the program does not change its own user: start it as that user, or say `user` \
                    of each child",
            ),
            "logfile" | "logfile_maxbytes" | "logfile_backups" | "loglevel" | "silent" => given
                .lost(
                    id,
                    "the program itself writes to its standard error; what happened is in the \
                    journal: `mainstay events`",
                ),
            "pidfile" => given.lost(id, "there is none: the control socket tells whether it lives"),
            "childlogdir" | "nocleanup" => given
                .lost(id, "logs without a `log` stand in the folder `logs` of the state, and stay"),
            "strip_ansi" => given.lost(
                id,
                "logs keep what was printed; `mainstay logs` strips \
                it where colour is off",
            ),
            _ => {}
        }
    }
}

/// Sections about how supervisord is reached.
fn elsewhere(section: &Section, kind: &str, given: &mut Given) {
    let why = match kind {
        "unix_http_server" => {
            "for tools of supervisord say `supervisord: {listen: 'unix:/run/..'}`; rights go by user \
                instead of a password"
        }
        "inet_http_server" => {
            "for tools of supervisord say `supervisord: {listen: '127.0.0.1:9001', user: .., \
                password: ..}`; `api: {tcp: ..}` has TLS and tokens"
        }
        "supervisorctl" => {
            "`mainstay` finds the daemon by its name or `--socket`; supervisorctl reads this in its \
                own file still, once `supervisord: {listen: ..}` says where"
        }
        "rpcinterface" if section.name.ends_with(":supervisor") => {
            "`supervisord: {listen: ..}` speaks that interface"
        }
        "rpcinterface" | "ctlplugin" => "there are no plug-ins: the HTTP API takes every command",
        _ => return,
    };
    for id in section.ids() {
        given.lost(id, why);
    }
    if section.keys.is_empty() {
        // A section without keys still turns something on.
        let place: Place = section.place.clone();
        let id = given.add(place, section.name.as_str(), "", "");
        given.lost(id, why);
    }
}

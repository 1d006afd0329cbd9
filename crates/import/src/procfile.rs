//! A `Procfile`: a line for each process, started together and ended together.

use crate::compose::dot_env;
use crate::given::Given;
use crate::model::{Child, Draft, Model, Names, Value};
use crate::report::Place;
use crate::{Files, ImportError, shell, text};
use std::path::{Path, PathBuf};

/// The port of the first process; each further one has a hundred more, as foreman counts.
const PORT: u64 = 5000;

pub(crate) fn read(paths: &[PathBuf], files: &dyn Files) -> Result<Draft, ImportError> {
    let mut given = Given::default();
    let mut model = Model::default();
    let mut names = Names::default();
    let mut port = PORT;
    for path in paths {
        let shown = path.display().to_string();
        for (number, line) in text(files, path)?.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = Place { file: shown.clone(), line: number + 1 };
            let split = line.split_once(':').map(|(name, command)| (name.trim(), command.trim()));
            let is_name = |name: &str| {
                !name.is_empty()
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
            };
            let Some((name, command)) = split.filter(|(name, _)| is_name(name)) else {
                let id = given.add(place, "", line, "");
                given.lost(id, "foreman skips a line that is no `NAME: COMMAND` too");
                continue;
            };
            let id = given.add(place, "", name, command);
            if command.is_empty() {
                given.lost(id, "it names no program");
                continue;
            }
            let mut child = Child::new(names.fresh(name));
            given.about([id], &child.name);
            if name == "release" {
                // Heroku's release phase; foreman runs it like any other.
                child.set("on_demand", "true");
                given.changed(
                    id,
                    "a release phase does not start by itself (`on_demand`): \
                    `mainstay start` runs it",
                );
            } else {
                child.set("significant", "true");
                given.kept(id, "`command`; PORT is that of foreman without a formation");
            }
            match shell::split(command) {
                Ok(words) if shell::names_program(&words) && !shell::needs_shell(command) => {
                    child.set("command", shell::words(&words));
                }
                Ok(_) | Err(_) => {
                    child.set("command", command);
                    child.set("shell", "true");
                }
            }
            child.settings.put("environment", "PORT", port);
            port += 100;
            model.children.push(child);
        }
        dot_env(&mut model, path.parent().unwrap_or_else(|| Path::new("")), files, &mut given);
    }
    model.top.set("auto_shutdown", "any-significant");
    model.top.put("defaults", "inherit", "all");
    model.top.put("defaults", "restart", "never");
    let step = Value::map([("signal", "TERM"), ("to", "all"), ("within", "5s")]);
    model.top.put("defaults", "stop", Value::List(vec![step]));
    Ok((model, given))
}

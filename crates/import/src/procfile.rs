//! A `Procfile`: a line for each process, started together and ended together; `.foreman` and `.env` beside it.

use crate::compose::dot_env;
use crate::given::Given;
use crate::model::{Child, Draft, INSTANCE, Model, Names, Value};
use crate::report::Place;
use crate::{Files, ImportError, shell, text, units};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The port of the first process; each further one has a hundred more, as foreman counts.
const PORT: u64 = 5000;

pub(crate) fn read(paths: &[PathBuf], files: &dyn Files) -> Result<Draft, ImportError> {
    let mut given = Given::default();
    let mut model = Model::default();
    let mut names = Names::default();
    let mut grace = Duration::from_secs(5);
    for path in paths {
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let asked = options(folder, files, &mut given);
        grace = asked.timeout.unwrap_or(grace);
        // A port on the command line comes first there, then that of the environment.
        let base = asked.port.or_else(|| port_of(&folder.join(".env"), files)).unwrap_or(PORT);
        let mut port = base;
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
            let count = asked.count(name);
            let first = port;
            port += 100;
            let base = names.fresh(name);
            let called = match count {
                2.. => format!("{base}@0..{}", count - 1),
                0 | 1 => base,
            };
            let mut child = Child::new(called);
            given.about([id], &child.name);
            if count == 0 {
                child.set("on_demand", "true");
                given.changed(id, "its formation is 0: it waits for `mainstay start`");
            } else if name == "release" {
                // Heroku's release phase; foreman runs it like any other.
                child.set("on_demand", "true");
                given.changed(
                    id,
                    "a release phase does not start by itself (`on_demand`): \
                    `mainstay start` runs it",
                );
            } else {
                child.set("significant", "true");
                given.kept(id, "`command`; PORT is that of foreman");
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
            if count > 1 {
                // The number of an instance is put behind the digits that all of them have.
                if first.is_multiple_of(10) && count <= 10 {
                    let port = format!("{}{INSTANCE}", first / 10);
                    child.settings.put("environment", "PORT", port);
                    given.changed(id, "instances are numbered from 0, and not from 1");
                } else {
                    given.lost(id, "PORT is not set: say each instance as a child of its own");
                }
            } else {
                child.settings.put("environment", "PORT", first);
            }
            model.children.push(child);
        }
        dot_env(&mut model, folder, files, &mut given);
    }
    model.top.set("auto_shutdown", "any-significant");
    model.top.put("defaults", "inherit", "all");
    model.top.put("defaults", "restart", "never");
    let within = units::span(grace);
    let step = Value::map([("signal", "TERM"), ("to", "all"), ("within", within.as_str())]);
    model.top.put("defaults", "stop", Value::List(vec![step]));
    Ok((model, given))
}

/// What `.foreman` beside a `Procfile` asks for.
#[derive(Default)]
struct Asked {
    port: Option<u64>,
    timeout: Option<Duration>,
    /// How many of each; `all` stands for those that are not named, of which there are none without it.
    formation: Vec<(String, u64)>,
}

impl Asked {
    fn count(&self, name: &str) -> u64 {
        if self.formation.is_empty() {
            return 1;
        }
        let of = |name: &str| self.formation.iter().find(|(known, _)| known == name);
        of(name).or_else(|| of("all")).map_or(0, |(_, count)| *count)
    }
}

/// Reads `.foreman`: options of foreman, one `name: value` on each line.
fn options(folder: &Path, files: &dyn Files, given: &mut Given) -> Asked {
    let path = folder.join(".foreman");
    let mut asked = Asked::default();
    let Ok(text) = files.text(&path) else { return asked };
    for (number, line) in text.lines().enumerate() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim(), value.trim().trim_matches(['"', '\'']));
        let place = Place { file: path.display().to_string(), line: number + 1 };
        let id = given.add(place, ".foreman", key, value);
        match key {
            "port" => match value.parse() {
                Ok(port) => {
                    asked.port = Some(port);
                    given.kept(id, "PORT of the first process");
                }
                Err(_) => given.lost(id, "this is no port"),
            },
            "formation" | "concurrency" => {
                let one = |part: &str| {
                    let (name, count) = part.split_once('=')?;
                    Some((name.trim().to_owned(), count.trim().parse().ok()?))
                };
                match value.split(',').map(one).collect() {
                    Some(all) => {
                        asked.formation = all;
                        given.kept(id, "how many instances each process has");
                    }
                    None => given.lost(id, "a formation is `web=2,worker=1`"),
                }
            }
            "timeout" => match units::seconds(value) {
                Some(span) => {
                    asked.timeout = Some(span);
                    given.kept(id, "`within` of `stop`");
                }
                None => given.lost(id, "this is no number of seconds"),
            },
            "env" => given.lost(id, "`.env` alone is read: say the files in `env_file` at the top"),
            "procfile" | "root" => given.lost(id, "say the path: `mainstay import procfile PATH`"),
            "color" | "timestamp" => {
                given.kept(id, "`mainstay up` and `mainstay logs` have colours and stamps");
            }
            _ => {}
        }
    }
    asked
}

/// Returns the `PORT` of an environment file.
fn port_of(path: &Path, files: &dyn Files) -> Option<u64> {
    let text = files.text(path).ok()?;
    let value = text.lines().rev().find_map(|line| line.trim().strip_prefix("PORT="))?;
    value.trim().trim_matches(['"', '\'']).parse().ok()
}

//! Command lines of procServ, one on each line of a file.

use super::{child, endpoint, killed_by, settle};
use crate::given::{Given, Id};
use crate::model::{Child, Model, Names, Value};
use crate::report::Place;
use crate::shell::{self, Program};
use crate::units;

/// Options with their short forms, and whether a value follows.
const OPTIONS: &[(&str, char, bool)] = &[
    ("allow", '\0', false),
    ("autorestartcmd", '\0', true),
    ("coresize", '\0', true),
    ("chdir", 'c', true),
    ("debug", 'd', false),
    ("exec", 'e', true),
    ("foreground", 'f', false),
    ("help", 'h', false),
    ("holdoff", '\0', true),
    ("ignore", 'i', true),
    ("info-file", 'I', true),
    ("killcmd", 'k', true),
    ("killsig", '\0', true),
    ("logport", 'l', true),
    ("logfile", 'L', true),
    ("logstamp", '\0', false),
    ("name", 'n', true),
    ("noautorestart", '\0', false),
    ("oneshot", 'o', false),
    ("pidfile", 'p', true),
    ("port", 'P', true),
    ("quiet", 'q', false),
    ("restrict", '\0', false),
    ("timefmt", '\0', true),
    ("version", 'V', false),
    ("wait", 'w', false),
    ("logoutcmd", 'x', true),
];

/// Reads a file of command lines; other lines of a script are reported.
pub(super) fn lines(
    text: &str,
    file: &str,
    model: &mut Model,
    names: &mut Names,
    given: &mut Given,
) {
    let mut open: Option<(usize, String)> = None;
    for (number, raw) in text.lines().enumerate() {
        let (first, line) = match open.take() {
            Some((first, before)) => (first, format!("{before} {}", raw.trim())),
            None => (number + 1, raw.trim().to_owned()),
        };
        if let Some(before) = line.strip_suffix('\\') {
            open = Some((first, before.trim_end().to_owned()));
            continue;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = Place { file: file.to_owned(), line: first };
        let words = shell::split(line.trim_start_matches("exec ")).unwrap_or_default();
        let is_ours = words.first().is_some_and(|word| word.rsplit('/').next() == Some("procServ"));
        if is_ours {
            let child = one(&words[1..], &place, &line, names, given);
            model.children.extend(child);
        } else {
            let id = given.add(place, "", line.as_str(), "");
            given.lost(
                id,
                "only lines that begin with procServ are read: do by other means what \
                this one does",
            );
        }
    }
}

fn one(
    words: &[String],
    place: &Place,
    line: &str,
    names: &mut Names,
    given: &mut Given,
) -> Option<Child> {
    let mut found: Vec<(&str, String, Id)> = Vec::new();
    let mut rest: &[String] = &[];
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        let option = match word.strip_prefix("--") {
            Some("") => {
                rest = words.get(at..).unwrap_or(&[]);
                break;
            }
            Some(long) => {
                let (name, value) =
                    long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
                // `--port-spec` is the older name of `--port`.
                let name = if name == "port-spec" { "port" } else { name };
                OPTIONS
                    .iter()
                    .find(|(known, ..)| *known == name)
                    .map(|option| (option, value.map(str::to_owned)))
            }
            None => {
                match word.strip_prefix('-').and_then(|short| Some((short.chars().next()?, short)))
                {
                    Some((letter, short)) => {
                        let value = Some(short[letter.len_utf8()..].to_owned())
                            .filter(|value| !value.is_empty());
                        OPTIONS
                            .iter()
                            .find(|(_, known, _)| *known == letter)
                            .map(|option| (option, value))
                    }
                    None => {
                        rest = words.get(at - 1..).unwrap_or(&[]);
                        break;
                    }
                }
            }
        };
        let Some(((name, _, takes), value)) = option else {
            given.add(place.clone(), line.split(' ').next().unwrap_or(""), word.as_str(), "");
            continue;
        };
        let value = match value {
            Some(value) => value,
            None if *takes => {
                at += 1;
                words.get(at - 1).cloned().unwrap_or_default()
            }
            None => String::new(),
        };
        let id = given.add(place.clone(), "procServ", format!("--{name}"), value.as_str());
        found.push((name, value, id));
    }
    // The older form has the port in front of the command.
    if !found.iter().any(|(name, ..)| *name == "port")
        && let Some((port, command)) = rest.split_first()
    {
        let id = given.add(place.clone(), "procServ", "port", port.as_str());
        found.push(("port", port.clone(), id));
        rest = command;
    }
    let command = given.add(place.clone(), "procServ", "command", rest.join(" "));
    let Some(program) = rest.first() else {
        given.lost(command, "no command stands behind the options: it is left out");
        return None;
    };
    let named = found.iter().find(|(name, ..)| *name == "name").map(|(_, value, _)| value.as_str());
    let stem = program.rsplit('/').next().unwrap_or(program);
    let mut made = child(names.fresh(named.unwrap_or(stem)));
    let executed =
        found.iter().find(|(name, ..)| *name == "exec").map(|(_, value, _)| value.clone());
    let words = executed.into_iter().chain(rest.iter().skip(1).cloned());
    let words: Vec<String> = if found.iter().any(|(name, ..)| *name == "exec") {
        words.collect()
    } else {
        rest.to_vec()
    };
    made.set("command", Program::of(words).command());
    given.kept(command, "`command`, on a terminal of its own");
    let ids: Vec<Id> = found.iter().map(|(_, _, id)| *id).chain([command]).collect();
    for (name, value, id) in found {
        option(&mut made, name, &value, id, given);
    }
    given.about(ids, &made.name);
    settle(&mut made);
    Some(made)
}

fn option(child: &mut Child, name: &str, value: &str, id: Id, given: &mut Given) {
    match name {
        "name" => given.kept(id, "the name of the child"),
        "chdir" => {
            child.set("folder", value);
            given.kept(id, "`folder`");
        }
        "exec" => given.changed(id, "the program; it is told that it is called so"),
        "holdoff" => match units::seconds(value) {
            Some(span) => {
                child.set("holdoff", units::span(span));
                given.kept(id, "`holdoff`");
            }
            None => given.lost(id, "this is no number of seconds"),
        },
        "noautorestart" => {
            child.set("restart", "never");
            given.kept(id, "`restart: never`");
        }
        "oneshot" => {
            child.set("restart", "never");
            given.changed(id, "`restart: never`; the daemon goes on when it has ended");
        }
        "wait" => {
            child.set("on_demand", "true");
            given.kept(id, "`on_demand`: it waits for `mainstay start`");
        }
        "coresize" => match value.parse::<u64>() {
            Ok(size) => {
                child.set("rlimits", Value::map([("core", size)]));
                given.kept(id, "`rlimits: {core: ..}`");
            }
            Err(_) => given.lost(id, "this is no number"),
        },
        "killsig" => match units::signal(value) {
            Some(signal) => {
                child.set("stop", killed_by(&signal));
                given.kept(id, "`stop`");
            }
            None => given.lost(id, "there is no such signal"),
        },
        "foreground" | "debug" | "quiet" => {
            given.kept(id, "children always stay in the foreground");
        }
        "pidfile" => given.lost(
            id,
            "`mainstay status` says its process: no file does, but for `info_file` of a console",
        ),
        _ => console(child, name, value, id, given),
    }
}

/// Options about the console.
fn console(child: &mut Child, name: &str, value: &str, id: Id, given: &mut Given) {
    let key = match name {
        "port" => return endpoint(child, "listen", value, id, given),
        "logport" => return endpoint(child, "log_listen", value, id, given),
        "restrict" => return given.kept(id, "a console listens on this machine alone"),
        "logstamp" => {
            let text = "say it as `stamp` of the transcript; the `log` of the child has stamps";
            return given.lost(id, text);
        }
        "killcmd" | "autorestartcmd" | "logoutcmd" => {
            let key = match name {
                "killcmd" => "kill",
                "autorestartcmd" => "toggle",
                _ => "logout",
            };
            child.settings.put("console", &format!("keys.{key}"), value);
            return given.kept(id, "`console: {keys: ..}`");
        }
        "logfile" => "transcript",
        "timefmt" => "time",
        "info-file" => "info_file",
        "ignore" => "ignore",
        "allow" => "allow",
        _ => return given.lost(id, "it starts nothing"),
    };
    let value = if name == "allow" { "true" } else { value };
    child.settings.put("console", key, value);
    given.kept(id, format!("`console: {{{key}: ..}}`"));
}

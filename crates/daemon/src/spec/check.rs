//! Whether values fit the table of keys; and relative paths become whole ones, for only here it is known what is one.

use super::near;
use super::place::{Problem, Sources};
use super::scalar;
use super::syntax::{Name, Node, Value};
use super::words;
use mainstay::process::signal_number;
use mainstay_core::spec::Preset;
use mainstay_wire::spec::keys::{Group, PROCESS, SUPERVISOR, Takes, words_of};
use std::path::Path;

/// Returns whether what stands behind a key may be a secret that somebody wrote there by mistake.
fn is_secret(key: &str, group: &Group) -> bool {
    matches!(key, "secrets" | "url") || key == "headers" && group.what == "otlp"
}

/// What a check needs to know and what it finds.
pub(super) struct Checker<'a> {
    pub(super) sources: &'a Sources,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    pub(super) fn wrong(
        &mut self,
        node: &Node,
        text: impl Into<String>,
        hint: impl Into<String>,
        help: impl Into<String>,
    ) {
        let hint = hint.into();
        self.problems.push(Problem { hint, ..Problem::new(node.at, text, help) });
    }

    /// Checks the keys of a map. `name` is what it is the value of, if it has a name.
    pub(super) fn group(&mut self, node: &mut Node, group: &Group, name: &str) -> bool {
        let what = group.what;
        if matches!(node.value, Value::Lost) {
            return false;
        }
        let Value::Map(entries) = &mut node.value else {
            let (text, help) = if what == PROCESS.what {
                let help = "a child is a command, or a map with `command`, or one with `children`";
                (format!("`{name}` does not say what is to run"), help.to_owned())
            } else {
                // The file itself has no name within it.
                let text = if name.is_empty() {
                    format!("{what} is no map of keys")
                } else {
                    format!("`{name}` takes the keys of {what}")
                };
                (text, format!("{what} is a map of keys: {}", keys(group)))
            };
            self.wrong(node, text, "", help);
            return false;
        };
        let (mut fits, mut are_known) = (true, true);
        for (name, value) in entries.iter_mut() {
            match group.key(&name.text) {
                Some(key) => {
                    let before = self.problems.len();
                    fits &= self.value(value, &key.takes, &name.text);
                    for problem in self.problems.iter_mut().skip(before) {
                        problem.is_secret |= is_secret(key.name, group);
                    }
                }
                None => {
                    self.unknown(name, value, group);
                    (fits, are_known) = (false, false);
                }
            }
        }
        let at = node.at;
        for names in group.one_of {
            let there: Vec<&str> =
                names.iter().filter(|name| node.get(name).is_some()).copied().collect();
            let text = match (there.as_slice(), *names) {
                // It may be what an unknown key was meant to be.
                ([], _) if !are_known => continue,
                ([], [one]) => format!("{what} needs `{one}`"),
                ([], all) => format!("{what} needs one of {}", near::listed(all.iter().copied())),
                ([_], _) => continue,
                (several, _) => {
                    format!("{what} has only one of {}", near::listed(several.iter().copied()))
                }
            };
            fits = false;
            let help = if there.is_empty() { String::new() } else { "leave the others out".into() };
            self.problems.push(Problem::new(at, text, help));
        }
        fits
    }

    fn unknown(&mut self, name: &Name, value: &Node, group: &Group) {
        let text = match group.what.strip_prefix("the words") {
            Some(of) => format!("`{}` is none of the words{of}", name.text),
            None => format!("`{}` is no key of {}", name.text, group.what),
        };
        let mut hint = near::hint(&name.text, group.all().map(|key| key.name));
        let help = if let Some(help) = of_code(name, value).filter(|_| is_child(group)) {
            hint = String::new();
            help
        } else if let Some(help) = words::elsewhere(&name.text) {
            hint = String::new();
            help
        } else if name.text == "<<" {
            "there are no merge keys: what children have in common stands in a template".to_owned()
        } else if !hint.is_empty() {
            String::new()
        } else if group.what == SUPERVISOR.what && PROCESS.key(&name.text).is_some() {
            "only a process takes it, and `children` makes this a supervisor: say it of its children, or in `defaults`"
                .to_owned()
        } else if group.what == PROCESS.what && SUPERVISOR.key(&name.text).is_some() {
            "only a supervisor takes it: a child that has `children`".to_owned()
        } else {
            format!("there are {}", keys(group))
        };
        self.problems.push(Problem { hint, ..Problem::new(name.at, text, help) });
    }

    /// Checks one value.
    pub(super) fn value(&mut self, node: &mut Node, takes: &Takes, name: &str) -> bool {
        if matches!(node.value, Value::Empty) {
            let help = format!("it takes {takes}; leave the key out to have the default");
            self.wrong(node, format!("`{name}` has no value"), "", help);
            return false;
        }
        if matches!(node.value, Value::Lost) {
            return false;
        }
        match takes {
            Takes::Either(all) => self.either(node, all, takes, name),
            Takes::Preset if matches!(node.value, Value::Map(_)) => self.words(node),
            Takes::Group(group) => self.group(node, group, name),
            Takes::List(each) => {
                let Value::List(all) = &mut node.value else {
                    let help = format!("it takes {takes}, as in `[a, b]`");
                    self.wrong(node, format!("`{name}` takes a list"), "", help);
                    return false;
                };
                let mut fits = true;
                for one in all {
                    // Each of them is checked, whatever was found before.
                    fits &= self.value(one, each, name);
                }
                fits
            }
            Takes::Map(each) => {
                let Value::Map(entries) = &mut node.value else {
                    let help = format!("it takes {takes}, as in `{{name: value}}`");
                    self.wrong(node, format!("`{name}` takes names with values"), "", help);
                    return false;
                };
                let mut fits = true;
                for (name, one) in entries {
                    fits &= self.value(one, each, &name.text);
                }
                fits
            }
            Takes::Children | Takes::Templates => {
                let is_map = matches!(node.value, Value::Map(_));
                if !is_map {
                    let help = if matches!(takes, Takes::Children) {
                        "as in `children: {web: ./serve --port 80}`"
                    } else {
                        "as in `templates: {web: {stop: 5s}}`"
                    };
                    self.wrong(node, format!("`{name}` takes {takes}"), "", help);
                }
                is_map
            }
            Takes::Text
            | Takes::Path
            | Takes::Switch
            | Takes::Whole { .. }
            | Takes::Number
            | Takes::Span
            | Takes::Size
            | Takes::Percent
            | Takes::Rights
            | Takes::Signal
            | Takes::Window
            | Takes::Word(_)
            | Takes::Preset => self.scalar(node, takes, takes, name),
        }
    }

    /// Checks a preset that has words of its own.
    fn words(&mut self, node: &mut Node) -> bool {
        let at = node.at;
        let Value::Map(entries) = &mut node.value else { return false };
        let [(name, of)] = entries.as_mut_slice() else {
            let help = "as in `preset: {systemd: {StartLimitBurst: 3}}`";
            self.problems.push(Problem::new(at, "a child has one preset", help));
            return false;
        };
        let preset = name.text.clone();
        match words_of(&preset) {
            Some(group) => self.group(of, group, &preset),
            None if Preset::named(&preset).is_some() => {
                let text = format!("the preset `{preset}` has no words of its own here");
                let help = format!("say `preset: {preset}`, and what differs in keys beside it");
                self.problems.push(Problem::new(name.at, text, help));
                false
            }
            None => {
                let text = format!("there is no preset `{preset}`");
                let hint = near::hint(&preset, listed(&Takes::Preset));
                self.problems.push(Problem { hint, ..Problem::new(name.at, text, "") });
                false
            }
        }
    }

    fn either(&mut self, node: &mut Node, all: &[Takes], takes: &Takes, name: &str) -> bool {
        let fitting = match &node.value {
            Value::Map(_) => all.iter().find(|one| matches!(one, Takes::Group(_) | Takes::Map(_))),
            Value::List(_) => all.iter().find(|one| matches!(one, Takes::List(_))),
            Value::Scalar(text) => all.iter().find(|one| fits(text, one)),
            Value::Empty | Value::Lost => None,
        };
        match (fitting, &node.value) {
            (Some(one @ (Takes::Group(_) | Takes::Map(_) | Takes::List(_))), _) => {
                self.value(node, one, name)
            }
            (Some(one), _) => self.scalar(node, one, takes, name),
            (None, Value::Scalar(_)) => self.scalar(node, takes, takes, name),
            (None, _) => {
                let shape = if matches!(node.value, Value::List(_)) { "a list" } else { "a map" };
                let text = format!("`{name}` takes no such {}", &shape[2..]);
                self.wrong(node, text, "", format!("it takes {takes}"));
                false
            }
        }
    }

    /// Checks a value that is a text; `all` is all that may stand there.
    fn scalar(&mut self, node: &mut Node, takes: &Takes, all: &Takes, name: &str) -> bool {
        let Value::Scalar(text) = &mut node.value else {
            self.wrong(node, format!("`{name}` takes one value"), "", format!("it takes {all}"));
            return false;
        };
        if !fits(text, takes) {
            let hint = meant(text, all);
            let what = format!("`{text}` does not fit `{name}`");
            let help = format!("it takes {all}");
            self.wrong(node, what, hint, help);
            return false;
        }
        if matches!(takes, Takes::Path) && Path::new(text.as_str()).is_relative() {
            // What has been made whole once stays so: the folder of every file is whole.
            *text = self.sources.folder(node.at).join(&*text).display().to_string();
        }
        true
    }
}

/// Returns what somebody may have meant by a value that does not fit.
/// Whether a map of these keys is a child.
fn is_child(group: &Group) -> bool {
    group.what == PROCESS.what || group.what == SUPERVISOR.what
}

/// Returns what there is to say to who asks for a kind of child, above all for one that no file can declare.
fn of_code(name: &Name, value: &Node) -> Option<String> {
    let kind = if name.text == "kind" {
        match &value.value {
            Value::Scalar(text) => text.as_str(),
            Value::Map(_) | Value::List(_) | Value::Empty | Value::Lost => "",
        }
    } else {
        &name.text
    };
    let why = match kind {
        "host" => {
            "a host is declared in the code of the program that calls it (`mainstay::host`): it answers that program's \
             calls, over sockets that the program makes for it, and ends with it. What is to run by itself is a process: \
             say `command`"
        }
        "stage" => {
            "a stage is a state machine in the code of a program, and is declared there (`mainstay::stage`)"
        }
        "task" | "blocking" => {
            "tasks and threads are code of a program, and are declared there (`mainstay::task`, `mainstay::blocking`)"
        }
        _ if name.text == "kind" => {
            "what a child is follows from its keys: `command` makes a process, `children` a supervisor"
        }
        _ => return None,
    };
    Some(why.into())
}

fn meant(text: &str, takes: &Takes) -> String {
    let near = near::hint(text, listed(takes));
    let seconds = format!("{text}s");
    let switch = match text.to_lowercase().as_str() {
        "yes" | "on" => "true",
        "no" | "off" => "false",
        _ => "",
    };
    if !near.is_empty() {
        near
    } else if text.parse::<u64>().is_ok() && fits(&seconds, takes) {
        format!("did you mean `{seconds}`?")
    } else if !switch.is_empty() && fits(switch, takes) {
        format!("did you mean `{switch}`?")
    } else {
        String::new()
    }
}

/// Returns the names of the keys of a group.
fn keys(group: &Group) -> String {
    near::listed(group.all().map(|key| key.name))
}

/// Returns the words that may stand there.
fn listed(takes: &Takes) -> Vec<&'static str> {
    match takes {
        Takes::Word(words) => words.iter().map(|word| word.name).collect(),
        Takes::Preset => Preset::ALL.iter().map(|preset| preset.name()).collect(),
        Takes::Signal => SIGNALS.to_vec(),
        Takes::Switch => vec!["true", "false"],
        Takes::Either(all) => all.iter().flat_map(listed).collect(),
        Takes::Text
        | Takes::Path
        | Takes::Whole { .. }
        | Takes::Number
        | Takes::Span
        | Takes::Size
        | Takes::Percent
        | Takes::Rights
        | Takes::Window
        | Takes::List(_)
        | Takes::Map(_)
        | Takes::Group(_)
        | Takes::Children
        | Takes::Templates => Vec::new(),
    }
}

/// The signals that people mean.
const SIGNALS: [&str; 10] =
    ["TERM", "INT", "HUP", "QUIT", "KILL", "USR1", "USR2", "WINCH", "ABRT", "CONT"];

/// Returns whether a text is such a value.
fn fits(text: &str, takes: &Takes) -> bool {
    match takes {
        Takes::Text => true,
        Takes::Path => !text.is_empty(),
        Takes::Switch => matches!(text, "true" | "false"),
        Takes::Whole { least, most } => {
            text.parse::<i64>().is_ok_and(|number| (*least..=*most).contains(&number))
        }
        Takes::Number => text.parse::<f64>().is_ok_and(f64::is_finite),
        Takes::Span => scalar::span(text).is_some(),
        Takes::Size => scalar::size(text).is_some(),
        Takes::Percent => scalar::percent(text).is_some(),
        Takes::Rights => scalar::rights(text).is_some(),
        Takes::Signal => signal_number(text).is_some(),
        Takes::Window => scalar::window(text).is_some(),
        Takes::Word(words) => words.iter().any(|word| word.name == text),
        Takes::Preset => Preset::named(text).is_some(),
        Takes::Either(all) => all.iter().any(|one| fits(text, one)),
        Takes::List(_) | Takes::Map(_) | Takes::Group(_) | Takes::Children | Takes::Templates => {
            false
        }
    }
}

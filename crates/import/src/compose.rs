//! What the YAML files of several neighbours have in common: variables, environments, probes.

use crate::files::Files;
use crate::given::Given;
use crate::model::{Child, Model, Value, variable};
use crate::report::Place;
use crate::shell::{self, is_variable};
use crate::yaml::{Node, Yaml};
use crate::{lines, units};
use std::path::Path;

/// Replaces `$NAME` and `${NAME}` by what the loader fills in; an unset one is empty, as it is there.
///
/// Returns nothing where a form has no counterpart.
pub(crate) fn filled(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('{') {
            let (inner, after) = inner.split_once('}')?;
            let length =
                inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
            let (name, form) = inner.split_at(length);
            let default = match form {
                "" => "",
                form if form.starts_with(":?") || form.starts_with('?') => "",
                form => form.strip_prefix(":-").or_else(|| form.strip_prefix('-'))?,
            };
            if !is_variable(name) || default.contains('$') {
                return None;
            }
            out.push_str(&variable(&format!("{name}:-{default}")));
            rest = after;
        } else {
            let length =
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let name = &rest[..length];
            if is_variable(name) {
                out.push_str(&variable(&format!("{name}:-")));
                rest = &rest[length..];
            } else {
                out.push('$');
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

/// Returns the variables of a map, or of a list of `NAME=VALUE`.
pub(crate) fn environment(node: &Node, given: &mut Given) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut judge = |name: &str, value: &str, node: &Node, given: &mut Given| match filled(value) {
        Some(value) if is_variable(name) => {
            pairs.push((name.to_owned(), value));
            node.kept(given, "`environment`");
        }
        Some(_) => node.lost(given, "this is no name of a variable"),
        None => {
            node.lost(given, "a variable is filled in as `${NAME:-default}` alone: write it so");
        }
    };
    for (name, value) in node.entries() {
        match &value.value {
            Yaml::Text(text) => judge(name, text, value, given),
            Yaml::Empty => value.kept(given, "inherited"),
            Yaml::List(_) | Yaml::Map(_) => value.lost(given, "a variable is a text"),
        }
    }
    for text in node.each().iter().filter_map(Node::text) {
        match text.split_once('=') {
            Some((name, value)) => judge(name, value, node, given),
            None => node.kept(given, "inherited"),
        }
    }
    pairs
}

/// Takes environment files. Paths are relative to the folder of the file in which they stand.
pub(crate) fn env_files(
    child: &mut Child,
    node: &Node,
    folder: &Path,
    files: &dyn Files,
    given: &mut Given,
) {
    let mut paths = node.texts();
    paths.extend(node.each().iter().filter_map(|one| one.at("path")?.text().map(String::from)));
    for path in paths {
        match lines::trouble(files, &folder.join(&path)) {
            Some(why) => node.lost(given, &why),
            None => {
                child.settings.push("env_file", path);
                node.kept(given, "`env_file`");
            }
        }
    }
    if !node.ids().iter().any(|id| given.is_judged(*id)) {
        node.lost(given, "this is no path");
    }
}

/// A file `.env` beside the input holds for all of it.
pub(crate) fn dot_env(model: &mut Model, folder: &Path, files: &dyn Files, given: &mut Given) {
    let path = folder.join(".env");
    if !files.exists(&path) {
        return;
    }
    let id = given.add(Place { file: path.display().to_string(), line: 0 }, "", ".env", "");
    match lines::trouble(files, &path) {
        Some(why) => given.lost(id, why),
        None => {
            model.top.set("env_file", Value::list([".env"]));
            given.kept(id, "`env_file` at the top: it is to stand beside the spec file");
        }
    }
}

/// Returns the words that run a line in a shell, or the words of the line where no shell is needed.
pub(crate) fn line(text: &str, shell: &[String]) -> Value {
    let text = text.trim();
    match shell::split(text) {
        Ok(words) if !shell::needs_shell(text) && shell::names_program(&words) => {
            shell::words(&words)
        }
        Ok(_) | Err(_) => {
            let mut words = shell.to_vec();
            words.push(text.to_owned());
            Value::list(words)
        }
    }
}

/// Reads the numbers of a probe, in the words of Kubernetes with `_`.
pub(crate) fn probe_numbers(node: &Node, probe: &mut Vec<(String, Value)>, given: &mut Given) {
    for (name, value) in node.entries() {
        let number = value.text().and_then(|text| text.parse::<u64>().ok());
        let ours = match name.as_str() {
            "initial_delay_seconds" => "initial",
            "period_seconds" => "every",
            "timeout_seconds" => "timeout",
            "success_threshold" => "successes",
            "failure_threshold" => "failures",
            _ => continue,
        };
        match number {
            Some(0) if ours != "initial" => value.kept(given, "the default, as there"),
            Some(number) => {
                let text =
                    if ours.ends_with('s') { number.to_string() } else { format!("{number}s") };
                probe.push((ours.to_owned(), Value::Text(text)));
                value.kept(given, "the probe");
            }
            None => value.lost(given, "this is no number"),
        }
    }
}

/// Judges what nothing has judged below a node as keys that are not known.
pub(crate) fn unknown(node: &Node, neighbour: &str, given: &mut Given) {
    for id in node.ids() {
        if !given.is_judged(id) {
            given.lost(id, format!("no key that {neighbour} is known to have: look it up"));
        }
    }
}

/// Reads a number of seconds as a span of the spec file.
pub(crate) fn seconds(node: &Node) -> Option<String> {
    units::seconds(node.text()?).map(units::span)
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn variables_keep_their_defaults() {
        for (text, expected) in [
            ("$HOME/x", Some("\u{e001}HOME:-\u{e002}/x")),
            ("${PORT:-80}", Some("\u{e001}PORT:-80\u{e002}")),
            ("${PORT-80}", Some("\u{e001}PORT:-80\u{e002}")),
            ("cost $$5 or 5$", Some("cost $5 or 5$")),
            ("${PORT:+x}", None),
            ("${PORT", None),
        ] {
            assert_eq!(filled(text).as_deref(), expected, "{text}");
        }
    }
}

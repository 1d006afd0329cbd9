//! What the YAML files of several neighbours have in common: variables, environments, probes.

use crate::files::Files;
use crate::given::{Given, Id};
use crate::model::{Child, Model, VARIABLE, Value, variable};
use crate::report::Place;
use crate::shell::{self, is_variable};
use crate::yaml::{Node, Yaml};
use crate::{lines, units};
use std::path::Path;

/// Why a text with variables is left out.
const NO_FORM: &str = "a variable is filled in as `${NAME}`, `${NAME:-default}` or `${NAME:?message}` \
    alone: it is left out until it is written so";

/// A text with its variables.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) text: String,
    /// Whether an empty variable means what it meant there.
    pub(crate) is_exact: bool,
}

/// Replaces `$NAME` and `${NAME}` by what the loader fills in; an unset one is empty, as it is there.
///
/// Returns nothing where a form has no counterpart.
pub(crate) fn filled(text: &str) -> Option<Filled> {
    let mut out = Filled { text: String::new(), is_exact: true };
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.text.push('$');
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('{') {
            let end = closing(inner)?;
            one(&inner[..end], &mut out)?;
            rest = &inner[end + 1..];
        } else {
            let name = &rest[..name_length(rest)];
            if is_variable(name) {
                out.text.push_str(&variable(&format!("{name}:-")));
                rest = &rest[name.len()..];
            } else {
                out.text.push('$');
            }
        }
    }
    out.text.push_str(rest);
    Some(out)
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Returns where the brace that was opened is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    let mut last = '\0';
    for (at, c) in text.char_indices() {
        match c {
            '{' if last == '$' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        last = c;
    }
    None
}

/// Adds what stands between braces.
fn one(inner: &str, out: &mut Filled) -> Option<()> {
    let (name, form) = inner.split_at(name_length(inner));
    if !is_variable(name) {
        return None;
    }
    let said = match form {
        "" => ":-".to_owned(),
        form => {
            // Without the colon an empty one counts as set there; the loader takes it for unset.
            out.is_exact &= form.starts_with(':');
            let form = form.strip_prefix(':').unwrap_or(form);
            if let Some(message) = form.strip_prefix('?') {
                let message = if message.is_empty() { "it must be set" } else { message };
                if message.contains('$') {
                    return None;
                }
                format!(":?{message}")
            } else {
                let default = filled(form.strip_prefix('-')?)?;
                out.is_exact &= default.is_exact;
                format!(":-{}", default.text)
            }
        }
    };
    out.text.push_str(&variable(&format!("{name}{said}")));
    Some(())
}

/// Fills in every text of a file. What has no counterpart is taken out of it, and reported.
pub(crate) fn fill_in(node: &mut Node, given: &mut Given) {
    fill(node, None, given);
}

fn fill(node: &mut Node, above: Option<Id>, given: &mut Given) {
    let id = node.id().or(above);
    match &mut node.value {
        Yaml::Text(text) if text.contains('$') => match (filled(text), id) {
            (Some(filled), id) => {
                *text = filled.text;
                if let Some(id) = id.filter(|_| !filled.is_exact) {
                    given.changed(id, "a variable that is set and empty counts as one that is not");
                }
            }
            (None, id) => {
                node.value = Yaml::Empty;
                if let Some(id) = id {
                    given.lost(id, NO_FORM);
                }
            }
        },
        Yaml::Text(_) | Yaml::Empty => {}
        Yaml::List(all) => all.iter_mut().for_each(|one| fill(one, id, given)),
        Yaml::Map(all) => all.iter_mut().for_each(|(_, one)| fill(one, id, given)),
    }
}

/// Returns the variables of a map, or of a list of `NAME=VALUE`.
pub(crate) fn environment(node: &Node, given: &mut Given) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut judge = |name: &str, value: &str, node: &Node, given: &mut Given| {
        if is_variable(name) {
            pairs.push((name.to_owned(), value.to_owned()));
            node.kept(given, "`environment`");
        } else {
            node.lost(given, "this is no name of a variable");
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
        // What a variable stands for may be more than one word.
        Ok(words)
            if !shell::needs_shell(text)
                && !text.contains(VARIABLE.0)
                && shell::names_program(&words) =>
        {
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

/// Judges what nothing has judged below a node: keys that are not known, and values of another form.
pub(crate) fn unknown(node: &Node, known: &[&str], neighbour: &str, given: &mut Given) {
    for (name, value) in node.entries() {
        let text = if known.contains(&name.as_str()) {
            "a value of this form is not taken: write it in the other one that the documentation \
                has, or add by hand what it says"
                .to_owned()
        } else {
            format!("no key that {neighbour} is known to have: look it up")
        };
        for id in value.ids() {
            if !given.is_judged(id) {
                given.lost(id, &text);
            }
        }
    }
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
            ("$HOME/x", Some(("\u{e001}HOME:-\u{e002}/x", true))),
            ("${PORT}", Some(("\u{e001}PORT:-\u{e002}", true))),
            ("${PORT:-80}", Some(("\u{e001}PORT:-80\u{e002}", true))),
            ("${PORT-80}", Some(("\u{e001}PORT:-80\u{e002}", false))),
            ("${A:-${B:-1}}", Some(("\u{e001}A:-\u{e001}B:-1\u{e002}\u{e002}", true))),
            ("${TAG:?say it}", Some(("\u{e001}TAG:?say it\u{e002}", true))),
            ("${TAG?say it}", Some(("\u{e001}TAG:?say it\u{e002}", false))),
            ("${TAG:?}", Some(("\u{e001}TAG:?it must be set\u{e002}", true))),
            ("cost $$5 or 5$", Some(("cost $5 or 5$", true))),
            ("$${HOME}", Some(("${HOME}", true))),
            ("${PORT:+x}", None),
            ("${PORT^^}", None),
            ("${PORT", None),
        ] {
            let filled = filled(text);
            let filled = filled.as_ref().map(|filled| (filled.text.as_str(), filled.is_exact));
            assert_eq!(filled, expected, "{text}");
        }
    }
}

//! The way back: processes of a spec file as units, or as a `Procfile`.

mod procfile;
mod systemd;

use crate::given::Given;
use crate::report::Report;
use crate::yaml::{self, Node};
use std::fmt;

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exported {
    /// A service unit for each process.
    Systemd,
    /// A line for each process.
    Procfile,
}

/// Files to write, by name, and what became of every key.
#[derive(Clone, Debug)]
pub struct Written {
    /// Name and text of each file.
    pub files: Vec<(String, String)>,
    /// What became of every key of every process.
    pub report: Report,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The keys of a process cannot be read.
    #[error("the keys of `{child}` cannot be read: {text}")]
    Form {
        /// The child.
        child: String,
        /// Why not.
        text: String,
    },
}

/// One process: its path, and its keys.
pub(crate) struct Process {
    pub(crate) path: String,
    pub(crate) keys: Node,
}

/// Writes processes of a tree for another supervisor.
///
/// `text` is the spec file, called `file`, and is asked for what it says of supervisors and at its top. `forms` has, for
/// each process in the order in which they start, its path and its keys as JSON, with templates and defaults put in.
///
/// # Errors
///
/// When such keys cannot be read.
pub fn export(
    to: Exported,
    file: &str,
    text: &str,
    forms: &[(String, String)],
) -> Result<Written, ExportError> {
    let mut given = Given::default();
    let read = |path: &str, form: &str, given: &mut Given| {
        let failed = |error: &dyn fmt::Display| ExportError::Form {
            child: path.into(),
            text: error.to_string(),
        };
        let mut keys = yaml::parse(form, file).map_err(|error| failed(&error))?;
        unplaced(&mut keys);
        keys.register(given, file, path, "");
        Ok(keys)
    };
    let mut processes = Vec::new();
    let whole = yaml::parse(text, file)
        .map_err(|error| ExportError::Form { child: file.into(), text: error.to_string() })?;
    above(whole, file, "", &mut given);
    for (path, form) in forms {
        let keys = read(path, form, &mut given)?;
        given.about(keys.ids(), path);
        processes.push(Process { path: path.clone(), keys });
    }
    let files = match to {
        Exported::Systemd => systemd::units(&processes, &mut given),
        Exported::Procfile => procfile::lines(&processes, &mut given),
    };
    for id in processes.iter().flat_map(|process| process.keys.ids()).collect::<Vec<_>>() {
        if !given.is_judged(id) {
            given.lost(id, "the other supervisor has nothing of the kind");
        }
    }
    let name = match to {
        Exported::Systemd => "systemd",
        Exported::Procfile => "procfile",
    };
    Ok(Written { files, report: given.report(name, processes.len()) })
}

/// Judges what is said of a supervisor, and of those below it.
fn above(node: Node, file: &str, path: &str, given: &mut Given) {
    let yaml::Yaml::Map(entries) = node.value else { return };
    for (key, mut node) in entries {
        match key.as_str() {
            "children" => {
                let yaml::Yaml::Map(children) = node.value else { continue };
                for (name, child) in
                    children.into_iter().filter(|(_, child)| child.at("children").is_some())
                {
                    let below = if path.is_empty() { name } else { format!("{path}/{name}") };
                    above(child, file, &below, given);
                }
            }
            // These are in the keys of each process.
            "templates" | "defaults" | "environment" | "env_file" | "include" => {
                node.register(given, file, path, &key);
                node.kept(given, "in the keys of each process");
            }
            _ => {
                node.register(given, file, path, &key);
                node.lost(
                    given,
                    "it is about the tree or a supervisor, which the other side does not have",
                );
            }
        }
    }
}

/// Keys that were put together from several places have no line.
fn unplaced(node: &mut Node) {
    node.line = 0;
    match &mut node.value {
        yaml::Yaml::Map(all) => all.iter_mut().for_each(|(_, node)| unplaced(node)),
        yaml::Yaml::List(all) => all.iter_mut().for_each(unplaced),
        yaml::Yaml::Text(_) | yaml::Yaml::Empty => {}
    }
}

impl Process {
    pub(crate) fn word(&self, key: &str) -> Option<&str> {
        self.keys.at(key).and_then(Node::text)
    }

    /// Returns the words of the command, or the line of a shell.
    pub(crate) fn words(&self) -> Vec<String> {
        command(self.keys.at("command"), self.word("shell") == Some("true"))
    }

    pub(crate) fn kept(&self, key: &str, given: &mut Given, became: &str) {
        if let Some(node) = self.keys.at(key) {
            node.kept(given, became);
        }
    }
}

/// Returns the words of a command as the loader reads them.
pub(crate) fn command(node: Option<&Node>, has_shell: bool) -> Vec<String> {
    match node.map(|node| (node.text(), node.texts())) {
        Some((Some(line), _)) if has_shell => vec!["/bin/sh".into(), "-c".into(), line.into()],
        Some((Some(line), _)) => crate::shell::split(line).unwrap_or_default(),
        Some((None, words)) => words,
        None => Vec::new(),
    }
}

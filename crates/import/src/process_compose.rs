//! `process-compose.yaml`.

mod probe;
mod process;
mod text;

use crate::compose::{self, dot_env, unknown};
use crate::given::Given;
use crate::model::{Draft, Model, Value};
use crate::yaml::{Node, Yaml, parse};
use crate::{Files, ImportError};
use std::path::{Path, PathBuf};

const NAME: &str = "process-compose";

pub(crate) fn read(paths: &[PathBuf], files: &dyn Files) -> Result<Draft, ImportError> {
    let mut given = Given::default();
    let mut model = Model::default();
    for path in paths {
        let shown = path.display().to_string();
        let mut root = parse(&crate::text(files, path)?, &shown)?;
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
        let shell = shell(&root);
        if let Yaml::Map(entries) = &mut root.value {
            for (name, node) in entries.iter_mut() {
                if name == "processes" {
                    if let Yaml::Map(processes) = &mut node.value {
                        for (name, process) in processes {
                            process.register(&mut given, &shown, &format!("processes.{name}"), "");
                        }
                    }
                } else {
                    node.register(&mut given, &shown, "", name);
                }
            }
        }
        text::prepare(&mut root, &mut given);
        let here = process::Here { folder: &folder, files, shell: &shell, has_command: false };
        for (name, node) in root.entries() {
            if name == "processes" {
                for (name, process) in node.entries() {
                    let child = process::read(name, process, &here, &mut model, &mut given);
                    model.children.extend(child);
                }
            } else {
                top(name, node, &mut model, &mut given);
            }
        }
        dot_env(&mut model, &folder, files, &mut given);
        unknown(&root, &[], NAME, &mut given);
    }
    model.top.put("defaults", "inherit", "all");
    let step = Value::map([("signal", "TERM"), ("to", "all"), ("within", "10s")]);
    model.top.put("defaults", "stop", Value::List(vec![step]));
    model.top.put("defaults", "jitter", "none");
    model.settle_needs(&mut given);
    Ok((model, given))
}

/// The words in front of a line that a shell reads.
fn shell(root: &Node) -> Vec<String> {
    let said =
        |name: &str| root.at("shell").and_then(|shell| shell.at(name)?.text().map(String::from));
    vec![
        said("shell_command").unwrap_or_else(|| "bash".into()),
        said("shell_argument").unwrap_or_else(|| "-c".into()),
    ]
}

fn top(name: &str, node: &Node, model: &mut Model, given: &mut Given) {
    match name {
        "version" => node.kept(given, "a spec file has no version"),
        "name" => {
            if let Some(text) = node.text() {
                model.top.set("name", crate::model::name(text));
            }
            node.kept(given, "`name`");
        }
        "environment" => {
            for (name, value) in compose::environment(node, given) {
                model.top.put("environment", &name, value);
            }
        }
        "shell" => node.kept(given, "the words in front of commands that need a shell"),
        "is_strict" => node.kept(given, "a spec file is always strict"),
        "ordered_shutdown" => {
            node.kept(given, "children stop in the reverse of the order in which they started");
        }
        "disable_env_expansion" => {
            node.kept(given, "texts are taken as they stand: what a shell reads, it fills in");
        }
        "log_location" | "log_length" | "log_format" | "log_level" | "log_no_color"
        | "log_configuration" => {
            node.lost(
                given,
                "each child has a log of its own; `log` says where, how large and how many",
            );
        }
        "vars" => node.kept(given, "put in where `{{.NAME}}` stands"),
        "env_cmds" => node.lost(
            given,
            "a variable that a command prints is a secret: `secrets: {NAME: {command: ..}}`",
        ),
        "is_tui_disabled" | "disable_tui" => {
            node.kept(given, "`mainstay up` has no terminal interface");
        }
        "is_dotenv_disabled" => {
            node.lost(given, "take `env_file` out of the spec file, if it is there");
        }
        "extends" => node.lost(given, "import the other file too, and take it in with `include`"),
        "namespaces" => node.lost(given, "`labels` group children; supervisors hold them together"),
        _ if name.starts_with("x-") => node.kept(given, "for its anchors alone, as there"),
        _ => {}
    }
}

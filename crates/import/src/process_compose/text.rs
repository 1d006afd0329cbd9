//! Variables and templates in the texts of a process.

use crate::compose::{fill_in, filled};
use crate::given::{Given, Id};
use crate::model::INSTANCE;
use crate::units::switch;
use crate::yaml::{Node, Yaml};

/// Puts into every text of a file what it stands for there: `$NAME`, and `{{.NAME}}` of `vars`.
pub(super) fn prepare(root: &mut Node, given: &mut Given) {
    let expands = !is_on(root, "disable_env_expansion");
    let shared = root.at("vars").cloned();
    let Yaml::Map(entries) = &mut root.value else { return };
    for (name, node) in entries {
        match (name.as_str(), &mut node.value) {
            ("processes", Yaml::Map(processes)) => {
                for (_, process) in processes {
                    one(process, shared.as_ref(), expands, given);
                }
            }
            _ if expands => fill_in(node, given),
            _ => {}
        }
    }
}

fn is_on(node: &Node, key: &str) -> bool {
    node.at(key).and_then(Node::text).and_then(switch) == Some(true)
}

fn one(process: &mut Node, shared: Option<&Node>, expands: bool, given: &mut Given) {
    let expands = expands && !is_on(process, "disable_env_expansion");
    let renders = !is_on(process, "is_template_disabled");
    let own = process.at("vars").cloned();
    let has_replicas = process
        .at("replicas")
        .and_then(Node::text)
        .and_then(|text| text.parse::<u32>().ok())
        .is_some_and(|count| count > 1);
    let Yaml::Map(entries) = &mut process.value else { return };
    for (key, node) in entries {
        if expands {
            let is_left = key == "command" && left_to_the_shell(node, given);
            if !is_left {
                fill_in(node, given);
            }
        }
        if renders && key != "vars" {
            let look = |path: &str| match path {
                "PC_REPLICA_NUM" if has_replicas => Some(INSTANCE.to_string()),
                "PC_REPLICA_NUM" => Some("0".into()),
                path => found(own.as_ref(), path).or_else(|| found(shared, path)),
            };
            render(node, None, &look, given);
        }
    }
}

/// A form of a variable that only a shell knows is left to the one that runs the command.
fn left_to_the_shell(node: &Node, given: &mut Given) -> bool {
    let Some(text) = node.text() else { return false };
    if filled(text).is_some() || text.contains("$$") {
        return false;
    }
    node.changed(
        given,
        "its variables are filled in by the shell that runs it, from the environment of the \
            process, and not while the file is read",
    );
    true
}

/// Returns what a name with dots stands for in `vars`.
fn found(vars: Option<&Node>, path: &str) -> Option<String> {
    let node = path.split('.').try_fold(vars?, |node, name| node.at(name))?;
    node.text().map(str::to_owned)
}

fn render(
    node: &mut Node,
    above: Option<Id>,
    look: &dyn Fn(&str) -> Option<String>,
    given: &mut Given,
) {
    let id = node.id().or(above);
    match &mut node.value {
        Yaml::Text(text) if text.contains("{{") => match rendered(text, look) {
            Some(full) => *text = full,
            None => {
                if let Some(id) = id {
                    given.lost(
                        id,
                        "of templates `{{.NAME}}` alone is filled in, with what `vars` says: \
                            write out what this one makes",
                    );
                }
            }
        },
        Yaml::Text(_) | Yaml::Empty => {}
        Yaml::List(all) => all.iter_mut().for_each(|one| render(one, id, look, given)),
        Yaml::Map(all) => all.iter_mut().for_each(|(_, one)| render(one, id, look, given)),
    }
}

fn rendered(text: &str, look: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut full = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inner, after) = after.split_once("}}")?;
        full.push_str(before);
        full.push_str(&look(inner.trim().strip_prefix('.')?)?);
        rest = after;
    }
    full.push_str(rest);
    Some(full)
}

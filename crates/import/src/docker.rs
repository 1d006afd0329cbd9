//! `compose.yaml`: each service becomes a child that runs its container in the foreground.

mod container;
mod life;

use crate::compose::{dot_env, fill_in, unknown};
use crate::given::Given;
use crate::model::{Child, Draft, Model, Value, name};
use crate::yaml::{Node, Yaml, parse};
use crate::{Files, ImportError, text};
use std::path::{Path, PathBuf};

const NAME: &str = "docker-compose";

pub(crate) fn read(paths: &[PathBuf], files: &dyn Files) -> Result<Draft, ImportError> {
    let mut given = Given::default();
    let mut model = Model::default();
    for path in paths {
        let shown = path.display().to_string();
        let mut root = parse(&text(files, path)?, &shown)?;
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
        let project = root.at("name").and_then(Node::text).map(str::to_owned);
        let project = project.or_else(|| {
            // As docker does: the folder that the file is in, however it was named.
            let whole = files.whole(path);
            Some(whole.parent()?.file_name()?.to_string_lossy().to_lowercase())
        });
        let project = name(&project.unwrap_or_else(|| "compose".into()));
        if let Yaml::Map(entries) = &mut root.value {
            for (key, node) in entries.iter_mut() {
                match &mut node.value {
                    Yaml::Map(services) if key == "services" => {
                        for (name, service) in services {
                            service.register(&mut given, &shown, &format!("services.{name}"), "");
                        }
                    }
                    Yaml::Map(_) | Yaml::Empty | Yaml::Text(_) | Yaml::List(_) => {
                        node.register(&mut given, &shown, "", key);
                    }
                }
            }
        }
        if let Yaml::Map(entries) = &mut root.value {
            entries.iter_mut().for_each(|(_, node)| fill_in(node, &mut given));
        }
        let here = container::Here {
            project: &project,
            volumes: root.at("volumes"),
            folder: &folder,
            files,
        };
        let services = root.at("services").map_or(&[][..], Node::entries);
        if !services.is_empty() {
            model.children.push(network(&project));
        }
        for (name, service) in services {
            let child = container::read(name, service, &here, &mut given);
            model.children.extend(child);
        }
        if model.children.len() == 1 {
            model.children.clear();
        }
        for (key, node) in root.entries() {
            top(key, node, &mut model, &mut given);
        }
        dot_env(&mut model, &folder, files, &mut given);
        unknown(&root, &[], NAME, &mut given);
    }
    model.top.put("defaults", "inherit", "all");
    model.settle_needs(&mut given);
    Ok((model, given))
}

/// The child that makes the network on which services know each other by name.
fn network(project: &str) -> Child {
    let mut child = Child::new(container::NETWORK);
    let network = format!("{project}_default");
    let line = format!(
        "docker network inspect {network} >/dev/null 2>&1 || docker network create {network}"
    );
    child.set("description", "The network of the containers");
    child.set("command", Value::list(["/bin/sh".to_owned(), "-c".into(), line]));
    child.set("restart", "never");
    child
}

fn top(key: &str, node: &Node, model: &mut Model, given: &mut Given) {
    match key {
        "version" => node.kept(given, "without effect there too"),
        "name" => {
            if let Some(text) = node.text() {
                model.top.set("name", name(text));
            }
            node.kept(
                given,
                "`name`, and the first part of the names of containers, volumes and \
                networks",
            );
        }
        "volumes" => node.changed(
            given,
            "docker makes a volume when a container names it, as \
            PROJECT_NAME; options of a driver are lost",
        ),
        "networks" => node.lost(
            given,
            "all containers are in one network, PROJECT_default: make \
            others by `docker network create`",
        ),
        "models" => node.lost(given, "no model is run: run its server as a child of its own"),
        "configs" | "secrets" => node.lost(given, "mount the file: add it to `-v` in the command"),
        "include" => node.lost(given, "import the other file too, and take it in with `include`"),
        _ if key.starts_with("x-") => node.kept(given, "for its anchors alone, as there"),
        _ => {}
    }
}

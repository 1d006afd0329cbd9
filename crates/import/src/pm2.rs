//! PM2's ecosystem file.

mod app;
mod log;

use crate::compose::unknown;
use crate::given::Given;
use crate::model::{Draft, Model, Names};
use crate::yaml::{Node, Yaml, parse};
use crate::{Files, ImportError, text};
use std::path::PathBuf;

const NAME: &str = "pm2";

/// Reads JSON and YAML. A file in JavaScript is a program: it is not run here.
pub(crate) fn read(paths: &[PathBuf], files: &dyn Files) -> Result<Draft, ImportError> {
    let mut given = Given::default();
    let mut model = Model::default();
    let mut names = Names::default();
    for path in paths {
        let content = text(files, path)?;
        let is_script = path
            .extension()
            .is_some_and(|end| ["js", "cjs", "mjs", "ts"].iter().any(|known| end == *known));
        // Whoever has run the program hands over what came of it, which is JSON.
        if is_script && !content.trim_start().starts_with(['{', '[']) {
            return Err(ImportError::Program { path: path.clone() });
        }
        let shown = path.display().to_string();
        let mut root = parse(&content, &shown)?;
        register(&mut root, &shown, &mut given);
        for app in apps(&root) {
            let children = app::read(app, &mut names, &mut given);
            model.children.extend(children);
        }
        if let Some(deploy) = root.at("deploy") {
            deploy.lost(
                &mut given,
                "nothing is deployed: put files in place by other means, then `mainstay recycle`",
            );
        }
        unknown(&root, &[], NAME, &mut given);
    }
    model.top.put("defaults", "inherit", "all");
    Ok((model, given))
}

/// A file is a list of apps, one app, or a map with `apps`.
fn apps(root: &Node) -> Vec<&Node> {
    match root.at("apps") {
        Some(apps) if matches!(apps.value, Yaml::List(_)) => apps.each().iter().collect(),
        Some(apps) => vec![apps],
        None if matches!(root.value, Yaml::List(_)) => root.each().iter().collect(),
        None if root.at("script").or_else(|| root.at("exec")).is_some() => vec![root],
        None => Vec::new(),
    }
}

fn register(root: &mut Node, file: &str, given: &mut Given) {
    let name = |app: &Node, at: usize| {
        let said = app.at("name").and_then(Node::text).map(str::to_owned);
        format!("apps.{}", said.unwrap_or_else(|| at.to_string()))
    };
    match &mut root.value {
        Yaml::List(apps) => {
            for (at, app) in apps.iter_mut().enumerate() {
                let section = name(app, at);
                app.register(given, file, &section, "");
            }
        }
        Yaml::Map(entries) => {
            for (key, node) in entries {
                match &mut node.value {
                    Yaml::List(apps) if key == "apps" => {
                        for (at, app) in apps.iter_mut().enumerate() {
                            let section = name(app, at);
                            app.register(given, file, &section, "");
                        }
                    }
                    Yaml::Map(_) | Yaml::List(_) | Yaml::Text(_) | Yaml::Empty => {
                        node.register(given, file, "", key);
                    }
                }
            }
        }
        Yaml::Text(_) | Yaml::Empty => {}
    }
}

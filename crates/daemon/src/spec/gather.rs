//! The files: the one that is named, and all that it includes.

use super::check::Checker;
use super::env_file;
use super::place::{Place, Problem, Sources};
use super::syntax::{self, Name, Node, Value};
use super::variable::{self, Variables};
use super::words::{self, Stands};
use mainstay_wire::spec::keys::{Group, INCLUDED, TEMPLATE};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What is known while files are read.
pub(super) struct Gatherer<'a> {
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    /// The folder of the first file.
    pub(super) near: PathBuf,
    /// Where what children print is kept unless a file says where.
    pub(super) logs: Option<PathBuf>,
    /// Whether the first file may be a map of children alone.
    pub(super) may_be_bare: bool,
    pub(super) sources: Sources,
    pub(super) problems: Vec<Problem>,
    /// The variables of files at the top.
    pub(super) variables: BTreeMap<String, String>,
    pub(super) templates: BTreeMap<String, Template>,
    pub(super) entries: Vec<Entry>,
    /// What was read but meant nothing.
    pub(super) idle: Vec<(Place, String)>,
}

/// What children have in common.
#[derive(Clone, Debug)]
pub(super) struct Template {
    at: Place,
    /// As written, without what is wrong.
    pub(super) node: Node,
    pub(super) is_whole: bool,
}

/// What holds for all children of a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    /// Variables of their environment.
    pub(super) environment: Vec<(String, String)>,
    /// As written, the nearest first.
    pub(super) defaults: Vec<Node>,
    /// The number of the instance in which they stand.
    pub(super) instance: Option<u32>,
}

/// A child as written.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) node: Node,
    pub(super) shared: Rc<Shared>,
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(environment: &'a dyn Fn(&str) -> Option<String>, near: PathBuf) -> Self {
        Self {
            environment,
            near,
            logs: None,
            may_be_bare: false,
            sources: Sources::default(),
            problems: Vec::new(),
            variables: BTreeMap::new(),
            templates: BTreeMap::new(),
            entries: Vec::new(),
            idle: Vec::new(),
        }
    }

    /// Reads a file, with all that it includes. Returns what it says at its top, checked.
    pub(super) fn text(&mut self, path: PathBuf, text: &str, group: &Group) -> Node {
        self.one(path, text, group, &Shared::default(), &mut Vec::new())
    }

    fn one(
        &mut self,
        path: PathBuf,
        text: &str,
        group: &Group,
        above: &Shared,
        chain: &mut Vec<PathBuf>,
    ) -> Node {
        let file = self.sources.add(path.clone(), &self.near, text.to_owned());
        let start = Place { file, from: 0, to: 0 };
        let nothing = Node::new(start, Value::Map(Vec::new()));
        let Some(mut top) = syntax::parse(text, file, &mut self.problems) else { return nothing };
        if matches!(top.value, Value::Empty) {
            self.wrong(start, "the file says nothing", "say `children:` and what is to run");
            return nothing;
        }
        let says = |key| top.get(key).is_some();
        if std::mem::take(&mut self.may_be_bare) && !says("children") && !says("include") {
            let at = top.at;
            let name = Name { text: "children".into(), at };
            top = Node::new(at, Value::Map(vec![(name, top)]));
        }
        // Their variables are replaced where they are used.
        let children = take(&mut top, "children");
        let templates = take(&mut top, "templates");
        let defaults = top.get("defaults").cloned();
        if let Some((_, files)) = top.entry("env_file").cloned() {
            self.top_variables(files);
        }
        let before = self.problems.len();
        self.fill(&mut top);
        let mut checker = Checker { sources: &self.sources, problems: &mut self.problems };
        checker.group(&mut top, group, "");
        words::write_out(&mut top, Stands::Root, checker.problems);
        if let Some(mut defaults) = top.get("defaults").cloned() {
            words::write_out(&mut defaults, Stands::Process, checker.problems);
        }
        for (key, node) in [("children", &children), ("templates", &templates)] {
            if let (Some(key), Some((_, node))) = (group.key(key), node) {
                checker.value(&mut node.clone(), &key.takes, key.name);
            }
        }
        if let Some((_, templates)) = templates {
            self.keep_templates(&templates);
        }
        let mut shared = above.clone();
        for file in top.get("env_file").map_or(&[][..], Node::each) {
            if let Some(path) = file.text() {
                let found = self.env_file(Path::new(path), file.at);
                shared.environment.extend(found);
            }
        }
        shared
            .environment
            .extend(top.pairs("environment").map(|(name, value)| (name.into(), value.into())));
        let defaults = defaults.map(|node| without(node, &self.problems[before..]).0);
        shared.defaults.splice(0..0, defaults);
        let shared = Rc::new(shared);
        if let Some((name, children)) = children {
            let empty = Node::new(children.at, Value::Map(Vec::new()));
            top.set(name, empty);
            let entries = children.entries().iter().map(|(name, node)| Entry {
                name: name.clone(),
                node: node.clone(),
                shared: Rc::clone(&shared),
            });
            self.entries.extend(entries);
        }
        chain.push(path);
        self.includes(&top, &shared, chain);
        chain.pop();
        top
    }

    fn wrong(&mut self, at: Place, text: impl Into<String>, help: &str) {
        self.problems.push(Problem::new(at, text, help));
    }

    /// Replaces the variables at the top of a file.
    fn fill(&mut self, top: &mut Node) {
        let Value::Map(entries) = &mut top.value else { return };
        for (name, node) in entries {
            let variables = Variables {
                environment: self.environment,
                files: &self.variables,
                // In defaults each child puts its own.
                instance: (name.text == "defaults").then_some(1),
            };
            variable::fill(node, variables, &mut self.problems);
        }
    }

    /// Reads the files at the top before anything else, for their variables.
    fn top_variables(&mut self, mut files: Node) {
        let mut problems = Vec::new();
        let variables =
            Variables { environment: self.environment, files: &self.variables, instance: None };
        variable::fill(&mut files, variables, &mut problems);
        for file in files.each() {
            let Some(path) = file.text() else { continue };
            let path = self.sources.folder(file.at).join(path);
            if let Ok(text) = std::fs::read_to_string(path) {
                self.variables.extend(env_file::parse(&text, 0, &mut problems));
            }
        }
        // What is wrong with them is told where they are read for what they are.
    }

    /// Reads an environment file.
    pub(super) fn env_file(&mut self, path: &Path, at: Place) -> Vec<(String, String)> {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let file = self.sources.add(path.to_path_buf(), &self.near, text.clone());
                env_file::parse(&text, file, &mut self.problems)
            }
            Err(error) => {
                let path = path.display();
                let text = format!("the environment file `{path}` cannot be read: {error}");
                self.wrong(at, text, "");
                Vec::new()
            }
        }
    }

    fn keep_templates(&mut self, templates: &Node) {
        for (name, node) in templates.entries() {
            if let Some(earlier) = self.templates.get(&name.text) {
                let text = format!("the template `{}` stands twice", name.text);
                let first = format!("first at {}", self.sources.name(earlier.at));
                self.wrong(name.at, text, &first);
                continue;
            }
            let before = self.problems.len();
            let mut checked = node.clone();
            let variables = Variables {
                environment: self.environment,
                files: &self.variables,
                instance: Some(1),
            };
            variable::fill(&mut checked, variables, &mut self.problems);
            let mut checker = Checker { sources: &self.sources, problems: &mut self.problems };
            checker.group(&mut checked, &TEMPLATE, &name.text);
            words::write_out(&mut checked, Stands::Process, &mut self.problems);
            let (node, is_whole) = without(node.clone(), &self.problems[before..]);
            let template = Template { at: name.at, node, is_whole };
            self.templates.insert(name.text.clone(), template);
        }
    }

    fn includes(&mut self, top: &Node, shared: &Shared, chain: &mut Vec<PathBuf>) {
        for include in top.get("include").map_or(&[][..], Node::each) {
            let Some(pattern) = include.text() else { continue };
            let paths = match matching(Path::new(pattern)) {
                Ok(paths) => paths,
                Err(error) => {
                    let text = format!("`{pattern}` cannot be included: {error}");
                    self.wrong(include.at, text, "");
                    continue;
                }
            };
            if paths.is_empty() {
                self.idle.push((include.at, format!("no file is called like `{pattern}`")));
            }
            for path in paths {
                self.include(path, include.at, shared, chain);
            }
        }
    }

    fn include(&mut self, path: PathBuf, at: Place, shared: &Shared, chain: &mut Vec<PathBuf>) {
        let same = |known: &&PathBuf| same_file(known, &path);
        if chain.iter().find(same).is_some() {
            let names = chain.iter().chain([&path]);
            let names: Vec<String> = names.map(|path| path.display().to_string()).collect();
            let text = format!("files include each other in a circle: {}", names.join(" -> "));
            self.wrong(at, text, "leave out one of the includes");
            return;
        }
        let known: Vec<PathBuf> = self.sources.paths().map(Path::to_path_buf).collect();
        if let Some(again) = known.iter().find(same) {
            let text = format!("`{}` is included twice", again.display());
            self.wrong(at, text, "leave out one of the includes");
            return;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                self.one(path, &text, &INCLUDED, shared, chain);
            }
            Err(error) => {
                let text = format!("`{}` cannot be included: {error}", path.display());
                self.wrong(at, text, "");
            }
        }
    }
}

/// Returns a map without the entries in which something is wrong, and whether that is all of it. What is wrong there has
/// been told, and need not be told again of every child.
pub(super) fn without(mut node: Node, problems: &[Problem]) -> (Node, bool) {
    let Value::Map(entries) = &mut node.value else { return (node, false) };
    let starts: Vec<Place> = entries.iter().map(|(name, _)| name.at).collect();
    let wrong: Vec<Place> = problems
        .iter()
        .filter_map(|problem| problem.at)
        .filter_map(|at| starts.iter().rev().find(|start| start.file == at.file && **start <= at))
        .copied()
        .collect();
    entries.retain(|(name, _)| !wrong.contains(&name.at));
    (node, wrong.is_empty())
}

/// Takes an entry out of a map.
fn take(node: &mut Node, key: &str) -> Option<(Name, Node)> {
    let Value::Map(entries) = &mut node.value else { return None };
    let at = entries.iter().position(|(name, _)| name.text == key)?;
    Some(entries.remove(at))
}

fn same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    real(one) == real(other)
}

/// Returns the files that a path names, in order: one, or all that its last part is like.
fn matching(pattern: &Path) -> std::io::Result<Vec<PathBuf>> {
    let last = pattern.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(last) = last.filter(|last| last.contains(['*', '?'])) else {
        return Ok(vec![pattern.to_path_buf()]);
    };
    let folder = pattern.parent().unwrap_or_else(|| Path::new("/"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && crate::tend::is_like(&name, &last) {
            found.push(folder.join(&*name));
        }
    }
    found.sort();
    Ok(found)
}

//! Children: from what is written to what the library takes.

use super::check::Checker;
use super::gather::{Entry, Gatherer, Shared, Template, without};
use super::make::{self, Findings};
use super::place::{Place, Problem};
use super::syntax::{Name, Node, Value};
use super::variable::{self, Variables};
use super::words::{self, Stands};
use super::{form, merge, near, secret};
use crate::console;
use crate::listener::{Listener, Printed};
use crate::supervisord::Listen;
use crate::tend::Tending;
use mainstay::{Node as Declared, Restart};
use mainstay_wire::spec::keys::{Group, PROCESS, SUPERVISOR};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

/// Makes children, and keeps what is known of each beside the tree.
pub(super) struct Maker<'a> {
    pub(super) files: Gatherer<'a>,
    /// Whether needs may name siblings that are not here.
    pub(super) is_open: bool,
    /// Where each child stands, and all that was said about it.
    pub(super) places: BTreeMap<String, (Place, Node)>,
    /// Children about which something wrong was found already.
    pub(super) wrong: BTreeSet<String>,
    pub(super) labels: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) descriptions: BTreeMap<String, String>,
    pub(super) tending: Tending,
    pub(super) consoles: BTreeMap<String, console::Declared>,
    pub(super) listeners: BTreeMap<String, Listener>,
    pub(super) printed: BTreeMap<String, Printed>,
    /// Where supervisord's language is spoken, if it is.
    pub(super) supervisord: Option<Vec<Listen>>,
    /// The names of the supervisors at the top.
    tops: BTreeSet<String>,
}

/// A child with its number among those that are declared together.
struct One {
    name: String,
    instance: Option<u32>,
    entry: Entry,
}

/// A process of which not everything is known.
const PARTLY: Group = Group { what: PROCESS.what, keys: PROCESS.keys, one_of: &[] };

/// The names among siblings.
#[derive(Default)]
struct Names {
    /// Where each stands.
    all: BTreeMap<String, Place>,
    /// What a name stands for that has instances.
    groups: BTreeMap<String, Vec<String>>,
}

impl<'a> Maker<'a> {
    pub(super) fn new(files: Gatherer<'a>, is_open: bool) -> Self {
        Self {
            files,
            is_open,
            places: BTreeMap::new(),
            wrong: BTreeSet::new(),
            labels: BTreeMap::new(),
            descriptions: BTreeMap::new(),
            tending: Tending::default(),
            consoles: BTreeMap::new(),
            listeners: BTreeMap::new(),
            printed: BTreeMap::new(),
            supervisord: None,
            tops: BTreeSet::new(),
        }
    }

    /// Makes the children of one supervisor; `above` is its path.
    pub(super) fn children(&mut self, entries: Vec<Entry>, above: &str) -> Vec<(String, Declared)> {
        let (ones, names) = self.names(entries);
        if above.is_empty() {
            let tops = ones.iter().filter(|one| one.entry.node.get("children").is_some());
            self.tops = tops.map(|one| one.name.clone()).collect();
        }
        ones.into_iter()
            .map(|one| {
                let path = join(above, &one.name);
                let before = self.files.problems.len();
                let is_supervisor = one.entry.node.get("children").is_some();
                let child = if is_supervisor {
                    self.supervisor(&one, &path, &names)
                } else {
                    self.process(&one, &path, &names)
                };
                if self.files.problems.len() > before {
                    self.wrong.insert(path);
                }
                (one.name, child)
            })
            .collect()
    }

    /// Spreads instances, and finds names that stand twice.
    fn names(&mut self, entries: Vec<Entry>) -> (Vec<One>, Names) {
        let (mut ones, mut names) = (Vec::new(), Names::default());
        for entry in entries {
            let spread = self.spread(&entry);
            let base = entry.name.text.split('@').next().unwrap_or_default().to_owned();
            for (name, instance) in spread {
                if let Some(earlier) = names.all.insert(name.clone(), entry.name.at) {
                    let text = format!("the child `{name}` stands twice");
                    let help = format!("first at {}: rename one", self.files.sources.name(earlier));
                    self.files.problems.push(Problem::new(entry.name.at, text, help));
                    continue;
                }
                if instance.is_some() {
                    names.groups.entry(base.clone()).or_default().push(name.clone());
                }
                ones.push(One { name, instance, entry: entry.clone() });
            }
        }
        (ones, names)
    }

    /// Returns the names that an entry stands for: `web`, or `web@1` to `web@4`.
    fn spread(&mut self, entry: &Entry) -> Vec<(String, Option<u32>)> {
        let name = &entry.name.text;
        let count = entry.node.get("instances").and_then(Node::text);
        let span =
            name.split_once('@').and_then(|(base, span)| Some((base, span.split_once("..")?)));
        match (span, count) {
            (None, None) => vec![(name.clone(), None)],
            (None, Some(count)) => match count.parse::<u32>() {
                Ok(count @ 1..=10_000) if !name.contains('@') => {
                    (1..=count).map(|number| (format!("{name}@{number}"), Some(number))).collect()
                }
                // What is wrong with the number is told where the keys of the child are checked.
                Ok(_) | Err(_) => vec![(name.clone(), Some(1))],
            },
            (Some((base, (first, last))), None) => {
                match (first.parse::<u32>(), last.parse::<u32>()) {
                    (Ok(first), Ok(last)) if first <= last && last - first < 10_000 => {
                        let each = first..=last;
                        each.map(|number| (format!("{base}@{number}"), Some(number))).collect()
                    }
                    (Ok(_) | Err(_), _) => {
                        let text = format!("`{name}` is no span of instances");
                        self.wrong_at(
                            entry.name.at,
                            text,
                            "",
                            "as in `web@1..4`, at most 10000 of them",
                        );
                        vec![(name.clone(), Some(1))]
                    }
                }
            }
            (Some(_), Some(_)) => {
                let text = format!("`{name}` says twice how many instances there are");
                self.wrong_at(entry.name.at, text, "", "leave out `instances`");
                vec![(name.clone(), Some(1))]
            }
        }
    }

    fn wrong_at(
        &mut self,
        at: Place,
        text: impl Into<String>,
        hint: impl Into<String>,
        help: impl Into<String>,
    ) {
        let hint = hint.into();
        self.files.problems.push(Problem { hint, ..Problem::new(at, text, help) });
    }

    fn fill(&mut self, node: &mut Node, instance: Option<u32>) {
        let variables = Variables {
            environment: self.files.environment,
            files: &self.files.variables,
            instance,
        };
        variable::fill(node, variables, &mut self.files.problems);
    }

    fn checker(&mut self) -> Checker<'_> {
        Checker { sources: &self.files.sources, problems: &mut self.files.problems }
    }

    fn supervisor(&mut self, one: &One, path: &str, names: &Names) -> Declared {
        let (shared, written) = (&one.entry.shared, &one.entry.node);
        let instance = one.instance.or(shared.instance);
        let mut node = written.clone();
        let children = node.get("children").cloned();
        let defaults = node.get("defaults").cloned();
        let before = self.files.problems.len();
        node.remove("children");
        if let Value::Map(entries) = &mut node.value {
            for (name, value) in entries {
                let number = if name.text == "defaults" { instance.or(Some(1)) } else { instance };
                let variables = Variables {
                    environment: self.files.environment,
                    files: &self.files.variables,
                    instance: number,
                };
                variable::fill(value, variables, &mut self.files.problems);
            }
        }
        if let Some((name, of)) = written.entry("children").cloned() {
            // So that the check sees that it is there, and does not look into it.
            let value = Value::Map(Vec::new());
            let shape =
                if matches!(of.value, Value::Map(_)) { Node::new(of.at, value) } else { of };
            node.set(name, shape);
        }
        words::settle(&mut node, &mut self.files, instance, Stands::Supervisor, true);
        if let Some(mut defaults) = defaults.clone() {
            words::settle(&mut defaults, &mut self.files, instance, Stands::Process, true);
        }
        self.checker().group(&mut node, &SUPERVISOR, &one.name);
        let mut below = Shared { instance, ..Shared::clone(shared) };
        let found = &self.files.problems[before..];
        below.defaults.splice(0..0, defaults.map(|node| without(node, found).0));
        let below = Rc::new(below);
        let entries = children.iter().flat_map(|children| children.entries());
        let entries = entries.map(|(name, node)| Entry {
            name: name.clone(),
            node: node.clone(),
            shared: Rc::clone(&below),
        });
        let children = self.children(entries.collect(), path);

        let policy = make::policy(&node, true, &mut Findings(&mut self.files.problems));
        let mut supervisor = mainstay::supervisor(&one.name).policy(&policy);
        supervisor = make::supervisor(supervisor, &node);
        if node.switch("significant") {
            supervisor = supervisor.significant();
        }
        for need in self.needs(&node, &one.name, names) {
            supervisor = supervisor.needs(need);
        }
        self.remember(path, one.entry.name.at, node);
        supervisor.children(children.into_iter().map(|(_, child)| child)).into()
    }

    fn process(&mut self, one: &One, path: &str, names: &Names) -> Declared {
        let shared = &one.entry.shared;
        let instance = one.instance.or(shared.instance);
        let mut node = merge::whole(&one.entry.node);
        words::settle(&mut node, &mut self.files, instance, Stands::Process, true);
        let template = self.template(&node);
        let is_whole = match template {
            Some(mut template) => {
                let below = &mut template.node;
                words::settle(below, &mut self.files, instance, Stands::Process, false);
                merge::fill(&mut node, &template.node);
                template.is_whole
            }
            None => node.get("template").is_none(),
        };
        for defaults in &shared.defaults {
            let mut defaults = defaults.clone();
            words::settle(&mut defaults, &mut self.files, instance, Stands::Process, false);
            merge::fill(&mut node, &defaults);
        }
        self.fill(&mut node, instance);
        // What a lost template would have said is not missed.
        let group = if is_whole { &PROCESS } else { &PARTLY };
        self.checker().group(&mut node, group, &one.name);
        self.environment(&mut node, shared);
        if node.get("folder").is_none() {
            let at = one.entry.name.at;
            let folder = self.files.sources.folder(at).display().to_string();
            let name = Name { text: "folder".into(), at };
            node.set(name, Node::new(at, Value::Scalar(folder)));
        }
        self.log(&mut node, path, one.entry.name.at);
        node.remove("template");
        node.remove("instances");

        for (name, value) in make::supervisord_says(self.supervisord.as_deref(), path, &self.tops) {
            tell(&mut node, name, &value);
        }
        let folder = self.files.sources.folder(one.entry.name.at).to_owned();
        let mut found = Findings(&mut self.files.problems);
        let console = make::console(&node, &one.name, &folder, &mut found);
        if let Some(info) = console.as_ref().and_then(make::info) {
            tell(&mut node, "PROCSERV_INFO", &info);
        }
        if let Some(listener) = make::listener(&node, path, &mut found) {
            for (name, value) in make::told(&listener, path) {
                tell(&mut node, name, &value);
            }
            self.listeners.insert(path.to_owned(), listener);
        }
        let mut found = Findings(&mut self.files.problems);
        if let Some(printed) = make::printed(&node, &mut found) {
            self.printed.insert(path.to_owned(), printed);
        }
        let mut policy = make::policy(&node, false, &mut found);
        if node.get("schedule").is_some()
            && node.get("restart").is_none()
            && node.get("preset").is_none()
        {
            policy = policy.restart(Restart::Never);
        }
        let mut command = make::command(&node, &mut Findings(&mut self.files.problems));
        for (name, reference) in node.sorted("secrets") {
            // What is no reference has been told.
            let [(key, of)] = reference.entries() else { continue };
            let is_known = matches!(key.text.as_str(), "file" | "env" | "command");
            if !is_known || matches!(of.value, Value::Empty | Value::Lost) {
                continue;
            }
            match secret::read(reference, self.files.environment) {
                Ok(value) => command = command.env(&name.text, value),
                Err(why) => {
                    let text = format!("the secret `{}` cannot be read: {why}", name.text);
                    let problem = Problem::new(reference.at, text, "");
                    self.files.problems.push(Problem { is_secret: true, ..problem });
                }
            }
        }
        let command = command.form(form::form(&node));
        let mut child = make::process(&one.name, command, &policy, &node);
        for need in self.needs(&node, &one.name, names) {
            child = child.needs(need);
        }
        if let Some(console) = console {
            let waits = node.get("on_demand").is_some_and(|node| node.text() != Some("false"))
                || node.get("schedule").is_some();
            if console.mode.is_some() && !waits {
                // Its console starts it, in the mode that is said, once it is ready for what the child prints.
                child = child.on_demand(None);
            }
            self.consoles.insert(path.to_owned(), make::toggled(console, &child, &node, waits));
        }
        let mut found = Findings(&mut self.files.problems);
        if let Some(schedule) = make::schedule(&node, &mut found) {
            self.tending.schedules.insert(path.to_owned(), schedule);
        }
        if let Some(watch) = make::watch(&node) {
            self.tending.watches.insert(path.to_owned(), watch);
        }
        self.remember(path, one.entry.name.at, node);
        child.into()
    }

    /// What is printed is kept where the program keeps it, unless the file says where.
    fn log(&self, node: &mut Node, path: &str, at: Place) {
        let Some(logs) = &self.files.logs else { return };
        let is_seen = !matches!(node.word("output"), Some("inherit" | "null"));
        if is_seen && node.get("log").is_none() {
            let file = logs.join(format!("{}.log", path.replace('/', "."))).display().to_string();
            let name = Name { text: "log".into(), at };
            node.set(name, Node::new(at, Value::Scalar(file)));
        }
    }

    /// Returns the template that a child names.
    fn template(&mut self, node: &Node) -> Option<Template> {
        let named = node.get("template")?;
        let name = named.text()?;
        if let Some(template) = self.files.templates.get(name) {
            return Some(template.clone());
        }
        let known = || self.files.templates.keys().map(String::as_str);
        let hint = near::hint(name, known());
        let help = match near::listed(known()) {
            none if none.is_empty() => "the file has no `templates`".to_owned(),
            all => format!("there are {all}"),
        };
        self.wrong_at(named.at, format!("there is no template `{name}`"), hint, help);
        None
    }

    /// Puts the variables of a process together: those of the file, of its own files, and its own.
    fn environment(&mut self, node: &mut Node, shared: &Shared) {
        let mut all = shared.environment.clone();
        let files: Vec<(String, Place)> = node
            .get("env_file")
            .map_or(&[][..], Node::each)
            .iter()
            .filter_map(|file| Some((file.text()?.to_owned(), file.at)))
            .collect();
        for (file, at) in files {
            all.extend(self.files.env_file(Path::new(&file), at));
        }
        node.remove("env_file");
        if all.is_empty() {
            return;
        }
        let at = node.at;
        let mine: Vec<(Name, Node)> =
            node.get("environment").map_or_else(Vec::new, |own| own.entries().to_vec());
        let mut environment = Node::new(at, Value::Map(Vec::new()));
        for (name, value) in all {
            environment.set(Name { text: name, at }, Node::new(at, Value::Scalar(value)));
        }
        for (name, value) in mine {
            environment.set(name, value);
        }
        node.set(Name { text: "environment".into(), at }, environment);
    }

    /// Returns the needs of a child. One on a name that has instances is one on each of them.
    fn needs(&mut self, node: &Node, own: &str, names: &Names) -> Vec<mainstay::Need> {
        let mut needs = Vec::new();
        for one in node.get("needs").map_or(&[][..], Node::each) {
            let Some(at) = one.get("child").or(Some(one)).filter(|at| at.text().is_some()) else {
                continue;
            };
            let sibling = at.text().unwrap_or_default();
            match names.groups.get(sibling) {
                _ if sibling == own => {
                    self.wrong_at(at.at, format!("`{own}` needs itself"), "", "leave it out");
                }
                Some(group) => needs.extend(group.iter().map(|name| make::need(name, one))),
                None if names.all.contains_key(sibling) || self.is_open => {
                    needs.push(make::need(sibling, one));
                }
                None => {
                    let others =
                        || names.all.keys().map(String::as_str).filter(|name| *name != own);
                    let hint = near::hint(sibling, others());
                    let text = format!("`{own}` needs `{sibling}`, and it has no such sibling");
                    let help = match near::listed(others()) {
                        _ if !hint.is_empty() => String::new(),
                        none if none.is_empty() => "it has no siblings at all".to_owned(),
                        all => format!("its siblings are {all}"),
                    };
                    self.wrong_at(at.at, text, hint, help);
                }
            }
        }
        needs
    }

    fn remember(&mut self, path: &str, at: Place, node: Node) {
        let labels: BTreeMap<String, String> =
            node.pairs("labels").map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        if !labels.is_empty() {
            self.labels.insert(path.to_owned(), labels);
        }
        if let Some(text) = node.word("description") {
            self.descriptions.insert(path.to_owned(), text.to_owned());
        }
        self.places.insert(path.to_owned(), (at, node));
    }

    /// Returns whether at most one process is declared.
    pub(super) fn is_alone(&self) -> bool {
        self.places.values().filter(|(_, node)| node.get("command").is_some()).count() <= 1
    }

    /// Where a console may end the tree and its child is all of it, the end of the one run does, with its exit code.
    pub(super) fn end_with_one_run(&mut self) {
        if !self.is_alone() {
            return;
        }
        for declared in self.consoles.values_mut() {
            if declared.console.keys.quit.is_some() {
                declared.once = declared.once.clone().critical();
            }
        }
    }
}

/// Gives a process a variable, unless it has one of this name.
fn tell(node: &mut Node, name: &str, value: &str) {
    let at = node.at;
    let mut environment = match node.get("environment") {
        Some(environment) if environment.get(name).is_some() => return,
        Some(environment) => environment.clone(),
        None => Node::new(at, Value::Map(Vec::new())),
    };
    environment.set(Name { text: name.into(), at }, Node::new(at, Value::Scalar(value.into())));
    node.set(Name { text: "environment".into(), at }, environment);
}

/// Returns the path of a child.
pub(super) fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") }
}

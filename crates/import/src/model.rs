//! A tree as an importer describes it: keys of the spec file with values that are not yet text.

use crate::given::{Given, Id};
use std::collections::{BTreeMap, BTreeSet};

/// What an importer hands over.
pub(crate) type Draft = (Model, Given);

/// Stands in texts for the number of an instance: `${instance}`.
pub(crate) const INSTANCE: char = '\u{e000}';

/// Stand in texts around the inside of a variable that the loader fills in: `${NAME:-}`.
pub(crate) const VARIABLE: (char, char) = ('\u{e001}', '\u{e002}');

/// Returns a variable that is empty where it is not set.
pub(crate) fn variable(inside: &str) -> String {
    format!("{}{inside}{}", VARIABLE.0, VARIABLE.1)
}

/// A spec file to be.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Keys at the top.
    pub(crate) top: Settings,
    pub(crate) children: Vec<Child>,
}

/// A process, or a supervisor where it has children.
#[derive(Clone, Debug, Default)]
pub(crate) struct Child {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) needs: Vec<Need>,
    pub(crate) children: Vec<Self>,
}

/// One need of a child, and the key of the input that it came from.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    pub(crate) child: String,
    pub(crate) until: &'static str,
    pub(crate) on_restart: Option<&'static str>,
    pub(crate) from: Option<Id>,
}

/// Keys in the order in which they were set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(Vec<(String, Value)>);

/// A value of the spec file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Taken literally, but for [`INSTANCE`].
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Value {
    pub(crate) fn list<T: Into<Self>>(all: impl IntoIterator<Item = T>) -> Self {
        Self::List(all.into_iter().map(Into::into).collect())
    }

    pub(crate) fn map<K: Into<String>, T: Into<Self>>(
        all: impl IntoIterator<Item = (K, T)>,
    ) -> Self {
        Self::Map(all.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Text(number.to_string())
    }
}

impl Settings {
    /// Sets a key, or sets it again.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.into(), value)),
        }
    }

    /// Adds an entry to a key that is a map.
    pub(crate) fn put(&mut self, key: &str, name: &str, value: impl Into<Value>) {
        if self.value(key).is_none() {
            self.0.push((key.into(), Value::Map(Vec::new())));
        }
        if let Some((_, Value::Map(all))) = self.0.iter_mut().find(|(known, _)| known == key) {
            all.retain(|(known, _)| known != name);
            all.push((name.into(), value.into()));
        }
    }

    /// Adds to a key that is a list.
    pub(crate) fn push(&mut self, key: &str, value: impl Into<Value>) {
        if self.value(key).is_none() {
            self.0.push((key.into(), Value::List(Vec::new())));
        }
        if let Some((_, Value::List(all))) = self.0.iter_mut().find(|(known, _)| known == key) {
            all.push(value.into());
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.0.retain(|(known, _)| known != key);
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    pub(crate) fn word(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text),
            Some(Value::List(_) | Value::Map(_)) | None => None,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(String, Value)> {
        self.0.iter()
    }
}

impl Child {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.settings.set(key, value);
    }

    pub(crate) fn need(&mut self, child: &str, until: &'static str, from: Option<Id>) {
        let known = self.needs.iter_mut().find(|need| need.child == child);
        match known {
            // To be ready or completed says more than to have started.
            Some(need) if until != "started" => need.until = until,
            Some(_) => {}
            None => {
                let child = child.to_owned();
                self.needs.push(Need { child, until, on_restart: None, from });
            }
        }
    }
}

impl Model {
    /// Gives siblings of one name each their own, and returns how many processes there are.
    pub(crate) fn settle(&mut self) -> usize {
        fn name(children: &mut [Child]) {
            let mut seen = BTreeSet::new();
            for child in children {
                while !seen.insert(child.name.clone()) {
                    child.name.insert_str(0, "also-");
                }
                name(&mut child.children);
            }
        }
        fn count(children: &[Child]) -> usize {
            children
                .iter()
                .map(|child| if child.children.is_empty() { 1 } else { count(&child.children) })
                .sum()
        }
        name(&mut self.children);
        count(&self.children)
    }

    /// Removes needs that no sibling meets, and those that would close a circle. Each removed one is reported.
    pub(crate) fn settle_needs(&mut self, given: &mut Given) {
        settle_needs(&mut self.children, given);
    }
}

fn settle_needs(children: &mut [Child], given: &mut Given) {
    // Who has instances is needed by the name before the `@`.
    let base = |name: &str| match name.split_once('@') {
        Some((base, span)) if span.contains("..") => base.to_owned(),
        Some(_) | None => name.to_owned(),
    };
    let names: BTreeSet<String> = children.iter().map(|child| base(&child.name)).collect();
    let mut edges: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for child in children.iter_mut() {
        let own = base(&child.name);
        child.needs.retain(|need| {
            let why = if need.child == own {
                "a child cannot need itself"
            } else if !names.contains(&need.child) {
                "no sibling of that name was imported: import it too, or let it run before the \
                    daemon does"
            } else if reaches(&edges, &need.child, &own) {
                "left out, for the two would wait for each other"
            } else {
                edges.entry(own.clone()).or_default().push(need.child.clone());
                return true;
            };
            if let Some(id) = need.from {
                given.lost(id, format!("`{}`: {why}", need.child));
            }
            false
        });
        settle_needs(&mut child.children, given);
    }
}

fn reaches(edges: &BTreeMap<String, Vec<String>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut left = vec![from];
    while let Some(one) = left.pop() {
        if one == to {
            return true;
        }
        if seen.insert(one) {
            left.extend(edges.get(one).into_iter().flatten().map(String::as_str));
        }
    }
    false
}

/// Names of children: what a path cannot carry is replaced, and no name is given twice.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    pub(crate) fn fresh(&mut self, wanted: &str) -> String {
        let base = name(wanted);
        let mut one = base.clone();
        let mut number = 2;
        while !self.0.insert(one.clone()) {
            one = format!("{base}-{number}");
            number += 1;
        }
        one
    }
}

/// Returns a name that a child can have.
pub(crate) fn name(wanted: &str) -> String {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !"/*".contains(c);
    let plain: String = wanted.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    // Behind an `@`, two dots are a span of instances: here they are none.
    let plain = if plain.contains('@') { plain.replace("..", "-") } else { plain };
    let mut short = String::new();
    for c in plain.chars() {
        if short.len() + c.len_utf8() > 200 {
            break;
        }
        short.push(c);
    }
    if short.is_empty() { "child".into() } else { short }
}

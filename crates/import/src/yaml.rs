//! YAML, and JSON as a part of it, with the line of every value.

use crate::ImportError;
use crate::given::{Given, Id};
use crate::report::Place;
use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::BTreeMap;

/// A value and the line on which it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Yaml,
    /// What it is in the report. Maps that have entries have none.
    id: Option<Id>,
}

#[derive(Clone, Debug)]
pub(crate) enum Yaml {
    Empty,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// The most values that aliases may make of a file.
const MOST: usize = 200_000;

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Yaml::Text(text) => Some(text),
            Yaml::Empty | Yaml::List(_) | Yaml::Map(_) => None,
        }
    }

    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match &self.value {
            Yaml::Map(entries) => entries,
            Yaml::Empty | Yaml::Text(_) | Yaml::List(_) => &[],
        }
    }

    pub(crate) fn each(&self) -> &[Self] {
        match &self.value {
            Yaml::List(all) => all,
            Yaml::Empty | Yaml::Text(_) | Yaml::Map(_) => &[],
        }
    }

    pub(crate) fn at(&self, name: &str) -> Option<&Self> {
        self.entries().iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    /// Returns a text, or the texts of a list.
    pub(crate) fn texts(&self) -> Vec<String> {
        match &self.value {
            Yaml::Text(text) => vec![text.clone()],
            Yaml::List(all) => all.iter().filter_map(Self::text).map(String::from).collect(),
            Yaml::Empty | Yaml::Map(_) => Vec::new(),
        }
    }

    /// Notes every value below as a key of the input: what is no map, or an empty one, is one key.
    pub(crate) fn register(&mut self, given: &mut Given, file: &str, section: &str, key: &str) {
        let line = self.line;
        match &mut self.value {
            Yaml::Map(entries) if !entries.is_empty() => {
                for (name, node) in entries {
                    let below = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                    node.register(given, file, section, &below);
                }
            }
            Yaml::Map(_) | Yaml::Empty | Yaml::Text(_) | Yaml::List(_) => {
                let shown = self.shown();
                let place = Place { file: file.to_owned(), line };
                self.id = Some(given.add(place, section, key, shown));
            }
        }
    }

    fn shown(&self) -> String {
        match &self.value {
            Yaml::Empty => String::new(),
            Yaml::Text(text) => text.clone(),
            Yaml::List(all) => {
                let all: Vec<String> = all.iter().map(Self::shown).collect();
                format!("[{}]", all.join(", "))
            }
            Yaml::Map(all) => {
                let all: Vec<String> =
                    all.iter().map(|(name, node)| format!("{name}: {}", node.shown())).collect();
                format!("{{{}}}", all.join(", "))
            }
        }
    }

    /// Returns what it alone is in the report.
    pub(crate) const fn id(&self) -> Option<Id> {
        self.id
    }

    /// Returns what it and everything below it is in the report.
    pub(crate) fn ids(&self) -> Vec<Id> {
        let mut all: Vec<Id> = self.id.into_iter().collect();
        if let Yaml::Map(entries) = &self.value {
            all.extend(entries.iter().flat_map(|(_, node)| node.ids()));
        }
        all
    }

    pub(crate) fn kept(&self, given: &mut Given, became: &str) {
        self.ids().into_iter().for_each(|id| given.kept(id, became));
    }

    pub(crate) fn changed(&self, given: &mut Given, now: &str) {
        self.ids().into_iter().for_each(|id| given.changed(id, now));
    }

    pub(crate) fn lost(&self, given: &mut Given, why: &str) {
        self.ids().into_iter().for_each(|id| given.lost(id, why));
    }
}

/// Reads the first document of a text.
pub(crate) fn parse(text: &str, file: &str) -> Result<Node, ImportError> {
    // A tab between the parts of JSON is space; YAML takes it for none at the beginning of a line.
    let json = text.trim_start().starts_with(['{', '[']).then(|| text.replace('\t', " "));
    let text = json.as_deref().unwrap_or(text);
    let mut reader = Reader::default();
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or(0);
            let place = Place { file: file.into(), line: reader.line_at(text, at) };
            ImportError::Wrong { place, text: format!("this is no YAML: {}", error.info()) }
        })?;
        let line = reader.line_at(text, span.byte_range().map_or(0, |range| range.start));
        if !reader.take(event, line) {
            let text =
                "this alias cannot be put in its place, or aliases make too much of the file"
                    .into();
            return Err(ImportError::Wrong { place: Place { file: file.into(), line }, text });
        }
        if reader.is_done {
            break;
        }
    }
    Ok(reader.root.unwrap_or(Node { line: 0, value: Yaml::Empty, id: None }))
}

#[derive(Default)]
struct Reader {
    stack: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    made: usize,
    root: Option<Node>,
    is_done: bool,
    /// Up to where lines are counted, and how many there are.
    counted: (usize, usize),
}

struct Open {
    line: usize,
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

impl Reader {
    fn line_at(&mut self, text: &str, at: usize) -> usize {
        let (from, line) = self.counted;
        let at = at.min(text.len());
        if at >= from {
            let more = text.as_bytes()[from..at].iter().filter(|byte| **byte == b'\n').count();
            self.counted = (at, line + more);
            return line + more + 1;
        }
        text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn take(&mut self, event: Event<'_>, line: usize) -> bool {
        match event {
            Event::MappingStart(_, anchor, _) => {
                self.stack.push(Open { line, anchor, kind: Kind::Map(Vec::new(), None) });
            }
            Event::SequenceStart(_, anchor, _) => {
                self.stack.push(Open { line, anchor, kind: Kind::List(Vec::new()) });
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let Some(open) = self.stack.pop() else { return false };
                let value = match open.kind {
                    Kind::List(all) => Yaml::List(all),
                    Kind::Map(entries, _) => Yaml::Map(merged(entries)),
                };
                return self.put(Node { line: open.line, value, id: None }, open.anchor);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_null = matches!(style, ScalarStyle::Plain)
                    && tag.is_none()
                    && matches!(&*text, "" | "~" | "null");
                let is_name =
                    matches!(self.stack.last(), Some(Open { kind: Kind::Map(_, None), .. }));
                let value =
                    if is_null && !is_name { Yaml::Empty } else { Yaml::Text(text.into_owned()) };
                return self.put(Node { line, value, id: None }, anchor);
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else { return false };
                return self.put(node, 0);
            }
            Event::DocumentEnd => self.is_done = true,
            Event::UnresolvedAlias(_) => return false,
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::Anchor(..)
            | _ => {}
        }
        true
    }

    fn put(&mut self, node: Node, anchor: usize) -> bool {
        self.made += 1 + size(&node);
        if self.made > MOST {
            return false;
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(Kind::List(all)) => all.push(node),
            Some(Kind::Map(entries, name)) => match name.take() {
                None => match node.value {
                    Yaml::Text(text) => *name = Some(text),
                    Yaml::Empty | Yaml::List(_) | Yaml::Map(_) => return false,
                },
                Some(name) => entries.push((name, node)),
            },
        }
        true
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Yaml::Empty | Yaml::Text(_) => 0,
        Yaml::List(all) => all.iter().map(|node| 1 + size(node)).sum(),
        Yaml::Map(all) => all.iter().map(|(_, node)| 1 + size(node)).sum(),
    }
}

/// Puts what `<<` names below what the map itself says.
fn merged(entries: Vec<(String, Node)>) -> Vec<(String, Node)> {
    let mut own: Vec<(String, Node)> = Vec::new();
    let mut below = Vec::new();
    for (name, node) in entries {
        match (name.as_str(), node.value) {
            ("<<", Yaml::Map(all)) => below.extend(all),
            ("<<", Yaml::List(all)) => {
                below.extend(all.iter().flat_map(|node| node.entries().iter().cloned()));
            }
            (_, value) => {
                // The last of two holds, as for most readers.
                own.retain(|(known, _)| *known != name);
                own.push((name, Node { value, ..node }));
            }
        }
    }
    for (name, node) in below {
        if !own.iter().any(|(known, _)| *known == name) {
            own.push((name, node));
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_lines_and_merges_are_put_together() {
        let text = "base: &b\n  a: 1\n  c: x\nweb:\n  <<: *b\n  a: 2\n  d: [1, two]\n";
        let node = parse(text, "f").expect("it is right");
        let web = node.at("web").expect("there");
        assert_eq!(web.at("a").and_then(Node::text), Some("2"));
        assert_eq!(web.at("c").and_then(Node::text), Some("x"));
        let list = web.at("d").expect("there");
        assert_eq!((list.line, list.texts()), (7, vec!["1".to_owned(), "two".into()]));
    }

    #[test]
    fn json_is_read_and_what_is_wrong_has_its_line() {
        let node =
            parse("{\n\t\"apps\": [{\"name\": \"a\\\"b\", \"n\": 3}]\n}", "f").expect("right");
        let app = &node.at("apps").expect("there").each()[0];
        assert_eq!(app.at("name").and_then(Node::text), Some("a\"b"));
        let error = parse("a: 1\nb: [1\nc: 2\n", "f").expect_err("not closed");
        assert!(error.to_string().starts_with("f:"), "{error}");
    }
}

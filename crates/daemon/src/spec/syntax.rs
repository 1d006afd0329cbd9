//! From the text of a file to a tree of values, each with its place. No value is judged here.

use super::place::{Place, Problem};
use granit_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::BTreeMap;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) value: Value,
}

/// A value, as far as the syntax tells.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Nothing stands there.
    Empty,
    /// What is wrong with it has been told.
    Lost,
    /// A text. What it means, its reader knows.
    Scalar(String),
    List(Vec<Node>),
    /// In order; no name stands twice.
    Map(Vec<(Name, Node)>),
}

/// The name of an entry of a map.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) at: Place,
}

/// The most values that aliases may make of a file: a file is written by people.
const MOST: usize = 1_000_000;

impl Node {
    pub(super) const fn new(at: Place, value: Value) -> Self {
        Self { at, value }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            Value::Empty | Value::Lost | Value::List(_) | Value::Map(_) => None,
        }
    }

    pub(super) fn entries(&self) -> &[(Name, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Empty | Value::Lost | Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    /// Returns the members of a list, or the one value that stands in place of a list.
    pub(super) fn each(&self) -> &[Self] {
        match &self.value {
            Value::List(all) => all,
            Value::Empty | Value::Lost => &[],
            Value::Scalar(_) | Value::Map(_) => std::slice::from_ref(self),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.entry(name).map(|(_, node)| node)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&(Name, Self)> {
        self.entries().iter().find(|(known, _)| known.text == name)
    }

    pub(super) fn set(&mut self, name: Name, node: Self) {
        if let Value::Map(entries) = &mut self.value {
            match entries.iter_mut().find(|(known, _)| known.text == name.text) {
                Some((_, old)) => *old = node,
                None => entries.push((name, node)),
            }
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Value::Map(entries) = &mut self.value {
            entries.retain(|(known, _)| known.text != name);
        }
    }
}

/// Reads a file. What is wrong with its syntax is added to `problems`; what comes after it is lost.
pub(super) fn parse(text: &str, file: u32, problems: &mut Vec<Problem>) -> Option<Node> {
    let mut reader = Reader {
        file,
        text,
        problems,
        stack: Vec::new(),
        anchors: BTreeMap::new(),
        made: 0,
        root: None,
    };
    for next in Parser::new_from_str(text) {
        let (event, span) = match next {
            Ok(next) => next,
            Err(error) => {
                let from = error.marker().byte_offset().unwrap_or(0).min(text.len());
                let at = Place { file, from: from as u32, to: from as u32 };
                reader.wrong(
                    at,
                    format!("this is no YAML: {}", plain(&error)),
                    "",
                    advice(text, from),
                );
                return None;
            }
        };
        reader.take(event, span)?;
    }
    let end = Place { file, from: 0, to: 0 };
    Some(reader.root.unwrap_or_else(|| Node::new(end, Value::Empty)))
}

/// Returns the parser's own message without the position, which is told apart.
fn plain(error: &granit_parser::ScanError) -> String {
    error.info()
}

/// Says what most often is the matter.
fn advice(text: &str, at: usize) -> &'static str {
    let line = text.get(..at).map_or(0, |before| before.matches('\n').count());
    let has_tab = |line: &str| line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
    let near = text.lines().skip(line.saturating_sub(1)).take(2);
    if near.into_iter().any(has_tab) {
        "lines are indented with spaces: a tab cannot stand there"
    } else {
        "the keys of one map begin in the same column, and what belongs to a key further right"
    }
}

struct Reader<'a> {
    file: u32,
    text: &'a str,
    problems: &'a mut Vec<Problem>,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    made: usize,
    root: Option<Node>,
}

/// A list or map that has not ended.
struct Open {
    at: Place,
    anchor: usize,
    made: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map(Map),
}

#[derive(Default)]
struct Map {
    entries: Vec<(Name, Node)>,
    /// The name that waits for its value.
    name: Option<Name>,
    seen: BTreeMap<String, Place>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: Place, text: impl Into<String>, hint: &str, help: &str) {
        let hint = hint.to_owned();
        self.problems.push(Problem { hint, ..Problem::new(at, text, help) });
    }

    fn place(&self, span: &Span) -> Place {
        let range = span.byte_range().unwrap_or(0..0);
        let (from, mut to) = (range.start, range.end);
        if let Some(stretch) = self.text.get(from..to) {
            to = from + stretch.trim_end().len();
        }
        Place { file: self.file, from: from as u32, to: to as u32 }
    }

    /// Takes one event; nothing if reading on makes no sense.
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let at = self.place(&span);
        match event {
            Event::MappingStart(_, anchor, _) => {
                self.open(at, anchor, Kind::Map(Map::default()));
            }
            Event::SequenceStart(_, anchor, _) => self.open(at, anchor, Kind::List(Vec::new())),
            Event::MappingEnd | Event::SequenceEnd => {
                let open = self.stack.pop()?;
                let value = match open.kind {
                    Kind::List(all) => Value::List(all),
                    Kind::Map(map) => Value::Map(map.entries),
                };
                let made = self.made - open.made;
                self.put(Node::new(open.at, value), open.anchor, made)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = matches!(style, ScalarStyle::Plain);
                let is_text = tag.is_some();
                let value = if is_plain
                    && !is_text
                    && matches!(&*text, "" | "~" | "null")
                    && !self.is_key()
                {
                    Value::Empty
                } else {
                    Value::Scalar(text.into_owned())
                };
                self.put(Node::new(at, value), anchor, 0)?;
            }
            Event::Alias(anchor) => {
                let Some((node, made)) = self.anchors.get(&anchor).cloned() else {
                    self.wrong(at, "this alias stands within what it stands for", "", "");
                    return None;
                };
                self.put(node, 0, made)?;
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                self.wrong(
                    at,
                    "a spec file is one document",
                    "",
                    "leave out `---`, or say `include`",
                );
                return None;
            }
            Event::UnresolvedAlias(name) => {
                self.wrong(at, format!("there is no anchor `{name}`"), "", "");
                return None;
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..)
            | _ => {}
        }
        Some(())
    }

    fn open(&mut self, at: Place, anchor: usize, kind: Kind) {
        self.stack.push(Open { at, anchor, made: self.made, kind });
    }

    /// Returns whether what comes next is the name of an entry.
    fn is_key(&self) -> bool {
        matches!(self.stack.last(), Some(Open { kind: Kind::Map(Map { name: None, .. }), .. }))
    }

    fn put(&mut self, node: Node, anchor: usize, within: usize) -> Option<()> {
        self.made += 1 + within;
        if self.made > MOST {
            self.wrong(
                node.at,
                format!("aliases make more than {MOST} values of this file"),
                "",
                "",
            );
            return None;
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), within));
        }
        match self.stack.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(Kind::List(all)) => all.push(node),
            Some(Kind::Map(map)) => match map.name.take() {
                None => {
                    let at = node.at;
                    let Value::Scalar(text) = node.value else {
                        self.wrong(at, "the name of a key is a text", "", "");
                        return None;
                    };
                    map.name = Some(Name { text, at });
                }
                Some(name) => match map.seen.insert(name.text.clone(), name.at) {
                    None => map.entries.push((name, node)),
                    Some(earlier) => {
                        let before = self.text.get(..earlier.from as usize).unwrap_or("");
                        let line = before.matches('\n').count() + 1;
                        let text = format!("the key `{}` stands here twice", name.text);
                        let hint = format!("first in line {line}");
                        self.wrong(name.at, text, &hint, "leave one of them out");
                    }
                },
            },
        }
        Some(())
    }
}

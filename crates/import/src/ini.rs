//! Files of sections with keys, as Python's `configparser` reads them.

use crate::ImportError;
use crate::given::{Given, Id};
use crate::report::Place;
use std::collections::BTreeMap;

/// One section, with its keys in order.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    /// The last one of each name holds.
    pub(crate) keys: BTreeMap<String, Id>,
    pub(crate) place: Place,
}

/// How a file marks comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comments {
    /// `;` and `#` begin a line, and behind a space they end a value.
    Inline,
    /// `;` and `#` begin a line.
    Lines,
}

impl Section {
    pub(crate) fn id(&self, key: &str) -> Option<Id> {
        self.keys.get(key).copied()
    }

    pub(crate) fn value<'a>(&self, given: &'a Given, key: &str) -> Option<&'a str> {
        self.id(key).map(|id| given.value(id))
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> {
        self.keys.values().copied()
    }
}

/// Reads a file, and adds what is in it to the sections that are known already.
pub(crate) fn read(
    text: &str,
    file: &str,
    comments: Comments,
    given: &mut Given,
    sections: &mut Vec<Section>,
) -> Result<(), ImportError> {
    let mut last: Option<(usize, String, String, usize)> = None;
    let mut current: Option<usize> = None;
    let place = |line| Place { file: file.to_owned(), line };
    let mut flush = |last: &mut Option<(usize, String, String, usize)>,
                     sections: &mut Vec<Section>| {
        let Some((at, key, value, line)) = last.take() else { return };
        let Some(section) = sections.get_mut(at) else { return };
        let id = given.add(place(line), section.name.as_str(), key.as_str(), value.trim_end());
        if let Some(earlier) = section.keys.insert(key, id) {
            given.changed(earlier, format!("line {line} says it again, and that holds"));
        }
    };
    for (number, raw) in text.lines().enumerate() {
        let line = number + 1;
        let trimmed = raw.trim();
        if trimmed.is_empty() || trimmed.starts_with([';', '#']) {
            continue;
        }
        let value_of = |text: &str| match comments {
            Comments::Inline => without_comment(text).trim().to_owned(),
            Comments::Lines => text.trim().to_owned(),
        };
        if raw.starts_with(char::is_whitespace)
            && let Some((_, _, value, _)) = &mut last
        {
            value.push('\n');
            value.push_str(&value_of(trimmed));
            continue;
        }
        flush(&mut last, sections);
        if let Some(inner) = trimmed.strip_prefix('[') {
            let Some((name, _)) = inner.split_once(']') else {
                let text = "a section is `[NAME]`: the bracket is not closed".into();
                return Err(ImportError::Wrong { place: place(line), text });
            };
            let known = sections.iter().position(|section| section.name == name);
            current = Some(known.unwrap_or_else(|| {
                let keys = BTreeMap::new();
                sections.push(Section { name: name.into(), keys, place: place(line) });
                sections.len() - 1
            }));
            continue;
        }
        let Some((key, value)) = trimmed.split_once(['=', ':']) else {
            let text = format!("`{trimmed}` is neither a section nor `key = value`");
            return Err(ImportError::Wrong { place: place(line), text });
        };
        let Some(at) = current else {
            let text = format!("`{}` stands before the first `[section]`", key.trim());
            return Err(ImportError::Wrong { place: place(line), text });
        };
        last = Some((at, key.trim().to_ascii_lowercase(), value_of(value), line));
    }
    flush(&mut last, sections);
    Ok(())
}

fn without_comment(text: &str) -> &str {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if matches!(c, ';' | '#') && before.is_whitespace() {
            return &text[..at];
        }
        before = c;
    }
    text
}

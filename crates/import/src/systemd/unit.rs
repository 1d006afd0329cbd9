//! Unit files: sections with keys that may stand several times, drop-ins, instances.

use crate::ImportError;
use crate::given::{Given, Id};
use crate::report::Place;

/// One unit, with the lines of its drop-ins behind its own.
#[derive(Debug)]
pub(super) struct Unit {
    /// `web@one.service`.
    pub(super) name: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    section: String,
    key: String,
    id: Id,
}

impl Unit {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), lines: Vec::new() }
    }

    /// Returns what stands behind the last dot.
    pub(super) fn kind(&self) -> &str {
        self.name.rsplit_once('.').map_or("", |(_, kind)| kind)
    }

    /// Returns the name without the kind.
    pub(super) fn stem(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(stem, _)| stem)
    }

    /// Reads a file of the unit.
    pub(super) fn read(
        &mut self,
        text: &str,
        file: &str,
        given: &mut Given,
    ) -> Result<(), ImportError> {
        let place = |line| Place { file: file.to_owned(), line };
        let mut section = String::new();
        let mut open: Option<(usize, String)> = None;
        for (number, raw) in text.lines().enumerate() {
            let number = number + 1;
            let trimmed = raw.trim();
            // Comments and empty lines within a continued line are skipped; an empty one ends nothing.
            if trimmed.starts_with(['#', ';']) || (trimmed.is_empty() && open.is_none()) {
                continue;
            }
            let (first, line) = match open.take() {
                Some((first, before)) => (first, format!("{before} {trimmed}")),
                None => (number, trimmed.to_owned()),
            };
            if let Some(before) = line.strip_suffix('\\') {
                open = Some((first, before.trim_end().to_owned()));
                continue;
            }
            self.line(&line, &place(first), &mut section, given)?;
        }
        match open {
            Some((first, line)) => self.line(&line, &place(first), &mut section, given),
            None => Ok(()),
        }
    }

    fn line(
        &mut self,
        line: &str,
        place: &Place,
        section: &mut String,
        given: &mut Given,
    ) -> Result<(), ImportError> {
        let wrong = |text: String| ImportError::Wrong { place: place.clone(), text };
        if let Some(inner) = line.strip_prefix('[') {
            let name = inner.strip_suffix(']');
            *section = name.ok_or_else(|| wrong("a section is `[NAME]`".into()))?.to_owned();
            return Ok(());
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(wrong(format!("`{line}` is neither a section nor `Key=value`")));
        };
        if section.is_empty() {
            return Err(wrong(format!("`{}` stands before the first `[Section]`", key.trim())));
        }
        let key = key.trim().to_owned();
        let id = given.add(place.clone(), section.as_str(), key.as_str(), value.trim());
        self.lines.push(Line { section: section.clone(), key, id });
        Ok(())
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        self.lines.iter().map(|line| line.id)
    }

    /// Returns all lines with their section and key.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&str, &str, Id)> {
        self.lines.iter().map(|line| (line.section.as_str(), line.key.as_str(), line.id))
    }

    /// Returns the line that holds of a key that takes one value; those before it are judged.
    pub(super) fn last(&self, key: &str, given: &mut Given) -> Option<Id> {
        let mut all: Vec<Id> =
            self.lines.iter().filter(|line| line.key == key).map(|line| line.id).collect();
        let last = all.pop()?;
        for id in all {
            given.kept(id, "a later line holds instead, as there");
        }
        if given.value(last).is_empty() {
            given.kept(last, "empty: the default holds");
            return None;
        }
        Some(last)
    }

    /// Returns the value of a key, without judging it.
    pub(super) fn peek<'a>(&self, key: &str, given: &'a Given) -> Option<&'a str> {
        let found = self.lines.iter().rev().find(|line| line.key == key)?;
        Some(given.value(found.id)).filter(|value| !value.is_empty())
    }

    /// Returns the lines that hold of a key that takes several; an empty one lets go of those before it.
    pub(super) fn all(&self, key: &str, given: &mut Given) -> Vec<Id> {
        let mut held: Vec<Id> = Vec::new();
        for line in self.lines.iter().filter(|line| line.key == key) {
            if given.value(line.id).is_empty() {
                given.kept(line.id, "empty: nothing of what stands before it holds");
                for id in held.drain(..) {
                    given.kept(id, "a later empty line lets go of it, as there");
                }
            } else {
                held.push(line.id);
            }
        }
        held
    }
}

/// The names that specifiers stand for.
#[derive(Clone, Debug)]
pub(super) struct Specifiers {
    name: String,
    instance: Option<String>,
}

impl Specifiers {
    pub(super) fn new(name: &str, instance: Option<&str>) -> Self {
        Self { name: name.into(), instance: instance.map(Into::into) }
    }

    /// Replaces `%n` and the like; the character that stands for nothing here is the error.
    pub(super) fn fill(&self, text: &str) -> Result<String, char> {
        if !text.contains('%') {
            return Ok(text.to_owned());
        }
        let stem = self.name.rsplit_once('.').map_or(self.name.as_str(), |(stem, _)| stem);
        let prefix = stem.split_once('@').map_or(stem, |(prefix, _)| prefix);
        let instance = self.instance.as_deref().unwrap_or("");
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => out.push('%'),
                Some('n') => out.push_str(&self.name),
                Some('N') => out.push_str(stem),
                Some('p') => out.push_str(prefix),
                Some('P') => out.push_str(&unescaped(prefix)),
                Some('i') => out.push_str(instance),
                Some('I') => out.push_str(&unescaped(instance)),
                Some('j') => out.push_str(prefix.rsplit('-').next().unwrap_or(prefix)),
                Some('J') => out.push_str(&unescaped(prefix.rsplit('-').next().unwrap_or(prefix))),
                Some('f') => {
                    let part = if instance.is_empty() { prefix } else { instance };
                    let path = unescaped(part);
                    out.push_str(&format!("/{}", path.trim_start_matches('/')));
                }
                Some('t') => out.push_str("/run"),
                Some('S') => out.push_str("/var/lib"),
                Some('C') => out.push_str("/var/cache"),
                Some('L') => out.push_str("/var/log"),
                Some('E') => out.push_str("/etc"),
                Some('T') => out.push_str("/tmp"),
                Some('V') => out.push_str("/var/tmp"),
                Some('h') => out.push_str("/root"),
                Some('u' | 'g') => out.push_str("root"),
                Some('U' | 'G') => out.push('0'),
                Some(other) => return Err(other),
                None => return Err('%'),
            }
        }
        Ok(out)
    }
}

/// Reverses what `systemd-escape` does.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let code =
            rest.strip_prefix("\\x").and_then(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok());
        match (c, code) {
            (_, Some(code)) => {
                out.push(char::from(code));
                rest = &rest[4..];
            }
            (c, None) => {
                out.push(if c == '-' { '/' } else { c });
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_stand_for_names_and_folders() {
        let words = Specifiers::new("web@a-b.service", Some("a-b"));
        for (text, expected) in [
            ("%n %N %p %i %I", "web@a-b.service web@a-b web a-b a/b"),
            ("%t/%p %S %% %f", "/run/web /var/lib % /a/b"),
        ] {
            assert_eq!(words.fill(text).as_deref(), Ok(expected));
        }
        assert_eq!(words.fill("%H"), Err('H'));
        assert_eq!(unescaped("dev-disk\\x2dby"), "dev/disk-by");
    }

    #[test]
    fn lines_go_on_and_empty_ones_reset() {
        let mut given = Given::default();
        let mut unit = Unit::new("a.service");
        let text = "# c\n[Service]\nExecStart=/bin/a \\\n# c\n  \
            -b\nEnvironment=A=1\nEnvironment=\nEnvironment=B=2\n";
        unit.read(text, "a.service", &mut given).expect("it is right");
        let start = unit.last("ExecStart", &mut given).expect("there");
        assert_eq!(given.value(start), "/bin/a -b");
        assert_eq!(given.place(start).line, 3);
        let all = unit.all("Environment", &mut given);
        assert_eq!(all.iter().map(|id| given.value(*id)).collect::<Vec<_>>(), ["B=2"]);
        assert!(unit.read("x\n", "a", &mut given).is_err());
        assert!(unit.read("x=1\n", "a", &mut given).is_err());
    }
}

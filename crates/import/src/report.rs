//! What became of every key of the input.

use std::fmt;

/// Where something stands in the input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1 on; 0 where a file has no lines.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// What became of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It means the same; this is what it became.
    Kept(String),
    /// It is there, and means something else; this is what.
    Changed(String),
    /// It has no effect; this is why, and what to do about it.
    Lost(String),
}

impl Verdict {
    /// Returns what is said about it.
    pub fn text(&self) -> &str {
        match self {
            Self::Kept(text) | Self::Changed(text) | Self::Lost(text) => text,
        }
    }

    pub(crate) const fn rank(&self) -> u8 {
        match self {
            Self::Kept(_) => 0,
            Self::Changed(_) => 1,
            Self::Lost(_) => 2,
        }
    }
}

/// One key of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it stands.
    pub place: Place,
    /// In what it stands: a section, or the path of a map.
    pub section: String,
    /// Its name.
    pub key: String,
    /// What it was set to.
    pub value: String,
    /// The child that it is about; nothing if it is about all of them.
    pub child: Option<String>,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of every key of the input, in the order in which they stand there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Whose files were read, or which are written.
    pub neighbour: String,
    /// How many processes there are.
    pub children: usize,
    /// Each key once.
    pub items: Vec<Item>,
}

impl Report {
    /// Returns the items that mean the same.
    pub fn kept(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| matches!(item.verdict, Verdict::Kept(_)))
    }

    /// Returns the items that mean something else.
    pub fn changed(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| matches!(item.verdict, Verdict::Changed(_)))
    }

    /// Returns the items that have no effect.
    pub fn lost(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| matches!(item.verdict, Verdict::Lost(_)))
    }

    /// Returns the first line of the report: how much there is of each.
    pub fn summary(&self) -> String {
        let children = match self.children {
            1 => "1 process".to_owned(),
            many => format!("{many} processes"),
        };
        format!(
            "{}: {children}; {} kept, {} changed in meaning, {} not honoured",
            self.neighbour,
            self.kept().count(),
            self.changed().count(),
            self.lost().count()
        )
    }
}

/// The report for people. Items of one verdict about which the same is said stand together.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary())?;
        let parts: [(&str, Vec<&Item>); 3] = [
            ("Not honoured", self.lost().collect()),
            ("Changed in meaning", self.changed().collect()),
            ("Kept", self.kept().collect()),
        ];
        for (heading, items) in parts {
            if items.is_empty() {
                continue;
            }
            writeln!(f, "\n{heading}")?;
            let mut texts: Vec<&str> = Vec::new();
            for item in &items {
                if !texts.contains(&item.verdict.text()) {
                    texts.push(item.verdict.text());
                }
            }
            for text in texts {
                for item in items.iter().filter(|item| item.verdict.text() == text) {
                    writeln!(f, "  {}: {}", item.place, shown(item))?;
                }
                for line in wrapped(text, 96) {
                    writeln!(f, "      {line}")?;
                }
            }
        }
        Ok(())
    }
}

/// Returns `[section] key = value`, with a long value cut.
fn shown(item: &Item) -> String {
    let value = item.value.replace('\n', " ");
    let short: String = value.chars().take(60).collect();
    let value = if short.len() < value.len() { format!("{short}...") } else { short };
    let key = match value.as_str() {
        "" => item.key.clone(),
        value => format!("{} = {value}", item.key),
    };
    if item.section.is_empty() { key } else { format!("[{}] {key}", item.section) }
}

/// Breaks a text into lines of at most so many characters, at spaces.
pub(crate) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > most {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

//! Where something stands in a file, and what is wrong there.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// A stretch of text in one of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: u32,
    /// In bytes.
    pub(super) from: u32,
    pub(super) to: u32,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// How it is called in messages.
    pub(super) shown: String,
    pub(super) text: String,
}

/// The files that were read, in that order.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    /// Adds a file. Paths below the folder `near` are shown without it.
    pub(super) fn add(&mut self, path: PathBuf, near: &Path, text: String) -> u32 {
        let shown = path.strip_prefix(near).unwrap_or(&path).display().to_string();
        self.0.push(Source { path, shown, text });
        self.0.len() as u32 - 1
    }

    pub(super) fn get(&self, file: u32) -> Option<&Source> {
        self.0.get(file as usize)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|source| source.path.as_path())
    }

    /// Returns the folder of the file in which something stands.
    pub(super) fn folder(&self, place: Place) -> &Path {
        self.get(place.file)
            .and_then(|source| source.path.parent())
            .unwrap_or_else(|| Path::new("/"))
    }

    /// Returns `file:line:column` of a place.
    pub(super) fn name(&self, place: Place) -> String {
        let Some(source) = self.get(place.file) else { return String::new() };
        let (line, column) = source.position(place.from as usize);
        format!("{}:{line}:{column}", source.shown)
    }
}

impl Source {
    /// Returns the line and the column of a byte, both from 1 on; columns are characters.
    fn position(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    pub(super) at: Option<Place>,
    pub(super) text: String,
    /// What stands behind the caret: most often a suggestion.
    pub(super) hint: String,
    /// What is allowed, or what to do.
    pub(super) help: String,
    /// Whether a secret may stand there, so that the line is not shown.
    pub(super) is_secret: bool,
}

impl Problem {
    pub(super) fn new(at: Place, text: impl Into<String>, help: impl Into<String>) -> Self {
        let (text, help) = (text.into(), help.into());
        Self { at: Some(at), text, hint: String::new(), help, is_secret: false }
    }

    /// Returns a problem that no file has a place for.
    pub(super) fn placeless(text: impl Into<String>, help: impl Into<String>) -> Self {
        let (text, help) = (text.into(), help.into());
        Self { at: None, text, hint: String::new(), help, is_secret: false }
    }
}

/// Everything that is wrong with a spec file.
///
/// `Display` shows each with its line and a caret; [`coloured`](Self::coloured) does so for a terminal.
#[derive(Clone)]
pub struct SpecProblems {
    problems: BTreeSet<Problem>,
    sources: Sources,
}

impl SpecProblems {
    pub(super) const fn new(problems: BTreeSet<Problem>, sources: Sources) -> Self {
        Self { problems, sources }
    }

    /// Returns each in one line: `mainstay.yaml:4:5: there is no key ...`.
    pub fn details(&self) -> Vec<String> {
        let line = |problem: &Problem| {
            let mut line =
                problem.at.map_or_else(String::new, |at| format!("{}: ", self.sources.name(at)));
            line.push_str(&problem.text);
            for more in [&problem.hint, &problem.help] {
                if !more.is_empty() {
                    line.push_str("; ");
                    line.push_str(more);
                }
            }
            line
        };
        self.problems.iter().map(line).collect()
    }

    /// Returns all of it with colours.
    pub fn coloured(&self) -> String {
        self.shown(&Paint {
            error: "\x1b[1;31m",
            bold: "\x1b[1m",
            rule: "\x1b[1;34m",
            off: "\x1b[0m",
        })
    }

    /// Returns the files that were read until then.
    pub fn sources(&self) -> Vec<PathBuf> {
        self.sources.paths().map(Path::to_path_buf).collect()
    }

    fn shown(&self, paint: &Paint) -> String {
        let each = self.problems.iter().map(|problem| self.one(problem, paint));
        each.collect::<Vec<_>>().join("\n")
    }

    fn one(&self, problem: &Problem, paint: &Paint) -> String {
        let Paint { error, bold, rule, off } = paint;
        let mut text = format!("{error}error{off}{bold}: {}{off}\n", problem.text);
        let found = problem.at.and_then(|at| Some((at, self.sources.get(at.file)?)));
        if let Some((at, source)) = found {
            let (line, column) = source.position(at.from as usize);
            let mut written = source.text.lines().nth(line - 1).unwrap_or("").to_owned();
            let gutter = " ".repeat(line.to_string().len());
            let length = source.text.get(at.from as usize..at.to as usize).map_or(1, |stretch| {
                stretch.lines().next().unwrap_or("").trim_end().chars().count()
            });
            if problem.is_secret {
                written = written.chars().take(column - 1).chain("***".chars()).collect();
            }
            let length = if problem.is_secret { 3 } else { length };
            let carets = "^".repeat(length.max(1));
            let lead = indent(&written, column - 1);
            let hint = if problem.hint.is_empty() { "" } else { " " };
            text += &format!("{gutter}{rule}-->{off} {}:{line}:{column}\n", source.shown);
            text += &format!("{gutter} {rule}|{off}\n");
            text += &format!("{rule}{line} |{off} {}\n", visible(&written));
            text += &format!(
                "{gutter} {rule}|{off} {lead}{error}{carets}{hint}{}{off}\n",
                problem.hint
            );
        } else if !problem.hint.is_empty() {
            text += &format!("  {rule}={off} {}\n", problem.hint);
        }
        if !problem.help.is_empty() {
            let gutter = found
                .map_or(1, |(at, source)| source.position(at.from as usize).0.to_string().len());
            text += &format!("{} {rule}={off} {}\n", " ".repeat(gutter), problem.help);
        }
        text
    }
}

/// Returns the space below the first characters of a line.
fn indent(line: &str, columns: usize) -> String {
    line.chars().take(columns).map(|c| if c == '\t' { '\t' } else { ' ' }).collect()
}

/// Returns a line without what would move a terminal's cursor.
fn visible(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

struct Paint {
    error: &'static str,
    bold: &'static str,
    rule: &'static str,
    off: &'static str,
}

impl fmt::Display for SpecProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(&Paint { error: "", bold: "", rule: "", off: "" }))
    }
}

impl fmt::Debug for SpecProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.details()).finish()
    }
}

impl std::error::Error for SpecProblems {}

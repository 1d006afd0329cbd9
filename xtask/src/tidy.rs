//! Checks what the compiler and clippy leave alone: sizes, leftovers, links, headers and words.
//!
//! It reads the files of this workspace and never changes one. Each rule says what to do instead.

mod lex;
mod markdown;
mod rust;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// The texts of the workspace by path from its root, with `/` between folders on every system.
///
/// A file that is not text is there with an empty text: links may point at it.
type Tree = BTreeMap<String, String>;

/// One thing to mend.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    weight: Weight,
    /// What is wrong and what to do about it.
    what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// Fails the check.
    Error,
    /// Is said, and nothing more.
    Warning,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = match self.weight {
            Weight::Error => "",
            Weight::Warning => "warning: ",
        };
        write!(f, "{}:{}: {note}{}", self.path, self.line, self.what)
    }
}

/// Runs `cargo xtask tidy`.
pub(crate) fn command() -> ExitCode {
    let mut tree = Tree::new();
    if let Err(error) = read(&crate::root(), "", &mut tree) {
        eprintln!("error: cannot read the workspace: {error}");
        return ExitCode::FAILURE;
    }
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| finding.weight == Weight::Error).count();
    if errors > 0 {
        eprintln!("error: {errors} to mend in {} files", tree.len());
        return ExitCode::FAILURE;
    }
    println!("{} files are tidy", tree.len());
    ExitCode::SUCCESS
}

/// Returns everything there is to mend, in order of path and line.
fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let anchors = markdown::anchors(tree);
    for (path, text) in tree {
        let mut note = |line, weight, what| {
            findings.push(Finding { path: path.clone(), line, weight, what });
        };
        if path.ends_with(".rs") {
            let source = lex::split(text);
            rust::check(path, text, &source, &mut note);
            words::check(path, &source.code, &mut note);
        } else if path.ends_with(".md") {
            markdown::check(path, text, tree, &anchors, &mut note);
        }
    }
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    findings
}

/// Reads `folder`, which is `prefix` below the root, leaving out what git and build tools keep.
fn read(folder: &Path, prefix: &str, tree: &mut Tree) -> io::Result<()> {
    // A build folder that cargo made marks itself with this file, whatever it is called.
    if folder.join("CACHEDIR.TAG").exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            if ![".git", "node_modules", "target"].contains(&name) {
                read(&entry.path(), &format!("{path}/"), tree)?;
            }
        } else if name.ends_with(".rs") || name.ends_with(".md") {
            tree.insert(path, fs::read_to_string(entry.path())?);
        } else {
            tree.insert(path, String::new());
        }
    }
    Ok(())
}

/// Returns the number of the line that holds this byte of `text`, from 1.
fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the tree made of these files and compares what is printed, line for line.
    #[track_caller]
    pub(super) fn expect(files: &[(&str, &str)], expected: &[&str]) {
        let tree = files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
        let printed: Vec<String> = check(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(printed, expected);
    }

    #[test]
    fn findings_come_in_order_of_path_and_line() {
        expect(
            &[
                ("b.md", "[gone](gone.md)\n"),
                ("a/src/lib.rs", "//! A.\nfn b() { todo!() }\n#[ignore]\nfn a() {}\n"),
            ],
            &[
                "a/src/lib.rs:2: unfinished: write it, or leave the path out until it is wanted",
                "a/src/lib.rs:3: a test switched off proves nothing: mend it or remove it",
                "b.md:1: `gone.md` does not exist: mend the link",
            ],
        );
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(line_at("a\nb\n", 0), 1);
        assert_eq!(line_at("a\nb\n", 2), 2);
    }
}

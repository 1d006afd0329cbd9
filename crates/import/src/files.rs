//! Where texts come from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files that an importer may look at. [`Disk`] has those of the machine.
pub trait Files {
    /// Returns the text of a file; bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    fn text(&self, path: &Path) -> io::Result<String>;

    /// Returns the names in a folder, sorted.
    ///
    /// # Errors
    ///
    /// When it is no folder, or cannot be read.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Returns whether there is a file or a folder.
    fn exists(&self, path: &Path) -> bool;

    /// Returns whether it is a folder.
    fn is_folder(&self, path: &Path) -> bool;

    /// Returns the path from the root of the file system on, by the folder that this program is in.
    fn whole(&self, path: &Path) -> PathBuf {
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    }
}

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn text(&self, path: &Path) -> io::Result<String> {
        fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }
}

/// Returns the files that a pattern names, sorted: `*` and `?` stand in any part of it.
pub(crate) fn matching(files: &dyn Files, pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let part = part.as_os_str().to_string_lossy();
        let mut next = Vec::new();
        for folder in found {
            if !part.contains(['*', '?']) {
                next.push(folder.join(&*part));
                continue;
            }
            let here = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
            let names = files.names(here).unwrap_or_default();
            let fits = |name: &String| !name.starts_with('.') && matches(&part, name);
            next.extend(names.iter().filter(|name| fits(name)).map(|name| folder.join(name)));
        }
        found = next;
    }
    found.retain(|path| files.exists(path) && !files.is_folder(path));
    found
}

fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.chars().next(), name.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            matches(&pattern[1..], name)
                || name.chars().next().is_some_and(|c| matches(pattern, &name[c.len_utf8()..]))
        }
        (Some('?'), Some(c)) => matches(&pattern[1..], &name[c.len_utf8()..]),
        (Some(a), Some(b)) if a == b => matches(&pattern[a.len_utf8()..], &name[b.len_utf8()..]),
        (Some(_), _) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_are_matched_whole() {
        for (pattern, name) in [("*.ini", "a.ini"), ("a?c", "abc"), ("*", ""), ("*b*", "abc")] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.ini", "a.ini.old"), ("a?c", "ac"), ("a", "ab")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}

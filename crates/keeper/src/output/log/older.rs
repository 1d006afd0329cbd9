//! The older files of a log: `a.log.1` is the newest of them, compressed ones end in `.gz`.

use crate::output::board::lock;
use rustix::io::Errno;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The names of the older files of one log. Whoever renames them holds the lock: the pump when it begins
/// a new file, the compressor when it puts a compressed one in place.
#[derive(Clone, Debug, Default)]
pub(in crate::output) struct Older {
    names: Arc<Mutex<()>>,
}

/// Returns the name of an older file.
pub(in crate::output) fn plain(path: &Path, number: u32) -> PathBuf {
    with_suffix(path, &format!(".{number}"))
}

/// Returns its name when it is compressed.
pub(in crate::output) fn compressed(path: &Path, number: u32) -> PathBuf {
    with_suffix(path, &format!(".{number}.gz"))
}

/// Returns where a compressed file is written before it has a number.
pub(in crate::output) fn unfinished(path: &Path) -> PathBuf {
    with_suffix(path, ".gz.tmp")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

impl Older {
    /// Runs something while no name changes.
    pub(in crate::output) fn hold<T>(&self, work: impl FnOnce() -> T) -> T {
        let _names = lock(&self.names);
        work()
    }

    /// Makes the log's file the newest of the older ones; those beyond `keep` go. The moves begin at the
    /// oldest, so that a crash between two of them leaves a gap and never takes a file's place.
    pub(in crate::output) fn shift(&self, path: &Path, keep: u32) -> io::Result<()> {
        self.hold(|| {
            if keep == 0 {
                return Ok(rustix::fs::unlink(path)?);
            }
            let gap = (1..=keep).find(|number| {
                !exists(&plain(path, *number)) && !exists(&compressed(path, *number))
            });
            let last = gap.unwrap_or(keep);
            if gap.is_none() {
                remove(&plain(path, keep))?;
                remove(&compressed(path, keep))?;
            }
            for number in (1..last).rev() {
                let (from, to) = (compressed(path, number), compressed(path, number + 1));
                if rename(&from, &to)? {
                    // A crash came between the two names of one file: the compressed one is complete.
                    remove(&plain(path, number))?;
                } else {
                    rename(&plain(path, number), &plain(path, number + 1))?;
                }
            }
            rustix::fs::rename(path, plain(path, 1))?;
            // What an earlier, longer `keep` has left.
            let mut beyond = keep + 1;
            while remove(&plain(path, beyond))? | remove(&compressed(path, beyond))? {
                beyond += 1;
            }
            Ok(())
        })
    }
}

fn exists(path: &Path) -> bool {
    rustix::fs::lstat(path).is_ok()
}

fn rename(from: &Path, to: &Path) -> io::Result<bool> {
    there(rustix::fs::rename(from, to))
}

pub(in crate::output) fn remove(path: &Path) -> io::Result<bool> {
    there(rustix::fs::unlink(path))
}

/// Returns whether the file was there.
fn there(result: rustix::io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn check(before: &[&str], keep: u32, after: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        for name in before {
            fs::write(folder.path().join(name), name).expect("written");
        }
        Older::default().shift(&folder.path().join("a"), keep).expect("shifted");
        let mut found: Vec<String> = fs::read_dir(folder.path())
            .expect("read")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let was = fs::read_to_string(entry.path()).expect("read");
                format!("{was}>{}", entry.file_name().display())
            })
            .collect();
        found.sort();
        assert_eq!(found, after, "{before:?} keeping {keep}");
    }

    #[test]
    fn files_move_up_and_the_oldest_go() {
        check(&["a"], 3, &["a>a.1"]);
        check(&["a", "a.1", "a.2.gz"], 3, &["a.1>a.2", "a.2.gz>a.3.gz", "a>a.1"]);
        check(&["a", "a.1", "a.2.gz"], 2, &["a.1>a.2", "a>a.1"]);
        check(&["a", "a.1", "a.3"], 3, &["a.1>a.2", "a.3>a.3", "a>a.1"]);
        check(&["a", "a.1", "a.1.gz"], 3, &["a.1.gz>a.2.gz", "a>a.1"]);
        check(&["a", "a.1", "a.2", "a.3", "a.4.gz"], 1, &["a>a.1"]);
        check(&["a", "a.1"], 0, &["a.1>a.1"]);
    }
}

//! Where it is, and running programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Returns the folder that was named. A machine without one does not fail: CI names it, and making it takes minutes.
pub(crate) fn dist() -> Option<PathBuf> {
    let named = std::env::var_os("MAINSTAY_DIST").map(PathBuf::from);
    if named.is_none() {
        let text =
            "skipped: nothing was made; `cargo xtask release --quick`, then MAINSTAY_DIST=FOLDER";
        std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes())
            .expect("said");
    }
    named
}

/// Returns the one file whose name ends so.
pub(crate) fn the(dist: &Path, end: &str) -> PathBuf {
    let entries = fs::read_dir(dist).expect("MAINSTAY_DIST names a folder");
    let mut found = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(end));
    let file = found.next().unwrap_or_else(|| panic!("no *{end} in {}", dist.display()));
    assert_eq!(found.next(), None, "one of them");
    file
}

/// Unpacks the tarball.
pub(crate) fn unpacked(dist: &Path) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    run(Command::new("tar").arg("-xzf").arg(the(dist, ".tar.gz")).arg("-C").arg(folder.path()));
    folder
}

/// Runs a program to its end, which must be a good one.
pub(crate) fn run(command: &mut Command) {
    printed(command);
}

/// The same, and returns what it printed.
pub(crate) fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let [said, complained] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{command:?}: {}\n{said}\n{complained}", output.status);
    said
}

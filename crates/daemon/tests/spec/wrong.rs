//! What is said about files that are wrong, word for word.
//!
//! Each file in `wrong/` has a text beside it with what is said about it. With `MAINSTAY_BLESS=1` the texts are written
//! anew.

use crate::support::{bad, environment};
use mainstay_daemon::spec::load_text;
use std::path::Path;

#[test]
fn every_diagnostic_reads_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec/wrong");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        count += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap();
        let said = match load_text(&text, &Path::new("/spec").join(name), &environment, None) {
            Ok(_) => panic!("{} is accepted", path.display()),
            Err(problems) => problems.to_string(),
        };
        let golden = path.with_extension("txt");
        if std::env::var_os("MAINSTAY_BLESS").is_some() {
            std::fs::write(&golden, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(said, expected, "{}", path.display());
        assert!(!said.contains("hush"), "a secret is told: {said}");
    }
    assert!(count >= 20, "{count} files");
}

#[test]
fn colours_and_lines_say_the_same() {
    let problems = bad("children:\n  web:\n    command: x\n    restrat: never\n");
    let plain = problems.to_string();
    let mut coloured = problems.coloured();
    assert!(coloured.contains("\x1b[1;31merror\x1b[0m"), "{coloured:?}");
    for code in ["\x1b[1;31m", "\x1b[1m", "\x1b[1;34m", "\x1b[0m"] {
        coloured = coloured.replace(code, "");
    }
    assert_eq!(coloured, plain);
    let expected = "mainstay.yaml:4:5: `restrat` is no key of a process; did you mean `restart`?";
    assert_eq!(problems.details(), [expected]);
}

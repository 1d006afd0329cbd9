//! The commands that need no daemon: spec files, journals, policies in virtual time.

use crate::fake::mainstay;
use crate::golden::{compare, page};
use std::path::PathBuf;
use std::process::Output;

/// A folder with files, in which commands are typed.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        mainstay(&self.path("none"), arguments).env("COLUMNS", "100").output().unwrap()
    }

    /// Runs each command and compares all that is seen with one file.
    #[track_caller]
    fn expect(&self, name: &str, commands: &[&[&str]]) {
        let seen: String =
            commands.iter().map(|arguments| page(arguments, &self.run(arguments))).collect();
        compare(name, &seen.replace(&self.0.path().display().to_string(), "FOLDER"));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.into()).unwrap()
}

const RIGHT: &str =
    "name: shop\nchildren:\n  web:\n    command: ./serve\n    restart: on-failure\n";
const WARNED: &str = "name: shop\nchildren:\n  web: {command: ./serve, holdoff: 0s}\n";
const WRONG: &str = "children:\n  web:\n    comand: ./serve\n    restart: allways\n";

#[test]
fn spec_files_are_checked() {
    let folder =
        Folder::new(&[("mainstay.yaml", RIGHT), ("warned.yaml", WARNED), ("wrong.yaml", WRONG)]);
    folder.expect(
        "check.txt",
        &[
            &["check"],
            &["check", "warned.yaml"],
            &["check", "warned.yaml", "--strict", "-q"],
            &["check", "wrong.yaml"],
            &["check", "wrong.yaml", "--json"],
            &["check", "--color", "always"],
            &["check", "missing.yaml"],
        ],
    );
    let checked: serde_json::Value =
        serde_json::from_slice(&folder.run(&["check", "--json"]).stdout).unwrap();
    assert_eq!((&checked["ok"], &checked["name"]), (&true.into(), &"shop".into()));
    let empty = Folder::new(&[]);
    let output = empty.run(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("begin one with `mainstay init`"));
}

#[test]
fn a_spec_file_is_begun_and_never_lost() {
    let folder = Folder::new(&[]);
    assert!(folder.run(&["init"]).status.success());
    let written = std::fs::read_to_string(folder.path("mainstay.yaml")).unwrap();
    assert_eq!(written, text(&folder.run(&["init", "-"]).stdout));
    assert_eq!(folder.run(&["check", "--strict", "-q"]).status.code(), Some(0), "it is right");
    std::fs::write(folder.path("mainstay.yaml"), "mine").unwrap();
    let output = folder.run(&["init"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is there already"));
    assert_eq!(std::fs::read_to_string(folder.path("mainstay.yaml")).unwrap(), "mine");
    assert!(folder.run(&["init", "--force"]).status.success());
    assert_eq!(std::fs::read_to_string(folder.path("mainstay.yaml")).unwrap(), written);
}

#[test]
fn the_schema_and_the_demo_are_printed() {
    let folder = Folder::new(&[]);
    let schema: serde_json::Value =
        serde_json::from_slice(&folder.run(&["schema"]).stdout).unwrap();
    assert!(schema["properties"]["children"].is_object());
    std::fs::write(folder.path("demo.yaml"), folder.run(&["demo", "--print"]).stdout).unwrap();
    let output = folder.run(&["check", "demo.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn policies_are_played() {
    let folder = Folder::new(&[("mainstay.yaml", RIGHT)]);
    folder.expect(
        "simulate.txt",
        &[
            &["simulate", "--dies-after", "3s", "--times", "20"],
            &["simulate", "--preset", "systemd", "--dies-after", "0s", "--against", "kubernetes"],
            &["simulate", "web", "--file", "mainstay.yaml", "--dies-after", "3s,1m", "--exit", "0"],
            &["simulate", "wbe", "--file", "mainstay.yaml", "--dies-after", "3s"],
            &["simulate", "--preset", "sytemd", "--dies-after", "3s"],
            &["simulate", "--dies-after", "3s", "--exit", "loudly"],
            &["simulate"],
        ],
    );
    let output = folder.run(&["simulate", "--dies-after", "3s", "--against", "systemd", "--json"]);
    assert_eq!(text(&output.stdout).lines().count(), 2, "one line for each policy");
}

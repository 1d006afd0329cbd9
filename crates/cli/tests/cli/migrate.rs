//! `import` and `export` as they are typed; the worked examples of the migration pages, run as they stand there.

use crate::fake::mainstay;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.into()).unwrap()
}

/// Runs a command in a folder.
fn run(folder: &Path, arguments: &[&str]) -> Output {
    mainstay(&folder.join("none"), arguments)
        .current_dir(folder)
        .env("COLUMNS", "100")
        .output()
        .unwrap()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// A block of a page: the file that is named before it, its language, its text, and where the text stands.
struct Block {
    file: Option<String>,
    language: String,
    text: String,
    at: std::ops::Range<usize>,
}

/// Returns the blocks of the worked example of a page.
fn blocks(page: &str) -> Vec<Block> {
    let Some(begin) = page.find("## A worked example") else { return Vec::new() };
    let mut blocks = Vec::new();
    let mut at = begin;
    while let Some(open) = page[at..].find("\n```").map(|found| at + found + 1) {
        let line = page[open..].find('\n').unwrap() + open + 1;
        let close = page[line..].find("```").unwrap() + line;
        let named = page[at..open].lines().rev().find(|line| !line.is_empty());
        let file =
            named.and_then(|line| line.strip_prefix('`')?.strip_suffix("`:")).map(String::from);
        let language = page[open + 3..line].trim().to_owned();
        blocks.push(Block { file, language, text: page[line..close].into(), at: line..close });
        at = close + 3;
    }
    blocks
}

#[test]
fn the_worked_examples_come_out_as_they_stand() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/migrate");
    let mut examples = 0;
    for entry in fs::read_dir(&pages).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let page = fs::read_to_string(&path).unwrap();
        let blocks = blocks(&page);
        let Some(at) = blocks.iter().position(|block| block.language == "console") else {
            continue;
        };
        examples += 1;
        let folder = tempfile::tempdir().unwrap();
        for block in &blocks[..at] {
            let file = folder.path().join(block.file.as_ref().expect("a file has a name"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, &block.text).unwrap();
        }
        let typed = blocks[at].text.lines().next().unwrap();
        let words: Vec<&str> = typed.trim_start_matches("$ mainstay ").split(' ').collect();
        let output = run(folder.path(), &words);
        assert!(output.status.success(), "{typed}: {}", text(&output.stderr));
        let seen = format!("{typed}\n{}{}", text(&output.stderr), text(&output.stdout));
        let written = &blocks[at + 1];
        let made = fs::read_to_string(folder.path().join(written.file.as_ref().unwrap())).unwrap();
        if std::env::var_os("BLESS").is_some() {
            let mut page = page.clone();
            page.replace_range(written.at.clone(), &made);
            page.replace_range(blocks[at].at.clone(), &seen);
            fs::write(&path, page).unwrap();
            continue;
        }
        let shown = path.display();
        assert_eq!(blocks[at].text, seen, "{shown}: `BLESS=1` writes it anew");
        assert_eq!(written.text, made, "{shown}: `BLESS=1` writes it anew");
        let check = run(folder.path(), &["check"]);
        assert!(check.status.success(), "{shown}: {}", text(&check.stderr));
    }
    assert!(examples >= 7, "only {examples} worked examples");
}

const UNIT: &str = "[Service]\nExecStart=/bin/web\nRestart=always\nPrivateTmp=yes\n";

#[test]
fn what_is_imported_goes_where_it_is_wanted_and_over_nothing() {
    let folder = folder(&[("web.service", UNIT), ("mine.yaml", "mine")]);
    let plain = run(folder.path(), &["import", "systemd", "web.service"]);
    assert!(plain.status.success());
    assert!(text(&plain.stdout).contains("restart: always"));
    assert!(
        text(&plain.stderr)
            .starts_with("systemd: 1 process; 2 kept, 0 changed in meaning, 1 not honoured\n")
    );
    let taken = run(folder.path(), &["import", "systemd", "web.service", "-o", "mine.yaml"]);
    assert_eq!(taken.status.code(), Some(1));
    assert!(text(&taken.stderr).contains("`mine.yaml` is there already"));
    assert_eq!(fs::read_to_string(folder.path().join("mine.yaml")).unwrap(), "mine");
    let arguments = [
        "--json",
        "import",
        "systemd",
        "web.service",
        "-o",
        "mine.yaml",
        "--force",
        "--report",
        "report.json",
    ];
    let forced = run(folder.path(), &arguments);
    assert_eq!(
        (forced.status.code(), text(&forced.stdout), text(&forced.stderr)),
        (Some(0), String::new(), String::new())
    );
    assert_eq!(text(&plain.stdout), fs::read_to_string(folder.path().join("mine.yaml")).unwrap());
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["processes"], 1);
    assert_eq!(report["not_honoured"][0]["key"], "PrivateTmp");
    assert_eq!(report["not_honoured"][0]["line"], 4);
    assert_eq!(report["kept"][1]["text"], "`restart: always`");
}

#[test]
fn what_cannot_be_imported_says_where_and_why() {
    let folder = folder(&[
        ("bad.service", "[Service]\nExecStart\n"),
        ("bad.yaml", "processes:\n  web: [\n"),
        (
            "ecosystem.config.js",
            "module.exports = {apps: [{name: 'a', script: './a', args: ['-n', 1 + 1]}]}\n",
        ),
    ]);
    for (arguments, code, expected) in [
        (
            &["import", "systemd", "bad.service"][..],
            1,
            "bad.service:2: `ExecStart` is neither a section",
        ),
        (&["import", "systemd", "none.service"], 1, "cannot read `none.service`: No such file"),
        (&["import", "process-compose", "bad.yaml"], 1, "bad.yaml:"),
        (&["import", "upstart", "x"], 2, "invalid value 'upstart'"),
        (&["import", "pm2", "ecosystem.config.js"], 1, "`--allow-node` runs it with node"),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
    }
    // The error tells how to get JSON; where there is node, the option does it.
    if std::process::Command::new("node").arg("--version").output().is_ok() {
        let output = run(folder.path(), &["import", "pm2", "ecosystem.config.js", "--allow-node"]);
        assert!(text(&output.stdout).contains("command: ./a -n 2"), "{}", text(&output.stderr));
    }
}

#[test]
fn a_spec_file_goes_back_to_units_and_to_a_procfile() {
    let spec = "name: shop\ndefaults: {restart: on-failure}\nchildren:\n  db: /bin/db -v\n  app:\n    strategy: one-for-all\n    \
                children:\n      web: {command: /bin/web, folder: /srv}\n";
    let folder = folder(&[("mainstay.yaml", spec)]);
    let output = run(folder.path(), &["export", "systemd", "-o", "units"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("[app] strategy = one-for-all"),
        "{}",
        text(&output.stderr)
    );
    let web = fs::read_to_string(folder.path().join("units/app-web.service")).unwrap();
    assert!(
        web.contains("ExecStart=/bin/web\nWorkingDirectory=/srv\nRestart=on-failure\n"),
        "{web}"
    );
    let again = run(folder.path(), &["export", "systemd", "-o", "units"]);
    assert!(text(&again.stderr).contains("is there already"));
    let lines = run(folder.path(), &["export", "procfile", "-q"]);
    assert!(
        text(&lines.stdout).contains("app_web: cd /srv && /bin/web\n"),
        "{}",
        text(&lines.stdout)
    );
    assert_eq!(text(&lines.stderr), "");
    assert_eq!(run(folder.path(), &["export", "systemd", "none.yaml"]).status.code(), Some(1));
    // What comes out is right for systemd itself, where it is there to say so.
    let verify = std::process::Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(folder.path().join("units/db.service"))
        .output();
    if let Ok(output) = verify {
        let said = text(&output.stderr);
        let about: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("db.service") && !line.contains("is not executable"))
            // Delays grow from version 254 on; an older one says that it ignores these.
            .filter(|line| {
                !line.contains("'RestartSteps'") && !line.contains("'RestartMaxDelaySec'")
            })
            .collect();
        assert_eq!(about, Vec::<&str>::new());
    }
}

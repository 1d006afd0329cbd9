//! The worked examples of the migration pages, started: every program in them is a stand-in that does what the page says
//! of it, so that needs, readiness, instances and environments of what was imported are seen to work together.

use crate::harness::Daemon;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Stands for every program of the pages: some end well at once, others tell that they are ready and stay.
const STAND_IN: &str = r#"
import os, signal, socket, sys
name, args = os.path.basename(sys.argv[0]), sys.argv[1:]
if name in ("pg_isready", "migrate") or "--check" in args:
    sys.exit(0)
if name == "docker" and args[0] != "run":
    sys.exit(0)
if "NOTIFY_SOCKET" in os.environ:
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.sendto(b"READY=1\nWATCHDOG=1", os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
if "--notify" in args:
    os.write(int(args[args.index("--notify") + 1]), b"\n")
while True:
    signal.pause()
"#;

/// Blocks of the worked example of a page: the file that is named before each, and its text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let Some(begin) = page.find("## A worked example") else { return Vec::new() };
    let mut all = Vec::new();
    let mut rest = &page[begin..];
    while let Some((before, after)) = rest.split_once("\n```") {
        let (block, after) = after.split_once("\n```").expect("a block ends");
        let (_, text) = block.split_once('\n').unwrap_or((block, ""));
        let named = before.lines().rev().find(|line| !line.is_empty()).unwrap_or("");
        let name = named.strip_prefix('`').and_then(|line| line.strip_suffix("`:"));
        all.push((name.unwrap_or("").to_owned(), format!("{text}\n")));
        rest = after;
    }
    all
}

fn stand_in(path: &Path) {
    // The interpreter by its own path: `python3` may stand for a program of a page.
    let python = ["/usr/bin/python3", "/usr/local/bin/python3"];
    let python = python.iter().find(|path| Path::new(path).exists()).expect("python3 is installed");
    executable(path, &format!("#!{python}{STAND_IN}"));
}

fn executable(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("made executable");
}

/// Starts what a page makes, and waits until every child has come as far as it should.
fn starts(name: &str, page: &str) -> usize {
    let mut daemon = Daemon::new("");
    let here = daemon.path("").display().to_string();
    let here = here.trim_end_matches('/');
    let placed = |text: &str| {
        text.replace("/usr/bin/", &format!("{here}/bin/"))
            .replace("/var/log/", &format!("{here}/log/"))
            .replace("folder: /", &format!("folder: {here}/"))
    };
    for folder in ["log/shop", "ioc/magnets", "ioc/vacuum"] {
        fs::create_dir_all(daemon.path(folder)).expect("made");
    }
    for program in
        ["shopd", "mailer", "watch", "db", "web", "docker", "postgres", "pg_isready", "node"]
    {
        stand_in(&daemon.path(&format!("bin/{program}")));
    }
    for program in ["serve", "work", "migrate", "web", "server.js", "mailer.py"] {
        stand_in(&daemon.path(program));
    }
    for folder in ["ioc/magnets", "ioc/vacuum"] {
        stand_in(&daemon.path(&format!("{folder}/st.cmd")));
    }
    let blocks = blocks(page);
    for (file, text) in &blocks {
        if file != "mainstay.yaml" && !file.is_empty() {
            executable(&daemon.path(file), &placed(text));
        }
    }
    let (_, spec) = blocks.iter().find(|(file, _)| file == "mainstay.yaml").expect("a spec file");
    // Users and cgroups are those of the page, and its ports may be taken.
    let left_out = ["user:", "group:", "limits:", "console:"];
    let spec: String = placed(spec)
        .lines()
        .filter(|line| !left_out.iter().any(|key| line.trim_start().starts_with(key)))
        .map(|line| format!("{line}\n"))
        .collect();
    daemon.declare(&spec);
    daemon.says(&["check", "--quiet"]);
    let path = std::env::var("PATH").unwrap_or_default();
    daemon.up_with(&[("PATH", &format!("{here}/bin:{path}"))]);
    let mut children = 0;
    daemon.until(&format!("{name}: every child has come as far as it should"), || {
        let status = daemon.status();
        let all = status["children"].as_array().cloned().unwrap_or_default();
        children = all.len();
        all.iter().all(|child| {
            let is_done = child["last"]["cause"] == "completed";
            let waits = child["state"] == "down until it is wanted";
            child["standing"] == "ready" || (child["standing"] == "down" && is_done) || waits
        })
    });
    daemon.says(&["down"]);
    children
}

#[test]
fn the_worked_examples_are_started() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/migrate");
    let (mut examples, mut children) = (0, 0);
    for entry in fs::read_dir(pages).expect("the pages") {
        let path = entry.expect("a page").path();
        let page = fs::read_to_string(&path).expect("a page");
        if blocks(&page).iter().any(|(file, _)| file == "mainstay.yaml") {
            examples += 1;
            children += starts(&path.display().to_string(), &page);
        }
    }
    assert!(examples >= 7 && children >= 18, "{examples} examples with {children} children");
}

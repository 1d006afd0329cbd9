//! What people see, compared with files. `BLESS=1 cargo test -p mainstay-cli` writes them anew.

use crate::fake::{Answer, Fake, file, mainstay};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

/// Returns what a command printed and how it ended.
pub(crate) fn page(arguments: &[&str], output: &Output) -> String {
    let mut page = format!("$ mainstay {}\n", arguments.join(" "));
    page.push_str(&String::from_utf8_lossy(&output.stdout).replace('\x1b', "␛"));
    let errors = String::from_utf8_lossy(&output.stderr).replace('\x1b', "␛");
    if !errors.is_empty() {
        let _ = write!(page, "--- said beside it\n{errors}");
    }
    let _ = writeln!(page, "--- exit {}\n", output.status.code().unwrap());
    page
}

/// A command and the environment in which it is typed.
type Typed<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

/// Runs each command against the same answers and compares all that is seen with one file.
#[track_caller]
fn expect(name: &str, routes: &[(&str, &[Answer])], commands: &[Typed<'_>]) {
    let mut seen = String::new();
    for (arguments, environment) in commands {
        let fake = Fake::new(routes);
        let output =
            mainstay(&fake.socket(), arguments).envs(environment.iter().copied()).output().unwrap();
        let shown = page(arguments, &output);
        seen.push_str(&shown.replace(&fake.socket().display().to_string(), "SOCKET"));
    }
    compare(name, &seen);
}

/// Compares with a file in `tests/golden`, or writes it.
#[track_caller]
pub(crate) fn compare(name: &str, seen: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, seen).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(known, seen, "{name} is not what is printed: `BLESS=1` writes it anew");
}

const PLAIN: &[(&str, &str)] = &[];
const WIDE: &[(&str, &str)] = &[("COLUMNS", "120")];
const NARROW: &[(&str, &str)] = &[("COLUMNS", "60")];
const COLOUR: &[(&str, &str)] = &[("CLICOLOR_FORCE", "1"), ("COLUMNS", "100")];

#[test]
fn status_of_a_tree() {
    expect(
        "status.txt",
        &[("GET /v1/status", &[file(200, "status.json")])],
        &[
            (&["status"], WIDE),
            (&["status"], PLAIN),
            (&["status"], NARROW),
            (&["status", "--color", "never"], COLOUR),
            (&["status"], COLOUR),
            (&["status", "--trouble"], NARROW),
            (&["status", "app/workers/*", "backup"], NARROW),
            (&["status", "nothing*"], PLAIN),
            (&["status", "backup", "app/bd"], PLAIN),
            (&["status", "-q"], PLAIN),
        ],
    );
}

#[test]
fn status_of_trees_that_differ() {
    for (name, answer) in [
        ("serving.txt", "serving.json"),
        ("trouble.txt", "trouble.json"),
        ("empty.txt", "empty.json"),
    ] {
        let routes = [("GET /v1/status", &[file(200, answer)][..])];
        expect(
            name,
            &routes,
            &[(&["status"], WIDE), (&["status"], NARROW), (&["status", "--trouble"], NARROW)],
        );
    }
}

#[test]
fn status_of_one_child() {
    let routes = [
        ("GET /v1/children/app/mailer", &[file(200, "child.json")][..]),
        ("GET /v1/children/app/db", &[file(200, "db.json")]),
        ("GET /v1/children/app/rows", &[file(200, "rows.json")]),
        ("GET /v1/children/wbe", &[file(404, "unknown.json")]),
    ];
    expect(
        "child.txt",
        &routes,
        &[
            (&["status", "app/mailer"], WIDE),
            (&["status", "app/mailer"], NARROW),
            (&["status", "/app/db/"], COLOUR),
            (&["status", "app/rows"], PLAIN),
            (&["status", "wbe"], PLAIN),
            (&["status", "wbe", "--json"], PLAIN),
        ],
    );
}

#[test]
fn replies_to_commands() {
    let routes = [
        ("GET /v1/status", &[file(200, "status.json")][..]),
        (
            "POST /v1/commands {\"verb\":{\"stop\":{}},\"target\":\"app/mailer\"",
            &[file(409, "refused.json")],
        ),
        ("POST /v1/commands {\"verb\":{\"start\"", &[file(200, "already.json")]),
        ("POST /v1/commands {\"verb\":{\"restart\"", &[file(200, "named.json")]),
        ("POST /v1/commands {\"verb\":{\"add\"", &[file(400, "problems.json")]),
        ("POST /v1/commands {\"verb\":{\"remove\"", &[file(403, "forbidden.json")]),
        ("POST /v1/commands", &[file(200, "stopped.json")]),
    ];
    expect(
        "replies.txt",
        &routes,
        &[
            (&["stop", "app/db"], PLAIN),
            (&["stop", "app/db"], COLOUR),
            (&["stop", "app/db", "-q"], PLAIN),
            (&["start", "app/db"], PLAIN),
            (&["restart", "app/db"], PLAIN),
            (&["stop", "app/mailer"], PLAIN),
            (&["stop", "app/*"], PLAIN),
            (&["stop", "wbe*"], PLAIN),
            (&["remove", "app/db"], PLAIN),
            (&["remove", "app/db", "--json"], PLAIN),
            (&["add", "web", "--", "./serve"], COLOUR),
        ],
    );
}

#[test]
fn plans() {
    let routes = [
        (
            "POST /v1/commands {\"verb\":{\"apply\":{\"spec\":null,\"dry_run\":true",
            &[file(200, "plan.json")][..],
        ),
        ("POST /v1/commands", &[file(200, "applied.json")]),
    ];
    expect(
        "apply.txt",
        &routes,
        &[
            (&["apply", "--dry-run"], PLAIN),
            (&["apply", "--dry-run"], COLOUR),
            (&["apply", "--yes"], PLAIN),
            (&["apply"], PLAIN),
            (&["apply", "missing.yaml"], PLAIN),
        ],
    );
    let routes = [("POST /v1/commands", &[file(200, "noplan.json")][..])];
    expect("apply-nothing.txt", &routes, &[(&["apply"], PLAIN), (&["apply", "--yes"], PLAIN)]);
}

#[test]
fn stories() {
    let routes = [
        ("GET /v1/explain/app/mailer", &[file(200, "explain.json")][..]),
        ("GET /v1/history", &[file(200, "history.json")]),
        ("GET /v1/postmortem/app/mailer/31", &[file(200, "postmortem.json")]),
        ("GET /v1/alerts", &[file(200, "alerts.json")]),
    ];
    expect(
        "stories.txt",
        &routes,
        &[
            (&["explain", "app/mailer"], WIDE),
            (&["explain", "app/mailer"], NARROW),
            (&["explain", "app/mailer"], COLOUR),
            (&["explain", "app/mailer", "--policy"], WIDE),
            (&["explain", "app/mailer", "--policy"], NARROW),
            (&["history"], WIDE),
            (&["history", "app/mailer"], NARROW),
            (&["history", "-n", "2"], COLOUR),
            (&["postmortem", "app/mailer#31"], WIDE),
            (&["postmortem", "app/mailer"], NARROW),
            (&["postmortem", "app/mailer"], COLOUR),
            (&["alerts"], WIDE),
            (&["alerts", "--all"], WIDE),
            (&["alerts", "--all"], NARROW),
        ],
    );
    // What nobody has measured is left out.
    let Answer::Json(status, body) = file(200, "postmortem.json") else {
        unreachable!("it is JSON")
    };
    let mut run: serde_json::Value = serde_json::from_slice(&body).unwrap();
    run["memory"] = 0.into();
    let unmeasured = Answer::Json(status, serde_json::to_vec(&run).unwrap());
    let routes = [
        ("GET /v1/history", &[file(200, "history.json")][..]),
        ("GET /v1/postmortem/app/mailer/31", &[unmeasured]),
    ];
    expect("unmeasured.txt", &routes, &[(&["postmortem", "app/mailer#31"], WIDE)]);
    let routes = [("GET /v1/alerts", &[file(200, "noalerts.json")][..])];
    expect("no-alerts.txt", &routes, &[(&["alerts"], PLAIN)]);
}

#[test]
fn what_a_host_did_last() {
    let Answer::Json(status, body) = file(200, "postmortem.json") else {
        unreachable!("it is JSON")
    };
    let mut run: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let ended = run["ended_at"].as_i64().unwrap();
    let fact = |before: i64, text: &str| serde_json::json!({"at": ended - before, "text": text});
    run["operations"] = serde_json::json!([
        fact(1_900, "vendor library 4.2 loaded"),
        fact(340, "call 16 begins: read axis 2"),
        fact(331, "call 16 answered"),
        fact(330, "call 17 begins: read axis 3 (never answered)"),
        fact(
            12,
            "in call 17: \u{1b}[31mcnc_rdaxis(handle 3, all axes, absolute, relative, machine)"
        ),
    ]);
    run["open_calls"] = serde_json::json!(["call 17: read axis 3"]);
    let host = Answer::Json(status, serde_json::to_vec(&run).unwrap());
    let routes = [
        ("GET /v1/history", &[file(200, "history.json")][..]),
        ("GET /v1/postmortem/app/mailer/31", &[host]),
    ];
    let asked = ["postmortem", "app/mailer#31"];
    expect("host.txt", &routes, &[(&asked, WIDE), (&asked, NARROW), (&asked, COLOUR)]);
}

#[test]
fn what_is_printed_and_what_happened() {
    let routes = [
        ("GET /v1/logs", &[file(200, "logs.json")][..]),
        ("GET /v1/events", &[file(200, "events.json")]),
        ("GET /v1/status", &[file(200, "status.json")]),
    ];
    expect(
        "lines.txt",
        &routes,
        &[
            (&["logs"], PLAIN),
            (&["logs", "--times"], PLAIN),
            (&["logs", "app/*", "--no-names"], PLAIN),
            (&["logs"], COLOUR),
            (&["events"], PLAIN),
            (&["events", "app/mailer"], PLAIN),
            (&["events", "**/worker@?"], COLOUR),
        ],
    );
}

#[test]
fn help_is_what_it_was() {
    expect(
        "help.txt",
        &[],
        &[(&["--help"], WIDE), (&["stop", "--help"], WIDE), (&["wait", "-h"], NARROW)],
    );
}

//! What is sent for what is typed; what is typed wrongly; and the JSON that comes out.

use crate::fake::{Answer, Fake, file};
use crate::golden::compare;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.into()).unwrap()
}

#[test]
fn each_command_sends_its_verb() {
    let table: &[(&[&str], &str)] = &[
        (&["start", "a"], r#"{"start":{"override":false}}"#),
        (&["start", "a", "--override"], r#"{"start":{"override":true}}"#),
        (&["stop", "a"], r#"{"stop":{}}"#),
        (&["restart", "a"], r#"{"restart":{}}"#),
        (&["reload", "a"], r#"{"reload":{}}"#),
        (&["recycle", "a"], r#"{"recycle":{}}"#),
        (&["pause", "a"], r#"{"pause":{"freeze":false}}"#),
        (&["pause", "a", "--freeze"], r#"{"pause":{"freeze":true}}"#),
        (&["resume", "a"], r#"{"resume":{}}"#),
        (&["quarantine", "a"], r#"{"quarantine":{}}"#),
        (&["release", "a"], r#"{"release":{}}"#),
        (&["reset", "a"], r#"{"reset":{"start":false}}"#),
        (&["reset", "a", "--start"], r#"{"reset":{"start":true}}"#),
        (&["acknowledge", "a"], r#"{"acknowledge":{}}"#),
        (&["ack", "a"], r#"{"acknowledge":{}}"#),
        (&["remove", "a"], r#"{"remove":{}}"#),
    ];
    for (arguments, verb) in table {
        let fake = Fake::new(&[("POST /v1/commands", &[file(200, "stopped.json")])]);
        let id = ["--id", "AB12"];
        let output = fake.run(&[arguments, &id[..]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        let expected = format!(
            r#"POST /v1/commands {{"verb":{verb},"target":"a","why":"by hand","who":"ada","id":"ab12","if_run":null,"if_revision":null}}"#
        );
        assert_eq!(fake.asked(), [expected]);
    }
}

#[test]
fn a_command_says_who_why_and_on_what_condition() {
    let fake = Fake::new(&[("POST /v1/commands", &[file(200, "stopped.json")])]);
    fake.run(&[
        "stop", "/app/db/", "--why", "new disk", "--who", "bob", "--if-run", "#17", "--id", "1",
    ]);
    fake.run(&["pause", "--all", "--id", "2"]);
    fake.run(&["add", "web", "--below", "app", "--id", "3", "--", "./serve", "-p", "80"]);
    fake.run(&["apply", "--yes", "--id", "4"]);
    let asked: Vec<String> =
        fake.asked().iter().map(|request| request.replace("POST /v1/commands ", "")).collect();
    assert_eq!(
        asked[0],
        r#"{"verb":{"stop":{}},"target":"app/db","why":"new disk","who":"bob","id":"1","if_run":17,"if_revision":null}"#
    );
    assert!(
        asked[1].starts_with(r#"{"verb":{"pause":{"freeze":false}},"target":"","#),
        "{}",
        asked[1]
    );
    let add = r#"{"verb":{"add":{"spec":"children:\n  \"web\":\n    command: [\"./serve\", \"-p\", \"80\"]\n"}},"target":"app""#;
    assert!(asked[2].starts_with(add), "{}", asked[2]);
    let plan = r#"{"verb":{"apply":{"spec":null,"dry_run":true}}"#;
    assert!(asked[3].starts_with(plan) && !asked[3].contains(r#""id":"4""#), "{}", asked[3]);
}

#[test]
fn several_children_are_asked_in_turn() {
    let routes = [
        ("GET /v1/status", &[file(200, "status.json")][..]),
        ("POST /v1/commands", &[file(409, "refused.json"), file(200, "stopped.json")]),
    ];
    let fake = Fake::new(&routes);
    let output = fake.run(&["stop", "legacy", "app/workers/*", "legacy", "**/worker@1"]);
    assert_eq!(output.status.code(), Some(1), "the first one refused");
    let targets: Vec<String> = fake
        .asked()
        .iter()
        .filter_map(|request| {
            Some(request.split("\"target\":\"").nth(1)?.split('"').next()?.into())
        })
        .collect();
    assert_eq!(targets, ["legacy", "app/workers/worker@1", "app/workers/worker@2"]);
    assert_eq!(text(&output.stdout).lines().count(), 2);
    for condition in [["--if-run", "3"], ["--id", "3"]] {
        let output = fake.run(&["stop", "a", "b", condition[0], condition[1]]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("hold for one child alone"));
    }
}

#[test]
fn what_is_typed_wrongly_is_named() {
    let table: &[(&[&str], &str)] = &[
        (&["statsu"], "similar subcommands exist: 'start', 'status'"),
        (&["stop"], "<CHILD|--all>"),
        (&["stop", "a", "--all"], "cannot be used with"),
        (&["stop", "a", "--id", "xyz"], "1 to 32 hexadecimal digits"),
        (&["stop", "a", "--if-run", "last"], "`last` is not the number of a run"),
        (&["wait", "a", "--timeout", "soon"], "`soon` is not a span of time"),
        (&["wait", "a", "--for", "redy"], "a similar value exists: 'ready'"),
        (&["logs", "--since", "yesterday"], "`yesterday` is neither a span"),
        (&["postmortem", "web#x"], "`x` is not the number of a run"),
        (&["add", "web"], "required"),
        (&["status", "--socket", "/a", "--name", "b"], "cannot be used with"),
    ];
    for (arguments, says) in table {
        let fake = Fake::new(&[]);
        let output = fake.run(arguments);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(says), "{arguments:?}: `{says}` is not in:\n{errors}");
        assert!(fake.asked().is_empty());
    }
}

#[test]
fn json_is_what_the_daemon_answers() {
    let body = br#"{"path":"a","unknown":[1,2],"text":"a, b: {c"}"#;
    let answer = Answer::Json(200, body.into());
    let page = Answer::Json(200, br#"{"lines":[],"without":[],"more":1}"#.into());
    let table: &[(&[&str], &str, Answer)] = &[
        (&["explain", "a"], "GET /v1/explain/a", answer.clone()),
        (&["stop", "a"], "POST /v1/commands", answer),
        (&["logs"], "GET /v1/logs?lines=20", page),
        (
            &["history", "a"],
            "GET /v1/history?path=a&limit=20",
            Answer::Json(200, b"[{\"x\":1}]".into()),
        ),
        (&["alerts"], "GET /v1/alerts", Answer::Json(200, b"[]".into())),
    ];
    for (arguments, route, answer) in table {
        let fake = Fake::new(&[(*route, std::slice::from_ref(answer))]);
        let output = fake.run(&[arguments, &["--json"][..]].concat());
        let Answer::Json(_, body) = answer else { unreachable!("all of them are JSON") };
        assert_eq!(text(&output.stdout).trim_end(), text(body), "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

#[test]
fn the_tree_of_a_thousand_children_is_shown_in_order() {
    let status = text(&match file(200, "serving.json") {
        Answer::Json(_, body) => body,
        Answer::Stream(_) | Answer::Nothing | Answer::Raw(_) => unreachable!("it is JSON"),
    });
    let mut tree: serde_json::Value = serde_json::from_str(&status).unwrap();
    let one = tree["children"][1].clone();
    let children = (0..1_000).map(|number| {
        let mut child = one.clone();
        child["path"] = format!("app/worker@{number}").into();
        child["says"] = serde_json::Value::Null;
        child
    });
    let app = tree["children"][0].clone();
    tree["children"] = std::iter::once(app).chain(children).collect();
    let answer = Answer::Json(200, serde_json::to_vec(&tree).unwrap());
    let fake = Fake::new(&[("GET /v1/status", &[answer])]);
    let shown = text(&fake.run(&["status"]).stdout);
    let names: Vec<&str> = shown.lines().filter(|line| line.contains("worker@")).collect();
    assert_eq!(names.len(), 1_000);
    assert!(names[0].starts_with("├─ worker@0 "), "{}", names[0]);
    assert!(names[999].starts_with("└─ worker@999 "), "{}", names[999]);
}

#[test]
fn completion_knows_the_children() {
    let fake = Fake::new(&[("GET /v1/status", &[file(200, "serving.json")])]);
    assert_eq!(text(&fake.run(&["__complete-children"]).stdout), "app\napp/db\n");
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&fake.run(&["completion", shell]).stdout);
        assert!(script.contains("__complete-children"), "{shell}");
        assert!(script.contains("quarantine"), "{shell}");
    }
}

#[test]
fn manual_pages_are_written() {
    let fake = Fake::new(&[]);
    let folder = fake.socket().with_file_name("man");
    let output = fake.run(&["man", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for page in ["mainstay.1", "mainstay-status.1", "mainstay-journal-verify.1"] {
        assert!(std::fs::read_to_string(folder.join(page)).unwrap().contains(".SH"), "{page}");
    }
}

#[test]
fn the_reference_is_current() {
    let fake = Fake::new(&[]);
    let printed = text(&fake.run(&["__reference"]).stdout);
    compare("../../../../docs/reference/cli.md", &printed);
}

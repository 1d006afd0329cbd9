//! `mainstay simulate`.

use crate::desk::{Desk, answers, compare, page, text};
use crate::fake::{Answer, Fake, file, mainstay};
use mainstay_wire::api::Timeline;
use serde_json::Value;
use std::fs;

const SPEC: &str = "
children:
  web:
    command: serve
    backoff: { fixed: 4s }
    jitter: none
  app:
    children:
      mailer:
        command: send
        restart: never
";

#[test]
fn ends_that_are_made_up() {
    Desk::new(SPEC).expect(
        "offline-simulate.txt",
        &[
            &["simulate", "--dies-after", "3s"],
            &["simulate", "--preset", "systemd", "--dies-after", "0s,10s", "--times", "3"],
            &["simulate", "--dies-after", "3s", "--against", "kubernetes", "--exit", "KILL"],
            &["simulate", "--preset", "systemd", "--against", "kubernetes"],
            &["simulate", "web", "--file", "mainstay.yaml", "--dies-after", "1s", "--times", "2"],
            &["simulate", "app/mailer", "--file", "mainstay.yaml", "--dies-after", "1s"],
        ],
    );
}

#[test]
fn what_cannot_be_played_is_said() {
    Desk::new(SPEC).expect(
        "offline-simulate-wrong.txt",
        &[
            &["simulate"],
            &["simulate", "--preset", "kubernets", "--dies-after", "3s"],
            &["simulate", "--preset", "upstart-of-old", "--dies-after", "3s"],
            &["simulate", "--against", "pm3", "--dies-after", "3s"],
            &["simulate", "--dies-after", "soon"],
            &["simulate", "--dies-after", "3s", "--exit", "bang"],
            &["simulate", "web", "--preset", "pm2", "--dies-after", "3s"],
            &["simulate", "wbe", "--file", "mainstay.yaml", "--dies-after", "3s"],
            &["simulate", "app", "--file", "mainstay.yaml", "--dies-after", "3s"],
            &["simulate", "web", "--file", "nowhere.yaml", "--dies-after", "3s"],
            &["simulate", "web", "--dies-after", "3s"],
        ],
    );
}

#[test]
fn json_is_a_line_for_each_timeline_as_the_api_has_it() {
    let desk = Desk::new(SPEC);
    let made_up = ["--json", "simulate", "--dies-after", "3s,1m", "--times", "2"];
    let played = |more: &[&str]| -> Vec<Timeline> {
        let (out, _) = desk.ends(0, &[&made_up[..], more].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let one = played(&[]);
    assert_eq!((one.len(), one[0].policy.as_str(), one[0].starts), (1, "default", 5));
    let two = played(&["--against", "pm2"]);
    assert_eq!((two.len(), two[1].policy.as_str()), (2, "pm2"));
    assert_eq!(one[0], two[0]);
    let other = played(&["--seed", "2"]);
    assert_ne!(one[0].steps, other[0].steps, "jitter follows the seed");
}

/// Returns a status that names a journal.
fn status(journal: Option<&str>) -> Answer {
    let status = fs::read(answers().join("status.json")).unwrap();
    let mut status: Value = serde_json::from_slice(&status).unwrap();
    match journal {
        Some(folder) => status["journal"]["folder"] = folder.into(),
        None => status["journal"] = Value::Null,
    }
    Answer::Json(200, status.to_string().into_bytes())
}

#[test]
fn what_is_recorded() {
    let desk = Desk::new(SPEC);
    desk.write_journal();
    let journal = desk.path("state/journal").display().to_string();
    let unknown = file(404, "unknown.json");
    let routes = [
        ("GET /v1/history?path=app/mailer&limit=7", &[file(200, "history.json")][..]),
        ("GET /v1/history?path=app/mailer", &[file(200, "history.json")]),
        ("GET /v1/history?path=wbe", std::slice::from_ref(&unknown)),
        ("GET /v1/history", &[Answer::Json(200, b"[]".to_vec())]),
        ("GET /v1/children/app/mailer", &[file(200, "child.json")]),
        ("GET /v1/children", std::slice::from_ref(&unknown)),
        ("GET /v1/postmortem", std::slice::from_ref(&unknown)),
        ("GET /v1/status", &[status(Some(&journal))]),
    ];
    let mut seen = String::new();
    for arguments in [
        &["simulate", "app/mailer"][..],
        &["simulate", "/app/mailer/", "--against", "kubernetes", "--runs", "7"],
        &["simulate", "app/mailer", "--preset", "systemd"],
        &["simulate", "app/mailer", "--file", "FILE"],
        &["simulate", "web", "--dies-after", "3s", "--times", "1"],
        &["simulate", "web"],
        &["simulate", "wbe"],
        &["simulate", "wbe", "--dies-after", "3s"],
    ] {
        let fake = Fake::new(&routes);
        let spec = desk.path("mainstay.yaml").display().to_string();
        let typed: Vec<&str> =
            arguments.iter().map(|word| if *word == "FILE" { &*spec } else { word }).collect();
        let output = mainstay(&fake.socket(), &typed).output().unwrap();
        page(&mut seen, arguments, &output);
    }
    compare("offline-simulate-recorded.txt", &seen);
}

#[test]
fn a_policy_that_nobody_knows_is_asked_for() {
    for (journal, wanted) in
        [(None, "keeps no journal"), (Some("/nowhere/at/all"), "/nowhere/at/all")]
    {
        let routes = [
            ("GET /v1/history", &[file(200, "history.json")][..]),
            ("GET /v1/children", &[file(404, "unknown.json")]),
            ("GET /v1/status", &[status(journal)]),
        ];
        let output = Fake::new(&routes).run(&["simulate", "app/mailer"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(wanted) && said.contains("--preset"), "{said}");
    }
}

//! Hooks and the watchdog in spec files: every key has an effect, and what means nothing is told.

use crate::support::{bad, good};
use mainstay_wire::spec::keys::{Group, ROOT};
use std::time::Duration;

/// A key, what is written, and what the hook then holds, which it does not hold without.
const RUN: &[(&str, &str, &str)] = &[
    ("on", "on: given-up", "on: [GivenUp]"),
    ("on", "on: [failure, recovered]", "on: [Failure, Recovered]"),
    ("children", "children: [app, 'web-*']", r#"children: ["app", "web-*"]"#),
    ("children", "children: /app/", r#"children: ["app"]"#),
    ("labels", "labels: {team: a}", r#"labels: {"team": "a"}"#),
    ("program", "program: false", "program: false"),
    ("environment", "environment: {A: b}", r#"environment: {"A": "b"}"#),
    ("secrets", "secrets: {T: {env: TOKEN}}", r#"secrets: [("T", {"env":"TOKEN"})]"#),
    ("timeout", "timeout: 7s", "timeout: 7s"),
    ("fold", "fold: 9s", "fold: 9s"),
    ("retry.backoff", "retry: {backoff: 6s}", "backoff: Fixed(6s)"),
    ("retry.tries", "retry: {tries: 3}", "tries: 3"),
    ("retry.most", "retry: {most: 4}", "most: 4"),
    ("retry.within", "retry: {within: 5m}", "within: 300s"),
];

const POST: &[(&str, &str, &str)] = &[
    ("headers", "headers: {X-Team: ops}", r#"headers: {"X-Team": "ops"}"#),
    ("authorities", "authorities: ca.pem", r#"authorities: Some("/spec/ca.pem")"#),
];

fn shown(hook: &str) -> String {
    format!("{:?}", good(&format!("children: {{}}\nhooks: {{pager: {{{hook}}}}}\n")).hooks)
}

#[test]
fn every_key_of_a_hook_has_its_effect() {
    let kinds = [("run: './page --team ops'", RUN), ("url: 'https://ops.example.org/x'", POST)];
    for (to, table) in kinds {
        let plain = shown(to);
        for (key, written, expected) in table {
            let with = shown(&format!("{to}, {written}"));
            assert!(with.contains(expected), "{key}: no {expected} in {with}");
            assert!(!plain.contains(expected), "{key}: {expected} stands there without it");
        }
    }
    assert!(shown("run: './page --team ops'").contains(r#"command: ["./page", "--team", "ops"]"#));
    assert!(shown("run: [./page, a b]").contains(r#"command: ["./page", "a b"]"#));
    assert!(shown("url: 'https://a/x'").contains(r#"url: Plain("https://a/x")"#));
    assert!(shown("url: {file: chat}").contains(r#"url: Secret({"file":"/spec/chat"})"#));
    // Of the program itself hear those who hear of everybody.
    assert!(shown("run: ./x").contains("program: true"));
    assert!(shown("run: ./x, children: web").contains("program: false"));
    assert!(shown("run: ./x, children: web, program: true").contains("program: true"));
}

#[test]
fn no_key_of_a_hook_is_forgotten() {
    let hooks = ROOT.key("hooks").expect("there are hooks").takes.groups();
    let known: Vec<&str> = RUN.iter().chain(POST).map(|(key, ..)| *key).collect();
    let here = |group: &'static Group, above: &str| -> Vec<String> {
        group.all().map(|key| format!("{above}{}", key.name)).collect()
    };
    let retry = hooks[0].key("retry").expect("there are retries").takes.groups();
    for key in here(hooks[0], "").into_iter().chain(here(retry[0], "retry.")) {
        let has_row = known.contains(&key.as_str()) || matches!(&*key, "run" | "url" | "retry");
        assert!(has_row, "no row for {key}");
    }
}

#[test]
fn the_watchdog_is_a_span_or_never() {
    let watchdog = |said: &str| good(&format!("children: {{}}\n{said}\n")).watchdog;
    assert_eq!(watchdog(""), Duration::from_secs(30));
    assert_eq!(watchdog("watchdog: 1m"), Duration::from_secs(60));
    assert_eq!(watchdog("watchdog: never"), Duration::ZERO);
    let said = bad("children: {}\nwatchdog: 1s\n").to_string();
    assert!(said.contains("a silence this short"), "{said}");
}

#[test]
fn what_a_hook_does_is_said_in_plain_words() {
    let text = "
children: {app: {command: ./x, labels: {team: a}}}
hooks:
  pager: {url: 'https://ops.example.org/hooks/T0/secret', children: [app], labels: {team: a}, on: [failure, given-up]}
  note: {run: ./note, fold: 0}
";
    let said = mainstay_daemon::spec::meanings(&good(text));
    let expected = "hook note
  Runs `./note` when a child fails, is given up, recovers.
  Is told of troubles of the program itself.
  Is told of everything as it comes.
  One try takes at most 10s, one fact at most 12 of them; between them: ladder 1s, 5s, 30s, 2m, 10m.
  After 60 failed tries in 1h its receiver is left alone.
hook pager
  Posts to ops.example.org:443 when a child of app with team=a fails, is given up.
  Of one child it is told each fact once in 2m; what comes again is told as one.
  One try takes at most 10s, one fact at most 12 of them; between them: ladder 1s, 5s, 30s, 2m, 10m.
  After 60 failed tries in 1h its receiver is left alone.
";
    assert!(said.ends_with(expected), "{said}");
}

#[test]
fn a_hook_about_nobody_is_worth_knowing() {
    let warned = |hook: &str| -> Vec<String> {
        let text = format!(
            "children: {{app: {{children: {{web-1: ./x}}}}, db: {{command: ./x, labels: {{team: a}}}}}}\n\
             hooks: {{pager: {{run: ./page, {hook}}}}}\n"
        );
        good(&text).warnings.iter().map(ToString::to_string).collect()
    };
    for hook in ["on: failure", "children: app", "children: 'app/web-*'", "labels: {team: a}"] {
        assert_eq!(warned(hook), [""; 0], "{hook}");
    }
    let expected = ["mainstay.yaml:2:9: the hook `pager` is about no child that is declared here"];
    for hook in ["children: [apq]", "labels: {team: b}", "children: app, labels: {team: a}"] {
        assert_eq!(warned(hook), expected, "{hook}");
    }
}

#[test]
fn a_secret_that_cannot_be_read_is_worth_knowing() {
    let text =
        "children: {}\nhooks: {pager: {run: ./x, secrets: {T: {env: SURELY_NOT_SET_HERE}}}}\n";
    let warnings: Vec<String> = good(text).warnings.iter().map(ToString::to_string).collect();
    let expected = "mainstay.yaml:2:40: the secret `T` of the hook `pager` cannot be read: the variable \
        `SURELY_NOT_SET_HERE` is not set; it is told nothing until it can";
    assert_eq!(warnings, [expected]);
}

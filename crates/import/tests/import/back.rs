//! The way back: what is exported says the same when it is imported again.

use crate::support::{imported, load, try_import};
use mainstay_daemon::spec::Loaded;
use mainstay_import::{Exported, Neighbour, Written, export};
use std::path::Path;

const SPEC: &str = r#"
name: shop
strategy: one-for-one
defaults: {folder: /srv, stop: [{signal: INT, to: all, within: 20s}]}
children:
  db:
    command: /bin/db --data "a b"
    description: The base, 100%
    preset: systemd
    ready: notify
    ready_timeout: 30s
    environment: {A: "say \"x\"", B: $HOME}
    rlimits: {nofile: 4096, core: {soft: 0, hard: unlimited}}
    liveness: {heartbeat: {every: 10s, misses: 3}}
    success: [3, USR1]
    reload: HUP
  web:
    command: exec ./web | cat
    shell: true
    preset: systemd
    restart: always
    backoff: {geometric: {first: 1s, most: 1m, steps: 5}}
    budget: {count: starts, most: 3, within: tumbling 1m, admit: at-start}
    needs: [db]
    user: shop
    log: /tmp/web.log
    secrets: {TOKEN: {env: TOKEN}}
"#;

/// Exports the processes of a spec file.
fn written(to: Exported) -> Written {
    written_of(to, SPEC)
}

fn written_of(to: Exported, spec: &str) -> Written {
    let environment = |name: &str| (name == "TOKEN").then(|| "hush".to_owned());
    let loaded = mainstay_daemon::spec::load_text(
        spec,
        Path::new("/spec/mainstay.yaml"),
        &environment,
        None,
    )
    .expect("it is right");
    export(to, "mainstay.yaml", spec, &forms(&loaded)).expect("it is right")
}

fn forms(loaded: &Loaded) -> Vec<(String, String)> {
    let (spec, _) = loaded.tree.clone().into_spec().expect("it was checked");
    let children = &spec.root.supervisor().expect("a supervisor").children;
    let form = |child: &mainstay_core::spec::Declared| {
        child.payload.as_ref().expect("a process").form().expect("a form").to_owned()
    };
    children.iter().map(|(name, child)| (name.to_string(), form(child))).collect()
}

#[test]
fn units_come_back_as_they_went() {
    let written = written(Exported::Systemd);
    let (name, db) = &written.files[0];
    assert_eq!(name, "db.service");
    for line in [
        "Description=The base, 100%%",
        "Type=notify",
        "ExecStart=/bin/db --data \"a b\"",
        "WorkingDirectory=/srv",
        "Environment=\"A=say \\\"x\\\"\"",
        "LimitCORE=0:infinity",
        "WatchdogSec=30s",
        "KillSignal=SIGINT",
        "KillMode=control-group",
        "TimeoutStopSec=20s",
        "ExecReload=/bin/kill -s HUP $MAINPID",
        "Restart=on-failure",
    ] {
        assert!(db.lines().any(|written| written == line), "{line} is not in\n{db}");
    }
    let files: Vec<(&str, &str)> =
        written.files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = crate::support::folder(&files);
    let made = try_import(Neighbour::Systemd, &[folder.path().into()]).expect("it is right");
    let loaded = load(&made.spec, folder.path());
    assert_eq!(loaded.names().collect::<Vec<_>>(), ["db", "web"]);
    for line in [
        "command: [/bin/db, \"--data\", a b]",
        "liveness: {heartbeat: {every: 10s, misses: 3}}",
        "backoff: {geometric: {first: 1s, most: 1m, steps: 5}}",
        "preset: {systemd: {StartLimitBurst: 3, StartLimitIntervalSec: 1m}}",
        "needs: [db]",
        "reload: HUP",
        "A: \"say \\\"x\\\"\"",
        "command: [/bin/sh, \"-c\", \"exec ./web | cat\"]",
    ] {
        assert!(
            made.spec.lines().any(|written| written.trim() == line),
            "{line} is not in\n{}",
            made.spec
        );
    }
    assert_eq!(made.report.lost().count(), 0, "{}", made.report);
}

#[test]
fn each_key_is_told_once_on_the_way_back_too() {
    for to in [Exported::Systemd, Exported::Procfile] {
        let written = written(to);
        let mut keys: Vec<(String, String)> = written
            .report
            .items
            .iter()
            .map(|item| (item.section.clone(), item.key.clone()))
            .collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count, "{}", written.report);
        for wanted in ["strategy", "name"] {
            assert!(written.report.lost().any(|item| item.key == wanted), "{}", written.report);
        }
        let secret = written.report.items.iter().find(|item| item.key.starts_with("secrets"));
        assert!(secret.is_some_and(|item| !item.value.contains("hush")), "{}", written.report);
    }
}

#[test]
fn a_procfile_comes_back_as_it_went() {
    let written = written(Exported::Procfile);
    let (name, text) = &written.files[0];
    assert_eq!(name, "Procfile");
    let made = imported(Neighbour::Procfile, &[("Procfile", text)]);
    assert!(made.spec.contains("cd /srv && exec ./web | cat"), "{}", made.spec);
    assert!(made.spec.contains("A='say \\\"x\\\"' "), "{}", made.spec);
}

#[test]
fn what_a_spec_file_leaves_to_us_is_written_out_for_systemd() {
    for (says, expected) in [
        (
            "",
            &[
                "Restart=always",
                "RestartSec=500ms",
                "RestartSteps=6",
                "RestartMaxDelaySec=30s",
                "StartLimitIntervalSec=10m",
                "StartLimitBurst=11",
                "TimeoutStopSec=10s",
            ][..],
        ),
        (
            ", restart: on-failure, ready: notify",
            &["RestartForceExitStatus=SIGHUP SIGINT SIGPIPE SIGTERM", "TimeoutStartSec=1m"],
        ),
        (
            ", restart: on-failure, success: [TERM]",
            &["RestartForceExitStatus=SIGHUP SIGINT SIGPIPE"],
        ),
        (", backoff: 2s", &["RestartSec=2s", "StartLimitBurst=11"]),
        (", budget: none", &["RestartSec=500ms", "StartLimitIntervalSec=0"]),
        (
            ", preset: supervisord",
            &[
                "Restart=on-failure",
                "RestartSec=1s",
                "StartLimitIntervalSec=infinity",
                "StartLimitBurst=4",
            ],
        ),
        (
            ", preset: kubernetes",
            &[
                "RestartSec=10s",
                "RestartSteps=5",
                "RestartMaxDelaySec=5m",
                "StartLimitIntervalSec=0",
                "TimeoutStopSec=30s",
            ],
        ),
        (
            ", preset: dinit",
            &["RestartSec=200ms", "StartLimitIntervalSec=10s", "StartLimitBurst=4"],
        ),
    ] {
        let spec = format!("children: {{web: {{command: /bin/web{says}}}}}\n");
        let written = written_of(Exported::Systemd, &spec);
        let unit = &written.files[0].1;
        for line in expected {
            assert!(unit.lines().any(|written| written == *line), "{line} is not in\n{unit}");
        }
        let told = written.report.changed().find(|item| item.key == "(what is not said)");
        let text = told.map_or("", |item| item.verdict.text());
        let open = expected.iter().any(|line| text.contains(line));
        assert!(open || says.contains("on-failure"), "{}", written.report);
    }
    // What never runs again needs none of it, and systemd's own are systemd's own.
    for says in ["restart: never", "preset: systemd"] {
        let spec = format!("children: {{web: {{command: /bin/web, {says}}}}}\n");
        let unit = written_of(Exported::Systemd, &spec).files[0].1.clone();
        assert!(!unit.contains("RestartSec") && !unit.contains("StartLimit"), "{unit}");
    }
    for preset in mainstay_core::spec::Preset::ALL {
        let spec = format!("children: {{web: {{command: /bin/web, preset: {}}}}}\n", preset.name());
        assert!(written_of(Exported::Systemd, &spec).files[0].1.contains("Restart="));
    }
}

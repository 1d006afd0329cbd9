//! The smallest files, and how the parts of a file come together.

use crate::support::{bad, child, declared, environment, good, read, spec};
use mainstay_core::policy::budget::{Scope, Within};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::{
    AutoShutdown, Change, Criticality, Kind, OnExhausted, Preset, Source, Strategy,
};
use mainstay_daemon::spec::{fragment, load, meanings, payload_of};
use mainstay_wire::spec::{Every, Overlap, Schedule};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Returns the form of a child.
fn form(text: &str, path: &str) -> String {
    declared(&spec(&good(text)), path).payload.unwrap().form().unwrap().to_owned()
}

#[test]
fn the_smallest_file_has_three_lines() {
    let text = "children:\n  web:\n    command: ./serve --port 80\n";
    let loaded = good(text);
    let web = child(&spec(&loaded), "web");
    assert_eq!(web.kind, Kind::Process);
    assert_eq!((web.restart, web.criticality), (Restart::Always, Criticality::Optional));
    assert_eq!(loaded.name, "spec");
    assert_eq!(loaded.sources, [PathBuf::from("/spec/mainstay.yaml")]);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(form(text, "web"), r#"{"command":"./serve --port 80","folder":"/spec"}"#);
    assert_eq!(form("children: {web: ./serve --port 80}", "web"), form(text, "web"));
}

#[test]
fn a_process_can_be_made_again_of_its_form() {
    let text = include_str!("good/shop.yaml");
    let tree = spec(&good(text));
    for path in ["db", "web", "nightly", "queue/broker", "queue/worker@2"] {
        let payload = declared(&tree, path).payload.unwrap();
        let form = payload.form().unwrap();
        assert!(!form.contains("hush"), "a secret stands in {form}");
        // The secret of `web` is read from the environment of the program, which has none.
        match payload_of(form) {
            Ok(again) => {
                assert_eq!(payload.change(&*again), Change::Same, "{path}: {form}");
                assert_eq!(again.form(), Some(form));
            }
            Err(why) => {
                let expected = "the secret `TOKEN` cannot be read: the variable `TOKEN` is not set";
                assert_eq!((path, why.as_str()), ("web", expected));
            }
        }
    }
    for (form, expected) in [
        ("no json", "the form of a child is no JSON: expected ident at line 1 column 2"),
        ("{}", "the form of a child names no command"),
    ] {
        assert_eq!(payload_of(form).unwrap_err(), expected);
    }
}

#[test]
fn a_secret_is_in_the_environment_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "pssst\n").unwrap();
    let text = |file: &str| {
        format!(
            "children: {{web: {{command: ./x, secrets: {{A: {{env: TOKEN}}, B: {{file: {file}}}}}}}}}"
        )
    };
    let loaded = good(&text(&file.display().to_string()));
    let payload = declared(&spec(&loaded), "web").payload.unwrap();
    let all = format!("{loaded:?} {payload:?} {} {}", meanings(&loaded), payload.form().unwrap());
    assert!(!all.contains("hush") && !all.contains("pssst"), "{all}");
    assert!(all.contains(r#"set: ["A", "B"]"#), "{all}");
    // That its value is there, and without the line end, shows in what counts as a change.
    let with = |command: &str| {
        let text = format!("children: {{web: {{command: ./x, {command}}}}}");
        declared(&spec(&good(&text)), "web").payload.unwrap()
    };
    assert_eq!(payload.change(&*with("environment: {A: hush, B: pssst}")), Change::Same);
    assert_eq!(payload.change(&*with("environment: {A: hush, B: other}")), Change::Restart);
}

#[test]
fn templates_defaults_and_own_words_come_together() {
    let text = "
environment: {WHO: file, TOP: file}
defaults: {stop: 5s, nice: 1, environment: {WHO: defaults, MORE: defaults}}
templates:
  worker: {command: './work ${instance}', nice: 2, labels: {team: a, kind: b}, environment: {WHO: template}}
children:
  plain: ./plain
  group:
    defaults: {nice: 3, restart: never}
    children:
      inner: ./inner
      worker@3..4: {template: worker, restart: on-failure, labels: {team: c}, environment: {WHO: own}}
  own: {command: ./own, instances: 2, nice: 4}
";
    let loaded = good(text);
    let tree = spec(&loaded);
    let shows = |path: &str, expected: &str| {
        let shown = format!("{:?}", declared(&tree, path));
        assert!(shown.contains(expected), "{path}: no {expected} in {shown}");
    };
    shows("plain", "nice: Some(1)");
    shows("plain", "steps: [For(5s)]");
    shows("group/inner", "nice: Some(3)");
    shows("group/inner", "restart: Never");
    shows("group/worker@3", "nice: Some(2)");
    shows("group/worker@3", "restart: OnFailure");
    shows("group/worker@4", r#"command: ["./work", "4"]"#);
    shows("own@2", "nice: Some(4)");
    let worker = r#""environment":{"MORE":"defaults","TOP":"file","WHO":"own"}"#;
    assert!(form(text, "group/worker@3").contains(worker), "{}", form(text, "group/worker@3"));
    assert_eq!(loaded.labels["group/worker@3"].iter().collect::<Vec<_>>().len(), 2);
    assert_eq!(loaded.labels["group/worker@3"]["team"], "c");
    assert_eq!(loaded.labels["group/worker@3"]["kind"], "b");
}

#[test]
fn the_top_of_the_file_speaks_for_the_tree() {
    let text = include_str!("good/shop.yaml");
    let loaded = good(text);
    let tree = spec(&loaded);
    assert_eq!(loaded.name, "shop");
    assert_eq!(tree.drain_timeout, Duration::from_secs(30));
    assert_eq!(tree.storm_rate.map(|rate| (rate.burst, rate.per_second)), Some((100, 50.0)));
    let root = tree.root.supervisor().unwrap();
    assert_eq!(root.strategy, Strategy::RestForOne);
    let limit = &tree.root.budget[0];
    assert_eq!((tree.root.budget.len(), limit.scope, limit.most), (1, Scope::Tree, 100));
    assert_eq!(loaded.journal.age, Duration::from_secs(90 * 86_400));
    assert_eq!(loaded.journal.size, 1 << 30);
    assert_eq!(loaded.api.mode, Some(0o660));
    let tcp = loaded.api.tcp.as_ref().unwrap();
    assert_eq!(tcp.listen.port(), 7070);
    assert_eq!(tcp.certificate, Path::new("/spec/api.pem"));
    assert_eq!(tcp.key, Path::new("/spec/api.key"));
    assert_eq!(tcp.tokens.as_deref(), Some(Path::new("/spec/tokens")));
    let cron =
        Every::Cron { expression: "30 2 * * *".into(), time_zone: Some("Europe/Berlin".into()) };
    let schedule = Schedule { every: cron, overlap: Overlap::Queue };
    assert_eq!(loaded.tending.schedules["nightly"], schedule);

    let more = good(
        "on_exhausted: cooldown\nfatal_drain_timeout: 3s\nstart_concurrency: 2\nauto_shutdown: any-significant\n\
         preset: otp\nbudget: none\napi: {socket: s, tcp: {listen: '[::1]:1', certificate: a, key: b, client_ca: c}}\n\
         children: {a: {command: ./a, significant: true, restart: never}}\n",
    );
    let tree = spec(&more);
    let root = tree.root.supervisor().unwrap();
    assert_eq!(root.on_exhausted, OnExhausted::Cooldown);
    assert_eq!(tree.fatal_drain_timeout, Duration::from_secs(3));
    assert_eq!(
        (root.start_concurrency, root.auto_shutdown),
        (Some(2), AutoShutdown::AnySignificant)
    );
    assert!(root.revive, "the preset speaks");
    assert!(tree.root.budget.is_empty());
    assert_eq!(more.api.socket.as_deref(), Some(Path::new("/spec/s")));
    assert_eq!(more.api.tcp.unwrap().client_ca.as_deref(), Some(Path::new("/spec/c")));
    assert!(spec(&good("children: {}")).root.budget.is_empty(), "a daemon's root has no limit");
}

#[test]
fn supervisors_have_policies_and_children() {
    let loaded = good(
        "children:\n  app:\n    strategy: one-for-all\n    start_concurrency: 1\n    auto_shutdown: all-significant\n\
         \x20   budget: [{count: restarts, most: 3, within: tumbling 1m}, {count: failures, most: 2, within: 5m, scope: child}]\n\
         \x20   needs: [db]\n    criticality: required\n    description: All of it\n\
         \x20   children: {a: {command: ./a, significant: true, restart: on-failure}}\n  db: ./db\n\
         \x20 wide: {budget: none, significant: false, labels: {x: y}, children: {b: ./b}}\n",
    );
    let app = child(&spec(&loaded), "app");
    let group = app.supervisor().unwrap();
    assert_eq!(group.strategy, Strategy::OneForAll);
    assert_eq!(
        (group.start_concurrency, group.auto_shutdown),
        (Some(1), AutoShutdown::AllSignificant)
    );
    assert_eq!(app.criticality, Criticality::Required);
    assert_eq!(&*app.needs[0].child, "db");
    let limits: Vec<_> = app.budget.iter().map(|limit| (limit.most, limit.scope)).collect();
    assert_eq!(limits, [(2, Scope::Child), (3, Scope::Supervisor)]);
    assert_eq!(app.budget[1].within, Within::Tumbling(Duration::from_secs(60)));
    assert_eq!(loaded.descriptions["app"], "All of it");
    assert!(child(&spec(&loaded), "wide").budget.is_empty());
    assert_eq!(loaded.labels["wide"]["x"], "y");
    assert!(loaded.meanings["app"].contains("At most 3 restarts"), "{}", loaded.meanings["app"]);
}

#[test]
fn needs_stand_for_all_instances() {
    let loaded = good("children: {w: {command: ./w, instances: 2}, web: {command: ./x, needs: w}}");
    let needs = child(&spec(&loaded), "web").needs;
    let needs: Vec<&str> = needs.iter().map(|need| &*need.child).collect();
    assert_eq!(needs, ["w@1", "w@2"]);
}

#[test]
fn files_are_included_once_with_their_own_folders() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let main = put(
        "mainstay.yaml",
        "include: [more/*.yaml]\nenv_file: .env\ndefaults: {nice: 3}\nchildren: {a: './a ${FROM_FILE}'}\n",
    );
    put(
        "more/one.yaml",
        "children: {b: {command: ./b, log: b.log, template: t}}\nenvironment: {X: one}\n",
    );
    put("more/two.yaml", "templates: {t: {umask: '077', env_file: t.env}}\n");
    put(".env", "FROM_FILE=here # comment\n");
    put("more/t.env", "export T='of the template'\n");
    put("more/no.txt", "children: {}\n");
    let loaded = load(&main, &environment, None).unwrap();
    assert_eq!(loaded.sources.len(), 5, "{:?}", loaded.sources);
    let form =
        |path: &str| declared(&spec(&loaded), path).payload.unwrap().form().unwrap().to_owned();
    let more = folder.path().join("more").display().to_string();
    assert!(form("a").contains(r#""command":"./a here""#), "{}", form("a"));
    let b = form("b");
    for expected in [
        format!(r#""folder":"{more}""#),
        format!(r#""log":"{more}/b.log""#),
        r#""environment":{"FROM_FILE":"here","T":"of the template","X":"one"}"#.to_owned(),
        r#""nice":3"#.to_owned(),
        r#""umask":"077""#.to_owned(),
    ] {
        assert!(b.contains(&expected), "no {expected} in {b}");
    }

    put("more/one.yaml", "include: ../mainstay.yaml\n");
    let problems = load(&main, &environment, None).unwrap_err().details();
    assert!(
        problems[0].starts_with("more/one.yaml:1:10: files include each other in a circle"),
        "{problems:?}"
    );
    put("more/one.yaml", "include: two.yaml\nchildren: {a: ./a}\nname: x\n");
    put("more/t.env", "good=1\nbad line with a value\n");
    let problems = load(&main, &environment, None).unwrap_err();
    let details = problems.details().join("\n");
    for expected in [
        "more/one.yaml:2:12: the child `a` stands twice; first at mainstay.yaml:4:12: rename one",
        "more/one.yaml:3:1: `name` is no key of an included file",
        "is included twice",
    ] {
        assert!(details.contains(expected), "no {expected} in {details}");
    }
    put("more/one.yaml", "children: {b: {command: ./b, template: t}}\n");
    let problems = load(&main, &environment, None).unwrap_err();
    assert!(!problems.to_string().contains("with a value"), "a value is told: {problems}");
    assert!(
        problems.details()[0].starts_with("more/t.env:2:1: this line has no `=`"),
        "{problems}"
    );
    put("mainstay.yaml", "include: none/*.yaml\nchildren: {}\n");
    assert!(load(&main, &environment, None).is_err(), "there is no such folder");
    put("mainstay.yaml", "include: more/*.yml\nchildren: {}\n");
    let loaded = load(&main, &environment, None).unwrap();
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings[0].starts_with("mainstay.yaml:1:10: no file is called like"), "{warnings:?}");
    let missing = load(&folder.path().join("nothing.yaml"), &environment, None).unwrap_err();
    assert!(
        missing.to_string().contains("`mainstay init` writes a file to begin with"),
        "{missing}"
    );
}

#[test]
fn a_fragment_may_need_siblings_of_the_tree() {
    let text = "children: {extra: {command: ./x, needs: [db], labels: {a: b}, schedule: {every: 5m}}, s: {children: {c: ./c}}}";
    let fragment = fragment(text, Path::new("/spec/extra.yaml"), &environment, None).unwrap();
    let names: Vec<&str> = fragment.children.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["extra", "s"]);
    assert_eq!(fragment.labels["extra"]["a"], "b");
    assert_eq!(fragment.tending.schedules.len(), 1);
    assert!(bad(text).to_string().contains("needs `db`, and it has no such sibling"));
    let bare = "extra: {command: ./x, needs: [db]}\ns: {children: {c: ./c}}";
    let bare = mainstay_daemon::spec::fragment(bare, Path::new("/x.yaml"), &environment, None);
    let names: Vec<String> = bare.unwrap().children.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["extra", "s"]);
    for wrong in [
        "children: {}",
        "{}",
        "a: {command: ./a, restart: x}",
        "name: x\nchildren: {a: ./a}",
        "children: {a: {command: ./a, restart: x}}",
    ] {
        let result =
            mainstay_daemon::spec::fragment(wrong, Path::new("/x.yaml"), &environment, None);
        assert!(result.is_err(), "{wrong}");
    }
}

#[test]
fn an_explicit_word_wins_over_a_preset() {
    let loaded = good("children: {web: {command: ./x, preset: focas, jitter: full}}");
    let web = child(&spec(&loaded), "web");
    let source = |field| web.sources.of(field);
    use mainstay_core::spec::Field;
    assert_eq!(source(Field::Jitter), Source::Explicit);
    assert_eq!(source(Field::Backoff), Source::Preset(Preset::Focas));
}

#[test]
fn warnings_say_where_they_come_from() {
    let loaded = good(
        "drain_timeout: 20s\nchildren:\n  db: ./db\n  web:\n    command: ./x\n    needs: [db]\n    stop: 30s\n\
         \x20   holdoff: 0\n    backoff: 10s\n    jitter: none\n    budget: {count: restarts, most: 10, within: 10s}\n",
    );
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let all = warnings.join("\n");
    for expected in [
        "mainstay.yaml:6:5: web: needs db to be ready, but that child has no ready rule",
        "mainstay.yaml:11:5: web: at most 10 restarts in any 10s can never trip",
        "mainstay.yaml:8:5: web: holdoff 0",
        "mainstay.yaml:1:1: stopping everything may take 40s, more than drain_timeout 20s",
    ] {
        assert!(all.contains(expected), "no {expected} in\n{all}");
    }
    assert_eq!(warnings.len(), 4, "{all}");
    let text = meanings(&loaded);
    assert!(text.contains("web\n  Starts once db is ready.\n"), "{text}");
    assert!(text.ends_with(&format!("warning: {}\n", warnings[3])), "{text}");
}

#[test]
fn aliases_stand_for_their_anchors_and_cannot_grow_without_end() {
    let loaded = good("children: {a: &a {command: ./a, nice: 5}, b: *a}");
    let shown = format!("{:?}", declared(&spec(&loaded), "b"));
    assert!(shown.contains("nice: Some(5)"), "{shown}");
    let mut text = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..10 {
        let below = vec![format!("*x{}", level - 1); 10].join(", ");
        text += &format!("x{level}: &x{level} [{below}]\n");
    }
    assert!(bad(&text).to_string().contains("aliases make more than 1000000 values"));
    assert!(bad("children: &c {a: *c}").to_string().contains("alias"));
}

#[test]
fn no_text_makes_the_reader_panic() {
    let good = include_str!("good/shop.yaml");
    for cut in (0..good.len()).step_by(7).filter(|cut| good.is_char_boundary(*cut)) {
        // What counts is that there is an answer, and that it can be shown.
        if let Err(problems) = read(&good[..cut]) {
            assert!(!problems.to_string().is_empty());
        }
    }
    for text in [
        "\u{0}",
        "\u{feff}children: {}",
        "a: \"\\x",
        "- x",
        "é: ü\nchildren: {ä: ",
        "[",
        "? [a]\n: b",
    ] {
        if let Err(problems) = read(text) {
            assert!(!problems.coloured().is_empty());
        }
    }
}

#[test]
fn ten_thousand_children_take_no_more_than_their_number() {
    let write = |count: u32| {
        let each =
            (0..count).map(|at| format!("  c{at}: {{command: ./c, needs: [base], nice: 1}}\n"));
        format!("children:\n  base: ./b\n{}", each.collect::<String>())
    };
    let wrong = write(2_000).replace("nice: 1", "nice: x");
    assert_eq!(bad(&wrong).details().len(), 2_000);
    let loaded = good(&write(10_000));
    assert_eq!(loaded.meanings.len(), 10_002);
}

#[test]
fn what_is_tended_is_kept_by_path() {
    let loaded = good(
        "children:\n  a: {command: ./a, schedule: {every: 5m, overlap: replace}}\n\
         \x20 b: {command: ./b, schedule: '*/5 * * * *', restart: on-failure}\n\
         \x20 g: {children: {c: {command: ./c, restart_on_change: c.conf}}}\n\
         \x20 d: {command: ./d, restart_on_change: {paths: [d.conf, /etc/d/*.conf], debounce: 2s}}\n",
    );
    let tending = &loaded.tending;
    let every = Every::Span(Duration::from_secs(300));
    assert_eq!(tending.schedules["a"], Schedule { every, overlap: Overlap::Replace });
    let every = Every::Cron { expression: "*/5 * * * *".into(), time_zone: None };
    assert_eq!(tending.schedules["b"], Schedule { every, overlap: Overlap::Skip });
    let tree = spec(&loaded);
    assert_eq!(child(&tree, "a").restart, Restart::Never);
    assert_eq!(child(&tree, "b").restart, Restart::OnFailure, "its own word holds");
    let one = &tending.watches["g/c"];
    assert_eq!(one.paths, [PathBuf::from("/spec/c.conf")]);
    assert_eq!(one.debounce, Duration::from_millis(500));
    let two = &tending.watches["d"];
    assert_eq!(two.paths, [PathBuf::from("/spec/d.conf"), PathBuf::from("/etc/d/*.conf")]);
    assert_eq!(two.debounce, Duration::from_secs(2));
    assert_eq!(good("children: {}").journal, mainstay_wire::spec::Journal::default());
    let meaning = &loaded.meanings["a"];
    assert!(
        meaning.starts_with("Starts every 5m; a time that comes while it runs ends that run."),
        "{meaning}"
    );
}

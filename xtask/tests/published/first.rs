//! The static program as the first process of a root that has nothing else in it.

use crate::cage::{Cage, With};
use std::fs;

#[test]
fn it_runs_a_command_and_ends_with_its_code() {
    let Some(cage) = Cage::new() else { return };
    let ended = cage.ended(With::USUAL, &["mainstay", "run", "--", "busybox", "echo", "hello"]);
    assert_eq!((ended.code, &*ended.said), (0, "hello\n"), "{}", ended.complained);
    let words = ["mainstay", "run", "--restart", "never", "--", "sh", "-c", "exit 7"];
    let ended = cage.ended(With::USUAL, &words);
    assert_eq!(ended.code, 7, "{ended:?}");
}

#[test]
fn it_keeps_a_tree_and_answers_in_there() {
    let Some(cage) = Cage::new() else { return };
    let spec = r#"
name: shop
auto_shutdown: any-significant
children:
  web: sh -c 'echo serving; exec busybox sleep 1000'
  clock:
    command: busybox sleep 1000
    schedule: { cron: "0 4 * * *", time_zone: Europe/Berlin }
  ask:
    command: sh -c 'mainstay status; mainstay explain web; echo asked'
    needs: web
    restart: never
    significant: true
"#;
    fs::write(cage.at("etc/mainstay/mainstay.yaml"), spec).expect("a spec file");
    let ended = cage.ended(With::USUAL, &["mainstay", "up", "/etc/mainstay/mainstay.yaml"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for wanted in ["| serving", "keeper 1", "`web` is ready", "| asked"] {
        assert!(ended.said.contains(wanted), "{wanted}: {}\n{}", ended.said, ended.complained);
    }
}

#[test]
fn it_shows_itself_and_ends_in_order_at_a_signal() {
    let Some(cage) = Cage::new() else { return };
    let mut first = cage.begun(&["mainstay", "demo"]);
    first.until("database | ready to serve");
    assert_eq!(first.told_to_end(), 0);
}

#[test]
fn what_it_misses_is_named_with_what_to_do() {
    let Some(cage) = Cage::new() else { return };
    let hello = ["mainstay", "run", "--", "busybox", "echo", "hello"];
    let without_proc = With { proc: false, ..With::USUAL };
    let ended = cage.ended(without_proc, &hello);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.complained.contains("`mount -t proc proc /proc`"), "{ended:?}");

    let without_null = With { null: false, ..With::USUAL };
    let spec =
        "name: shop\nchildren:\n  web:\n    command: busybox true\n    criticality: critical\n";
    fs::write(cage.at("etc/mainstay/mainstay.yaml"), spec).expect("a spec file");
    let ended = cage.ended(without_null, &["mainstay", "up", "/etc/mainstay/mainstay.yaml"]);
    assert_ne!(ended.code, 0, "{ended:?}");
    assert!(ended.complained.contains("/dev/null"), "{ended:?}");

    // The folders are there, from the runs before; then nothing is.
    let read_only = With { read_only: true, ..With::USUAL };
    let bare = Cage::new().expect("as before");
    for (cage, place) in [(&cage, "`/var/lib/mainstay"), (&bare, "`/run/mainstay`")] {
        let ended = cage.ended(read_only, &hello);
        assert_ne!(ended.code, 0, "{ended:?}");
        for wanted in [place, "Read-only", "MAINSTAY_RUNTIME", "MAINSTAY_STATE", "tmpfs"] {
            assert!(ended.complained.contains(wanted), "{wanted}: {}", ended.complained);
        }
    }
    let ended = cage.ended(With { memory: true, ..read_only }, &hello);
    assert_eq!((ended.code, &*ended.said), (0, "hello\n"), "{}", ended.complained);
}

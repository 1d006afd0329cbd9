//! What goes wrong is said, and loses nothing.

use super::harness::{Daemon, text};
use std::fs;

#[test]
fn a_wrong_spec_file_starts_nothing() {
    let daemon = Daemon::new("children:\n  web:\n    comand: sleep 1\n    restart: somtimes\n");
    let output = daemon.run(&["up"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for wanted in ["mainstay.yaml:3", "comand", "command", "somtimes", "always"] {
        assert!(said.contains(wanted), "{wanted} is not said: {said}");
    }
}

#[test]
fn a_second_daemon_is_refused() {
    let mut daemon = Daemon::new("children:\n  web:\n    command: PUPPET hang\n");
    daemon.up();
    let output = daemon.run(&["up"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains(&daemon.brain().to_string()), "{said}");
    // By another socket it is the journal that is taken.
    let socket = daemon.path("other.sock").display().to_string();
    let output = daemon.run(&["--socket", &socket, "up"]);
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("in use"), "{said}");
    daemon.until_ready("web");
}

#[test]
fn nobody_answers() {
    let daemon = Daemon::new("children:\n  web:\n    command: sleep 1\n");
    let output = daemon.run(&["status"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("mainstay up"), "{}", text(&output.stderr));
}

#[test]
fn a_stale_socket_is_in_nobodys_way() {
    let mut daemon = Daemon::new("children:\n  web:\n    command: PUPPET hang\n");
    fs::create_dir(daemon.path("run")).expect("made");
    drop(std::os::unix::net::UnixListener::bind(daemon.path("run/api.sock")).expect("bound"));
    daemon.up();
    daemon.until_ready("web");
}

#[test]
fn a_name_that_is_nearly_right_gets_a_suggestion() {
    let mut daemon = Daemon::new("children:\n  writer:\n    command: PUPPET hang\n");
    daemon.up();
    let output = daemon.run(&["restart", "writter"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("`writer`"), "{}", text(&output.stderr));
}

#[test]
fn a_missing_program_is_told_at_once() {
    let mut daemon = Daemon::new("children:\n  web:\n    command: /nowhere/at/all\n");
    daemon.up();
    let web = daemon.until_child("web", "broken", |child| {
        child["alerts"].as_array().is_some_and(|alerts| !alerts.is_empty())
    });
    let story = daemon.says(&["explain", "web"]);
    assert!(story.contains("/nowhere/at/all"), "{story}\n{web}");
}

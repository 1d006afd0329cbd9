//! From `up` to `down`.

use super::harness::{Daemon, PROGRAM, lives, read, text};
use std::process::Command;

#[test]
fn three_lines_are_a_spec_file() {
    let mut daemon = Daemon::new("children:\n  web:\n    command: PUPPET hang\n");
    daemon.up();
    let pid = daemon.until_ready("web")["pid"].as_u64().expect("a pid");
    assert!(daemon.says(&["status"]).contains("web"));
    daemon.says(&["down"]);
    assert_eq!(daemon.ends().code(), Some(0));
    assert!(!lives(u32::try_from(pid).expect("a pid")), "nothing is left behind");
}

#[test]
fn what_the_spec_file_says_for_people_is_shown() {
    let mut daemon = Daemon::new(
        "children:\n  web: {command: PUPPET hang, description: the shop itself, labels: {team: a}}\n",
    );
    daemon.up();
    daemon.until_ready("web");
    let page = daemon.says(&["status", "web"]);
    assert!(page.contains("the shop itself") && page.contains("team=a"), "{page}");
}

#[test]
fn what_children_print_is_shown_and_kept() {
    let mut daemon = Daemon::new(
        "
children:
  talker:
    command: sh -c 'echo one; echo two; exec sleep 1000'
",
    );
    daemon.up();
    let line = daemon.hears("two");
    assert!(line.starts_with("talker"), "{line}");
    daemon.until("its log has both", || {
        let logs = daemon.says(&["logs", "talker", "-n", "10"]);
        logs.contains("one") && logs.contains("two")
    });
    assert!(read(&daemon.path("state/logs/talker.log")).contains("two"));
}

#[test]
fn a_failure_is_explained_and_remembered() {
    let mut daemon = Daemon::new(
        "
children:
  bad:
    command: sh -c 'echo cannot bind port 80; exit 3'
    backoff: { fixed: 1h }
",
    );
    daemon.up();
    daemon.until_child("bad", "waiting", |child| child["standing"] == "waiting");
    let story = daemon.says(&["explain", "bad"]);
    assert!(story.contains("code 3") && story.contains("cannot bind port 80"), "{story}");
    let history = daemon.says(&["history", "bad"]);
    assert!(history.contains("#1"), "{history}");
    let page = daemon.says(&["postmortem", "bad#1"]);
    assert!(page.contains("cannot bind port 80"), "{page}");
    daemon.says(&["down"]);
    daemon.ends();
    daemon.up();
    let history = daemon.says(&["history", "bad"]);
    assert!(history.contains("#1"), "it outlives the daemon: {history}");
}

#[test]
fn an_edited_file_is_planned_and_applied() {
    let mut daemon = Daemon::new("children:\n  a:\n    command: PUPPET hang\n");
    daemon.up();
    let pid = daemon.until_ready("a")["pid"].clone();
    daemon.declare("children:\n  a:\n    command: PUPPET hang\n  b:\n    command: PUPPET hang\n");
    let plan = daemon.says(&["apply", "--dry-run"]);
    assert!(plan.contains('b'), "{plan}");
    daemon.says(&["apply", "--yes"]);
    daemon.until_ready("b");
    assert_eq!(daemon.child("a")["pid"], pid, "what has not changed goes on");
    daemon.declare("children:\n  b:\n    command: PUPPET hang\n");
    daemon.says(&["apply", "--yes"]);
    daemon.until("a is gone", || {
        let status = daemon.ask(&["status"]).expect("it answers");
        status["children"].as_array().is_some_and(|children| children.len() == 1)
    });
}

#[test]
fn a_wrong_file_changes_nothing() {
    let mut daemon = Daemon::new("children:\n  a:\n    command: PUPPET hang\n");
    daemon.up();
    let pid = daemon.until_ready("a")["pid"].clone();
    daemon.declare("children:\n  a:\n    comand: PUPPET hang\n");
    let output = daemon.run(&["apply", "--yes"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("comand"), "{}", text(&output.stderr));
    assert_eq!(daemon.child("a")["pid"], pid);
}

#[test]
fn a_command_runs_without_a_file() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let output = Command::new(PROGRAM)
            .args(["run", "--restart", "never", "--", "sh", "-c", &format!("echo hello; {script}")])
            .current_dir(folder.path())
            .env("MAINSTAY_STATE", folder.path().join("state"))
            .env("MAINSTAY_RUNTIME", folder.path().join("run"))
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(code), "{script}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "hello\n", "{script}");
    }
}

#[test]
fn one_interrupt_from_the_terminal_is_heard_once() {
    let mut daemon = Daemon::new(
        "
children:
  slow:
    command: sh -c 'trap \"sleep 1; exit 0\" TERM; echo there; while :; do sleep 0.1; done'
    shell: false
",
    );
    daemon.up();
    daemon.hears("there");
    daemon.interrupt();
    assert_eq!(daemon.ends().code(), Some(0));
    // Heard twice it would have meant: by force.
    let rest = daemon.rest();
    assert!(rest.contains("ended as asked") && !rest.contains("by force"), "{rest}");
}

#[test]
fn an_empty_tree_comes_up_and_ends() {
    let mut daemon = Daemon::new("children: {}\n");
    daemon.up();
    assert!(daemon.keeper() > 0);
    daemon.says(&["down"]);
    assert_eq!(daemon.ends().code(), Some(0));
}

#[test]
fn the_next_command_in_the_same_place_is_another_one() {
    let folder = tempfile::TempDir::new().expect("a folder");
    for word in ["first", "second"] {
        let output = Command::new(PROGRAM)
            .args(["--name", "one", "run", "--restart", "never", "--", "echo", word])
            .current_dir(folder.path())
            .env("MAINSTAY_STATE", folder.path().join("state"))
            .env("MAINSTAY_RUNTIME", folder.path().join("run"))
            .output()
            .expect("it runs");
        assert_eq!(text(&output.stdout), format!("{word}\n"), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "", "nothing went wrong");
    }
}

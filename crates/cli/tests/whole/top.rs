//! `mainstay top` on a real terminal, with a real daemon.

use crate::harness::{Daemon, kill};
use crate::terminal::Terminal;
use rustix::process::{Pid, Signal, kill_process};

const SPEC: &str = "
children:
  web:
    command: PUPPET hang
  flaky:
    command: sh -c 'echo cannot bind >&2; exit 3'
    backoff: { fixed: 1h }
";

fn top(daemon: &Daemon) -> Terminal {
    let mut terminal = Terminal::start(&daemon.command(&["top", "web"]), 100, 30);
    terminal.shows("[1 why]");
    terminal
}

#[test]
fn a_child_is_restarted_with_a_reason_and_the_brain_may_die_meanwhile() {
    let mut daemon = Daemon::new(SPEC);
    daemon.up();
    daemon.until_ready("web");
    let mut terminal = top(&daemon);
    terminal.shows("● ready");
    terminal.shows("`web` is ready: run #1");
    terminal.types("R");
    terminal.shows("restart web");
    terminal.shows("ends run #1 in order, then starts the next run");
    terminal.types("new certificates\r");
    daemon.until_child("web", "in its second run", |child| child["run"] == 2);
    terminal.shows("#2");
    let why = daemon.says(&["explain", "web"]);
    assert!(why.contains("certificates"), "{why}");
    terminal.types("j2");
    terminal.shows("cannot bind");
    let before = daemon.brain();
    kill(before);
    daemon.until("another brain answers", || daemon.brain() != before);
    terminal.shows(&format!("brain {}", daemon.brain()));
    // It goes on: what happens now is seen too.
    daemon.says(&["restart", "web"]);
    terminal.shows("#3");
    terminal.resize(60, 16);
    terminal.shows("[2 logs]");
    assert!(!terminal.is_plain(), "keys come at once");
    terminal.types("q");
    assert_eq!(terminal.ends().code(), Some(0));
    assert!(terminal.is_plain());
}

#[test]
fn the_terminal_is_given_back_when_a_signal_ends_it() {
    let mut daemon = Daemon::new(SPEC);
    daemon.up();
    let mut terminal = top(&daemon);
    let pid = Pid::from_raw(terminal.pid().cast_signed()).expect("a pid");
    kill_process(pid, Signal::TERM).expect("it lives");
    assert_eq!(terminal.ends().code(), Some(0));
    assert!(terminal.is_plain() && terminal.is_given_back());
}

#[test]
fn a_daemon_that_ends_is_told_and_awaited() {
    let mut daemon = Daemon::new(SPEC);
    daemon.up();
    let mut terminal = top(&daemon);
    assert!(daemon.run(&["down"]).status.success());
    daemon.ends();
    terminal.shows("asking again");
    daemon.up();
    terminal.until("it is back", |screen| !screen.text().contains("asking again"));
    terminal.types("q");
    assert_eq!(terminal.ends().code(), Some(0));
}

#[test]
fn without_a_terminal_it_says_what_to_do_instead() {
    let mut daemon = Daemon::new(SPEC);
    daemon.up();
    for arguments in [&["top"][..], &["--json", "top"]] {
        let output = daemon.run(arguments);
        let said = crate::harness::text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("mainstay") && said.contains("status"), "{said}");
        assert!(output.stdout.is_empty());
    }
    let mut terminal = Terminal::start(&daemon.command(&["top", "wbe"]), 100, 30);
    terminal.shows("did you mean `web`?");
    assert_eq!(terminal.ends().code(), Some(4));
}

//! A brain that gives no sign of life: noticed by its keeper, ended, and started again.

use super::harness::{Daemon, halt, read};
use serde_json::Value;

const TREE: &str = "
watchdog: 3s
children:
  web: PUPPET hang
  db: PUPPET hang
";

/// Returns what is told of the pids and the runs of all children.
fn lives(status: &Value) -> Vec<(Value, Value, Value)> {
    let children = status["children"].as_array().cloned().unwrap_or_default();
    children
        .into_iter()
        .map(|child| (child["path"].clone(), child["pid"].clone(), child["runs"].clone()))
        .collect()
}

fn until_another_brain(daemon: &Daemon, brain: u32) -> Value {
    daemon.until("another brain answers", || {
        daemon
            .ask(&["status"])
            .is_ok_and(|status| status["brain_pid"].is_u64() && status["brain_pid"] != brain)
    });
    daemon.status()
}

#[test]
fn a_brain_that_stands_still_is_noticed_and_every_child_lives_on() {
    let mut daemon = Daemon::new(TREE);
    daemon.up();
    daemon.until_ready("web");
    daemon.until_ready("db");
    let before = daemon.status();
    let brain = daemon.brain();
    halt(brain);
    let after = until_another_brain(&daemon, brain);
    assert_eq!(lives(&before), lives(&after));
    assert_eq!(before["keeper_pid"], after["keeper_pid"]);
    let notices = after["notices"].to_string();
    // Who is stopped cannot say what it was doing.
    let expected = format!("(pid {brain}) gave no sign of life for ");
    assert!(notices.contains(&expected) && notices.contains("it left no dump"), "{notices}");
    let alerts = daemon.ask(&["alerts"]).expect("alerts");
    assert_eq!(alerts[0]["kind"], "brain-silent", "{alerts}");
    // It stays until somebody has seen it, whatever becomes of the brain that told it.
    let second = daemon.brain();
    super::harness::kill(second);
    until_another_brain(&daemon, second);
    let alerts = daemon.ask(&["alerts"]).expect("alerts");
    assert_eq!(alerts[0]["kind"], "brain-silent", "{alerts}");
    daemon.says(&["acknowledge", "--all", "--why", "seen"]);
    assert_eq!(daemon.ask(&["alerts"]).expect("alerts"), Value::Array(Vec::new()));
}

#[test]
fn a_dump_is_given_when_it_is_asked_for_and_nobody_is_restarted() {
    let mut daemon = Daemon::new(TREE);
    daemon.up();
    daemon.until_ready("web");
    let brain = daemon.brain();
    let quit = rustix::process::Signal::QUIT;
    let keeper = rustix::process::Pid::from_raw(daemon.keeper().cast_signed()).expect("a pid");
    // To either process: the keeper hands it on.
    rustix::process::kill_process(keeper, quit).expect("it lives");
    let line = daemon.hears("what the brain is doing: ");
    let path = line.split(": ").last().expect("a path").trim().to_owned();
    let dump = read(path.as_ref());
    assert!(dump.contains("loop: ") && dump.contains("mainstay-link"), "{dump}");
    let asked = daemon.says(&["doctor", "--dump"]);
    assert!(asked.contains("loop: ") && asked.contains("tokio-rt-worker"), "{asked}");
    assert_eq!(daemon.brain(), brain);
}

/// Points at which a thread stands still are only there in a program that was built with them.
#[cfg(feature = "faults")]
#[test]
fn a_loop_that_stands_still_leaves_a_dump_that_says_where() {
    let mut daemon = Daemon::new(TREE);
    let fault = format!("stall.loop.command:1:{}", daemon.path("stalled").display());
    daemon.up_with(&[("MAINSTAY_FAULT", &fault)]);
    daemon.until_ready("web");
    daemon.until_ready("db");
    let before = daemon.status();
    let brain = daemon.brain();
    // Nobody answers it in this life; whoever asks once more is answered by the next brain.
    let mut asks = daemon.command(&["pause", "web"]).spawn().expect("it runs");
    let after = until_another_brain(&daemon, brain);
    asks.wait().expect("it ends");
    assert_eq!(lives(&before), lives(&after));
    let notices = after["notices"].to_string();
    let path = notices.split("its dump: ").nth(1).and_then(|rest| rest.split('"').next());
    let dump = read(path.unwrap_or_else(|| panic!("no dump in {notices}")).as_ref());
    assert!(
        dump.contains("in the middle of `loop.step`") && dump.contains("`commanded`"),
        "{dump}"
    );
}

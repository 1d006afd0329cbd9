//! `kill -9` of either process, or of both: no child dies, nothing is doubled, no exit is missed.

use super::harness::{Daemon, halt, kill, lives};
use std::time::Instant;

const TWO: &str = "
children:
  web:
    command: PUPPET hang
  loop:
    command: PUPPET exit:3
    backoff: { fixed: 1h }
";

#[test]
fn the_brain_is_killed_and_is_back() {
    let mut daemon = Daemon::new(TWO);
    daemon.up();
    let pid = daemon.until_ready("web")["pid"].clone();
    daemon.until_child("loop", "waiting", |child| child["standing"] == "waiting");
    let brain = daemon.brain();
    let began = Instant::now();
    kill(brain);
    daemon.until("another brain answers", || {
        daemon.ask(&["status"]).is_ok_and(|status| status["brain_pid"] != brain)
    });
    println!("back after {:?}", began.elapsed());
    let web = daemon.child("web");
    assert_eq!((&web["pid"], &web["runs"]), (&pid, &1.into()));
    assert_eq!(daemon.child("loop")["runs"], 1, "its delay goes on");
    assert_eq!(daemon.status()["brain_restarts"], 1);
}

#[test]
fn an_exit_while_there_is_no_brain_is_not_missed() {
    let mut daemon = Daemon::new(
        "
children:
  web:
    command: PUPPET hang
    backoff: none
",
    );
    daemon.up();
    daemon.until_ready("web");
    for round in 2..4 {
        let pid = daemon.pid("web");
        kill(daemon.brain());
        kill(pid);
        let web = daemon.until_child("web", "another run", |child| {
            child["standing"] == "ready" && child["pid"] != pid
        });
        assert_eq!(web["runs"], round);
        assert_eq!(web["last"]["cause"], "signaled");
    }
}

#[test]
fn the_keeper_is_killed_and_every_child_lives_on() {
    let mut daemon = Daemon::new(TWO);
    daemon.up();
    let pid = daemon.until_ready("web")["pid"].clone();
    let keeper = daemon.keeper();
    kill(keeper);
    daemon.until("another keeper holds them", || {
        daemon.ask(&["status"]).is_ok_and(|status| status["keeper_pid"] != keeper)
    });
    let web = daemon.child("web");
    assert_eq!((&web["pid"], &web["runs"]), (&pid, &1.into()));
    daemon.says(&["restart", "web"]);
    let web = daemon.until_child("web", "another run", |child| {
        child["standing"] == "ready" && child["pid"] != pid
    });
    assert_eq!(web["runs"], 2);
}

#[test]
fn both_are_killed_and_the_next_up_finds_what_lives() {
    let mut daemon = Daemon::new(TWO);
    daemon.up();
    let pid = daemon.until_ready("web")["pid"].clone();
    daemon.until_child("loop", "waiting", |child| child["standing"] == "waiting");
    let (keeper, brain) = (daemon.keeper(), daemon.brain());
    // A keeper that stands still starts no brain in between.
    halt(keeper);
    kill(brain);
    kill(keeper);
    daemon.until("both are gone", || !lives(brain) && !lives(keeper));
    daemon.ends();
    daemon.up();
    let web = daemon.until_ready("web");
    assert_eq!((&web["pid"], &web["runs"]), (&pid, &1.into()));
    assert_eq!(daemon.child("loop")["runs"], 1);
}

#[test]
fn what_operators_said_outlives_an_end_and_a_beginning() {
    let mut daemon = Daemon::new(TWO);
    daemon.up();
    daemon.until_ready("web");
    daemon.says(&["stop", "web", "--why", "maintenance"]);
    daemon.says(&["pause", "loop"]);
    daemon.says(&["down"]);
    assert_eq!(daemon.ends().code(), Some(0));
    daemon.up();
    let web = daemon.child("web");
    assert_eq!((&web["want"], &web["standing"]), (&"down".into(), &"down".into()));
    assert_eq!(daemon.child("loop")["paused"], true);
    daemon.says(&["start", "web"]);
    daemon.until_ready("web");
}

#[test]
fn an_upgrade_keeps_everything() {
    let mut daemon = Daemon::new(TWO);
    daemon.up();
    let pid = daemon.until_ready("web")["pid"].clone();
    let brain = daemon.brain();
    daemon.says(&["upgrade"]);
    daemon.until("the next brain answers", || {
        daemon.ask(&["status"]).is_ok_and(|status| status["brain_pid"] != brain)
    });
    let web = daemon.child("web");
    assert_eq!((&web["pid"], &web["runs"]), (&pid, &1.into()));
}

#[test]
fn a_secret_that_is_gone_ends_nobody() {
    let mut daemon = Daemon::new(
        "
children:
  web:
    command: PUPPET hang
    secrets: { TOKEN: { file: secret } }
    backoff: { fixed: 1h }
",
    );
    std::fs::write(daemon.path("secret"), "much-too-secret").expect("written");
    daemon.up();
    let pid = daemon.until_ready("web")["pid"].clone();
    std::fs::remove_file(daemon.path("secret")).expect("removed");
    let brain = daemon.brain();
    kill(brain);
    daemon.until("another brain answers", || {
        daemon.ask(&["status"]).is_ok_and(|status| status["brain_pid"] != brain)
    });
    let web = daemon.until_ready("web");
    assert_eq!((&web["pid"], &web["runs"]), (&pid, &1.into()));
    let notices = daemon.status()["notices"].to_string();
    assert!(notices.contains("TOKEN") && !notices.contains("much-too"), "{notices}");
    // It is not started without.
    daemon.says(&["restart", "web"]);
    let web = daemon
        .until_child("web", "failed to start", |child| child["last"]["cause"] == "start-failed");
    assert!(web["last"]["text"].to_string().contains("TOKEN"), "{web}");
    // Nothing of it was ever written down.
    let journal = daemon.path("state/journal");
    for file in std::fs::read_dir(journal).expect("a journal").flatten() {
        let bytes = std::fs::read(file.path()).expect("read");
        assert!(!String::from_utf8_lossy(&bytes).contains("much-too"), "{:?}", file.path());
    }
}

#[test]
fn a_keeper_that_dies_before_its_next_brain_has_met_it_is_replaced() {
    let mut daemon = Daemon::new(TWO);
    daemon.up();
    let pid = daemon.until_ready("web")["pid"].clone();
    let web = u32::try_from(pid.as_u64().expect("a pid")).expect("a pid");
    let (keeper, brain) = (daemon.keeper(), daemon.brain());
    kill(brain);
    // As soon as the next brain is there, and has hardly begun.
    daemon.until("the next brain is born", || {
        let children = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children"));
        let children = children.unwrap_or_default();
        let mut pids = children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok());
        pids.any(|pid| pid != brain && pid != web)
    });
    kill(keeper);
    daemon.until("another keeper holds them", || {
        let status = daemon.ask(&["status"]);
        status.is_ok_and(|status| status["keeper_pid"] != keeper && status["keeper_pid"].is_u64())
    });
    let web = daemon.until_ready("web");
    assert_eq!((&web["pid"], &web["runs"]), (&pid, &1.into()));
}

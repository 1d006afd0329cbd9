//! Hooks of the real program: a command that is told, brains that die in between, commands that hang.

use super::harness::{Daemon, kill, lives, read};
use serde_json::Value;

/// Returns the events that a hook has written down, one on each line.
fn events(daemon: &Daemon) -> Vec<Value> {
    let text = read(&daemon.path("events.jsonl"));
    // The last line may be half written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).expect("a CloudEvent")).collect()
}

fn kinds(daemon: &Daemon) -> Vec<String> {
    events(daemon).iter().map(|event| event["data"]["fact"].as_str().unwrap_or("").into()).collect()
}

#[test]
fn a_failure_a_giving_up_and_a_recovery_are_told() {
    let mut daemon = Daemon::new(
        "
hooks:
  note:
    run: [sh, -c, 'cat >> events.jsonl; echo >> events.jsonl; echo $MAINSTAY_FACT $MAINSTAY_CHILD$MORE >> facts']
    environment: { MORE: '!' }
    fold: 0
children:
  web:
    command: sh -c 'test -e good && exec PUPPET hang; exit 3'
    backoff: none
    budget: { count: failures, most: 2, within: 1h }
    on_exhausted: cooldown
    cooldown: manual
    stable_after: 5s
",
    );
    daemon.up();
    daemon.until("it is given up", || kinds(&daemon) == ["failure", "failure", "given-up"]);
    std::fs::write(daemon.path("good"), "").expect("written");
    daemon.says(&["reset", "web", "--why", "mended"]);
    daemon.says(&["start", "web"]);
    daemon.until("it has recovered", || {
        kinds(&daemon).last().is_some_and(|fact| fact == "recovered")
    });
    let events = events(&daemon);
    let ids: std::collections::BTreeSet<&str> =
        events.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), 4, "{events:?}");
    assert_eq!(events[0]["data"]["run"], 1);
    assert_eq!(read(&daemon.path("facts")).lines().next(), Some("failure web!"));
    daemon.until("all of it is taken down", || {
        let told = daemon.ask(&["hooks", "note"]).expect("deliveries");
        told.as_array().is_some_and(|all| all.iter().all(|one| one["state"] == "delivered"))
    });
    assert!(daemon.says(&["alerts", "--deliveries"]).contains("given-up"));
    assert!(daemon.says(&["hooks", "test", "note"]).contains("code 0"));
    assert_eq!(daemon.run(&["hooks", "test", "nope"]).status.code(), Some(1));
    assert_eq!(daemon.run(&["hooks", "nope"]).status.code(), Some(4));
}

#[test]
fn a_brain_that_dies_in_between_tells_it_again_with_the_same_id() {
    // The hook has begun, and waits for its brain to be dead.
    let mut daemon = Daemon::new(
        "
hooks:
  note:
    run: [sh, -c, 'read event; echo \"$event\" >> events.jsonl; test -e go && exit 0; : > begun; exec sleep 1000']
    timeout: 5m
    on: failure
children:
  bad: { command: PUPPET exit:3, backoff: { fixed: 1h } }
",
    );
    daemon.up();
    daemon.until("it is told", || daemon.path("begun").exists() && events(&daemon).len() == 1);
    std::fs::write(daemon.path("go"), "").expect("written");
    kill(daemon.brain());
    daemon.until("it is told again", || events(&daemon).len() == 2);
    let events = events(&daemon);
    assert_eq!(events[0]["id"], events[1]["id"]);
    daemon.until("it is taken down", || {
        let told = daemon.ask(&["hooks"]).unwrap_or_default();
        told[0]["state"] == "delivered" && told[0]["tries"] == 2
    });
    assert_eq!(daemon.child("bad")["runs"], 1, "supervision went on");
}

#[test]
fn a_failure_while_there_is_no_brain_is_told_by_the_next() {
    let mut daemon = Daemon::new(
        "
hooks:
  note: { run: [sh, -c, 'cat >> events.jsonl; echo >> events.jsonl'] }
children:
  web: { command: PUPPET hang, backoff: none }
",
    );
    daemon.up();
    let pid = daemon.until_ready("web")["pid"].as_u64().expect("a pid");
    kill(daemon.brain());
    kill(u32::try_from(pid).expect("a pid"));
    daemon.until("it is told", || kinds(&daemon) == ["failure"]);
    assert_eq!(events(&daemon)[0]["subject"], "web");
}

#[test]
fn a_hook_that_hangs_is_ended_with_all_it_has_begun() {
    let mut daemon = Daemon::new(
        "
hooks:
  stuck:
    run: [sh, -c, 'sleep 1000 & echo $! $$$$ >> pids; wait']
    timeout: 1s
    on: failure
    retry: { tries: 1000, most: 1000, backoff: 500ms }
children:
  bad: { command: PUPPET exit:3, backoff: { fixed: 1h } }
  web: PUPPET hang
",
    );
    daemon.up();
    // On a slow machine the first may be ended before it has begun anything.
    daemon.until("one was ended that had begun another", || {
        let told = daemon.ask(&["hooks"]).unwrap_or_default();
        let why = told[0]["last"].as_str().unwrap_or_default();
        let is_late = why.starts_with("it had not ended within 1s, and was ended");
        is_late && read(&daemon.path("pids")).lines().count() > 1
    });
    let pids = read(&daemon.path("pids"));
    let first = pids.lines().next().expect("a line").split(' ');
    let pids: Vec<u32> = first.map(|pid| pid.parse().expect("a pid")).collect();
    assert_eq!(pids.len(), 2);
    daemon.until("all of it is gone", || pids.iter().all(|pid| !lives(*pid)));
    daemon.until_ready("web");
}

#[test]
fn the_end_of_the_tree_is_told_before_the_program_ends() {
    let mut daemon = Daemon::new(
        "
hooks:
  note: { run: [sh, -c, 'cat >> events.jsonl; echo >> events.jsonl'], on: given-up }
children:
  boss: { command: sh -c 'test -e go && exit 3; exec PUPPET hang', restart: never, criticality: critical }
",
    );
    daemon.up();
    daemon.until_ready("boss");
    kill(daemon.pid("boss"));
    daemon.ends();
    let told = kinds(&daemon);
    assert_eq!(told.first().map(String::as_str), Some("given-up"), "{told:?}");
}

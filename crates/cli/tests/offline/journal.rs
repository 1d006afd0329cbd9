//! `mainstay journal`.

use crate::desk::{Desk, text};
use mainstay_daemon::journal::{Journal, Settings};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

const SPEC: &str = "
children:
  web:
    command: serve
    backoff: { fixed: 4s }
    jitter: none
";

/// Children that live and die for real.
const REAL: &str = "
children:
  web:
    command: sleep 1000
  bad:
    command: sh -c 'exit 3'
    backoff: { fixed: 10ms }
    jitter: none
    budget: none
";

/// Returns the names and contents of what is in a folder, but for the lock.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into(), fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn a_journal_is_verified() {
    let desk = Desk::new(SPEC);
    desk.write_journal();
    let before = contents(&desk.path("state/journal"));
    desk.expect("offline-verify.txt", &[&["journal", "verify"], &["journal", "verify", "-q"]]);
    assert_eq!(contents(&desk.path("state/journal")), before, "nothing is changed");
}

#[test]
fn a_flipped_decision_is_named() {
    let desk = Desk::new(SPEC);
    desk.write_journal();
    let seq = desk.edit_journal("\"until\":5000000000", "\"until\":1000000001");
    desk.expect("offline-edited.txt", &[&["journal", "verify"]]);
    let (out, _) = desk.ends(1, &["--json", "journal", "verify"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&found["clean"], &found["more_differences"]), (&false.into(), &0.into()));
    assert_eq!(found["differences"][0]["seq"], seq);
    assert_eq!(found["differences"].as_array().unwrap().len(), 1);
    assert!(found["differences"][0]["input"]["exited"].is_object(), "{found:#}");
    assert_eq!(found["differences"][0]["decided"][0]["path"], "web");
}

#[test]
fn damage_is_named_in_both_journals() {
    let desk = Desk::new(SPEC);
    desk.write_journal();
    for name in ["journal", "runs"] {
        let path = desk.path("state").join(name).join(format!("{:020}.seg", 1));
        let mut bytes = fs::read(&path).unwrap();
        bytes[40] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let (out, _) = desk.ends(1, &["journal", "verify"]);
    assert!(out.contains("\nrecords 1 to 1 are missing: bytes 0 to "), "{out}");
    assert!(out.contains("\nruns: records 1 to 1 are missing: bytes 0 to "), "{out}");
    assert!(out.ends_with("\n2 things are not as it should be\n"), "{out}");
    let (exported, said) = desk.ends(1, &["journal", "export"]);
    assert!(exported.starts_with("{\"seq\":2,"), "{exported}");
    assert!(said.starts_with("records 1 to 1 are missing"), "{said}");
    fs::remove_dir_all(desk.path("state/runs")).unwrap();
    let (out, _) = desk.ends(1, &["journal", "verify"]);
    assert!(out.contains("there are no runs in `"), "{out}");
}

#[test]
fn a_journal_is_exported_as_lines() {
    let desk = Desk::new(SPEC);
    desk.write_journal();
    let (all, _) = desk.ends(0, &["journal", "export"]);
    let lines: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=lines.len() as u64).collect::<Vec<_>>());
    assert_eq!(lines[0]["record"]["opened"]["why"], "the tree begins");
    assert_eq!(lines[1]["record"]["step"]["input"], "boot");
    assert!(lines[1]["wall"].is_i64());
    let (rest, _) = desk.ends(0, &["journal", "export", "--from", "5"]);
    assert!(rest.starts_with("{\"seq\":5,") && all.ends_with(&rest), "{rest}");
    let (runs, _) = desk.ends(0, &["journal", "export", "--runs"]);
    let run: Value = serde_json::from_str(runs.lines().next().unwrap()).unwrap();
    assert_eq!(run["run"]["path"], "app/web");
    let (none, _) = desk.ends(0, &["journal", "export", "--from", "1000000"]);
    assert_eq!(none, "");
}

#[test]
fn who_reads_no_further_ends_an_export_quietly() {
    let desk = Desk::new(SPEC);
    desk.write_journal();
    // More than a pipe holds, so that the writer is still at it.
    let (journal, _) = Journal::open(&desk.path("state/runs"), Settings::default()).unwrap();
    let long = format!("{{\"long\":\"{}\"}}", "x".repeat(100_000));
    for _ in 0..50 {
        journal.append(long.as_bytes());
    }
    journal.close();
    let mut child = desk
        .command(&["journal", "export", "--runs"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"seq\":1,"), "{line}");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn where_no_journal_is_it_is_said() {
    let desk = Desk::new(SPEC);
    for what in ["verify", "export", "compact"] {
        let (out, said) = desk.ends(1, &["journal", what, "--state", "elsewhere"]);
        assert_eq!(out, "");
        assert!(said.contains("no journal in `elsewhere/journal`"), "{said}");
        assert!(said.contains("--state"), "{said}");
    }
    fs::create_dir_all(desk.path("state/journal")).unwrap();
    let (_, said) = desk.ends(1, &["journal", "verify"]);
    assert!(said.contains("no journal in"), "{said}");
    // Without a folder it is that of the daemon that is meant.
    fs::write(desk.path("mainstay.yaml"), format!("name: found-by-name\n{SPEC}")).unwrap();
    let mut command = desk.command(&["journal", "verify"]);
    let output = command.env_remove("MAINSTAY_STATE").env("HOME", desk.path("")).output().unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("/mainstay/found-by-name/journal`"), "{said}");
}

#[test]
fn a_daemon_that_runs_is_verified_and_not_compacted() {
    let mut desk = Desk::new(REAL);
    desk.up();
    desk.ends(0, &["wait", "web"]);
    desk.ends(0, &["pause", "web", "--why", "a look"]);
    let (out, _) = desk.ends(0, &["journal", "verify"]);
    assert!(out.ends_with("all of it is there and decides the same\n"), "{out}");
    let (status, _) = desk.ends(0, &["--json", "status"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    let pid = status["brain_pid"].as_i64().unwrap();
    let (_, said) = desk.ends(1, &["journal", "compact"]);
    assert!(said.contains(&format!("with pid {pid}")), "{said}");
    assert!(said.contains(status["name"].as_str().unwrap()), "{said}");
    assert!(said.contains("`mainstay down`"), "{said}");
    // A brain that is killed, and the next one: every step of both is decided again.
    let brain = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(brain, rustix::process::Signal::KILL).unwrap();
    desk.ends(0, &["resume", "web"]);
    let (out, _) = desk.ends(0, &["--json", "journal", "verify"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["undecided"], Value::Array(Vec::new()), "{found:#}");
    assert_eq!(found["decided"], found["steps"]);
    // By its socket the daemon says where its journal is.
    let socket = desk.path("run/api.sock").display().to_string();
    let arguments = ["--socket", &socket, "journal", "export", "--runs"];
    let output = desk.command(&arguments).env_remove("MAINSTAY_STATE").output().unwrap();
    assert!(text(&output.stdout).contains("\"path\":\"bad\""), "{}", text(&output.stderr));
    let (simulated, _) = desk.ends(0, &["--json", "simulate", "bad"]);
    let played: Vec<Value> =
        simulated.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(played[0]["policy"], "what happened");
    assert_eq!(played[1]["policy"], "bad");
    assert!(played[1]["rules"].to_string().contains("fixed 10ms"), "{simulated}");
    desk.down();
    let (out, _) = desk.ends(0, &["journal", "compact"]);
    assert!(out.starts_with("1 file of ") && out.ends_with(" removed\n"), "{out}");
    let (out, _) = desk.ends(0, &["journal", "compact"]);
    assert_eq!(out, "nothing is there that is not needed\n");
    let (out, _) = desk.ends(0, &["journal", "verify"]);
    assert!(out.contains("nothing of it could be decided again"), "{out}");
}

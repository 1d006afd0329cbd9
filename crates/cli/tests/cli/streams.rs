//! Streams that break and go on.

use crate::fake::{Answer, Fake, file, mainstay};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

fn said(text: &str) -> Answer {
    Answer::Stream(text.into())
}

/// Runs a command that does not end by itself, and returns its first lines.
fn first_lines(fake: &Fake, arguments: &[&str], count: usize) -> Vec<String> {
    let mut child = mainstay(&fake.socket(), arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines = lines.take(count).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

fn event(seq: u64) -> String {
    format!(
        "id: {seq}\nevent: event\ndata: {{\"seq\":{seq},\"at\":1769860800000,\"path\":\"a\",\"run\":1,\
         \"kind\":\"ready\",\"text\":\"number {seq}\"}}\n\n"
    )
}

#[test]
fn events_go_on_over_the_end_of_a_brain() {
    let routes = [
        (
            "GET /v1/events?limit=50",
            &[Answer::Json(200, br#"{"events":[],"next":7,"missed":0}"#.into())][..],
        ),
        (
            "GET /v1/events?from=7",
            &[
                said(&(event(7) + &event(8) + "id: 9\nevent: event\ndata: {\"se")),
                Answer::Nothing,
                said(&event(9)),
                said(&event(10)),
            ],
        ),
    ];
    let fake = Fake::new(&routes);
    let lines = first_lines(&fake, &["events", "-f"], 4);
    for (line, seq) in lines.iter().zip(7..) {
        assert!(line.ends_with(&format!("number {seq}")), "{line}");
    }
    let resumed: Vec<String> = fake.asked().into_iter().skip(2).take(3).collect();
    let from = |last: u64| format!("GET /v1/events?from=7 [last-event-id: {last}]");
    assert_eq!(resumed, [from(8), from(8), from(9)], "what came in pieces was not taken for known");
}

#[test]
fn logs_go_on_where_they_were() {
    let line = |at: i64, text: &str| {
        format!(
            "event: line\ndata: {{\"path\":\"a\",\"at\":{at},\"run\":1,\"stream\":null,\"text\":\"{text}\"}}\n\n"
        )
    };
    let routes = [
        (
            "GET /v1/logs?path=a&lines=5&follow=true",
            &[said(&(line(10, "one") + &line(20, "two")))][..],
        ),
        (
            "GET /v1/logs?path=a&follow=true&since=20",
            &[
                file(404, "unknown.json"),
                said(
                    &(line(20, "two")
                        + &line(20, "three")
                        + "event: lagged\ndata: {\"missed\":2,\"path\":\"a\"}\n\n"
                        + &line(30, "four")),
                ),
            ],
        ),
    ];
    let fake = Fake::new(&routes);
    assert_eq!(
        first_lines(&fake, &["logs", "a", "-f", "-n", "5"], 4),
        ["one", "two", "three", "four"]
    );
}

#[test]
fn a_daemon_that_ends_is_waited_for() {
    let routes = [
        ("GET /v1/status", &[file(200, "serving.json")][..]),
        ("POST /v1/commands", &[file(200, "stopped.json")]),
        ("GET /v1/events", &[said(&event(1).replace("ready", "exited"))]),
    ];
    let fake = Fake::new(&routes);
    let mut child = mainstay(&fake.socket(), &["down"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "app/db: stopping: SIGTERM, then SIGKILL after 10s");
    assert_eq!(lines.next().unwrap(), "a: number 1");
    drop(fake);
    assert_eq!(lines.last().unwrap(), "the daemon has ended");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_watch_without_a_terminal_prints_each_change() {
    let routes = [
        ("GET /v1/status", &[file(200, "serving.json"), file(200, "trouble.json")][..]),
        ("GET /v1/events", &[said(&event(1)), said(": nothing\n\n")]),
    ];
    let fake = Fake::new(&routes);
    let lines = first_lines(&fake, &["status", "--watch", "--json"], 2);
    assert!(
        lines[0].contains(r#""overall":"serving""#) && lines[1].contains(r#""overall":"faulted""#)
    );
}

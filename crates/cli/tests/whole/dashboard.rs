//! `mainstay dashboard`, as a browser meets it.

use super::harness::{Daemon, kill};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

const SPEC: &str = "children:\n  web:\n    command: PUPPET hang\n";

/// A dashboard, and what a browser would have of it.
struct Dashboard {
    running: Child,
    host: String,
    /// The first part of every path.
    place: String,
    cookie: String,
}

/// An answer.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Dashboard {
    fn open(daemon: &Daemon, more: &[&str]) -> Self {
        let mut all = vec!["dashboard", "--no-open"];
        all.extend(more);
        let mut running = daemon
            .command(&all)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let out = running.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("an address");
        let address = line.trim().strip_prefix("http://").expect("an address").to_owned();
        let (host, secret) = address.split_once('/').expect("a secret");
        let host = host.to_owned();
        let entry = send(&host, "GET", &format!("/{secret}"), &[("accept", "text/html")], "");
        assert_eq!(entry.status, 200, "{}", entry.head);
        let cookie = entry.header("set-cookie").expect("a cookie");
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        let (_, place) = entry.body.split_once("url=/").expect("it leads on");
        let place = place.split('/').next().expect("a place").to_owned();
        Self { running, host, place, cookie }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("origin", &format!("http://{}", self.host)),
            ("content-type", "application/json"),
        ];
        send(&self.host, method, &format!("/{}/{path}", self.place), &headers, body)
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        drop(self.running.kill());
        drop(self.running.wait());
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

fn connect(
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(host).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).expect("it is taken");
    BufReader::new(stream)
}

fn send(host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut text = String::new();
    let mut stream = connect(host, method, path, headers, body);
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

#[test]
fn it_is_the_dashboard_of_whoever_has_the_address() {
    let mut daemon = Daemon::new(SPEC);
    daemon.up();
    daemon.until_ready("web");
    let dashboard = Dashboard::open(&daemon, &[]);
    let page = dashboard.ask("GET", "ui/child/web", "");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("../../web/main.js"), "{}", page.body);
    assert_eq!(dashboard.ask("GET", "web/main.js", "").status, 200);
    let me = dashboard.ask("GET", "v1/me", "");
    assert!(me.body.contains("\"role\":\"admin\""), "{}", me.body);
    let stop = r#"{"verb": {"stop": {}}, "target": "web", "why": "a test"}"#;
    let reply = dashboard.ask("POST", "v1/commands", stop);
    assert_eq!(reply.status, 200, "{}", reply.body);
    daemon.until_child("web", "down", |web| web["standing"] == "down");
    for path in ["/", "/ui/", "/v1/status", &format!("/{}/v1/status", dashboard.place)] {
        let answer = send(&dashboard.host, "GET", path, &[("accept", "text/html")], "");
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.body.contains("mainstay dashboard"), "{}", answer.body);
    }
}

#[test]
fn it_goes_on_when_the_brain_is_replaced() {
    let mut daemon = Daemon::new(SPEC);
    daemon.up();
    daemon.until_ready("web");
    let dashboard = Dashboard::open(&daemon, &[]);
    let headers = [("cookie", dashboard.cookie.as_str()), ("accept", "text/event-stream")];
    let path = format!("/{}/v1/events?from=1", dashboard.place);
    let mut events = connect(&dashboard.host, "GET", &path, &headers, "");
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        assert_ne!(events.read_line(&mut line).expect("the stream goes on"), 0, "it ended");
    }
    kill(daemon.brain());
    // A stream ends with the brain that it came from; whoever wants more asks again.
    let mut rest = Vec::new();
    let _ = events.read_to_end(&mut rest);
    daemon.until("it answers again", || {
        let answer = dashboard.ask("GET", "v1/status", "");
        if answer.status == 503 {
            assert!(answer.body.contains("\"code\":\"away\""), "{}", answer.body);
        }
        answer.status == 200
    });
    daemon.says(&["down"]);
    daemon.ends();
    let answer = dashboard.ask("GET", "v1/status", "");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    let headers = [("cookie", dashboard.cookie.as_str()), ("accept", "text/html")];
    let path = format!("/{}/ui/", dashboard.place);
    let page = send(&dashboard.host, "GET", &path, &headers, "");
    assert!(
        page.status == 503 && page.body.contains("The daemon does not answer"),
        "{}",
        page.body
    );
}

#[test]
fn who_only_looks_is_a_viewer() {
    let mut daemon = Daemon::new(SPEC);
    daemon.up();
    daemon.until_ready("web");
    let dashboard = Dashboard::open(&daemon, &["--read-only"]);
    let me = dashboard.ask("GET", "v1/me", "");
    assert!(me.body.contains("\"role\":\"viewer\""), "{}", me.body);
    let choices = dashboard.ask("GET", "v1/choices/web", "");
    assert!(!choices.body.contains("\"possible\":true"), "{}", choices.body);
    let stop = r#"{"verb": {"stop": {}}, "target": "web", "why": "a test"}"#;
    assert_eq!(dashboard.ask("POST", "v1/commands", stop).status, 403);
    assert_eq!(daemon.child("web")["standing"], "ready");
}

#[test]
fn without_a_daemon_there_is_none() {
    let daemon = Daemon::new(SPEC);
    let output = daemon.run(&["dashboard", "--no-open"]);
    assert_eq!(output.status.code(), Some(3));
}

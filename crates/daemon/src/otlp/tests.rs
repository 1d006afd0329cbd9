//! A collector that checks what it gets, one that stalls, and one that refuses.

use super::*;
use axum::body::Bytes;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use mainstay::{Context, Fault, Owner, Standing, task, tree};
use serde_json::Value;
use std::convert::Infallible;
use std::io;
use std::sync::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Long enough for any machine; where it passes the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request as it came.
struct Got {
    path: String,
    authorization: Option<String>,
    body: Value,
}

/// Serves until the set is dropped. `answers` are given in turn; the last one repeats.
async fn collector(answers: &[(u16, &str)]) -> (Target, mpsc::UnboundedReceiver<Got>, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("there are ports");
    let port = listener.local_addr().expect("it listens").port();
    let (tell, told) = mpsc::unbounded_channel();
    let mut answers: Vec<(u16, String)> =
        answers.iter().map(|(status, body)| (*status, (*body).to_owned())).rev().collect();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("somebody comes");
            let answer = match answers.as_slice() {
                [only] => only.clone(),
                _ => answers.pop().expect("one is left"),
            };
            let tell = tell.clone();
            let serve = service_fn(move |request: Request<Incoming>| {
                let (tell, answer) = (tell.clone(), answer.clone());
                async move {
                    let (parts, body) = request.into_parts();
                    let body = axum::body::to_bytes(axum::body::Body::new(body), 1 << 24).await;
                    let body = serde_json::from_slice(&body.expect("all of it")).expect("JSON");
                    let authorization = parts.headers.get(AUTHORIZATION);
                    let authorization =
                        authorization.and_then(|value| value.to_str().ok()).map(str::to_owned);
                    let path = parts.uri.path().to_owned();
                    // The test may have seen enough.
                    let _ = tell.send(Got { path, authorization, body });
                    let body = http_body_util::Full::new(Bytes::from(answer.1));
                    let response = Response::builder().status(answer.0).body(body);
                    Ok::<_, Infallible>(response.expect("a response"))
                }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), serve)
                .await;
            served.expect("a request");
        }
    });
    (format!("http://127.0.0.1:{port}/otel").parse().expect("an address"), told, serving)
}

fn settings(endpoint: Target) -> Settings {
    let mut settings = Settings::new(endpoint);
    (settings.every, settings.again) = (Duration::from_millis(5), Duration::from_millis(5));
    settings.timeout = Duration::from_secs(30);
    settings
}

/// A tree with `web`, which serves, and `flaky`, which fails twice and then serves.
fn start() -> Owner {
    let failures = Arc::new(Mutex::new(2));
    let flaky = move |cx: Context| {
        let failures = Arc::clone(&failures);
        async move {
            {
                let mut left = failures.lock().expect("nobody panics");
                if *left > 0 {
                    *left -= 1;
                    return Err(Fault::transient(io::Error::other("no such table")));
                }
            }
            cx.stopped().await;
            Ok(())
        }
    };
    let web = |cx: Context| async move { cx.stopped().await };
    tree().child(task("web", web)).child(task("flaky", flaky)).start().expect("a tree")
}

/// Runs an exporter beside a test.
fn exporting(exporter: Arc<Exporter>, handle: Handle) -> (oneshot::Sender<()>, JoinSet<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let mut running = JoinSet::new();
    running.spawn(async move {
        let stopped = async { drop(stopped.await) };
        exporter.run(handle, stopped).await;
    });
    (stop, running)
}

/// Collects what comes until it is enough.
async fn until(
    told: &mut mpsc::UnboundedReceiver<Got>,
    is_enough: impl Fn(&[Value], &[Value]) -> bool,
) -> (Vec<Value>, Vec<Value>) {
    let (mut spans, mut lines) = (Vec::new(), Vec::new());
    let all = async {
        while !is_enough(&spans, &lines) {
            let got = told.recv().await.expect("the collector serves");
            check(&got, &mut spans, &mut lines);
        }
    };
    if tokio::time::timeout(PATIENCE, all).await.is_err() {
        panic!("not enough has come: {spans:#?} {lines:#?}");
    }
    (spans, lines)
}

/// Holds a request against the JSON of OTLP.
fn check(got: &Got, spans: &mut Vec<Value>, lines: &mut Vec<Value>) {
    let (top, scopes, all) = match got.path.as_str() {
        "/otel/v1/traces" => ("resourceSpans", "scopeSpans", "spans"),
        "/otel/v1/logs" => ("resourceLogs", "scopeLogs", "logRecords"),
        other => panic!("nothing is sent to {other}"),
    };
    let resource = &got.body[top][0];
    let attribute = |of: &Value, key: &str| {
        let all = of["attributes"].as_array().expect("a list").iter();
        all.filter(|one| one["key"] == key).map(|one| one["value"].clone()).next()
    };
    let name = attribute(&resource["resource"], "service.name").expect("a name");
    assert_eq!(name["stringValue"], "shop");
    let instance = attribute(&resource["resource"], "service.instance.id").expect("a number");
    assert!(instance["stringValue"].as_str().is_some_and(|text| text.len() >= 16), "{instance}");
    let scope = &resource[scopes][0];
    assert_eq!(scope["scope"]["name"], "mainstay");
    let found = scope[all].as_array().expect("a list");
    assert!(!found.is_empty());
    let is_hex = |value: &Value, length: usize| {
        value.as_str().is_some_and(|text| {
            text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    let nanos = |value: &Value| -> u128 {
        value.as_str().expect("a number of 64 bits is a text").parse().expect("digits")
    };
    for one in found {
        for attribute in one["attributes"].as_array().expect("a list") {
            assert!(attribute["key"].is_string() && attribute["value"].is_object(), "{attribute}");
            if let Some(number) = attribute["value"].get("intValue") {
                assert!(number.is_string(), "{attribute}");
            }
        }
        if top == "resourceSpans" {
            assert!(is_hex(&one["traceId"], 32) && is_hex(&one["spanId"], 16), "{one}");
            assert!(nanos(&one["startTimeUnixNano"]) <= nanos(&one["endTimeUnixNano"]), "{one}");
            assert!(one["kind"].is_u64() && one["status"]["code"].is_u64(), "{one}");
            for event in one["events"].as_array().expect("a list") {
                assert!(nanos(&event["timeUnixNano"]) > 0 && event["name"].is_string());
            }
        } else {
            assert!(nanos(&one["timeUnixNano"]) > 1_500_000_000_000_000_000, "{one}");
            assert!(one["severityNumber"].is_u64() && one["body"]["stringValue"].is_string());
        }
    }
    if top == "resourceSpans" {
        spans.extend_from_slice(found);
    } else {
        lines.extend_from_slice(found);
    }
}

fn said<'a>(of: &'a Value, key: &str) -> &'a str {
    let all = of["attributes"].as_array().expect("a list").iter();
    let mut found = all.filter(|one| one["key"] == key);
    let value = found.next().unwrap_or_else(|| panic!("{key} is missing: {of}"));
    value["value"]["stringValue"]
        .as_str()
        .or_else(|| value["value"]["intValue"].as_str())
        .expect("a text")
}

#[tokio::test]
async fn each_run_is_a_trace_that_links_to_the_run_before() {
    let (endpoint, mut told, _serving) = collector(&[(200, "{}")]).await;
    let owner = start();
    let handle = owner.handle();
    let exporter = Arc::new(Exporter::new("shop", 7, 1));
    let mut settings = settings(endpoint);
    let mut secret = HeaderValue::from_static("Bearer secret");
    secret.set_sensitive(true);
    settings.headers.insert(AUTHORIZATION, secret);
    assert!(!format!("{settings:?}").contains("Bearer secret"), "it is shown nowhere");
    exporter.configure(Some(settings));
    let (stop, mut running) = exporting(Arc::clone(&exporter), handle.clone());
    handle.wait_for("flaky", Standing::Ready).await.expect("it serves at last");
    drop(owner.drain("a test").await);
    drop(stop);
    running.join_next().await.expect("it ends").expect("it does not panic");
    let first = told.recv().await.expect("something has come");
    assert_eq!(first.authorization.as_deref(), Some("Bearer secret"));
    let (mut spans, mut lines) = (Vec::new(), Vec::new());
    check(&first, &mut spans, &mut lines);
    while let Ok(got) = told.try_recv() {
        check(&got, &mut spans, &mut lines);
    }
    let runs: Vec<&Value> = spans.iter().filter(|span| span["name"] == "run flaky").collect();
    assert_eq!(runs.len(), 3, "{spans:#?}");
    for (index, run) in runs.iter().enumerate() {
        let number = index as u64 + 1;
        assert_eq!(run["traceId"], ids::trace(7, "flaky", number).as_str());
        assert_eq!(said(run, "mainstay.run"), number.to_string());
        let links = run["links"].as_array().expect("a list");
        assert_eq!(links.len(), usize::from(index > 0), "the first run follows nobody");
        for link in links {
            assert_eq!(link["traceId"], runs[index - 1]["traceId"]);
            assert_eq!(link["spanId"], runs[index - 1]["spanId"]);
        }
        let has_failed = index < 2;
        assert_eq!(run["status"]["code"], if has_failed { 2 } else { 0 }, "{run}");
        assert_eq!(said(run, "mainstay.cause"), if has_failed { "failed" } else { "stopped" });
        let parts: Vec<&str> = spans
            .iter()
            .filter(|span| span["parentSpanId"] == run["spanId"])
            .map(|span| span["name"].as_str().expect("a name"))
            .collect();
        assert!(parts.contains(&"start"), "{parts:?}");
        assert_eq!(parts.contains(&"stop"), !has_failed, "{parts:?}");
    }
    // A run tells its own children the same numbers.
    let parent = exporter.parent("flaky", 1).expect("there are traces");
    let (trace, span) = (&runs[0]["traceId"], &runs[0]["spanId"]);
    assert_eq!(
        parent,
        format!("00-{}-{}-01", trace.as_str().expect("hex"), span.as_str().expect("hex"))
    );
    let exited = lines.iter().find(|line| {
        said(line, "mainstay.event") == "exited" && said(line, "mainstay.child") == "flaky"
    });
    let exited = exited.expect("its end is told");
    assert_eq!((&exited["traceId"], &exited["spanId"]), (trace, span));
    assert_eq!(exited["severityText"], "WARN");
    assert!(
        exited["body"]["stringValue"].as_str().is_some_and(|text| text.contains("no such table"))
    );
    let progress = exporter.of(Signal::Logs);
    assert_eq!((progress.sent, progress.dropped), (lines.len() as u64, 0));
    // In order, none missing: what was told at the end too.
    let numbers: Vec<u64> =
        lines.iter().map(|line| said(line, "mainstay.seq").parse().expect("a number")).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
}

#[tokio::test]
async fn a_command_is_a_span_below_that_of_who_asked() {
    let (endpoint, mut told, _serving) = collector(&[(200, "{}")]).await;
    let owner = start();
    let exporter = Arc::new(Exporter::new("shop", 7, 1));
    let mut settings = settings(endpoint);
    settings.events = false;
    exporter.configure(Some(settings));
    let (_stop, _running) = exporting(Arc::clone(&exporter), owner.handle());
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (parent, status) in [(Some(format!("00-{trace}-00f067aa0ba902b7-01")), 200), (None, 500)] {
        exporter.commanded(&Commanded {
            verb: "restart",
            target: "web",
            who: "alice",
            why: "a test",
            status,
            took: Duration::from_millis(3),
            parent: parent.as_deref(),
        });
    }
    let is_command = |span: &&Value| span["name"] == "command restart";
    let enough = |spans: &[Value], _: &[Value]| spans.iter().filter(is_command).count() == 2;
    let (spans, _) = until(&mut told, enough).await;
    let commands: Vec<&Value> = spans.iter().filter(is_command).collect();
    assert_eq!(
        (&commands[0]["traceId"], &commands[0]["parentSpanId"]),
        (&trace.into(), &"00f067aa0ba902b7".into())
    );
    assert_eq!(
        (said(commands[0], "mainstay.who"), commands[0]["kind"].as_u64()),
        ("alice", Some(2))
    );
    assert_eq!(commands[0]["status"]["code"], 0);
    assert!(commands[1].get("parentSpanId").is_none());
    assert_eq!(commands[1]["status"]["code"], 2);
}

#[tokio::test]
async fn what_a_collector_does_not_want_now_comes_again_and_what_it_never_wants_does_not() {
    // Later twice, then all but one; then never.
    let partial = r#"{"partialSuccess": {"rejectedLogRecords": "1"}}"#;
    let answers = [(503, "later"), (429, ""), (200, partial), (400, "no")];
    let (endpoint, mut told, _serving) = collector(&answers).await;
    let settings = settings(endpoint);
    let outbound = Outbound::default();
    let exporter = Exporter::new("shop", 7, 1);
    let line = || {
        form::Line {
            at: form::now(),
            severity: form::Severity::Info,
            body: "x",
            attributes: Vec::new(),
            belongs: None,
        }
        .form()
    };
    for _ in 0..3 {
        exporter.put(Signal::Logs, 10, line());
    }
    let sending = send::send(&exporter, Signal::Logs, &settings, &outbound);
    let mut sending = std::pin::pin!(sending);
    let settled = |progress: Progress| progress.sent + progress.dropped;
    let mut wait = async |count: u64| {
        while settled(exporter.of(Signal::Logs)) < count {
            tokio::select! {
                () = &mut sending => {}
                got = told.recv() => drop(got.expect("the collector serves")),
                // The answer is on its way.
                () = tokio::task::yield_now() => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait(3)).await.expect("it is taken at last");
    assert_eq!(exporter.of(Signal::Logs), Progress { sent: 2, dropped: 1, failures: 2, queued: 0 });
    exporter.put(Signal::Logs, 10, line());
    tokio::time::timeout(PATIENCE, wait(4)).await.expect("it is given up");
    assert_eq!(exporter.of(Signal::Logs), Progress { sent: 2, dropped: 2, failures: 3, queued: 0 });
}

#[tokio::test]
async fn a_collector_that_stalls_costs_telemetry_and_nothing_else() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("there are ports");
    let port = listener.local_addr().expect("it listens").port();
    let owner = start();
    let handle = owner.handle();
    let exporter = Arc::new(Exporter::new("shop", 7, 1));
    let mut settings = settings(format!("http://127.0.0.1:{port}").parse().expect("an address"));
    // Of all that happens, two records wait.
    settings.queue = 2;
    exporter.configure(Some(settings));
    let (stop, mut running) = exporting(Arc::clone(&exporter), handle.clone());
    // It takes the connection, and never answers.
    let (_held, _) = listener.accept().await.expect("it comes");
    handle.wait_for("flaky", Standing::Ready).await.expect("supervision goes on");
    for _ in 0..20 {
        handle.by("a test").restart("web", "a test").await.expect("commands are carried out");
    }
    let dropped = async {
        while exporter.of(Signal::Logs).dropped == 0 {
            handle.by("a test").restart("web", "a test").await.expect("commands are carried out");
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, dropped).await.expect("what is too much is dropped");
    assert_eq!(exporter.of(Signal::Logs).sent, 0);
    assert!(exporter.of(Signal::Logs).queued <= 2 + queue::BATCH as u64);
    // It does not hold up the end either.
    drop(stop);
    let ended = tokio::time::timeout(PATIENCE, running.join_next()).await;
    ended.expect("the end does not wait for it").expect("it ran").expect("it does not panic");
}

#[tokio::test]
async fn settings_come_and_go_while_it_runs() {
    let (endpoint, mut told, _serving) = collector(&[(200, "{}")]).await;
    let owner = start();
    let handle = owner.handle();
    handle.wait_for("flaky", Standing::Ready).await.expect("it serves at last");
    let exporter = Arc::new(Exporter::new("shop", 7, 1));
    let (_stop, _running) = exporting(Arc::clone(&exporter), handle.clone());
    // On this one thread it begins before this goes on.
    tokio::task::yield_now().await;
    assert_eq!(exporter.parent("web", 1), None, "nobody collects traces");
    let mut settings = settings(endpoint);
    settings.traces = false;
    exporter.configure(Some(settings));
    assert_eq!(exporter.parent("web", 1), None, "nobody collects traces");
    let tell = async {
        // When it has begun to listen nobody knows.
        loop {
            handle.by("a test").restart("web", "later").await.expect("it is carried out");
            if let Ok(got) = told.try_recv() {
                return got;
            }
            tokio::task::yield_now().await;
        }
    };
    let got = tokio::time::timeout(PATIENCE, tell).await.expect("it tells");
    let (mut spans, mut lines) = (Vec::new(), Vec::new());
    check(&got, &mut spans, &mut lines);
    assert!(spans.is_empty() && lines[0].get("traceId").is_none());
    assert!(
        lines.iter().all(|line| !line.to_string().contains("no such table")),
        "that was before"
    );
}

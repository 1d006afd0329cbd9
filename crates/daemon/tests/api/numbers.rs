//! Numbers for Prometheus, over the API and on a port of their own.

use crate::world::{World, request};
use http_body_util::BodyExt;
use mainstay::{Context, Fault, Standing, supervisor, task, tree};
use mainstay_daemon::api::{Observed, Service, serve_observed};
use mainstay_daemon::metrics::{Kind, families, reference};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

async fn page(world: &World, accept: &str) -> String {
    let answer = world.send(request("GET", "/metrics", &[("accept", accept)], "")).await;
    assert_eq!(answer.status().as_u16(), 200);
    let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
    let expected = if accept.contains("openmetrics") {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    };
    assert_eq!(kind, expected);
    let body = answer.into_body().collect().await.expect("all of it").to_bytes();
    String::from_utf8(body.to_vec()).expect("UTF-8")
}

/// Returns every sample by its name with its labels.
fn samples(page: &str) -> BTreeMap<&str, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name, value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
        })
        .collect()
}

#[tokio::test]
async fn what_happened_is_counted_and_how_things_stand_is_told() {
    let world = World::new().await;
    world.done(serde_json::json!({"restart": {}}), "web").await;
    world
        .handle
        .wait_until("web", |view| view.runs == 2 && view.standing == Standing::Ready)
        .await
        .expect("it comes back");
    let (status, _) = world.get("/v1/children/nobody").await;
    assert_eq!(status, 404);
    let page = page(&world, "").await;
    let found = samples(&page);
    let expected = [
        ("mainstay_child_state{child=\"web\",state=\"ready\"}", 1.0),
        ("mainstay_child_state{child=\"web\",state=\"down\"}", 0.0),
        ("mainstay_child_state{child=\"flaky\",state=\"waiting\"}", 1.0),
        ("mainstay_child_condition{child=\"flaky\",condition=\"degraded\"}", 1.0),
        ("mainstay_exits_total{child=\"web\",cause=\"stopped\",action=\"as-wanted\"}", 1.0),
        ("mainstay_exits_total{child=\"flaky\",cause=\"failed\",action=\"exhaust\"}", 1.0),
        ("mainstay_starts_total{child=\"web\",outcome=\"ready\"}", 2.0),
        ("mainstay_runs_total{child=\"web\"}", 2.0),
        ("mainstay_alerts{child=\"flaky\",kind=\"permanent\"}", 1.0),
        ("mainstay_alerts_raised_total{child=\"flaky\"}", 1.0),
        ("mainstay_children{condition=\"fine\"}", 4.0),
        ("mainstay_children{condition=\"degraded\"}", 1.0),
        ("mainstay_children_folded", 0.0),
        ("mainstay_health{overall=\"degraded\"}", 1.0),
        ("mainstay_health{overall=\"serving\"}", 0.0),
        ("mainstay_commands_total{result=\"done\"}", 1.0),
        ("mainstay_loop_answers", 1.0),
        (
            "mainstay_api_requests_total{route=\"/v1/children/{path}\",method=\"GET\",status=\"404\"}",
            1.0,
        ),
        ("mainstay_api_requests_total{route=\"/v1/commands\",method=\"POST\",status=\"200\"}", 1.0),
        ("mainstay_api_request_seconds_count{route=\"/v1/commands\",method=\"POST\"}", 1.0),
        ("mainstay_start_seconds_bucket{le=\"+Inf\"}", found["mainstay_start_seconds_count"]),
    ];
    for (name, value) in expected {
        assert_eq!(found.get(name), Some(&value), "{name} in\n{page}");
    }
    assert!(found["process_resident_memory_bytes"] > 100_000.0);
    assert!(found["mainstay_loop_lag_seconds"] >= 0.0);
    world.stop().await;
}

#[tokio::test]
async fn every_sample_is_of_a_family_of_the_table() {
    let world = World::new().await;
    let (open, text) = (page(&world, "application/openmetrics-text").await, page(&world, "").await);
    assert!(open.ends_with("# EOF\n") && !text.contains("# EOF"));
    let created = "mainstay_exits_created{child=\"flaky\",cause=\"failed\",action=\"exhaust\"} ";
    assert!(open.contains(created), "{open}");
    assert!(!text.contains("_created"));
    let names = exposed();
    for line in text.lines().chain(open.lines()).filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let counted = name.strip_suffix("_created").map(|name| format!("{name}_total"));
        let is_known = |name: &str| names.iter().any(|known| known == name);
        let of_spread = name.strip_suffix("_created").map(|name| format!("{name}_count"));
        let is_any = is_known(name)
            || counted.as_deref().is_some_and(is_known)
            || of_spread.as_deref().is_some_and(is_known);
        assert!(is_any, "{name} is in no family");
    }
    world.stop().await;
}

/// Returns every name that can be asked for.
fn exposed() -> Vec<String> {
    let of = |family: &mainstay_daemon::metrics::Family| {
        let name = family.exposed();
        match family.kind {
            Kind::Histogram => {
                ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")).to_vec()
            }
            Kind::Summary => ["_sum", "_count"].map(|end| format!("{name}{end}")).to_vec(),
            Kind::Counter | Kind::Gauge | Kind::Info => vec![name],
        }
    };
    families().flat_map(of).collect()
}

#[tokio::test]
async fn children_beyond_the_bound_are_told_together() {
    let failing = async |_: Context| -> Result<(), Fault> {
        Err(Fault::permanent(std::io::Error::other("no")))
    };
    let serving = async |cx: Context| cx.stopped().await;
    let mut declared = tree().child(supervisor("app").child(task("first", serving)));
    for number in 0..5 {
        declared = declared.child(task(&format!("lame-{number}"), failing).optional());
    }
    let owner = declared.start().expect("a tree");
    let handle = owner.handle();
    for number in 0..5 {
        let is_over = |view: &mainstay::View| view.last.is_some();
        handle.wait_until(format!("lame-{number}"), is_over).await.expect("it fails");
    }
    handle.wait_for("app/first", Standing::Ready).await.expect("it starts");
    // By then all of them have been counted.
    let world = World::of(owner, Service::new(handle).labelled_children(3));
    let page = page(&world, "").await;
    let found = samples(&page);
    let labels = |family: &str, state: &str| {
        let names = found.iter().filter(|(name, _)| name.starts_with(family));
        names.filter(|(name, _)| name.contains(state)).map(|(_, value)| value).sum::<f64>()
    };
    assert_eq!(found["mainstay_children_folded"], 4.0, "{page}");
    // Each child is counted once, alone or with the others.
    assert_eq!(labels("mainstay_child_state{", "state=\"waiting\""), 5.0, "{page}");
    assert_eq!(labels("mainstay_exits_total{", "cause=\"failed\""), 5.0, "{page}");
    assert_eq!(labels("mainstay_alerts{", "kind=\"permanent\""), 5.0, "{page}");
    world.stop().await;
}

#[tokio::test]
async fn no_more_children_have_labels_than_the_bound_says() {
    let serving = async |cx: Context| cx.stopped().await;
    let owner = tree().child(task("first", serving)).start().expect("a tree");
    let handle = owner.handle();
    let service = Service::new(handle.clone()).labelled_children(2);
    for number in 0..4 {
        let child = task(&format!("later-{number}"), async |_: Context| -> Result<(), Fault> {
            Err(Fault::permanent(std::io::Error::other("no")))
        });
        handle.by("a test").add("", child.optional(), "a test").await.expect("it is added");
        let is_over = |view: &mainstay::View| view.last.is_some();
        handle.wait_until(format!("later-{number}"), is_over).await.expect("it fails");
    }
    let world = World::of(owner, service);
    let page = page(&world, "").await;
    let found = samples(&page);
    assert_eq!(found["mainstay_children_folded"], 3.0, "{page}");
    assert_eq!(found["mainstay_child_state{child=\"(others)\",state=\"waiting\"}"], 3.0, "{page}");
    assert_eq!(
        found["mainstay_exits_total{child=\"(others)\",cause=\"failed\",action=\"exhaust\"}"],
        3.0
    );
    assert_eq!(
        found["mainstay_exits_total{child=\"later-0\",cause=\"failed\",action=\"exhaust\"}"],
        1.0
    );
    assert!(!page.contains("child=\"later-1\""), "{page}");
    // One that leaves makes room, and takes its numbers with it.
    handle
        .by("a test")
        .remove("later-0", "a test")
        .await
        .expect("it goes at once: it does not run");
    let after = crate::numbers::page(&world, "").await;
    assert!(!after.contains("child=\"later-0\"") && after.contains("child=\"later-1\""), "{after}");
    assert_eq!(samples(&after)["mainstay_children_folded"], 2.0);
    world.stop().await;
}

#[tokio::test]
async fn a_tree_that_has_ended_is_told_of_too() {
    let mut world = World::new().await;
    world.drain().await;
    let found_page = page(&world, "").await;
    let found = samples(&found_page);
    assert_eq!(found["mainstay_loop_answers"], 0.0);
    assert_eq!(found["mainstay_health{overall=\"draining\"}"], 1.0);
    world.stop().await;
}

/// Asks on a plain connection and returns the whole answer.
async fn ask(port: u16, head: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it is served");
    stream.write_all(head.as_bytes()).await.expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    answer
}

fn head(path: &str, host: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
}

/// Serves a port of its own beside a world.
async fn observed(
    world: &World,
    names: bool,
) -> (u16, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("there are ports");
    let port = listener.local_addr().expect("it listens").port();
    let (stop, stopped) = oneshot::channel::<()>();
    let service = Service::new(world.handle.clone());
    let stopped = async { drop(stopped.await) };
    let serving = tokio::spawn(serve_observed(listener, service, Observed { names }, stopped));
    (port, stop, serving)
}

#[tokio::test]
async fn the_port_for_scrapers_has_numbers_and_health_and_nothing_else() {
    let world = World::new().await;
    let (port, stop, serving) = observed(&world, false).await;
    let numbers = ask(port, &head("/metrics", "127.0.0.1:9480")).await;
    assert!(numbers.starts_with("HTTP/1.1 200 OK\r\n") && numbers.contains("child=\"app/db\""));
    for path in ["/livez", "/readyz", "/startupz", "/readyz?verbose"] {
        let answer = ask(port, &head(path, "localhost")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
        assert!(answer.ends_with("{\"ok\":true,\"checks\":[]}"), "{path} names nobody: {answer}");
    }
    for path in ["/v1/status", "/v1/logs", "/v1/openapi.json", "/", "/metrics/x"] {
        let answer = ask(port, &head(path, "localhost")).await;
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{path}: {answer}");
    }
    let command = "POST /v1/commands HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    assert!(ask(port, command).await.starts_with("HTTP/1.1 404"));
    // A page whose name leads here.
    let rebound = ask(port, &head("/metrics", "evil.example.org")).await;
    assert!(rebound.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{rebound}");
    drop(stop);
    serving.await.expect("it ends by itself");
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "nobody listens any more");
    world.stop().await;
}

#[tokio::test]
async fn names_are_told_on_that_port_where_somebody_says_so() {
    let world = World::new().await;
    let (port, _stop, _serving) = observed(&world, true).await;
    let answer = ask(port, &head("/readyz?verbose", "localhost")).await;
    assert!(answer.contains("\"name\":\"app/db\""), "{answer}");
    world.stop().await;
}

#[tokio::test]
async fn connections_to_that_port_are_bounded() {
    let world = World::new().await;
    let (port, _stop, _serving) = observed(&world, false).await;
    let mut held = Vec::new();
    // Each has its place once it is answered.
    for _ in 0..32 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it is served");
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .expect("it listens");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
        held.push(stream);
    }
    let turned_away = ask(port, &head("/livez", "localhost")).await;
    assert!(turned_away.starts_with("HTTP/1.1 503"), "{turned_away}");
    world.stop().await;
}

#[test]
fn the_page_describes_every_family() {
    let path = root().join("docs/reference/metrics.md");
    let made = reference();
    if std::env::var_os("MAINSTAY_BLESS").is_some() {
        std::fs::write(&path, &made).expect("it can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == made,
        "docs/reference/metrics.md is old: run this test with MAINSTAY_BLESS=1"
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the words of a text that may be names of numbers.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(move |c: char| !is_part(c));
    words.filter(|word| word.starts_with("mainstay_") || word.starts_with("process_"))
}

#[test]
fn the_dashboard_and_the_rules_ask_for_numbers_that_there_are() {
    let known = exposed();
    for file in [
        "packaging/grafana/mainstay.json",
        "packaging/prometheus/mainstay.rules.yaml",
        "packaging/prometheus/mainstay.test.yaml",
    ] {
        let text = std::fs::read_to_string(root().join(file)).expect("it is there");
        let asked: Vec<&str> = names(&text).collect();
        assert!(asked.len() > 10, "{file} asks for {asked:?}");
        for name in asked {
            assert!(known.iter().any(|known| known == name), "{file} asks for {name}");
        }
    }
    let dashboard = std::fs::read_to_string(root().join("packaging/grafana/mainstay.json"));
    let dashboard: serde_json::Value =
        serde_json::from_str(&dashboard.expect("it is there")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut numbers: Vec<u64> =
        panels.iter().map(|panel| panel["id"].as_u64().expect("a number")).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), panels.len());
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(panel["title"].is_string() && panel["description"].is_string(), "{panel}");
        assert!(panel["targets"].as_array().is_some_and(|all| !all.is_empty()), "{panel}");
    }
}

/// Returns promtool, which must be there where `MAINSTAY_PROMTOOL` says so.
fn promtool() -> Option<Command> {
    let named = std::env::var_os("MAINSTAY_PROMTOOL");
    let program = named.clone().unwrap_or_else(|| "promtool".into());
    let found = Command::new(&program).arg("--version").output();
    assert!(named.is_none() || found.is_ok(), "{} is missing", program.display());
    found.is_ok().then(|| Command::new(program))
}

#[tokio::test]
async fn promtool_finds_nothing_wrong() {
    let Some(mut check) = promtool() else { return };
    let world = World::new().await;
    let text = page(&world, "").await;
    let mut child = check
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    {
        use std::io::Write;
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(text.as_bytes()).expect("it reads");
    }
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    for arguments in
        [["check", "rules", "mainstay.rules.yaml"], ["test", "rules", "mainstay.test.yaml"]]
    {
        let mut command = promtool().expect("it was there");
        let output =
            command.args(arguments).current_dir(root().join("packaging/prometheus")).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    world.stop().await;
}

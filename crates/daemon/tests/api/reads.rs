//! Everything that only looks.

use crate::world::{World, request};
use mainstay_wire::api;
use serde_json::{Value, from_value};

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {value}"))
}

#[tokio::test]
async fn status_shows_every_child() {
    let world = World::new().await;
    let (code, status) = world.get("/v1/status").await;
    assert_eq!(code, 200);
    let status: api::Status = from_value(status).expect("a status");
    assert_eq!(status.name, "shop");
    assert_eq!(status.brain_pid, std::process::id());
    assert_eq!(status.health.overall, api::Overall::Degraded, "{:?}", status.health);
    assert_eq!(status.health.alerts, 1);
    let lines: Vec<String> = status
        .children
        .iter()
        .map(|child| format!("{} {} {} {}", child.path, child.kind, child.criticality, child.state))
        .collect();
    assert_eq!(lines[0], "web task required ready");
    assert_eq!(lines[1], "app supervisor required ready");
    assert_eq!(lines[2], "app/db task required ready");
    assert_eq!(lines[3], "app/cache task required ready");
    assert!(lines[4].starts_with("flaky task optional breaker open until "), "{}", lines[4]);
    let flaky = &status.children[4];
    let last = flaky.last.as_ref().expect("it has ended");
    assert_eq!((last.run, last.cause.as_str()), (1, "failed"));
    assert!(last.text.contains("no such table"), "{}", last.text);
    let next = flaky.next.as_ref().expect("its cooldown ends");
    assert_eq!(next.what, "starts on trial");
    assert!((1..=60_000).contains(&next.in_ms), "{next:?}");
    assert_eq!(next.at, status.now_at + next.in_ms);
    assert_eq!(status.children[0].restarts, 0);
}

#[tokio::test]
async fn a_child_has_slashes_in_its_address_or_not() {
    let world = World::new().await;
    for address in ["/v1/children/app/db", "/v1/children/app%2Fdb", "/v1/children/app%2fdb"] {
        let (code, child) = world.get(address).await;
        assert_eq!((code, text(&child, "path")), (200, "app/db"), "{address}");
    }
    let (code, root) = world.get("/v1/children/%2F").await;
    assert_eq!((code, text(&root, "path"), text(&root, "kind")), (200, "", "supervisor"));
}

#[tokio::test]
async fn who_is_unknown_is_answered_with_names_like_it() {
    let world = World::new().await;
    let table = [
        ("/v1/children/wbe", 404, "unknown-child", "did you mean `web`?"),
        ("/v1/explain/cache", 404, "unknown-child", "did you mean `app/cache`?"),
        ("/v1/history?path=wob", 404, "unknown-child", "did you mean `web`?"),
        ("/v1/logs?path=zzzzzzz", 404, "unknown-child", "shows every child"),
        ("/v1/wait/dv", 404, "unknown-child", "did you mean `app/db`?"),
        ("/v1/postmortem/web/7", 404, "unknown-run", "mainstay history web"),
        ("/v1/postmortem/web/soon", 400, "bad-run", "mainstay history"),
        ("/v1/children/%ff", 400, "bad-path", ""),
        ("/v1/children/%4", 400, "bad-path", ""),
        ("/v1/children/", 404, "unknown-route", "/v1/openapi.json"),
        ("/v1/nothing", 404, "unknown-route", "/v1/openapi.json"),
        ("/v1/status?x=1", 400, "unknown-parameter", "nothing can be asked"),
        ("/v1/events?limit=0", 400, "bad-parameter", ""),
        ("/v1/events?from=-1", 400, "bad-parameter", ""),
        ("/v1/wait/web?for=good", 400, "bad-parameter", ""),
        ("/v1/wait/web?timeout=30", 400, "bad-parameter", ""),
        ("/v1/logs?since=yesterday", 400, "bad-parameter", ""),
        ("/v1/logs?path=web", 404, "no-log", "goes to a file"),
    ];
    for (address, status, code, hint) in table {
        let (found, problem) = world.get(address).await;
        assert_eq!((found, text(&problem, "code")), (status, code), "{address}: {problem}");
        let given = problem["hint"].as_str().unwrap_or("");
        assert!(given.contains(hint), "{address}: {problem}");
        assert!(!text(&problem, "text").is_empty());
    }
}

#[tokio::test]
async fn explain_says_why() {
    let world = World::new().await;
    let (code, why) = world.get("/v1/explain/flaky").await;
    assert_eq!(code, 200);
    let why: api::Explanation = from_value(why).expect("an explanation");
    assert!(!why.story.is_empty());
    assert!(why.evidence[0].text.contains("no such table"), "{:?}", why.evidence);
    assert_eq!(why.standing, api::Standing::Waiting);
    let commands: Vec<&str> =
        why.wishes.iter().filter_map(|wish| wish.command.as_deref()).collect();
    assert!(commands.contains(&"mainstay reset flaky --start"), "{commands:?}");
    assert_eq!(why.alerts.len(), 1);
}

#[tokio::test]
async fn history_and_postmortems_are_what_the_tree_remembers() {
    let world = World::new().await;
    let (_, runs) = world.get("/v1/history").await;
    let runs: Vec<api::Run> = from_value(runs).expect("runs");
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!((runs[0].path.as_str(), runs[0].run), ("flaky", 1));
    assert!(runs[0].cause.as_ref().is_some_and(|cause| cause.is_failure));
    let (_, none) = world.get("/v1/history?path=web").await;
    assert_eq!(none, serde_json::json!([]));
    let ended = runs[0].ended_at.expect("it has ended");
    let (_, none) = world.get(&format!("/v1/history?before={}", ended - 1_000)).await;
    assert_eq!(none, serde_json::json!([]));
    let (code, run) = world.get("/v1/postmortem/flaky/1").await;
    assert_eq!((code, run["run"].as_u64()), (200, Some(1)));
    let (code, live) = world.get("/v1/postmortem/app%2Fdb/1").await;
    assert_eq!((code, live["ended_at"].is_null()), (200, true), "{live}");
}

#[tokio::test]
async fn alerts_are_listed_until_somebody_has_seen_them() {
    let world = World::new().await;
    let (_, alerts) = world.get("/v1/alerts").await;
    let alerts: Vec<api::Alert> = from_value(alerts).expect("alerts");
    assert_eq!((alerts[0].path.as_str(), alerts.len()), ("flaky", 1));
    assert_eq!(alerts[0].seen_by, None);
    world.done(serde_json::json!({"acknowledge": {}}), "flaky").await;
    let (_, alerts) = world.get("/v1/alerts").await;
    assert!(text(&alerts[0], "seen_by").contains("uid"), "{alerts}");
    let (_, status) = world.get("/v1/status").await;
    assert_eq!(status["health"]["alerts"], 0);
}

#[tokio::test]
async fn a_wait_ends_when_it_has_come_to_be() {
    let world = World::new().await;
    let (code, child) = world.get("/v1/wait/web").await;
    assert_eq!((code, text(&child, "standing")), (200, "ready"));
    let (code, problem) = world.get("/v1/wait/flaky?for=ready&timeout=10ms").await;
    assert_eq!((code, text(&problem, "code")), (408, "timed-out"));
    assert!(text(&problem, "text").contains("breaker open until"), "{problem}");
    let (waited, ()) = tokio::join!(world.get("/v1/wait/web?for=down&timeout=60s"), async {
        world.done(serde_json::json!({"stop": {}}), "web").await;
    });
    assert_eq!((waited.0, text(&waited.1, "standing")), (200, "down"));
    assert_eq!(text(&waited.1, "state"), "down: stopped by an operator");
    let (waited, ()) =
        tokio::join!(world.get("/v1/wait/web?for=ready&after=1&timeout=60s"), async {
            world.done(serde_json::json!({"start": {}}), "web").await;
        });
    assert_eq!((waited.0, waited.1["run"].as_u64()), (200, Some(2)));
    let (waited, ()) = tokio::join!(world.get("/v1/wait/web?for=removed&timeout=60s"), async {
        // Everything here is one thread: once it has nothing else to do, the wait has begun.
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
        }
        world.done(serde_json::json!({"remove": {}}), "web").await;
    });
    assert_eq!((waited.0, text(&waited.1, "standing")), (200, "removed"));
}

#[tokio::test]
async fn health_is_told_with_its_checks() {
    let mut world = World::new().await;
    for address in ["/livez", "/readyz", "/startupz"] {
        let (code, checks) = world.get(address).await;
        let checks: api::Checks = from_value(checks).expect("checks");
        assert!(code == 200 && checks.ok && !checks.checks.is_empty(), "{address}: {checks:?}");
    }
    world.drain().await;
    let (code, checks) = world.get("/readyz").await;
    assert_eq!((code, checks["ok"].as_bool()), (503, Some(false)), "{checks}");
    let (code, _) = world.get("/livez").await;
    assert_eq!(code, 503);
    let (code, _) = world.get("/startupz").await;
    assert_eq!(code, 200, "what has come up once has come up");
    let (code, status) = world.get("/v1/status").await;
    assert_eq!((code, status["health"]["overall"].as_str()), (200, Some("ended")));
    let (code, problem) = world.get("/v1/children/web").await;
    assert_eq!((code, text(&problem, "code")), (410, "ended"));
}

#[tokio::test]
async fn other_methods_are_told_what_is_taken() {
    let world = World::new().await;
    let table = [
        ("DELETE", "/v1/status", "GET,HEAD"),
        ("POST", "/v1/children/web", "GET,HEAD"),
        ("GET", "/v1/commands", "POST"),
        ("PUT", "/livez", "GET,HEAD"),
    ];
    for (method, address, allow) in table {
        let answer = world.send(request(method, address, &[], "")).await;
        assert_eq!(answer.status().as_u16(), 405, "{method} {address}");
        assert_eq!(answer.headers()["allow"], allow, "{method} {address}");
        let (_, problem) = crate::world::json(answer).await;
        assert_eq!(text(&problem, "code"), "method");
    }
}

#[tokio::test]
async fn pages_of_a_browser_get_no_answer_unless_they_are_listed() {
    let world = World::with(|service| service.origin("https://panel.example.org")).await;
    let table = [
        ("https://panel.example.org", 200),
        ("https://evil.example.org", 403),
        ("http://localhost", 200),
        ("http://localhost:81", 403),
        ("null", 403),
        ("", 403),
    ];
    for (origin, expected) in table {
        let asked = request("GET", "/v1/status", &[("origin", origin)], "");
        assert_eq!(world.send(asked).await.status().as_u16(), expected, "{origin:?}");
    }
}

#[tokio::test]
async fn serving_ends_with_its_socket() {
    let world = World::new().await;
    let socket = world.socket.clone();
    world.get("/v1/status").await;
    world.stop().await;
    assert!(!socket.exists());
}

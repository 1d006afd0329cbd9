//! What a service that mounts the API shows of its hosts.

use crate::world::World;
use mainstay::host::{CallError, Host as Declared, Raw};
use mainstay::process::Command;
use mainstay::{Shape, host, tree};
use mainstay_daemon::api::Service;
use mainstay_host::{ConnectError, Contract, Host, record};
use std::time::Duration;

/// The test that is the host.
const HOST: &str = "hosts::a_host_serves_its_parent_and_nobody_else";
const SOON: Duration = Duration::from_secs(30);

struct Plc;

impl Contract for Plc {
    const NAME: &'static str = "plc";
    const VERSION: u32 = 1;
    type Request = String;
    type Reply = String;
    type Item = String;
    type Codec = Raw;
}

/// The host that the test below starts is this test, started by it once more.
#[test]
fn a_host_serves_its_parent_and_nobody_else() {
    let host = match Host::<Plc>::connect() {
        Ok(host) => host,
        Err(error) => {
            assert!(matches!(error, ConnectError::NoParent), "{error}");
            return;
        }
    };
    let served = host.serve(|call, request| {
        record!(call, "about to {request}");
        if request == "abort" {
            std::process::abort();
        }
        Ok(request)
    });
    served.expect("its parent outlives it");
}

fn texts(facts: &serde_json::Value) -> Vec<&str> {
    let facts = facts.as_array().expect("a list").iter();
    facts.map(|fact| fact["text"].as_str().expect("a text")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_died_in_is_told() {
    let program = std::env::current_exe().expect("this is one");
    let command = Command::new(program).args(["--exact", HOST, "--nocapture"]);
    let declared = Declared::<Plc>::new(command);
    let plc = declared.hosted();
    let child = host("plc", declared).backoff(Shape::Fixed(Duration::from_millis(1)));
    let owner = tree().child(child).start().expect("a valid tree");
    let service = Service::new(owner.handle()).name("shop");
    let world = World::of(owner, service);

    let client = plc.ready_within(SOON).await.expect("it serves");
    assert_eq!(client.call(&"read".into()).await.expect("it answers"), "read");
    let gone = client.call(&"abort".into()).await.expect_err("it dies of it");
    assert!(matches!(gone, CallError::Gone { .. }), "{gone}");
    plc.ready_within(SOON).await.expect("the next one serves");

    let (code, run) = world.get("/v1/postmortem/plc/1").await;
    assert_eq!((code, &run["cause"]["signal"]), (200, &6.into()), "{run}");
    assert_eq!(
        texts(&run["operations"]),
        [
            "call 1 begins: read",
            "in call 1: about to read",
            "call 1 answered",
            "call 2 begins: abort (never answered)",
            "in call 2: about to abort",
        ]
    );
    assert_eq!(run["open_calls"], serde_json::json!(["call 2: abort"]));
    let (began, ended) = (run["began_at"].as_i64(), run["ended_at"].as_i64());
    for fact in run["operations"].as_array().expect("a list") {
        let at = fact["at"].as_i64();
        assert!(began <= at && at <= ended, "{run}");
    }
    let (code, why) = world.get("/v1/explain/plc").await;
    let evidence = why["evidence"][0]["text"].as_str().expect("a text");
    assert!(code == 200 && evidence.ends_with("; in call 2: abort"), "{why}");
    let (_, seen) = world.get("/v1/children/plc").await;
    assert_eq!(seen["kind"], "host", "{seen}");
    world.stop().await;
}

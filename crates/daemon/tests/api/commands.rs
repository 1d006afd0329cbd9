//! Commands: what is asked, in whose name, and what is refused.

use crate::world::{World, request};
use mainstay_wire::api;
use serde_json::{from_value, json};

#[tokio::test]
async fn each_verb_is_carried_out_or_refused_with_a_reason() {
    let world = World::new().await;
    let table = [
        // verb, target, status, code or the standing after it
        (json!({"stop": {}}), "web", 200, "stopping"),
        (json!({"start": {}}), "web", 200, ""),
        (json!({"restart": {}}), "app/db", 200, ""),
        (json!({"recycle": {}}), "app/db", 200, ""),
        (json!({"pause": {}}), "app", 200, ""),
        (json!({"resume": {}}), "app", 200, ""),
        (json!({"quarantine": {}}), "web", 200, ""),
        (json!({"start": {}}), "web", 409, "quarantined"),
        (json!({"release": {}}), "web", 200, ""),
        (json!({"start": {}}), "flaky", 409, "breaker-open"),
        (json!({"start": {"override": true}}), "flaky", 200, ""),
        (json!({"reset": {"start": true}}), "flaky", 200, ""),
        (json!({"reload": {}}), "flaky", 409, "not-running"),
        (json!({"acknowledge": {}}), "flaky", 200, ""),
        (json!({"remove": {}}), "flaky", 200, ""),
        (json!({"start": {}}), "flaky", 404, "unknown-child"),
        (json!({"drain": {}}), "web", 409, "unfit"),
        (json!({"add": {"spec": "x: {command: y}"}}), "", 501, "not-here"),
        (json!({"apply": {}}), "", 501, "not-here"),
        (json!({"upgrade": {}}), "", 501, "not-here"),
        (json!({"drain": {}}), "", 200, ""),
    ];
    for (verb, target, status, expected) in table {
        if verb == json!({"reload": {}}) {
            let ended = |view: &mainstay::View| view.run.is_none();
            world.handle.wait_until("flaky", ended).await.expect("it fails again");
        }
        let command = json!({"verb": verb, "target": target, "why": "a test"});
        let (found, answer) = world.post(&command.to_string()).await;
        assert_eq!(found, status, "{verb} {target}: {answer}");
        if status == 200 {
            let reply: api::Reply = from_value(answer.clone()).expect("a reply");
            assert_eq!(reply.child, target, "{verb}");
            assert!(!reply.durable, "there is no journal");
            if !expected.is_empty() {
                assert_eq!(answer["after"], expected, "{verb}: {answer}");
            }
        } else {
            assert_eq!(answer["code"], expected, "{verb}: {answer}");
        }
    }
}

#[tokio::test]
async fn hints_are_commands_that_help() {
    let world = World::new().await;
    let refused = json!({"verb": {"start": {}}, "target": "flaky", "why": "a test"});
    let (_, problem) = world.post(&refused.to_string()).await;
    assert_eq!(problem["hint"], "mainstay reset flaky --start", "{problem}");
    let unknown = json!({"verb": {"stop": {}}, "target": "wep", "why": "a test"});
    let (_, problem) = world.post(&unknown.to_string()).await;
    assert_eq!(problem["hint"], "did you mean `web`?", "{problem}");
}

#[tokio::test]
async fn what_was_so_already_is_said() {
    let world = World::new().await;
    let first = world.done(json!({"pause": {}}), "/web").await;
    assert_eq!((&first["changed"], &first["child"]), (&json!(true), &json!("web")));
    let again = world.done(json!({"pause": {}}), "web").await;
    assert_eq!(again["changed"], false);
    assert_eq!(again["text"], "web is ready: it was so already");
}

#[tokio::test]
async fn an_id_has_one_effect() {
    let world = World::new().await;
    let restart = json!({"verb": {"restart": {}}, "target": "web", "why": "a test", "id": "a1"});
    let (code, first) = world.post(&restart.to_string()).await;
    assert_eq!(code, 200);
    world.handle.wait_until("web", |view| view.runs == 2).await.expect("it is restarted");
    let (code, again) = world.post(&restart.to_string()).await;
    assert_eq!((code, &again["before"]), (200, &first["before"]));
    let other = json!({"verb": {"stop": {}}, "target": "web", "why": "a test", "id": "a1"});
    let (code, problem) = world.post(&other.to_string()).await;
    assert_eq!((code, &problem["code"]), (409, &json!("id-reused")));
    let view = world.handle.child("web").await.expect("it is there");
    assert_eq!(view.runs, 2);
}

#[tokio::test]
async fn conditions_are_checked_first() {
    let world = World::new().await;
    let command = |name: &str, value: u64| {
        json!({"verb": {"stop": {}}, "target": "web", "why": "a test", name: value}).to_string()
    };
    let (code, problem) = world.post(&command("if_run", 7)).await;
    assert_eq!((code, &problem["code"]), (412, &json!("other-run")), "{problem}");
    let (code, problem) = world.post(&command("if_revision", 3)).await;
    assert_eq!((code, &problem["code"]), (412, &json!("other-revision")), "{problem}");
    let (code, _) = world.post(&command("if_run", 1)).await;
    assert_eq!(code, 200);
}

#[tokio::test]
async fn who_asks_is_who_is_connected_and_what_they_call_themselves() {
    let world = World::new().await;
    let command = json!({
        "verb": {"pause": {}}, "target": "web", "why": "deploy", "who": "bob on call",
    });
    let (code, _) = world.post(&command.to_string()).await;
    assert_eq!(code, 200);
    let (_, page) = world.get("/v1/events?path=web&limit=1000").await;
    let events: api::EventPage = from_value(page).expect("a page");
    let done = events.events.iter().find(|event| event.kind == "commanded").expect("it is told");
    let uid = rustix::process::geteuid().as_raw();
    assert!(done.text.contains("bob on call ("), "{}", done.text);
    assert!(done.text.contains(&format!("uid {uid}")), "{}", done.text);
    assert!(done.text.contains("deploy"), "{}", done.text);
}

#[tokio::test]
async fn bad_bodies_are_refused_with_their_place() {
    let world = World::new().await;
    let zeros = format!("{{\"verb\": {{\"stop\": {{}}}}, \"why\": \"x\", \"id\": \"{:0>33}\"}}", 1);
    let deep = "[".repeat(2_000);
    let long = format!("\"{}\"", "x".repeat(2 << 20));
    let table = [
        ("", 400, "EOF"),
        ("{", 400, "line 1 column 1"),
        ("[]", 400, "line 1"),
        ("{\"verb\": {\"explode\": {}}, \"why\": \"x\"}", 400, "unknown variant `explode`"),
        ("{\"verb\": {\"stop\": {}}}", 400, "missing field `why`"),
        ("{\"verb\": {\"stop\": {}}, \"why\": \" \"}", 400, "must say why"),
        (
            "{\"verb\": {\"stop\": {}}, \"why\": \"x\", \"force\": true}",
            400,
            "unknown field `force`",
        ),
        ("{\"verb\": {\"stop\": {\"now\": 1}}, \"why\": \"x\"}", 400, "unknown field `now`"),
        ("{\"verb\": {\"stop\": {}}, \"why\": \"x\", \"id\": \"xyz\"}", 400, "hexadecimal"),
        ("{\"verb\": {\"stop\": {}}, \"why\": \"x\", \"id\": \"0\"}", 400, "not zero"),
        (zeros.as_str(), 400, "hexadecimal"),
        ("{\"verb\": {\"stop\": {}}, \"why\": \"x\", \"who\": \"a\\nb\"}", 400, "on one line"),
        ("{\"verb\": {\"stop\": {}}, \"why\": \"x\", \"who\": \"\"}", 400, "on one line"),
        ("{\"verb\": {\"stop\": {}}, \"why\": \"x\"} more", 400, "trailing characters"),
        (deep.as_str(), 400, "line 1"),
        (long.as_str(), 413, "longer than"),
    ];
    for (body, status, expected) in table {
        let (found, problem) = world.post(body).await;
        let text = problem["text"].as_str().expect("a text");
        let shown = &body[..body.len().min(80)];
        assert!(found == status && text.contains(expected), "{shown}: {found} {problem}");
    }
    let view = world.handle.child("web").await.expect("it is there");
    assert_eq!(view.standing, mainstay::Standing::Ready);
}

#[tokio::test]
async fn a_body_must_call_itself_json() {
    let world = World::new().await;
    let body = "{\"verb\": {\"stop\": {}}, \"target\": \"web\", \"why\": \"x\"}";
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let asked = request("POST", "/v1/commands", &[("content-type", kind)], body);
        let (code, problem) = crate::world::json(world.send(asked).await).await;
        assert_eq!((code, &problem["code"]), (415, &json!("media-type")), "{kind}");
    }
}

#[tokio::test]
async fn after_the_end_commands_come_too_late() {
    let mut world = World::new().await;
    world.drain().await;
    let command = json!({"verb": {"stop": {}}, "target": "web", "why": "a test"});
    let (code, problem) = world.post(&command.to_string()).await;
    assert_eq!((code, &problem["code"]), (410, &json!("ended")), "{problem}");
}

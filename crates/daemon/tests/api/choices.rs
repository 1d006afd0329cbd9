//! What is said of commands beforehand, against what they are answered.

use crate::world::{World, request};
use axum::body::Body;
use axum::http::Request;
use axum::{Extension, Router};
use http_body_util::BodyExt;
use mainstay::Standing;
use mainstay_daemon::api::{Caller, Role, Service, router};
use mainstay_wire::api::{Choice, Reply};
use serde_json::{Value, from_slice, from_value, json};
use tower::ServiceExt;

async fn choices(world: &World, path: &str) -> Vec<Choice> {
    let (code, answer) = world.get(&format!("/v1/choices/{path}")).await;
    assert_eq!(code, 200, "{answer}");
    from_value(answer).expect("choices")
}

/// Waits until nothing is under way any more with a child.
async fn settled(world: &World, path: &str) {
    let settled = |view: &mainstay::View| {
        matches!(view.standing, Standing::Ready | Standing::Down | Standing::Blocked)
    };
    world.handle.wait_until(path, settled).await.expect("it settles");
}

/// A walk over many states: at each of them every command is tried that is said to do nothing, and then one that is
/// said to change something.
#[tokio::test]
async fn a_command_is_answered_as_was_said_before() {
    let world = World::new().await;
    let (mut done, mut refused, mut idle) = (0, 0, 0);
    let mut seen = std::collections::BTreeSet::new();
    // Any numbers would do; these are the same each time.
    let mut dice = 12_345_u64;
    for step in 0..60 {
        let path = ["web", "app/db", "app/cache", "app"][step % 4];
        settled(&world, path).await;
        let choices = choices(&world, path).await;
        assert_eq!(choices.len(), 15);
        let send = async |choice: &Choice| {
            let command = json!({"verb": choice.verb, "target": path, "why": "a test"});
            world.post(&command.to_string()).await
        };
        for choice in choices.iter().filter(|choice| !choice.possible) {
            let why = choice.why_not.as_deref().expect("a reason");
            let (code, answer) = send(choice).await;
            if code == 200 {
                let reply: Reply = from_value(answer).expect("a reply");
                assert!(!reply.changed, "{path} {}: {why}", choice.command);
                idle += 1;
            } else {
                assert_eq!(answer["text"], why, "{path} {}", choice.command);
                let hint = choice.hint.clone().map_or(Value::Null, Value::from);
                assert_eq!(answer["hint"], hint, "{path} {}", choice.command);
                refused += 1;
            }
        }
        settled(&world, path).await;
        let possible: Vec<&Choice> =
            choices.iter().filter(|choice| choice.possible && choice.command != "remove").collect();
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chosen = possible[(dice >> 33) as usize % possible.len()];
        let (code, answer) = send(chosen).await;
        assert_eq!((code, &answer["changed"]), (200, &json!(true)), "{path} {}", chosen.command);
        seen.insert(chosen.command.clone());
        done += 1;
    }
    assert!(done == 60 && refused > 50 && idle > 50, "{done} {refused} {idle}");
    assert!(seen.len() > 8, "{seen:?}");
}

#[tokio::test]
async fn what_is_missing_is_said_in_words() {
    let world = World::new().await;
    let of = |choices: Vec<Choice>, command: &str| {
        let found = choices.into_iter().find(|choice| choice.command == command);
        found.expect("it is among them")
    };
    let start = of(choices(&world, "flaky").await, "start");
    assert!(!start.possible);
    assert_eq!(
        start.why_not.as_deref(),
        Some("its breaker is open: reset it, or start it with override")
    );
    assert_eq!(start.hint.as_deref(), Some("mainstay reset flaky --start"));
    let stop = of(choices(&world, "web").await, "stop");
    assert!(stop.possible && stop.effect.starts_with("ends run #"), "{stop:?}");
    let stop = of(choices(&world, "%2F").await, "stop");
    assert_eq!((stop.possible, stop.role.as_str()), (true, "admin"));
    assert_eq!(stop.effect, "ends the whole tree in order, and then the program");
    let (code, problem) = world.get("/v1/choices/wep").await;
    assert_eq!((code, &problem["hint"]), (404, &json!("did you mean `web`?")));
}

#[tokio::test]
async fn a_lesser_role_is_a_reason() {
    let world = World::new().await;
    let ask = async |role: Option<Role>, address: &str| {
        let app: Router =
            router(Service::new(world.handle.clone())).layer(Extension(Caller::new("panel", role)));
        let request = Request::get(address).body(Body::empty()).expect("a request");
        let answer = app.oneshot(request).await.expect("an answer");
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (code, from_slice::<Value>(&body).expect("JSON"))
    };
    let (_, found) = ask(Some(Role::Viewer), "/v1/choices/web").await;
    let found: Vec<Choice> = from_value(found).expect("choices");
    assert!(found.iter().all(|choice| !choice.possible));
    let why = found[0].why_not.as_deref();
    assert_eq!(why, Some("it takes the role operator, and you are viewer"));
    let (_, me) = ask(Some(Role::Viewer), "/v1/me").await;
    assert_eq!(me, json!({"name": "panel", "role": "viewer", "until_at": null}));
    let (_, me) = ask(None, "/v1/me").await;
    assert_eq!(me, json!({"name": "panel", "role": null, "until_at": null}));
}

#[tokio::test]
async fn nobody_signs_in_where_the_connection_says_who_asks() {
    let world = World::new().await;
    let json = [("content-type", "application/json")];
    for (address, body) in [("/v1/sign-in", r#"{"token": "x"}"#), ("/v1/sign-out", "{}")] {
        let answer = world.send(request("POST", address, &json, body)).await;
        assert_eq!(answer.status().as_u16(), 501, "{address}");
    }
    let (_, me) = world.get("/v1/me").await;
    assert_eq!(me["role"], "admin");
}

#[tokio::test]
async fn a_caller_may_ask_as_less_than_it_is() {
    let world = World::new().await;
    let stop = r#"{"verb": {"stop": {}}, "target": "web", "why": "a test"}"#;
    for (role, code) in [("viewer", 403), ("nobody", 400), ("admin", 200)] {
        let headers = [("content-type", "application/json"), ("mainstay-role", role)];
        let answer = world.send(request("POST", "/v1/commands", &headers, stop)).await;
        assert_eq!(answer.status().as_u16(), code, "{role}");
    }
    let app: Router = router(Service::new(world.handle.clone()))
        .layer(Extension(Caller::new("panel", Some(Role::Viewer))));
    let asked = Request::get("/v1/me").header("mainstay-role", "admin").body(Body::empty());
    let answer = app.oneshot(asked.expect("a request")).await.expect("an answer");
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    let me = from_slice::<Value>(&body).expect("JSON");
    assert_eq!(me["role"], "viewer", "nobody is more than they are");
}

//! Policies that are played for whoever may look.

use crate::world::{World, request};
use mainstay_wire::api::Simulated;
use serde_json::{Value, from_value, json};

async fn post(world: &World, body: &Value) -> (u16, Value) {
    let headers = [("content-type", "application/json")];
    let answer = world.send(request("POST", "/v1/simulate", &headers, &body.to_string())).await;
    crate::world::json(answer).await
}

#[tokio::test]
async fn policies_are_compared_with_each_other_and_with_what_happened() {
    let world = World::new().await;
    let lives = json!({"dies_after": "3s", "times": 20});
    let policies = json!([
        {"preset": "default"},
        {"spec": "preset: systemd"},
        {"spec": "restart: never"},
        {"child": "web"},
    ]);
    let (code, answer) = post(&world, &json!({"policies": policies, "lives": lives})).await;
    assert_eq!(code, 200, "{answer}");
    let played: Simulated = from_value(answer).expect("what was simulated");
    assert!(played.happened.is_none());
    let starts: Vec<u64> = played.timelines.iter().map(|timeline| timeline.starts).collect();
    assert_eq!(starts[2], 1, "never again");
    assert!(starts[0] > 1, "{starts:?}");
    for timeline in &played.timelines {
        assert_eq!(timeline.begins_ms.len() as u64, timeline.starts.min(500));
        let serves: u64 = timeline.serves.iter().map(|span| span.to_ms - span.from_ms).sum();
        // Each span is cut to whole milliseconds.
        let missing = timeline.uptime_ms.abs_diff(serves);
        assert!(missing <= timeline.serves.len() as u64, "{}: {missing}", timeline.policy);
    }
    let (code, answer) =
        post(&world, &json!({"child": "flaky", "policies": [{"preset": "otp"}]})).await;
    assert_eq!(code, 200, "{answer}");
    let played: Simulated = from_value(answer).expect("what was simulated");
    assert_eq!(played.happened.expect("it is recorded").starts, 1);
    assert_eq!(played.timelines.len(), 1);
    let before = world.handle.child("flaky").await.expect("it is there");
    assert_eq!(before.runs, 1, "nothing was started for it");
}

#[tokio::test]
async fn what_cannot_be_played_is_refused_by_name() {
    let world = World::new().await;
    let lives = json!({"dies_after": "3s"});
    let with = |policy: Value| json!({"policies": [policy], "lives": lives});
    let five = vec![json!({"preset": "otp"}); 5];
    let table = [
        (json!({}), 422, "say whose policy"),
        (json!({"policies": [{"preset": "otp"}]}), 422, "say what is played"),
        (json!({"child": "web"}), 409, "no run has ended"),
        (json!({"child": "nobody"}), 404, "there is no child nobody"),
        (json!({"child": "app", "lives": lives}), 422, "`app` is a supervisor"),
        (with(json!({"preset": "systemt"})), 422, "there is no preset `systemt`"),
        (with(json!({"spec": "restart: sometimes"})), 422, "the policy is wrong"),
        (with(json!({"spec": "env_file: /etc/passwd"})), 422, "the policy is wrong"),
        (with(json!({"spec": "[]"})), 422, "the policy is wrong"),
        (with(json!({"spec": " ".repeat(20_000)})), 422, "at most 16384 bytes"),
        (json!({"policies": five, "lives": lives}), 422, "at most 4"),
        (json!({"child": "web", "lives": {"dies_after": "3x"}}), 422, "`3x` is no span"),
        (json!({"child": "web", "lives": {"dies_after": "3s", "times": 0}}), 422, "`times`"),
        (json!({"child": "web", "lives": {"dies_after": "3s", "exit": "bang"}}), 422, "no end"),
        (json!({"child": "web", "runs": 0}), 422, "`runs`"),
        (json!({"chidl": "web"}), 400, "unknown field"),
    ];
    for (body, status, expected) in table {
        let (code, problem) = post(&world, &body).await;
        let text = problem["text"].as_str().expect("a text");
        assert_eq!(code, status, "{body}: {problem}");
        assert!(text.contains(expected), "{body}: {text}");
    }
}

/// Whoever may only look must not have files read, programs run or variables shown.
#[tokio::test]
async fn a_policy_names_nothing_of_the_machine() {
    let world = World::new().await;
    for (key, value) in [
        ("command", "reboot"),
        ("secrets", "{X: {command: reboot}}"),
        ("env_file", "/etc/passwd"),
        ("use", "template"),
        ("restart", "${HOME}"),
        ("working_directory", "/"),
        ("log", "/tmp/x"),
    ] {
        let spec = format!("{key}: {value}");
        let body = json!({"policies": [{"spec": spec}], "lives": {"dies_after": "3s"}});
        let (code, problem) = post(&world, &body).await;
        assert_eq!(code, 422, "{key}: {problem}");
        let home = std::env::var("HOME").unwrap_or_else(|_| "no home".into());
        assert!(!problem.to_string().contains(&home) || home == "/", "{problem}");
    }
}

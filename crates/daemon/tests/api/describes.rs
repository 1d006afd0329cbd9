//! The description of the API and what it describes.

use crate::world::{World, request};
use mainstay_daemon::api::openapi;
use serde_json::Value;

/// Returns every reference in a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn what_is_described_is_served() {
    let world = World::new().await;
    let (code, served) = world.get("/v1/openapi.json").await;
    assert_eq!((code, &served), (200, &openapi()));
    let paths = served["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 24);
    for (path, methods) in paths {
        let address = path.replace("{path}", "web").replace("{run}", "1");
        for (method, operation) in methods.as_object().expect("methods") {
            let method = method.to_uppercase();
            let is_socket = operation["responses"]["101"].is_object();
            let (body, expected) = match path.as_str() {
                "/v1/simulate" => (r#"{"child": "web", "lives": {"dies_after": "3s"}}"#, 200),
                // Nobody signs in over the Unix socket.
                "/v1/sign-in" => (r#"{"token": "x"}"#, 501),
                "/v1/sign-out" => ("{}", 501),
                // Nobody takes anything down here, and no program answers.
                "/v1/consoles" | "/v1/dump" => ("", 501),
                // A task has no terminal to be joined.
                _ if is_socket => ("", 409),
                _ => (r#"{"verb": {"pause": {}}, "target": "web", "why": "a test"}"#, 200),
            };
            let headers = [("content-type", "application/json")];
            let address = if path == "/v1/logs" { "/v1/logs?lines=1" } else { &address };
            let answer = world.send(request(&method, address, &headers, body)).await;
            assert_eq!(answer.status().as_u16(), expected, "{method} {path}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = openapi();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_name_of_an_operation_is_its_own() {
    let document = openapi();
    let paths = document["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|methods| methods.as_object().expect("methods").values());
    let mut names: Vec<&str> =
        operations.map(|one| one["operationId"].as_str().expect("a name")).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

/// The reference page is written by hand around this table.
#[test]
fn the_page_lists_every_route() {
    let page = include_str!("../../../../docs/reference/api.md");
    let document = openapi();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let row = format!("| `{} {path}` |", method.to_uppercase());
            assert!(page.contains(&row), "docs/reference/api.md has no row {row}");
        }
    }
}

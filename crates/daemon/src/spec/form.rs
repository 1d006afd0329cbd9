//! A child as JSON: all that was said about it, so that its process can be made again without the file.

use super::make::{self, Findings};
use super::place::Place;
use super::secret;
use super::syntax::{Name, Node, Value};
use mainstay::process;
use mainstay_core::spec::Payload;
use serde_json::Value as Json;
use std::sync::Arc;

/// Returns the text that [`payload_of`] reads. Secrets stand in it as references.
pub(super) fn form(node: &Node) -> String {
    json(node).to_string()
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Empty | Value::Lost => Json::Null,
        Value::Scalar(text) => scalar(text),
        Value::List(all) => all.iter().map(json).collect(),
        Value::Map(entries) => {
            entries.iter().map(|(name, node)| (name.text.clone(), json(node))).collect()
        }
    }
}

/// Numbers and switches look like what they are, where their text is the same again.
fn scalar(text: &str) -> Json {
    match (text, text.parse::<i64>()) {
        ("true", _) => Json::Bool(true),
        ("false", _) => Json::Bool(false),
        (_, Ok(number)) if number.to_string() == text => Json::from(number),
        _ => Json::from(text),
    }
}

fn node(json: &Json) -> Node {
    let at = Place { file: 0, from: 0, to: 0 };
    let value = match json {
        Json::Null => Value::Empty,
        Json::Bool(is_so) => Value::Scalar(is_so.to_string()),
        Json::Number(number) => Value::Scalar(number.to_string()),
        Json::String(text) => Value::Scalar(text.clone()),
        Json::Array(all) => Value::List(all.iter().map(node).collect()),
        Json::Object(entries) => {
            let entry =
                |(name, json): (&String, &Json)| (Name { text: name.clone(), at }, node(json));
            Value::Map(entries.iter().map(entry).collect())
        }
    };
    Node::new(at, value)
}

/// Makes the payload of a process again of its form, with its secrets read anew: what
/// [`Payload::form`] of a child that was read from a spec file returns.
///
/// # Errors
///
/// When the text is no such form, or a secret cannot be read; in words that name the reference and never a value.
pub fn payload_of(form: &str) -> Result<Arc<dyn Payload>, String> {
    made(form, &|reference| secret::read(reference, &|name| std::env::var(name).ok()))
}

/// As [`payload_of`], for whoever compares payloads and starts nothing: no secret is read, for that may run a command.
/// Its reference stands in its place.
///
/// # Errors
///
/// When the text is no such form.
pub fn payload_without_secrets(form: &str) -> Result<Arc<dyn Payload>, String> {
    made(form, &|reference| Ok(json(reference).to_string()))
}

/// As [`payload_of`] where that fails for a secret: a live run goes on with it, and none is started.
///
/// # Errors
///
/// When the text is no such form.
pub fn payload_lacking(form: &str, why: &str) -> Result<Arc<dyn Payload>, String> {
    let command = command(form, &|_| Ok(String::new()))?;
    Ok(process::payload(command.lacks(why)))
}

fn made(
    form: &str,
    value: &dyn Fn(&Node) -> Result<String, String>,
) -> Result<Arc<dyn Payload>, String> {
    command(form, value).map(process::payload)
}

fn command(
    form: &str,
    value: &dyn Fn(&Node) -> Result<String, String>,
) -> Result<process::Command, String> {
    let json: Json = serde_json::from_str(form)
        .map_err(|error| format!("the form of a child is no JSON: {error}"))?;
    let node = node(&json);
    if node.get("command").is_none() {
        return Err("the form of a child names no command".into());
    }
    let mut problems = Vec::new();
    let mut command = make::command(&node, &mut Findings(&mut problems));
    if let Some(problem) = problems.first() {
        return Err(format!("the form of a child cannot be read: {}", problem.text));
    }
    for (name, reference) in node.sorted("secrets") {
        let value = value(reference)
            .map_err(|why| format!("the secret `{}` cannot be read: {why}", name.text))?;
        command = command.env(&name.text, value);
    }
    Ok(command.form(form))
}

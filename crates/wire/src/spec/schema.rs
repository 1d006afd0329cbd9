//! The JSON Schema of the spec file, for editors and for whoever writes such files by program.

use super::keys::{self, Group, Key, PROCESS, ROOT, SUPERVISOR, TEMPLATE, Takes};
use serde_json::{Map, Value, json};

/// Returns the JSON Schema (2020-12) of a spec file.
///
/// It accepts every file that the daemon accepts. What only shows in the whole, a need of a child that is not there,
/// only the daemon finds.
pub fn schema() -> Value {
    let mut schema = group(&ROOT);
    let object = schema.as_object_mut().into_iter();
    for object in object {
        object.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".into(), json!("mainstay.yaml"));
        object.insert(
            "description".into(),
            json!("What Mainstay keeps running, and by which policy."),
        );
        object.insert("$defs".into(), definitions());
    }
    schema
}

fn definitions() -> Value {
    let mut process = group(&PROCESS);
    // What is not said may come from a template.
    if let Some(process) = process.as_object_mut() {
        process.remove("required");
        let whole = json!([{ "required": ["command"] }, { "required": ["template"] }]);
        process.insert("anyOf".into(), whole);
    }
    let pattern = |pattern: &str, says: &str| {
        json!({
            "anyOf": [
                { "type": "string", "pattern": pattern, "description": says },
                { "$ref": "#/$defs/variable" },
            ]
        })
    };
    json!({
        "child": {
            "anyOf": [
                { "$ref": "#/$defs/text" },
                { "$ref": "#/$defs/process" },
                { "$ref": "#/$defs/supervisor" },
            ]
        },
        "process": process,
        "supervisor": group(&SUPERVISOR),
        "template": group(&TEMPLATE),
        "words": words(),
        "text": { "type": ["string", "number", "boolean"] },
        "variable": {
            "type": "string",
            "pattern": r"\$\{[^}]+\}",
            "description": "`${NAME}`, `${NAME:-default}` or `${NAME:?message}`"
        },
        "span": {
            "anyOf": [
                pattern(
                    r"^\s*[0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|min|h|d|w)(\s*[0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|min|h|d|w))*\s*$",
                    "`500ms`, `10s`, `1m 30s`, `24h`",
                ),
                { "const": 0 },
                { "const": "0" },
            ]
        },
        "size": {
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                pattern(
                    r"^\s*[0-9]+\s*([KMGT]|[KMGT]iB|[kKMGT]B|B)?\s*$",
                    "`4096`, `64KiB`, `10MB`, `1G`",
                ),
            ]
        },
        "rights": {
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                pattern("^(0o)?[0-7]{3,4}$", "`0644`"),
            ]
        },
        "percent": {
            "anyOf": [{ "type": "integer", "minimum": 1 }, pattern("^[0-9]+ *%?$", "`150%`")]
        },
        "signal": {
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 64 },
                pattern("^([A-Za-z0-9]+|(SIG)?RTM(IN|AX)[+-][0-9]+)$", "`TERM`, `SIGTERM`, `15`"),
            ]
        },
        "window": pattern(
            r"^\s*(consecutive|((sliding|tumbling)\s+)?[0-9].*)$",
            "`10m`, `sliding 10m`, `tumbling 10m`, `consecutive`",
        ),
    })
}

/// A preset with words of its own.
fn words() -> Value {
    let properties: Map<String, Value> =
        keys::WORDS.iter().map(|words| (words.preset.into(), group(&words.group))).collect();
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1
    })
}

fn group(group: &Group) -> Value {
    let properties: Map<String, Value> =
        group.all().map(|key| (key.name.to_owned(), property(key))).collect();
    let mut object = Map::new();
    object.insert("type".into(), json!("object"));
    object.insert("additionalProperties".into(), json!(false));
    object.insert("properties".into(), Value::Object(properties));
    let required: Vec<&str> = group
        .one_of
        .iter()
        .filter_map(|names| names.first().filter(|_| names.len() == 1))
        .copied()
        .collect();
    if !required.is_empty() {
        object.insert("required".into(), json!(required));
    }
    let choices: Vec<Value> = group
        .one_of
        .iter()
        .filter(|names| names.len() > 1)
        .map(|names| {
            let each: Vec<Value> = names.iter().map(|name| json!({ "required": [name] })).collect();
            json!({ "oneOf": each })
        })
        .collect();
    if !choices.is_empty() {
        object.insert("allOf".into(), json!(choices));
    }
    Value::Object(object)
}

fn property(key: &Key) -> Value {
    let mut value = takes(&key.takes);
    if let Some(object) = value.as_object_mut() {
        let says = if key.default.is_empty() {
            key.says.to_owned()
        } else {
            format!("{} Otherwise {}.", key.says, key.default)
        };
        object.insert("description".into(), json!(says));
    }
    value
}

fn takes(takes: &Takes) -> Value {
    let named = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    match takes {
        Takes::Text | Takes::Path => named("text"),
        Takes::Switch => json!({ "anyOf": [{ "type": "boolean" }, named("variable")] }),
        Takes::Whole { least, most } => json!({
            "anyOf": [{ "type": "integer", "minimum": least, "maximum": most }, named("variable"),
                { "type": "string", "pattern": "^-?[0-9]+$" }]
        }),
        Takes::Number => json!({ "anyOf": [{ "type": "number" }, named("variable")] }),
        Takes::Span => named("span"),
        Takes::Size => named("size"),
        Takes::Percent => named("percent"),
        Takes::Rights => named("rights"),
        Takes::Signal => named("signal"),
        Takes::Window => named("window"),
        Takes::Word(words) => {
            let each =
                words.iter().map(|word| json!({ "const": word.name, "description": word.says }));
            json!({ "anyOf": each.chain([named("variable")]).collect::<Vec<_>>() })
        }
        Takes::Preset => json!({
            "anyOf": [{ "enum": keys::PRESETS }, named("variable"), named("words")]
        }),
        Takes::List(each) => json!({ "type": "array", "items": self::takes(each) }),
        Takes::Map(each) => {
            json!({ "type": "object", "additionalProperties": self::takes(each) })
        }
        Takes::Group(keys) => group(keys),
        Takes::Either(all) => json!({ "anyOf": all.iter().map(self::takes).collect::<Vec<_>>() }),
        Takes::Children => json!({ "type": "object", "additionalProperties": named("child") }),
        Takes::Templates => json!({ "type": "object", "additionalProperties": named("template") }),
    }
}

//! What is made of the table of keys: the schema, the file to begin with.

use crate::support::{good, read};
use mainstay_core::spec::Preset;
use mainstay_wire::spec::{keys, schema, template};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn the_file_to_begin_with_can_be_loaded_also_with_all_its_examples() {
    let loaded = good(template());
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert!(loaded.meanings.contains_key("hello"));
    // An example is a line whose `#` has nothing but spaces and keys behind it.
    let is_example = |line: &str| {
        line.starts_with("#  ")
            || line == "#"
            || line.starts_with("# ") && line.contains(": ")
            || line.ends_with(':') && line.starts_with("# ")
    };
    let uncommented: String = template()
        .lines()
        .skip(2)
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if line.starts_with("#  ") => format!(" {}\n", &rest[1..]),
            Some(rest) if is_example(line) => {
                format!("{}\n", rest.strip_prefix(' ').unwrap_or(rest))
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let text = uncommented
        .replace("{file: secrets/db}", "{env: TOKEN}")
        .replace("include: [children/*.yaml]", "")
        .replace("env_file: .env", "");
    let loaded = good(&text);
    for path in ["web", "db", "backup", "queue/broker", "queue/worker@4"] {
        assert!(
            loaded.meanings.contains_key(path),
            "{path} is not in {:?}",
            loaded.meanings.keys()
        );
    }
}

#[test]
fn the_wire_knows_every_preset() {
    let names: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name()).collect();
    assert_eq!(keys::PRESETS, names);
}

/// Returns a file as JSON, the way an editor sees it.
fn json(text: &str) -> Value {
    use granit_parser::{Event, Parser, ScalarStyle};
    fn value(events: &mut dyn Iterator<Item = Event<'_>>) -> Option<Value> {
        match events.next()? {
            Event::MappingStart(..) => {
                let mut map = serde_json::Map::new();
                while let Some(name) = value(events) {
                    let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
                    map.insert(name, value(events)?);
                }
                Some(Value::Object(map))
            }
            Event::SequenceStart(..) => {
                let mut all = Vec::new();
                while let Some(one) = value(events) {
                    all.push(one);
                }
                Some(Value::Array(all))
            }
            Event::MappingEnd | Event::SequenceEnd => None,
            Event::Scalar(text, ScalarStyle::Plain, ..) => Some(
                serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned())),
            ),
            Event::Scalar(text, ..) => Some(Value::String(text.into_owned())),
            Event::StreamEnd => None,
            Event::StreamStart
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Alias(_)
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_)
            | _ => value(events),
        }
    }
    let mut events = Parser::new_from_str(text).map(|next| next.unwrap().0);
    value(&mut events).unwrap_or(Value::Null)
}

#[test]
fn the_schema_accepts_what_is_accepted() {
    let schema = jsonschema::draft202012::new(&schema()).expect("it is a schema");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec/good");
    let mut texts = vec![template().to_owned(), "children: {web: ./serve --port 80}".into()];
    for entry in std::fs::read_dir(folder).unwrap() {
        texts.push(std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    assert!(texts.len() >= 4, "the files in `good` are read");
    for text in texts {
        assert!(read(&text).is_ok(), "it is refused: {}", read(&text).unwrap_err());
        assert!(schema.is_valid(&json(&text)), "the schema refuses:\n{text}");
    }
}

#[test]
fn the_schema_refuses_what_has_unknown_keys_or_other_values() {
    let schema = jsonschema::draft202012::new(&schema()).expect("it is a schema");
    let table = [
        json!({ "children": {}, "nme": "x" }),
        json!({ "children": { "web": { "command": "x", "restrat": "never" } } }),
        json!({ "children": { "web": { "command": "x", "restart": "sometimes" } } }),
        json!({ "children": { "web": { "command": "x", "nice": 50 } } }),
        json!({ "children": { "web": { "command": "x", "stop": { "signal": "TERM", "message": "x" } } } }),
        json!({ "children": { "web": { "command": "x", "budget": { "count": "starts", "most": 5 } } } }),
        json!({ "children": { "web": { "restart": "never" } } }),
        json!({ "children": { "app": { "children": {}, "user": "nobody" } } }),
        json!({ "children": ["web"] }),
        json!({ "children": {}, "api": { "tcp": { "listen": "x" } } }),
        json!({ "children": {}, "drain_timeout": 10 }),
    ];
    for value in table {
        assert!(!schema.is_valid(&value), "the schema accepts {value}");
        assert!(read(&value.to_string()).is_err(), "the parser accepts {value}");
    }
}

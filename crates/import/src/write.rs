//! From the model to the text of a spec file, with comments where the meaning is not what it was.

use crate::model::{Child, INSTANCE, Model, Settings, VARIABLE, Value};
use crate::report::{Item, Report, wrapped};
use std::fmt::Write as _;

/// The order in which keys of a child are written; others follow.
const ORDER: &[&str] = &[
    "description",
    "preset",
    "strategy",
    "command",
    "shell",
    "folder",
    "user",
    "group",
    "groups",
    "umask",
    "environment",
    "env_file",
    "inherit",
    "stdin",
    "output",
    "terminal",
    "log",
    "restart",
    "criticality",
    "significant",
    "backoff",
    "jitter",
    "holdoff",
    "budget",
    "on_exhausted",
    "cooldown",
    "stable_after",
    "success",
    "start_timeout",
    "ready",
    "ready_timeout",
    "notify",
    "liveness",
    "stop",
    "reload",
    "contain",
    "recycle",
    "on_demand",
    "schedule",
    "restart_on_change",
    "needs",
    "sockets",
    "store",
    "limits",
    "rlimits",
];

const OPENS: char = VARIABLE.0;
const CLOSES: char = VARIABLE.1;

/// Returns the text.
pub(crate) fn spec(model: &Model, report: &Report, files: &[String]) -> String {
    let mut out = String::new();
    let from = files.join(", ").replace('\n', " ");
    comment(&mut out, 0, &format!("Imported from {}: {from}.", report.neighbour));
    if report.changed().next().is_some() || report.lost().next().is_some() {
        let text =
            "What means something else here, and what is not honoured, is told above each child.";
        comment(&mut out, 0, text);
    }
    remarks(&mut out, 0, report, None);
    for (key, value) in sorted(&model.top) {
        entry(&mut out, 0, key, value);
    }
    out.push_str("children:\n");
    for child in &model.children {
        self::child(&mut out, 1, child, report);
    }
    out
}

fn child(out: &mut String, depth: usize, child: &Child, report: &Report) {
    if !out.ends_with("children:\n") {
        out.push('\n');
    }
    remarks(out, depth, report, Some(&child.name));
    let _ = writeln!(out, "{}{}:", "  ".repeat(depth), scalar(&child.name));
    for (key, value) in sorted(&child.settings) {
        entry(out, depth + 1, key, value);
    }
    if !child.needs.is_empty() {
        let needs = child.needs.iter().map(|need| {
            if need.until == "ready" && need.on_restart.is_none() {
                return Value::Text(need.child.clone());
            }
            let mut map = vec![("child", need.child.as_str()), ("until", need.until)];
            map.extend(need.on_restart.map(|what| ("on_restart", what)));
            Value::map(map)
        });
        entry(out, depth + 1, "needs", &Value::List(needs.collect()));
    }
    if !child.children.is_empty() {
        let _ = writeln!(out, "{}children:", "  ".repeat(depth + 1));
        for below in &child.children {
            self::child(out, depth + 2, below, report);
        }
    }
}

fn sorted(settings: &Settings) -> Vec<&(String, Value)> {
    let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
    let mut all: Vec<_> = settings.iter().collect();
    all.sort_by_key(|(key, _)| rank(key));
    all
}

/// Says above a child what is not as it was. Keys of which the same is said stand together.
fn remarks(out: &mut String, depth: usize, report: &Report, child: Option<&str>) {
    let about: Vec<&Item> =
        report.items.iter().filter(|item| item.child.as_deref() == child).collect();
    for (word, is_meant) in [("changed", 1), ("not honoured", 2)] {
        let mut told: Vec<&str> = Vec::new();
        for item in about.iter().filter(|item| item.verdict.rank() == is_meant) {
            let text = item.verdict.text();
            if told.contains(&text) {
                continue;
            }
            told.push(text);
            let mut keys: Vec<&str> = Vec::new();
            for same in about.iter().filter(|same| same.verdict == item.verdict) {
                if !keys.contains(&same.key.as_str()) {
                    keys.push(&same.key);
                }
            }
            comment(out, depth, &format!("{word}: {}: {text}", keys.join(", ")));
        }
    }
}

fn comment(out: &mut String, depth: usize, text: &str) {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    for (number, line) in wrapped(&text, 100 - 2 * depth).iter().enumerate() {
        let lead = if number == 0 { "# " } else { "#   " };
        let _ = writeln!(out, "{}{lead}{line}", "  ".repeat(depth));
    }
}

fn entry(out: &mut String, depth: usize, key: &str, value: &Value) {
    let lead = "  ".repeat(depth);
    let flow = flow(value);
    let is_flat = match value {
        Value::Text(_) => true,
        // Variables are read one by one.
        Value::Map(_) if matches!(key, "environment" | "labels") => false,
        Value::List(_) | Value::Map(_) => flow.len() + lead.len() + key.len() < 96,
    };
    match value {
        Value::Map(all) if !is_flat && !all.is_empty() => {
            let _ = writeln!(out, "{lead}{}:", scalar(key));
            for (name, value) in all {
                match value {
                    // What looks like a number stays a text for every reader.
                    Value::Text(text) if matches!(key, "environment" | "labels") => {
                        let text =
                            if is_ambiguous(text) { format!("\"{text}\"") } else { scalar(text) };
                        let _ = writeln!(out, "{lead}  {}: {text}", scalar(name));
                    }
                    Value::Text(_) | Value::List(_) | Value::Map(_) => {
                        entry(out, depth + 1, name, value);
                    }
                }
            }
        }
        Value::List(all) if !is_flat && !all.is_empty() => {
            let _ = writeln!(out, "{lead}{}:", scalar(key));
            for value in all {
                let _ = writeln!(out, "{lead}  - {}", self::flow(value));
            }
        }
        Value::Text(_) | Value::List(_) | Value::Map(_) => {
            let _ = writeln!(out, "{lead}{}: {flow}", scalar(key));
        }
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Text(text) => scalar(text),
        Value::List(all) => {
            let all: Vec<String> = all.iter().map(flow).collect();
            format!("[{}]", all.join(", "))
        }
        Value::Map(all) => {
            let all: Vec<String> = all
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key), flow(value)))
                .collect();
            format!("{{{}}}", all.join(", "))
        }
    }
}

/// Returns a text as YAML that stands for exactly it, with dollar signs that the loader leaves alone.
fn scalar(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '$' if matches!(chars.peek(), Some('{' | '$' | &INSTANCE | &OPENS)) => {
                literal.push_str("$$");
            }
            INSTANCE => literal.push_str("${instance}"),
            OPENS => literal.push_str("${"),
            CLOSES => literal.push('}'),
            c => literal.push(c),
        }
    }
    if is_plain(&literal) {
        return literal;
    }
    let mut quoted = String::from("\"");
    for c in literal.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a plain text would be taken for a number or a switch.
fn is_ambiguous(text: &str) -> bool {
    text.parse::<f64>().is_ok() || matches!(text, "true" | "false" | "yes" | "no" | "on" | "off")
}

/// Whether a text needs no quotes, in a line of its own as well as within brackets.
fn is_plain(text: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphanumeric() || "/._".contains(c);
    let within = |c: char| c.is_ascii_alphanumeric() || "/._-+=@%~^;() ".contains(c);
    text.starts_with(begins)
        && text.chars().all(within)
        && !text.ends_with(' ')
        && !matches!(text, "null" | "...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_they_must_be() {
        for (text, written) in [
            ("/usr/bin/web -p 80", "/usr/bin/web -p 80"),
            ("a: b", "\"a: b\""),
            ("a #b", "\"a #b\""),
            ("-x", "\"-x\""),
            ("", "\"\""),
            ("null", "\"null\""),
            ("say \"x\"\n", "\"say \\\"x\\\"\\n\""),
            ("$HOME ${HOME} $$", "\"$HOME $${HOME} $$$\""),
            ("w\u{e000}", "\"w${instance}\""),
            ("a, b", "\"a, b\""),
        ] {
            assert_eq!(scalar(text), written, "{text:?}");
        }
    }
}

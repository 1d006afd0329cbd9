//! The reference page of the spec file, made of the table of its keys.

use super::keys::{self, Group, Key, PROCESS, ROOT, SUPERVISOR, Takes};
use std::fmt::Write;

const HEAD: &str = include_str!("reference.md");

/// Returns `docs/reference/spec.md`.
pub fn reference() -> String {
    let mut page = Page { text: HEAD.to_owned() };
    page.part("The file", "What stands at the top of `mainstay.yaml`.", &ROOT, &[]);
    page.part(
        "A process",
        "What stands behind the name of a child that runs a command.",
        &PROCESS,
        &[],
    );
    let known: Vec<&str> = PROCESS.all().map(|key| key.name).collect();
    let says = "What stands behind the name of a child that has `children`. It also takes these keys of a process, with \
                the same meaning: ";
    let shared: Vec<String> = SUPERVISOR
        .all()
        .filter(|key| known.contains(&key.name))
        .map(|key| format!("`{}`", key.name))
        .collect();
    page.part("A supervisor", &format!("{says}{}.", shared.join(", ")), &SUPERVISOR, &known);
    page.line(
        "\n## Words of presets\n\nWithin its own preset each of these words may stand beside our keys: \
         `preset: {supervisord: {startretries: 5}}`. It becomes the key that it names, as if that had been written; both \
         of them together are refused. A word of another preset is refused too, with the name of the one that has it.\n",
    );
    for words in keys::WORDS {
        let title = format!("`{}`", words.preset);
        page.line(&format!("### {title}\n"));
        for key in words.group.all() {
            page.key(key, "####", &format!("preset.{}.", words.preset));
        }
    }
    page.text
}

struct Page {
    text: String,
}

impl Page {
    fn part(&mut self, title: &str, says: &str, group: &Group, known: &[&str]) {
        self.line(&format!("\n## {title}\n\n{says}\n"));
        for key in group.all().filter(|key| !known.contains(&key.name)) {
            self.key(key, "###", "");
        }
    }

    fn key(&mut self, key: &Key, level: &str, above: &str) {
        let name = format!("{above}{}", key.name);
        self.line(&format!("{level} `{name}`\n\n{}\n", key.says));
        self.line(&format!("- takes: {}", takes(&key.takes)));
        if !key.default.is_empty() {
            self.line(&format!("- default: {}", key.default));
        }
        self.line(&format!("- example: `{}: {}`", key.name, key.example));
        self.words(&key.takes);
        self.line("");
        for group in key.takes.groups() {
            // What `defaults` take is what a process takes.
            if !std::ptr::eq(group.keys, keys::DEFAULTS.keys) && group.what != keys::DEFAULTS.what {
                for inner in group.all() {
                    self.key(inner, "####", &format!("{name}."));
                }
            }
        }
    }

    fn words(&mut self, takes: &Takes) {
        match takes {
            Takes::Word(words) => {
                for word in *words {
                    self.line(&format!("- `{}`: {}", word.name, word.says));
                }
            }
            Takes::Either(all) => all.iter().for_each(|one| self.words(one)),
            Takes::Preset => {
                let names: Vec<String> =
                    keys::PRESETS.iter().map(|name| format!("`{name}`")).collect();
                self.line(&format!("- presets: {}", names.join(", ")));
            }
            Takes::Text
            | Takes::Path
            | Takes::Switch
            | Takes::Whole { .. }
            | Takes::Number
            | Takes::Span
            | Takes::Size
            | Takes::Percent
            | Takes::Rights
            | Takes::Signal
            | Takes::Window
            | Takes::List(_)
            | Takes::Map(_)
            | Takes::Group(_)
            | Takes::Children
            | Takes::Templates => {}
        }
    }

    fn line(&mut self, line: &str) {
        let written = writeln!(self.text, "{line}");
        debug_assert!(written.is_ok(), "a text takes every line");
    }
}

/// Returns in words what can stand there; messages use the same words.
pub(super) fn takes(takes: &Takes) -> String {
    match takes {
        Takes::Text => "text".into(),
        Takes::Path => "a path".into(),
        Takes::Switch => "`true` or `false`".into(),
        Takes::Whole { least, most } if *most >= i64::from(u32::MAX) => {
            format!("a whole number from {least} on")
        }
        Takes::Whole { least, most } => format!("a whole number from {least} to {most}"),
        Takes::Number => "a number".into(),
        Takes::Span => "a span of time like `500ms`, `10s` or `1m 30s`".into(),
        Takes::Size => "a size like `4096`, `64KiB` or `10MB`".into(),
        Takes::Percent => "a percentage like `150%`".into(),
        Takes::Rights => "rights like `0644`".into(),
        Takes::Signal => "a signal like `TERM`, `SIGTERM` or `15`".into(),
        Takes::Window => "`10m`, `sliding 10m`, `tumbling 10m` or `consecutive`".into(),
        Takes::Word(words) => {
            let names: Vec<String> = words.iter().map(|word| format!("`{}`", word.name)).collect();
            names.join(", ")
        }
        Takes::Preset => "the name of a preset, or a map of it with its words".into(),
        Takes::List(each) if matches!(each, Takes::Either(_) | Takes::Group(_)) => {
            format!("a list, each {}", self::takes(each))
        }
        Takes::List(each) => format!("a list, each of it {}", self::takes(each)),
        Takes::Map(each) => format!("names, each with {}", self::takes(each)),
        Takes::Group(group) => format!("the keys of {}", group.what),
        Takes::Either(all) => {
            let each: Vec<String> = all.iter().map(self::takes).collect();
            each.join("; or ")
        }
        Takes::Children => "names, each with a command, a process or a supervisor".into(),
        Takes::Templates => "names, each with the keys of a process".into(),
    }
}

impl std::fmt::Display for Takes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&takes(self))
    }
}

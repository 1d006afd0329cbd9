//! `${NAME}` in values.

use super::near;
use super::place::Problem;
use super::syntax::{Node, Value};
use std::collections::BTreeMap;

/// What variables stand for.
#[derive(Clone, Copy)]
pub(super) struct Variables<'a> {
    /// The environment of the program.
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    /// What files at the top say.
    pub(super) files: &'a BTreeMap<String, String>,
    /// The number of an instance.
    pub(super) instance: Option<u32>,
}

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        match (name, self.instance) {
            ("instance", Some(number)) => Some(number.to_string()),
            _ => (self.environment)(name).or_else(|| self.files.get(name).cloned()),
        }
    }
}

/// Replaces every variable in the values of a node.
pub(super) fn fill(node: &mut Node, variables: Variables<'_>, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Empty | Value::Lost => {}
        Value::Scalar(text) => match replaced(text, variables) {
            Ok(Some(full)) => *text = full,
            Ok(None) => {}
            Err(wrong) => {
                let Wrong { text: what, hint, help } = wrong;
                problems.push(Problem { hint, ..Problem::new(node.at, what, help) });
                node.value = Value::Lost;
            }
        },
        Value::List(all) => all.iter_mut().for_each(|one| fill(one, variables, problems)),
        Value::Map(entries) => {
            entries.iter_mut().for_each(|(_, one)| fill(one, variables, problems));
        }
    }
}

struct Wrong {
    text: String,
    hint: String,
    help: String,
}

/// Returns the text with what its variables stand for; nothing if it holds none.
fn replaced(text: &str, variables: Variables<'_>) -> Result<Option<String>, Wrong> {
    if !text.contains('$') {
        return Ok(None);
    }
    let mut full = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        full.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            full.push('$');
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('{') {
            let end = closing(inner).ok_or_else(|| Wrong {
                text: "a `${` without its `}`".into(),
                hint: String::new(),
                help: "say `$$` for a dollar sign".into(),
            })?;
            full.push_str(&one(&inner[..end], variables)?);
            rest = &inner[end + 1..];
        } else {
            full.push('$');
        }
    }
    full.push_str(rest);
    Ok(Some(full))
}

/// Returns where the brace that was opened is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut last = '\0';
    for (at, c) in text.char_indices() {
        match c {
            '{' if last == '$' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        last = c;
    }
    None
}

fn one(inner: &str, variables: Variables<'_>) -> Result<String, Wrong> {
    let length =
        inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, rest) = inner.split_at(length);
    let is_name = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    let unknown_form = || Wrong {
        text: format!("`${{{inner}}}` is no variable"),
        hint: String::new(),
        help: "say `${NAME}`, `${NAME:-default}` or `${NAME:?message}`; `$$` is a dollar sign"
            .into(),
    };
    if !is_name {
        return Err(unknown_form());
    }
    let value = variables.get(name);
    if rest.is_empty() {
        return value.ok_or_else(|| unset(name, variables));
    }
    let value = value.filter(|value| !value.is_empty());
    match (rest.strip_prefix(":-"), rest.strip_prefix(":?")) {
        (Some(default), _) => match value {
            Some(value) => Ok(value),
            None => Ok(replaced(default, variables)?.unwrap_or_else(|| default.to_owned())),
        },
        (_, Some(message)) => value.ok_or_else(|| Wrong {
            text: format!("the variable `{name}` is not set: {message}"),
            hint: String::new(),
            help: String::new(),
        }),
        (None, None) => Err(unknown_form()),
    }
}

fn unset(name: &str, variables: Variables<'_>) -> Wrong {
    let help = if name == "instance" {
        "only a child that has `instances` has a number".to_owned()
    } else {
        format!("set it, or say what holds without it: `${{{name}:-default}}`")
    };
    Wrong {
        text: format!("the variable `{name}` is not set"),
        hint: near::hint(name, variables.files.keys().map(String::as_str)),
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_defaults_and_messages() {
        let environment = |name: &str| match name {
            "PORT" => Some("80".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let files =
            BTreeMap::from([("HOST".to_owned(), "db".to_owned()), ("PORT".into(), "1".into())]);
        let variables = Variables { environment: &environment, files: &files, instance: Some(3) };
        let table = [
            ("--port ${PORT}", Ok("--port 80")),
            ("${HOST}:${PORT}", Ok("db:80")),
            ("w${instance}", Ok("w3")),
            ("${NONE:-x}", Ok("x")),
            ("${EMPTY:-x}", Ok("x")),
            ("${EMPTY}", Ok("")),
            ("${NONE:-${PORT}}", Ok("80")),
            ("${NONE:-}", Ok("")),
            ("$PORT and $$ and 5$", Ok("$PORT and $ and 5$")),
            ("$${PORT}", Ok("${PORT}")),
            ("${NONE}", Err("the variable `NONE` is not set")),
            ("${NONE:?say a port}", Err("the variable `NONE` is not set: say a port")),
            ("${EMPTY:?say it}", Err("the variable `EMPTY` is not set: say it")),
            ("${PORT", Err("a `${` without its `}`")),
            ("${}", Err("`${}` is no variable")),
            ("${PORT+x}", Err("`${PORT+x}` is no variable")),
        ];
        for (text, expected) in table {
            let result = replaced(text, variables);
            let result = result.map(|full| full.unwrap_or_else(|| text.into()));
            let result = result.as_ref().map(String::as_str).map_err(|wrong| wrong.text.as_str());
            assert_eq!(result, expected, "{text}");
        }
    }
}

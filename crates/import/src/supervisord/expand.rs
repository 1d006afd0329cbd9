//! `%(name)s` in values of `supervisord.conf`.

use crate::model::{INSTANCE, variable};

/// What stands for what in one section.
#[derive(Clone, Debug)]
pub(super) struct Words {
    program: String,
    group: String,
    here: String,
    /// The number of one process, where each is written by itself.
    number: Option<u64>,
}

impl Words {
    pub(super) fn new(program: &str, group: &str, here: &str) -> Self {
        let here = if here.is_empty() { ".".to_owned() } else { here.to_owned() };
        Self { program: program.into(), group: group.into(), here, number: None }
    }

    pub(super) fn numbered(&self, number: u64) -> Self {
        Self { number: Some(number), ..self.clone() }
    }

    /// Whether a number is written with leading zeros, which `${instance}` is not.
    pub(super) fn pads(text: &str) -> bool {
        text.contains("%(process_num)0")
    }

    /// Fills in a value, or says what cannot be.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                out.push('%');
                rest = after;
                continue;
            }
            let inner = rest.strip_prefix('(').and_then(|inner| inner.split_once(')'));
            let Some((name, after)) = inner else {
                return Err("a `%` that begins no `%(name)s` is `%%`".into());
            };
            let end = after.find(['s', 'd']).ok_or("an expansion ends with `s` or `d`")?;
            let width: usize = after[..end].trim_start_matches('0').parse().unwrap_or(0);
            match name {
                "program_name" => out.push_str(&self.program),
                "group_name" => out.push_str(&self.group),
                "here" => out.push_str(&self.here),
                "process_num" => match self.number {
                    Some(number) if after.starts_with('0') => {
                        out.push_str(&format!("{number:0width$}"));
                    }
                    Some(number) => out.push_str(&format!("{number:width$}")),
                    None => out.push(INSTANCE),
                },
                "host_node_name" => out.push_str(&variable("HOSTNAME:-")),
                name => match name.strip_prefix("ENV_") {
                    Some(name) => out.push_str(&variable(&format!("{name}:-"))),
                    None => return Err(format!("`%({name})s` stands for nothing here")),
                },
            }
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Reads `KEY="value",KEY2=value`.
    pub(super) fn environment(&self, text: &str) -> Result<Vec<(String, String)>, String> {
        let mut pairs = Vec::new();
        let mut rest = text.trim().trim_end_matches(',');
        while !rest.is_empty() {
            let (name, after) =
                rest.split_once('=').ok_or_else(|| format!("`{rest}` is no `KEY=value`"))?;
            let after = after.trim_start();
            let (value, after) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    after[1..].split_once(quote).ok_or("a quote is not closed")?
                }
                Some(_) | None => {
                    let end = after.find([',', '\n']).unwrap_or(after.len());
                    (after[..end].trim(), &after[end..])
                }
            };
            if !crate::shell::is_variable(name.trim()) {
                return Err(format!("`{}` is no name of a variable", name.trim()));
            }
            pairs.push((name.trim().to_owned(), self.fill(value)?));
            rest = after.trim_start().trim_start_matches(',').trim_start();
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_filled_in() {
        let words = Words::new("web", "app", "/etc");
        for (text, expected) in [
            ("%(program_name)s in %(group_name)s", "web in app"),
            ("%(here)s/run 100%%", "/etc/run 100%"),
            ("w%(process_num)d", "w\u{e000}"),
            ("%(ENV_HOME)s/x", "\u{e001}HOME:-\u{e002}/x"),
        ] {
            assert_eq!(words.fill(text).as_deref(), Ok(expected));
        }
        assert_eq!(words.numbered(3).fill("%(process_num)02d").as_deref(), Ok("03"));
        assert!(words.fill("%(what)s").is_err());
        assert!(words.fill("50%").is_err());
    }

    #[test]
    fn variables_have_quotes_and_commas() {
        let words = Words::new("web", "web", "");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            words.environment("A=\"1,2\",B='x y',\n C=3,"),
            Ok(vec![pair("A", "1,2"), pair("B", "x y"), pair("C", "3")])
        );
        assert!(words.environment("A").is_err());
        assert!(words.environment("A='x").is_err());
    }
}

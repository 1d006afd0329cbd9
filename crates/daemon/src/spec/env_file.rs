//! Files with `NAME=VALUE` lines.

use super::place::{Place, Problem};

/// Reads the text of such a file. What is wrong is added to `problems`.
pub(super) fn parse(text: &str, file: u32, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let at = Place { file, from: from as u32, to: (from + line.trim_end().len()) as u32 };
        from += line.len();
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match one(line) {
            Ok(pair) => found.push(pair),
            Err(what) => {
                let help = "a line is `NAME=VALUE`, and what stands behind `#` counts as a comment";
                problems.push(Problem { is_secret: true, ..Problem::new(at, what, help) });
            }
        }
    }
    found
}

fn one(line: &str) -> Result<(String, String), &'static str> {
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, value) = line.split_once('=').ok_or("this line has no `=`")?;
    let name = name.trim_end();
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name.is_empty() || !is_name || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("what stands before `=` is no name of a variable");
    }
    let value = value.trim_start();
    let value = match value.chars().next() {
        Some('\'') => quoted(value, '\'')?,
        Some('"') => quoted(value, '"')?,
        Some(_) | None => {
            let end = value.find(" #").unwrap_or(value.len());
            value[..end].trim_end().to_owned()
        }
    };
    Ok((name.to_owned(), value))
}

fn quoted(value: &str, quote: char) -> Result<String, &'static str> {
    let mut text = String::new();
    let mut chars = value.chars().skip(1);
    loop {
        match chars.next() {
            None => return Err("a quote is not closed in its line"),
            Some(c) if c == quote => break,
            Some('\\') if quote == '"' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c @ ('"' | '\\' | '$')) => text.push(c),
                Some(c) => text.extend(['\\', c]),
                None => return Err("a quote is not closed in its line"),
            },
            Some(c) => text.push(c),
        }
    }
    let rest: String = chars.collect();
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(text)
    } else {
        Err("something stands behind the closing quote")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_forms_are_understood() {
        let text = "# comment\n\nA=1\nexport B = two words # comment\nC='it is # $5'\nD=\"a\\n\\\"b\\\"\" # x\nE=\nF=a#b\n";
        let mut problems = Vec::new();
        let found = parse(text, 0, &mut problems);
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "it is # $5"),
            ("D", "a\n\"b\""),
            ("E", ""),
            ("F", "a#b"),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let text = "A=1\nB\n1C=2\nD='x\nE='x'y\n";
        let mut problems = Vec::new();
        assert_eq!(parse(text, 0, &mut problems).len(), 1);
        let places: Vec<_> = problems.iter().filter_map(|problem| problem.at).collect();
        assert_eq!(places.iter().map(|at| at.from).collect::<Vec<_>>(), [4, 6, 11, 16]);
    }
}

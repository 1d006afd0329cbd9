//! Words of command lines: splitting them, quoting them, and lines for `/bin/sh` where one is needed.

use crate::model::Value;

/// Splits a line as a shell does, with nothing but quotes and `\` being special.
pub(crate) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => quoted(c, &mut chars, word.get_or_insert_default())?,
            '\\' => {
                let c = chars.next().ok_or("nothing stands behind the last `\\`")?;
                word.get_or_insert_default().push(c);
            }
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(
    quote: char,
    chars: &mut std::str::Chars<'_>,
    word: &mut String,
) -> Result<(), &'static str> {
    loop {
        match chars.next().ok_or("a quote is not closed")? {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next().ok_or("a quote is not closed")? {
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

/// Returns a word as a shell reads it back.
pub(crate) fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Whether words name a program.
pub(crate) fn names_program(words: &[String]) -> bool {
    words.first().is_some_and(|program| !program.is_empty())
}

/// Whether a line means more to a shell than its words do.
pub(crate) fn needs_shell(line: &str) -> bool {
    let (mut single, mut double, mut escaped) = (false, false, false);
    let mut begins = true;
    for c in line.chars() {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' if !single => escaped = true,
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '$' | '`' if !single => return true,
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '{' | '\n'
                if !single && !double =>
            {
                return true;
            }
            '#' | '~' if begins && !single && !double => return true,
            _ => {}
        }
        begins = c.is_whitespace();
    }
    // `NAME=VALUE command` sets a variable.
    let first = line.split_whitespace().next().unwrap_or("");
    first.split_once('=').is_some_and(|(name, _)| is_variable(name))
}

/// Whether it can be the name of a variable.
pub(crate) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// What a child runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Program {
    /// Lines that a shell runs before, each of which must succeed.
    pub(crate) before: Vec<String>,
    /// The words of the program.
    pub(crate) words: Vec<String>,
    /// The same as a line for a shell, where only a shell can read it.
    pub(crate) line: Option<String>,
}

impl Program {
    pub(crate) fn of(words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let words = words.into_iter().map(Into::into).collect();
        Self { words, ..Self::default() }
    }

    pub(crate) const fn has_shell(&self) -> bool {
        self.line.is_some() || !self.before.is_empty()
    }

    /// Returns the value of `command`. A shell is replaced by the program, so that signals reach it.
    pub(crate) fn command(&self) -> Value {
        if !self.has_shell() {
            return words(&self.words);
        }
        let line = self.line.clone().unwrap_or_else(|| line(&self.words));
        let mut steps = self.before.clone();
        steps.push(format!("exec {line}"));
        Value::list(["/bin/sh".to_owned(), "-c".to_owned(), steps.join(" && ")])
    }
}

/// Returns words as one line of a shell.
pub(crate) fn line(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// Returns the value of a command: one text where that can be read, else a list.
pub(crate) fn words(words: &[String]) -> Value {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    let all_plain = words.iter().all(|word| !word.is_empty() && word.chars().all(is_plain));
    if all_plain && !words.is_empty() {
        Value::Text(words.join(" "))
    } else {
        Value::list(words.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_come_back() {
        for (line, expected) in [
            ("a  'b c' \"d e\"f", vec!["a", "b c", "d ef"]),
            ("a '' \\ b", vec!["a", "", " b"]),
            ("it\\'s \"a \\\"b\\\"\"", vec!["it's", "a \"b\""]),
        ] {
            let words = split(line).expect("it can be split");
            assert_eq!(words, expected, "{line}");
            assert_eq!(split(&super::line(&words)).expect("again"), words);
        }
        assert!(split("a 'b").is_err());
        assert!(split("a \\").is_err());
    }

    #[test]
    fn a_shell_is_needed_where_more_than_words_is_said() {
        for line in
            ["a | b", "a $B", "a > b", "A=1 b", "a *.c", "a && b", "cd ~", "a `b`", "a {1,2}"]
        {
            assert!(needs_shell(line), "{line}");
        }
        for line in ["a b", "a '$B' \"x;y\"", "a --b=1", "a \\$b", "./a-b c=d"] {
            assert!(!needs_shell(line), "{line}");
        }
    }

    #[test]
    fn a_program_behind_steps_takes_the_place_of_the_shell() {
        let mut program = Program::of(["/bin/web", "a b"]);
        assert_eq!(program.command(), Value::list(["/bin/web", "a b"]));
        program.before.push("mkdir -p /tmp/x".into());
        let expected = ["/bin/sh", "-c", "mkdir -p /tmp/x && exec /bin/web 'a b'"];
        assert_eq!(program.command(), Value::list(expected));
    }
}

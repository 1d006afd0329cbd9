//! Files with `NAME=VALUE` lines, and whether the loader of spec files reads them too.

use crate::files::Files;
use crate::shell::is_variable;
use std::path::Path;

/// Says what is wrong with the path of an environment file as a value of `env_file`; nothing if it can be read.
pub(crate) fn trouble(files: &dyn Files, path: &Path) -> Option<String> {
    let Ok(text) = files.text(path) else {
        return Some(
            "the file cannot be read here: add `env_file` once it is there, for the spec file \
             requires it"
                .into(),
        );
    };
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') && !is_pair(line) {
            return Some(format!(
                "line {} of it is no `NAME=VALUE` as `env_file` takes it: mend it, then add \
                    `env_file`",
                number + 1
            ));
        }
    }
    None
}

/// Whether a line is one variable for the loader of spec files.
fn is_pair(line: &str) -> bool {
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let Some((name, value)) = line.split_once('=') else { return false };
    let value = value.trim_start();
    let rest = match value.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let mut escaped = false;
            let end = value[1..].find(|c| {
                let ends = c == quote && !escaped;
                escaped = c == '\\' && quote == '"' && !escaped;
                ends
            });
            let Some(end) = end else { return false };
            value[end + 2..].trim_start()
        }
        // A backslash at the end goes on in the next line for systemd, and not for the loader.
        Some(_) => return is_variable(name.trim_end()) && !value.ends_with('\\'),
        None => "",
    };
    is_variable(name.trim_end()) && (rest.is_empty() || rest.starts_with('#'))
}

/// Reads assignments like `A=1 "B=two words" C='x'`: words, each `NAME=VALUE`.
pub(crate) fn assignments(words: &[String]) -> Result<Vec<(String, String)>, String> {
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) if is_variable(name) => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err(word.clone()),
    };
    words.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::is_pair;

    #[test]
    fn only_lines_that_the_loader_reads_pass() {
        for line in ["A=1", "export A = b", "A='b c' # d", "A=\"b \\\" c\"", "A=", "A=b c"] {
            assert!(is_pair(line), "{line}");
        }
        for line in ["A", "1A=b", "A='b", "A='b'c", "A=b\\", "A-B=c"] {
            assert!(!is_pair(line), "{line}");
        }
    }
}

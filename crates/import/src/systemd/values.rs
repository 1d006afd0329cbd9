//! Spans, sizes and commands as systemd writes them.

use super::unit::Specifiers;
use crate::shell::{self, Program, quote};
use std::time::Duration;

/// A span of time, or none that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    For(Duration),
    Infinite,
}

/// Reads `5min 20s`, `90` (seconds), `infinity`.
pub(super) fn span(text: &str) -> Option<Span> {
    let text = text.trim();
    if text == "infinity" {
        return Some(Span::Infinite);
    }
    let mut rest = text;
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().ok()?;
        rest = rest[end..].trim_start();
        let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "usec" | "us" | "µs" => 1e-6,
            "msec" | "ms" => 1e-3,
            "" | "seconds" | "second" | "sec" | "s" => 1.0,
            "minutes" | "minute" | "min" | "m" => 60.0,
            "hours" | "hour" | "hr" | "h" => 3600.0,
            "days" | "day" | "d" => 86_400.0,
            "weeks" | "week" | "w" => 604_800.0,
            "months" | "month" | "M" => 2_629_800.0,
            "years" | "year" | "y" => 31_557_600.0,
            _ => return None,
        };
        total += number * unit;
        rest = rest[letters..].trim_start();
    }
    (total < 3e9).then(|| Span::For(Duration::from_micros((total * 1e6).round() as u64)))
}

/// Reads a size: `512M`, `1G`, `infinity`.
pub(super) fn size(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if text == "infinity" {
        return Some(None);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let factor = match &text[digits..] {
        "" | "B" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return None,
    };
    Some(Some(number.checked_mul(factor)?))
}

/// One command of an `Exec` key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) words: Vec<String>,
    /// A line for a shell, where variables are filled in.
    pub(super) line: Option<String>,
    /// `-`: its failure does not count.
    pub(super) is_optional: bool,
    /// `+`, `!`, `!!`: it has all rights.
    pub(super) is_privileged: bool,
    /// `@`: the name that the program is told is its own.
    pub(super) has_name: bool,
    /// `|`: it runs in the shell of the user.
    pub(super) has_user_shell: bool,
}

impl Command {
    /// Returns it as a line of a shell.
    pub(super) fn as_line(&self) -> String {
        self.line.clone().unwrap_or_else(|| shell::line(&self.words))
    }

    pub(super) fn program(&self) -> Program {
        Program { before: Vec::new(), words: self.words.clone(), line: self.line.clone() }
    }

    /// Returns the signal that it sends to the main process, where it does nothing else.
    pub(super) fn signal(&self) -> Option<String> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let (program, rest) = words.split_first()?;
        if program.rsplit('/').next() != Some("kill") {
            return None;
        }
        let is_main = |word: &str| matches!(word, "$MAINPID" | "${MAINPID}");
        match rest {
            ["-s" | "--signal", name, pid] if is_main(pid) => crate::units::signal(name),
            [name, pid] if is_main(pid) => crate::units::signal(name.strip_prefix('-')?),
            [pid] if is_main(pid) => Some("TERM".into()),
            _ => None,
        }
    }
}

/// Reads the commands of one line; several stand apart by a `;` of its own.
pub(super) fn commands(text: &str, specifiers: &Specifiers) -> Result<Vec<Command>, String> {
    let mut all = Vec::new();
    let mut words: Vec<(String, bool)> = Vec::new();
    for (word, is_quoted) in unquoted(text)? {
        if word == ";" && !is_quoted {
            all.extend(command(std::mem::take(&mut words), specifiers)?);
        } else {
            let word = if word == "\\;" { ";".into() } else { word };
            words.push((word, is_quoted));
        }
    }
    all.extend(command(words, specifiers)?);
    Ok(all)
}

fn command(words: Vec<(String, bool)>, specifiers: &Specifiers) -> Result<Option<Command>, String> {
    let mut made = Command::default();
    let mut expands = true;
    let mut words = words.into_iter().map(|(word, _)| word);
    let Some(first) = words.next() else { return Ok(None) };
    let mut program = first.as_str();
    while let Some(c) = program.chars().next() {
        match c {
            '-' => made.is_optional = true,
            '@' => made.has_name = true,
            ':' => expands = false,
            '+' | '!' => made.is_privileged = true,
            '|' => made.has_user_shell = true,
            _ => break,
        }
        program = &program[1..];
    }
    let unknown = |c: char| format!("`%{c}` stands for nothing here");
    let mut shell_words = vec![quote(&specifiers.fill(program).map_err(unknown)?)];
    made.words.push(specifiers.fill(program).map_err(unknown)?);
    if program.is_empty() {
        return Err("it names no program".into());
    }
    if made.has_name {
        // The word after the program is only what it is told to be called.
        words.next();
    }
    let mut varies = false;
    for word in words {
        let word = specifiers.fill(&word).map_err(unknown)?;
        let (line, has_variable) = if expands { variables(&word) } else { (quote(&word), false) };
        varies |= has_variable;
        shell_words.push(line);
        made.words.push(if has_variable || !expands { word } else { word.replace("$$", "$") });
    }
    made.line = varies.then(|| shell_words.join(" "));
    Ok(Some(made))
}

/// Returns a word as a shell fills it in the way systemd does, and whether there is anything to fill in.
fn variables(word: &str) -> (String, bool) {
    if let Some(name) = word.strip_prefix('$').filter(|name| shell::is_variable(name)) {
        // A variable that is a word of its own is split at spaces, by a shell as well.
        return (format!("${name}"), true);
    }
    let mut line = String::new();
    let mut text = String::new();
    let mut varies = false;
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let inner = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        if let Some((name, after)) = inner.filter(|(name, _)| shell::is_variable(name)) {
            if !text.is_empty() {
                line.push_str(&quote(&text));
                text.clear();
            }
            line.push_str(&format!("\"${{{name}}}\""));
            varies = true;
            rest = after;
        } else if let Some(after) = rest.strip_prefix('$') {
            text.push('$');
            rest = after;
        } else {
            text.push('$');
        }
    }
    text.push_str(rest);
    if !text.is_empty() || line.is_empty() {
        line.push_str(&quote(&text));
    }
    (line, varies)
}

/// Splits a value into words the way systemd does; each says whether it was quoted.
pub(super) fn unquoted(text: &str) -> Result<Vec<(String, bool)>, String> {
    let mut words = Vec::new();
    let mut word: Option<(String, bool)> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => {
                let (word, _) = word.get_or_insert_default();
                escape(&mut chars, word);
            }
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.get_or_insert_default().0.push(c),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default().1 = true;
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().0.push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) {
    match chars.next() {
        Some('n') => word.push('\n'),
        Some('t') => word.push('\t'),
        Some('r') => word.push('\r'),
        Some('s') => word.push(' '),
        Some(c @ ('\\' | '"' | '\'')) => word.push(c),
        Some('x') => {
            let hex: String = chars.clone().take(2).collect();
            match u8::from_str_radix(&hex, 16) {
                Ok(code) if hex.len() == 2 => {
                    word.push(char::from(code));
                    chars.next();
                    chars.next();
                }
                Ok(_) | Err(_) => word.push_str("\\x"),
            }
        }
        Some(c) => word.extend(['\\', c]),
        None => word.push('\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_systemd_units() {
        let seconds = |n| Some(Span::For(Duration::from_secs(n)));
        for (text, expected) in [
            ("90", seconds(90)),
            ("5min 20s", seconds(320)),
            ("1h30m", seconds(5400)),
            ("infinity", Some(Span::Infinite)),
            ("100ms", Some(Span::For(Duration::from_millis(100)))),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(span(text), expected, "{text:?}");
        }
        assert_eq!(size("512M"), Some(Some(512 << 20)));
        assert_eq!(size("infinity"), Some(None));
        assert_eq!(size("50%"), None);
    }

    #[test]
    fn commands_have_prefixes_words_and_variables() {
        let specifiers = Specifiers::new("web.service", None);
        let one = |text: &str| commands(text, &specifiers).map(|all| all[0].clone());
        let plain = one("/bin/web --name \"a b\" '%p'").expect("right");
        assert_eq!(plain.words, ["/bin/web", "--name", "a b", "web"]);
        assert_eq!(plain.line, None);
        let varies = one("-/bin/web $OPTS --port=${PORT} cost$$5").expect("right");
        assert!(varies.is_optional);
        assert_eq!(varies.line.as_deref(), Some("/bin/web $OPTS --port=\"${PORT}\" 'cost$5'"));
        assert_eq!(one(":/bin/web $A").expect("right").line, None);
        assert!(one("+/bin/web").expect("right").is_privileged);
        assert_eq!(one("@/bin/web web -x").expect("right").words, ["/bin/web", "-x"]);
        assert_eq!(commands("/bin/a ; /bin/b", &specifiers).expect("right").len(), 2);
        assert!(one("/bin/web 'x").is_err());
        assert!(one("/bin/web %H").is_err());
    }

    #[test]
    fn a_command_that_only_sends_a_signal_is_known() {
        let specifiers = Specifiers::new("web.service", None);
        for (text, expected) in [
            ("/bin/kill -HUP $MAINPID", Some("HUP")),
            ("/usr/bin/kill -s SIGUSR1 ${MAINPID}", Some("USR1")),
            ("kill $MAINPID", Some("TERM")),
            ("/bin/kill -HUP 1", None),
            ("/usr/sbin/web -s reload", None),
        ] {
            let all = commands(text, &specifiers).expect("right");
            assert_eq!(all[0].signal().as_deref(), expected, "{text}");
        }
    }
}

//! Tells the code of a Rust file from its comments and its literals.
//!
//! It knows just enough of the language for that; it is no parser, and accepts what is no Rust.

/// A Rust file twice: each text is as long as the file, with spaces where the other has something
/// and where literals are, so that a byte offset means the same place in all three.
pub(super) struct Source {
    pub(super) code: String,
    pub(super) comments: String,
}

#[derive(Clone, Copy)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Separates the two.
pub(super) fn split(text: &str) -> Source {
    let mut source = Source { code: String::new(), comments: String::new() };
    let mut rest = text;
    let mut in_word = false;
    while !rest.is_empty() {
        let (kind, length) = token(rest, in_word);
        let (token, after) = rest.split_at(length);
        let (code, comment) = match kind {
            Kind::Code => (Some(token), None),
            Kind::Comment => (None, Some(token)),
            Kind::Literal => (None, None),
        };
        push(&mut source.code, code, token);
        push(&mut source.comments, comment, token);
        in_word = code.is_some_and(|code| code.ends_with(is_word));
        rest = after;
    }
    source
}

/// Says whether `c` can be part of an identifier.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Appends what belongs here, or blanks for it; lines stay lines.
fn push(out: &mut String, kept: Option<&str>, token: &str) {
    match kept {
        Some(kept) => out.push_str(kept),
        None => out.extend(token.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' })),
    }
}

/// Returns what `rest` begins with and how many bytes that is.
fn token(rest: &str, in_word: bool) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment(rest));
    }
    if rest.starts_with('"') {
        return (Kind::Literal, string(rest));
    }
    if !in_word && let Some(length) = raw_string(rest) {
        return (Kind::Literal, length);
    }
    if let Some(length) = character(rest) {
        return (Kind::Literal, length);
    }
    (Kind::Code, rest.chars().next().map_or(0, char::len_utf8))
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let bytes = &rest.as_bytes()[at..];
        if bytes.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// `r"..."` and its kin with any number of `#`; `r#word` is an identifier.
fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let opening = &rest[prefix.len()..];
    let hashes = opening.len() - opening.trim_start_matches('#').len();
    opening[hashes..].strip_prefix('"')?;
    let body = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len()))
}

/// A character in quotes; a quote that begins a lifetime or a label is none.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        // The quote that closes comes after the escaped character, which may be a quote itself.
        return inner.get(2..)?.find('\'').map(|at| at + 4);
    }
    let length = inner.chars().next()?.len_utf8();
    inner[length..].starts_with('\'').then_some(length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn code_comments_and_literals_are_told_apart() {
        let table = [
            ("a // b", "a", "// b"),
            ("/// a\nb", "b", "/// a"),
            ("a /* b /* c */ d */ e", "a e", "/* b /* c */ d */"),
            (r#"f("a // \" b") // c"#, "f( )", "// c"),
            ("r#\"a\" // b\"# c", "c", ""),
            ("br##\"a\"# b\"## c", "c", ""),
            ("r#match 'a: 'b' '\\'' '\\\\' '\\u{7f}' 'é' c", "r#match 'a: c", ""),
            ("for\"a\"", "for", ""),
            ("a \"never closed", "a", ""),
            ("a /* never closed", "a", "/* never closed"),
        ];
        for (text, code, comments) in table {
            let source = split(text);
            assert_eq!(words(&source.code), code, "{text}");
            assert_eq!(words(&source.comments), comments, "{text}");
        }
    }

    #[test]
    fn an_offset_means_the_same_place_in_all_three() {
        let text = "é /* é\né */ a \"é\n\" // é";
        let source = split(text);
        assert_eq!(source.code.find('a'), text.find('a'));
        assert_eq!(source.comments.rfind("//"), text.rfind("//"));
        for half in [&source.code, &source.comments] {
            assert_eq!(half.len(), text.len());
            assert_eq!(half.matches('\n').count(), 2);
        }
    }
}

//! JSON as it was answered: on one line for programs, indented for people.

use crate::screen::Screen;

/// Returns the text of a JSON value as it is, on one line or, for a terminal, indented.
pub(crate) fn json(body: &[u8], screen: &Screen) -> String {
    let text = String::from_utf8_lossy(body);
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    let is_pretty = screen.is_terminal;
    let line = |out: &mut String, depth: usize| {
        if is_pretty {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
    };
    let mut rest = text.trim().chars().peekable();
    while let Some(c) = rest.next() {
        if is_string {
            out.push(c);
            is_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                is_string = true;
                out.push(c);
            }
            '{' | '[' => {
                while rest.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                out.push(c);
                match rest.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(if is_pretty { ": " } else { ":" }),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_what_it_is() {
        let text = br#"{ "b": [1, {}, [ ], "x: \", {\\"], "a": null }"#;
        let mut screen = Screen { has_colour: false, width: None, is_terminal: false };
        assert_eq!(json(text, &screen), r#"{"b":[1,{},[],"x: \", {\\"],"a":null}"#);
        screen.is_terminal = true;
        let pretty = "{\n  \"b\": [\n    1,\n    {},\n    [],\n    \"x: \\\", {\\\\\"\n  ],\n  \"a\": null\n}";
        assert_eq!(json(text, &screen), pretty);
    }
}

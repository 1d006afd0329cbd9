//! Rules for source files.

use super::lex::{Source, is_word};
use super::{Weight, line_at};

/// A file this long is split, by idea.
const LINES_MOST: usize = 600;
/// Where one begins to think about how.
const LINES_WARNED: usize = 500;

/// What stands in code only until it is finished, and what to do about it.
const LEFTOVERS: [(&str, &str); 4] = [
    ("todo!", "unfinished: write it, or leave the path out until it is wanted"),
    ("unimplemented!", "unfinished: write it, or leave the path out until it is wanted"),
    ("#[ignore", "a test switched off proves nothing: mend it or remove it"),
    ("#[should_panic", "any panic passes this test: assert what happens instead"),
];
/// What stands in comments only until somebody comes back.
const MARKERS: [&str; 2] = ["FIXME", "XXX"];
/// Names of modules that say nothing about what is in them.
const NAMELESS: [&str; 6] = ["helper", "helpers", "misc", "util", "utilities", "utils"];

/// Passes what is wrong with one source file to `note`.
pub(super) fn check(
    path: &str,
    text: &str,
    source: &Source,
    note: &mut impl FnMut(usize, Weight, String),
) {
    length(path, text, note);
    header(path, text, note);
    module_names(path, source, note);
    leftovers(source, note);
    bare_allows(source, note);
    sleeps(path, source, note);
}

/// Tables of scenarios may be as long as they are: only what is read as code is held to a length.
fn length(path: &str, text: &str, note: &mut impl FnMut(usize, Weight, String)) {
    let lines = text.lines().count();
    if is_below(path, "tests") || lines <= LINES_WARNED {
        return;
    }
    let (line, weight) = if lines > LINES_MOST {
        (LINES_MOST + 1, Weight::Error)
    } else {
        (LINES_WARNED + 1, Weight::Warning)
    };
    note(line, weight, format!("{lines} lines: split the file, by idea"));
}

fn header(path: &str, text: &str, note: &mut impl FnMut(usize, Weight, String)) {
    let wanted = is_below(path, "src") && !path.ends_with("/tests.rs");
    // The licence of a file that came from elsewhere may stand first.
    let first = text.lines().find(|line| !line.is_empty() && !is_plain_comment(line));
    if wanted && !first.is_some_and(|line| line.starts_with("//!")) {
        let what = "no header: begin with `//!` and a sentence on what the file is for";
        note(1, Weight::Error, what.into());
    }
}

fn is_plain_comment(line: &str) -> bool {
    line.starts_with("//") && !line.starts_with("//!") && !line.starts_with("///")
}

fn module_names(path: &str, source: &Source, note: &mut impl FnMut(usize, Weight, String)) {
    let what = |name| format!("`{name}` says nothing: name the module after what is in it");
    let mut parts = path.rsplit('/');
    let stem = parts.next().unwrap_or_default().trim_end_matches(".rs");
    let folder = parts.next().unwrap_or_default();
    for name in [folder, stem].into_iter().filter(|name| NAMELESS.contains(name)) {
        note(1, Weight::Error, what(name));
    }
    // A module in its own file is found above; this is one written in place.
    for at in places(&source.code, "mod ") {
        let rest = source.code[at + "mod ".len()..].trim_start();
        let name = rest.split(|c| !is_word(c)).next().unwrap_or_default();
        if NAMELESS.contains(&name) && rest[name.len()..].trim_start().starts_with('{') {
            note(line_at(&source.code, at), Weight::Error, what(name));
        }
    }
}

fn leftovers(source: &Source, note: &mut impl FnMut(usize, Weight, String)) {
    for (leftover, what) in LEFTOVERS {
        for at in places(&source.code, leftover) {
            note(line_at(&source.code, at), Weight::Error, what.into());
        }
    }
    for marker in MARKERS {
        for at in places(&source.comments, marker) {
            let what = format!("{marker}: do it now, or say in plain words what is so and why");
            note(line_at(&source.comments, at), Weight::Error, what);
        }
    }
}

fn bare_allows(source: &Source, note: &mut impl FnMut(usize, Weight, String)) {
    for opening in ["#[allow(", "#![allow("] {
        for at in places(&source.code, opening) {
            let inside = source.code[at..].split(']').next().unwrap_or_default();
            if places(inside, "reason").next().is_none() {
                let what = "a lint switched off without a reason: \
                            write `#[expect(..., reason = \"...\")]`, or mend what it says";
                note(line_at(&source.code, at), Weight::Error, what.into());
            }
        }
    }
}

fn sleeps(path: &str, source: &Source, note: &mut impl FnMut(usize, Weight, String)) {
    let tests = if is_below(path, "tests") || path.ends_with("/tests.rs") {
        0
    } else {
        source.code.find("#[cfg(test)]").unwrap_or(source.code.len())
    };
    for at in places(&source.code, "thread::sleep").filter(|at| *at >= tests) {
        let what =
            "a test that sleeps is slow or wrong by turns: wait for the event, with a deadline";
        note(line_at(&source.code, at), Weight::Error, what.into());
    }
}

/// Says whether one of the folders above the file has this name.
fn is_below(path: &str, folder: &str) -> bool {
    path.rsplit('/').skip(1).any(|part| part == folder)
}

/// Returns where `wanted` stands in `text`, but not where it is part of a longer word.
fn places<'a>(text: &'a str, wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(wanted).map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let after = text[*at + wanted.len()..].chars().next();
        let joined = |inner: Option<char>, outer: Option<char>| {
            inner.is_some_and(is_word) && outer.is_some_and(is_word)
        };
        !joined(wanted.chars().next(), before) && !joined(wanted.chars().next_back(), after)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;

    fn expect_in(path: &str, text: &str, expected: &[&str]) {
        let expected: Vec<String> = expected.iter().map(|rest| format!("{path}:{rest}")).collect();
        expect(&[(path, text)], &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn a_long_file_is_warned_about_then_refused_but_not_among_the_tests() {
        let file = |lines: usize| format!("//! A.\n{}", "\n".repeat(lines - 1));
        expect_in("src/a.rs", &file(500), &[]);
        expect_in("src/a.rs", &file(501), &["501: warning: 501 lines: split the file, by idea"]);
        expect_in("src/a.rs", &file(600), &["501: warning: 600 lines: split the file, by idea"]);
        expect_in("src/a.rs", &file(601), &["601: 601 lines: split the file, by idea"]);
        expect_in("tests/a.rs", &file(601), &[]);
    }

    #[test]
    fn a_source_file_begins_with_its_purpose() {
        let missing = ["1: no header: begin with `//!` and a sentence on what the file is for"];
        expect_in("crates/core/src/lib.rs", "#![no_std]\n//! A.\n", &missing);
        expect_in("crates/core/src/lib.rs", "", &missing);
        expect_in("crates/core/src/lib.rs", "// Copyright\n\n//! A.\n#![no_std]\n", &[]);
        expect_in("crates/core/src/child/tests.rs", "use super::*;\n", &[]);
        expect_in("crates/core/tests/tables.rs", "fn a() {}\n", &[]);
    }

    #[test]
    fn a_module_is_named_after_what_is_in_it() {
        let what = "`utils` says nothing: name the module after what is in it";
        expect_in("src/utils.rs", "//! A.\n", &[&format!("1: {what}")]);
        expect_in("src/utils/a.rs", "//! A.\n", &[&format!("1: {what}")]);
        expect_in("src/a.rs", "//! A.\n\nmod utils {}\n", &[&format!("3: {what}")]);
        expect_in("src/a.rs", "//! A.\nmod utilization {}\n", &[]);
    }

    #[test]
    fn leftovers_count_in_code_and_markers_in_comments() {
        let text = "//! A.\n\
                    // FIXME: later\n\
                    fn a() { unimplemented!() }\n\
                    #[ignore = \"slow\"]\n\
                    #[should_panic]\n\
                    fn b() { f(\"todo!() FIXME\") } // todo!() XXXX\n";
        expect_in(
            "src/a.rs",
            text,
            &[
                "2: FIXME: do it now, or say in plain words what is so and why",
                "3: unfinished: write it, or leave the path out until it is wanted",
                "4: a test switched off proves nothing: mend it or remove it",
                "5: any panic passes this test: assert what happens instead",
            ],
        );
    }

    #[test]
    fn a_lint_is_switched_off_with_a_reason() {
        let bare = "a lint switched off without a reason: \
                    write `#[expect(..., reason = \"...\")]`, or mend what it says";
        let text = "//! A.\n\
                    #![allow(dead_code)]\n\
                    #[allow(\n    clippy::a,\n    reason = \"b\",\n)]\n\
                    #[allow(clippy::reasonable)]\n\
                    fn a() { allow(b) }\n";
        expect_in("src/a.rs", text, &[&format!("2: {bare}"), &format!("7: {bare}")]);
    }

    #[test]
    fn a_test_does_not_sleep() {
        let sleeps =
            "a test that sleeps is slow or wrong by turns: wait for the event, with a deadline";
        let text = "//! A.\n\
                    fn a() { std::thread::sleep(b) }\n\
                    #[cfg(test)]\n\
                    mod tests { fn c() { thread::sleep(d) } }\n";
        expect_in("src/a.rs", text, &[&format!("4: {sleeps}")]);
        expect_in("tests/a.rs", "fn a() { std::thread::sleep(b) }\n", &[&format!("1: {sleeps}")]);
    }
}

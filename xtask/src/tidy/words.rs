//! One word per concept, as `docs/glossary.md` says, where a program can tell.
//!
//! It looks at names in code. Prose is left to its readers: there a word may also be meant plainly.

use super::lex::is_word;
use super::{Weight, line_at};

/// Words that other systems use for what has a word of ours.
const SYNONYMS: [(&str, &str); 10] = [
    ("alarm", "alert"),
    ("bounce", "restart"),
    ("half_open", "trial"),
    ("health_check", "probe"),
    ("incarnation", "run"),
    ("intensity", "budget"),
    ("launch", "start"),
    ("ledger", "journal"),
    ("meltdown", "budget"),
    ("quota", "budget"),
];
/// Folders and files that map other systems' words to ours, and so have to write them.
const MAPPINGS: [&str; 3] = ["migrate", "preset", "conformance"];
/// Ends of type names that say nothing about the thing.
const VAGUE_ENDS: [&str; 13] = [
    "base",
    "context",
    "data",
    "engine",
    "handler",
    "helper",
    "helpers",
    "impl",
    "info",
    "manager",
    "processor",
    "util",
    "utils",
];
/// Beginnings of function names that add nothing, with what to write instead.
const VAGUE_BEGINNINGS: [(&str, &str); 4] = [
    ("do", "name the effect itself"),
    ("get", "name what it returns"),
    ("handle", "name what it does with it; only the tree has a `handle`"),
    ("new_with", "use a builder, or name what is special about it"),
];

/// Passes the names in `code` that are not ours to `note`.
pub(super) fn check(path: &str, code: &str, note: &mut impl FnMut(usize, Weight, String)) {
    let maps = path.split('/').any(|part| MAPPINGS.iter().any(|word| part.starts_with(word)));
    let mut before = "";
    for (at, name) in names(code) {
        let parts = parts(name);
        let mut say = |what| note(line_at(code, at), Weight::Error, what);
        if !maps {
            for (foreign, ours) in SYNONYMS {
                if contains(&parts, foreign) {
                    say(format!("`{name}`: {foreign} is called {ours} here, see docs/glossary.md"));
                }
            }
        }
        match before {
            "struct" | "enum" | "trait" | "type" | "union" => {
                // Alone it is what Rust calls the thing that is handed to a future.
                let is_plain = parts == ["context"];
                let end = parts.last().filter(|end| VAGUE_ENDS.contains(&end.as_str()));
                if let Some(end) = end.filter(|_| !is_plain) {
                    say(format!("`{name}`: {end} says nothing, name the thing itself"));
                }
            }
            "fn" => {
                for (beginning, instead) in VAGUE_BEGINNINGS {
                    if name.strip_prefix(beginning).is_some_and(|rest| rest.starts_with('_')) {
                        say(format!("`{name}`: {instead}"));
                    }
                }
                if name.ends_with("_for_test") || name.ends_with("_for_tests") {
                    say(format!("`{name}`: a test uses what everyone uses"));
                }
            }
            _ => {}
        }
        before = name;
    }
}

/// Returns the identifiers and keywords of `code` with their places.
fn names(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    code.split_inclusive(|c| !is_word(c)).filter_map(move |piece| {
        let place = at;
        at += piece.len();
        let name = piece.trim_end_matches(|c| !is_word(c));
        (!name.is_empty()).then_some((place, name))
    })
}

/// Splits a name into its words, in lower case: `BudgetSpent`, `BUDGET_SPENT` and `budget_spent`
/// have the same two.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && after_lower) {
            parts.push(String::new());
        }
        if c != '_'
            && let Some(part) = parts.last_mut()
        {
            part.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase() || c.is_numeric();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Says whether the words of `wanted`, joined by `_`, follow each other in `parts`.
fn contains(parts: &[String], wanted: &str) -> bool {
    let wanted: Vec<&str> = wanted.split('_').collect();
    parts.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::parts;

    #[test]
    fn a_foreign_word_is_found_in_any_case_and_only_as_a_word_of_a_name() {
        let text = "//! A quota in prose.\n\
                    const MAX_INTENSITY: u32 = 3;\n\
                    fn a(relaunched: u8) { let healthCheck = \"alarm\"; }\n\
                    enum State { HalfOpen, Halfway, Open }\n";
        let expected = [
            "src/a.rs:2: `MAX_INTENSITY`: intensity is called budget here, see docs/glossary.md",
            "src/a.rs:3: `healthCheck`: health_check is called probe here, see docs/glossary.md",
            "src/a.rs:4: `HalfOpen`: half_open is called trial here, see docs/glossary.md",
        ];
        expect(&[("src/a.rs", text)], &expected);
        expect(&[("src/preset/otp.rs", text), ("src/presets.rs", text)], &[]);
    }

    #[test]
    fn a_type_is_named_after_the_thing() {
        expect(
            &[("src/a.rs", "//! A.\nstruct ChildManager;\ntype Info = u8;\nstruct Database;\n")],
            &[
                "src/a.rs:2: `ChildManager`: manager says nothing, name the thing itself",
                "src/a.rs:3: `Info`: info says nothing, name the thing itself",
            ],
        );
    }

    #[test]
    fn a_function_is_named_after_its_effect() {
        let text = "//! A.\nfn get_run() {}\nfn do_stop() {}\nfn handle_exit() {}\n\
                    fn new_with_budget() {}\nfn tree_for_test() {}\n\
                    fn handle() { self.get_mut() }\nfn getter() {}\nfn done() {}\n";
        expect(
            &[("src/a.rs", text)],
            &[
                "src/a.rs:2: `get_run`: name what it returns",
                "src/a.rs:3: `do_stop`: name the effect itself",
                "src/a.rs:4: `handle_exit`: name what it does with it; only the tree has a `handle`",
                "src/a.rs:5: `new_with_budget`: use a builder, or name what is special about it",
                "src/a.rs:6: `tree_for_test`: a test uses what everyone uses",
            ],
        );
    }

    #[test]
    fn a_name_is_split_the_same_way_in_every_case() {
        for name in ["BudgetSpent", "BUDGET_SPENT", "budget_spent", "_budgetSpent"] {
            assert_eq!(parts(name), ["budget", "spent"], "{name}");
        }
    }
}

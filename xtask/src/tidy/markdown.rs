//! Every relative link in a document leads to a file of the tree, and to a heading where it names one.
//!
//! Links to other sites are left alone: whether they work today depends on the day.

use super::{Tree, Weight};
use std::collections::{BTreeMap, BTreeSet};

/// The places inside each document that a link may name after its `#`.
pub(super) type Anchors = BTreeMap<String, BTreeSet<String>>;

/// Collects the anchors of all documents.
pub(super) fn anchors(tree: &Tree) -> Anchors {
    let documents = tree.iter().filter(|(path, _)| path.ends_with(".md"));
    documents.map(|(path, text)| (path.clone(), headings(text))).collect()
}

/// Passes the links of one document that lead nowhere to `note`.
pub(super) fn check(
    path: &str,
    text: &str,
    tree: &Tree,
    anchors: &Anchors,
    note: &mut impl FnMut(usize, Weight, String),
) {
    for (line, prose) in prose(text) {
        for target in targets(&prose) {
            if let Some(what) = fault(path, &target, tree, anchors) {
                note(line, Weight::Error, what);
            }
        }
    }
}

/// Says what is wrong with a link in the document at `path`, if anything is.
fn fault(path: &str, target: &str, tree: &Tree, anchors: &Anchors) -> Option<String> {
    let has_scheme = target.split('/').next().is_some_and(|first| first.contains(':'));
    if has_scheme || target.starts_with("//") {
        return None;
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let place = if file.is_empty() { Some(path.to_owned()) } else { resolve(path, file) };
    let Some(place) = place else {
        return Some(format!("`{target}` leaves the repository: link to its address"));
    };
    let folder = if place.is_empty() { String::new() } else { format!("{place}/") };
    let exists = tree.contains_key(&place) || tree.keys().any(|key| key.starts_with(&folder));
    if !exists {
        return Some(format!("`{target}` does not exist: mend the link"));
    }
    let known = anchors.get(&place)?;
    if anchor.is_some_and(|anchor| !known.contains(anchor)) {
        return Some(format!("`{target}`: there is no such heading in {place}, mend the link"));
    }
    None
}

/// Returns the path from the root that `target` means in the document at `path`; none above the root.
fn resolve(path: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Returns the lines that are neither in a code block nor code themselves, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fence = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, None) => return Some((index + 1, without_code(line))),
            (None, Some(_)) => fence = mark,
            (Some(open), Some(close)) if open == close => fence = None,
            (Some(_), _) => {}
        }
        None
    })
}

/// Leaves out what stands between backticks.
fn without_code(line: &str) -> String {
    let pieces: Vec<&str> = line.split('`').collect();
    // An odd number of backticks leaves the last one without a partner: it is a plain character.
    let paired = pieces.len() - (pieces.len() + 1) % 2;
    let kept = pieces.iter().enumerate().filter(|(index, _)| index % 2 == 0 || *index >= paired);
    kept.map(|(_, piece)| *piece).collect::<Vec<_>>().join("`")
}

/// Returns where the links in a line of prose lead: inline, by reference, and in HTML.
fn targets(prose: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for (at, _) in prose.match_indices("](") {
        let inside = &prose[at + 2..];
        targets.extend(
            inside
                .split([')', ' '])
                .next()
                .map(|target| target.trim_start_matches('<').trim_end_matches('>').to_owned()),
        );
    }
    let definition = prose.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    targets
        .extend(definition.and_then(|(_, rest)| rest.split_whitespace().next()).map(str::to_owned));
    for attribute in ["href", "src"] {
        targets.extend(attributes(prose, attribute));
    }
    targets.retain(|target| !target.is_empty());
    targets
}

/// Returns the values of an HTML attribute.
fn attributes(prose: &str, name: &str) -> Vec<String> {
    let opening = format!(" {name}=\"");
    let pieces = prose.split(&opening).skip(1);
    pieces.filter_map(|rest| rest.split_once('"')).map(|(value, _)| value.to_owned()).collect()
}

/// Returns the anchors of a document: its headings as the usual renderers name them, and named tags.
fn headings(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let prose_lines: BTreeSet<usize> = prose(text).map(|(line, _)| line).collect();
    for (index, line) in text.lines().enumerate() {
        if !prose_lines.contains(&(index + 1)) {
            continue;
        }
        anchors.extend(["id", "name"].into_iter().flat_map(|name| attributes(line, name)));
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let name = anchor(title.trim());
        // A second heading of the same name gets a number.
        let numbered = (1..).map(|n| format!("{name}-{n}"));
        let free =
            std::iter::once(name.clone()).chain(numbered).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// Turns a title into its anchor: lower case, hyphens for spaces, without punctuation and link targets.
fn anchor(title: &str) -> String {
    let mut shown = String::new();
    let mut rest = title;
    while let Some((before, after)) = rest.split_once("](") {
        shown.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    shown.push_str(rest);
    let kept = shown.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::expect;
    use super::anchor;

    #[test]
    fn a_link_leads_to_a_file_or_folder_of_the_tree() {
        let text = "[a](guide/a.md) [folder](guide) [up](../README.md) [root](/README.md)\n\
                    [site](https://example.org/x) [post](mailto:a@example.org)\n\
                    ![picture](tree.png \"A tree\") <img src=\"gone.png\">\n\
                    `[code](gone.md)` and [gone](guide/b.md)\n\
                    \n\
                    ```text\n\
                    [block](gone.md)\n\
                    ```\n\
                    [far](../../elsewhere)\n\
                    \n\
                    [one]: guide/c.md\n";
        expect(
            &[
                ("README.md", "# A\n"),
                ("docs/a.md", text),
                ("docs/guide/a.md", ""),
                ("docs/tree.png", ""),
            ],
            &[
                "docs/a.md:3: `gone.png` does not exist: mend the link",
                "docs/a.md:4: `guide/b.md` does not exist: mend the link",
                "docs/a.md:9: `../../elsewhere` leaves the repository: link to its address",
                "docs/a.md:11: `guide/c.md` does not exist: mend the link",
            ],
        );
    }

    #[test]
    fn an_anchor_is_a_heading_of_the_document() {
        let text = "# One idea\n## One idea\n```sh\n# no heading\n```\n<a id=\"tag\"></a>\n\
                    [1](#one-idea) [2](#one-idea-1) [3](#tag) [4](b.md#first-run) [5](c.rs#L3)\n\
                    [6](#no-heading)\n\
                    [7](b.md#second)\n";
        expect(
            &[("a.md", text), ("b.md", "## First `run`?\n"), ("c.rs", "")],
            &[
                "a.md:8: `#no-heading`: there is no such heading in a.md, mend the link",
                "a.md:9: `b.md#second`: there is no such heading in b.md, mend the link",
            ],
        );
    }

    #[test]
    fn a_title_becomes_an_anchor_as_renderers_do_it() {
        let table = [
            ("Want, and what is observed", "want-and-what-is-observed"),
            ("`explain` and [links](a.md#b) too", "explain-and-links-too"),
            ("1. One idea", "1-one-idea"),
            ("A – B", "a--b"),
        ];
        for (title, expected) in table {
            assert_eq!(anchor(title), expected);
        }
    }
}

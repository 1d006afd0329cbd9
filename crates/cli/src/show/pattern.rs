//! Patterns over the paths of a tree, and the nearest name to one that is unknown.

/// Returns whether this names children by a pattern.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Returns whether a path matches: `*` and `?` stay within one name, `**` goes over several.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let parts: Vec<&str> = pattern.split('/').collect();
    let names: Vec<&str> = path.split('/').collect();
    all_match(&parts, &names)
}

fn all_match(parts: &[&str], names: &[&str]) -> bool {
    match (parts, names) {
        ([], []) => true,
        (["**"], names) => !names.is_empty(),
        (["**", rest @ ..], names) => (0..=names.len()).any(|at| all_match(rest, &names[at..])),
        ([part, parts @ ..], [name, names @ ..]) => {
            let (part, name): (Vec<char>, Vec<char>) =
                (part.chars().collect(), name.chars().collect());
            one_matches(&part, &name) && all_match(parts, names)
        }
        ([], [_, ..]) | ([_, ..], []) => false,
    }
}

fn one_matches(part: &[char], name: &[char]) -> bool {
    // The last star can take more: going back to it alone is enough.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match part.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            Some(_) | None => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    part[p..].iter().all(|c| *c == '*')
}

/// Returns the name that is nearest to one that is unknown, where one is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = name.chars().count() / 3 + 1;
    let near = known.map(|other| (distance(name, other), other));
    near.filter(|(distance, _)| *distance <= most).min().map(|(_, other)| other)
}

/// Returns how many signs must be changed, added or left out to make `a` of `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = change.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_paths() {
        let table = [
            ("app/*", "app/db", true),
            ("app/*", "app", false),
            ("app/*", "app/db/writer", false),
            ("app/**", "app/db/writer", true),
            ("app/**", "app", false),
            ("**/w*r", "app/db/writer", true),
            ("**/w*r", "writer", true),
            ("worker@?", "worker@4", true),
            ("worker@?", "worker@12", false),
            ("*a*b*", "xxaxbxab", true),
            ("*a*b", "xxaxbx", false),
            ("**", "a/b", true),
        ];
        for (pattern, path, expected) in table {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_nearest_name_is_found() {
        let known = ["web", "worker@1", "app/db"];
        assert_eq!(nearest("wbe", known.into_iter()), Some("web"));
        assert_eq!(nearest("app/bd", known.into_iter()), Some("app/db"));
        assert_eq!(nearest("mailer", known.into_iter()), None);
    }
}

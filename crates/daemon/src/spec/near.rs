//! What somebody may have meant who wrote something else.

/// Returns what is nearest to `text`, if anything is near.
pub(super) fn nearest<'a>(text: &str, all: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = text.to_lowercase();
    let most = (text.chars().count() / 3).clamp(1, 3);
    let near = all.into_iter().filter_map(|one| {
        let other = one.to_lowercase();
        let far = if plain(&lower) == plain(&other) { 0 } else { distance(&lower, &other) };
        (far <= most).then_some((far, one))
    });
    near.min_by_key(|(far, _)| *far).map(|(_, one)| one)
}

/// Returns `did you mean ...?`, or nothing.
pub(super) fn hint<'a>(text: &str, all: impl IntoIterator<Item = &'a str>) -> String {
    nearest(text, all).map_or_else(String::new, |near| format!("did you mean `{near}`?"))
}

/// Returns `a`, `b` and `c` as a list for people.
pub(super) fn listed<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    all.into_iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ")
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// How many letters have to be changed, added, left out or swapped with the next.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, right) in b.iter().enumerate() {
            let changed = rows[i][j] + usize::from(left != right);
            let mut least = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            let is_swap = i > 0 && j > 0 && a[i - 1] == *right && b[j - 1] == *left;
            if is_swap {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_seen_and_another_word_is_not() {
        let words = ["restart", "on-failure", "ready_timeout", "needs"];
        let table = [
            ("restat", Some("restart")),
            ("retsart", Some("restart")),
            ("on_failure", Some("on-failure")),
            ("OnFailure", Some("on-failure")),
            ("readyTimeout", Some("ready_timeout")),
            ("need", Some("needs")),
            ("colour", None),
            ("x", None),
        ];
        for (text, expected) in table {
            assert_eq!(nearest(text, words), expected, "{text}");
        }
    }
}

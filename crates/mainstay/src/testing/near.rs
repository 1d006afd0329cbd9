//! Who may have been meant by a path that leads to nobody.

use mainstay_core::Path;

/// Says that there is no such child, and names the near ones, or all where none is near.
pub(super) fn nobody<'a>(path: &Path, known: impl Iterator<Item = &'a Path>) -> String {
    let known = known.filter(|known| !known.as_str().is_empty());
    let known: Vec<(usize, &Path)> =
        known.map(|known| (distance(path.as_str(), known.as_str()), known)).collect();
    let close = path.as_str().chars().count() / 3 + 1;
    let least = known.iter().map(|(far, _)| *far).min().filter(|least| *least <= close);
    let names: Vec<String> = known
        .iter()
        .filter(|(far, _)| least.is_none_or(|least| *far == least))
        .map(|(_, known)| format!("`{known}`"))
        .collect();
    match least {
        Some(_) => format!("there is no child `{path}`; did you mean {}?", names.join(" or ")),
        None if names.is_empty() => format!("there is no child `{path}`, nor any other"),
        None => format!("there is no child `{path}`; there are {}", names.join(", ")),
    }
}

/// Returns how many letters have to be added, taken away, changed, or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

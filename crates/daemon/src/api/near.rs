//! Names like another name.

/// The most names that are offered.
const MOST: usize = 3;

/// Returns the known names that somebody may have meant by `wanted`, the nearest first.
///
/// A name also counts by its last part: who writes `web` may mean `app/web`.
pub(crate) fn near<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let allowed = 1 + wanted.chars().count() / 4;
    let mut found: Vec<(usize, &str)> = known
        .filter_map(|name| {
            let last = name.rsplit('/').next().unwrap_or(name);
            let steps = distance(wanted, name, allowed).min(distance(wanted, last, allowed));
            (steps <= allowed).then_some((steps, name))
        })
        .collect();
    found.sort_unstable();
    let best = found.first().map_or(0, |(steps, _)| *steps);
    found
        .into_iter()
        .take_while(|(steps, _)| *steps == best)
        .take(MOST)
        .map(|(_, name)| name)
        .collect()
}

/// Returns how many letters must be put in, taken out, replaced or swapped; more than `most` where more are needed.
fn distance(a: &str, b: &str, most: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_offered() {
        let known = ["app/web", "app/db", "worker@1", "worker@2"];
        let table: [(&str, &[&str]); 6] = [
            ("wbe", &["app/web"]),
            ("web", &["app/web"]),
            ("app/dv", &["app/db"]),
            ("worker1", &["worker@1"]),
            ("worker@", &["worker@1", "worker@2"]),
            ("something", &[]),
        ];
        for (wanted, expected) in table {
            assert_eq!(near(wanted, known.into_iter()), expected, "{wanted}");
        }
    }
}

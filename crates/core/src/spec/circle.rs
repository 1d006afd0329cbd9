//! Needs between siblings: that each names somebody, and that none lead back to where they began.

use super::check::{Finder, Problem, Rule};
use super::{ChildSpec, SupervisorSpec};
use crate::id::Path;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

pub(super) fn needs(
    path: &Path,
    name: &str,
    child: &ChildSpec,
    siblings: &BTreeMap<&str, usize>,
) -> Vec<Problem> {
    let mut finder = Finder::new(path);
    for need in &child.needs {
        finder.require(&*need.child != name, Rule::Need, "a child cannot need itself");
        let known = siblings.contains_key(&*need.child);
        let text = format!(
            "needs {:?}, but it has no such sibling; to need something deeper, need the supervisor that holds it",
            need.child
        );
        finder.require(known, Rule::Need, text);
    }
    finder.found
}

/// Finds every circle of needs, each named once, from its first member in order of declaration.
pub(super) fn cycles(
    path: &Path,
    supervisor: &SupervisorSpec,
    places: &BTreeMap<&str, usize>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    if supervisor.children.iter().all(|(_, child)| child.needs.is_empty()) {
        return problems;
    }
    let mut done = BTreeSet::new();
    for start in 0..supervisor.children.len() {
        let mut trail: Vec<(usize, usize)> = alloc::vec![(start, 0)];
        while let Some((at, next)) = trail.pop() {
            let Some((_, child)) = supervisor.children.get(at) else { continue };
            let Some(need) = child.needs.get(next) else {
                done.insert(at);
                continue;
            };
            trail.push((at, next + 1));
            let needed = places.get(&*need.child).copied();
            let Some(needed) = needed.filter(|needed| !done.contains(needed)) else {
                continue;
            };
            if needed == at {
                continue; // Needing oneself is reported where it is written.
            }
            if let Some(from) = trail.iter().position(|(seen, _)| *seen == needed) {
                let names: Vec<&str> = trail
                    .iter()
                    .skip(from)
                    .map(|(seen, _)| *seen)
                    .chain([needed])
                    .filter_map(|seen| supervisor.children.get(seen).map(|(name, _)| &**name))
                    .collect();
                let text = format!("children need each other in a circle: {}", names.join(" -> "));
                problems.push(Problem::new(path, Rule::Cycle, text));
            } else {
                trail.push((needed, 0));
            }
        }
    }
    problems
}

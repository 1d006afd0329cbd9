//! What an accepted spec means in practice: warnings for policies that will surprise.

use super::check::{Rule, Warning};
use super::{
    Activation, AutoShutdown, ChildSpec, Declared, Grace, Ready, SupervisorSpec, TreeSpec, Until,
};
use crate::id::Path;
use crate::moment::Brief;
use crate::policy::backoff::Jitter;
use crate::policy::budget::{Admit, Count, Limit, Scope, Within};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// Returns everything worth saying about an accepted tree.
pub fn warnings(spec: &TreeSpec) -> Vec<Warning> {
    let mut found = Vec::new();
    node(&Path::root(), &spec.root, &mut found);
    let longest = longest_stop(&spec.root);
    if longest > spec.drain_timeout {
        let text = format!(
            "stopping everything may take {}, more than drain_timeout {}: the last are cut short",
            Brief(longest),
            Brief(spec.drain_timeout)
        );
        found.push(warning(&Path::root(), Rule::DrainFit, text));
    }
    found
}

fn warning(path: &Path, rule: Rule, text: String) -> Warning {
    Warning { path: path.clone(), rule, text }
}

fn node(path: &Path, spec: &ChildSpec, found: &mut Vec<Warning>) {
    for limit in spec.budget.iter().filter(|limit| limit.scope == Scope::Child) {
        if let Some(text) = cannot_trip(spec, limit) {
            found.push(warning(path, Rule::CannotTrip, text));
        }
    }
    let in_a_row = |limit: &Limit| limit.within == Within::Consecutive;
    if !spec.budget.is_empty() && spec.budget.iter().all(in_a_row) && spec.supervisor().is_none() {
        let text = format!(
            "every limit counts ends in a row, and {} of being ready starts the row anew: a child that dies a little later is restarted for ever",
            Brief(spec.stable_after)
        );
        found.push(warning(path, Rule::CannotTrip, text));
    }
    if spec.backoff.holdoff.is_zero()
        && spec.backoff.shape.at(0).is_zero()
        && spec.supervisor().is_none()
    {
        let text = "neither backoff nor holdoff: a child that dies at once is restarted as fast as the machine can".into();
        found.push(warning(path, Rule::BusyLoop, text));
    }
    if let Some(supervisor) = spec.supervisor() {
        group(path, spec, supervisor, found);
        let mut before: Option<&Declared> = None;
        for (name, child) in &supervisor.children {
            // Of many that are declared alike, the first speaks for all.
            if before.is_none_or(|before| !Arc::ptr_eq(&before.spec, &child.spec)) {
                node(&path.join(name), child, found);
            }
            before = Some(child);
        }
        if let Some(dynamic) = &supervisor.dynamic {
            node(&path.join("*"), &dynamic.template, found);
        }
    }
}

fn group(path: &Path, spec: &ChildSpec, supervisor: &SupervisorSpec, found: &mut Vec<Warning>) {
    let members = || supervisor.children.iter().map(|(name, child)| (name, child));
    if supervisor.auto_shutdown != AutoShutdown::Never
        && supervisor.dynamic.is_none()
        && !members().any(|(_, child)| child.significant)
    {
        let text = "auto_shutdown waits for significant children, and there are none".into();
        found.push(warning(path, Rule::NoneSignificant, text));
    }
    let needy = members().any(|(_, child)| !child.needs.is_empty());
    let by_name: BTreeMap<&str, &ChildSpec> = if needy {
        members().map(|(name, child)| (&**name, &**child)).collect()
    } else {
        BTreeMap::new()
    };
    for (name, child) in members() {
        if child.needs.is_empty() && child.supervisor().is_none() {
            continue;
        }
        let below = path.join(name);
        for need in &child.needs {
            let needed = by_name.get(&*need.child);
            if needed.is_some_and(|needed| needed.activation != Activation::Always) {
                let text = format!(
                    "needs {}, which starts on demand, and a need is no demand: it waits until somebody demands that child",
                    need.child
                );
                found.push(warning(&below, Rule::NeedDemand, text));
            }
        }
        for need in child.needs.iter().filter(|need| need.until == Until::Ready) {
            if by_name.get(&*need.child).is_some_and(|needed| {
                needed.supervisor().is_none() && needed.ready == Ready::Immediate
            }) {
                let text = format!(
                    "needs {} to be ready, but that child has no ready rule: it counts as ready once started",
                    need.child
                );
                found.push(warning(&below, Rule::NeedReady, text));
            }
        }
        hidden_loop(path, spec, &below, child, found);
    }
}

/// Warns where a child can crash, be given up and restarted for ever without the limit above noticing.
fn hidden_loop(
    path: &Path,
    outer: &ChildSpec,
    below: &Path,
    inner: &ChildSpec,
    found: &mut Vec<Warning>,
) {
    let Some(group) = inner.supervisor() else { return };
    let limits = || inner.budget.iter().filter(|limit| limit.scope == Scope::Supervisor);
    // The soonest this supervisor can give up: its fastest child, its tightest limit.
    let soonest = group
        .children
        .iter()
        .flat_map(|(_, child)| limits().filter_map(|limit| time_to_spend(child, limit)))
        .min();
    let Some(soonest) = soonest else { return };
    for limit in outer.budget.iter().filter(|limit| limit.scope == Scope::Supervisor) {
        let Some(span) = span(limit) else { continue };
        let ends = needed_ends(limit).saturating_sub(1);
        let cycle = soonest.saturating_add(shortest(inner, 0));
        if !soonest.is_zero() && cycle.saturating_mul(ends) >= span {
            let text = format!(
                "{below} cannot give up sooner than every {}, so the limit here ({limit}) never sees its crash loop",
                Brief(cycle)
            );
            found.push(warning(path, Rule::HiddenLoop, text));
        }
    }
}

fn cannot_trip(spec: &ChildSpec, limit: &Limit) -> Option<String> {
    let span = span(limit)?;
    let least = spread(spec, limit);
    (least >= span).then(|| {
        format!("{limit} can never trip: with the delays here, even a child that dies at once takes {} to get there", Brief(least))
    })
}

/// Returns how soon a child that dies at once spends `limit`; `None` when it never does.
pub fn time_to_spend(spec: &ChildSpec, limit: &Limit) -> Option<Duration> {
    let least = spread(spec, limit);
    span(limit).is_none_or(|span| least < span).then_some(least)
}

/// The least time from the first entry that must still count to the verdict.
fn spread(spec: &ChildSpec, limit: &Limit) -> Duration {
    let gaps = needed_ends(limit).saturating_sub(1);
    let mut total = Duration::ZERO;
    for position in 0..gaps {
        total = total.saturating_add(shortest(spec, position));
        // Past its last rung a shape repeats itself: no need to add up thousands of equal delays.
        if position >= 64 {
            let left = gaps - position - 1;
            return total.saturating_add(shortest(spec, position).saturating_mul(left));
        }
    }
    total
}

/// How many ends of an instantly dying child the verdict takes.
const fn needed_ends(limit: &Limit) -> u32 {
    match (limit.count, limit.admit) {
        (Count::Starts, Admit::AtExit) | (Count::Failures, _) => limit.most,
        // The delay before the refused start or restart belongs to the span.
        (Count::Starts, Admit::AtStart) | (Count::Restarts, _) => limit.most.saturating_add(1),
    }
}

const fn span(limit: &Limit) -> Option<Duration> {
    match limit.within {
        Within::Sliding(span) | Within::Tumbling(span) => Some(span),
        Within::Consecutive => None,
    }
}

/// The shortest time from one end to the next of a child that dies at once.
fn shortest(spec: &ChildSpec, position: u32) -> Duration {
    let base = spec.backoff.shape.at(position);
    let base = match spec.backoff.jitter {
        Jitter::None | Jitter::Additive(_) => base,
        Jitter::Full => Duration::ZERO,
        Jitter::Equal => base / 2,
    };
    base.max(spec.backoff.holdoff)
}

/// The longest time an orderly stop of `spec` may take, layer after layer.
pub fn longest_stop(spec: &ChildSpec) -> Duration {
    let Some(supervisor) = spec.supervisor() else {
        let steps = spec.stop.steps.iter().map(|step| match step {
            Grace::For(grace) => *grace,
            Grace::Unbounded => Duration::MAX,
        });
        return steps.fold(Duration::ZERO, Duration::saturating_add);
    };
    if let Some(dynamic) = &supervisor.dynamic {
        return longest_stop(&dynamic.template);
    }
    let mut layers: BTreeMap<u32, Duration> = BTreeMap::new();
    for ((_, child), rank) in supervisor.children.iter().zip(ranks(supervisor)) {
        let layer = layers.entry(rank).or_default();
        *layer = (*layer).max(longest_stop(child));
    }
    layers.into_values().fold(Duration::ZERO, Duration::saturating_add)
}

/// Returns the layer of each child: starts go from the lowest up, stops from the highest down.
///
/// A child stands one above the highest of those it needs, and children of one layer start and stop
/// in parallel. In a serial supervisor each child is a layer of its own: in order of declaration,
/// except that a child comes after those it needs.
pub fn ranks(supervisor: &SupervisorSpec) -> Vec<u32> {
    let children = &supervisor.children;
    let serial = supervisor.is_serial();
    if children.iter().all(|(_, child)| child.needs.is_empty()) {
        return (0..children.len() as u32).map(|at| if serial { at } else { 0 }).collect();
    }
    let mut dependents: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, (_, child)) in children.iter().enumerate() {
        for need in &child.needs {
            dependents.entry(&need.child).or_default().push(at);
        }
    }
    let mut unplaced: Vec<usize> = children.iter().map(|(_, child)| child.needs.len()).collect();
    let mut ranks = alloc::vec![0_u32; children.len()];
    // A need can point forward, so the next is always the first child whose needs are all placed.
    // A circle is a problem of its own; what hangs in one is never placed.
    let mut free: BTreeSet<usize> = (0..children.len()).filter(|at| unplaced[*at] == 0).collect();
    let mut placed = 0;
    while let Some(at) = free.pop_first() {
        if serial {
            ranks[at] = placed;
        }
        placed += 1;
        for dependent in dependents.remove(&*children[at].0).unwrap_or_default() {
            if !serial {
                ranks[dependent] = ranks[dependent].max(ranks[at] + 1);
            }
            unplaced[dependent] -= 1;
            if unplaced[dependent] == 0 {
                free.insert(dependent);
            }
        }
    }
    ranks
}

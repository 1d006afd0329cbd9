//! What is wrong with a table, all at once, before anything runs.

use super::{Control, Machine, Node, Table};
use std::fmt;

/// One thing that is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableFault {
    /// The first state is not declared.
    #[error("the first state, {state}, is not declared: add it by `state`")]
    NoStart {
        /// The state.
        state: String,
    },
    /// A state is declared twice.
    #[error("{state} is declared twice: say all about it in one place")]
    StateTwice {
        /// The state.
        state: String,
    },
    /// A transition leads nowhere.
    #[error(
        "{event} in {state} leads to {target}, which is not declared: add it by `state` or `end`"
    )]
    NoTarget {
        /// From which state.
        state: String,
        /// At which event.
        event: String,
        /// Where it would lead.
        target: String,
    },
    /// No way leads into a state.
    #[error("{state} can never be reached: no transition leads there")]
    Unreachable {
        /// The state.
        state: String,
    },
    /// No way leads out of a state that is not final.
    #[error("{state} is never left: add a transition, or declare it by `end`")]
    NoWayOut {
        /// The state.
        state: String,
    },
    /// A state does not say what a failure means for it.
    #[error(
        "{state} has no transition for the failure {event} that is always taken: add it by `on` or `anywhere`"
    )]
    NoFailure {
        /// The state.
        state: String,
        /// The failure event.
        event: String,
    },
    /// A transition is never taken, for one before it always is.
    #[error("in {state}, {event}{} is never taken: one before it takes the same", guarded(*.guard))]
    Shadowed {
        /// The state.
        state: String,
        /// The event.
        event: String,
        /// The guard of the one that is never asked.
        guard: Option<&'static str>,
    },
    /// A time limit becomes an event that the state does not always handle.
    #[error(
        "{state} becomes {event} after its time limit, and has no transition for it that is always taken"
    )]
    TimeoutUnhandled {
        /// The state.
        state: String,
        /// The event.
        event: String,
    },
    /// A time limit is over before it begins.
    #[error("the time limit of {state} is 0: go on with a transition instead")]
    TimeoutZero {
        /// The state.
        state: String,
    },
    /// Something is mapped to an event that no state handles.
    #[error("{control:?} is mapped to {event}, which no state handles")]
    ControlUnhandled {
        /// What is asked.
        control: Control,
        /// The event.
        event: String,
    },
    /// Something is mapped to two events.
    #[error("{control:?} is mapped twice")]
    ControlTwice {
        /// What is asked.
        control: Control,
    },
}

fn guarded(guard: Option<&'static str>) -> String {
    guard.map_or_else(String::new, |guard| format!(" [{guard}]"))
}

/// Everything that is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFaults(pub Vec<TableFault>);

impl fmt::Display for TableFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for TableFaults {}

pub(super) fn check<M: Machine>(table: &Table<M>, faults: &mut Vec<TableFault>) {
    if table.node(table.start).is_none() {
        faults.push(TableFault::NoStart { state: name(table.start) });
    }
    let reached = reached(table);
    for node in &table.nodes {
        if !reached.contains(&node.state) {
            faults.push(TableFault::Unreachable { state: name(node.state) });
        }
        targets(table, node, faults);
        if node.finish.is_none() {
            ways(table, node, faults);
        }
    }
    for (control, event) in &table.controls {
        let handles = |node: &Node<M>| node.edges.iter().any(|edge| edge.event == *event);
        if !table.nodes.iter().any(handles) {
            let event = name(event);
            faults.push(TableFault::ControlUnhandled { control: *control, event });
        }
    }
}

/// Follows every transition from the first state.
fn reached<M: Machine>(table: &Table<M>) -> Vec<M::State> {
    let mut reached = vec![table.start];
    let mut at = 0;
    while let Some(state) = reached.get(at).copied() {
        at += 1;
        let edges = table.node(state).map_or(&[][..], |node| &node.edges);
        for target in edges.iter().filter_map(|edge| edge.target) {
            if !reached.contains(&target) {
                reached.push(target);
            }
        }
    }
    reached
}

fn targets<M: Machine>(table: &Table<M>, node: &Node<M>, faults: &mut Vec<TableFault>) {
    for (at, edge) in node.edges.iter().enumerate() {
        if let Some(target) = edge.target.filter(|target| table.node(*target).is_none()) {
            let (state, event, target) = (name(node.state), name(edge.event), name(target));
            faults.push(TableFault::NoTarget { state, event, target });
        }
        let guard = edge.guard.as_ref().map(|guard| guard.name);
        let takes = |before: &super::Edge<M>| match &before.guard {
            None => true,
            Some(before) => Some(before.name) == guard,
        };
        if node.edges[..at].iter().any(|before| before.event == edge.event && takes(before)) {
            let (state, event) = (name(node.state), name(edge.event));
            faults.push(TableFault::Shadowed { state, event, guard });
        }
    }
}

/// What a state that is not final must have.
fn ways<M: Machine>(table: &Table<M>, node: &Node<M>, faults: &mut Vec<TableFault>) {
    let always = |event| node.edges.iter().any(|edge| edge.event == event && edge.guard.is_none());
    if !node.edges.iter().any(|edge| edge.target.is_some_and(|target| target != node.state)) {
        faults.push(TableFault::NoWayOut { state: name(node.state) });
    }
    if !always(table.failure) {
        let (state, event) = (name(node.state), name(table.failure));
        faults.push(TableFault::NoFailure { state, event });
    }
    if let Some((limit, event)) = node.timeout {
        if limit.is_zero() {
            faults.push(TableFault::TimeoutZero { state: name(node.state) });
        }
        if !always(event) {
            let (state, event) = (name(node.state), name(event));
            faults.push(TableFault::TimeoutUnhandled { state, event });
        }
    }
}

fn name(key: impl fmt::Debug) -> String {
    format!("{key:?}")
}

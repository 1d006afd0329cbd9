//! How a table is written down.

use super::{Control, Edge, Finish, Guard, Machine, Node, Table, TableFault, TableFaults};
use std::fmt;
use std::time::Duration;

/// How many failures a run survives when nothing else is said, and within which time: enough to try again, too few
/// to fill a journal. What comes after is a matter of the child's own policy.
const FAILURES: (u32, Duration) = (5, Duration::from_secs(60));

/// A table that is being written. Made by [`Table::starts`].
pub struct Builder<M: Machine> {
    table: Table<M>,
    /// Transitions for every state that is not final and has none of its own for the event.
    anywhere: Vec<Edge<M>>,
    /// What cannot be seen in the table any more.
    faults: Vec<TableFault>,
}

/// One state that is being written; see [`Builder::state`].
pub struct StateBuilder<M: Machine> {
    node: Node<M>,
}

impl<M: Machine> Builder<M> {
    pub(super) const fn new(start: M::State, failure: M::Event) -> Self {
        let table =
            Table { start, failure, controls: Vec::new(), failures: FAILURES, nodes: Vec::new() };
        Self { table, anywhere: Vec::new(), faults: Vec::new() }
    }

    /// Adds a state with all that can happen in it.
    #[must_use]
    pub fn state(
        mut self,
        state: M::State,
        say: impl FnOnce(StateBuilder<M>) -> StateBuilder<M>,
    ) -> Self {
        let builder = say(StateBuilder { node: Node::new(state, None) });
        self.add(builder.node);
        self
    }

    /// Adds a final state: entering it ends the run, after its entry actions where [`end_with`](Self::end_with) gave any.
    #[must_use]
    pub fn end(self, state: M::State, finish: Finish) -> Self {
        self.end_with(state, finish, [])
    }

    /// Adds a final state with entry actions.
    #[must_use]
    pub fn end_with(
        mut self,
        state: M::State,
        finish: Finish,
        enter: impl IntoIterator<Item = M::Action>,
    ) -> Self {
        let enter = enter.into_iter().collect();
        self.add(Node { enter, ..Node::new(state, Some(finish)) });
        self
    }

    /// Adds a transition to every state that is not final and says nothing of its own about this event.
    #[must_use]
    pub fn anywhere(
        mut self,
        event: M::Event,
        target: M::State,
        actions: impl IntoIterator<Item = M::Action>,
    ) -> Self {
        self.anywhere.push(Edge::new(event, None, Some(target), actions));
        self
    }

    /// Maps something that is asked of the machine to an event of its own.
    #[must_use]
    pub fn control(mut self, control: Control, event: M::Event) -> Self {
        if self.table.control(control).is_some() {
            self.faults.push(TableFault::ControlTwice { control });
        }
        self.table.controls.push((control, event));
        self
    }

    /// Sets how many failures a run survives within a span; otherwise 5 within a minute. The next one ends it.
    #[must_use]
    pub const fn failures(mut self, most: u32, within: Duration) -> Self {
        self.table.failures = (most, within);
        self
    }

    /// Checks the table.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, at once.
    pub fn build(mut self) -> Result<Table<M>, TableFaults> {
        for node in self.table.nodes.iter_mut().filter(|node| node.finish.is_none()) {
            for edge in &self.anywhere {
                let own = node.edges.iter().any(|own| own.event == edge.event);
                if !own && edge.target != Some(node.state) {
                    node.edges.push(edge.clone());
                }
            }
        }
        super::check::check(&self.table, &mut self.faults);
        if self.faults.is_empty() { Ok(self.table) } else { Err(TableFaults(self.faults)) }
    }

    fn add(&mut self, node: Node<M>) {
        if self.table.node(node.state).is_some() {
            let state = format!("{:?}", node.state);
            return self.faults.push(TableFault::StateTwice { state });
        }
        self.table.nodes.push(node);
    }
}

impl<M: Machine> StateBuilder<M> {
    /// Adds a transition into a state. The same state as target leaves it and enters it again.
    #[must_use]
    pub fn on(
        self,
        event: M::Event,
        target: M::State,
        actions: impl IntoIterator<Item = M::Action>,
    ) -> Self {
        self.edge(Edge::new(event, None, Some(target), actions))
    }

    /// Adds a transition that is taken only if `check` allows it. `name` says what it allows, and is shown.
    ///
    /// Several for one event are asked in order; one without a guard must come last.
    #[must_use]
    pub fn on_if(
        self,
        event: M::Event,
        name: &'static str,
        check: fn(&M::Context) -> bool,
        target: M::State,
        actions: impl IntoIterator<Item = M::Action>,
    ) -> Self {
        self.edge(Edge::new(event, Some(Guard { name, check }), Some(target), actions))
    }

    /// Handles an event where it is: no exit and entry actions, and the time limit goes on.
    #[must_use]
    pub fn stay(self, event: M::Event, actions: impl IntoIterator<Item = M::Action>) -> Self {
        self.edge(Edge::new(event, None, None, actions))
    }

    /// Sets what is done on entering.
    #[must_use]
    pub fn enter(mut self, actions: impl IntoIterator<Item = M::Action>) -> Self {
        self.node.enter.extend(actions);
        self
    }

    /// Sets what is done on leaving.
    #[must_use]
    pub fn exit(mut self, actions: impl IntoIterator<Item = M::Action>) -> Self {
        self.node.exit.extend(actions);
        self
    }

    /// Sets how long a run may stay here, and the event it is told then. Counted from entering.
    #[must_use]
    pub const fn after(mut self, limit: Duration, event: M::Event) -> Self {
        self.node.timeout = Some((limit, event));
        self
    }

    fn edge(mut self, edge: Edge<M>) -> Self {
        self.node.edges.push(edge);
        self
    }
}

impl<M: Machine> Node<M> {
    const fn new(state: M::State, finish: Option<Finish>) -> Self {
        Self {
            state,
            enter: Vec::new(),
            exit: Vec::new(),
            edges: Vec::new(),
            timeout: None,
            finish,
        }
    }
}

impl<M: Machine> Edge<M> {
    fn new(
        event: M::Event,
        guard: Option<Guard<M>>,
        target: Option<M::State>,
        actions: impl IntoIterator<Item = M::Action>,
    ) -> Self {
        Self { event, guard, target, actions: actions.into_iter().collect() }
    }
}

impl<M: Machine> fmt::Debug for Builder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Builder({:?})", self.table)
    }
}

impl<M: Machine> fmt::Debug for StateBuilder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateBuilder({:?})", self.node.state)
    }
}

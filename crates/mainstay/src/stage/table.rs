//! The table of a state machine: states, events, guards, actions and time limits as data.
//!
//! It runs nothing: no clock, no task, no input or output. [`Table::step`] looks a transition up, in a plain test as
//! in a supervised run.

mod build;
mod check;
mod mermaid;

pub use build::{Builder, StateBuilder};
pub use check::{TableFault, TableFaults};

use std::fmt::{self, Debug};
use std::time::Duration;

/// What names a state, an event or an action: a small value that is copied and compared.
///
/// An `enum` without data is the usual choice. What belongs to an event (a message, a number) stands in the machine's
/// context, so that the table stays data.
pub trait Key: Copy + Eq + Debug + Send + Sync + 'static {}

impl<T: Copy + Eq + Debug + Send + Sync + 'static> Key for T {}

/// The words of a state machine.
pub trait Machine: Sized + 'static {
    /// Where it can be.
    type State: Key;
    /// What can happen to it.
    type Event: Key;
    /// What a transition asks to be done.
    type Action: Key;
    /// What guards look at, and what dispatch and actions work on.
    type Context: Send + 'static;
}

/// What a final state stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The machine has done what it is for.
    Completed,
    /// The machine failed: so did the run.
    Failed,
}

/// What can be asked of a machine beside its own events. Each may be mapped to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The run is to end. Where it is not mapped, or not handled in the present state: it ends at once. One that was
    /// asked before is on its way out: what it does not handle then changes nothing.
    Stop,
    /// It is to finish what is begun, and end. Where it is not mapped it is a stop.
    Drain,
    /// It is to dispatch nothing for now. Where it is not mapped the runner holds it.
    Pause,
    /// It is to go on.
    Resume,
}

/// A checked state machine. Made by [`Table::starts`].
///
/// ```
/// use mainstay::stage::{Finish, Machine, Table};
/// use std::time::Duration;
///
/// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// enum State { Closed, Open, Done, Broken }
/// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// enum Event { Push, Late, Leave, Failed }
/// #[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// enum Action { Ring }
/// struct Door;
/// impl Machine for Door {
///     type State = State;
///     type Event = Event;
///     type Action = Action;
///     type Context = u32; // How many may still come in.
/// }
///
/// let table = Table::<Door>::starts(State::Closed, Event::Failed)
///     .state(State::Closed, |s| {
///         s.on_if(Event::Push, "has room", |room| *room > 0, State::Open, [])
///             .on(Event::Leave, State::Done, [])
///     })
///     .state(State::Open, |s| {
///         s.enter([Action::Ring])
///             .after(Duration::from_secs(5), Event::Late)
///             .on(Event::Late, State::Closed, [])
///     })
///     .anywhere(Event::Failed, State::Broken, [])
///     .end(State::Done, Finish::Completed)
///     .end(State::Broken, Finish::Failed)
///     .build()
///     .expect("a table without faults");
///
/// // Stepped by hand: no runtime, no clock.
/// let opened = table.step(State::Closed, Event::Push, &1).expect("there is room");
/// assert_eq!((opened.to, &opened.actions[..]), (State::Open, &[Action::Ring][..]));
/// let refused = table.step(State::Closed, Event::Push, &0).expect_err("there is none");
/// assert_eq!(refused.to_string(), "Push is not handled in Closed: not has room");
/// ```
pub struct Table<M: Machine> {
    pub(super) start: M::State,
    pub(super) failure: M::Event,
    pub(super) controls: Vec<(Control, M::Event)>,
    pub(super) failures: (u32, Duration),
    pub(super) nodes: Vec<Node<M>>,
}

/// All about one state.
pub(super) struct Node<M: Machine> {
    pub(super) state: M::State,
    pub(super) enter: Vec<M::Action>,
    pub(super) exit: Vec<M::Action>,
    pub(super) edges: Vec<Edge<M>>,
    pub(super) timeout: Option<(Duration, M::Event)>,
    pub(super) finish: Option<Finish>,
}

/// One transition.
pub(super) struct Edge<M: Machine> {
    pub(super) event: M::Event,
    pub(super) guard: Option<Guard<M>>,
    /// Into which state; absent: it stays, and neither leaves nor enters.
    pub(super) target: Option<M::State>,
    pub(super) actions: Vec<M::Action>,
}

/// A named condition.
pub(super) struct Guard<M: Machine> {
    pub(super) name: &'static str,
    pub(super) check: fn(&M::Context) -> bool,
}

impl<M: Machine> Clone for Edge<M> {
    fn clone(&self) -> Self {
        let guard = self.guard.as_ref().map(|guard| Guard { name: guard.name, check: guard.check });
        Self { event: self.event, guard, target: self.target, actions: self.actions.clone() }
    }
}

/// What an event makes of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<S, A> {
    /// From which state.
    pub from: S,
    /// Into which; the same where it stays.
    pub to: S,
    /// Whether it neither leaves nor enters: no exit and entry actions, and its time limit goes on.
    pub stays: bool,
    /// The guard that let it through.
    pub guard: Option<&'static str>,
    /// What is to be done, in order: exit actions, those of the transition, entry actions.
    pub actions: Vec<A>,
}

/// No transition takes the event in this state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhandled<S, E> {
    /// The state.
    pub state: S,
    /// The event.
    pub event: E,
    /// The guards that said no.
    pub refused: Vec<&'static str>,
}

impl<S: Debug, E: Debug> fmt::Display for Unhandled<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not handled in {:?}", self.event, self.state)?;
        if self.refused.is_empty() {
            Ok(())
        } else {
            write!(f, ": not {}", self.refused.join(", not "))
        }
    }
}

impl<S: Debug, E: Debug> std::error::Error for Unhandled<S, E> {}

/// What [`Table::step`] says of one event.
pub type Stepped<M> = Result<
    Step<<M as Machine>::State, <M as Machine>::Action>,
    Unhandled<<M as Machine>::State, <M as Machine>::Event>,
>;

impl<M: Machine> Table<M> {
    /// Begins a table: the first state, and the event that a failure becomes.
    pub fn starts(state: M::State, failure: M::Event) -> Builder<M> {
        Builder::new(state, failure)
    }

    /// Returns the state a run begins in.
    pub const fn start(&self) -> M::State {
        self.start
    }

    /// Returns the event that a failing dispatch, action or guard becomes.
    pub const fn failure(&self) -> M::Event {
        self.failure
    }

    /// Returns what an event makes of a state. Guards are asked in the order of declaration; nothing is carried out.
    ///
    /// # Errors
    ///
    /// No transition takes it: the state has none for this event, or every guard said no.
    pub fn step(&self, state: M::State, event: M::Event, context: &M::Context) -> Stepped<M> {
        let mut actions = Vec::new();
        let (node, edge) = self.find(state, event, context)?;
        self.plan(node, edge, |action| actions.push(action));
        Ok(Step {
            from: state,
            to: edge.target.unwrap_or(state),
            stays: edge.target.is_none(),
            guard: edge.guard.as_ref().map(|guard| guard.name),
            actions,
        })
    }

    /// Returns what a final state stands for; `None` for any other.
    pub fn finish(&self, state: M::State) -> Option<Finish> {
        self.node(state).and_then(|node| node.finish)
    }

    /// Returns how long a run may stay in a state, and which event it is told then.
    pub fn timeout(&self, state: M::State) -> Option<(Duration, M::Event)> {
        self.node(state).and_then(|node| node.timeout)
    }

    /// Returns the event that something asked of the machine is mapped to.
    pub fn control(&self, control: Control) -> Option<M::Event> {
        self.controls.iter().find(|(mapped, _)| *mapped == control).map(|(_, event)| *event)
    }

    /// Returns every state, in the order of declaration.
    pub fn states(&self) -> impl Iterator<Item = M::State> {
        self.nodes.iter().map(|node| node.state)
    }

    pub(super) fn node(&self, state: M::State) -> Option<&Node<M>> {
        self.nodes.iter().find(|node| node.state == state)
    }

    /// Finds the transition that takes an event.
    #[expect(clippy::type_complexity, reason = "two references and a typed no")]
    pub(super) fn find(
        &self,
        state: M::State,
        event: M::Event,
        context: &M::Context,
    ) -> Result<(&Node<M>, &Edge<M>), Unhandled<M::State, M::Event>> {
        let mut refused = Vec::new();
        let Some(node) = self.node(state) else {
            return Err(Unhandled { state, event, refused });
        };
        for edge in node.edges.iter().filter(|edge| edge.event == event) {
            match &edge.guard {
                Some(guard) if !(guard.check)(context) => refused.push(guard.name),
                Some(_) | None => return Ok((node, edge)),
            }
        }
        Err(Unhandled { state, event, refused })
    }

    /// Hands out the actions of a transition in order.
    pub(super) fn plan(&self, node: &Node<M>, edge: &Edge<M>, mut take: impl FnMut(M::Action)) {
        let Some(target) = edge.target else {
            return edge.actions.iter().copied().for_each(take);
        };
        node.exit.iter().copied().for_each(&mut take);
        edge.actions.iter().copied().for_each(&mut take);
        if let Some(next) = self.node(target) {
            next.enter.iter().copied().for_each(take);
        }
    }
}

impl<M: Machine> Debug for Table<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states: Vec<_> = self.states().collect();
        f.debug_struct("Table").field("start", &self.start).field("states", &states).finish()
    }
}

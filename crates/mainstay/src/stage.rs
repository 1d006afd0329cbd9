//! Children that are written as state machines.
//!
//! A [`Table`] says what can happen: states, events, guards, actions, time limits. It is data, checked when it is
//! built, and needs no runtime: step it by hand in a test. [`Steps`] is the code: what to do in a state, and how to
//! carry out an action. [`stage()`] makes a child of both, under the same policies, commands and events as any other.
//!
//! ```
//! use mainstay::stage::{Control, Directive, Finish, Machine, Steps, Table, stage};
//! use mainstay::{BoxError, Context, tree};
//!
//! #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! enum State { Polling, Done, Broken }
//! #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! enum Event { Finished, Failed }
//! #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! enum Action { Report }
//!
//! struct Count;
//! impl Machine for Count {
//!     type State = State;
//!     type Event = Event;
//!     type Action = Action;
//!     type Context = u32;
//! }
//!
//! struct Counting;
//! impl Steps for Counting {
//!     type Machine = Count;
//!     async fn dispatch(&mut self, _: State, count: &mut u32) -> Result<Directive<Event>, BoxError> {
//!         *count += 1;
//!         Ok(if *count < 3 { Directive::Continue } else { Directive::Transition(Event::Finished) })
//!     }
//!     async fn act(&mut self, Action::Report: Action, count: &mut u32) -> Result<(), BoxError> {
//!         println!("counted to {count}");
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let table = Table::<Count>::starts(State::Polling, Event::Failed)
//!     .state(State::Polling, |s| s.on(Event::Finished, State::Done, [Action::Report]))
//!     .anywhere(Event::Failed, State::Broken, [])
//!     .end(State::Done, Finish::Completed)
//!     .end(State::Broken, Finish::Failed)
//!     .build()?;
//! let owner = tree().child(stage("count", table, |_cx: Context| Ok((Counting, 0)))).start()?;
//! owner.handle().wait_for("count", mainstay::Standing::Down).await?;
//! # owner.drain("the end of the example").await;
//! # Ok(()) }
//! ```
//!
//! # What holds for every run
//!
//! - An error or a panic in dispatch, in an action or in a guard becomes the failure event of the table, and its
//!   actions run. What was left to do is left out, and named. A failure while one is handled ends the run with both
//!   causes; so does one more than [`failures`](Builder::failures) allows.
//! - A stop, a pause, a drain are inputs: mapped by [`control`](Builder::control), with a meaning of their own where
//!   they are not ([`Control`]). They interrupt a dispatch that waits, unless it is
//!   [undisturbed](crate::Context::undisturbed), and never an action. The child's stop grace bounds all of it.
//! - Nothing spins. There is nothing to do: [`Directive::Wait`]. A dispatch may await what it likes instead.
//! - Moves, actions and failures are events of the tree, at most 64 in a row and then ten a second; the rest is
//!   counted. Each run ends with exactly one [`News::Settled`](crate::News).
//! - An author who says how far the work has come by [`Context::positioned`](crate::Context::positioned) finds it in
//!   the next run by [`Context::position`](crate::Context::position).

mod course;
pub mod flow;
mod mailbox;
mod runner;
mod table;
#[cfg(all(test, feature = "durable", target_os = "linux"))]
mod tests;
mod voice;

pub use course::Directive;
pub use mailbox::{Remote, SendError};
pub use table::{
    Builder, Control, Finish, Key, Machine, StateBuilder, Step, Stepped, Table, TableFault,
    TableFaults, Unhandled,
};

use crate::code::{Code, Theirs};
use crate::context::Context;
use crate::declare::Child;
use crate::end::BoxError;
use mailbox::Mailbox;
use std::future::Future;
use std::sync::Arc;

/// What the steps of a machine do. A value of it lives as long as one run.
pub trait Steps: Send + 'static {
    /// The machine.
    type Machine: Machine;

    /// Looks at the state and the context, and says what next. Called again and again while there is nothing else.
    ///
    /// What it awaits may be dropped there, when something comes meanwhile: a stop, an event, the state's time limit.
    /// Hold [`Context::undisturbed`] across what must come to its end.
    fn dispatch(
        &mut self,
        state: <Self::Machine as Machine>::State,
        context: &mut <Self::Machine as Machine>::Context,
    ) -> impl Future<Output = Result<Directive<<Self::Machine as Machine>::Event>, BoxError>> + Send;

    /// Carries out one action. It comes to its own end, unless the run is ended by force.
    fn act(
        &mut self,
        action: <Self::Machine as Machine>::Action,
        context: &mut <Self::Machine as Machine>::Context,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Hears of the first failure of the run, before the actions of the failure event. Nobody hears of a panic in it.
    fn failed(&mut self, _failure: &Failure, _context: &mut <Self::Machine as Machine>::Context) {}
}

/// What failed, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The dispatch of which state, which action, which guard.
    pub what: Arc<str>,
    /// The error with its causes, or the panic.
    pub error: Arc<str>,
    /// Whether it was a panic.
    pub panicked: bool,
}

impl Failure {
    fn of(failure: &course::Failure) -> Self {
        let trouble = &failure.trouble;
        Self {
            what: Arc::clone(&failure.what),
            error: Arc::clone(&trouble.text),
            panicked: trouble.panic.is_some(),
        }
    }
}

/// What a run is made of: its steps, and the context they work on.
pub type Made<S> = Result<(S, <<S as Steps>::Machine as Machine>::Context), BoxError>;

/// Declares a stage: `make` is called in the child's own task for every run.
pub fn stage<S, F>(name: &str, table: Table<S::Machine>, make: F) -> Child
where
    S: Steps,
    F: Fn(Context) -> Made<S> + Send + Sync + 'static,
{
    controlled(name, table, make).0
}

/// Declares a stage, and returns what reaches its live run from outside.
pub fn controlled<S, F>(
    name: &str,
    table: Table<S::Machine>,
    make: F,
) -> (Child, Remote<<S::Machine as Machine>::Event>)
where
    S: Steps,
    F: Fn(Context) -> Made<S> + Send + Sync + 'static,
{
    let (table, mailbox) = (Arc::new(table), Arc::new(Mailbox::new()));
    let make = Arc::new(Theirs::new(make));
    let remote = Remote::new(Arc::clone(&mailbox));
    let code = Code::task(move |cx| {
        let (table, mailbox) = (Arc::clone(&table), Arc::clone(&mailbox));
        let make = Arc::clone(&make);
        runner::live::<S>(table, mailbox, move |cx| make(cx), cx)
    });
    (Child::of_stage(name, code), remote)
}

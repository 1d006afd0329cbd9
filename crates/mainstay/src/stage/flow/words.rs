//! The one machine of all shapes.

use super::super::table::{Control, Finish, Machine, Table};
use std::time::Duration;

/// Where a shape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Flowing,
    /// It is to end: what is there is brought to its end, nothing new begins.
    Draining,
    Done,
    Stopped,
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The end of data.
    Ended,
    Drain,
    Stop,
    /// All that was there is done, and the end of data has not come.
    Emptied,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Passes the end of data on.
    Finish,
}

/// What every shape is.
pub(super) struct Words;

impl Machine for Words {
    type State = State;
    type Event = Event;
    type Action = Action;
    type Context = ();
}

/// A stop keeps what is on the edges for the next run; a drain brings it to its end. A failure ends the run: what it
/// had in hand goes back, and the child's policy decides about the next one.
pub(super) fn table() -> Table<Words> {
    Table::<Words>::starts(State::Flowing, Event::Failed)
        .state(State::Flowing, |s| {
            s.on(Event::Ended, State::Done, [Action::Finish])
                .on(Event::Drain, State::Draining, [])
                .on(Event::Stop, State::Stopped, [])
        })
        .state(State::Draining, |s| {
            s.on(Event::Ended, State::Done, [Action::Finish])
                .on(Event::Emptied, State::Stopped, [])
                .on(Event::Stop, State::Stopped, [])
        })
        .anywhere(Event::Failed, State::Broken, [])
        .end(State::Done, Finish::Completed)
        .end(State::Stopped, Finish::Completed)
        .end(State::Broken, Finish::Failed)
        .control(Control::Stop, Event::Stop)
        .control(Control::Drain, Event::Drain)
        .failures(1, Duration::from_secs(1))
        .build()
        .expect("the table of all shapes has no faults; a test builds it")
}

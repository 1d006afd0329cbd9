//! What a stage tells is logged for who looks closely. A program of its own: a subscriber is seen by all that log.
#![cfg(feature = "tracing")]

use mainstay::stage::{Directive, Finish, Machine, Steps, Table, stage};
use mainstay::{BoxError, Restart, Standing, tree};
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Done,
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Go,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Ring,
}

struct Bell;

impl Machine for Bell {
    type State = State;
    type Event = Event;
    type Action = Action;
    type Context = ();
}

struct Ringing;

impl Steps for Ringing {
    type Machine = Bell;

    async fn dispatch(&mut self, _: State, (): &mut ()) -> Result<Directive<Event>, BoxError> {
        Ok(Directive::Transition(Event::Go))
    }

    async fn act(&mut self, Action::Ring: Action, (): &mut ()) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Notes the level and the message of every line.
struct Lines(Arc<Mutex<Vec<(tracing::Level, String)>>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Message(String);
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().expect("no poison").push((*event.metadata().level(), message.0));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

// obzenflow 7
#[test]
fn steps_are_logged_at_level_debug() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let _guard = tracing::subscriber::set_default(Lines(Arc::clone(&lines)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let table = Table::<Bell>::starts(State::Idle, Event::Failed)
        .state(State::Idle, |s| s.on(Event::Go, State::Done, [Action::Ring]))
        .anywhere(Event::Failed, State::Broken, [])
        .end(State::Done, Finish::Completed)
        .end(State::Broken, Finish::Failed)
        .build()
        .expect("a table without faults");
    runtime.block_on(async {
        let child = stage("bell", table, |_| Ok((Ringing, ()))).restart(Restart::Never);
        let owner = tree().child(child).start().expect("it is fit");
        owner.handle().wait_for("bell", Standing::Down).await.expect("it ends");
        owner.drain("the test is over").await;
    });
    let lines = lines.lock().expect("no poison");
    let told: Vec<_> = lines.iter().filter(|(_, message)| message == "told").collect();
    // The move, the action, the end.
    assert_eq!(told.len(), 3, "{lines:?}");
    assert!(told.iter().all(|(level, _)| *level == tracing::Level::DEBUG), "{told:?}");
}

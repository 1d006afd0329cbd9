//! Tables: checked as a whole, stepped by hand, drawn.

use mainstay::stage::{Control, Finish, Machine, Table, TableFault};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Red,
    Green,
    Dark,
    Lost,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Next,
    Fault,
    Off,
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Lamp,
    Bell,
    Log,
}

struct Light;

impl Machine for Light {
    type State = State;
    type Event = Event;
    type Action = Action;
    type Context = bool;
}

fn light() -> Table<Light> {
    Table::<Light>::starts(State::Red, Event::Fault)
        .state(State::Red, |s| {
            s.enter([Action::Lamp])
                .on_if(Event::Next, "nobody waits", |crowd| !crowd, State::Green, [Action::Bell])
                .stay(Event::Next, [Action::Log])
        })
        .state(State::Green, |s| {
            s.exit([Action::Log]).after(Duration::from_secs(30), Event::Late).on(
                Event::Late,
                State::Red,
                [],
            )
        })
        .anywhere(Event::Fault, State::Dark, [Action::Log])
        .anywhere(Event::Off, State::Off, [])
        .end_with(State::Dark, Finish::Failed, [Action::Bell])
        .end(State::Off, Finish::Completed)
        .control(Control::Stop, Event::Off)
        .build()
        .expect("a table without faults")
}

#[test]
fn a_table_is_stepped_without_a_runtime() {
    let light = light();
    let step = light.step(State::Red, Event::Next, &false).expect("it is handled");
    assert_eq!((step.to, step.guard), (State::Green, Some("nobody waits")));
    assert_eq!(step.actions, [Action::Bell]);
    let step = light.step(State::Red, Event::Next, &true).expect("it is handled");
    assert_eq!((step.to, step.stays, &step.actions[..]), (State::Red, true, &[Action::Log][..]));
    let step = light.step(State::Green, Event::Late, &true).expect("it is handled");
    assert_eq!(step.actions, [Action::Log, Action::Lamp]);
    let unhandled = light.step(State::Green, Event::Next, &true).expect_err("it is not handled");
    assert_eq!((unhandled.state, unhandled.event), (State::Green, Event::Next));
    assert_eq!(light.timeout(State::Green), Some((Duration::from_secs(30), Event::Late)));
    assert_eq!(light.finish(State::Dark), Some(Finish::Failed));
}

#[test]
fn a_table_is_drawn() {
    let expected = "\
stateDiagram-v2
    [*] --> Red
    Red : entry / Lamp
    Red --> Green : Next [nobody waits] / Bell
    Red --> Red : Next / Log (stays)
    Red --> Dark : Fault / Log
    Red --> Off : Off
    Green : exit / Log
    Green --> Red : Late after 30s
    Green --> Dark : Fault / Log
    Green --> Off : Off
    Dark : entry / Bell
    Dark --> [*]
    Off --> [*]
";
    assert_eq!(light().mermaid(), expected);
}

// obzenflow 15
#[test]
fn everything_that_is_wrong_with_a_table_is_said_at_once() {
    let faults = Table::<Light>::starts(State::Red, Event::Fault)
        .state(State::Red, |s| {
            s.on(Event::Next, State::Off, [])
                .on(Event::Next, State::Green, [])
                .after(Duration::ZERO, Event::Late)
        })
        .state(State::Green, |s| s.stay(Event::Fault, []))
        .state(State::Lost, |s| s.on(Event::Fault, State::Dark, []))
        .state(State::Lost, |s| s)
        .end(State::Off, Finish::Completed)
        .control(Control::Pause, Event::Off)
        .control(Control::Pause, Event::Next)
        .build()
        .expect_err("there is much wrong with it");
    let text = String::from;
    let expected = [
        TableFault::StateTwice { state: text("Lost") },
        TableFault::ControlTwice { control: Control::Pause },
        TableFault::Shadowed { state: text("Red"), event: text("Next"), guard: None },
        TableFault::NoFailure { state: text("Red"), event: text("Fault") },
        TableFault::TimeoutZero { state: text("Red") },
        TableFault::TimeoutUnhandled { state: text("Red"), event: text("Late") },
        TableFault::NoWayOut { state: text("Green") },
        TableFault::Unreachable { state: text("Lost") },
        TableFault::NoTarget { state: text("Lost"), event: text("Fault"), target: text("Dark") },
        TableFault::ControlUnhandled { control: Control::Pause, event: text("Off") },
    ];
    assert_eq!(faults.0, expected);
    assert!(faults.to_string().contains("; Lost can never be reached"), "{faults}");
}

#[test]
fn a_table_without_its_first_state_is_refused() {
    let faults = Table::<Light>::starts(State::Red, Event::Fault)
        .build()
        .expect_err("the first state is missing");
    assert_eq!(faults.0, [TableFault::NoStart { state: "Red".into() }]);
}

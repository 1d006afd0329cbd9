//! What the HTTP API says. Every form here has a schema, and the API's description is made of them.
//!
//! Moments are wall time in milliseconds since 1970 (fields that end in `_at`), spans are in milliseconds (`_ms`). The
//! tree decides by monotonic time alone: what is shown here is converted as of the answer.

mod caller;
mod command;
mod console;
mod event;
mod health;
mod hook;
mod look;
mod schema;
mod simulate;
mod story;

pub use caller::{Choice, Me, Nothing, SignIn};
pub use command::{Act, Command, Problem, Reply, Step, Verb};
pub use console::{ConsoleAct, ConsoleAsks, ConsoleNote, ConsoleSays, ConsoleViewer};
pub use event::{Event, EventPage, Lag, LogLine, LogPage};
pub use health::{Check, Checks, Dump};
pub use hook::{Delivery, DeliveryState, FactKind};
pub use look::{Alert, Child, Health, Journal, LastRun, Next, Overall, Standing, Status, Want};
pub use schema::schemas;
pub use simulate::{Lives, MOST_ENDS, MOST_POLICIES, PlayedPolicy, Simulated, Simulation};
pub use story::{
    Action, Cause, Evidence, Explanation, Fact, Fall, Limit, Run, Setting, Span, Timeline,
    TimelineStep, Wish,
};

/// The version of the API: the first part of every path.
pub const VERSION: &str = "v1";

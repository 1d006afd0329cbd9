//! One supervision tree inside a Rust service.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod build;
mod caught;
mod clock;
mod code;
mod command;
mod context;
mod counts;
mod declare;
mod drive;
mod driver;
mod end;
mod events;
mod handle;
mod inbox;
mod observe;
mod owner;
mod report;
mod scope;
mod shared;
#[cfg(feature = "signal")]
mod signals;
mod slot;
mod task;
mod thread;
mod view;
mod watchdog;
mod world;

pub use build::{SpecError, StartError};
pub use caught::Panic;
pub use command::{CommandError, Operator, Request};
pub use context::{Context, Pending, Reload, Stopped};
pub use counts::{Counts, cause_name};
pub use declare::{
    Child, Named, Need, Node, Policy, Pool, PoolOf, Reference, Service, Stateful, Supervisor, Tree,
    blocking, child, consecutive, failures, need, pool, restarts, service, starts, supervisor, task,
    tree,
};
pub use end::{BoxError, End, Ended, Fault, Judge, Skipped};
pub use events::{Events, Item, Record, Recorder};
pub use handle::{AskError, Handle, Target, Watch};
pub use owner::Owner;
pub use report::{Ending, Report};
pub use scope::SubTask;
pub use view::View;
pub use watchdog::{Blocked, Watchdog};

// The words of the core that users of this crate write or read.
pub use mainstay_core::child::{Alert, AlertKind, Finish, Last, Rest, State, Want};
pub use mainstay_core::policy::backoff::{Delay, Jitter, Shape};
pub use mainstay_core::policy::breaker::{BreakerState, Cooldown};
pub use mainstay_core::policy::budget::Limit;
pub use mainstay_core::policy::restart::Restart;
pub use mainstay_core::spec::check::{Problem, Warning};
pub use mainstay_core::spec::{
    AutoShutdown, Criticality, OnExhausted, OnRestart, Preset, Strategy,
};
pub use mainstay_core::{
    Action, Asked, Brief, Cause, ChildId, Class, Condition, Done, Event, Exit, Explanation, Health,
    Moment, Overall, Path, Refusal, ReportLine, Rule, RunId, Standing, Why,
};

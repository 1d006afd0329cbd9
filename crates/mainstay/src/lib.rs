//! One supervision tree inside a Rust service.
//!
//! You declare what is to run: async tasks, blocking functions, and supervisors that tie them together.
//! Mainstay starts them in order, runs them again when they fail, by a policy that you can read and change, and
//! ends them in order. It tells you what it does and why, and takes commands while it runs.
//!
//! # A service in a few lines
//!
//! ```no_run
//! use mainstay::{BoxError, Context, Report, StartError, task, tree};
//! use std::time::Duration;
//! use tokio::net::TcpListener;
//!
//! #[tokio::main]
//! async fn main() -> Result<Report, StartError> {
//!     tree()
//!         .child(task("web", web).ready_within(Duration::from_secs(10)))
//!         .child(task("ticker", ticker).needs("web")) // Starts when `web` is ready.
//!         .run() // Until SIGTERM or Ctrl-C, or until a child ends the tree.
//!         .await // The report says what became of each child, and carries the exit code.
//! }
//!
//! async fn web(cx: Context) -> Result<(), BoxError> {
//!     let listener = TcpListener::bind("127.0.0.1:8080").await?; // An error is a failure: it runs again.
//!     cx.ready();
//!     loop {
//!         tokio::select! {
//!             () = cx.stopped() => return Ok(()), // Asked to end: finish what is begun, then return.
//!             accepted = listener.accept() => drop(accepted?),
//!         }
//!     }
//! }
//!
//! async fn ticker(cx: Context) {
//!     let mut second = tokio::time::interval(Duration::from_secs(1));
//!     loop {
//!         tokio::select! {
//!             () = cx.stopped() => return,
//!             _ = second.tick() => println!("tick"),
//!         }
//!     }
//! }
//! ```
//!
//! # What holds without a word
//!
//! | question | default |
//! | --- | --- |
//! | When does it run again? | After a failure (an error or a panic), not after a clean end. |
//! | After how long? | 0.5 s, doubling to 30 s; each delay is shortened at random by up to a half. |
//! | When is it forgiven? | When it has been ready for 60 s without a break: the next delay is 0.5 s again. |
//! | How often? | 10 restarts in any 10 minutes: a child that dies at once has 11 runs in about two minutes. |
//! | And then? | Its supervisor gives up: it ends its children and is itself run again by *its* policy. The root ends the tree. |
//! | How often do siblings together? | 30 restarts in any minute; then too their supervisor gives up. |
//! | Which siblings does an end touch? | None (one-for-one). |
//! | How many start at once? | 4 for each core. |
//! | How long may a start take? | 60 s, the call of the factory; a child is ready as soon as it has started. |
//! | How long does it get to end? | 10 s, then force (a task is dropped at its next await point); after 5 s more it is abandoned. |
//! | How long may the end of the tree take? | 60 s when it was asked for, 10 s when a failure caused it. |
//!
//! So a child directly below the root that cannot be mended ends the program, for whatever watches the program to
//! act. Say [`optional`](Child::optional) of what the others can do without: it then cools down for 1 min, 10 min and
//! then 1 h at a time, with one trial run after each, and nobody else is touched.
//!
//! Each can be said otherwise, on a child, on a supervisor, or for many by a [`Policy`]. A [`Preset`] says all at
//! once, with the numbers of another system: `task("web", web).preset(Preset::Systemd)`.
//!
//! # What can run
//!
//! ```
//! use mainstay::{BoxError, Context, Service, blocking, child, pool, restarts, service, supervisor, task, tree};
//! use std::time::Duration;
//!
//! // An async function or closure. It is called for every run.
//! async fn reader(cx: Context) -> Result<(), BoxError> { cx.stopped().await; Ok(()) }
//!
//! // A function that blocks. Each run has a thread of its own.
//! fn indexer(cx: Context) -> Result<(), BoxError> {
//!     while !cx.stopped_within(Duration::from_secs(60)) { /* index what is new */ }
//!     Ok(())
//! }
//!
//! // A value that is cloned for every run.
//! #[derive(Clone)]
//! struct Web { port: u16 }
//! impl Service for Web {
//!     type End = Result<(), BoxError>;
//!     async fn run(self, cx: Context) -> Self::End { cx.stopped().await; Ok(()) }
//! }
//!
//! // A pool: children are added while it runs, each with an argument.
//! let mut jobs = pool("jobs", async |url: String, _cx: Context| println!("{url}")).max(100);
//! let jobs_reference = jobs.reference();
//!
//! let declared = tree()
//!     .child(task("reader", reader))
//!     .child(blocking("indexer", indexer))
//!     .child(service("web", Web { port: 80 }))
//!     // State that every run gets a clone of, without a closure around a closure.
//!     .child(child("writer").state(String::from("/var/lib/x")).task(async |path: String, cx: Context| {
//!         println!("writes to {path}");
//!         cx.stopped().await;
//!     }))
//!     // A supervisor of its own: what happens among these two stays among them.
//!     .child(
//!         supervisor("session")
//!             .one_for_all()
//!             .limit_children(restarts(3, Duration::from_secs(5)))
//!             .child(task("receive", reader))
//!             .child(task("send", reader).needs("receive")),
//!     )
//!     .replicas(4, &task("worker", reader)) // worker-1 to worker-4
//!     .child(jobs);
//! // With the feature `process` there are OS processes too: `process("redis", Command::new("redis-server"))`.
//! // Every mistake at once, before anything starts; and what is allowed but worth knowing.
//! for warning in declared.check().expect("a valid tree") {
//!     println!("{warning}");
//! }
//! # let _ = jobs_reference;
//! ```
//!
//! A child that is a state machine is a [stage](stage::stage()), and stages that pass items to each other are a
//! [flow](stage::flow).
//!
//! Without a tree, [`supervise`](supervise()) keeps one task running and returns its value:
//!
//! ```
//! use mainstay::{Policy, SuperviseError, consecutive, supervise};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), SuperviseError> {
//! let policy = Policy::new().limit(consecutive(5));
//! let rows = supervise("import", policy, |_cx| async { Ok::<_, std::io::Error>(42) }).await?;
//! assert_eq!(rows, 42);
//! # Ok(()) }
//! ```
//!
//! # The context
//!
//! Every run is handed a [`Context`].
//!
//! | to | call |
//! | --- | --- |
//! | hear that it is to end | [`stopped`](Context::stopped), [`is_stopping`](Context::is_stopping), [`token`](Context::token); on a thread [`stopped_within`](Context::stopped_within) |
//! | know by when | [`deadline`](Context::deadline); [`extend`](Context::extend) asks for more time |
//! | say that it can serve | [`ready`](Context::ready), where it was declared with [`ready_within`](Child::ready_within) |
//! | show that it lives | [`beat`](Context::beat) with [`heartbeat`](Child::heartbeat); [`pending`](Context::pending) and [`progress`](Context::progress) with [`progress_within`](Child::progress_within) |
//! | start something that ends with it | [`spawn`](Context::spawn) |
//! | finish a section come what may | [`shield`](Context::shield) |
//! | hear of new settings | [`reload`](Context::reload), answered by [`reloaded`](Context::reloaded) |
//! | be replaced without a charge | [`recycle`](Context::recycle) |
//! | know itself | [`path`](Context::path), [`name`](Context::name), [`run`](Context::run), [`is_first`](Context::is_first), [`last_exit`](Context::last_exit) |
//! | reach the tree | [`handle`](Context::handle) |
//!
//! # Stopping well
//!
//! A run that holds no context cannot hear that it should stop, so it is ended at once. A run that holds one is
//! asked, and waited for: **hold one and listen, or your stop waits for its 10 s of grace.**
//!
//! ```
//! # use mainstay::{Context, task};
//! # async fn work() {}
//! // Ended at once: the closure drops its context before the future begins.
//! let at_once = task("a", |_| async { work().await });
//!
//! // Ended when it hears of it.
//! let listens = task("b", |cx| async move {
//!     tokio::select! { () = cx.stopped() => {}, () = work() => {} }
//! });
//!
//! // Waits for 10 s: an async function, and an async closure, keep even a parameter that has no name.
//! async fn deaf(_: Context) { work().await }
//! let waits = [task("c", deaf), task("d", async |_| work().await)];
//!
//! // Ended by force, whatever it holds.
//! let by_force = task("e", deaf).abort_at_once();
//! # let _ = (at_once, listens, waits, by_force);
//! ```
//!
//! # Errors and their classes
//!
//! A run returns `()`, a [`Result`] with any error, [`Skipped`] where there was nothing to do, or nothing ever
//! ([`End`]). An error may say what it means for the next try; a [`Fault`] anywhere in its chain is found.
//!
//! | class | what follows |
//! | --- | --- |
//! | none, or [`transient`](Fault::transient) | the policy decides |
//! | [`permanent`](Fault::permanent) | no restart: straight to what a spent budget leads to |
//! | [`fatal`](Fault::fatal) | its supervisor gives up |
//! | with [`retry_after`](Fault::retry_after) | the next run comes no sooner; the longest delay of the backoff caps it |
//!
//! ```
//! use mainstay::{BoxError, Fault, Judge};
//! use std::time::Duration;
//!
//! async fn session(port: &str) -> Result<(), BoxError> {
//!     let port: u16 = port.parse().permanent()?; // No second try will parse it.
//!     connect(port).await.map_err(|error| Fault::transient(error).retry_after(Duration::from_secs(5)))?;
//!     Ok(())
//! }
//! # async fn connect(_: u16) -> Result<(), std::io::Error> { Ok(()) }
//! ```
//!
//! # Panics
//!
//! A panic is a failure like an error: it is caught, and its message, place and backtrace are in
//! [`View::panic`]. So are panics in factories, sub-tasks and destructors. To know the place, the first tree of
//! a process installs a panic hook, which then calls the one that was there before.
//!
//! Nothing inside a process contains the end of that process. With `panic = "abort"` a panic ends it (a warning
//! says so at the start), and a stack overflow, `std::process::abort` and undefined behaviour end it in any build.
//! Only a process of its own contains those.
//!
//! # Commands
//!
//! Every command says who asks and why; without both it is refused. It is answered at once, not when its
//! consequences are over, and the answer says whether anything changed.
//!
//! ```
//! use mainstay::{BoxError, Standing, task, tree};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let owner = tree().child(task("web", async |cx: mainstay::Context| cx.stopped().await)).start()?;
//! let handle = owner.handle(); // Cheap to clone; it does not keep the tree alive.
//! let alice = handle.by("alice");
//!
//! alice.stop("web", "certificate expired").await?;
//! handle.wait_for("web", Standing::Down).await?;
//! let done = alice.stop("web", "once more").await?;
//! assert!(!done.changed); // It was so already.
//! alice.start("web", "certificate renewed").await?;
//!
//! assert!(handle.by("bob").restart("web", "").await.is_err()); // No reason, no effect.
//! # owner.drain("the end of the example").await;
//! # Ok(()) }
//! ```
//!
//! There are [`start`](Operator::start), [`stop`](Operator::stop), [`restart`](Operator::restart),
//! [`pause`](Operator::pause), [`quarantine`](Operator::quarantine), [`reset`](Operator::reset),
//! [`add`](Operator::add), [`add_to`](Operator::add_to), [`remove`](Operator::remove),
//! [`replace`](Operator::replace), [`apply`](Operator::apply), [`drain`](Operator::drain) and more: [`Operator`].
//!
//! # Looking
//!
//! | to see | ask |
//! | --- | --- |
//! | how the tree is, in one word and four counts | [`Handle::health`]: costs nothing |
//! | what has happened, in exact numbers | [`Handle::counts`], [`Handle::tally`] |
//! | how all children stand, in numbers | [`Handle::measures`] |
//! | one child, or all | [`Handle::child`], [`Handle::status`] |
//! | **why** a child does what it does, what comes next and what would change it | [`Handle::explain`] |
//! | one child as it changes | [`Handle::watch`], [`Handle::wait_for`], [`Handle::wait_until`] |
//! | every fact, with reasons and numbers | [`Handle::events`], or a hook: [`Tree::on_event`] |
//! | what became of everybody | the [`Report`] of the end |
//!
//! ```text
//! p does not run: it waits until 0.486s before the next run, for 0s.
//!   p #1 panicked after 0s, at 0.000s: "boom 1, at src/main.rs:16:46".
//!     By `restart: on-failure`: the next run at 0.486s, after 487ms.
//!   Next, in 487ms, at 0.486s: its delay is over.
//!   What would change it: `start` begins the next run now.
//!   Limit of p: at most 10 restarts in any 10m; 1 of 10 used, one less in 10m.
//!   Limit of /: at most 30 restarts in any 1m, all direct children together; 1 of 30 used, one less in 1m.
//! ```
//!
//! # Testing
//!
//! With the feature `testing`, `mainstay::testing::World` takes your declaration and runs none of your code:
//! scripts say what becomes of each run, and the tree decides in virtual time, hours in milliseconds. Use it for
//! claims about policy: how often, how long, who else.
//!
//! For your code, use tokio's paused time (`start_paused = true`, its feature `test-util`): all waits of the tree
//! follow it. **Blocking children do not hold paused time**: while all tasks wait, it jumps ahead, however busy
//! a thread is, so a blocking child's 10 s of grace are over in an instant. Test those in real time.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `signal` | yes | [`Owner::run`] ends the tree at SIGTERM and SIGINT |
//! | `tracing` | yes | every event is a log line, each run is polled within a span |
//! | `testing` | no | the module `testing` |
//! | `process` | no | children that are OS processes; Linux only, and with it come the keeper and what that depends on |
//!
//! # Runtimes
//!
//! A tree runs in the tokio runtime in which it is started, on one thread or many. The runtime needs its timers
//! (`enable_time`), and for signals its drivers (`enable_all`). A blocking child has a thread of its own and takes
//! none from tokio's pool. One more thread, the [`Watchdog`], notices within 5 s when a task blocks the runtime,
//! and names it. When the runtime is dropped under a tree its children are cut off, and the report says
//! [`Ending::Cut`].
//!
//! # What it never does
//!
//! - End the process: [`Owner::run`] returns, and `main` decides.
//! - Read files, environment variables or configuration by itself.
//! - Queue without a bound: 256 questions wait, then whoever asks does; of events the last 1 024 are kept, and a
//!   reader that is too slow is told how many it missed.
//! - Run two runs of one child at once, unless it was declared with [`overlap`](Child::overlap) or somebody
//!   commanded it.
//! - Run your code where it decides: hooks, conditions and destructors run elsewhere, under guard.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "process", not(target_os = "linux")))]
compile_error!("the feature `process` is for Linux: its keeper needs what only that kernel has");

mod build;
mod caught;
mod clock;
mod code;
mod command;
#[cfg(feature = "process")]
pub mod console;
mod context;
mod counts;
mod declare;
mod drive;
mod driver;
#[cfg(feature = "durable")]
pub mod durable;
mod end;
mod events;
mod handle;
#[cfg(feature = "process")]
pub mod host;
mod inbox;
mod measure;
mod observe;
mod owner;
#[cfg(feature = "process")]
mod probe;
#[cfg(feature = "process")]
pub mod process;
mod registry;
mod report;
mod scope;
mod shared;
#[cfg(feature = "signal")]
mod signals;
mod slot;
pub mod stage;
mod supervise;
mod tally;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
mod thread;
mod view;
mod watchdog;
mod world;

pub use build::{SpecError, StartError};
pub use caught::Panic;
pub use command::{CommandError, Operator, Request};
pub use context::{Context, Pending, Reload, Stopped, Undisturbed};
pub use counts::{Counts, cause_name};
pub use declare::{
    Child, Named, Need, Node, Policy, Pool, PoolOf, Reference, Service, Stateful, Supervisor, Tree,
    blocking, child, consecutive, failures, need, pool, restarts, service, starts, supervisor,
    task, tree,
};
#[cfg(feature = "process")]
pub use declare::{host, process};
pub use end::{BoxError, End, Ended, Fault, Judge, Skipped};
pub use events::{Events, Fact, Item, Record, Recorder};
pub use handle::{AskError, Handle, Target, Watch};
pub use measure::Measure;
pub use owner::Owner;
pub use registry::{Factory, MakeError, ParamError, Params, Registry};
pub use report::{Ending, Report};
pub use scope::SubTask;
pub use supervise::{SuperviseError, supervise};
pub use tally::{CLASSES, ChildCounts, Probes, Spread, Tallied, Tally};
pub use view::View;
pub use watchdog::{Blocked, Watchdog};

// The words of the core that users of this crate write or read.
pub use mainstay_core::child::{Alert, AlertKind, Finish, Last, Phase, Rest, State, Want};
pub use mainstay_core::command::{Act, Step};
pub use mainstay_core::policy::backoff::{Delay, Jitter, Shape};
pub use mainstay_core::policy::breaker::{BreakerState, Cooldown};
pub use mainstay_core::policy::budget::Limit;
pub use mainstay_core::policy::restart::Restart;
pub use mainstay_core::spec::check::{Problem, Warning};
pub use mainstay_core::spec::defaults::Profile;
pub use mainstay_core::spec::{
    AutoShutdown, Criticality, OnExhausted, OnRestart, Preset, Strategy,
};
pub use mainstay_core::{
    Action, Asked, Brief, Cause, ChildId, Class, Condition, Done, Event, Exit, Explanation, Health,
    Moment, News, Outcome, Overall, Path, Refusal, ReportLine, Rule, RunId, Settled, Standing,
    StartStep, Verb, Why,
};

/// The examples of the README, of the guide and of the page for newcomers from elsewhere, run like any other. One of
/// them needs the feature.
#[cfg(all(doctest, feature = "testing"))]
mod pages {
    #[cfg(feature = "process")]
    #[doc = include_str!("../../../docs/guide/hosts.md")]
    struct Hosts;
    #[cfg(feature = "process")]
    #[doc = include_str!("../../../docs/guide/processes.md")]
    struct Processes;
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/guide/library.md")]
    struct Guide;
    #[doc = include_str!("../../../docs/guide/stages.md")]
    struct Stages;
    #[doc = include_str!("../../../docs/migrate/rust-and-otp.md")]
    struct Migrate;
}

//! OS processes as children: what is to be run, how it says that it is ready, and how it is ended.
//!
//! A [`process`](crate::process()) is a child like any other: the same policy, the same commands, the same tree. What
//! only processes have stands in its [`Command`].
//!
//! ```no_run
//! use mainstay::process::{Command, Log, Probe, Ready, Reload, StopStep};
//! use mainstay::{BoxError, Report, process, task, tree};
//! use std::time::Duration;
//!
//! #[tokio::main]
//! async fn main() -> Result<Report, BoxError> {
//!     let redis = Command::new("redis-server")
//!         .args(["--port", "6400", "--supervised", "systemd"])
//!         .user("redis")
//!         .ready(Ready::Notify)
//!         .log(Log::at("/var/log/redis.log").size(50 << 20).keep(3))
//!         .probe(Probe::exec(["redis-cli", "-p", "6400", "ping"]).liveness())
//!         .stop(StopStep::command(["redis-cli", "-p", "6400", "shutdown"]).within(Duration::from_secs(5)))
//!         .stop(StopStep::signal("TERM"));
//!     let nginx = Command::new("nginx").args(["-g", "daemon off;"]).reload(Reload::signal("HUP"));
//!
//!     Ok(tree()
//!         .child(process("redis", redis))
//!         .child(process("nginx", nginx).needs("redis"))
//!         .child(task("worker", async |cx: mainstay::Context| cx.stopped().await).needs("redis"))
//!         .run()
//!         .await?)
//! }
//! ```
//!
//! # What holds without a word
//!
//! | question | default |
//! | --- | --- |
//! | Which environment does it get? | `PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL`, `LANG`, `LC_*`, `TZ`, `TERM` and `TMPDIR` of this program, where they are set; nothing else. |
//! | Where does it run? | In this program's folder, as its user, in a session of its own. |
//! | What can it read? | Nothing: its standard input ends at once. |
//! | What becomes of its output? | The last 4 KiB of each run are kept and told with a failure; say [`log`](Command::log) or [`echo`](Command::echo) to have more. |
//! | When is it ready? | When its program is executed, unless [`ready`](Command::ready) or a readiness [`probe`](Command::probe) says otherwise. |
//! | How is it asked to end? | `SIGTERM` to its main process, of a [`shell`](Command::shell) line to every process of it; 10 s. |
//! | And then? | Force, for all that belongs to it. A run is over when every process of it is gone. |
//! | What if its main process ends and others of it live on? | They get `SIGTERM`, 2 s, then force. |
//! | What does a reload do? | Nothing, unless [`reload`](Command::reload) says what: the signal that most programs reload at ends others. |
//! | What if this program dies without ending it? | Its main process gets `SIGTERM` from the kernel; see [`Tree::identity`](crate::Tree::identity). |
//!
//! `SIGTERM` goes to the main process alone, because a server that has workers ends them itself, in its own order:
//! where each worker gets the signal too, PostgreSQL drops its sessions, and packages of nginx and Apache have to say
//! `KillMode=mixed` against the default of systemd. A shell does not pass a signal on, so there all of them get it.
//!
//! # How ends are judged
//!
//! | the main process | is |
//! | --- | --- |
//! | ends with 0, or a [code](Command::success_code) or [signal](Command::success_signal) that was declared a success | completed |
//! | ends with another code | failed, with the code and the last lines it printed |
//! | is ended by a signal | the signal; by the kernel for its memory `OutOfMemory`, by `SIGXCPU` or `SIGXFSZ` `OverLimit` |
//! | cannot be started | `StartFailed`, with the step and its error. Where retrying cannot mend it (no such program, no such user) there is no further try: straight to what a spent budget leads to |
//! | is ended after we asked for it | stopped, whatever it says |
//!
//! # How it works
//!
//! The first process of a tree starts one thread, the keeper, which holds all processes of the tree: it starts, watches
//! and contains them, reads their output and writes their logs, and knows nothing of policy. It is Linux only. A
//! process is reaped by its own descriptor: other children of your program are never touched.
//!
//! A tree that is dropped, or whose runtime ends, leaves no process behind: the keeper ends them by force.

mod check;
mod command;
mod driver;
mod end;
mod lane;
mod link;
mod log;
mod settings;
mod signal;
mod socket;
mod step;
mod talk;
#[cfg(test)]
mod tests;
mod view;

pub use crate::probe::Probe;
pub(crate) use check::{check, check_all, with};
pub use command::Command;
pub(crate) use command::argv;
pub(crate) use driver::{Inputs, Processes};
pub(crate) use lane::Lane;
#[cfg(not(feature = "durable"))]
pub(crate) use link::Orders;
pub(crate) use link::Source;
#[cfg(feature = "durable")]
pub use link::{Link, Orders, Tell};
pub use log::Log;
use mainstay_core::{ChildId, RunId};
use mainstay_host::ring::Operation;
use mainstay_wire::keeper::Ended;
pub use mainstay_wire::process::{
    Access, Contain, IoPriority, Leftovers, Mode, Resource, Session, Stdin, Streams,
};
pub use settings::payload;
pub(crate) use settings::{Said, Settings};
pub use signal::number as signal_number;
pub use socket::Socket;
pub use step::{Ready, Reload, StopStep};
pub(crate) use talk::Talks;
pub use talk::{Talk, Teller};
pub use view::{Process, Used};

/// What is known of the process of a run.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// It has begun, or was found.
    Began {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// Its main process.
        pid: u32,
    },
    /// All of it is gone.
    Ended {
        /// The child.
        child: ChildId,
        /// The run.
        run: RunId,
        /// How, what it used and what it printed last.
        ended: &'a Ended,
        /// What it did last, by its flight recorder: of a host.
        operations: &'a [Operation],
    },
}

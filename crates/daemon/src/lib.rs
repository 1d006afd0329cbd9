//! What makes a supervision tree a service: its spec file, its journal, its recovery and its control socket.
//!
//! - [`spec`]: from `mainstay.yaml` to a declared tree, or a list of everything wrong with it.
//! - [`tend`]: what is done by the clock and at a change of files.
//! - [`console`]: terminals of children on the network.
//! - [`journal`]: what has happened, durable and bounded. [`verify`]: whether it follows from itself.
//! - [`hook`]: who is told when something fails, is given up or recovers.
//! - [`listener`]: children that are told of events in supervisord's protocol.
//! - [`api`]: HTTP and JSON over a Unix socket, for a daemon or for any service that has a tree.
//! - [`metrics`]: numbers for whoever collects them. [`otlp`]: traces and logs for a collector.
//! - [`supervisord`]: supervisord's language, for `supervisorctl`.
//! - [`story`]: why a child does what it does, in words. [`simulate`]: what a policy would do.

pub mod api;
mod attend;
pub mod brain;
pub mod console;
mod fault;
pub mod hook;
pub mod journal;
mod journald;
pub mod listener;
pub mod metrics;
pub mod otlp;
mod outbound;
pub mod simulate;
pub mod spec;
pub mod story;
pub mod supervisord;
pub mod tend;
pub mod verify;

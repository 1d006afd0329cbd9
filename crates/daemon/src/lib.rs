//! What makes a supervision tree a service: its spec file, its journal, its recovery and its control socket.
//!
//! - [`spec`]: from `mainstay.yaml` to a declared tree, or a list of everything wrong with it.
//! - [`journal`]: what has happened, durable and bounded.
//! - [`api`]: HTTP and JSON over a Unix socket, for a daemon or for any service that has a tree.
//! - [`story`]: why a child does what it does, in words. [`simulate`]: what a policy would do.

pub mod api;
pub mod journal;
pub mod simulate;
pub mod spec;
pub mod story;
mod tend;

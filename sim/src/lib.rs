//! The simulator: the production core in a world of virtual time that breaks everything it can.
//!
//! ```text
//!  scenario (seed) ─▶ world ──inputs──▶ Tree ──events, effects──▶ judge ─▶ the first broken invariant
//!                       ▲                                │           ▲
//!                       └────────────effects─────────────┘      naive model
//! ```
//!
//! A seed says everything: the tree, the commands, how each run behaves, and what goes wrong. The
//! same seed gives the same trace on every machine.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a checker or a bug looks at a few kinds of events and lets all others pass"
)]

pub mod canary;
pub mod check;
mod command;
pub mod dice;
mod model;
pub mod run;
pub mod scenario;
pub mod shrink;
mod subject;
pub mod trace;
pub mod watched;
pub mod workload;
pub mod world;

pub use command::command;

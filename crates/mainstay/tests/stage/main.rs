//! Children that are state machines: one test for each way a run can go, and for each defect of the system they come
//! from.

#[path = "../common/mod.rs"]
mod common;
mod control;
mod ends;
mod failures;
mod flow;
mod flow_bounds;
mod flow_ends;
mod flow_seeds;
mod play;
mod tables;
mod telling;

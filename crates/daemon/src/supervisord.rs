//! supervisord's own language, for the tools that speak it: `supervisorctl`, exporters, dashboards.
//!
//! - [`state`]: what a child is doing, in its states. [`names`]: where a child stands, in its groups.

pub(crate) mod names;
pub(crate) mod state;

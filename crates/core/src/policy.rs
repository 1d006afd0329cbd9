//! The parts of a policy: restart rule, backoff, budget, breaker. Each is arithmetic over what it is given.
//!
//! They do not know about trees, siblings or effects; [`Tree`](crate::Tree) asks them and acts.

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod restart;

//! The control plane, over a real socket and a real tree.
#![expect(clippy::disallowed_methods, reason = "each test outlives what it starts")]

mod around;
mod commands;
mod describes;
mod gates;
mod health;
mod hosts;
mod numbers;
mod reads;
mod secure;
mod streams;
mod world;

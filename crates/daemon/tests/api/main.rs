//! The control plane, over a real socket and a real tree.
#![expect(clippy::disallowed_methods, reason = "each test outlives what it starts")]

mod around;
mod choices;
mod commands;
mod consoles;
mod describes;
mod gates;
mod health;
mod hosts;
mod numbers;
mod pages;
mod reads;
mod secure;
mod sign_in;
mod simulate;
mod streams;
mod world;

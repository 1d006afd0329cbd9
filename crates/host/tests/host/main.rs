//! Hosts, with this program as their parent: in a thread beside it, or as processes.

mod ends;
#[cfg(feature = "faults")]
mod faulty;
mod foreign;
mod greets;
mod hears;
mod parent;
mod processes;
mod reference;
mod serves;
mod streams;

//! The journal through its public face: what is appended is there afterwards, in order, whatever happens.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

mod damage;
#[cfg(feature = "faults")]
mod faults;
mod keeping;
mod order;
mod pressure;
mod support;

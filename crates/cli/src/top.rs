//! `mainstay top`: the whole tree at a glance and one child in depth, on a terminal.
//!
//! `model` is what is shown: it is changed by what happens, and asks for what it lacks. `view` draws it. Both are pure.
//! `run` is the loop between keyboard, daemon and model; `feed` are the questions to the daemon that are under way;
//! `stage` is the terminal.

mod areas;
mod feed;
mod keys;
mod model;
mod order;
mod paint;
mod run;
mod stage;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use run::{check, top};

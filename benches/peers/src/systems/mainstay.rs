//! mainstay, through its public API alone. Compiled with `--features mainstay`.
//!
//! To fill it in: name the crate in `Cargo.toml` as the comment there shows, make the feature
//! `mainstay = ["dep:mainstay"]`, and write these four parts. What each has to do stands at the
//! trait in `systems.rs`; the cases time them and check all counts, so nothing is counted here.
//!
//! ```text
//! pub(super) struct Mainstay    Send + 'static, held while the children run
//!
//! async fn start<W: Work>(children: u32, order: Order) -> Result<Self, Cannot>
//! async fn stop(self) -> Result<(), Cannot>
//! async fn run_all<W: Work>(tasks: u32) -> Result<(), Cannot>
//! async fn run_one_by_one<W: Work>(tasks: u32) -> Result<(), Cannot>
//! ```
//!
//! A run of child `n` is the future `W::run(n)`, of type `Result<(), Failed>`: `Err` has to be followed
//! by another run, without delay and without limit, `Ok` by none. `W::FAILS` tells whether it ever
//! fails. An idle child's `W::run` never returns: a stop drops it or races it against its signal.
//! With `Order::YoungestFirst` a child's future is dropped before the stop of the next older one begins.
//! `start` may return before the children run; `stop` and `run_all` return when no child is left, and
//! `run_one_by_one` waits for the end of each task as the library reports it. A part that the library
//! cannot do returns `Err("why")`, which the table then shows.

use super::{Cannot, Order, System};
use crate::work::Work;

const NOT_YET: Cannot = "not written yet";

pub(super) struct Mainstay;

impl System for Mainstay {
    async fn start<W: Work>(_children: u32, _order: Order) -> Result<Self, Cannot> {
        Err(NOT_YET)
    }

    async fn stop(self) -> Result<(), Cannot> {
        Err(NOT_YET)
    }

    async fn run_all<W: Work>(_tasks: u32) -> Result<(), Cannot> {
        Err(NOT_YET)
    }

    async fn run_one_by_one<W: Work>(_tasks: u32) -> Result<(), Cannot> {
        Err(NOT_YET)
    }
}

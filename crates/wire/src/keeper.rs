//! The protocol between a keeper and its brain.
//!
//! The brain sends [`Order`]s. The keeper answers with [`Report`]s: facts carry a sequence number and are
//! kept until the brain acknowledges them, so that a brain that died hears on its next life what it missed.
//! Over a socket both travel in [frames](crate::frame); inside one process they are handed over as they are.
//!
//! A brain that connects hears first [`Report::Hello`], then [`Report::Inventory`], in several messages where one is
//! not enough, then every fact that was not acknowledged, in order.

mod fact;
mod notice;
mod order;
pub mod state;

pub use fact::{
    Ended, Fact, Held, Lost, Report, Role, Sequence, Silence, StartError, Status, Step, Usage,
};
pub use notice::{Notice, Whence};
pub use order::{Order, Passed, Whom};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The version of this protocol. Another one can only say [`Order::Upgrade`].
pub const VERSION: u32 = 1;

/// One run of one child, as both sides know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The child's path in the tree.
    pub child: Arc<str>,
    /// The number of the run.
    pub run: u64,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.child, self.run)
    }
}

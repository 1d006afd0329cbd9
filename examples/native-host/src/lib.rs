//! What the program and its host agree on.

use mainstay_host::{Contract, Json};
use serde::{Deserialize, Serialize};

/// The contract: the machine's axes.
pub struct Cnc;

/// What can be asked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Request {
    /// The position of an axis.
    Read {
        /// Which.
        axis: i32,
    },
    /// The machine is to send the position of an axis by itself.
    Subscribe {
        /// Which.
        axis: i32,
    },
    /// How many axes do.
    Subscriptions,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// A position, in micrometres.
    Position(i64),
    /// The axis sends its position from now on.
    Subscribed,
    /// So many axes do.
    Count(i32),
}

/// The machine says that it cannot: the first of the codes that are the contract's own.
pub const MACHINE: u32 = 1_000;

impl Contract for Cnc {
    const NAME: &'static str = "cnc";
    const VERSION: u32 = 1;
    type Request = Request;
    type Reply = Reply;
    type Item = Reply;
    type Codec = Json;
}

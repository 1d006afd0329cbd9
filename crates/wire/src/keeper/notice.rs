//! What a run says of itself: by its notify socket, its notification descriptor, its output.

use crate::Text;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a notice came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whence {
    /// By the notify socket.
    Notify,
    /// By the notification descriptor.
    Fd,
    /// By a line of its output.
    Line,
}

/// What a run says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// It can serve.
    Ready(Whence),
    /// It reads its settings again; it began at this moment of the monotonic clock, where it said so.
    Reloading(Option<Duration>),
    /// It is about to end.
    Stopping,
    /// What it does, in words.
    Status(Text),
    /// The error that troubles it.
    Errno(i32),
    /// Another process is its main process now.
    Main(u32),
    /// A sign of life.
    Beat,
    /// It wants to be treated as if it had stopped giving signs of life.
    Trigger,
    /// It will give signs of life this often from now on; zero: none any more.
    Watchdog(Duration),
    /// It needs more time for what it does.
    Extend(Duration),
    /// Its earlier failures are to be forgotten.
    ResetRestarts,
    /// It left a descriptor with the keeper, or took one back; so many are there now.
    Stored(u32),
    /// Something it says that is only shown: `BUSERROR`, `VARLINKERROR`, `EXIT_STATUS`, `X_...`.
    Word {
        /// The name.
        name: Text,
        /// The value.
        value: Text,
    },
}

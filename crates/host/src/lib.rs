//! What a host program links: a process that does dangerous work for a parent that must never go down.
//!
//! ```no_run
//! use mainstay_host::{Contract, Host, Raw, record};
//!
//! struct Echo;
//!
//! impl Contract for Echo {
//!     const NAME: &'static str = "echo";
//!     const VERSION: u32 = 1;
//!     type Request = String;
//!     type Reply = String;
//!     type Item = String;
//!     type Codec = Raw;
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let host = Host::<Echo>::connect()?;
//!     // What must be there before the first call: a vendor's library, a device.
//!     host.serve(|call, request| {
//!         record!(call, "echoes {} bytes", request.len());
//!         Ok(request)
//!     })?;
//!     Ok(())
//! }
//! ```
//!
//! A thread of its own gives signs of life and hears the parent, on a socket of its own: a call that hangs neither
//! hides them nor fakes progress, for every beat says how many calls there are and how long the oldest has been
//! there. Calls come to the thread that serves, one after the other, because vendors' libraries want to be called by
//! one thread; [`Host::serve_on`] is for those that do not.
//!
//! A host is bound to its parent. When the parent is gone, [`Host::serve`] returns [`ParentGone`]; a host that does
//! not come back from what it is doing is ended, with [`EXIT_PARENT_GONE`] or [`EXIT_STOP_OVERDUE`].
//!
//! What the parent sees of it, byte by byte, is `docs/reference/host-protocol.md`. The same protocol is spoken by
//! `c/mainstay_host.h` and `python/mainstay_host.py`.

mod calls;
mod contract;
#[cfg(feature = "faults")]
pub mod faults;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod life;
mod map;
pub mod protocol;
mod recorder;
pub mod ring;
mod serve;
mod voice;

pub use calls::Ending;
#[cfg(feature = "json")]
pub use contract::Json;
pub use contract::{Codec, CodecError, Contract, Raw};
pub use host::{Connect, ConnectError, Descriptors, Host};
pub use life::{EXIT_PARENT_GONE, EXIT_STOP_OVERDUE};
pub use protocol::Failure;
pub use recorder::Recorder;
pub use serve::{Call, EXIT_PANICKED, ItemError, Items, ParentGone, Serves, Stopped};
pub use voice::Voice;

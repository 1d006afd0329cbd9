//! The forms in which a parent and its host speak.
//!
//! Two sockets and a piece of shared memory are made before the host begins, and it inherits them:
//!
//! - the **control** socket, where every message is one packet, for signs of life and for what is asked of the host;
//! - the **calls** socket, a stream of frames, for requests and their answers;
//! - the [ring](crate::ring), where the host notes what it is about to do.
//!
//! Signs of life have a socket of their own so that no call, however large or stuck, can hold one up.

mod call;
mod control;
mod secret;

pub use call::{BODY_MOST, Failure, Head, Kind, code};
pub use control::{Asked, Beat, Hello, Malformed, PACKET_MOST, Told, Welcome};
pub use secret::Secret;

/// The version of this protocol. A parent and a host that speak different ones refuse each other.
pub const VERSION: u16 = 1;

/// The variable with the numbers of the descriptors: control, calls and, where there is one, ring; `3,4,5`.
pub const DESCRIPTORS: &str = "MAINSTAY_HOST";

/// The variable with the secret of the run, in hexadecimal. It proves to the parent who says hello.
pub const SECRET: &str = "MAINSTAY_HOST_SECRET";

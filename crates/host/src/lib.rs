//! What a host program links: a process that does dangerous work for a parent that must never go down.

mod contract;
pub mod protocol;
pub mod ring;

#[cfg(feature = "json")]
pub use contract::Json;
pub use contract::{Codec, CodecError, Contract, Raw};
pub use protocol::Failure;

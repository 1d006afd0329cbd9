//! Every serialized form of Mainstay, versioned. No other crate derives `Serialize`.
//!
//! - [`process`]: what there is to say about an OS process before it starts.
//! - [`keeper`]: the protocol between a keeper, which holds processes, and its brain, which decides.
//! - [`frame`]: how messages of that protocol stand on a stream of bytes.
//!
//! Forms grow by fields with a default. Whoever reads a form skips what it does not know, so that an old
//! keeper and a new brain understand each other for as long as [`keeper::VERSION`] is the same.

pub mod frame;
pub mod handover;
pub mod keeper;
pub mod process;
mod text;

pub use text::Text;

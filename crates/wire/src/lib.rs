//! Every serialized form of Mainstay, versioned. No other crate derives `Serialize`.
//!
//! - [`process`]: what there is to say about an OS process before it starts.
//! - [`keeper`]: the protocol between a keeper, which holds processes, and its brain, which decides.
//! - [`frame`]: how messages of that protocol stand on a stream of bytes.
//! - `spec` (feature `spec`): the spec file, `mainstay.yaml`.
//! - `api` (feature `api`): what the HTTP API says; `hook`: what hooks are told; `listener`: what event listeners wait
//!   for.
//! - `journal` (feature `journal`): every input, event and snapshot of the core.
//!
//! Forms grow by fields with a default. Whoever reads a form skips what it does not know, so that an old
//! keeper and a new brain understand each other for as long as [`keeper::VERSION`] is the same.

#[cfg(feature = "api")]
pub mod api;
pub mod frame;
pub mod handover;
#[cfg(feature = "api")]
pub mod hook;
#[cfg(feature = "journal")]
pub mod journal;
pub mod keeper;
#[cfg(feature = "api")]
pub mod listener;
pub mod process;
#[cfg(feature = "spec")]
pub mod spec;
mod text;

pub use text::Text;

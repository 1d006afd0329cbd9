//! The spec file: what an operator writes, `mainstay.yaml`.
//!
//! One table, [`keys`], says which keys there are and what each takes. The daemon reads files by it, [`schema()`] and
//! [`reference()`] are made of it, so the three cannot differ.

mod console;
pub mod keys;
mod reference;
mod schema;
mod settings;

pub use console::{Console, Endpoint, Keys, Mode, Transcript};
pub use reference::reference;
pub use schema::schema;
pub use settings::{Api, Every, Journal, Observe, Overlap, Schedule, Tcp, Watch};

/// Returns a spec file with comments to begin with: what `mainstay init` writes.
pub const fn template() -> &'static str {
    include_str!("spec/template.yaml")
}

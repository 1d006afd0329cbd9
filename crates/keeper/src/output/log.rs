//! The log of a child: how it is written, and how it is read.

pub(super) mod compress;
pub(super) mod file;
mod files;
pub(super) mod older;
mod read;
mod since;

pub use read::{From, Place, Reader};

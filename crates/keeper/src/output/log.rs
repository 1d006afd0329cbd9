//! The log of a child: how it is written, and how it is read.

pub(super) mod compress;
pub(super) mod file;
pub(super) mod older;

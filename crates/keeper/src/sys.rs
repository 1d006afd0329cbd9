//! The system calls that no safe crate offers, one file each: the only unsafe code of this crate.

pub(crate) mod inherit;
pub(crate) mod page;

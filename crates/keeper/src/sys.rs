//! The system calls that no safe crate offers, one file each: the only unsafe code of this crate.

pub(crate) mod act;
pub(crate) mod clone;
pub(crate) mod datagram;
pub(crate) mod inherit;
pub(crate) mod page;
pub(crate) mod reap;
pub(crate) mod same;
pub(crate) mod signals;
pub(crate) mod terminal;

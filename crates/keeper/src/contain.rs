//! stub
use mainstay_wire::Text;
use mainstay_wire::keeper::{Key, Lost, Step};
use mainstay_wire::process::{Limits, Process};
use rustix::fd::{BorrowedFd, OwnedFd};
use std::io;
pub(crate) struct Container;
pub(crate) struct Bond;
pub(crate) fn mark(_: u64, key: &Key) -> Text {
    key.to_string().into()
}
impl Container {
    pub(crate) fn new(_: u64, _: bool) -> Self {
        Self
    }
    pub(crate) fn bond(&mut self, _: &Key, _: &Process) -> Result<Bond, (Step, String, io::Error)> {
        Ok(Bond)
    }
    pub(crate) fn restore(&mut self, _: &Key, _: &Process, _: u32, _: u64) -> Bond {
        Bond
    }
    pub(crate) fn release(&mut self, _: Bond) {}
}
impl Bond {
    pub(crate) fn cgroup(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    pub(crate) fn born(&mut self, _: u32) -> u64 {
        0
    }
    pub(crate) fn moved(&mut self, _: u32) -> u64 {
        0
    }
    pub(crate) fn main_ended(&mut self) {}
    pub(crate) fn describe(&self) -> &'static str {
        ""
    }
    pub(crate) fn signal_all(&self, _: i32) {}
    pub(crate) fn kill_all(&mut self) {}
    pub(crate) fn freeze(&mut self, _: bool) {}
    pub(crate) fn left(&self) -> Vec<Lost> {
        Vec::new()
    }
    pub(crate) fn events(&self) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }
    pub(crate) fn holds(&self, _: u32) -> bool {
        true
    }
    pub(crate) fn is_alive(&self, _: u32) -> bool {
        true
    }
    pub(crate) fn runs_as(&self, _: u32) -> bool {
        true
    }
    pub(crate) fn oom_kills(&self) -> u64 {
        0
    }
    pub(crate) fn memory_peak(&self) -> Option<u64> {
        None
    }
    pub(crate) fn apply(&self, _: &Limits) -> Result<(), (Step, String, io::Error)> {
        Ok(())
    }
}

pub(crate) fn began(_: u32) -> Option<u64> {
    None
}

pub(crate) fn descendants() -> Vec<u32> {
    Vec::new()
}

//! stub
use mainstay_wire::Text;
use mainstay_wire::keeper::{Key, Role, Step};
use mainstay_wire::process::Output;
use rustix::fd::{BorrowedFd, OwnedFd};
use std::io;
use std::sync::Arc;
pub(crate) struct Outputs;
#[derive(Default)]
pub(crate) struct Last {
    pub(crate) lines: Vec<Text>,
    pub(crate) lost: u64,
}
pub(crate) enum Source {
    Merged(OwnedFd),
    Apart { out: OwnedFd, err: OwnedFd },
    Terminal(OwnedFd),
    Null,
}
pub(crate) enum Told {
    Drained { key: Key, last: Last },
    Line { key: Key },
    Dropped { key: Key, lines: u64, bytes: u64 },
    Trouble { child: Arc<str>, what: String, error: i32 },
    Screen { viewer: u64, bytes: Vec<u8>, lost: u64 },
    Left { viewer: u64, why: String },
}
impl Outputs {
    pub(crate) fn new(_: Arc<OwnedFd>) -> io::Result<Self> {
        Ok(Self)
    }
    pub(crate) fn begin(
        &mut self,
        _: &Key,
        _: Source,
        _: Option<OwnedFd>,
        _: &Output,
        _: Option<&Text>,
    ) -> Result<(), (Step, io::Error)> {
        Ok(())
    }
    pub(crate) fn finish(&mut self, _: &Key) -> Option<Last> {
        Some(Last::default())
    }
    pub(crate) fn abandon(&mut self, _: &Key) -> Last {
        Last::default()
    }
    pub(crate) fn told(&mut self, _: &mut Vec<Told>) {}
    pub(crate) fn change(&mut self, _: &str, _: &Output) -> io::Result<()> {
        Ok(())
    }
    pub(crate) fn forget(&mut self, _: &str) {}
    pub(crate) fn reopen(&mut self) {}
    pub(crate) fn attach(&mut self, _: &str, _: u64, _: bool) {}
    pub(crate) fn type_in(&mut self, _: u64, _: Vec<u8>) {}
    pub(crate) fn input(&mut self, _: &Key, _: Vec<u8>, _: bool) {}
    pub(crate) fn resize(&mut self, _: u64, _: u16, _: u16) {}
    pub(crate) fn detach(&mut self, _: u64) {}
    pub(crate) fn pause(&mut self) -> Vec<u8> {
        Vec::new()
    }
    pub(crate) fn resume(&mut self) {}
    pub(crate) fn describe(&self, _: &mut mainstay_wire::keeper::state::Run, _: &[u8]) {}
    pub(crate) fn restore(
        &mut self,
        _: &mainstay_wire::keeper::state::Run,
        _: Source,
        _: Option<OwnedFd>,
    ) -> Result<(), (Step, io::Error)> {
        Ok(())
    }
    pub(crate) fn descriptors(&self, _: &Key) -> Vec<(Role, BorrowedFd<'_>)> {
        Vec::new()
    }
}

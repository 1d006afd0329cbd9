//! stub
use crate::store::Store;
use mainstay_wire::Text;
use mainstay_wire::keeper::{Key, Notice};
use mainstay_wire::process::Access;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;
pub(crate) struct NotifySocket(OwnedFd);
pub(crate) struct Message {
    pub(crate) pid: u32,
    pub(crate) uid: u32,
}
pub(crate) enum Relation {
    Main,
    Command,
    Member,
    Stranger,
}
pub(crate) struct Speech;
impl NotifySocket {
    pub(crate) fn open(_: u64, _: &Key) -> io::Result<Self> {
        Err(io::Error::other(""))
    }
    pub(crate) fn restore(fd: OwnedFd) -> Self {
        Self(fd)
    }
    pub(crate) fn name(&self) -> Text {
        Text::default()
    }
    pub(crate) fn receive(&self) -> io::Result<Option<Message>> {
        Ok(None)
    }
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
impl Speech {
    pub(crate) fn access(&self) -> Access {
        Access::None
    }
    pub(crate) fn new(_: Access) -> Self {
        Self
    }
    pub(crate) fn take(
        &mut self,
        _: Message,
        _: Relation,
        _: &mut Store,
        _: usize,
        _: &mut Vec<Notice>,
    ) {
    }
}
pub(crate) fn read_readiness(_: BorrowedFd<'_>) -> Option<bool> {
    None
}

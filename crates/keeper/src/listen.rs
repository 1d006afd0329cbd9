//! stub
use mainstay_wire::Text;
use mainstay_wire::process::Socket;
use rustix::fd::BorrowedFd;
use std::io;
#[derive(Default)]
pub(crate) struct Listeners;
impl Listeners {
    pub(crate) fn change(&mut self, _: &[Socket]) -> Result<bool, (String, io::Error)> {
        Ok(false)
    }
    pub(crate) fn to_state(&self) -> Vec<(Socket, i32)> {
        Vec::new()
    }
    pub(crate) fn restore(&mut self, _: Vec<(Socket, rustix::fd::OwnedFd)>) {}
    pub(crate) fn addresses(&self) -> Vec<Text> {
        Vec::new()
    }
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::empty()
    }
    pub(crate) fn passed(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Text)> {
        std::iter::empty()
    }
}

//! stub
use mainstay_wire::Text;
use rustix::fd::BorrowedFd;
#[derive(Default)]
pub(crate) struct Store;
impl Store {
    pub(crate) fn to_state(&self) -> Vec<mainstay_wire::keeper::state::Stored> {
        Vec::new()
    }
    pub(crate) fn restore(&mut self, _: Vec<(Text, rustix::fd::OwnedFd, bool)>) {}
    pub(crate) fn len(&self) -> usize {
        0
    }
    pub(crate) fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::empty()
    }
    pub(crate) fn drop_closed(&mut self) {}
    pub(crate) fn passed(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Text)> {
        std::iter::empty()
    }
}

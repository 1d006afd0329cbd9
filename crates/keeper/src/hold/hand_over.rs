//! Everything that is held, from one program of the keeper to the next.

use super::Hold;
use super::child::Slot;
use mainstay_wire::Text;

impl Hold {
    pub(super) fn lend_again(&mut self, _slot: Slot) {}
    pub(super) fn upgrade(&mut self, _program: Option<Text>, _arguments: Vec<Text>) {}
    pub(super) fn upgrade_when_quiet(&mut self) {}
}

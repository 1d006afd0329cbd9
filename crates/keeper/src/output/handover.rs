//! stub
use super::{Outputs, Told};
use mainstay_wire::handover as wire;
use rustix::fd::OwnedFd;
use std::io;
use std::sync::Arc;
impl Outputs {
    pub fn hand_over(self) -> io::Result<(wire::Outputs, Vec<Told>)> {
        Ok((wire::Outputs::default(), Vec::new()))
    }
    pub fn take_over(_: wire::Outputs, wake: Arc<OwnedFd>) -> io::Result<Self> {
        Self::new(wake)
    }
}

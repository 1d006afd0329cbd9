//! What this program was started with that is meant for the command.

use crate::start::Given;
use crate::sys::inherit;
use mainstay_wire::Text;
use rustix::fd::{AsFd, OwnedFd};
use std::ffi::CStr;

/// Descriptors under the numbers that they had, and variables that speak of them.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    descriptors: Vec<(OwnedFd, u32)>,
    variables: Vec<(Text, Text)>,
    own_number: Vec<&'static CStr>,
}

/// Variables about passed sockets.
const LISTEN: [&str; 2] = ["LISTEN_FDS", "LISTEN_FDNAMES"];
/// Variables by which whoever supervises this program is spoken to.
const NOTIFY: [&str; 2] = ["NOTIFY_SOCKET", "WATCHDOG_USEC"];

impl Inherited {
    /// Takes what there is. To be called before this program opens descriptors of its own.
    ///
    /// Sockets and signs of life are addressed to a process by number: what was addressed to this one goes to the
    /// command under its own number. `speaks` is whether the command itself speaks to whoever supervises this program.
    pub(crate) fn take(speaks: bool) -> Self {
        let mut inherited = Self { descriptors: inherit::take_all(), ..Self::default() };
        inherited.address("LISTEN_PID", c"LISTEN_PID", &LISTEN, true);
        if speaks {
            inherited.address("WATCHDOG_PID", c"WATCHDOG_PID", &NOTIFY, false);
        }
        inherited
    }

    /// Takes variables that are addressed to this process, or to nobody.
    fn address(&mut self, pid: &str, own: &'static CStr, names: &[&'static str], must: bool) {
        let addressed = std::env::var(pid).ok();
        let is_ours = addressed == Some(std::process::id().to_string());
        if is_ours {
            self.own_number.push(own);
        }
        if is_ours || (!must && addressed.is_none()) {
            let set = names.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
            self.variables.extend(set.map(|(name, value)| (Text::from(name), Text::from(value))));
        }
    }

    /// Adds it to what a process gets.
    pub(crate) fn give<'a>(&'a self, given: &mut Given<'a>) {
        given.placed.extend(self.descriptors.iter().map(|(fd, number)| (fd.as_fd(), *number)));
        given.variables.extend(self.variables.iter().cloned());
        given.own_number.extend(&self.own_number);
    }
}

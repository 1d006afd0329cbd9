//! Sends itself signals and takes them.

use super::Puppet;
use crate::step::Step;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGBUS, SIGPIPE, SIGSEGV};
use signal_hook::low_level;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub(super) fn raise(signal: i32) -> io::Result<()> {
    // Rust has its own idea of these three: what is asked for is what any other program does.
    if [SIGBUS, SIGPIPE, SIGSEGV].contains(&signal) {
        return low_level::emulate_default_handler(signal);
    }
    low_level::raise(signal)
}

pub(super) fn ignore(signal: i32) -> io::Result<()> {
    signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    Ok(())
}

/// Takes the steps in a thread of their own at each such signal.
pub(super) fn on(signal: i32, puppet: Puppet, steps: Vec<Step>) -> io::Result<()> {
    let (mut told, teller) = UnixStream::pair()?;
    low_level::pipe::register(signal, teller)?;
    std::thread::Builder::new().spawn(move || {
        let mut one = [0];
        while told.read_exact(&mut one).is_ok() {
            puppet.clone().beside(&steps);
        }
    })?;
    Ok(())
}

/// Raises the limit on core files as far as it may go.
pub(super) fn allow_core() -> io::Result<()> {
    let maximum = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: maximum, maximum })?;
    Ok(())
}

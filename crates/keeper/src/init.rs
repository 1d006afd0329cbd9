//! One command and nothing else: what a container's first process has to do.

use crate::contain::{Look, Place};
use crate::hold::now;
use crate::start::{Given, start};
use crate::sys::reap;
use crate::sys::signals::{self, Signals};
use mainstay_wire::keeper::{StartError, Status};
use mainstay_wire::process::{Output, Process, Session, Stdin, Streams};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::AsFd;
use rustix::process::set_child_subreaper;
use std::io;
use std::time::Duration;

/// How one command is run to its end.
#[derive(Clone, Debug)]
pub struct Init {
    /// What is run. Its standard input, output and error are those of this process.
    pub process: Process,
    /// Whether signals go to its whole process group, and not to its main process alone.
    pub group: bool,
    /// How long its descendants get after its end and `SIGTERM`, before force.
    pub rest: Duration,
}

/// Why there is no exit code to pass on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The command did not start.
    #[error("the command does not start: {0}")]
    Start(#[from] StartError),
    /// The system does not let this process wait for anything.
    #[error("cannot wait for signals")]
    Wait(#[from] io::Error),
}

impl InitError {
    /// Returns the exit code that a shell would end with: 127 for a program that is not there, 126 for one
    /// that cannot be executed.
    pub fn code(&self) -> u8 {
        match self {
            Self::Start(error) if error.error == libc::ENOENT => 127,
            Self::Start(_) => 126,
            Self::Wait(_) => 1,
        }
    }
}

/// Signals that a process sends to itself when it goes wrong are not handed on, nor those that nobody can
/// catch.
const OWN: [i32; 8] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// Runs a command to its end, hands signals on to it, takes in every process that loses its parent, and
/// returns the command's exit code: 128 and the number for a signal.
///
/// When the command has ended, its descendants get `SIGTERM`, then `rest`, then force; none is left behind.
/// To be called before this program has another thread.
///
/// # Errors
///
/// The command does not start; then nothing of it is left.
pub fn init(init: &Init) -> Result<u8, InitError> {
    let all: Vec<i32> = (1..=64).filter(|signal| !OWN.contains(signal)).collect();
    let signals = Signals::open(&all)?;
    set_child_subreaper(Some(rustix::process::getpid())).map_err(io::Error::from)?;
    let process = Process {
        session: Session::Group,
        stdin: Stdin::Inherit,
        output: Output { streams: Streams::Inherit, ..Output::default() },
        ..init.process.clone()
    };
    let born = start(&process, &Given { foreground: true, ..Given::default() })?;
    let pid = born.pid.cast_unsigned();
    let mut status = None;
    let mut end = None;
    loop {
        let alone = take_in(pid, &mut status);
        match (&status, alone) {
            (Some(status), true) => return Ok(code(status)),
            (Some(_), false) if end.is_none() => {
                signal_all(libc::SIGTERM);
                end = Some(now() + init.rest);
            }
            (Some(_), false) if end.is_some_and(|end| end <= now()) => {
                signal_all(libc::SIGKILL);
                // Whoever was made meanwhile is found at the next look.
                end = Some(now() + Duration::from_millis(50));
            }
            (Some(_) | None, _) => {}
        }
        let wait = end.map(|end| end.saturating_sub(now()));
        for caught in wait_for(&signals, wait)? {
            match (caught, status.is_some()) {
                (libc::SIGCHLD, _) => {}
                (signal, false) if init.group => signals::send_to_group(pid, signal),
                (signal, false) => signals::send_to(pid, signal),
                (signal, true) => signal_all(signal),
            }
        }
    }
}

/// Takes in whoever has ended. Returns whether there is no child any more.
fn take_in(pid: u32, status: &mut Option<Status>) -> bool {
    while let Some(reaped) = reap::any() {
        if reaped.pid.cast_unsigned() == pid {
            *status = Some(reaped.status);
        }
    }
    !reap::has_children()
}

fn wait_for(signals: &Signals, wait: Option<Duration>) -> io::Result<Vec<i32>> {
    let fd = signals.fd();
    let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
    let wait = wait.and_then(|wait| wait.try_into().ok());
    match poll(&mut fds, wait.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(std::iter::from_fn(|| signals.next()).map(|caught| caught.signal).collect())
}

/// Sends a signal to every process that this one is left with, and to theirs.
fn signal_all(signal: i32) {
    let known = |_| false;
    let place = Place::Reaper { known: &known, alone: true };
    // Without /proc there is nobody to be found.
    let Ok(below) = Look::new(place).and_then(|look| look.below(std::process::id())) else {
        return;
    };
    for stat in below {
        signals::send_to(stat.id.pid, signal);
    }
}

fn code(status: &Status) -> u8 {
    match status {
        Status::Code(code) => u8::try_from(*code).unwrap_or(1),
        Status::Signal { signal, .. } => 128_u8.saturating_add(*signal),
        Status::NotStarted(_) | Status::Unseen { .. } => 1,
    }
}

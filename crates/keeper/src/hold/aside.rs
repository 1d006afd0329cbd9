//! Commands that belong to no child: run for the brain, in its place, with a bound on their time, number and output.

use super::begin::{errno, null, pipe};
use super::child::Watched;
use super::wait::now;
use super::{Due, Hold, Ours, Source};
use crate::start::{Given, failed, start};
use crate::sys::{reap, signals};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Report, StartError, Status, Step};
use mainstay_wire::process::{Process, Readiness, Session, Stdin};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{MemfdFlags, OFlags, SeekFrom};
use rustix::io::Errno;
use std::time::Duration;

/// How much of what a command prints is kept: its end.
const KEPT: usize = 4096;
/// How many run at once.
const MOST: usize = 16;

/// One that runs.
pub(super) struct Aside {
    ticket: u64,
    pid: u32,
    /// Where this program does not take in all of its children.
    pidfd: Option<Watched>,
    printed: Option<Watched>,
    output: Vec<u8>,
    is_late: bool,
    deadline: (Duration, u64),
}

impl Hold {
    /// Runs a command, and tells what comes of it.
    pub(super) fn aside(
        &mut self,
        ticket: u64,
        process: &Process,
        input: &[u8],
        timeout: Duration,
    ) {
        if let Err(error) = self.try_aside(ticket, process, input, timeout) {
            let (status, output) = (None, Text::default());
            self.link.say(Report::Aside { ticket, status, output, error: Some(error) });
        }
    }

    fn try_aside(
        &mut self,
        ticket: u64,
        process: &Process,
        input: &[u8],
        timeout: Duration,
    ) -> Result<(), StartError> {
        let is_taken = self.asides.iter().any(|aside| aside.ticket == ticket);
        if self.asides.len() >= MOST || is_taken || self.leaving.is_some() {
            let about = "its turn: too many commands run already".to_owned();
            return Err(failed(Step::Settings, about, Errno::AGAIN));
        }
        let process = Process {
            stdin: Stdin::Null,
            ready: Readiness::Unsaid,
            session: Session::Own,
            pid_namespace: false,
            descriptors: Vec::new(),
            // Nobody takes it over where its keeper dies.
            death_signal: u8::try_from(libc::SIGKILL).ok(),
            ..process.clone()
        };
        let read_from =
            whole(input).map_err(|error| failed(Step::OpenInput, String::new(), errno(&error)))?;
        let io = |error| failed(Step::OpenOutput, String::new(), error);
        let (read, write) = pipe().map_err(io)?;
        _ = rustix::io::ioctl_fionbio(&read, true);
        let error = rustix::io::fcntl_dupfd_cloexec(&write, 3).map_err(io)?;
        let owns_all = self.settings.owns_all;
        let given = Given {
            stdio: [Some(read_from.as_fd()), Some(write.as_fd()), Some(error.as_fd())],
            pidfd: !owns_all,
            files: self.settings.files,
            ..Given::default()
        };
        let born = start(&process, &given)?;
        drop((write, error));
        self.by_pid.insert(born.pid, Ours::Aside(ticket));
        let pidfd = born.pidfd.and_then(|fd| self.watch(fd, Source::Aside(ticket)).ok());
        // Where nothing more can be watched, what it prints is not kept.
        let printed = self.watch(read, Source::AsidePrinted(ticket)).ok();
        let deadline = self.waiting.at(now() + timeout, Due::Aside(ticket));
        self.asides.push(Aside {
            ticket,
            pid: born.pid.cast_unsigned(),
            pidfd,
            printed,
            output: Vec::new(),
            is_late: false,
            deadline,
        });
        Ok(())
    }

    pub(super) fn aside_told(&mut self, ticket: u64) {
        self.take_in_former();
        let Some(aside) = self.asides.iter().find(|aside| aside.ticket == ticket) else { return };
        let Some(pidfd) = &aside.pidfd else { return };
        match reap::one(aside.pid.cast_signed(), pidfd.fd()) {
            Ok(None) => {}
            Ok(Some(reaped)) => self.aside_ended(ticket, Some(reaped.status)),
            Err(_) => self.aside_ended(ticket, None),
        }
    }

    pub(super) fn aside_printed(&mut self, ticket: u64) {
        let found = self.asides.iter_mut().find(|aside| aside.ticket == ticket);
        let Some(aside) = found else { return };
        let Some(printed) = &aside.printed else { return };
        let mut bytes = [0; 4096];
        // A few times: what prints without end must not hold up the loop.
        for _ in 0..16 {
            match rustix::io::read(printed.fd(), &mut bytes) {
                Ok(0) => {
                    let printed = aside.printed.take();
                    self.unwatch(printed);
                    return;
                }
                Ok(read) => {
                    aside.output.extend_from_slice(&bytes[..read]);
                    let over = aside.output.len().saturating_sub(KEPT);
                    aside.output.drain(..over);
                }
                Err(_) => return,
            }
        }
    }

    pub(super) fn aside_ended(&mut self, ticket: u64, status: Option<Status>) {
        self.aside_printed(ticket);
        let Some(index) = self.asides.iter().position(|aside| aside.ticket == ticket) else {
            return;
        };
        let aside = self.asides.swap_remove(index);
        self.waiting.cancel(aside.deadline);
        self.by_pid.remove(&aside.pid.cast_signed());
        // What it has left in its process group goes with it.
        signals::send_to_group(aside.pid, libc::SIGKILL);
        self.unwatch(aside.pidfd);
        self.unwatch(aside.printed);
        let status = status.filter(|_| !aside.is_late);
        let output = aside.output.into();
        self.link.say(Report::Aside { ticket, status, output, error: None });
    }

    pub(super) fn aside_over(&mut self, ticket: u64) {
        let found = self.asides.iter_mut().find(|aside| aside.ticket == ticket);
        if let Some(aside) = found {
            aside.is_late = true;
            aside.kill();
        }
    }

    /// Ends them all. They are taken in like any other; whoever has ordered them and still lives is told.
    pub(super) fn end_asides(&mut self) {
        for aside in &mut self.asides {
            aside.is_late = true;
            aside.kill();
        }
    }
}

impl Aside {
    /// Ends the command and its session. Its number is its own until it is taken in, on this thread.
    fn kill(&self) {
        signals::send_to_group(self.pid, libc::SIGKILL);
        match &self.pidfd {
            Some(pidfd) => signals::send(pidfd.fd(), libc::SIGKILL),
            None => signals::send_to(self.pid, libc::SIGKILL),
        }
    }
}

/// Returns something to read all of this from, at whatever pace.
fn whole(input: &[u8]) -> std::io::Result<OwnedFd> {
    if input.is_empty() {
        return Ok(null(OFlags::RDONLY)?);
    }
    let memory = rustix::fs::memfd_create("mainstay-input", MemfdFlags::CLOEXEC)?;
    let mut left = input;
    while !left.is_empty() {
        let written = rustix::io::write(&memory, left)?;
        left = left.get(written..).unwrap_or_default();
    }
    rustix::fs::seek(&memory, SeekFrom::Start(0))?;
    Ok(memory)
}

//! One command and nothing else: what a container's first process has to do.

use crate::contain::{Look, Place};
use crate::hold::now;
use crate::relay::{Inherited, Relay, Seat, asks_to_end, asks_to_stand_still};
use crate::start::{Given, start};
use crate::sys::reap;
use crate::sys::signals::{self, Caught, Signals};
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
    /// How signals get to it, and its end to whoever started this process.
    pub relay: Relay,
    /// How long it gets to end once it was asked to, before force. `None`: as long as it takes.
    pub grace: Option<Duration>,
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
            Self::Start(error) => Relay::default().code(&Status::NotStarted(error.clone())),
            Self::Wait(_) => 1,
        }
    }
}

/// Runs a command to its end, hands signals on to it, takes in every process that loses its parent, and
/// returns the command's exit code: 128 and the number for a signal.
///
/// When the command has ended, its descendants get `SIGTERM`, then `rest`, then force; none is left behind. It gets every
/// descriptor that this process was started with.
/// To be called at the very beginning of a program, before there is another thread.
///
/// # Errors
///
/// The command does not start; then nothing of it is left.
pub fn init(init: &Init) -> Result<u8, InitError> {
    let inherited = Inherited::take(true);
    let signals = Signals::open(&Relay::heard())?;
    set_child_subreaper(Some(rustix::process::getpid())).map_err(io::Error::from)?;
    let process = Process {
        session: Session::Group,
        stdin: Stdin::Inherit,
        output: Output { streams: Streams::Inherit, ..Output::default() },
        ..init.process.clone()
    };
    let mut seat = Seat::default();
    let mut given = Given { foreground: seat.is_ours(), ..Given::default() };
    inherited.give(&mut given);
    let born = start(&process, &given)?;
    if given.foreground {
        seat.is_given(born.pid);
    }
    drop(inherited);
    let pid = born.pid.cast_unsigned();
    init.relay.tell(|| format!("the command is process {pid}"));
    let mut alone = Alone { init, pid, seat, status: None, end: None };
    loop {
        if let Some(code) = alone.look() {
            return Ok(code);
        }
        let wait = alone.end.map(|end| end.saturating_sub(now()));
        alone.hear(&wait_for(&signals, wait)?);
    }
}

/// The life of one command.
struct Alone<'a> {
    init: &'a Init,
    pid: u32,
    seat: Seat,
    /// How it ended.
    status: Option<Status>,
    /// When force is next, for it or for what it has left.
    end: Option<Duration>,
}

impl Alone<'_> {
    /// Takes in whoever has ended, and uses force where it is time. Returns the exit code once nobody is left.
    fn look(&mut self) -> Option<u8> {
        let relay = &self.init.relay;
        while let Some(reaped) = reap::any() {
            let pid = reaped.pid.cast_unsigned();
            relay.tell_end(pid, pid == self.pid, &reaped.status);
            if pid == self.pid {
                self.seat.take_back();
                self.status = Some(reaped.status);
                self.end = None;
            }
        }
        let is_over = self.end.is_some_and(|end| end <= now());
        let Some(status) = &self.status else {
            if is_over {
                relay.tell(|| format!("process {} had its time: SIGKILL", self.pid));
                signals::send_to(self.pid, libc::SIGKILL);
                self.end = None;
            }
            return None;
        };
        if !reap::has_children() {
            return Some(relay.code(status));
        }
        if self.end.is_none() {
            relay.tell(|| "what is left of it gets SIGTERM".into());
            signal_all(libc::SIGTERM);
            // What is suspended hears it only once it goes on.
            signal_all(libc::SIGCONT);
            self.end = Some(now() + self.init.rest);
        } else if is_over {
            relay.tell(|| "what is left of it had its time: SIGKILL".into());
            signal_all(libc::SIGKILL);
            // Whoever was made meanwhile is found at the next look.
            self.end = Some(now() + Duration::from_millis(50));
        }
        None
    }

    /// Hands on what came.
    fn hear(&mut self, caught: &[Caught]) {
        // Who was told to go on does not stand still, whichever of both was noticed first.
        let goes_on = caught.iter().filter(|caught| caught.signal == libc::SIGCONT);
        let others = caught.iter().filter(|caught| caught.signal != libc::SIGCONT);
        for caught in goes_on.chain(others) {
            self.send(*caught);
        }
        let is_of_child = caught.iter().any(|caught| caught.signal == libc::SIGCHLD);
        if is_of_child && self.status.is_none() && reap::stands_still(self.pid) {
            self.init.relay.tell(|| format!("process {} stands still", self.pid));
            self.seat.stand_still_with();
        }
    }

    fn send(&mut self, Caught { signal, sender }: Caught) {
        if signal == libc::SIGCHLD {
            return;
        }
        let relay = &self.init.relay;
        let sent = relay.sent_for(signal);
        relay.tell_way(signal, sender, sent, Some(self.pid));
        let Some(sent) = sent else { return };
        if sent == libc::SIGCONT {
            self.seat.give_again();
        }
        match self.status {
            None if relay.group => signals::send_to_group(self.pid, sent),
            None => signals::send_to(self.pid, sent),
            Some(_) => signal_all(sent),
        }
        let asks = asks_to_end(signal) || asks_to_end(sent);
        if let Some(grace) = self.init.grace
            && asks
            && self.status.is_none()
            && self.end.is_none()
        {
            self.end = Some(now() + grace);
        }
        // The first process of a namespace cannot be stopped, nor could anybody in it have it go on.
        if asks_to_stand_still(signal) && std::process::id() != 1 {
            signals::stand_still();
        }
    }
}

fn wait_for(signals: &Signals, wait: Option<Duration>) -> io::Result<Vec<Caught>> {
    let fd = signals.fd();
    let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
    let wait = wait.and_then(|wait| wait.try_into().ok());
    match poll(&mut fds, wait.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(std::iter::from_fn(|| signals.next()).collect())
}

/// Sends a signal to every process that this one is left with, and to theirs.
fn signal_all(signal: i32) {
    if std::process::id() == 1 {
        return signals::send_to_all(signal);
    }
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

//! The brain of a keeper that is a process: its first child, started again for as long as it is needed.

use super::signs::Signs;
use super::wait::now;
use super::{Due, Hold, Ours, Relaying, Source};
use crate::above;
use crate::link::Link;
use crate::start::{Given, start};
use crate::sys::reap::Reaped;
use crate::sys::signals::{self, Caught};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Held, Report, StartError, Status, VERSION};
use mainstay_wire::process::{Environment, Output, Process, Session, Stdin, Streams};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::DupFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::sync::Arc;
use std::time::Duration;

/// How long after its death the brain is started again, death by death; the last repeats.
const DELAYS: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(5)];
/// A brain that lived this long has not died of its start.
const SETTLED: Duration = Duration::from_secs(30);
/// The number of the brain's end of the link.
pub(crate) const LINK: u32 = 3;

/// The brain's process.
#[derive(Debug)]
pub(crate) struct Brain {
    pub(super) command: Vec<Text>,
    pub(super) pid: Option<u32>,
    /// A brain that is no child of ours.
    peer: Option<(u32, OwnedFd)>,
    /// How often it has been started.
    pub(super) starts: u32,
    /// How many deaths followed each other closely.
    pub(super) deaths: usize,
    since: Duration,
    /// Whether it is about to be started again.
    is_due: bool,
    /// Signals that came while there was none that could hear them.
    unheard: Vec<i32>,
    /// Whether it has ordered something: from then on it hears signals, which would have ended it before.
    pub(super) speaks: bool,
    /// How the last one ended.
    pub(super) status: Option<Status>,
    /// Its signs of life.
    pub(super) signs: Signs,
}

impl Brain {
    pub(crate) fn new(command: Vec<Text>) -> Self {
        Self {
            command,
            pid: None,
            peer: None,
            starts: 0,
            deaths: 0,
            since: Duration::ZERO,
            is_due: false,
            unheard: Vec::new(),
            speaks: false,
            status: None,
            signs: Signs::default(),
        }
    }

    /// The brain that was there before this program took over.
    pub(super) fn kept(command: Vec<Text>, pid: Option<u32>, starts: u32) -> Self {
        Self { pid, starts, since: now(), speaks: pid.is_some(), ..Self::new(command) }
    }

    pub(super) const fn is_alive(&self) -> bool {
        self.pid.is_some()
    }

    /// Sends it a signal. Returns whether there is somebody to send it to.
    pub(super) fn signal(&self, signal: i32) -> bool {
        match (self.pid, &self.peer) {
            (Some(pid), _) => signals::send_to(pid, signal),
            (None, Some((_, peer))) => signals::send(peer.as_fd(), signal),
            (None, None) => return false,
        }
        true
    }

    /// Returns its process, where there is one.
    pub(super) fn process(&self) -> Option<u32> {
        self.pid.or_else(|| self.peer.as_ref().map(|(pid, _)| *pid))
    }
}

impl Hold {
    /// Starts the brain, which connects over a socket that it finds open.
    pub(crate) fn start_brain(&mut self) {
        if self.leaving.is_some() {
            return;
        }
        if let Some(brain) = &mut self.brain {
            brain.is_due = false;
        }
        match self.try_start_brain() {
            Ok(()) => {}
            Err(error) => {
                // There is nobody else to tell.
                eprintln!("mainstay: the brain does not start: {error}");
                self.brain_again();
            }
        }
    }

    fn try_start_brain(&mut self) -> Result<(), StartError> {
        let Some(brain) = &mut self.brain else { return Ok(()) };
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .map_err(|error| {
                crate::start::failed(mainstay_wire::keeper::Step::Clone, "the link".into(), error)
            })?;
        let process = Process {
            command: brain.command.clone(),
            environment: Environment { inherit: vec!["*".into()], set: Vec::new() },
            // What a terminal sends to its group reaches the brain once, by way of its keeper. A group alone would be
            // sent SIGHUP by the kernel where its keeper dies while it is stopped.
            session: Session::Own,
            stdin: Stdin::Inherit,
            output: Output { streams: Streams::Inherit, ..Output::default() },
            ..Process::default()
        };
        let mut placed = vec![(theirs.as_fd(), LINK)];
        placed.extend(self.passed.placed(LINK + 1));
        // Beside what everybody inherits: how it is linked, and whom the program answers to.
        let mut variables = above::passed_on();
        variables.push(("MAINSTAY_KEEPER".into(), LINK.to_string().into()));
        variables.extend(self.passed.variable(LINK + 1));
        let given = Given { placed, variables, ..Given::default() };
        let born = start(&process, &given)?;
        brain.pid = Some(born.pid.cast_unsigned());
        brain.since = now();
        brain.starts += 1;
        brain.speaks = false;
        self.by_pid.insert(born.pid, Ours::Brain);
        self.greet(ours);
        Ok(())
    }

    /// The brain has ordered something: it hears what has come for it meanwhile.
    pub(super) fn brain_speaks(&mut self) {
        let Some(brain) = self.brain.as_mut().filter(|brain| !brain.speaks) else { return };
        brain.speaks = true;
        for signal in std::mem::take(&mut brain.unheard) {
            brain.signal(signal);
        }
    }

    /// Tells a brain that has just come who is here, what is held, and what it may have missed.
    pub(super) fn greet(&mut self, socket: OwnedFd) {
        let Ok(token) = self.waiting.read(socket.as_fd(), Source::Link) else { return };
        self.link_token = Some(token);
        self.bear_with(socket.as_fd());
        self.is_watching_room = false;
        let starts = self.brain.as_ref().map_or(0, |brain| brain.starts);
        let held = self.inventory();
        let Link::Socket(link) = &mut self.link else { return };
        let pid = std::process::id();
        let brain = starts.saturating_sub(1);
        let silence = self.brain.as_ref().and_then(|brain| brain.signs.silence);
        link.greet(socket, now(), held, |seq, kept, inventories| Report::Hello {
            version: VERSION,
            pid,
            brain,
            seq,
            kept,
            inventories,
            silence,
        });
        let slots = 0..u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        for slot in slots {
            self.lend_again(slot);
        }
        if let Link::Socket(link) = &mut self.link {
            link.tell_kept();
        }
        crate::fault::point("met");
    }

    fn inventory(&self) -> Vec<Held> {
        let held = |child: &super::child::Child| {
            // What a run waits for is not that run.
            let run = child.run.as_ref();
            let waits = run.is_some_and(|run| self.after.contains_key(&run.key));
            let number = child.last_run.saturating_sub(waits.into());
            let key = mainstay_wire::keeper::Key { child: child.name.clone(), run: number };
            let run = run.filter(|_| !waits);
            Held {
                key,
                pid: run.map(|run| run.pid),
                began: run.map_or(0, |run| run.began),
                ready: run.is_some_and(|run| run.is_ready),
                process: run.map(|run| run.process.clone()).unwrap_or_default(),
            }
        };
        self.children.iter().flatten().map(held).collect()
    }

    /// The brain has closed the link: it is dead, or as good as.
    pub(super) fn brain_left(&mut self) {
        if self.leaving.is_some() {
            return self.drop_link(); // It has said all it had to, and ends by itself.
        }
        let Some(brain) = &mut self.brain else { return };
        let peer = brain.peer.take();
        // Before the link is closed: a brain that finds it closed takes this keeper for dead.
        match (brain.pid, &peer) {
            // Its end is what lets the next one begin: there are never two.
            (Some(pid), _) => signals::send_to(pid, libc::SIGKILL),
            (None, Some((_, peer))) => signals::send(peer.as_fd(), libc::SIGKILL),
            (None, None) => {}
        }
        let is_child = brain.pid.is_some();
        self.end_asides();
        self.drop_link();
        if !is_child {
            self.brain_again();
        }
    }

    /// Takes in a brain that is not a child of this process: it has made this keeper.
    pub(super) fn meet_brain(&mut self, socket: OwnedFd) {
        let peer = rustix::net::sockopt::socket_peercred(&socket).ok().map(|peer| peer.pid);
        let flags = rustix::process::PidfdFlags::empty();
        let peer = peer.and_then(|pid| {
            let open = rustix::process::pidfd_open(pid, flags).ok()?;
            Some((pid.as_raw_nonzero().get().cast_unsigned(), open))
        });
        if let Some(brain) = &mut self.brain {
            brain.peer = peer;
            brain.speaks = true;
        }
        self.greet(socket);
    }

    pub(crate) fn set_brain(&mut self, brain: Brain) {
        self.brain = Some(brain);
    }

    /// Returns how the brain ended last.
    pub(crate) fn brain_status(&self) -> Option<&Status> {
        self.brain.as_ref()?.status.as_ref()
    }

    fn drop_link(&mut self) {
        let wake = Arc::clone(&self.wake);
        self.bear_with(wake.as_fd());
        // Nobody is left to show anything to; the next brain numbers its viewers anew.
        self.outputs.detach_all();
        let Link::Socket(link) = &mut self.link else { return };
        if let (Some(stream), Some(token)) = (link.disconnect(), self.link_token.take()) {
            self.waiting.drop_fd(stream.fd(), token);
        }
    }

    /// Says what whoever is being made has open until it executes its program.
    fn bear_with(&mut self, fd: BorrowedFd<'_>) {
        // Nobody is being made now, so that nobody else has it.
        if let Some(place) = Arc::get_mut(&mut self.born_with) {
            // It fails only for descriptors that are not open.
            _ = rustix::io::dup3(fd, place, DupFlags::CLOEXEC);
        }
    }

    pub(super) fn brain_ended(&mut self, reaped: &Reaped) {
        let Some(brain) = &mut self.brain else { return };
        // Its number may be another's from here on.
        brain.pid = None;
        brain.status = Some(reaped.status.clone());
        brain.speaks = false;
        if self.relaying.as_ref().is_some_and(Relaying::is_asked) {
            // The next one knows nothing of it.
            self.tell_brain(libc::SIGTERM);
        }
        // What it said last still counts.
        self.hear();
        self.end_asides();
        self.drop_link();
        self.brain_again();
    }

    fn brain_again(&mut self) {
        let Some(brain) = &mut self.brain else { return };
        if let Some(due) = brain.signs.end() {
            self.waiting.cancel(due);
        }
        if self.leaving.is_some() || std::mem::replace(&mut brain.is_due, true) {
            return;
        }
        let lived = now().saturating_sub(brain.since);
        brain.deaths = if lived >= SETTLED { 0 } else { brain.deaths };
        let delay = DELAYS[brain.deaths.min(DELAYS.len() - 1)];
        brain.deaths += 1;
        self.waiting.at(now() + delay, Due::Brain);
        self.feed_meanwhile();
    }

    /// Signals to the keeper are the brain's to decide on, but for those that are the keeper's own: the end of a
    /// child, and that somebody has moved its logs away.
    pub(super) fn brain_signalled(&mut self, caught: Caught) {
        match caught.signal {
            libc::SIGCHLD => return,
            libc::SIGUSR1 => {
                self.outputs.reopen();
                return;
            }
            _ => {}
        }
        self.tell_brain(caught.signal);
    }

    /// Sends the brain a signal, as soon as there is one that hears it.
    pub(super) fn tell_brain(&mut self, signal: i32) {
        let Some(brain) = &mut self.brain else { return };
        let is_sent = brain.speaks && brain.signal(signal);
        if !is_sent && !brain.unheard.contains(&signal) {
            brain.unheard.push(signal);
        }
    }
}

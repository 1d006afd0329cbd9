//! A brain's end of the link to a keeper that is a process.

use crate::hold::{LINK, STATE, put_state};
use crate::link::Stream;
use crate::output::{MOST_READ, unwritten};
use crate::passed::Passed;
use crate::start::{Given, start};
use crate::sys::{inherit, reap, signals};
use mainstay_wire::Text;
use mainstay_wire::frame;
use mainstay_wire::keeper::state::{self, State};
use mainstay_wire::keeper::{Fact, Held, Key, Notice, Order, Report, Role, Sequence, VERSION};
use mainstay_wire::process::{Environment, Output, Process, Session, Stdin, Streams};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::PidfdFlags;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The link to the keeper that started this program, with duplicates of all that the keeper holds: should it
/// die, [`rescue`](Self::rescue) makes another one that goes on.
pub struct Client {
    stream: Stream,
    known: BTreeMap<Arc<str>, Known>,
    identity: String,
    pub(crate) passed: Passed,
    last: Sequence,
    /// What was heard and not acknowledged, for the next keeper to tell again.
    facts: VecDeque<(Sequence, Duration, Fact)>,
    /// How many facts the keeper has greeted with and not told yet.
    missing: u64,
    /// Whether a keeper has said what it holds.
    knows: bool,
    /// What has come of an inventory that comes in several messages, and how many are still to come.
    inventory: Vec<Held>,
    inventories: u32,
    /// The keeper's process.
    keeper: Option<OwnedFd>,
    /// When the keeper was last heard.
    seen: Duration,
}

/// How long a keeper that was killed may take to end.
const DEATH: Duration = Duration::from_secs(10);

/// What a brain has to know of a child to save it.
#[derive(Default)]
struct Known {
    last_run: u64,
    /// A run that was ordered and not answered.
    ordered: Option<u64>,
    demand: bool,
    process: Arc<Process>,
    pid: Option<u32>,
    began: u64,
    is_ready: bool,
    /// Bytes of its output that keepers which died have taken along.
    lost: u64,
    descriptors: Vec<(Role, OwnedFd)>,
}

/// The keeper is gone. What it held lives on: [`Client::rescue`].
#[derive(Debug, thiserror::Error)]
#[error("the keeper is gone")]
pub struct Gone;

impl Client {
    /// Takes the link that the keeper has left open for this program. Once. The identity is that of the keeper.
    ///
    /// # Errors
    ///
    /// The identity is empty, or this program was not started by a keeper.
    pub fn connect(identity: &str) -> io::Result<Self> {
        crate::keeper::check(identity)?;
        let number = std::env::var("MAINSTAY_KEEPER").ok().and_then(|number| number.parse().ok());
        let socket = number.and_then(|number| inherit::take(number).ok());
        let socket =
            socket.ok_or_else(|| io::Error::other("this program was not started by a keeper"))?;
        let peer = rustix::net::sockopt::socket_peercred(&socket)?;
        let keeper = rustix::process::pidfd_open(peer.pid, PidfdFlags::empty()).ok();
        crate::fault::point("brain.connected");
        Ok(Self { passed: Passed::of_brain(), ..Self::new(socket, keeper, identity) })
    }

    fn new(socket: OwnedFd, keeper: Option<OwnedFd>, identity: &str) -> Self {
        Self {
            stream: Stream::new(socket),
            known: BTreeMap::new(),
            identity: identity.to_owned(),
            passed: Passed::default(),
            last: Sequence::default(),
            facts: VecDeque::new(),
            missing: 0,
            knows: false,
            inventory: Vec::new(),
            inventories: 0,
            keeper,
            seen: crate::hold::now(),
        }
    }

    /// Returns what to wait for: it can be read when a report has come.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.stream.fd()
    }

    /// Returns whether orders wait for the keeper to read those before: then room is to be waited for as well.
    pub fn is_full(&self) -> bool {
        self.stream.is_full()
    }

    /// Asks for something. What the keeper has yet to read waits here.
    ///
    /// # Errors
    ///
    /// The keeper is gone.
    pub fn order(&mut self, order: &Order) -> Result<(), Gone> {
        let body: &[u8] = match order {
            Order::Input { bytes, .. }
            | Order::Type { bytes, .. }
            | Order::Aside { input: bytes, .. } => bytes,
            Order::Start { key, process } => {
                let known = self.known(&key.child);
                known.process = Arc::clone(process);
                known.ordered = Some(key.run);
                &[]
            }
            Order::Find { key, process } => {
                // Not as ordered: what a dead keeper has left of such a run is looked for again, never ended.
                self.known(&key.child).process = Arc::clone(process);
                &[]
            }
            Order::Listen { child, process, demand } => {
                let known = self.known(child);
                known.process = Arc::clone(process);
                known.demand = *demand;
                &[]
            }
            Order::Acknowledge(seq) => {
                while self.facts.front().is_some_and(|(first, _, _)| first <= seq) {
                    self.facts.pop_front();
                }
                &[]
            }
            Order::Forget(child) => {
                self.known.remove(child);
                &[]
            }
            _ => &[],
        };
        let mut bytes = Vec::new();
        // An order that is longer than any that is ever read is as good as not given.
        frame::put(order, body, &mut bytes).map_err(|_| Gone)?;
        let point = if matches!(order, Order::Acknowledge(_)) {
            ["brain.acknowledges", "brain.acknowledged"]
        } else {
            ["brain.orders", "brain.ordered"]
        };
        crate::fault::point(point[0]);
        self.stream.put(bytes, beside(order)).map_err(|_| Gone)?;
        let flushed = self.stream.flush().map_err(|_| Gone);
        crate::fault::point(point[1]);
        flushed
    }

    /// Waits for the next report; `None` after `timeout`. An inventory comes in one, however large it is.
    ///
    /// # Errors
    ///
    /// The keeper is gone.
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Report>, Gone> {
        loop {
            match self.stream.next::<Report>() {
                Ok(Some((report, body))) => match self.learn(report, body) {
                    Some(report) => return Ok(Some(report)),
                    None => continue,
                },
                Ok(None) => {}
                Err(_) => return Err(Gone),
            }
            let room = if self.stream.is_full() { PollFlags::OUT } else { PollFlags::empty() };
            let timeout = timeout.and_then(|timeout| timeout.try_into().ok());
            let found = {
                let fd = self.stream.fd();
                let mut fds = [PollFd::new(&fd, PollFlags::IN | room)];
                match poll(&mut fds, timeout.as_ref()) {
                    Ok(found) => found,
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(_) => return Err(Gone),
                }
            };
            if found == 0 {
                return Ok(None);
            }
            self.stream.flush().map_err(|_| Gone)?;
            let end = self.stream.fill();
            if end.is_ok() {
                self.seen = crate::hold::now();
            } else {
                // What it said last still counts.
                return loop {
                    match self.stream.next::<Report>() {
                        Ok(Some((report, body))) => match self.learn(report, body) {
                            Some(report) => break Ok(Some(report)),
                            None => continue,
                        },
                        Ok(None) | Err(_) => break Err(Gone),
                    }
                };
            }
        }
    }

    fn known(&mut self, child: &Arc<str>) -> &mut Known {
        self.known.entry(Arc::clone(child)).or_default()
    }

    /// The keeper has said what became of a run that was ordered.
    fn answered(&mut self, key: &Key) -> &mut Known {
        let known = self.known(&key.child);
        known.ordered = known.ordered.filter(|ordered| *ordered > key.run);
        known
    }

    /// Keeps what it takes to go on without the keeper. Returns what the brain hears of it.
    fn learn(&mut self, mut report: Report, body: Vec<u8>) -> Option<Report> {
        crate::fault::point("brain.heard");
        match &mut report {
            Report::Screen { bytes, .. } => *bytes = body,
            Report::Inventory(held) => {
                self.inventory.append(held);
                self.inventories = self.inventories.saturating_sub(1);
                if self.inventories > 0 {
                    return None;
                }
                *held = std::mem::take(&mut self.inventory);
                self.knows = true;
                for Held { key, pid, began, ready, process } in held {
                    let known = self.known(&key.child);
                    known.last_run = key.run;
                    // What the keeper has begun was not left half begun, whoever heard of it.
                    known.ordered = known.ordered.filter(|ordered| *ordered > key.run);
                    (known.pid, known.began, known.is_ready) = (*pid, *began, *ready);
                    known.process = Arc::clone(process);
                }
            }
            Report::Descriptors { key, names } => {
                let fds = self.stream.descriptors(names.len());
                let known = self.known(&key.child);
                known.descriptors = names.iter().cloned().zip(fds).collect();
            }
            Report::Fact { seq, at, fact } => {
                // After a rescue the keeper tells again what was heard before.
                if self.facts.back().is_none_or(|(last, _, _)| last < seq) {
                    self.facts.push_back((*seq, *at, fact.clone()));
                }
                if self.last < *seq {
                    self.last = *seq;
                    self.learn_fact(fact);
                } else {
                    // What is older than the greeting stands in the inventory.
                    self.missing = self.missing.saturating_sub(1);
                }
            }
            Report::Hello { seq, kept, inventories, .. } => {
                self.last = self.last.max(*seq);
                self.missing = *kept;
                self.inventory.clear();
                self.inventories = *inventories;
            }
            Report::Typed { .. } | Report::Left { .. } | Report::Aside { .. } => {}
        }
        Some(report)
    }

    fn learn_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::Started { key, pid, began, .. } | Fact::Adopted { key, pid, began } => {
                let known = self.answered(key);
                // A run that is held already is told again to whoever looks for it.
                if (known.last_run, known.pid) != (key.run, Some(*pid)) {
                    (known.is_ready, known.lost) = (false, 0);
                }
                (known.last_run, known.pid, known.began) = (key.run, Some(*pid), *began);
            }
            Fact::Said { key, notice: Notice::Ready(_) } => self.known(&key.child).is_ready = true,
            Fact::Said { key, notice: Notice::Main(pid) } => {
                self.known(&key.child).pid = Some(*pid);
            }
            Fact::Ended { key, .. } => {
                let known = self.answered(key);
                known.last_run = known.last_run.max(key.run);
                known.pid = None;
                known
                    .descriptors
                    .retain(|(role, _)| matches!(role, Role::Socket(_) | Role::Stored(_)));
            }
            _ => {}
        }
    }

    /// Returns whether a keeper has said what it holds: only then can [`rescue`](Self::rescue) make another one.
    pub const fn knows(&self) -> bool {
        self.knows
    }

    /// Makes another keeper, after the one that was there has died: it goes on with every process, pipe and
    /// socket, and is linked to this program.
    ///
    /// # Errors
    ///
    /// The keeper died before it said what it held: then this program cannot go on either, and what lives is left
    /// for the next keeper to find. Or the program cannot be started: everything is still held here, and this can
    /// be tried again.
    pub fn rescue(&mut self, command: &[Text], brain: Vec<Text>) -> io::Result<()> {
        crate::fault::point("brain.rescue.before");
        if !self.knows {
            return Err(io::Error::other("the keeper died before it said what it held"));
        }
        let io = |error: mainstay_wire::keeper::StartError| io::Error::other(error);
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let mut placed: Vec<(BorrowedFd<'_>, u32)> = vec![(theirs.as_fd(), LINK)];
        placed.extend(self.passed.placed(LINK + 1));
        let mut facts: Vec<_> = self.facts.iter().cloned().collect();
        let mut seq = self.last;
        if self.missing > 0 {
            // A number of its own: a brain before this one may have heard them.
            seq.0 += 1;
            facts.push((seq, self.seen, Fact::Forgotten { facts: self.missing }));
        }
        let brain =
            state::Brain { command: brain, pid: None, starts: 1, link: Some(LINK.cast_signed()) };
        let state = State {
            version: VERSION,
            identity: self.identity.clone(),
            seq,
            facts,
            brain,
            owned: false,
            seen: self.seen,
            passed: self.passed.named(LINK + 1),
            children: self
                .known
                .iter()
                .map(|(name, known)| known.to_state(name, &mut placed))
                .collect(),
            outputs: None,
        };
        let file = put_state(&state)?;
        let number = LINK + u32::try_from(placed.len()).unwrap_or(u32::MAX);
        placed.push((file.as_fd(), number));
        let process = Process {
            command: command.to_vec(),
            environment: Environment { inherit: vec!["*".into()], set: Vec::new() },
            session: Session::Own,
            stdin: Stdin::Inherit,
            output: Output { streams: Streams::Inherit, ..Output::default() },
            ..Process::default()
        };
        let mut variables = crate::above::passed_on();
        variables.push((Text::from(STATE), number.to_string().into()));
        let given = Given { placed, variables, pidfd: true, ..Given::default() };
        crate::fault::point("brain.rescue.ready");
        self.end_keeper()?;
        crate::fault::point("brain.rescue.ended");
        let born = start(&process, &given).map_err(io)?;
        crate::fault::point("brain.rescue.born");
        drop(given);
        for known in self.known.values_mut() {
            known.lost = known.all_lost();
            known.descriptors.retain(|(role, _)| !matches!(role, Role::Tally(_)));
        }
        self.keeper = born.pidfd;
        self.stream = Stream::new(ours);
        Ok(())
    }

    /// Sees to it that the keeper before is dead: there are never two, whatever let the link break.
    fn end_keeper(&self) -> io::Result<()> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        signals::send(keeper.as_fd(), libc::SIGKILL);
        let mut fds = [PollFd::new(keeper, PollFlags::IN)];
        let patience = DEATH.try_into().ok();
        if rustix::io::retry_on_intr(|| poll(&mut fds, patience.as_ref()))? == 0 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the keeper before does not end"));
        }
        // One that this program has made is a child of it; the first one was its parent.
        _ = reap::one(0, keeper.as_fd());
        Ok(())
    }
}

impl Known {
    /// Returns how many bytes of its output are lost, with those that the last keeper has taken along.
    fn all_lost(&self) -> u64 {
        let tally = self.descriptors.iter().find_map(|(role, fd)| match role {
            Role::Tally(slot) => unwritten(fd, *slot).ok(),
            _ => None,
        });
        let unwritten = tally.unwrap_or_default();
        // Whether that read came to an end nobody can tell.
        let reading = if unwritten.was_reading { self.most_read() } else { 0 };
        self.lost + unwritten.bytes + reading
    }

    /// Returns how much can be read of its output at once.
    fn most_read(&self) -> u64 {
        let outputs = self.descriptors.iter().filter(|(role, _)| {
            matches!(role, Role::Out | Role::Err | Role::Terminal) // A terminal holds less.
        });
        let sizes = outputs.map(|(_, fd)| rustix::pipe::fcntl_getpipe_size(fd).unwrap_or(1 << 16));
        sizes.max().map_or(0, |size| size.min(MOST_READ) as u64)
    }

    fn to_state<'a>(
        &'a self,
        name: &Arc<str>,
        placed: &mut Vec<(BorrowedFd<'a>, u32)>,
    ) -> state::Child {
        let mut pass = |fd: &'a OwnedFd| {
            let number = LINK + u32::try_from(placed.len()).unwrap_or(u32::MAX);
            placed.push((fd.as_fd(), number));
            number.cast_signed()
        };
        let (mut sockets, mut stored) = (Vec::new(), Vec::new());
        let mut run = self.pid.map(|pid| state::Run {
            key: Key { child: Arc::clone(name), run: self.last_run },
            process: Arc::clone(&self.process),
            pid,
            began: self.began,
            ready: self.is_ready,
            access: self.process.notify,
            pidfd: None,
            notify: None,
            ready_fd: None,
            out: None,
            err: None,
            terminal: None,
            input: None,
            lost: self.all_lost(),
        });
        for (role, fd) in &self.descriptors {
            match (role, &mut run) {
                (Role::Socket(name), _) => {
                    let declared = self.process.sockets.iter().find(|socket| socket.name == *name);
                    sockets.extend(declared.map(|socket| (socket.clone(), pass(fd))));
                }
                (Role::Stored(name), _) => {
                    stored.push(state::Stored {
                        name: name.clone(),
                        number: pass(fd),
                        watched: true,
                    });
                }
                (Role::Process, Some(run)) => run.pidfd = Some(pass(fd)),
                (Role::Out, Some(run)) => run.out = Some(pass(fd)),
                (Role::Err, Some(run)) => run.err = Some(pass(fd)),
                (Role::Terminal, Some(run)) => run.terminal = Some(pass(fd)),
                (Role::Input, Some(run)) => run.input = Some(pass(fd)),
                (Role::Notify, Some(run)) => run.notify = Some(pass(fd)),
                (Role::Ready, Some(run)) => run.ready_fd = Some(pass(fd)),
                (Role::Tally(_), Some(_)) => {}
                (_, None) => {}
            }
        }
        state::Child {
            name: Arc::clone(name),
            last_run: self.last_run,
            ordered: self.ordered,
            demand: self.demand,
            sockets,
            stored,
            run,
        }
    }
}

impl AsRawFd for Client {
    fn as_raw_fd(&self) -> i32 {
        self.stream.fd().as_raw_fd()
    }
}

/// Returns copies of what travels beside an order. One that cannot be copied is missing, and the run says so.
fn beside(order: &Order) -> Vec<OwnedFd> {
    let Order::Give { descriptors, .. } = order else { return Vec::new() };
    descriptors.open.iter().filter_map(|open| open.try_clone().ok()).collect()
}

#[cfg(test)]
mod tests;

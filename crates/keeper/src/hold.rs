//! Everything that is held, and the one loop that serves it.
//!
//! The loop waits, takes in what has come, and tells the brain. It never waits for anything else: starting a
//! process suspends it until the program is executed, and nothing in it reads or writes a file of a child
//! (the outputs have a thread of their own for that).

mod aside;
mod begin;
mod brain;
mod child;
mod command;
mod demand;
mod feed;
mod finish;
mod hand_over;
mod leftover;
mod orders;
mod relay;
mod signs;
mod speech;
mod wait;

pub(crate) use brain::{Brain, LINK};
pub(crate) use hand_over::{STATE, put_state, state_left};
pub(crate) use relay::Relaying;
pub(crate) use wait::now;

use crate::above::Above;
use crate::contain::{Bond, Group, Instance, Ladder, Leftover, Means, Place};
use crate::link::{Heard, Link};
use crate::output::{Outputs, Told};
use crate::passed::Passed;
use crate::sys::reap::{self, Reaped};
use crate::sys::signals::Signals;
use child::{Child, Slot, Watched};
use feed::Feed;
use mainstay_wire::Text;
use mainstay_wire::keeper::{Fact, Key, Order, Report};
use mainstay_wire::process::Process;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, OwnedFd};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use wait::{Token, Waiting};

/// Everything that a keeper holds.
pub(crate) struct Hold {
    settings: Settings,
    link: Link,
    waiting: Waiting<Source, Due>,
    children: Vec<Option<Child>>,
    free: Vec<u32>,
    by_name: HashMap<Arc<str>, Slot>,
    /// Our own children: what each is to whom.
    by_pid: HashMap<i32, Ours>,
    outputs: Outputs,
    ladder: Ladder,
    /// Cgroups that could not be removed yet.
    emptied: Vec<Group>,
    /// What an earlier keeper has left, by child.
    leftovers: HashMap<Arc<str>, Leftover>,
    /// Starts that follow the end of what an earlier keeper has left; without a process they are not wished any
    /// more.
    after: BTreeMap<Key, (Key, Option<Arc<Process>>)>,
    /// Runs that the keeper before had begun when it died, and told nobody of.
    half_begun: HashSet<Key>,
    /// Runs that are to begin, in order.
    starts: VecDeque<(Key, Arc<Process>)>,
    brain: Option<Brain>,
    /// Commands that belong to no child.
    asides: Vec<aside::Aside>,
    /// Children of ours that are to be taken in, and that nobody asks about.
    former: Vec<Watched>,
    signals: Option<Signals>,
    /// Sockets that were passed to this program, for its brains.
    pub(crate) passed: Passed,
    feed: Feed,
    /// Where all there is to hold is one command.
    relaying: Option<Relaying>,
    /// Set once the keeper is to end: whether it kills what it holds first.
    leaving: Option<bool>,
    upgrade: Option<hand_over::Upgrade>,
    /// Whether a process that belonged to nobody has been taken in.
    has_lost_strangers: bool,
    /// Whether the brain's socket is watched for room.
    is_watching_room: bool,
    link_token: Option<Token>,
    wake: Arc<OwnedFd>,
    /// The link again while there is a brain, and low in number, so that whoever is being made has it as well
    /// until it executes its program. So a brain that finds its keeper dead finds nobody who does not show yet
    /// what run it is of.
    born_with: Arc<OwnedFd>,
    heard: Vec<Order>,
    found: Vec<Source>,
    told: Vec<Told>,
}

/// How a keeper stands to the process it is in.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What tells this keeper's processes from those of others, over its own death too.
    pub(crate) instance: Instance,
    pub(crate) identity: String,
    /// Whether every child of this process is the keeper's, and strangers are to be taken in.
    pub(crate) owns_all: bool,
    /// What this process executes, and what it becomes where nothing else is said.
    pub(crate) program: Text,
    pub(crate) arguments: Vec<Text>,
    /// How many descriptors children may have, where this process has allowed itself more.
    pub(crate) files: Option<(u64, u64)>,
}

/// What a descriptor is about.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// Orders, or something that the outputs have to tell.
    Wake,
    /// The brain's socket.
    Link,
    Signals,
    /// The main process of a child's run, by a descriptor of it.
    Main(Slot),
    /// Something that is left of a run: one of its processes, or the events of its cgroup.
    Left(Slot),
    Notify(Slot),
    /// A run's notification descriptor.
    Ready(Slot),
    /// A child's socket at which somebody connects.
    Socket(Slot),
    /// A descriptor that a child has left here was closed at its other end.
    Stored(Slot),
    /// A command that runs for a child, by a descriptor of it.
    Command(Slot, u64),
    /// What such a command prints.
    Printed(Slot, u64),
    /// A command that belongs to no child, by a descriptor of it.
    Aside(u64),
    /// What that one prints.
    AsidePrinted(u64),
}

/// What a deadline is.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// What is left of a run after its main process had its time.
    Rest(Slot, u64),
    /// Force has had its time.
    Force(Slot, u64),
    /// The output of a run has had its time to come to its end.
    Drain(Slot, u64),
    /// A command takes too long.
    Command(Slot, u64),
    /// A command that belongs to no child takes too long.
    Aside(u64),
    /// The brain is started again.
    Brain,
    /// The brain should have given a sign of life.
    Sign,
    /// Those above are to hear that all is well, or is being mended.
    Feed,
    /// A look at what is left of a run where nothing tells that it has gone.
    Look(Slot, u64),
}

/// What one of our own children is.
#[derive(Clone, Copy, Debug)]
enum Ours {
    Main(Slot),
    Command(Slot, u64),
    Aside(u64),
    Brain,
    /// It was a main process, or a command of a run that is over: nobody asks how it ended.
    Former,
}

/// How many runs begin before the loop looks again at what else there is.
const STARTS: usize = 4;

impl Hold {
    pub(crate) fn new(
        settings: Settings,
        link: Link,
        wake: Arc<OwnedFd>,
        signals: Option<Signals>,
    ) -> io::Result<Self> {
        let mut waiting = Waiting::new()?;
        waiting.read(wake.as_fd(), Source::Wake)?;
        if let Some(signals) = &signals {
            waiting.read(signals.fd(), Source::Signals)?;
        }
        // Below are the numbers that children find descriptors under.
        let born_with = rustix::io::fcntl_dupfd_cloexec(&wake, 64)
            // Where so few descriptors are allowed, a child that wants this number is told so.
            .or_else(|_| rustix::io::fcntl_dupfd_cloexec(&wake, 3))?;
        let born_with = Arc::new(born_with);
        let mut ladder = Ladder::new(settings.instance);
        if settings.owns_all
            && let Some(cgroups) = ladder.cgroups()
        {
            cgroups.tidy();
            cgroups.prepare();
        }
        // Where this is a thread of somebody's program, it is that one that answers.
        let above = if settings.owns_all { Above::find() } else { Above::default() };
        let feed = Feed::new(above);
        Ok(Self {
            outputs: Outputs::new(Arc::clone(&wake))?,
            settings,
            link,
            waiting,
            children: Vec::new(),
            free: Vec::new(),
            by_name: HashMap::new(),
            by_pid: HashMap::new(),
            ladder,
            emptied: Vec::new(),
            leftovers: HashMap::new(),
            after: BTreeMap::new(),
            half_begun: HashSet::new(),
            starts: VecDeque::new(),
            brain: None,
            asides: Vec::new(),
            former: Vec::new(),
            signals,
            passed: Passed::default(),
            feed,
            relaying: None,
            leaving: None,
            upgrade: None,
            has_lost_strangers: false,
            is_watching_room: false,
            link_token: None,
            wake,
            born_with,
            heard: Vec::new(),
            found: Vec::new(),
            told: Vec::new(),
        })
    }

    /// Returns what wakes the loop.
    pub(crate) fn waker() -> io::Result<Arc<OwnedFd>> {
        Ok(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Serves until it is told to leave and holds nothing any more.
    pub(crate) fn serve(&mut self) -> io::Result<()> {
        while !self.is_done() {
            self.flush();
            if self.is_cut_off() {
                continue;
            }
            let mut found = std::mem::take(&mut self.found);
            self.waiting.wait(!self.starts.is_empty(), &mut found)?;
            // Exits first: a start that is ordered again may only come after them.
            for source in found.drain(..) {
                self.take_in(source);
            }
            self.found = found;
            while let Some(due) = self.waiting.due() {
                self.met(due);
            }
            for _ in 0..STARTS {
                let Some((key, process)) = self.starts.pop_front() else { break };
                self.begin(&key, &process);
            }
            self.leave_without_brain();
            self.upgrade_when_quiet();
        }
        self.flush();
        if let Some(cgroups) = self.ladder.cgroups() {
            cgroups.remove();
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let holds_nothing = || self.children.iter().flatten().all(|child| child.run.is_none());
        let has_brain = self.brain.as_ref().is_some_and(Brain::is_alive);
        self.leaving.is_some() && !has_brain && self.starts.is_empty() && holds_nothing()
    }

    fn take_in(&mut self, source: Source) {
        match source {
            Source::Wake => {
                // Before anything is taken: what comes after that wakes us again.
                _ = rustix::io::read(&*self.wake, &mut [0; 8]);
                if matches!(self.link, Link::Thread(_)) {
                    self.hear();
                }
                self.outputs_told();
            }
            Source::Link => self.hear(),
            Source::Signals => self.signalled(),
            Source::Main(slot) => self.main_told(slot),
            Source::Left(slot) => self.look_at_rest(slot),
            Source::Notify(slot) => self.notified(slot),
            Source::Ready(slot) => self.ready_told(slot),
            Source::Socket(slot) => self.demanded(slot),
            Source::Stored(slot) => self.stored_closed(slot),
            Source::Command(slot, ticket) => self.command_told(slot, ticket),
            Source::Printed(slot, ticket) => self.command_printed(slot, ticket),
            Source::Aside(ticket) => self.aside_told(ticket),
            Source::AsidePrinted(ticket) => self.aside_printed(ticket),
        }
    }

    fn met(&mut self, due: Due) {
        match due {
            Due::Rest(slot, run) => self.rest_over(slot, run),
            Due::Force(slot, run) => self.force_over(slot, run),
            Due::Drain(slot, run) => self.drain_over(slot, run),
            Due::Command(slot, ticket) => self.command_over(slot, ticket),
            Due::Aside(ticket) => self.aside_over(ticket),
            Due::Brain => self.start_brain(),
            Due::Sign => self.sign_is_due(),
            Due::Feed => self.feed_is_due(),
            Due::Look(slot, run) => {
                if self.is_run(slot, run) {
                    self.look_at_rest(slot);
                }
            }
        }
    }

    fn hear(&mut self) {
        let mut heard = std::mem::take(&mut self.heard);
        let end = self.link.hear(&mut heard);
        if !heard.is_empty() {
            self.brain_speaks();
        }
        for order in heard.drain(..) {
            self.obey(order);
        }
        self.heard = heard;
        if matches!(end, Heard::Gone) {
            self.brain_left();
        }
    }

    fn outputs_told(&mut self) {
        let mut told = std::mem::take(&mut self.told);
        self.outputs.told(&mut told);
        for told in told.drain(..) {
            self.output_told(told);
        }
        self.told = told;
    }

    fn output_told(&mut self, told: Told) {
        match told {
            Told::Drained { key, last } => self.drained(&key, last),
            Told::Line { key } => self.said_by_line(&key),
            Told::Dropped { key, lines, bytes } => {
                self.state(Fact::Dropped { key, lines, bytes });
            }
            Told::Trouble { child, what, error } => {
                self.state(Fact::Trouble { child, what, error });
            }
            Told::Screen { viewer, bytes, lost } => {
                self.link.say(Report::Screen { viewer, bytes, lost });
            }
            Told::Typed { viewer, taken, refused } => {
                self.link.say(Report::Typed { viewer, taken, refused });
            }
            Told::Left { viewer, why } => self.link.say(Report::Left { viewer, why }),
        }
    }

    fn signalled(&mut self) {
        let mut is_child = false;
        let mut caught = Vec::new();
        if let Some(signals) = &self.signals {
            while let Some(signal) = signals.next() {
                is_child |= signal.signal == libc::SIGCHLD;
                caught.push(signal);
            }
        }
        if is_child && self.settings.owns_all {
            self.reap();
        }
        if self.relaying.is_some() {
            return self.relay_all(&caught);
        }
        for signal in caught {
            self.brain_signalled(signal);
        }
    }

    /// Takes in whoever has ended. Only where all children of this process are ours.
    fn reap(&mut self) {
        while let Some(reaped) = reap::any() {
            self.reaped(reaped);
        }
        if std::mem::take(&mut self.has_lost_strangers) {
            self.look_at_all_rests();
        }
    }

    /// Asks what holds a run together, from where this keeper stands.
    fn with_bond<T>(
        &mut self,
        slot: Slot,
        ask: impl FnOnce(&mut Bond, Place<'_>) -> T,
    ) -> Option<T> {
        let by_descent = |child: &&Child| {
            child.run.as_ref().is_some_and(|run| matches!(run.bond.means(), Means::Descent(_)))
        };
        let owns_all = self.settings.owns_all;
        let alone =
            owns_all && self.children.iter().flatten().filter(by_descent).take(2).count() == 1;
        let by_pid = &self.by_pid;
        let known = |pid: u32| by_pid.contains_key(&pid.cast_signed());
        let place = if owns_all { Place::Reaper { known: &known, alone } } else { Place::Guest };
        let run = self.children.get_mut(slot as usize)?.as_mut()?.run.as_mut()?;
        Some(ask(&mut run.bond, place))
    }

    fn reaped(&mut self, reaped: Reaped) {
        match self.by_pid.remove(&reaped.pid) {
            Some(Ours::Main(slot)) => self.main_ended(slot, reaped),
            Some(Ours::Command(slot, ticket)) => {
                self.command_ended(slot, ticket, Some(reaped.status));
            }
            Some(Ours::Aside(ticket)) => self.aside_ended(ticket, Some(reaped.status)),
            Some(Ours::Brain) => self.brain_ended(&reaped),
            Some(Ours::Former) => {}
            None => {
                let pid = u32::try_from(reaped.pid).unwrap_or(0);
                self.stranger_ended(pid, reaped.status);
            }
        }
    }

    fn state(&mut self, fact: Fact) {
        self.link.state(now(), fact);
    }

    /// Deals with a brain to whom nothing can be said any more. Returns whether it came to that.
    fn is_cut_off(&mut self) -> bool {
        let Link::Socket(link) = &self.link else { return false };
        if !link.is_broken() || self.link_token.is_none() {
            return false;
        }
        // What it said last still counts.
        self.hear();
        if self.link_token.is_some() {
            self.brain_left();
        }
        true
    }

    /// Sends what is to be sent, and watches for room where the brain has yet to read.
    fn flush(&mut self) {
        let Link::Socket(link) = &mut self.link else { return };
        let is_full = link.flush();
        let (Some(stream), Some(token)) = (link.stream(), self.link_token) else { return };
        if is_full != self.is_watching_room {
            use rustix::event::epoll::EventFlags;
            let room = if is_full { EventFlags::OUT } else { EventFlags::empty() };
            self.waiting.change(stream.fd(), token, EventFlags::IN | room);
            self.is_watching_room = is_full;
        }
    }
}

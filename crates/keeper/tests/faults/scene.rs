//! A relay with everything around it: the orders that were given, the facts that were told, and what must hold.
//!
//! The scene plays the part of a brain that has all in a journal: what a relay had not answered is ordered anew of
//! the next one.

mod model;
mod world;

pub(crate) use world::{
    Living, kill as kill_process, marked, only_child, open, signal, until_marked, until_only_child,
    until_taken_in, wait_for, zombies_of,
};

use mainstay_keeper::contain::Instance;
use mainstay_wire::keeper::{Held, Key, Order, Report, Status};
use mainstay_wire::process::{Process, Rest};
use model::Model;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far longer than anything here takes: a scene that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long is waited for relays to end before it is looked again who is one.
const LOOK: Duration = Duration::from_millis(50);

/// How a relay is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    /// `NAME:N` of a fault point.
    pub fault: Option<String>,
    /// Whether it runs as an ordinary user. Only root can choose.
    pub ordinary: bool,
    /// What stands before its command: `unshare`.
    pub before: Vec<&'static str>,
}

pub(crate) struct Scene {
    pub folder: TempDir,
    pub identity: String,
    manner: Manner,
    listener: UnixListener,
    stream: Option<UnixStream>,
    unread: Vec<u8>,
    /// The first keeper of the present life.
    first: Child,
    /// The process of the present keeper, and its number.
    keeper: Option<(u32, OwnedFd)>,
    pub model: Model,
    /// How often a relay was started.
    pub lives: u32,
    /// How many brains have connected.
    pub brains: u32,
    /// How many keepers have greeted.
    pub keepers: u32,
    /// How many greetings there were.
    pub hellos: u32,
    /// Reports that were read, told again or not.
    pub reports: u64,
    pub seed: u64,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// A brain has connected.
    Brain,
    /// At least one report.
    Report,
    /// The brain is gone.
    Silence,
    /// Nobody is left who could go on.
    Dead,
}

impl Scene {
    pub(crate) fn new(manner: Manner) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::tempdir().expect("a folder");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let identity = format!("faults {} {number}", folder.path().display());
        let listener = UnixListener::bind(folder.path().join("s")).expect("a socket");
        if manner.ordinary {
            world::open_to_all(folder.path());
        }
        let first = world::run_relay(&manner, folder.path(), &identity);
        Self {
            folder,
            identity,
            manner,
            listener,
            stream: None,
            unread: Vec::new(),
            first,
            keeper: None,
            model: Model::default(),
            lives: 1,
            brains: 0,
            keepers: 0,
            hellos: 0,
            reports: 0,
            seed: 0,
        }
    }

    /// Starts a relay where the one before and its brain are dead, and what it held may live.
    pub(crate) fn start_again(&mut self) {
        self.reap_first();
        self.manner.fault = None;
        self.stream = None;
        self.unread.clear();
        self.keeper = None;
        self.lives += 1;
        self.model.begin_life();
        self.first = world::run_relay(&self.manner, self.folder.path(), &self.identity);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns a process of the puppet, which notices itself when there is another copy of its child.
    pub(crate) fn puppet(&self, child: &str, steps: &[&str]) -> Process {
        let program = if self.manner.ordinary { self.path("puppet") } else { puppet::program() };
        let lock =
            format!("lock:{}", self.path(&format!("lock-{child}").replace('/', ":")).display());
        let own = [program.display().to_string(), lock];
        let command = own.iter().map(String::as_str).chain(steps.iter().copied());
        Process {
            command: command.map(Into::into).collect(),
            rest: Rest(Duration::from_millis(300)),
            ..Process::default()
        }
    }

    /// Orders the next run of a child.
    pub(crate) fn start(&mut self, child: &str, process: Process) -> Key {
        let key = self.model.next_run(child, process.clone());
        self.order(&Order::Start { key: key.clone(), process: Arc::new(process) });
        key
    }

    pub(crate) fn kill(&mut self, key: &Key) {
        self.model.kills(key);
        self.order(&Order::Kill(key.clone()));
    }

    /// Sends an order, if there is a brain to take it.
    pub(crate) fn order(&mut self, order: &Order) {
        let line = serde_json::to_string(order).expect("an order is written");
        self.send(&line);
    }

    pub(crate) fn send(&mut self, line: &str) {
        if let Some(stream) = &mut self.stream {
            // A brain that dies meanwhile is asked again when the next one comes.
            drop(stream.write_all(format!("{line}\n").as_bytes()));
        }
    }

    pub(crate) fn keeper(&self) -> u32 {
        self.keeper.as_ref().expect("a keeper has greeted").0
    }

    /// Returns the process of the brain that is connected.
    pub(crate) fn brain(&self) -> Option<u32> {
        let peer = rustix::net::sockopt::socket_peercred(self.stream.as_ref()?).expect("a peer");
        Some(peer.pid.as_raw_nonzero().get().cast_unsigned())
    }

    pub(crate) fn instance(&self) -> Instance {
        Instance::of(&self.identity)
    }

    /// Returns every living process that has the mark of a run of this scene.
    pub(crate) fn marked(&self) -> Vec<Living> {
        marked(self.instance())
    }

    /// Returns the last run of a child.
    pub(crate) fn last(&self, child: &str) -> Key {
        self.model.last(child).expect("it was ordered").0.clone()
    }

    /// Returns which point has let somebody die.
    pub(crate) fn fault_met(&self) -> Option<String> {
        std::fs::read_to_string(self.path("fault")).ok()
    }

    /// Waits until it is so.
    pub(crate) fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            if self.next(deadline) == Some(Came::Dead) {
                panic!("{}", self.dump(&format!("all are dead before {what}")));
            }
            if Instant::now() >= deadline {
                panic!("{}", self.dump(&format!("no {what}")));
            }
        }
    }

    /// Waits until every run that goes on has started, and checks that nobody else lives.
    pub(crate) fn settle(&mut self) {
        self.until_somehow("quiet", |scene| {
            scene.model.inventories == scene.lives
                && scene.keeper.as_ref().is_some_and(|(_, keeper)| !world::is_over(keeper))
                && scene.stream.is_some()
                && scene.model.open_runs().all(|(_, told)| told.pid.is_some())
        });
        for living in self.marked() {
            let is_held = self.model.lives(&living.key.child);
            assert!(is_held, "{}", self.dump(&format!("{living:?} belongs to no run")));
        }
        for (key, told) in self.model.open_runs() {
            let pid = told.pid.expect("it has started");
            let mains = self.marked().iter().filter(|living| living.pid == pid).count();
            // What is about to end has no environment any more, and its end is told soon.
            let is_gone = || open(pid).is_none_or(|fd| world::ends(&fd));
            assert!(mains == 1 || is_gone(), "{}", self.dump(&format!("{key} is lost")));
        }
    }

    /// Ends whatever runs, by force, and then the relay.
    pub(crate) fn end(mut self) {
        let live: Vec<Key> = self.model.open_runs().map(|(key, _)| key.clone()).collect();
        for key in live {
            self.kill(&key);
        }
        self.until_somehow("end of all", |scene| {
            scene.model.inventories == scene.lives && scene.model.open_runs().next().is_none()
        });
        self.leave(false);
    }

    /// As `until`, and starts another relay as soon as nobody is left.
    pub(crate) fn until_somehow(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            if self.next(deadline) == Some(Came::Dead) {
                self.start_again();
            }
            if Instant::now() >= deadline {
                panic!("{}", self.dump(&format!("no {what}")));
            }
        }
    }

    pub(crate) fn until_ready(&mut self) {
        let life = self.lives;
        self.until("inventory", |scene| scene.model.inventories >= life);
    }

    pub(crate) fn until_started(&mut self, key: &Key) -> u32 {
        self.until("start", |scene| scene.model.run(key).pid.is_some());
        self.model.run(key).pid.expect("it has started")
    }

    pub(crate) fn until_ended(&mut self, key: &Key) -> Status {
        self.until("end", |scene| scene.model.run(key).ended.is_some());
        self.model.run(key).ended.clone().expect("it has ended").status
    }

    /// Waits for the next thing to come.
    pub(crate) fn next(&mut self, deadline: Instant) -> Option<Came> {
        if self.stream.is_some() { self.read(deadline) } else { self.accept(deadline) }
    }

    fn read(&mut self, deadline: Instant) -> Option<Came> {
        let stream = self.stream.as_mut()?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        stream.set_read_timeout(Some(left)).expect("it can be timed");
        let mut bytes = [0; 64 * 1024];
        match stream.read(&mut bytes) {
            Ok(0) => {}
            Ok(read) => {
                self.unread.extend_from_slice(&bytes[..read]);
                if bytes[..read].contains(&b'\n') {
                    self.take_lines();
                }
                return Some(Came::Report);
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return None,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) => panic!("the brain cannot be read: {error}"),
        }
        // What it was writing when it died has not been acknowledged: it is told again.
        self.unread.clear();
        self.stream = None;
        Some(Came::Silence)
    }

    /// Waits for the next brain, or for the end of everybody who could start one.
    fn accept(&mut self, deadline: Instant) -> Option<Came> {
        let relays = world::relays(&self.identity);
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = vec![PollFd::new(&self.listener, PollFlags::IN)];
        fds.extend(relays.iter().map(|relay| PollFd::new(relay, PollFlags::IN)));
        // A child looks like its keeper until it executes its program, and nothing tells of that: look again.
        let is_dead = relays.is_empty() && matches!(self.first.try_wait(), Ok(Some(_)));
        let timeout = if is_dead { Duration::ZERO } else { left.min(LOOK) };
        let timeout = Timespec::try_from(timeout).expect("a short time");
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("cannot wait: {error}"),
        }
        if fds[0].revents().contains(PollFlags::IN) {
            let (stream, _) = self.listener.accept().expect("a brain connects");
            self.stream = Some(stream);
            self.brains += 1;
            return Some(Came::Brain);
        }
        is_dead.then_some(Came::Dead)
    }

    fn take_lines(&mut self) {
        let unread = std::mem::take(&mut self.unread);
        let mut rest = &unread[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            let report = serde_json::from_slice(line).expect("a line is a report");
            self.take(report);
        }
        self.unread = rest.to_vec();
    }

    fn take(&mut self, report: Report) {
        self.reports += 1;
        match report {
            Report::Hello { pid, .. } => {
                self.hellos += 1;
                let pid = self.outside(pid);
                if self.keeper.as_ref().is_none_or(|(known, _)| *known != pid) {
                    if let Some((_, former)) = &self.keeper {
                        assert!(world::is_over(former), "{}", self.dump("two keepers"));
                    }
                    // One that died since is gone, and the next one greets as well.
                    self.keeper = open(pid).map(|fd| (pid, fd));
                    self.keepers += 1;
                }
            }
            Report::Inventory(held) => self.take_inventory(&held),
            Report::Fact { seq, at: _, fact } => {
                if let Err(wrong) = self.model.take(seq, fact) {
                    panic!("{}", self.dump(&wrong));
                }
            }
            Report::Descriptors { .. }
            | Report::Screen { .. }
            | Report::Typed { .. }
            | Report::Aside { .. }
            | Report::Left { .. } => {}
        }
    }

    /// The number of the keeper's process as we see it: in a namespace of its own it calls itself 1.
    fn outside(&self, pid: u32) -> u32 {
        if self.manner.before.is_empty() { pid } else { only_child(self.first.id()) }
    }

    fn take_inventory(&mut self, held: &[Held]) {
        if let Err(wrong) = self.model.check_inventory(held) {
            panic!("{}", self.dump(&wrong));
        }
        self.model.inventories = self.lives;
        for order in self.model.unanswered() {
            self.order(&order);
        }
    }

    /// Everything that is known, for the report of a failure.
    pub(crate) fn dump(&self, what: &str) -> String {
        format!(
            "{what} (seed {}, {} lives, {} brains, {} keepers, fault {:?}, met {:?})\n{}\nalive: {:#?}\n{}",
            self.seed,
            self.lives,
            self.brains,
            self.keepers,
            self.manner.fault,
            self.fault_met(),
            self.model,
            self.marked(),
            std::fs::read_to_string(self.path("errors")).unwrap_or_default(),
        )
    }

    fn reap_first(&mut self) -> ExitStatus {
        self.first.wait().expect("the first keeper is ours")
    }

    /// Kills the keeper that greeted last, and waits until it is dead.
    pub(crate) fn kill_keeper(&self) {
        if let Some((_, fd)) = &self.keeper {
            world::kill(fd);
            wait_for(fd);
        }
    }

    /// Kills the brain and the keeper, and waits until nobody is left who could go on.
    pub(crate) fn kill_both(&mut self) {
        let brain = self.brain().and_then(open).expect("a brain");
        signal(&brain, Signal::STOP);
        self.kill_keeper();
        world::kill(&brain);
        let deadline = Instant::now() + PATIENCE;
        while self.next(deadline) != Some(Came::Dead) {
            assert!(Instant::now() < deadline, "{}", self.dump("somebody lives on"));
        }
    }

    /// Has the keeper leave, after it has killed everything or once nothing is left, and checks that nothing is.
    pub(crate) fn leave(mut self, kill: bool) {
        let deadline = Instant::now() + PATIENCE;
        let had_met = self.fault_met().is_some();
        let mut hellos = self.hellos;
        self.order(&Order::Leave { kill });
        while self.next(deadline) != Some(Came::Dead) {
            // Whoever took the order may have died of it, or its keeper has.
            if self.hellos > hellos && self.model.inventories == self.lives {
                hellos = self.hellos;
                self.order(&Order::Leave { kill });
            }
            assert!(Instant::now() < deadline, "{}", self.dump("they do not leave"));
        }
        // Whom nobody saw die has not greeted a second time.
        let was_alone = self.keepers == 1 && !self.reap_first().success();
        if self.manner.fault.is_some() && self.fault_met().is_some() && (!had_met || was_alone) {
            // The keeper died when it was to leave, and its brain was gone.
            self.start_again();
            self.settle();
            return self.leave(kill);
        }
        if self.keeper.as_ref().is_some_and(|(keeper, _)| *keeper == self.first.id()) {
            let status = self.reap_first();
            assert!(status.success(), "{}", self.dump(&format!("it left with {status}")));
        }
        let left = self.marked();
        assert!(left.is_empty(), "{}", self.dump("it left processes behind"));
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Brains first would be saved by their keepers, keepers first by their brains.
        for _ in 0..100 {
            let relays = world::relays(&self.identity);
            if relays.is_empty() {
                break;
            }
            relays.iter().for_each(world::kill);
            relays.iter().for_each(wait_for);
        }
        drop(self.first.wait());
        for living in self.marked() {
            world::kill(&living.fd);
        }
    }
}

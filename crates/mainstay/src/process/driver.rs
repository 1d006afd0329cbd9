//! The driver of processes: it tells the keeper what the tree wants, and the tree what the keeper saw.

mod ahead;
mod hear;
mod meet;
mod seat;

use super::link::{Link, Source};
use super::settings::Settings;
use super::step::{Act, ReloadAct};
use crate::caught;
use crate::driver::{Driver, Order};
use crate::host::{Parts as HostParts, Session, Useless};
use crate::probe::Target;
use crate::shared::Shared;
use mainstay_core::child::Child;
use mainstay_core::spec::defaults::KILL_WAIT;
use mainstay_core::spec::{Activation, Kind};
use mainstay_core::{ChildId, Input, Moment, Path, RunId, Tree};
use mainstay_wire::Text;
use mainstay_wire::keeper::{Key, Order as Ask, Report, Sequence, Whom};
use mainstay_wire::process as wire;
pub(super) use meet::Meeting;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How long a command may take that nothing else bounds: it is ended with its run at the latest.
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long a command that makes a process read its settings again may take.
const RELOAD: Duration = Duration::from_secs(60);

/// How long the end of the keeper waits for one that holds nothing, or nothing that force would end.
const SOON: Duration = Duration::from_millis(100);

/// Starts and ends runs that are processes.
pub(crate) struct Processes {
    shared: Arc<Shared>,
    source: Source,
    /// There is none until the first process starts.
    keeper: Option<Box<dyn Link>>,
    children: BTreeMap<ChildId, Place>,
    names: BTreeMap<Arc<str>, ChildId>,
    /// What is agreed on with children that are hosts.
    hosts: BTreeMap<ChildId, Arc<HostParts>>,
    /// Those that the keeper has, from the order to start to their end.
    runs: BTreeMap<Key, Run>,
    /// The connections of hosts that are over, until the tree has decided on that.
    over: Vec<Session>,
    /// Commands that are run for children.
    tickets: BTreeMap<u64, Ticket>,
    next_ticket: u64,
    /// Children whose sockets somebody has connected to, and that have not started since.
    unheard: BTreeSet<ChildId>,
    /// How many runs nobody waits for any more.
    left: usize,
    /// What a keeper has said of itself so far.
    meeting: Meeting,
    /// The last fact that was heard.
    heard: Sequence,
    /// Nothing is decided before the keeper has been met.
    is_meeting: bool,
}

/// What the keeper knows of a child.
struct Place {
    /// By what name it knows it.
    name: Arc<str>,
    settings: Settings,
    heartbeat: Option<Duration>,
    /// Made of both.
    process: Arc<wire::Process>,
}

/// One run of a child.
struct Run {
    child: ChildId,
    run: RunId,
    settings: Settings,
    is_reloading: bool,
    /// Force was used: whoever waited for that has waited.
    is_killed: bool,
    /// It asked to be treated as if it gave no sign of life: none is passed on.
    is_silent: bool,
    /// Whether what this program talks with it over was made in this life of the program.
    has_talk: bool,
    /// What is wrong with it, by whoever talks with it.
    trouble: Option<Arc<str>>,
    /// Its connection, if it is a host.
    session: Option<Session>,
    /// Why it is ended though nobody asked for that, if it is a host of no use.
    useless: Option<Useless>,
    /// The tree has gone past it, or its child has left the tree: then where it was.
    left: Option<Path>,
}

/// What a command is run for.
struct Ticket {
    key: Key,
    purpose: Purpose,
}

#[derive(Clone, Copy)]
enum Purpose {
    Probe(u8),
    Stop,
    Reload,
}

/// What the tree is to hear, in order.
pub(crate) type Inputs = Vec<(Moment, Input)>;

impl Processes {
    pub(crate) fn new(shared: &Arc<Shared>, source: Source) -> Self {
        Self {
            shared: Arc::clone(shared),
            source,
            keeper: None,
            children: BTreeMap::new(),
            names: BTreeMap::new(),
            hosts: BTreeMap::new(),
            runs: BTreeMap::new(),
            over: Vec::new(),
            tickets: BTreeMap::new(),
            next_ticket: 1,
            unheard: BTreeSet::new(),
            left: 0,
            meeting: Meeting::default(),
            heard: Sequence::default(),
            is_meeting: false,
        }
    }

    /// Returns how many runs nobody waits for any more.
    pub(crate) const fn count_left(&self) -> usize {
        self.left
    }

    /// Something happened to a child. Where somebody connected in vain, because it was paused or its breaker was
    /// open, the keeper is to look again: it says only once that somebody is there.
    pub(crate) fn note(&mut self, tree: &Tree, child: &Child) {
        if let Some(host) = host_of(child) {
            drop(caught::guard(|| host.desk.note(tree, child, &self.shared)));
        }
        if self.unheard.remove(&child.id) && child.life().is_none() {
            self.open_sockets(child);
        }
    }

    /// A child is there, or has other settings: its sockets are opened before it ever runs.
    pub(crate) fn learn(&mut self, child: &Child) {
        let host = host_of(child);
        let before = self.hosts.remove(&child.id);
        if let Some(before) = before.filter(|before| Some(before) != host) {
            drop(caught::guard(|| before.desk.leave(&self.shared)));
            if let Some(settings) = Settings::within(child.spec.payload.as_deref()).cloned() {
                self.place(child, settings);
            }
        }
        if let Some(host) = host {
            host.desk.put(&self.shared, child);
            self.hosts.insert(child.id, Arc::clone(host));
            let run = child.life().and_then(|life| self.key(child.id, life.run));
            if let Some(session) = run.and_then(|key| self.session(&key)) {
                session.learn(child);
            }
        }
        self.open_sockets(child);
        self.close_console(child);
    }

    fn open_sockets(&mut self, child: &Child) {
        if !matches!(child.spec.kind, Kind::Process | Kind::Host) {
            return;
        }
        let Some(settings) = Settings::within(child.spec.payload.as_deref()).cloned() else {
            return;
        };
        if settings.parts().process.sockets.is_empty() {
            return;
        }
        if let Err(error) = self.open() {
            let (at, name) = (self.shared.clock.now(), self.place(child, settings).0);
            self.shared.inbox.hold(|lane| lane.trouble(at, name, no_keeper(&error)));
            return;
        }
        let (name, process) = self.place(child, settings);
        let demand = matches!(child.spec.activation, Activation::OnDemand { .. });
        self.tell(Ask::Listen { child: name, process, demand });
    }

    fn open(&mut self) -> io::Result<()> {
        if self.keeper.is_some() {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let tell = move |report| {
            // So that its clock is the runtime's.
            let _entered = shared.runtime.enter();
            let Some(report) = shared.hall.hear(report) else { return };
            let at = if let Report::Fact { at, .. } = &report {
                shared.clock.seen(*at)
            } else {
                shared.clock.now()
            };
            shared.inbox.hold(|lane| lane.report(at, report));
        };
        let keeper = (self.source.open)(self.source.identity.as_deref(), Box::new(tell))?;
        self.shared.hall.connect(keeper.orders());
        self.keeper = Some(keeper);
        Ok(())
    }

    fn tell(&self, order: Ask) {
        if let Some(keeper) = &self.keeper {
            keeper.order(order);
        }
    }

    /// Returns by what name the keeper knows a child, and what it is told to start.
    fn place(&mut self, child: &Child, settings: Settings) -> (Arc<str>, Arc<wire::Process>) {
        let heartbeat = child.spec.liveness.heartbeat;
        let heartbeat = heartbeat.map(|beat| beat.every.saturating_mul(beat.misses));
        let is_found = self.source.identity.is_some();
        let make = || Arc::new(settings.process(heartbeat, is_found));
        if let Some(place) = self.children.get_mut(&child.id) {
            if !place.settings.is(&settings) || place.heartbeat != heartbeat {
                place.process = make();
                (place.settings, place.heartbeat) = (settings, heartbeat);
            }
            return (Arc::clone(&place.name), Arc::clone(&place.process));
        }
        let process = make();
        let path = self.shared.log.path(child.id);
        let name = self.free_name(path.as_str());
        self.names.insert(Arc::clone(&name), child.id);
        let place =
            Place { name: Arc::clone(&name), settings, heartbeat, process: Arc::clone(&process) };
        self.children.insert(child.id, place);
        (name, process)
    }

    /// A child that has left the tree may still occupy its name, with a run that could not be ended.
    fn free_name(&self, path: &str) -> Arc<str> {
        let is_free = |name: &str| {
            !self.names.contains_key(name) && !self.runs.keys().any(|key| &*key.child == name)
        };
        let mut name = path.to_owned();
        let mut number = 1;
        while !is_free(&name) {
            number += 1;
            name = format!("{path}~{number}");
        }
        name.into()
    }

    fn key(&self, child: ChildId, run: RunId) -> Option<Key> {
        let place = self.children.get(&child)?;
        let key = Key { child: Arc::clone(&place.name), run: run.0 };
        if self.runs.contains_key(&key) {
            return Some(key);
        }
        // A keeper that is ahead of the tree knows it by a later number.
        let later = Key { run: u64::MAX, ..key.clone() };
        let mut known = self.runs.range(key..=later);
        known
            .find(|(_, known)| known.child == child && known.run == run)
            .map(|(key, _)| key.clone())
    }

    /// Runs a command for a run.
    fn execute(&mut self, key: Key, command: Vec<Text>, timeout: Duration, purpose: Purpose) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.tickets.insert(ticket, Ticket { key: key.clone(), purpose });
        self.tell(Ask::Execute { key, ticket, command, timeout });
    }

    fn session(&self, key: &Key) -> Option<&Session> {
        self.runs.get(key)?.session.as_ref()
    }

    /// Nobody waits for the present run of a child any more.
    fn leave(&mut self, child: ChildId, but: Option<RunId>) {
        let path = self.shared.log.path(child);
        for run in self.runs.values_mut() {
            if run.child == child && Some(run.run) != but && run.left.is_none() {
                run.left = Some(path.clone());
                self.left += 1;
            }
        }
    }
}

/// Nobody watches over the processes any more: those that still live are ended by force.
impl Drop for Processes {
    fn drop(&mut self) {
        self.shared.hall.close_all("the tree has ended");
        let is_waited_for = |run: &Run| !run.is_killed;
        let patience = if self.runs.values().any(is_waited_for) { KILL_WAIT } else { SOON };
        if let Some(keeper) = self.keeper.take() {
            keeper.leave(patience);
        }
        for host in std::mem::take(&mut self.hosts).into_values() {
            drop(caught::guard(|| host.desk.leave(&self.shared)));
        }
    }
}

impl Driver for Processes {
    fn start(&mut self, order: Order<'_>) {
        let (child, run) = (order.child, order.run);
        let Some(settings) = Settings::within(child.spec.payload.as_deref()).cloned() else {
            return;
        };
        self.leave(child.id, Some(run));
        let (_, process) = self.place(child, settings.clone());
        let lacks = settings.parts().lacks.clone();
        let key = self.expect(child, run, settings);
        if let Some(lacks) = lacks {
            let at = self.shared.clock.now();
            return self.shared.inbox.hold(|lane| lane.no_keeper(at, key, lacks.to_string()));
        }
        if host_of(child).is_some_and(|host| !host.desk.put(&self.shared, child)) {
            let why = "it is a copy of a host in another tree, which lives: make a `Host` for each";
            let at = self.shared.clock.now();
            return self.shared.inbox.hold(|lane| lane.no_keeper(at, key, why.into()));
        }
        let opened = self.open().map_err(|error| no_keeper(&error));
        let connected = opened.and_then(|()| {
            let what = "what it shares with its host cannot be made";
            self.connect(child, &key).map_err(|error| format!("{what}: {error}"))?;
            let what = "the pipes that it is talked with over cannot be made";
            self.begin_talk(child.id, &key).map_err(|error| format!("{what}: {error}"))
        });
        match connected {
            Ok(()) => self.tell(Ask::Start { key, process }),
            Err(why) => {
                let at = self.shared.clock.now();
                self.shared.inbox.hold(|lane| lane.no_keeper(at, key, why));
            }
        }
    }

    fn stop(&mut self, child: ChildId, run: RunId, step: u8, until: Option<Moment>) {
        let Some(key) = self.key(child, run) else { return };
        let Some(act) = self.runs.get(&key).map(|run| run.settings.step(step).clone()) else {
            return;
        };
        match act {
            Act::Signal(signal, whom) => self.tell(Ask::Signal { key, signal, whom }),
            Act::Message(bytes) => self.tell(Ask::Input { key, bytes, close: false }),
            Act::Execute(command) => {
                let now = self.shared.clock.now();
                let timeout = until.map_or(DAY, |until| until.since(now));
                self.execute(key, command, timeout, Purpose::Stop);
            }
            Act::Ask => {
                let within = until.map(|until| until.since(self.shared.clock.now()));
                if let Some(session) = self.session(&key) {
                    session.stop(within);
                }
            }
        }
    }

    fn kill(&mut self, child: ChildId, run: RunId) {
        if let Some(key) = self.key(child, run) {
            if let Some(run) = self.runs.get_mut(&key) {
                run.is_killed = true;
            }
            self.tell(Ask::Kill(key));
        }
    }

    fn reload(&mut self, child: ChildId, run: RunId) {
        let Some(key) = self.key(child, run) else { return };
        let reload = self.runs.get(&key).and_then(|run| run.settings.parts().reload.clone());
        match reload {
            Some(ReloadAct::Signal(signal) | ReloadAct::Notify(signal)) => {
                self.tell(Ask::Signal { key, signal, whom: Whom::Main });
            }
            Some(ReloadAct::Execute(command)) => {
                self.execute(key, command, RELOAD, Purpose::Reload);
            }
            Some(ReloadAct::Ask) => {
                if let Some(session) = self.session(&key) {
                    session.reload();
                }
            }
            None => {
                let at = self.shared.clock.now();
                let what = "it was told to reload, and nothing says how: `Command::reload`";
                self.shared.inbox.hold(|lane| lane.trouble(at, key.child, what.into()));
            }
        }
    }

    fn probe(&mut self, child: ChildId, run: RunId, probe: u8, limit: Duration) {
        let Some(key) = self.key(child, run) else { return };
        let settings = self.runs.get(&key).map(|run| run.settings.clone());
        let Some(settings) = settings else { return };
        let target = settings.parts().targets.get(usize::from(probe)).cloned();
        match target {
            Some(Target::Exec(command)) => {
                self.execute(key, command, limit, Purpose::Probe(probe));
            }
            Some(target) => {
                let shared = Arc::clone(&self.shared);
                drop(self.shared.runtime.spawn(async move {
                    let answer = ask(&target, limit).await;
                    let at = shared.clock.now();
                    shared.inbox.hold(|lane| lane.probed(at, child, run, probe, answer));
                }));
            }
            None => {}
        }
    }

    fn rehydrate(&mut self, child: ChildId, run: RunId) {
        if let Some(session) = self.key(child, run).and_then(|key| self.session(&key)) {
            session.rehydrate();
        }
    }

    fn freeze(&mut self, child: ChildId, run: RunId, frozen: bool) {
        if let Some(key) = self.key(child, run) {
            self.tell(Ask::Freeze { key, frozen });
        }
    }

    fn change(&mut self, child: &Child, run: RunId) {
        let Some(settings) = Settings::within(child.spec.payload.as_deref()).cloned() else {
            return;
        };
        let (name, process) = self.place(child, settings.clone());
        let key = Key { child: name, run: run.0 };
        if let Some(run) = self.runs.get_mut(&key) {
            run.settings = settings;
            let (at, name) = (self.shared.clock.now(), Arc::clone(&key.child));
            self.shared.inbox.hold(|lane| lane.changed(at, name));
            self.tell(Ask::Change { key, process });
        }
    }

    fn rest(&mut self, _child: ChildId) {}

    fn forget(&mut self, child: ChildId) {
        self.leave(child, None);
        self.shared.talks.forget(child);
        if let Some(host) = self.hosts.remove(&child) {
            drop(caught::guard(|| host.desk.leave(&self.shared)));
        }
        if let Some(place) = self.children.remove(&child) {
            self.names.remove(&place.name);
            self.shared.hall.close(&place.name, "the child has left the tree");
            self.unheard.remove(&child);
            self.tell(Ask::Forget(place.name));
        }
    }

    fn left_behind(&mut self) -> Vec<(Path, RunId)> {
        let left = self.runs.values().filter_map(|run| Some((run.left.clone()?, run.run)));
        if self.left == 0 { Vec::new() } else { left.collect() }
    }
}

/// Asks a probe. A runtime without I/O panics at that, which is an answer too.
async fn ask(target: &Target, limit: Duration) -> Result<(), String> {
    let mut asking = pin!(target.ask(limit));
    poll_fn(|cx| match caught::attempt(|| asking.as_mut().poll(cx)) {
        Some(answer) => answer,
        None => Poll::Ready(Err("the runtime has no I/O: build it with `enable_all`".into())),
    })
    .await
}

/// Returns what is agreed on with a child that is a host.
fn host_of(child: &Child) -> Option<&Arc<HostParts>> {
    Settings::within(child.spec.payload.as_deref())?.host()
}

fn no_keeper(error: &io::Error) -> String {
    format!("the keeper of its process cannot start: {error}")
}

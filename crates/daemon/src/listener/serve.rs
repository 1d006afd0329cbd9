//! The tasks that speak with listeners: pipes, clock and what is kept.

use super::Listener;
use super::desk::Desk;
use super::kind::Kind;
use super::output::{Outputs, Printed};
use super::payload::{remote, tick};
use super::pool::Act;
use super::store::Store;
use super::translate::Untold;
use crate::api::apart;
use mainstay::durable::Step;
use mainstay::process::{Talk, Teller};
use mainstay::{ChildId, Handle, Moment};
use mainstay_wire::listener::Kept;
use std::collections::BTreeMap;
use std::future::ready;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

/// Pieces of what listeners say that wait to be understood.
const AHEAD: usize = 64;
/// How much is read at a time.
const PIECE: usize = 4_096;
/// How long after it could not be written what is kept is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// The spans whose ends are told, in seconds.
const TICKS: [(Kind, i64); 3] = [(Kind::Tick5, 5), (Kind::Tick60, 60), (Kind::Tick3600, 3_600)];
/// Who restarts listeners.
const WHO: &str = "mainstay";

/// Returns the present moment by the clock of the tree, and the wall time in milliseconds since 1970.
pub(crate) type Clock = Box<dyn Fn() -> (Moment, i64) + Send + Sync>;

/// Is told what is wrong with whom, a child or a pool; nothing: nothing any more.
pub(crate) type Tell = Box<dyn Fn(&str, Option<String>) + Send + Sync>;

/// All listeners of a daemon.
pub(crate) struct Listeners {
    desk: Mutex<Desk>,
    changes: Mutex<Changes>,
    store: Store,
    clock: Clock,
    tell: Tell,
    wake: Notify,
}

/// What follows from another spec file.
#[derive(Default)]
struct Changes {
    /// Those whose live run is of no use any more.
    moved: Vec<String>,
    /// What is to be followed, where that is news.
    printed: Option<BTreeMap<String, Printed>>,
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners").finish_non_exhaustive()
    }
}

impl Listeners {
    /// Goes on with what was kept of the tree of this name, if anything was.
    pub(crate) fn new(name: &str, (store, kept): (Store, Kept), clock: Clock, tell: Tell) -> Self {
        let desk = Mutex::new(Desk::new(name, kept));
        Self { desk, changes: Mutex::default(), store, clock, tell, wake: Notify::new() }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        (self.clock)().0
    }

    /// Takes who listens from now on, and what becomes events of what others print; both by path.
    pub(crate) fn declare(
        &self,
        listeners: BTreeMap<String, Listener>,
        printed: BTreeMap<String, Printed>,
    ) {
        let moved = self.desk().declare(listeners);
        let mut changes = self.changes();
        changes.moved.extend(moved);
        changes.printed = Some(printed);
        drop(changes);
        self.wake.notify_one();
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with what was translated so far. A tree that begins is told of.
    pub(crate) fn begin(&self, untold: Untold, begins: bool) {
        let now = self.now();
        let mut desk = self.desk();
        desk.begin(now, untold);
        if begins {
            desk.up(now);
        }
    }

    /// Sends an event of somebody's own to all who hear of `REMOTE_COMMUNICATION`.
    pub(crate) fn remote(&self, word: &str, data: &str) {
        self.desk().happen(self.now(), remote(word, data));
        self.wake.notify_one();
    }

    /// Speaks with listeners until the tree has ended. Where it `goes_on`, those who spoke with an earlier brain get
    /// another run.
    pub(crate) async fn serve(&self, handle: &Handle, goes_on: bool) {
        let (say, mut said) = mpsc::channel(AHEAD);
        let (open, early) = (BTreeMap::new(), BTreeMap::new());
        let mut lines = Lines { say, open, early, tasks: JoinSet::new() };
        if goes_on {
            self.replace(handle, &mut lines).await;
        }
        let mut outputs = Outputs::new();
        let mut ticks = Ticks::new((self.clock)().1);
        let mut saved = Kept::default();
        let mut trouble: Option<String> = None;
        let mut ended = std::pin::pin!(handle.ended());
        loop {
            self.follow(handle, &mut outputs).await;
            for talk in self.declared_by_now(&mut lines) {
                self.join(talk, &mut lines);
            }
            for early in outputs.held() {
                let (path, channel, found) = &early;
                if !self.desk().printed(self.now(), path, *channel, found) {
                    outputs.hold(early);
                }
            }
            let (asked, kept, due, wait) = {
                let (now, wall) = (self.clock)();
                let mut desk = self.desk();
                for (kind, when) in ticks.passed(wall) {
                    desk.happen(now, tick(kind, when));
                }
                desk.look(now);
                let wait = ticks.wait(wall, |kind| desk.hears(kind));
                let due = desk.due().map(|due| due.since(now));
                (desk.asked(), desk.kept(), due, wait)
            };
            for (pool, act) in asked {
                self.perform(&pool, act, &lines);
            }
            if kept != saved || trouble.is_some() {
                let (store, form) = (self.store.clone(), kept.clone());
                let written = apart(move || store.write(&form)).await;
                let failed = match written {
                    Ok(written) => written.err().map(|error| error.to_string()),
                    Err(_) => Some("the program ends".to_owned()),
                };
                if failed != trouble {
                    let what = failed
                        .as_ref()
                        .map(|why| format!("what waits for them cannot be kept: {why}"));
                    (self.tell)("all of them", what);
                }
                (saved, trouble) = (kept, failed);
            }
            let sooner =
                [due, wait, trouble.is_some().then_some(AGAIN)].into_iter().flatten().min();
            tokio::select! {
                () = self.wake.notified() => {}
                talk = handle.talk() => self.join(talk, &mut lines),
                Some(Said { path, run, bytes }) = said.recv() => {
                    self.desk().heard(self.now(), &path, run, bytes.as_deref());
                    if bytes.is_none() && lines.open.get(&path).is_some_and(|line| line.run == run) {
                        lines.open.remove(&path);
                    }
                }
                Some(line) = outputs.next() => {
                    let (channel, found) = outputs.take(&line);
                    outputs.hold((line.path, channel, found));
                }
                Some(_) = lines.tasks.join_next() => {}
                () = tokio::time::sleep(sooner.unwrap_or_default()), if sooner.is_some() => {}
                _ = &mut ended => return,
            }
        }
    }

    /// Listeners whose pipes went with the brain before this one read the end of their input. Most end by that; so that
    /// all of them are told of events again, each gets another run.
    async fn replace(&self, handle: &Handle, lines: &mut Lines) {
        let Ok(views) = handle.status().await else { return };
        // Runs that this brain has begun are here already: a talk comes ahead of its start.
        loop {
            tokio::select! {
                biased;
                talk = handle.talk() => self.join(talk, lines),
                () = ready(()) => break,
            }
        }
        for view in views {
            let path = view.path.to_string();
            let Some(run) = view.run else { continue };
            let is_here = lines.open.get(&path).is_some_and(|line| line.run == run.0);
            if is_here || !self.desk().listens(&path) {
                continue;
            }
            let why = "the brain that it was told of events by has died";
            // It may have ended by itself meanwhile, or be about to.
            let _ = handle.by(WHO).restart(view.path, why).if_run(run).await;
        }
    }

    /// Does what follows from another spec file. Those who are in another pool now get another run.
    async fn follow(&self, handle: &Handle, outputs: &mut Outputs) {
        let Changes { moved, printed } = std::mem::take(&mut *self.changes());
        if let Some(printed) = printed {
            outputs.declare(printed);
        }
        for path in moved {
            let why = "it listens in another pool";
            // Who has left the tree meanwhile needs no other run.
            let _ = handle.by(WHO).restart(path.as_str(), why).await;
        }
    }

    /// Takes the pipes of a run. Where a spec file is applied, a child may begin before anybody hears that it listens.
    fn join(&self, talk: Talk, lines: &mut Lines) {
        let (path, run) = (talk.path.to_string(), talk.run.0);
        if self.desk().joined(self.now(), &path, run) {
            lines.open(path, talk);
        } else {
            lines.early.insert(path, talk);
        }
    }

    fn declared_by_now(&self, lines: &mut Lines) -> Vec<Talk> {
        let desk = self.desk();
        let known: Vec<String> =
            lines.early.keys().filter(|path| desk.listens(path)).cloned().collect();
        known.iter().filter_map(|path| lines.early.remove(path)).collect()
    }

    fn perform(&self, pool: &str, act: Act, lines: &Lines) {
        match act {
            Act::Send { path, bytes } => {
                if let Some(line) = lines.open.get(&path) {
                    // Who does not read any more ends, and the event goes to the next run.
                    let _ = line.send.send(bytes);
                }
            }
            Act::Trouble { path, what } => {
                if let Some(why) = &what {
                    tracing::warn!(child = path, why, "an event listener is in trouble");
                }
                if let Some(line) = lines.open.get(&path) {
                    line.teller.trouble(what.as_deref());
                }
                (self.tell)(&path, what);
            }
            Act::Dropped { serial, kind } => {
                let all = self.desk().dropped(pool);
                // Of a storm not each one is told: the notice has the number.
                if all.is_power_of_two() {
                    tracing::warn!(
                        pool,
                        event = %kind,
                        all,
                        "more events wait for it than its buffer holds: the oldest are dropped"
                    );
                }
                let what = format!(
                    "{all} events were dropped, for more waited than its buffer holds; the last was event {serial} \
                     ({kind})"
                );
                (self.tell)(&format!("the pool {pool}"), Some(what));
            }
        }
    }
}

/// What a run said; nothing: it says nothing more.
struct Said {
    path: String,
    run: u64,
    bytes: Option<Vec<u8>>,
}

/// The pipes of all live runs.
struct Lines {
    say: mpsc::Sender<Said>,
    open: BTreeMap<String, Line>,
    /// Those of children of whom nobody has heard yet that they listen.
    early: BTreeMap<String, Talk>,
    tasks: JoinSet<()>,
}

struct Line {
    run: u64,
    /// One event at a time is under way, so this is never longer than one.
    send: mpsc::UnboundedSender<Vec<u8>>,
    teller: Teller,
}

impl Lines {
    fn open(&mut self, path: String, talk: Talk) {
        let Talk { run, input, output, teller, .. } = talk;
        let pipes = pipe::Receiver::from_owned_fd(output)
            .and_then(|output| Ok((output, pipe::Sender::from_owned_fd(input)?)));
        let (output, input) = match pipes {
            Ok(pipes) => pipes,
            Err(error) => {
                return teller.trouble(Some(&format!("its pipes cannot be used: {error}")));
            }
        };
        let (send, sent) = mpsc::unbounded_channel();
        self.tasks.spawn(read(output, self.say.clone(), path.clone(), run.0));
        self.tasks.spawn(write(input, sent));
        // The pipes of the run before close with its line.
        self.open.insert(path, Line { run: run.0, send, teller });
    }
}

async fn read(mut output: pipe::Receiver, say: mpsc::Sender<Said>, path: String, run: u64) {
    loop {
        let mut bytes = vec![0; PIECE];
        let length = output.read(&mut bytes).await.unwrap_or(0);
        bytes.truncate(length);
        let bytes = (length > 0).then_some(bytes);
        let is_over = bytes.is_none();
        let said = Said { path: path.clone(), run, bytes };
        if say.send(said).await.is_err() || is_over {
            return;
        }
    }
}

async fn write(mut input: pipe::Sender, mut sent: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = sent.recv().await {
        if let Err(error) = input.write_all(&bytes).await {
            // Its end says the same, and comes to whoever reads.
            let is_gone = error.kind() == io::ErrorKind::BrokenPipe;
            tracing::debug!(%error, is_gone, "a listener takes nothing any more");
            return;
        }
    }
}

/// The ends of spans by the wall clock: each span begins at a multiple of its length since 1970.
struct Ticks {
    last: [i64; 3],
}

impl Ticks {
    fn new(wall: i64) -> Self {
        Self { last: TICKS.map(|(_, span)| begin(wall, span)) }
    }

    /// Returns the spans that have begun, with the second in which they did. Of several that were slept over the last
    /// is told.
    fn passed(&mut self, wall: i64) -> Vec<(Kind, i64)> {
        let mut passed = Vec::new();
        for ((kind, span), last) in TICKS.into_iter().zip(&mut self.last) {
            let now = begin(wall, span);
            if now != *last {
                *last = now;
                passed.push((kind, now));
            }
        }
        passed
    }

    /// Returns how long the next one is away that somebody hears of.
    fn wait(&self, wall: i64, hears: impl Fn(Kind) -> bool) -> Option<Duration> {
        let heard = TICKS.into_iter().zip(self.last).filter(|((kind, _), _)| hears(*kind));
        let next = heard.map(|((_, span), last)| (last + span) * 1_000 - wall).min()?;
        // The clock may be set back: then it is looked at again soon enough.
        Some(Duration::from_millis(u64::try_from(next).unwrap_or(0).clamp(1, 5_000)))
    }
}

fn begin(wall: i64, span: i64) -> i64 {
    let second = wall.div_euclid(1_000);
    second - second.rem_euclid(span)
}

/// Hands what a tree states to the listeners.
pub(crate) struct Tap(Arc<Listeners>);

impl Tap {
    pub(crate) const fn new(listeners: Arc<Listeners>) -> Self {
        Self(listeners)
    }

    /// Takes a step. `pid` knows main processes.
    pub(crate) fn take(&self, step: &Step<'_>, pid: impl Fn(ChildId) -> Option<u32>) {
        let mut desk = self.0.desk();
        if desk.step(step.at, step, pid) {
            drop(desk);
            self.0.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_end_by_the_wall_clock() {
        let mut ticks = Ticks::new(1_201_063_918_500);
        assert_eq!(ticks.passed(1_201_063_919_999), []);
        assert_eq!(
            ticks.passed(1_201_063_920_000),
            [(Kind::Tick5, 1_201_063_920), (Kind::Tick60, 1_201_063_920)]
        );
        assert_eq!(ticks.passed(1_201_063_920_001), []);
        let only = |wanted| move |kind| kind == wanted;
        assert_eq!(ticks.wait(1_201_063_924_000, only(Kind::Tick5)), Some(Duration::from_secs(1)));
        // Never longer than it takes until a clock that is set is noticed.
        assert_eq!(ticks.wait(1_201_063_924_000, only(Kind::Tick60)), Some(Duration::from_secs(5)));
        assert_eq!(ticks.wait(1_201_063_924_000, only(Kind::Up)), None);
        // Slept over: once.
        assert_eq!(ticks.passed(1_201_063_940_000), [(Kind::Tick5, 1_201_063_940)]);
    }
}

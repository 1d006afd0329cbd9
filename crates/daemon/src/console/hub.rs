//! The middle of one console: it follows the child, says what happens, and carries out what keys ask for, one at a time.

use super::feed::{Note, Place};
use super::mode::{Deed, Press, Seen, begin, decide, ends_tree};
use super::text::{Around, Crowd, Future, Over, Present};
use super::{Declared, Surroundings};
use jiff::{SignedDuration, Zoned};
use mainstay::{
    AskError, CommandError, Event, Exit, Finish, Handle, Item, Moment, Operator, Record, Rest,
    Restart, Standing, State, View,
};
use mainstay_wire::spec::{Console, Mode};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// How many things said wait for a viewer that is slow.
const NOTES: usize = 256;
/// Why nothing is restarted while the tree ends.
const ENDS: &str = "the server ends";
/// Of how many runs the process is known.
const PIDS: usize = 8;
/// How many keys wait to be carried out.
pub(super) const KEYS: usize = 64;

/// What it takes to hear what is said.
pub(super) struct Ear {
    pub(super) notes: broadcast::Receiver<Note>,
    /// The last run whose beginning has been told.
    pub(super) told: u64,
}

/// What viewers ask of the middle.
pub(super) enum Ask {
    /// Somebody has come.
    Join { is_logger: bool, answer: oneshot::Sender<(String, Ear)> },
    /// Somebody writes down what is said, and counts as nobody.
    Listen { answer: oneshot::Sender<Ear> },
    /// Everything is ready for what the child prints: a life may begin in the mode that is said.
    Begin,
    /// Somebody has gone.
    Leave { is_logger: bool },
    /// Somebody has pressed a key; what only that one hears goes to `aside`.
    Press { press: Press, who: Arc<str>, aside: mpsc::Sender<String> },
}

/// The middle of one console.
pub(super) struct Hub {
    path: Arc<str>,
    handle: Handle,
    declared: watch::Receiver<Arc<Declared>>,
    surroundings: Arc<Surroundings>,
    around: Around,
    notes: broadcast::Sender<Note>,
    crowd: Crowd,
    /// The last run whose beginning has been told.
    told: u64,
    /// The mode at the last look.
    mode: Mode,
    /// The processes of the latest runs.
    pids: BTreeMap<u64, u32>,
    /// Whether a run lives, for those who type.
    is_up: Arc<AtomicBool>,
}

impl Hub {
    /// Follows the child of this path; `is_up` tells others whether it runs.
    pub(super) async fn new(
        path: Arc<str>,
        handle: Handle,
        declared: watch::Receiver<Arc<Declared>>,
        surroundings: Arc<Surroundings>,
        is_up: Arc<AtomicBool>,
    ) -> Result<Self, AskError> {
        let root = handle.child("").await?;
        let around = Around {
            console: declared.borrow().console.clone(),
            pid: surroundings.pid(),
            folder: surroundings.folder.clone(),
            began: wall(&handle, root.began),
        };
        let (notes, _) = broadcast::channel(NOTES);
        let (crowd, told, mode, pids) = (Crowd::default(), 0, Mode::On, BTreeMap::new());
        Ok(Self {
            path,
            handle,
            declared,
            surroundings,
            around,
            notes,
            crowd,
            told,
            mode,
            pids,
            is_up,
        })
    }

    /// Serves until the tree ends or nobody needs it. Where a life begins, whoever comes is greeted once its mode is set.
    pub(super) async fn serve(mut self, mut asks: mpsc::Receiver<Ask>, begins: bool) {
        let mut events = self.handle.events();
        if let Ok(view) = self.look().await {
            self.learn(&view);
            self.told = view.run.map_or(0, |run| run.0);
        }
        let mut early = Vec::new();
        while begins && let Some(ask) = asks.recv().await {
            match ask {
                Ask::Begin => {
                    self.begin().await;
                    break;
                }
                // What is to be written down has to be heard from the beginning.
                Ask::Listen { .. } => self.answer(ask).await,
                Ask::Join { .. } | Ask::Leave { .. } | Ask::Press { .. } => early.push(ask),
            }
        }
        for ask in early {
            self.answer(ask).await;
        }
        loop {
            tokio::select! {
                // A key is decided by what is so when its turn comes.
                item = events.next() => match item {
                    Some(Item::Record(record)) if record.path.as_str() == &*self.path => {
                        self.hear(&record).await;
                    }
                    Some(Item::Record(_) | Item::Lagged(_)) => {}
                    None => return,
                },
                ask = asks.recv() => match ask {
                    Some(ask) => self.answer(ask).await,
                    None => return,
                },
                changed = self.declared.changed() => match changed {
                    Ok(()) => {
                        self.around.console = self.declared.borrow_and_update().console.clone();
                    }
                    Err(_) => return,
                },
            }
        }
    }

    async fn look(&self) -> Result<View, AskError> {
        self.handle.child(&*self.path).await
    }

    fn learn(&mut self, view: &View) {
        // A run that only starts has nothing yet that could be typed into.
        let is_up = view.run.is_some() && view.standing != Standing::Starting;
        self.is_up.store(is_up, Ordering::Relaxed);
        self.mode = Seen::of(view).mode;
        let pid = view.process.as_ref().and_then(|process| process.pid);
        if let (Some(run), Some(pid)) = (view.run, pid) {
            self.remember(run.0, pid);
        }
    }

    fn remember(&mut self, run: u64, pid: u32) {
        self.pids.insert(run, pid);
        while self.pids.len() > PIDS {
            self.pids.pop_first();
        }
    }

    fn ear(&self) -> Ear {
        Ear { notes: self.notes.subscribe(), told: self.told }
    }

    fn say(&self, text: String, place: Place) {
        // Where nobody listens nothing is to be said.
        let _ = self.notes.send(Note { text: text.into(), place });
    }

    async fn begin(&self) {
        let Some(mode) = self.around.console.mode else { return };
        let waits = self.declared.borrow().waits;
        let by = self.handle.by("console");
        for deed in begin(mode, waits) {
            if let Err(error) = self.carry_out(deed, &by, "this life begins in this mode").await {
                tracing::warn!(child = &*self.path, %error, "its console cannot set the mode");
            }
        }
    }

    async fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Join { is_logger, answer } => {
                let ear = self.ear();
                let Ok(view) = self.look().await else { return };
                self.learn(&view);
                let hello = self.around.hello(&self.present(&view), self.crowd, is_logger);
                self.count(is_logger, 1);
                if answer.send((hello, ear)).is_err() {
                    self.count(is_logger, -1);
                }
            }
            // Who asked may have gone.
            Ask::Listen { answer } => drop(answer.send(self.ear())),
            Ask::Begin => self.begin().await,
            Ask::Leave { is_logger } => self.count(is_logger, -1),
            Ask::Press { press, who, aside } => {
                if let Err(why) = self.press(press, &who).await {
                    // Who does not listen any more need not know.
                    let _ = aside.try_send(Around::aside(&why));
                }
            }
        }
    }

    const fn count(&mut self, is_logger: bool, change: isize) {
        let Crowd { users, loggers } = &mut self.crowd;
        let count = if is_logger { loggers } else { users };
        *count = count.saturating_add_signed(change);
    }

    fn present(&self, view: &View) -> Present {
        let run = view.run.map(|run| {
            let pid = view.process.as_ref().and_then(|process| process.pid);
            (pid.or_else(|| self.pids.get(&run.0).copied()), wall(&self.handle, view.began))
        });
        let given_up = match view.state {
            // That it waits for its first start follows from what is said anyway.
            State::Rest { why: Rest::Demand, .. } | State::Live(_) => None,
            State::Rest { why, .. } => given_up(why).map(str::to_owned),
        };
        Present { mode: Seen::of(view).mode, run, given_up }
    }

    /// Carries out what a key asks for. Fails with words for whoever pressed it.
    async fn press(&mut self, press: Press, who: &str) -> Result<(), String> {
        let view = self.look().await.map_err(|error| error.to_string())?;
        let seen = Seen::of(&view);
        let by = self.handle.by(who);
        let why = press.word();
        let deeds = decide(press, seen);
        if press == Press::Kill && deeds.iter().any(|deed| matches!(deed, Deed::Renew | Deed::Stop))
        {
            self.say(Around::killed(), Place::Anywhere);
        }
        if press == Press::Toggle {
            // Known before what follows from it: the end of the tree may.
            self.mode = seen.mode.next();
        }
        for deed in deeds {
            self.carry_out(*deed, &by, why).await.map_err(|error| in_full(&error))?;
        }
        if press == Press::Toggle {
            self.say(Around::toggled(seen.mode.next()), Place::Anywhere);
        }
        Ok(())
    }

    async fn carry_out(&self, deed: Deed, by: &Operator, why: &str) -> Result<(), CommandError> {
        let path = &*self.path;
        let request = match deed {
            Deed::Start => by.start(path, why),
            Deed::Reset => by.reset_and_start(path, why),
            Deed::Renew => by.restart(path, why),
            Deed::Stop => by.stop(path, why),
            Deed::Pause => by.pause(path, why),
            Deed::Resume => by.resume(path, why),
            Deed::Drain => by.drain(why),
            Deed::Raise => {
                // Where its one run has ended the tree already, there is nothing to start.
                let Ok(view) = self.look().await else { return Ok(()) };
                let is_coming = matches!(view.standing, Standing::Waiting | Standing::Blocked);
                let is_down =
                    view.run.is_none() && (!is_coming || Seen::of(&view).mode == Mode::Off);
                if !is_down {
                    return Ok(());
                }
                by.start(path, why)
            }
            Deed::Always | Deed::Once => {
                let is_once = self.look().await?.spec.restart == Restart::Never;
                if is_once == (deed == Deed::Once) {
                    return Ok(());
                }
                let declared = self.declared.borrow().clone();
                let child = if is_once { &declared.always } else { &declared.once };
                by.replace(path, child.clone(), why)
            }
            // That is the viewer's own.
            Deed::Leave => return Ok(()),
        };
        request.await.map(drop)
    }

    async fn hear(&mut self, record: &Record) {
        if let Event::Starting { .. } = &record.event {
            self.say(self.around.restarting(), Place::Anywhere);
        } else if let Event::Started { run, .. } = &record.event {
            self.is_up.store(true, Ordering::Relaxed);
            let pid = self.pid(run.0).await;
            if let Some(pid) = pid {
                self.remember(run.0, pid);
            }
            self.say(self.around.started(pid), Place::Before(run.0));
            self.told = run.0;
        } else if let Event::Exited { run, exit, detail, .. } = &record.event {
            let over = self.over(run.0, *exit, detail.as_deref()).await;
            let future = match self.look().await {
                Ok(view) => {
                    self.learn(&view);
                    let is_alone = self.is_alone().await;
                    self.future(&view, is_alone)
                }
                // It was the end of the tree.
                Err(_) if self.mode == Mode::Oneshot => Future::End,
                Err(_) => Future::None(ENDS.to_owned()),
            };
            self.say(self.around.ended(&over, &future, &Zoned::now()), Place::Behind(run.0));
            if future == Future::End {
                tracing::info!(child = &*self.path, "the tree ends with the one run of ONESHOT");
                let by = self.handle.by("console");
                // Where the child is critical its end was that of the tree already.
                let _ = by.drain("the one run of ONESHOT is over").await;
            }
        }
    }

    async fn over(&self, run: u64, exit: Option<Exit>, detail: Option<&str>) -> Over {
        if let Some(Exit::StartFailed { step, .. }) = exit {
            let mut why = format!("{step} failed");
            if let Some(detail) = detail {
                let written = write!(why, ": {detail}");
                debug_assert!(written.is_ok(), "a text takes it");
            }
            return Over::NotStarted(why);
        }
        Over::Exit(self.pid(run).await, exit)
    }

    /// Returns the process of a run: of one that was short, from the history.
    async fn pid(&self, run: u64) -> Option<u32> {
        if let Some(pid) = self.pids.get(&run) {
            return Some(*pid);
        }
        if let Ok(view) = self.look().await
            && view.run.is_some_and(|live| live.0 == run)
            && let Some(pid) = view.process.as_ref().and_then(|process| process.pid)
        {
            return Some(pid);
        }
        self.surroundings.pid_of(&self.path, run).await
    }

    /// Returns whether the tree has no other child than this one.
    async fn is_alone(&self) -> bool {
        let Ok(all) = self.handle.status().await else { return false };
        all.iter().filter(|view| view.kind != "supervisor").count() <= 1
    }

    fn future(&self, view: &View, is_alone: bool) -> Future {
        let seen = Seen::of(view);
        let Console { keys, .. } = &self.around.console;
        if view.run.is_some() {
            return Future::Restart;
        }
        if ends_tree(seen, keys, is_alone) {
            return Future::End;
        }
        if seen.mode == Mode::Off {
            return Future::Off;
        }
        match view.state {
            State::Live(_) => Future::Restart,
            State::Rest { why, .. } => match given_up(why) {
                Some(why) => Future::None(why.to_owned()),
                None => Future::Restart,
            },
        }
    }
}

/// Returns why a child is not started again by itself; nothing where it is.
const fn given_up(why: Rest) -> Option<&'static str> {
    match why {
        Rest::Draining => Some(ENDS),
        Rest::Quarantined => Some("it is quarantined, and has to be released first"),
        Rest::Broken { until: Some(_) } => Some("it has failed too often, and cools down"),
        Rest::Broken { until: None } => Some("it has failed too often, and has to be reset"),
        Rest::Stopped => Some("an operator has stopped it"),
        Rest::Finished(Finish::Completed | Finish::Skipped) => Some("it has come to its end"),
        Rest::Finished(Finish::Failed) => Some("it has failed, and runs once only"),
        Rest::Finished(Finish::Stopped | Finish::NeedLost | Finish::AwaitsStart) => {
            Some("it was stopped with what it belongs to")
        }
        Rest::Demand => Some("it waits to be started"),
        Rest::Paused
        | Rest::Above
        | Rest::Group
        | Rest::Waiting { .. }
        | Rest::Need { .. }
        | Rest::Cooldown { .. }
        | Rest::Slot { .. }
        | Rest::Storm { .. } => None,
    }
}

/// Returns a moment of the tree as wall time, as if no clock had ever been set.
fn wall(handle: &Handle, at: Moment) -> Zoned {
    let (now, wall) = (handle.now(), Zoned::now());
    let ago = SignedDuration::try_from(now.since(at)).unwrap_or_default();
    wall.checked_sub(ago).unwrap_or(wall)
}

fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let written = write!(text, ": {next}");
        debug_assert!(written.is_ok(), "a text takes it");
        cause = next.source();
    }
    text
}

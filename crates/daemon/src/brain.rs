//! The brain: the process that decides. It finds what its journal tells, meets the keeper that holds all processes,
//! goes on with the tree, and answers on its socket.
//!
//! ```text
//!  keeper ── starts ──▶ brain ── journal ─▶ recover ─▶ tree ─▶ API
//!     ▲  facts, orders    │
//!     └───────────────────┘   each of them goes on without the other
//! ```

mod above;
mod begin;
mod book;
mod clock;
mod doors;
mod dump;
mod hooks;
mod link;
mod listening;
mod outside;
mod own;
mod program;
mod pulse;
mod record;
mod recover;
mod signals;
mod signs;
mod specs;
mod telling;
mod tending;
mod trails;
mod voice;

use crate::api::{self, Service};
use crate::hook::Tap;
use crate::journal::{self, Journal};
use crate::journald::Journald;
use crate::listener;
use crate::otlp::{self, Exporter};
use crate::spec::Loaded;
use crate::supervisord::Interface;
use above::{Above, Extending};
pub use begin::{BrainError, Source};
use book::Books;
use clock::Clocks;
pub(crate) use clock::monotonic;
pub use doors::{API, OBSERVE};
use doors::{Doors, Given};
use dump::Dump;
use link::{Commands, Keeper, Orders};
use mainstay::durable::{Durable, Past};
use mainstay::{Owner, StartError, Tree};
use mainstay_core::{Command, CommandId, Effects, Input, Snapshot, Verb};
use mainstay_keeper::{Client, Quit};
use mainstay_wire::Text;
use mainstay_wire::hook::Kept;
use mainstay_wire::journal::{Closed, Record};
use mainstay_wire::keeper::{Order, Report as Told};
use outside::Outside;
use program::About;
pub(crate) use record::TAKEN;
use record::{Hearers, Recorder};
use recover::Recovered;
use signals::Signals;
use specs::FileSpecs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
pub(crate) use telling::{Weight, sentence};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use voice::Voice;

/// What a brain is told by the program that keeps it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the tree.
    pub name: String,
    /// Where its declaration comes from.
    pub source: Source,
    /// The folder of what lasts: journal, runs, logs.
    pub state: PathBuf,
    /// The socket it answers on.
    pub socket: PathBuf,
    /// Whether what happens is told on standard error.
    pub is_foreground: bool,
    /// Whether the lines of children are repeated on standard output.
    pub echoes: bool,
    /// Whether that is without their names.
    pub is_bare: bool,
    /// Whether there are colours in that.
    pub colour: bool,
    /// How a keeper is started again.
    pub keeper_command: Vec<Text>,
    /// How a brain is started.
    pub brain_command: Vec<Text>,
}

/// Returns what tells the processes of this tree from those of others: where its state is.
pub fn identity(settings: &Settings) -> String {
    settings.state.display().to_string()
}

/// Runs the brain of a keeper to the end of its tree. Returns the exit code of the whole program.
///
/// # Errors
///
/// It cannot begin. A keeper whose first brain this was has been told to leave.
pub fn run(settings: Settings) -> Result<u8, BrainError> {
    let above = Above::find();
    let result = begin(settings, &above);
    if let Err(error) = &result {
        above.failed(error);
    }
    result
}

fn begin(settings: Settings, above: &Above) -> Result<u8, BrainError> {
    let began = Instant::now();
    // Before there is another thread: from here on the signal is heard by one of its own.
    let quit = Quit::open().map_err(BrainError::System)?;
    // What the library and the API have to complain of goes where the program complains.
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time();
    // What the tree does is told in words of its own.
    let wanted = Targets::new().with_target("mainstay_daemon", LevelFilter::WARN);
    // Whoever embeds this has a subscriber already.
    let _ = tracing_subscriber::registry().with(layer.with_filter(wanted)).try_init();
    let mut client = Client::connect(&identity(&settings)).map_err(BrainError::Keeper)?;
    let voice = Voice::new(settings.echoes, settings.is_bare, settings.colour, Journald::find());
    let extending = above.begins();
    let prepared = prepare(settings, voice, began);
    let prepared = prepared.and_then(|program| Ok((program, Given::take(&client)?)));
    let (ready, given) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            give_up(&mut client);
            return Err(error);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(BrainError::System)?;
    let dump = Arc::new(Dump::new(&ready.settings.state, Arc::clone(&ready.journal)));
    let asked = Arc::new(Notify::new());
    let voice = Arc::clone(&ready.voice);
    signs::dump_when_asked(quit, Arc::clone(&dump), voice, Arc::clone(&asked))
        .map_err(BrainError::System)?;
    let outer = Outer { above: above.clone(), extending, given };
    let result = runtime.block_on(ready.serve(client, (dump, asked), outer));
    // What hangs in a system call must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// Where nothing was ever begun there is nothing to keep: otherwise the keeper goes on and tries again.
fn give_up(client: &mut Client) {
    while let Ok(Some(report)) = client.next(Some(GREETING)) {
        if let Told::Hello { brain, .. } = report {
            if brain == 0 {
                // It is gone already where this fails.
                let _ = client.order(&Order::Leave { kill: true });
            }
            return;
        }
    }
}

/// Reads what lasts.
fn prepare(settings: Settings, voice: Voice, began: Instant) -> Result<Program, BrainError> {
    let logs = settings.state.join("logs");
    // What cannot be made is told of each child that would write there.
    let _ = std::fs::create_dir_all(&logs);
    let loaded = settings.source.load(&logs);
    let bounds = loaded.as_ref().map(Loaded::bounds).unwrap_or_default();
    let owner = format!("mainstay {}", settings.name);
    let open = |name: &str| {
        let mut bounds: journal::Settings = bounds.clone();
        bounds.owner.clone_from(&owner);
        Journal::open(&settings.state.join(name), bounds)
    };
    let (journal, found) = open("journal")?;
    let (runs, _) = open("runs")?;
    let (kept, notice) = hooks::kept(&settings.state);
    let (consoles, _) = open("consoles")?;
    let open_runs = settings.state.join("open-runs.json");
    let (unheard, unread) = listening::kept(&settings.state);
    let next = unheard.as_ref().map(|kept| kept.next);
    let mut recovered = recover::recover(found, &open_runs, kept.next, next);
    recovered.notices.extend(notice.into_iter().chain(unread));
    let loaded = match (loaded, recovered.tree.is_some()) {
        (Ok(loaded), _) => Some(loaded),
        (Err(problems), false) => return Err(BrainError::Spec(problems)),
        (Err(problems), true) => {
            recovered.notices.push(format!(
                "the spec file cannot be used: the tree goes on with the last one that could.\n{problems}"
            ));
            None
        }
    };
    Ok(Program {
        settings,
        voice: Arc::new(voice),
        journal: Arc::new(journal),
        runs: Arc::new(runs),
        consoles: Arc::new(consoles),
        recovered,
        loaded,
        kept,
        unheard,
        began,
    })
}

/// What a brain has of those above it.
struct Outer {
    above: Above,
    /// Held until it has begun.
    extending: Option<Extending>,
    /// Sockets that were opened for it.
    given: Given,
}

/// A brain that is ready to begin.
struct Program {
    settings: Settings,
    voice: Arc<Voice>,
    journal: Arc<Journal>,
    runs: Arc<Journal>,
    consoles: Arc<Journal>,
    recovered: Recovered,
    loaded: Option<Loaded>,
    /// What hooks go on from.
    kept: Kept,
    /// What listeners go on from.
    unheard: Option<mainstay_wire::listener::Kept>,
    began: Instant,
}

impl Program {
    async fn serve(
        mut self,
        mut client: Client,
        (dump, asked): (Arc<Dump>, Arc<Notify>),
        Outer { above, extending, given }: Outer,
    ) -> Result<u8, BrainError> {
        // Before the keeper hears anything: from then on it hands signals on.
        let signals = Signals::new();
        let listening = self.loaded.as_ref().map(|loaded| loaded.api.clone()).unwrap_or_default();
        let doors = match Doors::open(&self.settings.socket, &listening, given.api).await {
            Ok(doors) => doors,
            Err(error) => {
                give_up(&mut client);
                return Err(error);
            }
        };
        let clocks = Clocks::new(self.recovered.now.0, self.recovered.now.1);
        let (goes_on, is_new) = (self.recovered.goes_on, self.recovered.tree.is_none());
        let tree = self.loaded.as_ref().map_or_else(mainstay::tree, |loaded| loaded.tree.clone());
        if let Some(loaded) = &self.loaded {
            self.voice.fit(loaded.names());
        }
        let books = Books {
            journal: Arc::clone(&self.journal),
            runs: Arc::clone(&self.runs),
            consoles: Arc::clone(&self.consoles),
            chronicle: Arc::new(Mutex::new(std::mem::take(&mut self.recovered.chronicle))),
            folder: self.settings.state.join("journal"),
        };
        let keeper = Arc::new(Keeper::new(above.clone()));
        // Who started this brain is its keeper, also before it has greeted.
        keeper.pid.store(std::os::unix::process::parent_id(), Ordering::Relaxed);
        let orders = Orders::default();
        let about = Arc::new(About::new(
            &self.settings,
            Arc::clone(&keeper),
            orders.clone(),
            self.began(clocks),
            std::mem::take(&mut self.recovered.notices),
            Arc::clone(&dump),
        ));
        let (hooks, asides) = self.hooks(clocks, &orders, &about);
        let journals = [
            (&self.journal, "the journal"),
            (&self.runs, "the history of runs"),
            (&self.consoles, "the notes of consoles"),
        ];
        for (journal, what) in journals {
            let (complains, voice) = (Arc::clone(&about), Arc::clone(&self.voice));
            journal.watch(move |trouble| {
                complains.journal_is(what, trouble);
                voice.say(&trouble.map_or_else(
                    || format!("{what} can be written again"),
                    |why| format!("{what} cannot be written, and supervision goes on: {why}"),
                ));
            });
        }
        let state = &self.settings.state;
        let has_changed =
            self.loaded.as_ref().is_some_and(|loaded| specs::has_changed(state, loaded));
        if has_changed && !goes_on {
            // Nothing of what was declared before is started.
            self.redeclare(&tree, &about)?;
        }
        let snapshot = self.snapshot(&tree)?;
        let outside = Arc::new(Outside::new(self.exporter(&snapshot), given.observe));
        if let Some(loaded) = &self.loaded {
            outside.follow(loaded);
        }
        let state = self.settings.state.clone();
        let hear = hooks::hear(asides, Arc::clone(&about), Arc::clone(&self.voice), state);
        let listeners = self.listeners(clocks, &snapshot, &about)?;
        let seen = Arc::clone(&about);
        let hearers = Hearers {
            hooks: Some(Tap::new(Arc::clone(&hooks), Arc::clone(&self.journal))),
            seen: Some(Box::new(move |who, why| seen.seen(who, why))),
            listeners: Some(listener::Tap::new(Arc::clone(&listeners))),
            pulse: Arc::clone(&dump.pulse),
        };
        let exporter = Arc::clone(&outside.exporter);
        let last = hooks::last(Arc::clone(&hooks), Arc::clone(&self.journal));
        let known = (Arc::clone(&keeper), orders.clone(), (hear, last, exporter));
        let owner = self.start((tree, snapshot), client, clocks, (&books, hearers), known)?;
        let handle = owner.handle();
        let books = Arc::new(books);
        about.take_consoles(&handle, Arc::clone(&books) as Arc<dyn api::Book>);
        let specs = Arc::new(FileSpecs::new(
            self.settings.source.clone(),
            &self.settings.state,
            handle.clone(),
            Arc::clone(&about),
            (Arc::clone(&outside), !goes_on),
            above.clone(),
        ));
        if let Some(loaded) = self.loaded.take()
            && (is_new || !has_changed || !goes_on || self.catch_up(&handle, &loaded, &about).await)
        {
            specs.is_present(loaded);
        }
        let service = Service::new(handle.clone())
            .exporter(Arc::clone(&outside.exporter))
            .name(&self.settings.name)
            .book(books)
            .specs(Arc::clone(&specs) as Arc<dyn api::Specs>)
            .program(Arc::clone(&about) as Arc<dyn api::Program>);
        let (stop, stopped) = watch::channel(());
        if goes_on {
            let took = self.began.elapsed().as_millis();
            self.voice.say(&format!("the brain is back after {took} ms"));
        }
        let mut beside = JoinSet::new();
        beside.spawn(signs::give(
            owner.handle(),
            orders.clone(),
            Arc::clone(&about),
            above.watchdog(),
        ));
        above.ready(about.keeper_pid());
        drop(extending);
        beside.spawn(above.clone().follow(owner.handle()));
        let tells = Arc::clone(&hooks);
        beside.spawn(async move { tells.serve().await });
        let tree = owner.handle();
        let hearers = Arc::clone(&listeners);
        beside.spawn(async move { listeners.serve(&tree, goes_on).await });
        let tending = async {
            let report = self.tend_to(owner, &specs, &about, &keeper, (&asked, signals)).await;
            if report.is_some() {
                about.close_consoles().await;
            }
            // Its last answers, the one to `down` among them, take a second at most.
            drop(stop);
            report
        };
        let closed = || doors::closed(stopped.clone());
        let observing = outside.observe(&service, &about, &self.voice, closed());
        let interface = Interface::new(
            service.clone(),
            move |order| orders.send(order),
            move |kind, data| hearers.remote(kind, data),
        );
        let speaking = outside.speak(interface, &about, &self.voice, closed());
        let exporting = outside.exporter.run(handle, closed());
        let serving = doors.serve(service.clone(), stopped.clone());
        let (report, ..) = tokio::join!(tending, serving, observing, speaking, exporting);
        let Some(report) = report else {
            self.settle(self.journal.state().last);
            return Ok(0);
        };
        let closed =
            Closed { wall: clock::wall(), at: clocks.now(), why: "the tree has ended".into() };
        let last = self.journal.append(&Record::Closed(closed).to_json());
        self.say_end(&report);
        above.ended(report.code(), &report.to_string());
        self.settle(last);
        Ok(report.code())
    }

    /// Gives a tree that begins again what is declared now.
    fn redeclare(&mut self, declared: &Tree, about: &About) -> Result<(), BrainError> {
        let Some(snapshot) = self.recovered.tree.take() else { return Ok(()) };
        let (mut spec, _) = declared.clone().into_spec().map_err(StartError::from)?;
        spec.seed = snapshot.settings.seed;
        let mut tree = mainstay_core::Tree::restore(snapshot).map_err(StartError::from)?;
        let command = Command {
            id: CommandId(0),
            who: "mainstay".into(),
            why: "the spec file has changed".into(),
            target: mainstay::Path::root(),
            if_run: None,
            if_revision: None,
            verb: Verb::Apply(Arc::new(spec)),
        };
        let mut out = Effects::new();
        tree.handle(self.recovered.now.0, Input::Command(command), &mut out);
        if let Some(Err(refusal)) = out.replies.pop().map(|reply| reply.result) {
            about.notice(format!("the spec file has changed and cannot be applied: {refusal}"));
        }
        self.recovered.next_event += out.events.len() as u64;
        self.recovered.tree = Some(tree.snapshot());
        Ok(())
    }

    /// Returns the tree that is begun, or gone on with.
    fn snapshot(&mut self, declared: &Tree) -> Result<Snapshot, BrainError> {
        if let Some(snapshot) = self.recovered.tree.take() {
            return Ok(snapshot);
        }
        let (spec, _) = declared.clone().into_spec().map_err(StartError::from)?;
        Ok(mainstay_core::Tree::new(&spec).snapshot())
    }

    /// Makes what tells a collector of the tree, from its next event on.
    fn exporter(&self, snapshot: &Snapshot) -> Exporter {
        let salt = otlp::salt(snapshot.settings.seed, &identity(&self.settings));
        Exporter::new(&self.settings.name, salt, self.recovered.next_event)
    }

    /// Returns when the tree began, in wall time.
    fn began(&self, clocks: Clocks) -> i64 {
        let root = self.recovered.tree.as_ref().and_then(|tree| tree.children.first()?.as_ref());
        match root.filter(|_| self.recovered.goes_on) {
            Some(root) => clocks.wall_of(root.began),
            None => clock::wall(),
        }
    }

    /// Begins the tree, or goes on with it.
    fn start(
        &self,
        (tree, snapshot): (Tree, Snapshot),
        client: Client,
        clocks: Clocks,
        (books, hearers): (&Books, Hearers),
        (keeper, orders, heard): (Arc<Keeper>, Orders, (link::Hear, link::Last, Arc<Exporter>)),
    ) -> Result<Owner, BrainError> {
        let mut recorder = Recorder::new(
            Arc::clone(&self.journal),
            Arc::clone(&self.runs),
            clocks,
            Arc::clone(&books.chronicle),
            self.settings.state.join("open-runs.json"),
            self.journal.state().last,
            hearers,
        );
        let Recovered { next_event, now, goes_on, .. } = self.recovered;
        // Written before anything is decided: what follows in the journal follows from this.
        recorder.begin(
            &snapshot,
            next_event,
            if goes_on { "the brain goes on" } else { "the tree begins" },
        );
        let (now, monotonic) = now;
        let past = Some(Past { snapshot, next_event, now, monotonic, begins: !goes_on });
        let commands = Commands {
            keeper: self.settings.keeper_command.clone(),
            brain: self.settings.brain_command.clone(),
        };
        let (journal, voice) = (Arc::clone(&self.journal), Arc::clone(&self.voice));
        let client = Mutex::new(Some((client, heard)));
        let open = move |tell| {
            let client = client.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (client, (hear, last, exporter)) =
                client.ok_or_else(|| io::Error::other("it was opened before"))?;
            let (commands, voice) = (commands.clone(), Arc::clone(&voice));
            let (journal, keeper) = (Arc::clone(&journal), Arc::clone(&keeper));
            let known = (keeper, hear, last, exporter);
            let link = link::begin(client, commands, journal, voice, known, tell)?;
            orders.connect(&link);
            Ok(Box::new(link) as Box<dyn mainstay::durable::Link>)
        };
        let durable = Durable { journal: Box::new(recorder), past, now: (now, monotonic) };
        let tree = tree.keeper(identity(&self.settings), open).durable(durable).history(HISTORY);
        Ok(tree.start()?)
    }
}

/// Events kept for readers that come later or are slow.
const HISTORY: usize = 16_384;
/// How long a keeper may take to say who it is.
const GREETING: Duration = Duration::from_secs(5);

/// Returns an error with all its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

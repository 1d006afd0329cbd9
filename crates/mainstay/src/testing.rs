//! A scripted world with virtual time, in which you prove what *your* tree does.
//!
//! A [`World`] takes the declaration that your program uses, runs none of its code, and lets the very
//! core that supervises it decide. A [`Script`] says what becomes of the runs of a child; hours pass
//! in milliseconds, and the same test gives the same transcript on every machine. It needs no runtime,
//! no threads and no patience.
//!
//! This is a claim about a tree: *web is tried eleven times, then left alone for a minute, then tried
//! once more; the people on call are woken once; and nobody else notices.*
//!
//! ```
//! use mainstay::testing::{Script, World, hours, minutes, secs};
//! use mainstay::{Context, Standing, Tree, task, tree};
//!
//! // What the program itself starts.
//! async fn web(cx: Context) { /* .. */ }
//! async fn db(cx: Context) { cx.stopped().await }
//! fn my_tree() -> Tree {
//!     tree().child(task("db", db)).child(task("web", web).needs("db").optional())
//! }
//!
//! // What the test says about it.
//! let mut world = World::new(my_tree())?;
//! world.script("web", Script::dies_after(secs(3)));
//!
//! assert!(world.run_until(minutes(10), |world| world.counts().openings == 1));
//! assert_eq!(world.starts("web"), 11);
//!
//! world.run_for(secs(59));
//! assert_eq!(world.starts("web"), 11, "it cools down");
//! world.run_for(secs(2));
//! assert_eq!(world.starts("web"), 12, "it is tried once more");
//!
//! world.run_for(hours(2));
//! assert_eq!(world.counts().alerts, 1, "nobody is woken twice");
//! assert_eq!(world.starts("db"), 1);
//! assert_eq!(world.standing("db"), Standing::Ready);
//! # Ok::<(), mainstay::SpecError>(())
//! ```
//!
//! # What a run does
//!
//! Unless its script says otherwise a run starts at once, is ready at once, sends its heartbeats, has
//! no work pending, lives until it is asked to end, and then ends at once. A [`Run`] says one thing
//! that differs; [`and`](Run::and) joins several:
//!
//! ```
//! use mainstay::testing::{Run, Script, World, minutes, secs};
//! # use mainstay::{Context, child, task, tree};
//! # async fn cache(cx: Context) {}
//! # let declaration = tree().child(task("cache", cache).ready_within(secs(30)).heartbeat(secs(5), 2));
//!
//! let mut world = World::new(declaration)?;
//! world.script("cache", Script::each([
//!     Run::fails_after(secs(2)).saying("connection refused"),
//!     Run::ready_after(secs(20)).and(Run::silent_after(minutes(1))).and(Run::ignores_stop()),
//!     Run::lives(), // The last one repeats.
//! ]));
//! world.run_for(minutes(5));
//! assert_eq!(world.starts("cache"), 3);
//! println!("{}\n{}", world.transcript(), world.explain("cache"));
//! # Ok::<(), mainstay::SpecError>(())
//! ```
//!
//! # What is fixed, and what is not there
//!
//! Delays are spread by the tree's own [`seed`](Tree::seed); a tree without one always gets the same
//! one here. Where nothing is said about [`start_concurrency`](Tree::start_concurrency) it is that of
//! a machine with two cores. As in a program, the run of a [`blocking`](crate::blocking()) child
//! cannot be ended by force.
//!
//! Hooks, `tracing`, watchdogs and the user's code are not there. Children of a
//! [`pool`](crate::pool()) are added without an argument, for nobody would read it. Runs that start
//! others, ask for more time or for their own recycling are not scripted.

mod near;
mod operator;
mod puppets;
mod script;
mod transcript;

use crate::build::SpecError;
use crate::counts::Counts;
use crate::declare::Tree;
use crate::events::Record;
use crate::handle::Target;
use crate::report::Report;
use crate::view::{Beside, View};
use mainstay_core::spec::TreeSpec;
use mainstay_core::spec::defaults::Profile;
use mainstay_core::{
    ChildId, Effects, Event, Exit, Explanation, Health, Input, Moment, Path, Reply, Standing,
    Tree as CoreTree,
};
pub use operator::Operator;
use puppets::Puppets;
pub use script::{Run, Script};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The seed of a tree that states none.
const SEED: u64 = 1;

/// What a machine with two cores would allow.
const START_CONCURRENCY: u32 = 8;

/// More inputs than this at one moment, and a few for each child, are a circle: time would never go on.
const MOST_AT_ONCE: usize = 100_000;

/// Returns so many milliseconds.
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Returns so many seconds.
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Returns so many minutes.
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// Returns so many hours.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

/// Returns what is known of a child of a bare tree, for tests of what is made of it.
pub fn view(tree: &CoreTree, child: ChildId) -> Option<View> {
    tree.child(child).map(|child| View::of(tree, child, &Beside::default()))
}

/// A tree in virtual time, with scripted children. See the [module](self) for the whole idea.
///
/// The tree begins when time first passes, or with the first command; scripts come before that.
/// Whatever is due at the present moment has happened when a method returns.
///
/// # Panics
///
/// A test that names a child which is not there is wrong: every method that takes a path panics then,
/// and names the near ones. Commands alone get the answer an operator would get. A tree that restarts
/// something for ever without any delay never gets on: that panics too, and names the child.
pub struct World {
    tree: CoreTree,
    /// Whose defaults hold for what is added later.
    profile: Profile,
    puppets: Puppets,
    is_booted: bool,
    now: Moment,
    /// How much has happened at this moment.
    at_once: usize,
    records: Vec<Record>,
    counts: Counts,
    /// Of every child there ever was.
    names: BTreeMap<ChildId, Path>,
    out: Effects,
}

impl World {
    /// Makes a world of a declaration.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the declaration, at once.
    pub fn new(tree: Tree) -> Result<Self, SpecError> {
        let profile = tree.whole.profile;
        let tree = CoreTree::new(&repeatable(tree)?);
        let mut world = Self {
            tree,
            profile,
            puppets: Puppets::default(),
            is_booted: false,
            now: Moment::ZERO,
            at_once: 0,
            records: Vec::new(),
            counts: Counts::default(),
            names: BTreeMap::new(),
            out: Effects::new(),
        };
        let ids: Vec<ChildId> = world.tree.children().map(|child| child.id).collect();
        ids.into_iter().for_each(|id| world.learn(id));
        Ok(world)
    }

    /// Says what becomes of the runs of a child, from its next run on.
    ///
    /// `jobs/*` speaks of every child below `jobs` that has no script of its own, `*` of those below
    /// the root: for replicas, and for children that are added later.
    #[track_caller]
    pub fn script(&mut self, target: impl Into<Target>, script: impl Into<Script>) -> &mut Self {
        let path = place(target);
        match path.split_last() {
            Some((above, "*")) => {
                self.id(&above);
                self.puppets.script_all(above, script.into());
            }
            Some(_) | None => {
                let id = self.id(&path);
                let is_supervisor = self.tree.child(id).is_some_and(|child| child.group.is_some());
                assert!(!is_supervisor, "`{path}` is a supervisor: script the children below it");
                self.puppets.script(path, script.into());
            }
        }
        self
    }

    /// Lets time pass.
    #[track_caller]
    pub fn run_for(&mut self, span: Duration) -> &mut Self {
        self.pass(self.now + span, |_| false);
        self
    }

    /// Lets time pass until something holds, at most for so long. Returns whether it came to hold.
    ///
    /// It is looked at after every input, so nothing is missed however short it lasts.
    #[must_use]
    #[track_caller]
    pub fn run_until(&mut self, most: Duration, holds: impl FnMut(&Self) -> bool) -> bool {
        self.pass(self.now + most, holds)
    }

    /// Goes on to the next moment at which something is due, and lets all of it happen. Returns that
    /// moment; `None` when nothing will ever happen by itself.
    #[track_caller]
    pub fn step(&mut self) -> Option<Moment> {
        self.boot();
        let next = self.next()?;
        self.pass(next, |_| false);
        Some(next)
    }

    /// Lets the present run of a child end now, so. An abandoned run is found gone.
    #[track_caller]
    pub fn exit_now(&mut self, target: impl Into<Target>, exit: Exit) -> &mut Self {
        self.boot();
        let path = place(target);
        let child = self.id(&path);
        let life = self.tree.child(child).and_then(|found| found.life().copied());
        let Some(life) = life.filter(|_| !self.is_supervisor(child)) else {
            panic!("`{path}` has no run that could end: it {}", self.standing(&path))
        };
        self.puppets.gone(child, life.run);
        self.take(Input::Exited { child, run: life.run, exit, detail: None });
        self.settle();
        self
    }

    /// Says that somebody wants to use an on-demand child.
    #[track_caller]
    pub fn demand(&mut self, target: impl Into<Target>) -> &mut Self {
        self.boot();
        let child = self.id(&place(target));
        self.take(Input::Demand(child));
        self.settle();
        self
    }

    /// Says who commands; see [`Operator`].
    pub fn by(&mut self, who: impl Into<std::sync::Arc<str>>) -> Operator<'_> {
        Operator::new(self, who.into())
    }

    /// Returns the present moment; the tree began at zero.
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// Returns how often a child has been started.
    #[track_caller]
    pub fn starts(&self, target: impl Into<Target>) -> u64 {
        self.child(target).runs
    }

    /// Returns what a child is doing, in one word.
    #[track_caller]
    pub fn standing(&self, target: impl Into<Target>) -> Standing {
        self.child(target).standing
    }

    /// Returns one child, as [`Handle::child`](crate::Handle::child) would.
    #[track_caller]
    pub fn child(&self, target: impl Into<Target>) -> View {
        let id = self.id(&place(target));
        let child = self.tree.child(id).expect("it has just been found");
        View::of(&self.tree, child, &Beside::default())
    }

    /// Returns why a child does what it does: print it, or read its parts.
    #[track_caller]
    pub fn explain(&self, target: impl Into<Target>) -> Explanation {
        let id = self.id(&place(target));
        self.tree.explain(id).expect("it has just been found")
    }

    /// Returns how the tree is.
    pub fn health(&self) -> Health {
        self.tree.health()
    }

    /// Returns what has happened so far, in numbers.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns everything that has happened so far, oldest first.
    pub fn events(&self) -> &[Record] {
        &self.records
    }

    /// Returns what has happened to one child; also to one that has left the tree.
    #[track_caller]
    pub fn events_of(&self, target: impl Into<Target>) -> impl Iterator<Item = &Record> {
        let path = self.known(place(target));
        self.records.iter().filter(move |record| record.path == path)
    }

    /// Returns whether the tree has ended.
    pub fn has_ended(&self) -> bool {
        self.tree.has_ended()
    }

    /// Returns the report of the end, once there is one.
    pub fn report(&self) -> Option<Report> {
        self.has_ended().then(|| Report::of(&self.tree, []))
    }

    /// Returns everything that has happened so far as text: a line for each event, in columns of fixed
    /// width that hold the moment, the child, its run and the fact.
    pub fn transcript(&self) -> String {
        transcript::write(self, |_| true)
    }

    /// Returns the lines of the transcript that are about one child.
    #[track_caller]
    pub fn transcript_of(&self, target: impl Into<Target>) -> String {
        let path = self.known(place(target));
        transcript::write(self, |record| record.path == path)
    }

    /// Lets time pass up to `until`, or until something holds.
    #[track_caller]
    fn pass(&mut self, until: Moment, mut holds: impl FnMut(&Self) -> bool) -> bool {
        self.boot();
        loop {
            if holds(self) {
                return true;
            }
            let Some(next) = self.next().filter(|next| *next <= until) else { break };
            self.go_to(next);
            self.one();
        }
        self.go_to(until);
        // What is explained then is explained as of now.
        self.take(Input::Clock);
        holds(self)
    }

    #[track_caller]
    fn boot(&mut self) {
        if !std::mem::replace(&mut self.is_booted, true) {
            self.take(Input::Boot);
            self.settle();
        }
    }

    fn go_to(&mut self, moment: Moment) {
        if moment > self.now {
            self.now = moment;
            self.at_once = 0;
        }
    }

    /// Lets everything happen that is due now.
    #[track_caller]
    fn settle(&mut self) {
        while self.next().is_some_and(|next| next <= self.now) {
            self.one();
        }
    }

    fn next(&self) -> Option<Moment> {
        let deadline = self.tree.deadline().map(|(at, _)| at);
        deadline.into_iter().chain(self.puppets.next()).min()
    }

    /// Hands in one input that is due: what a run does now, or else that time has passed.
    #[track_caller]
    fn one(&mut self) {
        let input = self.puppets.take(self.now).unwrap_or(Input::Clock);
        self.take(input);
    }

    /// Hands in one input. Returns the answer where it was a command.
    #[track_caller]
    fn take(&mut self, input: Input) -> Option<Reply> {
        self.at_once += 1;
        if self.at_once > MOST_AT_ONCE + 20 * self.names.len() {
            let last = self.records.last().map_or_else(Path::root, |record| record.path.clone());
            panic!(
                "time stands still at {}: `{last}` is started again and again without any delay",
                self.now
            );
        }
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        self.tree.handle(self.now, input, &mut out);
        for event in out.events.drain(..) {
            self.record(event);
        }
        for effect in out.effects.drain(..) {
            self.puppets.perform(&self.tree, self.now, effect);
        }
        let reply = out.replies.pop();
        self.out = out;
        reply
    }

    fn record(&mut self, event: Event) {
        if let Event::Added { child, .. } = event {
            self.learn(child);
        }
        self.counts.count(&event);
        let path = if let Event::Refused { target, .. } = &event {
            target.clone()
        } else {
            self.path(event.child().unwrap_or(ChildId::ROOT))
        };
        let seq = self.records.len() as u64 + 1;
        self.records.push(Record { seq, at: self.now, path, event });
    }

    /// Remembers the name of a child and of all below it, for when it has left the tree.
    fn learn(&mut self, id: ChildId) {
        if let Some(path) = self.tree.path(id) {
            self.names.insert(id, path);
        }
        let below: Vec<ChildId> = self.tree.children_of(id).map(|child| child.id).collect();
        below.into_iter().for_each(|child| self.learn(child));
    }

    fn path(&self, id: ChildId) -> Path {
        self.names.get(&id).cloned().unwrap_or_else(Path::root)
    }

    fn is_supervisor(&self, id: ChildId) -> bool {
        self.tree.child(id).is_some_and(|child| child.group.is_some())
    }

    #[track_caller]
    fn id(&self, path: &Path) -> ChildId {
        match self.tree.find(path) {
            Some(id) => id,
            None => panic!("{}", self.nobody(path)),
        }
    }

    /// Returns the path if there is, or ever was, such a child.
    #[track_caller]
    fn known(&self, path: Path) -> Path {
        assert!(self.names.values().any(|known| *known == path), "{}", self.nobody(&path));
        path
    }

    fn nobody(&self, path: &Path) -> String {
        near::nobody(path, self.names.values())
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World(at {}, {} events)", self.now, self.records.len())
    }
}

/// Returns the spec of a declaration, the same on every machine and in every run.
fn repeatable(tree: Tree) -> Result<TreeSpec, SpecError> {
    // A tree that states no seed draws another one each time it is asked.
    let (again, _) = tree.clone().spec()?;
    let (mut spec, _) = tree.spec()?;
    if spec.seed != again.seed {
        spec.seed = SEED;
    }
    spec.start_concurrency = START_CONCURRENCY;
    Ok(spec)
}

#[track_caller]
fn place(target: impl Into<Target>) -> Path {
    match target.into().path() {
        Ok(path) => path,
        Err(error) => panic!("{error}"),
    }
}

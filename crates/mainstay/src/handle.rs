//! A handle to a running tree: it looks, asks and waits, and owns nothing.

use crate::command::{CommandError, Operator};
#[cfg(feature = "process")]
use crate::console::{Console, ConsoleError, ConsoleMode, Join};
use crate::counts::Counts;
use crate::events::{Events, Recorder};
use crate::inbox::Request;
use crate::measure::Measure;
use crate::report::Report;
use crate::shared::Shared;
use crate::tally::Tally;
use crate::view::{View, Views, Watching};
use mainstay_core::command::Step;
use mainstay_core::{
    ChildId, Explanation, Health, Moment, Overall, Path, Refusal, Standing, Tree, Verb,
};
use std::fmt;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Reaches a running tree. Clones are cheap, and none of them keeps the tree running.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nobody of that name.
    #[error("there is no child {path}")]
    Unknown {
        /// What was asked for.
        path: Path,
    },
    /// A reference to a declaration that is in no running tree.
    #[error("the reference to `{name}` is of a child that is in no tree")]
    Unplaced {
        /// Its name.
        name: Arc<str>,
    },
    /// The tree has ended; its report says how.
    #[error("the tree has ended")]
    Ended,
}

impl Handle {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// Says who asks; every command names that, and why.
    ///
    /// ```no_run
    /// # async fn example(handle: mainstay::Handle) -> Result<(), mainstay::CommandError> {
    /// handle.by("alice").restart("web", "new certificate").await?;
    /// # Ok(()) }
    /// ```
    pub fn by(&self, who: impl Into<Arc<str>>) -> Operator {
        Operator::new(&self.shared, who.into())
    }

    /// Returns every child but the root, supervisors before their children, in the order of starts.
    ///
    /// # Errors
    ///
    /// When the tree has ended.
    pub async fn status(&self) -> Result<Vec<View>, AskError> {
        self.read(|tree, views| {
            let mut found = Vec::new();
            below(tree, views, ChildId::ROOT, &mut found);
            found
        })
        .await
    }

    /// Returns one child; the empty path is the root.
    ///
    /// # Errors
    ///
    /// When there is no such child, or the tree has ended.
    pub async fn child(&self, target: impl Into<Target>) -> Result<View, AskError> {
        let path = target.into().path()?;
        let asked = path.clone();
        let view = self.read(move |tree, views| {
            let child = tree.find(&asked).and_then(|id| tree.child(id))?;
            Some(View::of(tree, child, &views.beside))
        });
        view.await?.ok_or(AskError::Unknown { path })
    }

    /// Returns why a child does what it does: print it, or read its parts.
    ///
    /// # Errors
    ///
    /// When there is no such child, or the tree has ended.
    pub async fn explain(&self, target: impl Into<Target>) -> Result<Explanation, AskError> {
        let path = target.into().path()?;
        let asked = path.clone();
        let explained = self.read(move |tree, _| tree.explain(tree.find(&asked)?));
        explained.await?.ok_or(AskError::Unknown { path })
    }

    /// Returns what commands to a child would do now, in their order: whether each would change anything, or why it
    /// would be refused.
    ///
    /// # Errors
    ///
    /// When there is no such child, or the tree has ended.
    pub async fn would(
        &self,
        target: impl Into<Target>,
        verbs: Vec<Verb>,
    ) -> Result<Vec<Result<bool, Refusal>>, AskError> {
        let path = target.into().path()?;
        let asked = path.clone();
        let foretold = self.read(move |tree, _| {
            let child = tree.find(&asked)?;
            Some(verbs.iter().map(|verb| tree.would(child, verb)).collect())
        });
        foretold.await?.ok_or(AskError::Unknown { path })
    }

    /// Follows one child: its present state at once, then whenever an event about it changed something.
    ///
    /// # Errors
    ///
    /// When there is no such child, or the tree has ended.
    pub async fn watch(&self, target: impl Into<Target>) -> Result<Watch, AskError> {
        let path = target.into().path()?;
        let (tell, answer) = oneshot::channel();
        self.send(Request::Watch(path.clone(), tell)).await?;
        let watching = answer.await.map_err(|_| AskError::Ended)?;
        Ok(Watch { watching: watching.ok_or(AskError::Unknown { path })? })
    }

    /// Waits until a child stands as wished, and returns it. Bound it with `tokio::time::timeout`.
    ///
    /// # Errors
    ///
    /// When there is no such child, it leaves the tree, or the tree ends first.
    pub async fn wait_for(
        &self,
        target: impl Into<Target>,
        standing: Standing,
    ) -> Result<View, AskError> {
        self.wait_until(target, |view| view.standing == standing).await
    }

    /// Waits until something holds of a child. The condition runs here, not in the tree.
    ///
    /// It sees the latest state, not each: what holds only for a moment may be missed. Ask for what stays, as
    /// `view.runs > 1`.
    ///
    /// # Errors
    ///
    /// When there is no such child, it leaves the tree, or the tree ends first.
    pub async fn wait_until(
        &self,
        target: impl Into<Target>,
        mut holds: impl FnMut(&View) -> bool,
    ) -> Result<View, AskError> {
        let path = target.into().path()?;
        let mut watch = self.watch(path.clone()).await?;
        loop {
            match watch.now() {
                Some(view) if holds(&view) => return Ok(view),
                Some(_) => {}
                None => return Err(AskError::Unknown { path }),
            }
            if !watch.changed().await {
                return Err(AskError::Ended);
            }
        }
    }

    /// Says that somebody wants to use an on-demand child: it starts if it rests, and its idle time begins anew.
    ///
    /// # Errors
    ///
    /// When there is no such child, or the tree has ended.
    pub async fn demand(&self, target: impl Into<Target>) -> Result<(), AskError> {
        let path = target.into().path()?;
        let (tell, answer) = oneshot::channel();
        self.send(Request::Demand(path.clone(), tell)).await?;
        let is_known = answer.await.map_err(|_| AskError::Ended)?;
        if is_known { Ok(()) } else { Err(AskError::Unknown { path }) }
    }

    /// Joins the terminal of a child, for as long as the console is kept: over all its runs, and before the first one.
    /// Whoever asks is named to everybody else who is there.
    ///
    /// # Errors
    ///
    /// There is no such child, it has no terminal, too many look on already, or the tree has ended.
    #[cfg(feature = "process")]
    pub async fn console(
        &self,
        target: impl Into<Target>,
        who: impl Into<Arc<str>>,
        mode: ConsoleMode,
    ) -> Result<Console, ConsoleError> {
        let (path, who) = (target.into().path()?, who.into());
        let (tell, answer) = oneshot::channel();
        self.send(Request::Console(Join { path, who, mode, answer: tell })).await?;
        answer.await.map_err(|_| AskError::Ended)?
    }

    /// Waits for the next run that is [talked with](crate::process::Command::talks). A run that nobody takes is held
    /// until the next one of its child begins. Dropping what is waited for loses nothing.
    #[cfg(feature = "process")]
    pub async fn talk(&self) -> crate::process::Talk {
        self.shared.talks.next().await
    }

    /// Returns how the tree is, counted as it changes: asking costs nothing, however large the tree.
    pub fn health(&self) -> Health {
        self.shared.log.health()
    }

    /// Waits until nothing in the tree starts, waits or has failed, and returns its health.
    ///
    /// # Errors
    ///
    /// When the tree ends first.
    pub async fn wait_healthy(&self) -> Result<Health, AskError> {
        // The reader comes first: what happens after the look wakes it.
        let mut events = self.events();
        loop {
            let health = self.health();
            if health.overall == Overall::Serving {
                return Ok(health);
            }
            events.next().await.ok_or(AskError::Ended)?;
        }
    }

    /// Returns the present moment of the tree's clock: what its events and views are stamped with.
    pub fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    /// Returns what [`apply`](Operator::apply) of this declaration would do to which child. Asking changes nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with the declaration, or cannot be changed in a running tree.
    pub async fn plan(&self, mut tree: crate::declare::Tree) -> Result<Vec<Step>, CommandError> {
        let verb = "apply";
        let path = Path::root();
        tree.whole.seed.get_or_insert(self.shared.seed);
        tree.whole.profile = self.shared.profile;
        let (spec, _) = tree.spec().map_err(|source| CommandError::Spec {
            verb,
            path: path.clone(),
            source,
        })?;
        match self.read(move |tree, _| tree.plan(&spec)).await? {
            Ok(plan) => Ok(plan),
            Err(problems) => {
                Err(CommandError::Refused { verb, path, refusal: Refusal::Spec { problems } })
            }
        }
    }

    /// Returns what has happened so far, in exact numbers.
    pub fn counts(&self) -> Counts {
        self.shared.log.counts()
    }

    /// Counts per child from now on, and what is remembered of before: numbers for at most so many children, and for
    /// all others together. The same child is always counted in the same place.
    pub fn tally(&self, most: usize) -> Tally {
        self.shared.log.tally(most)
    }

    /// Returns how every child but the root stands, in numbers, in the order of [`status`](Self::status).
    ///
    /// # Errors
    ///
    /// When the tree has ended.
    pub async fn measures(&self) -> Result<Vec<Measure>, AskError> {
        self.read(|tree, views| {
            let mut found = Vec::new();
            let mut open: Vec<ChildId> = vec![ChildId::ROOT];
            while let Some(child) = open.pop().and_then(|id| tree.child(id)) {
                if child.above.is_some() {
                    found.push(Measure::of(tree, child, &views.beside));
                }
                let from = open.len();
                open.extend(tree.children_of(child.id).map(|below| below.id));
                open[from..].reverse();
            }
            found
        })
        .await
    }

    /// Reads the events that come from now on.
    pub fn events(&self) -> Events {
        self.events_from(self.shared.log.next())
    }

    /// Reads the events from this number on; what is forgotten already is reported as lag.
    pub fn events_from(&self, seq: u64) -> Events {
        Events::new(Arc::clone(&self.shared), seq.max(1))
    }

    /// Keeps the latest events, at most so many, for a test to look at.
    pub fn record(&self, most: usize) -> Recorder {
        Recorder::new(&self.shared.log, most)
    }

    /// Returns whether the tree has not ended yet.
    pub fn is_alive(&self) -> bool {
        self.shared.report.borrow().is_none()
    }

    /// Returns the report of the end, once there is one.
    pub fn report(&self) -> Option<Arc<Report>> {
        self.shared.report.borrow().clone()
    }

    /// Waits for the end. Whoever waits, before or after it, gets the same report.
    pub async fn ended(&self) -> Arc<Report> {
        let mut report = self.shared.report.clone();
        loop {
            if let Some(report) = &*report.borrow_and_update() {
                return Arc::clone(report);
            }
            // The loop tells before it goes, so an error means that the report is there now.
            drop(report.changed().await);
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Tree, &Views) -> T + Send + 'static,
    ) -> Result<T, AskError> {
        let (tell, answer) = oneshot::channel();
        let read = Box::new(move |tree: &Tree, views: &Views| drop(tell.send(read(tree, views))));
        self.send(Request::Read(read)).await?;
        answer.await.map_err(|_| AskError::Ended)
    }

    async fn send(&self, request: Request) -> Result<(), AskError> {
        self.shared.requests.send(request).await.map_err(|_| AskError::Ended)
    }
}

fn below(tree: &Tree, views: &Views, supervisor: ChildId, found: &mut Vec<View>) {
    for child in tree.children_of(supervisor) {
        found.push(View::of(tree, child, &views.beside));
        below(tree, views, child.id, found);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_alive() { "alive" } else { "ended" };
        write!(f, "Handle({state})")
    }
}

/// Follows one child. Made by [`Handle::watch`].
#[derive(Clone, Debug)]
pub struct Watch {
    watching: Watching,
}

impl Watch {
    /// Returns the child as it is; `None` once it has left the tree.
    pub fn now(&mut self) -> Option<View> {
        self.watching.borrow_and_update().clone()
    }

    /// Waits for the next change. Returns false once there will be none.
    pub async fn changed(&mut self) -> bool {
        self.watching.changed().await.is_ok()
    }
}

/// Whom a question or command is about: a path, or a reference kept from the declaration.
#[derive(Clone, Debug)]
pub struct Target(pub(crate) Result<Path, Arc<str>>);

impl Target {
    pub(crate) fn path(self) -> Result<Path, AskError> {
        self.0.map_err(|name| AskError::Unplaced { name })
    }
}

impl From<&str> for Target {
    fn from(path: &str) -> Self {
        Self(Ok(Path::from(path)))
    }
}

impl From<&String> for Target {
    fn from(path: &String) -> Self {
        Self(Ok(Path::from(path.as_str())))
    }
}

impl From<String> for Target {
    fn from(path: String) -> Self {
        Self(Ok(Path::from(path.as_str())))
    }
}

impl From<Path> for Target {
    fn from(path: Path) -> Self {
        Self(Ok(path))
    }
}

impl From<&Path> for Target {
    fn from(path: &Path) -> Self {
        Self(Ok(path.clone()))
    }
}

impl From<AskError> for CommandError {
    fn from(error: AskError) -> Self {
        Self::Target { source: error }
    }
}

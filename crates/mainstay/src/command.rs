//! What operators ask of a tree: each command with who and why, answered within a bound.

use crate::build::SpecError;
use crate::code::Begin;
use crate::declare::{Child, Pool};
use crate::handle::{AskError, Target};
use crate::inbox::{self, Ask};
use crate::shared::Shared;
use mainstay_core::spec::TreeSpec;
use mainstay_core::{Brief, Command, CommandId, Done, Path, Refusal, RunId, Verb};
use std::any::Any;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The loop answers at once; who waits longer than this has met a runtime that stands still.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a command has not been carried out.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The tree refused it; nothing has changed.
    #[error("`{verb} {path}` is refused")]
    Refused {
        /// What was asked.
        verb: &'static str,
        /// For which child.
        path: Path,
        /// Why not.
        #[source]
        refusal: Refusal,
    },
    /// What was to be added cannot be declared so; nothing has changed.
    #[error("`{verb} {path}` is refused")]
    Spec {
        /// What was asked.
        verb: &'static str,
        /// For which child.
        path: Path,
        /// Everything wrong with it.
        #[source]
        source: SpecError,
    },
    /// It is meant for nobody.
    #[error("the command is meant for nobody")]
    Target {
        /// Why.
        #[source]
        source: AskError,
    },
    /// The tree has ended, or ends before the command came up.
    #[error("`{verb} {path}` came too late: the tree has ended")]
    Ended {
        /// What was asked.
        verb: &'static str,
        /// For which child.
        path: Path,
    },
    /// It was not answered in time. It may still be carried out, once its turn comes, unless it was
    /// still waiting to be taken: send it again with the same id to find out.
    #[error("`{verb} {path}` was not answered within {}: the runtime is overloaded or blocked", Brief(*waited))]
    Late {
        /// What was asked.
        verb: &'static str,
        /// For which child.
        path: Path,
        /// For how long it was waited.
        waited: Duration,
    },
}

/// Someone who commands. Made by [`Handle::by`](crate::Handle::by).
///
/// Each method makes a [`Request`] that is sent when it is awaited. Commands are idempotent: the
/// answer says whether anything changed, what the child did before and what it does now.
#[derive(Clone)]
pub struct Operator {
    shared: Arc<Shared>,
    who: Arc<str>,
}

impl Operator {
    pub(crate) fn new(shared: &Arc<Shared>, who: Arc<str>) -> Self {
        Self { shared: Arc::clone(shared), who }
    }

    /// Wants a child up and starts it now, whatever its delay.
    pub fn start(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Start { over: false })
    }

    /// The same, even while its breaker is open or an abandoned run occupies it.
    pub fn start_over(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Start { over: true })
    }

    /// Wants a child down. The answer comes when the stop has begun, not when the run is gone:
    /// [`Handle::wait_for`](crate::Handle::wait_for) waits for that.
    pub fn stop(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Stop)
    }

    /// Stops a child and starts it again, without any charge to its budget.
    pub fn restart(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Restart)
    }

    /// Tells the live run to read its settings again; it hears it by [`Context::reload`](crate::Context::reload).
    pub fn reload(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Reload)
    }

    /// Replaces the live run by a fresh one, without any charge to its budget.
    pub fn recycle(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Recycle)
    }

    /// Suspends automatic starts of a child, or of all below a supervisor. What runs goes on.
    pub fn pause(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Pause { freeze: false })
    }

    /// Pauses it and suspends its processes, whole with all that they have started: no instruction of theirs is
    /// carried out until it is resumed, and no sign of life is waited for. Code within this program goes on.
    #[cfg(feature = "process")]
    pub fn freeze(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Pause { freeze: true })
    }

    /// Ends a pause: what policy would have started is started.
    pub fn resume(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Resume)
    }

    /// Stops a child and refuses its start until it is released.
    pub fn quarantine(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Quarantine)
    }

    /// Ends a quarantine: what is wanted up is started.
    pub fn release(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Release)
    }

    /// Silences an alert. What blocks the child keeps blocking.
    pub fn acknowledge(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Acknowledge)
    }

    /// Closes a breaker and forgets the failures of its child.
    pub fn reset(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Reset { start: false })
    }

    /// The same, and starts the child.
    pub fn reset_and_start(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Reset { start: true })
    }

    /// Stops a child, then removes it, in whatever state it is.
    pub fn remove(&self, target: impl Into<Target>, why: impl Into<Arc<str>>) -> Request {
        self.request(target, why, Verb::Remove)
    }

    /// Adds a child, or a supervisor with all its children, below a supervisor, as its last.
    ///
    /// It stays until it is removed, also when its supervisor is restarted. The empty path is the root.
    pub fn add(
        &self,
        above: impl Into<Target>,
        child: impl Into<crate::declare::Node>,
        why: impl Into<Arc<str>>,
    ) -> Request {
        let above = above.into();
        let built = match &above.0 {
            Ok(path) => crate::build::node(child.into(), path, self.shared.profile),
            Err(_) => Err(SpecError::empty()),
        };
        match built {
            Ok((name, spec)) => self.request(above, why, Verb::Add { name, spec: Some(spec) }),
            Err(error) => self.unfit(above, "add", why, error),
        }
    }

    /// Adds a child to a pool: its template, run with these arguments.
    pub fn add_to<A: Clone + Send + Sync + 'static>(
        &self,
        pool: &Pool<A>,
        name: impl Into<Arc<str>>,
        with: A,
        why: impl Into<Arc<str>>,
    ) -> Request {
        let mut request = self.request(pool, why, Verb::Add { name: name.into(), spec: None });
        let code: Arc<dyn Begin> = pool.bind(with);
        request.made_of = Some(Box::new(code));
        request
    }

    /// Gives a child another spec. A live run that has to be replaced for it is.
    ///
    /// The child keeps its name, whatever the new declaration is called.
    pub fn replace(
        &self,
        target: impl Into<Target>,
        mut child: Child,
        why: impl Into<Arc<str>>,
    ) -> Request {
        let target = target.into();
        let place = target.0.as_ref().ok().and_then(Path::split_last);
        let (above, name) = place.unwrap_or_else(|| (Path::root(), "child"));
        child.words.name = name.into();
        match crate::build::node(child.into(), &above, self.shared.profile) {
            Ok((_, spec)) => self.request(target, why, Verb::Replace(spec)),
            Err(error) => self.unfit(target, "replace", why, error),
        }
    }

    /// Gives the whole tree another declaration: what is new is added, what is gone is removed, what has
    /// changed is replaced, the rest goes on. Whole or not at all.
    ///
    /// A child's code is the same only if it is the very same closure object, so declare both trees from
    /// the same [`Child`] values (they are cheap to clone) where a run is to go on.
    ///
    /// What concerns the program around the tree stays as it was started: `history`, `watchdog`, `on_event`.
    pub fn apply(&self, mut tree: crate::declare::Tree, why: impl Into<Arc<str>>) -> Request {
        // A seed that nobody stated is no change.
        tree.whole.seed.get_or_insert(self.shared.seed);
        tree.whole.profile = self.shared.profile;
        match tree.spec() {
            Ok((spec, _)) => {
                self.request(Path::root(), why, Verb::Apply(Arc::<TreeSpec>::new(spec)))
            }
            Err(error) => self.unfit(Target::from(Path::root()), "apply", why, error),
        }
    }

    /// Ends the tree in order. Again: skips to force. A third time: ends at once.
    ///
    /// It has a way in of its own, so it is heard however many other commands wait.
    pub fn drain(&self, why: impl Into<Arc<str>>) -> Request {
        self.request(Path::root(), why, Verb::Drain)
    }

    fn request(&self, target: impl Into<Target>, why: impl Into<Arc<str>>, verb: Verb) -> Request {
        let (target, problem) = match target.into().path() {
            Ok(path) => (path, None),
            Err(error) => (Path::root(), Some(CommandError::from(error))),
        };
        let command = Command {
            id: CommandId(0),
            who: Arc::clone(&self.who),
            why: why.into(),
            target,
            if_run: None,
            if_revision: None,
            verb,
        };
        Request {
            shared: Arc::clone(&self.shared),
            command,
            made_of: None,
            within: PATIENCE,
            problem,
        }
    }

    fn unfit(
        &self,
        target: Target,
        verb: &'static str,
        why: impl Into<Arc<str>>,
        source: SpecError,
    ) -> Request {
        let mut request = self.request(target, why, Verb::Start { over: false });
        let path = request.command.target.clone();
        request.problem.get_or_insert(CommandError::Spec { verb, path, source });
        request
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operator({})", self.who)
    }
}

/// One command, sent when it is awaited.
#[must_use = "a command is sent when it is awaited"]
pub struct Request {
    shared: Arc<Shared>,
    command: Command,
    made_of: Option<Box<dyn Any + Send>>,
    within: Duration,
    problem: Option<CommandError>,
}

impl Request {
    /// Names the command: sent twice by the same author with the same id it has one effect, and the same answer.
    pub const fn id(mut self, id: u128) -> Self {
        self.command.id = CommandId(id);
        self
    }

    /// Carries it out only if this is the child's present run.
    pub const fn if_run(mut self, run: RunId) -> Self {
        self.command.if_run = Some(run);
        self
    }

    /// Carries it out only if this is the present revision of the child's spec.
    pub const fn if_revision(mut self, revision: u32) -> Self {
        self.command.if_revision = Some(revision);
        self
    }

    /// Waits no longer than this for the answer; otherwise five seconds.
    pub const fn within(mut self, wait: Duration) -> Self {
        self.within = wait;
        self
    }

    /// Sends a drain without waiting for its answer.
    pub(crate) fn post(self) {
        let (answer, _) = oneshot::channel();
        // A full lane ends the tree already.
        let _ = self.shared.inbox.drain(Ask { command: self.command, answer });
    }

    async fn send(self) -> Result<Done, CommandError> {
        let Self { shared, command, made_of, within, problem } = self;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let (verb, path) = (command.verb.word(), command.target.clone());
        let (answer, done) = oneshot::channel();
        let is_drain = command.verb == Verb::Drain;
        let ask = Ask { command, answer };
        let exchange = async {
            if is_drain {
                if !shared.inbox.drain(ask) && shared.report.borrow().is_none() {
                    // The end is being hurried as much as it can be.
                    return Ok(Err(Refusal::Draining));
                }
            } else {
                let request = inbox::Request::Command(ask, made_of);
                drop(shared.requests.send(request).await);
            }
            done.await
        };
        match tokio::time::timeout(within, exchange).await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(refusal))) => Err(CommandError::Refused { verb, path, refusal }),
            Ok(Err(_)) => Err(CommandError::Ended { verb, path }),
            Err(_) => Err(CommandError::Late { verb, path, waited: within }),
        }
    }
}

impl IntoFuture for Request {
    type Output = Result<Done, CommandError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("command", &self.command).finish_non_exhaustive()
    }
}

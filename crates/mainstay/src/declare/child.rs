//! Children that run the user's code: tasks and blocking functions.

use super::policy::{Words, policy_setters};
use super::reference::Reference;
use crate::code::{Code, Theirs};
use crate::context::Context;
use crate::end::End;
use mainstay_core::Path;
use mainstay_core::policy::backoff::{Jitter, Shape};
use mainstay_core::policy::breaker::Cooldown;
use mainstay_core::policy::budget::{Limit, Scope};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::{
    Activation, Criticality, Grace, Heartbeat, Kind, Liveness, Need as CoreNeed, OnExhausted,
    OnRestart, Overlap, Preset, Ready, Strategy, Until,
};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Declares an async task: `make` is called in the child's own task for every run.
///
/// An async function or closure keeps its context to its end, even one without a name: a stop then waits
/// until it listens or its grace is over. `|_| async { .. }` holds none and is ended at once.
///
/// ```
/// use mainstay::{BoxError, Context, task};
///
/// async fn serve(cx: Context) -> Result<(), BoxError> {
///     cx.stopped().await;
///     Ok(())
/// }
/// let by_name = task("web", serve);
/// let by_closure = task("clock", |_| async { tokio::time::sleep(std::time::Duration::from_secs(1)).await });
/// # let _ = (by_name, by_closure);
/// ```
pub fn task<F, Fut>(name: &str, make: F) -> Child
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: End> + Send + 'static,
{
    child(name).task(make)
}

/// Declares a function that blocks: each run has a thread of its own, named after the child.
///
/// It hears a stop by [`Context::is_stopping`] and [`Context::stopped_within`]. One that does not
/// listen cannot be ended: it is abandoned after its grace, and named.
pub fn blocking<F, T>(name: &str, work: F) -> Child
where
    F: Fn(Context) -> T + Send + Sync + 'static,
    T: End,
{
    child(name).blocking(work)
}

/// Declares a service: cloned for every run, in the child's own task.
pub fn service<S: Service>(name: &str, service: S) -> Child {
    child(name).service(service)
}

/// Begins a declaration that says more than code: `child("web").state(pool).task(async |pool, cx| ..)`.
pub fn child(name: &str) -> Named {
    Named { name: name.into() }
}

/// A child that still lacks its code. Made by [`child`].
#[derive(Clone, Debug)]
pub struct Named {
    name: String,
}

/// A child with state for its runs, that still lacks its code. Made by [`Named::state`].
#[derive(Clone, Debug)]
pub struct Stateful<S> {
    name: String,
    state: S,
}

/// Something that runs as a child, with its state in it.
///
/// ```
/// use mainstay::{BoxError, Context, Service};
///
/// #[derive(Clone)]
/// struct Web { port: u16 }
///
/// impl Service for Web {
///     type End = Result<(), BoxError>;
///     async fn run(self, cx: Context) -> Self::End {
///         cx.stopped().await;
///         Ok(())
///     }
/// }
/// let web = mainstay::service("web", Web { port: 80 });
/// # let _ = web;
/// ```
pub trait Service: Clone + Send + Sync + 'static {
    /// What a run ends with.
    type End: End;

    /// Lives one run. `self` is a clone made for it.
    fn run(self, cx: Context) -> impl Future<Output = Self::End> + Send + 'static;
}

impl Named {
    /// Gives every run a clone of `state`, made in the child's own task.
    pub fn state<S: Clone + Send + Sync + 'static>(self, state: S) -> Stateful<S> {
        Stateful { name: self.name, state }
    }

    /// See [`task`].
    pub fn task<F, Fut>(self, make: F) -> Child
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: End> + Send + 'static,
    {
        Child::new(&self.name, Kind::Task, Code::task(make))
    }

    /// See [`blocking`](blocking()).
    pub fn blocking<F, T>(self, work: F) -> Child
    where
        F: Fn(Context) -> T + Send + Sync + 'static,
        T: End,
    {
        Child::new(&self.name, Kind::Blocking, Code::thread(work))
    }

    /// See [`service`].
    pub fn service<S: Service>(self, service: S) -> Child {
        self.state(service).task(|service: S, cx| service.run(cx))
    }
}

impl<S: Clone + Send + Sync + 'static> Stateful<S> {
    /// Declares an async task whose runs get a clone of the state.
    pub fn task<F, Fut>(self, make: F) -> Child
    where
        F: Fn(S, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: End> + Send + 'static,
    {
        let state = Theirs::new(self.state);
        Child::new(&self.name, Kind::Task, Code::task(move |cx| make(S::clone(&state), cx)))
    }

    /// Declares a blocking function whose runs get a clone of the state.
    pub fn blocking<F, T>(self, work: F) -> Child
    where
        F: Fn(S, Context) -> T + Send + Sync + 'static,
        T: End,
    {
        let state = Theirs::new(self.state);
        let code = Code::thread(move |cx| work(S::clone(&state), cx));
        Child::new(&self.name, Kind::Blocking, code)
    }
}

/// A child as declared: its code and its policy.
///
/// Cloning it is cheap, and both clones are the same code to [`apply`](crate::Operator::apply).
#[derive(Clone, Debug)]
pub struct Child {
    pub(crate) words: Words,
    pub(crate) reference: Option<Reference>,
}

impl Child {
    fn new(name: &str, kind: Kind, code: Code) -> Self {
        let mut words = Words::named(name);
        words.kind = Some(kind);
        words.code = Some(Arc::new(code));
        Self { words, reference: None }
    }

    /// A child that is a state machine.
    pub(crate) fn of_stage(name: &str, code: Code) -> Self {
        Self::new(name, Kind::Stage, code)
    }

    /// Tells its reference where it stands.
    pub(super) fn put_below(&self, above: &Path) {
        if let Some(reference) = &self.reference {
            reference.put(&above.join(&self.words.name));
        }
    }

    /// Gives it another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.words.name = name.into();
        self.reference = None;
        self
    }

    /// Takes from a policy what is not said otherwise.
    ///
    /// Limits that are said later come on top of the policy's; where limits were said before, its own are left out.
    #[must_use]
    pub fn policy(mut self, policy: &super::Policy) -> Self {
        self.words.fill(policy);
        self
    }

    /// Returns a reference, to reach it in the running tree without spelling its path.
    pub fn reference(&mut self) -> Reference {
        let name = &self.words.name;
        self.reference.get_or_insert_with(|| Reference::new(name)).clone()
    }

    /// Makes it start after a sibling: `needs("db")` when that is ready, or more closely by [`need`].
    ///
    /// A sibling without [`ready_within`](Self::ready_within) is ready as soon as it has started.
    #[must_use]
    pub fn needs(mut self, need: impl Into<Need>) -> Self {
        self.words.say().needs.get_or_insert_default().push(need.into().0);
        self
    }

    /// Makes its end count for its supervisor's [`auto_shutdown`](crate::Supervisor::auto_shutdown).
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.words.say().significant = Some(true);
        self
    }

    /// Starts it at the first [`demand`](crate::Handle::demand), and stops it when nobody wanted it for `idle`.
    ///
    /// A sibling's need is no demand: who needs it waits until somebody demands it, and `check` warns of that.
    #[must_use]
    pub fn on_demand(mut self, idle: Option<Duration>) -> Self {
        self.words.say().activation = Some(Activation::OnDemand { idle });
        self
    }

    /// Sets how long a start may take, the call of its factory; otherwise 60 s.
    #[must_use]
    pub fn start_within(mut self, limit: Duration) -> Self {
        self.words.say().start_timeout = Some(limit);
        self
    }

    /// Makes it ready only when it says so by [`Context::ready`], at the latest after this long. Of a process it
    /// bounds what its command says about being ready.
    #[must_use]
    pub fn ready_within(mut self, limit: Duration) -> Self {
        self.words.say().ready.get_or_insert(Ready::Explicit);
        self.words.say().ready_timeout = Some(limit);
        self
    }

    /// Watches its [`Context::beat`]: lost when silent for `every` times `misses`, from being ready on. A process
    /// is asked for it by `WATCHDOG_USEC` and beats by `WATCHDOG=1` on its notify socket.
    #[must_use]
    pub fn heartbeat(mut self, every: Duration, misses: u32) -> Self {
        let heartbeat = Heartbeat { every, misses, startup: None };
        self.liveness().heartbeat = Some(heartbeat);
        self
    }

    /// Watches its [`Context::progress`] while it says that work is [pending](Context::pending).
    #[must_use]
    pub fn progress_within(mut self, limit: Duration) -> Self {
        self.liveness().progress = Some(limit);
        self
    }

    fn liveness(&mut self) -> &mut Liveness {
        self.words.say().liveness.get_or_insert_default()
    }

    /// Replaces a run that has been ready for so long by a fresh one.
    #[must_use]
    pub fn recycle_after(mut self, age: Duration) -> Self {
        self.words.say().recycle = Some(age);
        self
    }

    /// Lets the next run start though an abandoned one may still exist.
    #[must_use]
    pub fn overlap(mut self) -> Self {
        self.words.say().overlap = Some(Overlap::Allow);
        self
    }

    /// Says which siblings its end touches, where this differs from its supervisor's strategy.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.words.say().strategy = Some(strategy);
        self
    }
}

policy_setters!(Child);

/// A sibling that must have come so far before a child starts.
#[derive(Clone, Debug)]
pub struct Need(pub(crate) CoreNeed);

/// Names a sibling that is needed: until it is ready, and whatever becomes of it later.
pub fn need(sibling: &str) -> Need {
    let until = Until::Ready;
    Need(CoreNeed { child: sibling.into(), until, on_restart: OnRestart::Ignore })
}

impl Need {
    /// Is met as soon as the sibling has started.
    #[must_use]
    pub fn started(mut self) -> Self {
        self.0.until = Until::Started;
        self
    }

    /// Is met when the sibling has come to a clean end.
    #[must_use]
    pub fn completed(mut self) -> Self {
        self.0.until = Until::Completed;
        self
    }

    /// Says what happens to the dependent when the sibling's run ends; otherwise nothing.
    #[must_use]
    pub fn on_restart(mut self, then: OnRestart) -> Self {
        self.0.on_restart = then;
        self
    }
}

impl From<&str> for Need {
    fn from(sibling: &str) -> Self {
        need(sibling)
    }
}
